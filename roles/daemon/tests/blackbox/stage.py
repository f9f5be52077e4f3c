"""What a test stands on: a daemon that runs, ids that nobody else uses, and what objects should say.

A test gets a `Stage`. Its connection `me` usually subscribes everything that matters and so sees
each datagram with all of its recipients. When a test is over, whatever its connections have heard
and not expected fails it.

"Nothing comes" is not waited for. On every shard live bystanders, objects of no test: who asks all
of them where they are, and has their answers, has heard all that any shard had to say to what was
sent before. A shard that passes something on to another one needs one more round of questions.
"""

import itertools

from dialect import location
from otp import ANY, Connection, Dg, frame
from world import NUMBERS, Thing, u16

CONTROL = 4002  # the State Server's control channel in the configuration
BYSTANDERS = 12


def only(name):
    """A test for one dialect."""

    def mark(test):
        test.only = name
        return test

    return mark


class Park:
    """A running daemon, and the numbers that are still free in it."""

    def __init__(self, port, dialect, shards):
        self.port, self.dialect, self.shards = port, dialect, shards
        self.do_ids = itertools.count(100_001)
        self.zones = itertools.count(2_000)
        self.channels = itertools.count(1_500_000_001)
        self.contexts = itertools.count(7_000_001)
        self.bystanders = [Thing(next(self.do_ids), "Station", 0, 1, {}) for _ in range(BYSTANDERS)]
        stage = Stage(self)
        for bystander in self.bystanders:
            stage.create(bystander)
        self.await_bystanders(stage)
        stage.end()

    def await_bystanders(self, stage):
        stage.settle(rounds=1)

    def connect(self):
        return Connection(self.port, self.dialect, next(self.channels))


