"""A DBSS in the dialect of the seed: objects come when they are asked, and go to disk."""

from base import CONTROL, only
from depot import UNKNOWN_FIELD
from world import NUMBERS, Thing, i16, text, u8, u16, u32
from stage import packed


def told(t, thing):
    """Everything of one object is heard: its location, its AI, its owner."""
    return t.audience(t.activate(thing, t.new("Station").do_id, 5))


@only("openotp")
def test_a_question_makes_it_active(t):
    thing = t.stored(setGold=u32(7), setDiary=text("dear"), setTitle=text("pacific"))
    t.expect_all(thing)
    t.expect_at(thing)
    t.expect_field(thing, "setGold", u32(7))
    t.expect_field(thing, "setSmoke", u8(0))


@only("openotp")
def test_each_question_makes_it_active(t):
    t.expect_at(t.stored())
    t.expect_field(t.stored(setTitle=text("a")), "setTitle", text("a"))
    t.expect_all(t.stored(setPosX=i16(9)))
    thing, context = t.stored(setGold=u32(1)), t.context()
    t.send(thing.do_id, "QueryFields", do_id=thing.do_id, context=context,
           fields=[NUMBERS["setGold"], NUMBERS["setPosY"]])
    answer = packed([("setGold", u32(1)), ("setPosY", i16(12))])
    t.expect(t.dg(t.me.channel, thing.do_id, "QueryFieldsResp", do_id=thing.do_id, context=context,
                  success=1, fields=answer))


@only("openotp")
def test_a_move_makes_it_active_and_it_enters(t):
    station, thing = t.new("Station"), t.stored(setGold=u32(3), setTitle=text("mikado"))
    t.me.subscribe(station.do_id << 32 | 5)
    t.expect(*t.set_zone(thing, station.do_id, 5))
    t.expect_query(station, [5], [thing], apart=[thing])
    t.expect_all(thing)


@only("openotp")
def test_an_update_makes_it_active(t):
    """Of a field that is stored, of one that lives in memory, and of several."""
    for name, value in (("setTitle", text("t")), ("setSteam", u8(9)), ("setGold", u32(8))):
        thing = t.stored()
        t.set_field(thing, name, value)
        thing.values[name] = value
        t.expect_all(thing)
        t.settle()
        t.expect_in_database(thing) if name != "setSteam" else None
    thing = t.stored()
    t.set_fields(thing, [("setGold", u32(2)), ("setSteam", u8(3)), ("setPosY", i16(4))])
    thing.values.update(setGold=u32(2), setSteam=u8(3), setPosY=i16(4))
    t.expect_all(thing)


@only("openotp")
def test_ai_and_owner_make_it_active(t):
    thing, ai = t.stored(setGold=u32(1)), t.channel()
    t.me.subscribe(ai)
    t.set_ai(thing, ai)
    t.expect(t.enter_ai(thing))
    thing, owner = t.stored(setGold=u32(1)), t.channel()
    t.me.subscribe(owner)
    t.set_owner(thing, owner)
    t.expect(t.enter_owner(thing))


@only("openotp")
def test_as_a_parent_it_knows_its_children(t):
    parent = t.stored()
    child = t.new("Carriage", parent.do_id, 5)
    t.expect_query(parent, [5, 6], [child], apart=[child])
    t.expect_at(parent)
    stored_child = t.activate(t.stored(), parent.do_id, 6)
    t.expect_query(parent, [5, 6], [child, stored_child], apart=[child])


@only("openotp")
def test_updates_are_written_through(t):
    thing = told(t, t.stored())
    values = {"setTitle": text("new"), "setGold": u32(70), "setPosX": i16(-8), "setWater": u16(1)}
    for name, value in values.items():
        t.set_field(thing, name, value)
        t.expect(t.updated(thing, name, value))
        thing.values[name] = value
    t.expect_nothing()
    t.expect_in_database(thing)
    t.expect_all(thing)


@only("openotp")
def test_several_fields_are_written_through_as_one(t):
    thing = told(t, t.stored())
    pairs = [("setTitle", text("new")), ("setPosX", i16(-8))]
    t.set_fields(thing, pairs)
    t.expect(t.updated_many(thing, pairs, t.loc(thing)))
    thing.values.update(dict(pairs))
    t.settle()
    t.expect_in_database(thing)


