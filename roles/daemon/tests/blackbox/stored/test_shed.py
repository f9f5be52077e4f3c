"""A DBSS and a database that is played by the test: what it is asked, when, and what waits meanwhile."""

import time

from base import CONTROL, DIE, only
from stage import packed
from world import NUMBERS, Thing, i16, text, u8, u16, u32

WAITS = 5.0  # seconds that a DBSS waits for its database


def load(t, thing, parent=0, zone=0):
    """Makes an object active: it is asked for, and answered."""
    if t.astron:
        t.send(thing.do_id, "ActivateWithDefaults", do_id=thing.do_id, parent=parent, zone=zone)
        thing.parent, thing.zone = parent, zone
    else:
        t.send(thing.do_id, "Locate", context=1)
    t.answer(t.asked_for(thing))
    t.drain()
    return thing


def test_it_is_asked_for_in_its_own_name_and_once(t):
    """However much is sent to it meanwhile."""
    thing = t.stored(setGold=u32(3))
    contexts = [t.context() for _ in range(20)]
    if t.astron:
        t.send(thing.do_id, "ActivateWithDefaults", do_id=thing.do_id, parent=0, zone=0)
    for context in contexts:
        t.send(thing.do_id, "QueryAll", context=context, do_id=thing.do_id)
    question = t.asked_for(thing)
    t.expect_nothing()
    t.expect_database_idle()
    t.answer(question)
    t.expect(*[t.all_of(thing, context) for context in contexts])
    t.expect_all(thing)
    t.expect_database_idle()


def test_what_waits_is_done_in_order(t):
    thing, parent = t.stored(setGold=u32(3)), t.new("Station")
    if t.astron:
        t.send(thing.do_id, "ActivateWithDefaults", do_id=thing.do_id, parent=0, zone=0)
    for number in range(30):
        t.set_field(thing, "setSteam", u8(number))
        t.send(thing.do_id, "QueryAll", context=number, do_id=thing.do_id)
    t.send(thing.do_id, "SetZone", parent=parent.do_id, zone=5)
    t.send(thing.do_id, "Locate", context=99)
    t.answer(t.asked_for(thing))
    for number in range(30):
        thing.values["setSteam"] = u8(number)
        t.expect(t.all_of(thing, number))
    thing.parent, thing.zone = parent.do_id, 5
    t.expect(t.located(thing, 99))
    t.expect_database_idle()


def test_an_answer_to_nobody_is_ignored(t):
    """Of an object that is not loading, in a wrong name, or to a question that was not asked."""
    thing = t.stored(setGold=u32(3))
    question = t.d.encode("DbSelectAll", context=77, do_id=thing.do_id)
    ((_, _, answer),) = t.model.hear(thing.do_id, question)
    t.db.send_raw(thing.do_id, answer, CONTROL)
    t.db.send_raw(thing.do_id, answer, t.db.channel)
    t.expect_database_idle()
    t.expect_nothing()
    load(t, thing)
    t.db.send_raw(thing.do_id, answer, CONTROL)
    t.expect_all(thing)


def test_who_is_not_there(t):
    """What waited fails or is forgotten; it is asked for again by the next one."""
    ghost = Thing(next(t.yard.ids), "Engine", 0, 0, {})
    for _ in range(2):
        if t.astron:
            t.send(ghost.do_id, "ActivateWithDefaults", do_id=ghost.do_id, parent=1_234, zone=5)
        else:
            t.send(ghost.do_id, "Locate", context=1)
            t.send(ghost.do_id, "QueryField", do_id=ghost.do_id, field=NUMBERS["setGold"], context=2)
        question = t.asked_for(ghost)
        t.settle()  # what waits has come: the database answers on another connection
        t.answer(question)
        if not t.astron:
            t.expect(t.field_resp(ghost, "setGold", 2, None))
        t.expect_nothing()


