"""What a test of stored objects stands on: a daemon with a database, and questions with answers.

A `Park` is a daemon on a directory of its own; a test may stop or kill it, and everything goes on
with the next one. A `Base` is one test's view of it. As in ../stage.py, "nothing comes" is not
waited for: each shard has bystanders, stored objects of no test, and who writes to all of them and
has their answers knows that all that was sent before is done, and durable.
"""

import itertools

from astron import Astron
from daemon import Daemon
from depot import BY_NUMBER, CLASSES, FIELDS
from dialect import DIALECTS
from openotp import OpenOtp
from otp import Connection, Dg, Mismatch, frame
from world import NUMBERS, u16

CONTROL = 4003  # the database's control channel
LOW, HIGH = 100_000_000, 399_999_999
BYSTANDERS = 12
DIE, KILL = 0x44696521, 0x4B696C6C
MODELS = {"openotp": OpenOtp, "astron": Astron}
INDEXES = ["Keeper.setUser", "Keeper.setPin", "Engine.setGold"]


def only(name):
    """A test for one dialect."""

    def mark(test):
        test.only = name
        return test

    return mark


def database_role(control=CONTROL, low=LOW, high=HIGH, indexes=(), directory="data", backend="", more=""):
    """A database in the list of roles. `backend` and `more`: further keys, `, key: value`."""
    indexes = ", ".join(indexes)
    return (f"  - {{type: database, control: {control}, generate: {{min: {low}, max: {high}}}{more},\n"
            f"     backend: {{type: store, directory: {directory}, indexes: [{indexes}]{backend}}}}}\n")


def configuration(dialect, shards, roles, connect=None):
    """The text of a configuration."""
    upstream = f", connect: 127.0.0.1:{connect}" if connect else ""
    return (f"general: {{dialect: {dialect}, dc_files: [world.dc, depot.dc]}}\n"
            f"shards: {shards}\nmessagedirector: {{bind: 127.0.0.1:0{upstream}}}\n"
            + (f"roles:\n{roles}" if roles else ""))


class Park:
    """A daemon with a database, and the numbers that are still free in it."""

    def __init__(self, kit, dialect, shards, roles=None, folder=None):
        self.kit, self.d, self.shards = kit, DIALECTS[dialect], shards
        self.channels, self.contexts = itertools.count(1_600_000_001), itertools.count(8_000_001)
        roles = database_role(indexes=INDEXES) if roles is None else roles
        config = configuration(dialect, shards, roles)
        self.daemon = Daemon(kit.binary, config, kit.dc_files, folder)
        self.bystanders, self.writes = [], itertools.count(1)

    def connect(self):
        return Connection(self.daemon.port(), self.d, next(self.channels))

    def stop(self):
        wrong = self.daemon.stop()
        if wrong:
            raise Mismatch("\n".join(wrong) + "\n" + self.daemon.log_tail())

    def remove(self):
        self.daemon.remove()


class Kit:
    """What daemons are made of: the program and the DC files."""

    def __init__(self, binary, dc_files):
        self.binary, self.dc_files = binary, dc_files