class Stage:
    """One test's view of the park."""

    def __init__(self, park):
        self.park, self.d, self.shards = park, park.dialect, park.shards
        self.connections = []
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

    # Numbers of one's own.

    def do(self):
        return next(self.park.do_ids)

    def zone(self):
        return next(self.park.zones)

    def channel(self):
        return next(self.park.channels)

    def context(self):
        return next(self.park.contexts)

    def thing(self, dclass="Carriage", parent=0, zone=0, do_id=None, **values):
        """An object that does not exist yet."""
        return Thing(self.do() if do_id is None else do_id, dclass, parent, zone, values)

    # Saying things.

    def send(self, to, name, sender=None, **args):
        self.me.send(to, name, sender, **args)

    def create(self, thing, by=None, sender=None, control=CONTROL):
        """Asks for an object, with an OTHER block if it has anything that is not required."""
        fields, name = thing.required(), "GenerateWithRequired"
        if thing.has_ram():
            fields, name = fields + thing.other(), "GenerateWithRequiredOther"
        self.generate(thing, name, fields, by, sender, control)

    def generate(self, thing, name, fields, by=None, sender=None, control=CONTROL):
        """Asks for an object with fields that need not make sense."""
        (by or self.me).send(control, name, sender, parent=thing.parent, zone=thing.zone,
                             dclass=thing.dclass.number, do_id=thing.do_id, fields=fields)

    def new(self, dclass="Carriage", parent=0, zone=0, **values):
        """An object that exists and has said all that it had to say."""
        (thing,) = self.new_ones(1, dclass, parent, zone, **values)
        return thing

    def new_ones(self, count, dclass="Carriage", parent=0, zone=0, **values):
        things = [self.thing(dclass, parent, zone, **values) for _ in range(count)]
        for thing in things:
            self.create(thing)
        self.drain()
        return things

    def set_ai(self, thing, ai, by=None):
        (by or self.me).send(thing.do_id, "SetAi", do_id=thing.do_id, ai=ai)
        thing.ai = ai

    def set_owner(self, thing, owner, by=None):
        (by or self.me).send(thing.do_id, "SetOwner", owner=owner)
        thing.owner = owner

    def move(self, thing, parent, zone, by=None):
        (by or self.me).send(thing.do_id, "SetZone", parent=parent, zone=zone)
        thing.parent, thing.zone = parent, zone

    def set_field(self, thing, name, value, by=None):
        (by or self.me).send(thing.do_id, "UpdateField", do_id=thing.do_id, field=NUMBERS[name], value=value)

    def set_fields(self, thing, pairs, by=None, count=None):
        (by or self.me).send(thing.do_id, "UpdateFieldMultiple", do_id=thing.do_id,
                             count=len(pairs) if count is None else count, fields=packed(pairs))

    def delete(self, thing, by=None):
        (by or self.me).send(thing.do_id, "DeleteRam", do_id=thing.do_id)

    # Hearing things.

    def expect(self, *expected):
        self.me.expect(*expected)

    def expect_set(self, expected):
        self.me.expect_set(expected)

    def expect_nothing(self, by=None, rounds=2):
        """Nothing comes of what `by` has sent so far."""
        self.settle(by, rounds)
        (by or self.me).expect_silence()

    def drain(self, by=None, rounds=3):
        """Waits until all that `by` has sent has had its effects, and forgets what was heard."""
        self.settle(by, rounds)
        (by or self.me).came.clear()

    def settle(self, by=None, rounds=2):
        """Waits until all that `by` has sent so far has had its effects."""
        by = by or self.me
        for _ in range(rounds):
            context, left = self.context(), {b.do_id for b in self.park.bystanders}
            question = self.d.encode("Locate", context=context)
            by.write(b"".join(frame(by.datagram(do_id, question)) for do_id in left))

            def done(heard):
                if heard.name == "LocateResp" and heard.args["context"] == context:
                    left.discard(heard.args["do_id"])
                return not left

            self._hear_answers(by, context, done)

    def _hear_answers(self, by, context, done):
        by.expect_nothing_before(done)
        ours = lambda h: h.name == "LocateResp" and h.args["context"] == context
        kept = [heard for heard in by.came if not ours(heard)]
        by.came.clear()
        by.came.extend(kept)

    def end_in_silence(self):
        """The end of every test: nobody has heard more than was expected."""
        for connection in self.connections:
            self.settle(connection, rounds=2)
        for connection in self.connections:
            connection.expect_silence()

    # What should come.

    def dg(self, to, sender, name, **args):
        return Dg(self.d, to, sender, name, **args)

    def audible(self, datagrams):
        """Those of them that `me` can hear."""
        return [dg for dg in datagrams if self.me.subscribed.intersection(dg.to)]

    def by(self, thing, orig=None):
        """The sender of what announces a request: who asked in `astron`, the object in `openotp`."""
        orig = self.me.channel if orig is None else orig
        return orig if self.astron else thing.do_id

    def loc(self, thing):
        return location(*thing.at) if thing.parent else 0

    def children(self, thing):
        return self.d.children_channel(thing.do_id)

    def enter(self, thing, kind, name, to, **more):
        """An announcement with the fields that `kind` of hearer sees."""
        other, fields = thing.read(self.d, kind)
        name += "Other" if other else ""
        return self.dg(to, thing.do_id, name, do_id=thing.do_id, parent=thing.parent, zone=thing.zone,
                       dclass=thing.dclass.number, fields=fields, **more)

    def enter_zone(self, thing, to=None):
        return self.enter(thing, "zone", "EnterZoneWithRequired", self.loc(thing) if to is None else to)

    def enter_interest(self, thing, context, to=None):
        to = self.me.channel if to is None else to
        return self.enter(thing, "zone", "EnterInterestWithRequired", to, context=context)

    def enter_ai(self, thing, ai=None):
        return self.enter(thing, "ai", "EnterAiWithRequired", thing.ai if ai is None else ai)

    def enter_owner(self, thing, owner=None):
        owner = thing.owner if owner is None else owner
        return self.enter(thing, "owner", "EnterOwnerWithRequired", owner)

    def change_zone(self, thing, old, new, to, orig=None):
        return self.dg(to, self.by(thing, orig), "ChangeZone", do_id=thing.do_id, new_parent=new[0],
                       new_zone=new[1], old_parent=old[0], old_zone=old[1])

    def query_ai(self, thing, context=None):
        context = thing.do_id if context is None else context
        return self.dg(thing.parent, thing.do_id, "QueryManagingAi", context=context)

    def locate_children(self, thing):
        return self.dg(self.children(thing), thing.do_id, "Locate", context=1001)

    def created(self, thing, orig=None):
        """What a new object says that nobody else knows, as far as `me` can hear it."""
        said = [self.enter_zone(thing), self.locate_children(thing)]
        if thing.parent:
            new = self.change_zone(thing, (0, 0), thing.at, thing.parent, orig)
            said = [new, self.query_ai(thing)] + said
        return self.audible(said)

    def moved(self, thing, old, asks=False, orig=None):
        """What an object says that has moved from `old` to where it is."""
        old_loc = location(*old) if old[0] else 0
        to = [old_loc, thing.ai, thing.owner, old[0], thing.parent]
        said = [self.change_zone(thing, old, thing.at, to, orig), self.enter_zone(thing)]
        if asks:
            said.append(self.query_ai(thing, ANY))
        return self.audible(said)

    def ai_changed(self, thing, old, new, orig=None):
        """What an object says whose AI has changed."""
        if self.astron:
            said = [self.dg([old, self.children(thing)], orig or self.me.channel, "ChangingAi",
                            do_id=thing.do_id, new=new, old=old), self.enter_ai(thing, new)]
        else:
            said = [self.dg(old, thing.do_id, "LeavingAiInterest", do_id=thing.do_id),
                    self.enter_ai(thing, new),
                    self.dg(self.children(thing), thing.do_id, "NotifyManagingAi",
                            parent=thing.do_id, ai=new)]
        return self.audible(said)

    def managing_ai(self, thing, ai, context, to=None):
        """The answer to who asks for an object's AI."""
        to = self.me.channel if to is None else to
        name = "ManagingAiResp" if self.astron else "NotifyManagingAi"
        return self.dg(to, thing.do_id, name, context=context, do_id=thing.do_id,
                       parent=thing.do_id, ai=ai)

    def tell_ai(self, child, parent, ai, by=None):
        """A parent that we play answers a child that asked for its AI."""
        name = "ManagingAiResp" if self.astron else "NotifyManagingAi"
        (by or self.me).send(child.do_id, name, parent, context=child.do_id, do_id=parent,
                             parent=parent, ai=ai)

    def receivers(self, thing, field, by=None):
        """Who hears an update of a field, as its keywords say."""
        by = self.me.channel if by is None else by
        to = [self.loc(thing)] if field.has("broadcast") else []
        to += [thing.ai] if field.has("airecv") and thing.ai != by else []
        return to + ([thing.owner] if field.has("ownrecv") and thing.owner != by else [])

    def updated(self, thing, name, value, by=None, to=None):
        field = thing.dclass.fields[name]
        by = self.me.channel if by is None else by
        to = self.receivers(thing, field, by) if to is None else to
        return self.dg(to, by, "UpdateField", do_id=thing.do_id, field=field.number, value=value)

    def updated_many(self, thing, pairs, to, by=None):
        by = self.me.channel if by is None else by
        return self.dg(to, by, "UpdateFieldMultiple", do_id=thing.do_id, count=len(pairs),
                       fields=packed(pairs))

    def deleted(self, thing, orig=None):
        """What an object says that is deleted, as far as `me` can hear it; not what children say."""
        orig = self.me.channel if orig is None else orig
        to = [self.loc(thing), thing.owner] + ([thing.ai] if self.astron else [])
        said = [self.dg(to, self.by(thing, orig), "DeleteRam", do_id=thing.do_id)]
        if thing.parent and not (self.astron and thing.parent == orig):
            said.append(self.change_zone(thing, thing.at, (0, 0), thing.parent, self.by(thing, orig)))
        if not self.astron:
            said.append(self.dg(thing.ai, thing.do_id, "LeavingAiInterest", do_id=thing.do_id))
            return self.audible(said)
        said.append(self.dg(self.children(thing), orig, "DeleteChildren", parent=thing.do_id))
        return self.audible(said)

    # Questions with their answers.

    def located(self, thing, context, to=None):
        to = self.me.channel if to is None else to
        return self.dg(to, thing.do_id, "LocateResp", context=context, do_id=thing.do_id,
                       parent=thing.parent, zone=thing.zone)

    def expect_at(self, thing, by=None):
        """The object is where the test believes it to be."""
        context, by = self.context(), by or self.me
        by.send(thing.do_id, "Locate", context=context)
        by.expect(self.located(thing, context, by.channel))

    def expect_all(self, thing, by=None):
        """The object has the class, the place and the fields that the test believes it to have."""
        context, by = self.context(), by or self.me
        by.send(thing.do_id, "QueryAll", context=context, do_id=thing.do_id)
        by.expect(self.all_of(thing, context, by.channel))

    def all_of(self, thing, context, to=None):
        _, fields = thing.read(self.d, "all")
        return self.dg(self.me.channel if to is None else to, thing.do_id, "QueryAllResp",
                       context=context, do_id=thing.do_id, parent=thing.parent, zone=thing.zone,
                       dclass=thing.dclass.number, fields=fields)

    def expect_gone(self, *things, by=None):
        """Nobody answers for these objects."""
        by = by or self.me
        for thing in things:
            by.send(thing.do_id, "Locate", context=self.context())
        self.expect_nothing(by)

    def field_resp(self, thing, name, context, value):
        """The answer to a QUERY_FIELD; `None`: a failure."""
        number = NUMBERS.get(name, name)
        found = b"" if value is None else (u16(number) + value if self.astron else value)
        return self.dg(self.me.channel, thing.do_id, "QueryFieldResp", context=context,
                       do_id=thing.do_id, field=number, success=int(value is not None), value=found)

    def expect_field(self, thing, name, value):
        context = self.context()
        self.send(thing.do_id, "QueryField", do_id=thing.do_id, field=NUMBERS.get(name, name),
                  context=context)
        self.expect(self.field_resp(thing, name, context, value))

    def queried(self, parent, zones, things, context, to=None, apart=()):
        """What answers a zone query: in `astron` the count first, in `openotp` the echo last, and
        those `apart` from their parent's role answer both who asked and the parent."""
        to = self.me.channel if to is None else to
        if self.astron:
            count = self.dg(to, parent.do_id, "CountZonesResp", context=context, count=len(things))
            return [count], [self.enter_interest(thing, context, to) for thing in things], []
        done = self.dg(to, parent.do_id, "QueryZoneDone", parent=parent.do_id, zones=zones)
        both = [to, parent.do_id]
        enter = lambda thing: self.enter_zone(thing, both if thing in apart else to)
        return [], [enter(thing) for thing in things], [done]

    def expect_query(self, parent, zones, things, by=None, apart=()):
        """Asks for the objects in zones, and hears of these, each once, and of no other."""
        context, by = self.context(), by or self.me
        by.send(parent.do_id, "QueryZones", context=context, parent=parent.do_id, zones=zones)
        first, between, last = self.queried(parent, zones, things, context, by.channel, apart)
        by.expect(*first)
        by.expect_set(between)
        by.expect(*last)


def packed(pairs):
    """Fields and values as they stand in a message."""
    number = lambda name: name if isinstance(name, int) else NUMBERS[name]
    return b"".join(u16(number(name)) + value for name, value in pairs)