@only("openotp")
def test_what_does_not_make_it_active(t):
    """Notices, deletions from memory, and whatever the database says by itself."""
    thing = t.stored()
    args = dict(do_id=thing.do_id, new_parent=thing.do_id, new_zone=1, old_parent=0, old_zone=0,
                context=1, parent=5, zone=5, ai=77, dclass=10, fields=b"")
    for name in ("DeleteRam", "ChangeZone", "LocateResp", "NotifyManagingAi", "EnterZoneWithRequired"):
        t.send(thing.do_id, name, **args)
    t.db.send(thing.do_id, "UpdateField", CONTROL, do_id=thing.do_id, field=NUMBERS["setGold"], value=u32(9))
    t.db.send(thing.do_id, "DeleteRam", CONTROL, do_id=thing.do_id)
    t.expect_nothing()
    t.expect_database_idle()


@only("openotp")
def test_what_makes_it_active(t):
    requests = {"UpdateField": dict(field=NUMBERS["setSteam"], value=u8(1)),
                "UpdateFieldMultiple": dict(count=1, fields=packed([("setSteam", u8(1))])),
                "SetZone": dict(parent=0, zone=0), "Locate": dict(context=1), "QueryAll": dict(context=1),
                "SetAi": dict(ai=0), "SetOwner": dict(owner=0), "QueryFields": dict(context=1, fields=[1]),
                "QueryField": dict(context=1, field=1)}
    for name, args in requests.items():
        thing = t.stored()
        t.send(thing.do_id, name, do_id=thing.do_id, **args)
        t.answer(t.asked_for(thing))
    thing = t.stored()
    t.send(thing.do_id, "QueryZones", context=1, parent=thing.do_id, zones=[5])
    t.answer(t.asked_for(thing))
    t.drain()


def test_writing_through(t):
    """The stored fields of an update, and no others; `openotp`: in the object's name, `astron`: the asker's."""
    thing = load(t, t.stored())
    sender = t.me.channel if t.astron else thing.do_id
    t.set_field(thing, "setGold", u32(4))
    name = "DbUpdateField" if t.astron else "DbUpdate"
    heard = t.asked(name, sender, do_id=thing.do_id)
    if t.astron:
        assert (heard.args["field"], heard.args["value"]) == (NUMBERS["setGold"], u32(4)), heard
    else:
        assert (heard.args["count"], heard.args["fields"]) == (1, packed([("setGold", u32(4))])), heard
    pairs = [("setTitle", text("t")), ("setSteam", u8(2)), ("setPosX", i16(3)), ("setHorn", u8(4))]
    t.set_fields(thing, pairs)
    heard = t.asked("DbUpdate", sender, do_id=thing.do_id, count=2)
    assert heard.args["fields"] == packed([pairs[0], pairs[2]]), heard
    t.set_field(thing, "setSteam", u8(7))
    t.set_field(thing, "setGold", u16(7))
    thing.values.update(setGold=u32(4), setTitle=text("t"), setSteam=u8(7), setPosX=i16(3))
    t.expect_all(thing)
    t.expect_database_idle()


@only("openotp")
def test_what_the_database_says_is_not_written_back(t):
    thing = load(t, t.stored())
    t.db.send(thing.do_id, "UpdateField", CONTROL, do_id=thing.do_id, field=NUMBERS["setGold"], value=u32(9))
    t.settle(t.db)
    thing.values["setGold"] = u32(9)
    t.expect_all(thing)
    t.expect_database_idle()


@only("openotp")
def test_deletion_on_disk_is_asked_of_the_database(t):
    """The object itself goes when the database says so."""
    thing = load(t, t.stored())
    t.send(thing.do_id, "DeleteDisk", do_id=thing.do_id)
    heard = t.asked("DbDelete", thing.do_id, do_id=thing.do_id)
    assert heard.args["verify_code"] in (DIE, 0x21656944), heard
    t.expect_all(thing)
    t.answer(heard)
    t.settle(t.db)
    t.send(thing.do_id, "Locate", context=1)
    t.answer(t.asked_for(thing))
    t.expect_nothing()


