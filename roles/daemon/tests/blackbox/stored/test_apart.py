"""A database, and DBSS in other daemons: one of them ends and comes back, the others go on."""

from apart import end, until_answered
from base import CONTROL, LOW, only
from depot import CLASSES
from world import NUMBERS, Thing, text, u8, u32
from yard import SPLIT


def active_one(t, **values):
    return t.activate(t.stored(**values), t.new("Station").do_id, 5)


def test_the_database_is_killed_and_comes_back(t):
    """What was active goes on meanwhile; what was promised is there afterwards."""
    thing, asleep = active_one(t, setGold=u32(1)), t.stored(setGold=u32(2))
    t.set_field(thing, "setTitle", text("before"))
    thing.values["setTitle"] = text("before")
    t.settle()
    end(t.yard.database, kill=True)
    t.set_field(thing, "setSteam", u8(3))
    thing.values["setSteam"] = u8(3)
    t.expect_all(thing)
    t.yard.database.start()
    until_answered(t.db.connect(), CONTROL, "DbSelectAll", do_id=thing.do_id)
    t.db.connections.pop().close()
    t.expect_in_database(asleep)
    t.set_field(thing, "setGold", u32(9))
    thing.values["setGold"] = u32(9)
    t.settle()
    stored = Thing(thing.do_id, "Engine", 0, 0, {n: v for n, v in thing.values.items() if n != "setSteam"})
    t.expect_in_database(stored)
    t.activate(asleep)
    t.expect_all(asleep)


def test_a_dbss_is_killed_and_comes_back(t):
    """What it held is stored; it is loaded anew."""
    things = [active_one(t, setGold=u32(number)) for number in range(6)]
    for number, thing in enumerate(things):
        t.set_fields(thing, [("setTitle", text(f"t{number}")), ("setSteam", u8(1))])
        thing.values["setTitle"] = text(f"t{number}")
    t.settle()
    holder = t.yard.holders[1]
    end(holder, kill=True)
    for thing in things:
        t.expect_in_database(thing)
    holder.start()
    holder.port()
    probe = t.db.connect()
    name = "QueryActivated" if t.astron else "QueryField"
    until_answered(probe, things[0].do_id, name, do_id=things[0].do_id)
    t.db.connections.pop().close()
    for thing in things:
        again = Thing(thing.do_id, "Engine", 0, 0, thing.values)
        if t.astron:
            t.activate(again)
        t.expect_all(again)


def test_each_of_a_range_finds_its_holder(t):
    """Whatever ids come: those of the small range at the beginning as well."""
    found = [t.db.stored(do_id) for do_id in range(LOW, SPLIT)]
    for do_id, has in zip(range(LOW, SPLIT), found):
        if has is None or has[0] != 10:
            continue
        held = {n: v for n, v in has[1].items() if CLASSES["Engine"].fields[n].stored}
        thing = Thing(do_id, "Engine", 0, 0, held)
        t.activate(thing)
        t.expect_all(thing)
    for _ in range(6):
        thing = t.stored(setGold=u32(1))
        t.activate(thing)
        t.expect_all(thing)


@only("openotp")
def test_a_deletion_crosses_the_root(t):
    thing = t.audience(active_one(t, setGold=u32(1)))
    t.send(thing.do_id, "DeleteDisk", do_id=thing.do_id)
    t.me.expect_interleaved(*[[said] for said in t.deleted(thing)])
    t.db.expect_none(thing.do_id)
    t.expect_gone(thing)
    t.send(thing.do_id, "QueryField", do_id=thing.do_id, field=NUMBERS["setGold"], context=1)
    t.expect(t.field_resp(thing, "setGold", 1, None))
