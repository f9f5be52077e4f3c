"""What a test stands on: a daemon with several Client Agents, clients, and the rest of the cluster.

A test gets a `Day`. `t.me` is a participant of the Message Director and plays whatever the game's own
servers are: AI, UberDOG, and ears in the cluster. Clients come in three states:

    t.stranger()   connected, has said nothing
    t.visitor()    has said HELLO
    t.guest()      has logged in: the cluster has let it in

`t.tell(client, ..)` is the cluster that tells a client's Client Agent something, and waits until that
has been done. "Nothing comes" is not waited for: every client knocks at an UberDOG, the bystanders of
../stage.py answer, and a mark is sent to every client; what anybody was to hear of what happened
before, it has heard by then. That is how each test ends: nobody has heard more than was expected, and
nobody was ejected of whom nobody expected it.
"""

import itertools
import re
import time

import fair  # noqa: F401  its classes become known
import stage
from otp import PATIENCE, Mismatch
from protocol import ANONYMOUS, ESTABLISHED, NEW, Protocol, mark
from stage import Park, Stage
from visitor import Visitor
from world import NUMBERS, u32

# UberDOGs: two that are open to everybody, one for those who have logged in.
ENTRANCE, BOOTH, KIOSK = 4701, 4702, 4703
VERSION, SECRET_HASH = "fair-1", 0x0BADCAFE
EVERYBODY = 10  # in `astron` the channel of all clients

# The Client Agents, by what is special about them.
GATES = {
    # Clients may open all interests and move what they own.
    "open": "client: {add_interest: enabled, relocate: true}, tuning: {interest_timeout: 60000}",
    # As configured if nothing is said: interests below what is visible, nothing is moved.
    "usual": "tuning: {interest_timeout: 60000}",
    "closed": "client: {add_interest: disabled}, tuning: {interest_timeout: 60000}",
    "secret": f"client: {{send_hash: false, send_version: false}}, manual_dc_hash: {SECRET_HASH}",
    # Who does not speak in time.
    "beating": "client: {heartbeat_timeout: 2400}",
    "early": "limits: {hello_ms: 300}",
    "login": "limits: {established_ms: 3000}",
    "unanswered": "client: {add_interest: enabled}, tuning: {interest_timeout: 200}",
    # Of which there is little.
    "three": "",
    "reused": "",
    "small": "client: {add_interest: enabled}, tuning: {interest_timeout: 60000},\n"
             "     limits: {interests_max: 2, zones_max: 3, objects_max: 2, granted_max: 2,\n"
             "       post_removes_max: 1}",
    "chatty": "limits: {messages_per_second: 1, message_burst: 40}",
    "bulky": "limits: {bytes_per_second: 1, byte_burst: 4000}",
    "framed": "limits: {frame_bytes_max: 1002}",
    "crowded": "limits: {per_address_max: 2}",
    "slow": "client: {write_buffer_size: 65536, write_timeout_ms: 0}",
    "proxied": "haproxy: true",
}
CHANNELS = {"three": 3, "reused": 1}  # how many channels there are; elsewhere plenty
FIRST_CHANNEL, PLENTY = 1_000_000_000, 10_000


class Gate:
    """A Client Agent of the daemon."""

    def __init__(self, name, number):
        self.name, self.first = name, FIRST_CHANNEL + number * PLENTY
        self.channels = range(self.first, self.first + CHANNELS.get(name, PLENTY))
        self.version, self.dc_hash, self.port = VERSION.encode(), None, None

    def configuration(self):
        more = GATES[self.name]
        return (f"  - {{type: clientagent, bind: \"127.0.0.1:0\", version: {VERSION},\n"
                f"     channels: {{min: {self.channels[0]}, max: {self.channels[-1]}}}"
                + (f",\n     {more}" if more else "") + "}\n")


def configuration(dialect, shards, gates):
    """The text of a configuration."""
    uberdogs = [(ENTRANCE, "Entrance", "true"), (BOOTH, "Booth", "true"), (KIOSK, "Kiosk", "false")]
    uberdogs = ", ".join(f"{{id: {do_id}, class: {dclass}, anonymous: {anonymous}}}"
                         for do_id, dclass, anonymous in uberdogs)
    return (f"general: {{dialect: {dialect}, dc_files: [world.dc, fair.dc]}}\n"
            f"shards: {shards}\nuberdogs: [{uberdogs}]\n"
            "messagedirector: {bind: \"127.0.0.1:0\"}\n"
            f"roles:\n  - {{type: stateserver, control: {stage.CONTROL}}}\n"
            + "".join(gate.configuration() for gate in gates))