class Base:
    """One test's view of a park."""

    def __init__(self, park):
        self.park, self.d, self.shards = park, park.d, park.shards
        self.connections, self.parks = [], []
        self.me = self.connect()

    @property
    def astron(self):
        return self.d.astron

    def connect(self):
        """Another connection, with a channel of its own."""
        self.connections.append(self.park.connect())
        return self.connections[-1]

    def end(self):
        for connection in self.connections:
            connection.close()
        for park in self.parks:
            park.remove()

    def own(self, roles, shards=None):
        """A park of this test alone, seen through a base of its own."""
        park = Park(self.park.kit, self.d.name, shards or self.shards, roles)
        self.parks.append(park)
        return Base(park)

    def channel(self):
        return next(self.park.channels)

    def context(self):
        return next(self.park.contexts)

    # The end of a process, and the next one.

    def restart(self, kill=False):
        """Ends the daemon, starts it again on the same directory, and connects anew."""
        if kill:
            self.park.daemon.kill()
        else:
            self.park.stop()
        self.start_again()

    def start_again(self):
        """Starts a daemon that has ended, and connects anew."""
        for connection in self.connections:
            connection.close()
        self.connections.clear()
        self.park.daemon.start()
        self.me = self.connect()

    # Asking.

    def send(self, name, by=None, to=CONTROL, sender=None, **args):
        (by or self.me).send(to, name, sender, **args)

    def ask(self, name, by=None, **args):
        """Sends a request with a context of its own, and says what answers it."""
        by, context = by or self.me, self.context()
        self.send(name, by, context=context, **args)
        heard = by.hear()
        if heard is None or heard.args.get("context") != context:
            raise Mismatch(f"{name} was answered by {heard}")
        if heard.sender != CONTROL or heard.to != (by.channel,) or heard.name != name + "Resp":
            raise Mismatch(f"{name} was answered by {heard}")
        return heard.args

    def create(self, dclass, pairs=(), by=None, **values):
        """Creates an object; `pairs` of numbers and values, and values by name."""
        do_id = self.try_create(dclass, pairs, by, **values)
        if do_id == 0:
            raise Mismatch(f"{dclass} was not created")
        return do_id

    def try_create(self, dclass, pairs=(), by=None, **values):
        """The id of a new object, 0 if there is none."""
        pairs = list(pairs) + [(NUMBERS[name], value) for name, value in values.items()]
        number = dclass if isinstance(dclass, int) else CLASSES[dclass].number
        return self.ask("DbCreate", by, dclass=number, count=len(pairs), fields=packed(pairs))["do_id"]

    def update(self, do_id, pairs=(), by=None, sender=None, **values):
        """An update of several fields; nothing answers it."""
        pairs = list(pairs) + [(NUMBERS[name], value) for name, value in values.items()]
        self.send("DbUpdate", by, sender=sender, context=self.context(), do_id=do_id, count=len(pairs),
                  fields=packed(pairs))

    def delete(self, do_id, by=None, verify_code=DIE):
        self.send("DbDelete", by, do_id=do_id, verify_code=verify_code)

    def exchange(self, do_id, name, old, new, by=None):
        """An update-if-equals of one field: the answer."""
        return self.exchange_all(do_id, [(name, old, new)], by)

    def exchange_all(self, do_id, triples, by=None):
        fields = b"".join(u16(NUMBERS.get(name, name)) + old + new for name, old, new in triples)
        return self.ask("DbIfEquals", by, do_id=do_id, count=len(triples), fields=fields)

    def query(self, dclass, *comparisons, by=None):
        """The ids of a class query (`openotp`). A comparison: (op, name, value)."""
        number = dclass if isinstance(dclass, int) else CLASSES[dclass].number
        return self.ask("DbSelectQuery", by, dclass=number, comparisons=compared(comparisons))["do_ids"]

    # What an object is.

    def stored(self, do_id, by=None):
        """(class number, values of the fields that are set by name); `None`: there is no such object.

        In `openotp` required fields are always there, with their defaults if they are not set.
        """
        args = self.ask("DbSelectAll", by, do_id=do_id)
        if self.astron:
            if not args["success"]:
                return None
            number, fields, required = int.from_bytes(args["fields"][:2], "little"), args["fields"][2:], []
        else:
            number, fields = args["dclass"], args["fields"]
            if number == 0xFFFF:
                return None
            required = BY_NUMBER[number].required
        return number, unpacked(required, fields)

    def expect_stored(self, do_id, dclass, by=None, **values):
        """The object has exactly these values (`openotp`: and the defaults of required fields)."""
        expected = dict(values)
        if not self.astron:
            expected = {**{f.name: f.default for f in CLASSES[dclass].required}, **values}
        found = self.stored(do_id, by)
        if found != (CLASSES[dclass].number, expected):
            raise Mismatch(f"{do_id} should be {dclass} {_said(expected)}\n    is {found and _said(found[1])}")

    def expect_none(self, *do_ids):
        """There are no such objects."""
        for do_id in do_ids:
            found = self.stored(do_id)
            if found is not None:
                raise Mismatch(f"{do_id} should not be there; it is {found}")

    def defaults(self, dclass, **values):
        """What an object has that was created with these values."""
        if not self.astron:
            return values
        fields = CLASSES[dclass].fields.values()
        given = {f.name: f.explicit for f in fields if f.has("db") and not f.atoms and f.explicit is not None}
        return {**given, **values}

    # What it says.

    def hear_of(self, *do_ids, by=None):
        """Subscribes what the database says of objects."""
        (by or self.me).subscribe(*[self.d.stored_channel(do_id) for do_id in do_ids])

    def dg(self, to, sender, name, **args):
        return Dg(self.d, to, sender, name, **args)

    def updated(self, do_id, pairs, by=None):
        """What is said of an update by a participant: its fields, ascending."""
        by = self.me.channel if by is None else by
        to, sender = self.d.stored_channel(do_id), by if self.astron else CONTROL
        pairs = sorted((NUMBERS.get(name, name), value) for name, value in pairs)
        if len(pairs) == 1:
            name = "DbUpdateField" if self.astron else "UpdateField"
            return self.dg(to, sender, name, do_id=do_id, field=pairs[0][0], value=pairs[0][1])
        name = "DbUpdate" if self.astron else "UpdateFieldMultiple"
        return self.dg(to, sender, name, do_id=do_id, count=len(pairs), fields=packed(pairs), context=0)

    def deleted(self, do_id, by=None):
        """What is said of a deletion by a participant."""
        by = self.me.channel if by is None else by
        if self.astron:
            return self.dg(self.d.stored_channel(do_id), by, "DbDelete", do_id=do_id)
        return self.dg(do_id, CONTROL, "DeleteRam", do_id=do_id)

    def expect(self, *expected):
        self.me.expect(*expected)

    # Nothing comes.

    def settle(self, by=None, rounds=2):
        """Waits until all that `by` has sent so far is done and durable on every shard."""
        by = by or self.me
        self._make_bystanders()
        for _ in range(rounds):
            context, value = self.context(), text_of(next(self.park.writes))
            question = [self.d.encode("DbIfEquals", context=context, do_id=do_id, count=1,
                                      fields=u16(NUMBERS["setMemo"]) + old + value)
                        for do_id, old in self.park.bystanders]
            by.write(b"".join(frame(by.datagram(CONTROL, message)) for message in question))
            self.park.bystanders = [(do_id, value) for do_id, _ in self.park.bystanders]
            left = len(question)

            def done(heard):
                nonlocal left
                left -= heard.name == "DbIfEqualsResp" and heard.args["context"] == context
                return left == 0

            by.expect_nothing_before(done)
            ours = lambda h: h.name == "DbIfEqualsResp" and h.args["context"] == context
            kept = [heard for heard in by.came if not ours(heard)]
            by.came.clear()
            by.came.extend(kept)

    def _make_bystanders(self):
        if self.park.bystanders:
            return
        by = self.park.connect()
        old = text_of(0)
        for _ in range(BYSTANDERS):
            self.park.bystanders.append((self.create("Keeper", by=by, setMemo=old), old))
        by.close()

    def expect_nothing(self, by=None, rounds=2):
        self.settle(by, rounds)
        (by or self.me).expect_silence()

    def drain(self, by=None):
        self.settle(by)
        (by or self.me).came.clear()

    def end_in_silence(self):
        """The end of every test: nobody has heard more than was expected."""
        for connection in self.connections:
            self.settle(connection)
        for connection in self.connections:
            connection.expect_silence()