@only("openotp")
def test_a_molecular_field_is_written_through(t):
    thing = told(t, t.stored())
    t.set_field(thing, "setPos", i16(33, 44))
    t.expect(t.updated(thing, "setPos", i16(33, 44)))
    thing.values.update(setPosX=i16(33), setPosY=i16(44))
    t.settle()
    t.expect_in_database(thing)
    t.expect_all(thing)


@only("openotp")
def test_a_field_that_is_only_stored(t):
    """It goes to the database and is not kept in memory."""
    thing = told(t, t.stored(setDiary=text("old")))
    t.set_field(thing, "setDiary", text("new"))
    t.expect_nothing()
    t.expect_in_database(thing, setDiary=text("new"))
    t.expect_all(thing)


@only("openotp")
def test_what_is_not_stored_is_not_written(t):
    thing = told(t, t.stored())
    for name, value in (("setSteam", u8(5)), ("setSmoke", u8(2)), ("setHorn", u8(1))):
        t.set_field(thing, name, value)
        t.expect(t.updated(thing, name, value))
    t.settle()
    fresh = Thing(thing.do_id, "Engine", 0, 0, {"setPosX": thing.values["setPosX"]})
    t.expect_in_database(fresh)


@only("openotp")
def test_updates_that_are_refused_are_not_written(t):
    thing = told(t, t.stored(setGold=u32(1)))
    for pair in (("setPosX", i16(3001)), ("setGold", u16(1)), (UNKNOWN_FIELD, u8(1)), ("setUser", text("u"))):
        t.set_fields(thing, [("setTitle", text("bad")), pair])
        number = NUMBERS.get(pair[0], pair[0])
        t.send(thing.do_id, "UpdateField", do_id=thing.do_id, field=number, value=pair[1])
    t.expect_nothing()
    t.expect_in_database(thing)
    t.expect_all(thing)


@only("openotp")
def test_it_leaves_memory_and_comes_back_as_it_is_stored(t):
    thing = told(t, t.stored())
    t.set_field(thing, "setGold", u32(5))
    t.set_field(thing, "setSteam", u8(6))
    t.drain()
    thing.values.update(setGold=u32(5), setSteam=u8(6))
    t.delete(thing)
    t.expect(*t.deleted(thing))
    t.expect_nothing()
    del thing.values["setSteam"]
    t.expect_in_database(thing)
    again = Thing(thing.do_id, "Engine", 0, 0, thing.values)
    t.expect_all(again)


@only("openotp")
def test_deletion_on_disk(t):
    """All hear of it, and it is nowhere any more."""
    thing = told(t, t.stored(setGold=u32(5)))
    t.send(thing.do_id, "DeleteDisk", do_id=thing.do_id)
    t.me.expect_interleaved(*[[said] for said in t.deleted(thing)])
    t.expect_nothing()
    t.db.expect_none(thing.do_id)
    t.expect_gone(thing)


@only("openotp")
def test_deletion_on_disk_of_what_is_not_active(t):
    thing = t.stored()
    t.send(thing.do_id, "DeleteDisk", do_id=thing.do_id)
    t.expect_nothing()
    t.db.expect_none(thing.do_id)
    t.expect_gone(thing)


@only("openotp")
def test_a_deletion_in_the_database_is_a_deletion(t):
    thing, asleep = told(t, t.stored()), t.stored()
    for gone in (thing, asleep):
        t.db.delete(gone.do_id)
    t.me.expect_interleaved(*[[said] for said in t.deleted(thing)])
    t.settle(t.db.me)
    t.expect_nothing()
    t.expect_gone(thing, asleep)