class Ground(Park):
    """A running daemon with its Client Agents. `dc_hash`: of its DC files."""

    def __init__(self, daemon, gates, dialect, shards, dc_hash):
        port, self.gates = daemon.port(), {gate.name: gate for gate in gates}
        ports = re.findall(r"client agent\s+127\.0\.0\.1:(\d+)", "".join(daemon.banner))
        for gate, at in zip(gates, ports):
            gate.port, gate.dc_hash = int(at), SECRET_HASH if gate.name == "secret" else dc_hash
        self.daemon, self.protocol, self.tokens = daemon, Protocol(dialect), itertools.count(1)
        super().__init__(port, dialect, shards)
        # Who hears that clients knock, and so what the cluster calls them.
        self.porter = self.connect()
        self.porter.subscribe(ENTRANCE)
        day = Day(self)
        day.settle(self.porter)
        day.end()


class Day(Stage):
    """One test's view of the ground."""

    def __init__(self, ground):
        self.ground, self.clients = ground, []
        super().__init__(ground)

    def end(self):
        for client in self.clients:
            client.vanishes()
        super().end()

    def gate(self, name):
        return self.ground.gates[name]

    # Clients come.

    def stranger(self, gate="open", opening=b""):
        """A client that is connected and has said nothing."""
        client = Visitor(self.gate(gate), self.ground.protocol, opening)
        self.clients.append(client)
        return client

    def visitor(self, gate="open", opening=b""):
        """A client that has said HELLO, and its channel."""
        client = self.stranger(gate, opening)
        client.hello()
        client.expect(client.word("HelloResp"))
        client.state = ANONYMOUS
        client.channel = self.knocks(client)
        return client

    def guest(self, gate="open", opening=b""):
        """A client that has logged in: an UberDOG has said so."""
        client = self.visitor(gate, opening)
        self.set_state(client, ESTABLISHED)
        return client

    def guests(self, count, gate="open"):
        return [self.guest(gate) for _ in range(count)]

    def set_state(self, client, state):
        self.tell(client, "SetState", state=state)
        client.state = state

    def knocks(self, client):
        """A client says something at the entrance; all it has said before has been judged. Its sender."""
        value, deadline = u32(next(self.ground.tokens)), time.monotonic() + PATIENCE
        client.update(ENTRANCE, "knock", value)
        while time.monotonic() < deadline:
            heard = self.ground.porter.hear(0.2)
            if heard and heard.name == "UpdateField" and heard.args["value"] == value:
                return heard.sender
            client.must_be_there()
        raise Mismatch("a client knocks, and is not heard")

    # The cluster speaks of clients.

    def tell(self, client, name, sender=None, **args):
        """The cluster says something to the Client Agent of a client, and that is done."""
        self.send(client.channel, name, sender, **args)
        self.await_mark(client)

    def await_mark(self, *clients):
        """What the cluster has said to these clients so far has come to them."""
        for client in clients:
            client.token = next(self.ground.tokens)
            self.send(client.channel, "SendDatagram", datagram=mark(client.token))
        for client in clients:
            client.expect_mark(client.token)

    def open_for(self, client, interest, parent, *zones):
        """The cluster opens an interest for a client."""
        name = "AddInterestMultiple" if self.astron and len(zones) != 1 else "AddInterest"
        self.send(client.channel, name, interest=interest, parent=parent.do_id, zones=list(zones),
                  zone=zones[0] if zones else 0)

    def declare(self, client, thing):
        self.tell(client, "DeclareObject", do_id=thing.do_id, dclass=thing.dclass.number)

    def let_send(self, client, thing, *fields):
        """The cluster lets a client send fields of an object."""
        fields = [NUMBERS[field] for field in fields]
        self.tell(client, "SetFieldsSendable", do_id=thing.do_id, fields=fields)

    def give(self, client, thing):
        """A client becomes the owner of an object, and sees it."""
        self.set_owner(thing, client.channel)
        client.expect(self.owned(thing))

    def leave_word(self, client, channel, word):
        """What is said to a channel when the client is gone."""
        message = self.d.encode("UpdateField", do_id=0, field=0, value=word)
        self.tell(client, "AddPostRemove", message=self.me.datagram(channel, message))

    def goes(self, client, how=None):
        """A client goes (vanishes, if nothing else is said), and all that comes of that has come: the
        last word that was left with it has been said."""
        channel = self.channel()
        self.listen(channel)
        self.leave_word(client, channel, b"gone")
        (how or client.vanishes)()
        self.me.expect_nothing_before(lambda heard: heard.to == (channel,))
        self.settle()

    def word_left(self, channel, word):
        """What was left with a client, as it is said."""
        return self.dg(channel, self.me.channel, "UpdateField", do_id=0, field=0, value=word)

    def listen(self, *channels, by=None):
        """Somebody of the cluster hears these channels from now on, wherever it is said."""
        (by or self.me).subscribe(*channels)
        self.settle(by, 1)

    # A world to look at.

    def meadow(self):
        """A parent."""
        return self.new("Meadow")

    def ride(self, parent, zone, **values):
        """Something to be seen there."""
        return self.new("Ride", parent.do_id, zone, **values)

    def goes_to(self, thing, parent, zone):
        """The cluster moves an object."""
        self.move(thing, getattr(parent, "do_id", parent), zone)

    # What clients should hear.

    def word(self, name, **args):
        return self.clients[0].word(name, **args)

    def done(self, interest, context=0):
        return self.word("Done", interest=interest, context=context)

    def seen(self, thing):
        """An object enters, with the fields that are for clients."""
        return self._enters(thing, "Enter", thing.has_ram(), "broadcast", "clrecv")

    def owned(self, thing):
        """An object enters as the client's own."""
        other = thing.has_ram() or not self.astron
        return self._enters(thing, "EnterOwner", other, "broadcast", "clrecv", "ownrecv")

    def _enters(self, thing, name, other, *keywords):
        sees = lambda field: field.has(*keywords)
        fields = thing.required(sees) + (thing.other(sees) if other else b"")
        return self.word(name + "Other" * other, parent=thing.parent, zone=thing.zone,
                         dclass=thing.dclass.number, do_id=thing.do_id, fields=fields)

    def left(self, thing):
        return self.word("Leaving", do_id=thing.do_id)

    def disowned(self, thing):
        """What was the client's own is so no more. In `openotp` it leaves like anything else."""
        return self.word("LeavingOwner" if self.astron else "Leaving", do_id=thing.do_id)

    def at(self, thing):
        """An object is where the test believes it to be."""
        return self.word("Location", do_id=thing.do_id, parent=thing.parent, zone=thing.zone)

    def shown(self, thing, field, value=b""):
        """An update of an object, as clients hear it."""
        do_id = getattr(thing, "do_id", thing)
        return self.word("UpdateField", do_id=do_id, field=NUMBERS[field], value=value)

    def look(self, client, interest, parent, *zones, sees=()):
        """A client opens an interest and sees what is there, and no more."""
        client.opens(interest, parent, *zones, context=interest)
        client.expect_set([self.seen(thing) for thing in sees])
        client.expect(self.done(interest, interest))

    # Nothing comes.

    def settle_all(self):
        """Whatever has been said so far, by anybody, has been heard by all that are to hear of it."""
        for client in self.here(ANONYMOUS):
            self.knocks(client)
        self.settle(rounds=3)
        self.await_mark(*self.here(NEW))

    def here(self, state):
        """The clients that are there, have a channel, and have come as far as `state`."""
        return [c for c in self.clients if c.is_open and c.channel and c.state >= state]

    def nothing_comes(self):
        """Neither to a client nor to `me`, of whatever has been said so far."""
        self.settle_all()
        self.me.expect_silence()
        for client in self.clients:
            if client.is_open:
                client.expect_silence()

    def end_in_silence(self):
        self.settle_all()
        super().end_in_silence()
        for client in self.clients:
            if client.is_open:
                client.expect_silence()
