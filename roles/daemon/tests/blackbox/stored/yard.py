"""What a test of a DBSS stands on: a daemon with a State Server, a DBSS and mostly a database.

A `Yard` is a `Stage` (../stage.py): an active object of a DBSS says and answers what an object of
a State Server does. Beside it stands `db`, a view of the database of the same daemon. In a `Shed`
the daemon has no database: `db` is a connection that hears the database's channel, and answers by
the model when the test lets it.
"""

import stage
from base import CONTROL, HIGH, LOW, MODELS, Base, Park, database_role
from model import Record
from depot import CLASSES
from otp import Mismatch
from world import NUMBERS, Thing, u16

SPLIT = LOW + 3  # where the second DBSS of a yard begins


def dbss_role(ranges, control=CONTROL):
    ranges = ", ".join(f"{{min: {low}, max: {high}}}" for low, high in ranges)
    return f"  - {{type: dbss, database: {control}, ranges: [{ranges}]}}\n"


def state_server_role(control=stage.CONTROL):
    return f"  - {{type: stateserver, control: {control}}}\n"


class YardPark(Park):
    """A daemon with all three roles. The range is split over two DBSS, the first of which is small."""

    roles = (state_server_role() + database_role(high=HIGH - 1_000)
             + dbss_role([(LOW, SPLIT - 1), (HIGH - 10, HIGH)]) + dbss_role([(SPLIT, HIGH - 11)]))

    def __init__(self, kit, dialect, shards):
        super().__init__(kit, dialect, shards, self.roles)
        self.stage_park = self.new_numbers()

    def new_numbers(self):
        return stage.Park(self.daemon.port(), self.d, self.shards)

    def restart(self, kill):
        """What the State Server had is gone, bystanders too: there are new ones."""
        if kill:
            self.daemon.kill()
        else:
            self.stop()
        self.daemon.start()
        self.renew()

    def renew(self):
        """The numbers go on; the bystanders are new ones."""
        numbers = self.stage_park
        self.stage_park = self.new_numbers()
        for name in ("do_ids", "zones", "channels", "contexts"):
            setattr(self.stage_park, name, getattr(numbers, name))


class ShedPark(YardPark):
    """A daemon that has a DBSS and no database."""

    roles = state_server_role() + dbss_role([(LOW, HIGH)])

    def __init__(self, kit, dialect, shards):
        super().__init__(kit, dialect, shards)
        self.ids = iter(range(LOW + 1_000, HIGH))


class Yard(stage.Stage):
    """One test's view of a daemon with database and DBSS."""

    def __init__(self, park):
        super().__init__(park.stage_park)
        self.yard, self.db = park, Base(park)

    def end(self):
        super().end()
        self.db.end()

    def end_in_silence(self):
        super().end_in_silence()
        self.db.end_in_silence()

    def settle(self, by=None, rounds=1):
        """What an object does may wait for the database, and the database's answer for a disk."""
        for _ in range(2):
            super().settle(by, rounds)
            self.db.settle(by or self.me, 1)
        super().settle(by, rounds)

    def restart(self, kill=False):
        for connection in self.connections:
            connection.close()
        self.connections.clear()
        self.db.end()
        self.yard.restart(kill)
        self.park = self.yard.stage_park
        self.me, self.db = self.connect(), Base(self.yard)

    # Objects.

    def stored(self, dclass="Engine", **values):
        """An object that is in the database and nowhere else, as it is once it is active."""
        if dclass == "Engine":
            values.setdefault("setPosX", b"\x05\x00")
        return self.thing_of(self.db.create(dclass, **values), dclass, **values)

    def thing_of(self, do_id, dclass, **values):
        """What is active of a stored object: its required fields, and those that live in memory."""
        held = self.db.defaults(dclass, **values) if hasattr(self.db, "defaults") else values
        fields = CLASSES[dclass].fields
        return Thing(do_id, dclass, 0, 0, {n: v for n, v in held.items() if fields[n].stored})

    def expect_in_database(self, thing, **values):
        """What of it is stored, beside what active objects do not hold."""
        fields = thing.dclass.fields
        has = {name: v for name, v in thing.values.items() if fields[name].has("db")}
        required = {} if self.astron else {f.name: f.default for f in thing.dclass.required if not f.has("db")}
        found = self.db.stored(thing.do_id)
        expected = (thing.dclass.number, {**required, **has, **values})
        if found != expected:
            raise Mismatch(f"{thing.do_id} is {found} in the database, not {expected}")

    def activate(self, thing, parent=0, zone=0):
        """Makes it active, and puts it somewhere; forgets what it said."""
        if self.astron:
            self.send(thing.do_id, "ActivateWithDefaults", do_id=thing.do_id, parent=parent, zone=zone)
        else:
            self.send(thing.do_id, "SetZone", parent=parent, zone=zone)
        thing.parent, thing.zone = parent, zone
        self.drain()
        return thing

    def audience(self, thing):
        """Gives it an AI and an owner, and hears all that is said of it."""
        self.set_ai(thing, self.channel())
        self.set_owner(thing, self.channel())
        self.drain()
        self.me.subscribe(self.loc(thing), thing.ai, thing.owner)
        self.settle()  # others may make something happen to it at once
        return thing

    def set_zone(self, thing, parent, zone):
        """Moves it, though it may not be active yet: what must be heard."""
        old = thing.at
        self.move(thing, parent, zone)
        return self.moved(thing, old)


class Shed(Yard):
    """One test's view of a daemon whose database is played by the test."""

    def __init__(self, park):
        stage.Stage.__init__(self, park.stage_park)
        self.yard = park
        self.db = self.connect()
        self.db.subscribe(CONTROL)
        self.model = MODELS[self.d.name](self.d, CONTROL, LOW)
        stage.Stage.settle(self, self.db)

    def end(self):
        stage.Stage.end(self)

    def end_in_silence(self):
        stage.Stage.end_in_silence(self)

    def settle(self, by=None, rounds=2):
        stage.Stage.settle(self, by, rounds)

    def stored(self, dclass="Engine", **values):
        """An object that the test's database has."""
        if dclass == "Engine":
            values.setdefault("setPosX", b"\x05\x00")
        do_id = next(self.yard.ids)
        self.model.objects[do_id] = Record(CLASSES[dclass], {NUMBERS[n]: v for n, v in values.items()})
        return self.thing_of(do_id, dclass, **values)

    def asked(self, name, sender=None, **args):
        """What the database hears next."""
        heard = self.db.hear()
        if heard is None or heard.name != name:
            raise Mismatch(f"the database should hear {name}, and heard {heard}")
        if sender is not None and heard.sender != sender:
            raise Mismatch(f"{sender} should have sent {heard}")
        for key, value in args.items():
            if heard.args[key] != value:
                raise Mismatch(f"{key} should be {value!r} in {heard}")
        return heard

    def asked_for(self, thing):
        """The question that loads it."""
        return self.asked("DbSelectAll", thing.do_id, do_id=thing.do_id)

    def answer(self, heard):
        """Answers what was heard, by the model."""
        for to, sender, message in self.model.hear(heard.sender, heard.message):
            self.db.send_raw(to, message, sender)

    def expect_database_idle(self):
        self.settle()
        self.settle(self.db)
        self.db.expect_silence()


def other_of(thing, *names):
    """An OTHER block with these fields."""
    return u16(len(names)) + b"".join(u16(NUMBERS[n]) + thing.values[n] for n in names)