@only("astron")
def test_deletions_on_disk_are_asked_of_the_database(t):
    thing = t.stored()
    t.send(thing.do_id, "DeleteDisk", do_id=thing.do_id)
    t.asked("DbDelete", do_id=thing.do_id)
    gold, water = NUMBERS["setGold"], NUMBERS["setWater"]
    t.send(thing.do_id, "DeleteFieldDisk", do_id=thing.do_id, field=gold)
    t.asked("DbDeleteField", do_id=thing.do_id, field=gold)
    t.send(thing.do_id, "DeleteFieldsDisk", do_id=thing.do_id, fields=[gold, water])
    t.asked("DbDeleteFields", do_id=thing.do_id, fields=[gold, water])
    t.expect_database_idle()


@only("astron")
def test_no_answer_while_it_is_loading(t):
    """Not to whether it is active."""
    thing = t.stored()
    t.send(thing.do_id, "ActivateWithDefaults", do_id=thing.do_id, parent=0, zone=0)
    question = t.asked_for(thing)
    t.send(thing.do_id, "QueryActivated", context=5, do_id=thing.do_id)
    t.expect_nothing()
    t.answer(question)
    t.settle(t.db)
    t.settle()
    for heard in t.me.came:
        assert heard.name == "QueryActivatedResp" and heard.args["active"] == 1, heard
    t.me.came.clear()


@only("astron")
def test_updates_of_what_is_not_active(t):
    """In the name of who asked, as they came."""
    thing = t.stored()
    sender = t.channel()
    t.send(thing.do_id, "UpdateField", sender, do_id=thing.do_id, field=NUMBERS["setGold"], value=u32(4))
    heard = t.asked("DbUpdateField", sender, do_id=thing.do_id, field=NUMBERS["setGold"])
    assert heard.args["value"] == u32(4), heard
    t.set_field(thing, "setSteam", u8(1))
    t.expect_database_idle()


@only("astron")
def test_questions_of_many_who_ask_at_once(t):
    """Each has its own answer, whatever order the database answers in."""
    things = [t.stored(setGold=u32(number)) for number in range(10)]
    for number, thing in enumerate(things):
        t.send(thing.do_id, "QueryField", context=number, do_id=thing.do_id, field=NUMBERS["setGold"])
    questions = [t.db.hear() for _ in things]
    for question in reversed(questions):
        t.answer(question)
    heard = [t.me.hear() for _ in things]
    found = {h.args["context"]: h.args["value"] for h in heard}
    assert found == {n: packed([("setGold", u32(n))]) for n in range(10)}, found
    t.expect_database_idle()


def test_a_database_that_does_not_answer(t):
    """After its patience a DBSS treats the object as unknown, and asks again for the next one."""
    thing = t.stored(setGold=u32(3))
    if t.astron:
        t.send(thing.do_id, "ActivateWithDefaults", do_id=thing.do_id, parent=0, zone=0)
    else:
        t.send(thing.do_id, "QueryField", do_id=thing.do_id, field=NUMBERS["setGold"], context=2)
    t.asked_for(thing)
    if t.astron:
        time.sleep(WAITS + 1)
    else:
        heard = t.me.hear(patience=2 * WAITS)
        assert heard and heard.name == "QueryFieldResp" and heard.args["success"] == 0, heard
    load(t, thing)
    t.expect_all(thing)


def test_an_object_that_is_not_of_the_range(t):
    """Nobody asks for it."""
    stranger = Thing(99_999_999, "Engine", 0, 0, {})
    t.send(stranger.do_id, "Locate", context=1)
    t.set_field(stranger, "setGold", u32(1))
    t.send(stranger.do_id, "QueryAll", context=1, do_id=stranger.do_id)
    t.expect_nothing()
    t.expect_database_idle()