def text_of(number):
    said = str(number).encode()
    return u16(len(said)) + said


def packed(pairs):
    """Fields by name or number, and values, as they stand in a message."""
    return b"".join(u16(NUMBERS.get(name, name)) + value for name, value in pairs)


def compared(comparisons):
    """A COMPARISON_QUERY."""
    rows = [bytes([op]) + u16(NUMBERS.get(name, name)) + value for op, name, value in comparisons]
    return u16(len(rows)) + b"".join(rows)


def unpacked(required, bytes_):
    """Values by name: those of required fields, then a count and pairs."""
    values, at = {}, 0
    for field in required:
        end = field.measure(bytes_, at)
        values[field.name], at = bytes_[at:end], end
    count, at = int.from_bytes(bytes_[at : at + 2], "little"), at + 2
    last = -1
    for _ in range(count):
        field = FIELDS[int.from_bytes(bytes_[at : at + 2], "little")]
        end = field.measure(bytes_, at + 2)
        if field.number <= last or field.name in values:
            raise Mismatch(f"{field.name} is not in its order")
        values[field.name], at, last = bytes_[at + 2 : end], end, field.number
    if at != len(bytes_):
        raise Mismatch(f"{len(bytes_) - at} bytes behind the last field")
    return values


def _said(values):
    return {name: value if len(value) < 60 else f"{len(value)} bytes" for name, value in values.items()}