@only("openotp")
def test_an_update_in_the_database_is_told(t):
    """Viewers hear it from the object's own channel's hearer: the object, which has it then."""
    thing = told(t, t.stored())
    t.db.update(thing.do_id, setTitle=text("said"))
    t.expect(t.updated(thing, "setTitle", text("said"), by=CONTROL))
    thing.values["setTitle"] = text("said")
    t.expect_all(thing)
    t.expect_in_database(thing)
    pairs = [("setTitle", text("more")), ("setPosX", i16(2))]
    t.db.update(thing.do_id, pairs)
    t.expect(t.updated_many(thing, pairs, t.loc(thing), by=CONTROL))
    thing.values.update(dict(pairs))
    t.settle()
    t.expect_all(thing)


@only("openotp")
def test_an_update_in_the_database_of_what_is_not_active(t):
    thing = t.stored()
    t.db.update(thing.do_id, setTitle=text("said"))
    t.settle(t.db.me)
    thing.values["setTitle"] = text("said")
    t.expect_in_database(thing)
    t.expect_all(thing)


@only("openotp")
def test_an_exchange_in_the_database_is_told(t):
    thing = told(t, t.stored(setGold=u32(5)))
    answer = t.db.exchange(thing.do_id, "setGold", u32(5), u32(4))
    assert answer["ret_code"] == 0, answer
    t.expect(t.updated(thing, "setGold", u32(4), by=CONTROL))
    thing.values["setGold"] = u32(4)
    t.expect_all(thing)


@only("openotp")
def test_objects_that_are_not(t):
    """Questions that can fail do; updates and moves do nothing."""
    ghost = Thing(399_000_000, "Engine", 0, 0, {})
    context = t.context()
    t.send(ghost.do_id, "QueryField", do_id=ghost.do_id, field=NUMBERS["setGold"], context=context)
    t.expect(t.field_resp(ghost, "setGold", context, None))
    t.send(ghost.do_id, "QueryFields", do_id=ghost.do_id, context=context, fields=[NUMBERS["setGold"]])
    t.expect(t.dg(t.me.channel, ghost.do_id, "QueryFieldsResp", do_id=ghost.do_id, context=context,
                  success=0, fields=b""))
    t.set_field(ghost, "setGold", u32(1))
    t.send(ghost.do_id, "SetZone", parent=1_000, zone=5)
    t.send(ghost.do_id, "Locate", context=context)
    t.send(ghost.do_id, "QueryAll", context=context, do_id=ghost.do_id)
    t.send(ghost.do_id, "DeleteDisk", do_id=ghost.do_id)
    t.delete(ghost)
    t.expect_nothing()
    t.db.expect_none(ghost.do_id)


@only("openotp")
def test_after_an_end_it_is_as_it_was_stored(t):
    """Active objects are not: they come back when they are asked."""
    things = []
    for number in range(10):
        thing = t.activate(t.stored(setGold=u32(number)), t.new("Station").do_id, 5)
        t.set_fields(thing, [("setTitle", text(f"t{number}")), ("setSteam", u8(1))])
        thing.values["setTitle"] = text(f"t{number}")
        things.append(thing)
    for thing in things[::3]:
        t.send(thing.do_id, "DeleteDisk", do_id=thing.do_id)
    t.settle()
    for kill in (False, True):
        t.restart(kill)
        for number, thing in enumerate(things):
            if number % 3 == 0:
                t.db.expect_none(thing.do_id)
                t.expect_gone(thing)
                continue
            t.expect_all(Thing(thing.do_id, "Engine", 0, 0, thing.values))
            t.expect_in_database(thing)


@only("openotp")
def test_truncated_and_overlong(t):
    thing = told(t, t.stored())
    whole = t.d.encode("DeleteDisk", do_id=thing.do_id)
    for message in [whole[:length] for length in range(2, len(whole))] + [whole + b"\0"]:
        t.me.send_raw(thing.do_id, message)
    t.send(thing.do_id, "DeleteDisk", do_id=thing.do_id + 1)
    t.expect_nothing()
    t.expect_all(thing)
    t.expect_in_database(thing)


@only("openotp")
def test_wrong_hands_cannot_delete(t):
    """A notice of deletion that is not of the database: as of any object, only memory goes."""
    thing = told(t, t.stored())
    t.delete(thing)
    t.expect(*t.deleted(thing))
    t.settle()
    t.expect_in_database(thing)
    t.expect_all(Thing(thing.do_id, "Engine", 0, 0, thing.values))
