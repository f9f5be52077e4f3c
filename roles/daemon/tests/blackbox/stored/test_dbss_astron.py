"""A DBSS of Astron (section 6): who is not active is answered for from the database."""

from base import CONTROL, only
from depot import CLASSES, UNKNOWN_FIELD
from otp import ANY
from stage import packed
from world import NUMBERS, Thing, i16, text, u8, u16, u32
from yard import other_of


def told(t, thing):
    """Active below a parent, and everything that is said of it is heard."""
    return t.audience(t.activate(thing, t.new("Station").do_id, 5))


def is_active(t, thing, active):
    context = t.context()
    t.send(thing.do_id, "QueryActivated", context=context, do_id=thing.do_id)
    t.expect(t.dg(t.me.channel, ANY, "QueryActivatedResp", context=context, do_id=thing.do_id,
                  active=int(active)))


def ask_field(t, thing, name):
    """The value, `None` for a failure."""
    context, number = t.context(), NUMBERS.get(name, name)
    t.send(thing.do_id, "QueryField", context=context, do_id=thing.do_id, field=number)
    heard = t.me.hear()
    assert heard and heard.name == "QueryFieldResp" and heard.args["context"] == context, heard
    if not heard.args["success"]:
        assert heard.args["value"] == b"", heard
        return None
    assert heard.args["value"][:2] == u16(number), heard
    return heard.args["value"][2:]


def ask_fields(t, thing, *names):
    """(whether it succeeded, the bytes behind that)."""
    context = t.context()
    numbers = [NUMBERS.get(name, name) for name in names]
    t.send(thing.do_id, "QueryFields", context=context, do_id=thing.do_id, fields=numbers)
    heard = t.me.hear()
    assert heard and heard.name == "QueryFieldsResp" and heard.args["context"] == context, heard
    return heard.args["success"], heard.args["fields"]


@only("astron")
def test_activation(t):
    """It enters its place with what is stored, in the name of the database."""
    station, thing = t.new("Station"), t.stored(setGold=u32(3), setTitle=text("mikado"), setDiary=text("d"))
    is_active(t, thing, False)
    thing.parent, thing.zone = station.do_id, 5
    t.me.subscribe(t.loc(thing), station.do_id, t.children(thing))
    t.send(thing.do_id, "ActivateWithDefaults", do_id=thing.do_id, parent=station.do_id, zone=5)
    said = t.created(thing, CONTROL)
    for dg in said:
        dg.sender = ANY if dg.name != "ChangeZone" else dg.sender
    t.me.expect_interleaved(*[[dg] for dg in said])
    t.drain()
    is_active(t, thing, True)
    t.expect_all(thing)
    t.expect_query(station, [5], [thing])


@only("astron")
def test_activation_with_other_values(t):
    """What is given goes before what is stored, and is not stored itself."""
    station, thing = t.new("Station"), t.stored(setGold=u32(3), setTitle=text("mikado"))
    active = Thing(thing.do_id, "Engine", station.do_id, 5, {**thing.values, "setTitle": text("given"),
                                                             "setSteam": u8(7), "setGold": u32(9)})
    t.send(thing.do_id, "ActivateWithDefaultsOther", do_id=thing.do_id, parent=station.do_id, zone=5,
           dclass=10, fields=other_of(active, "setTitle", "setSteam", "setGold"))
    t.drain()
    t.expect_all(active)
    t.expect_in_database(thing)


@only("astron")
def test_activation_with_another_class_is_refused(t):
    thing = t.stored()
    t.send(thing.do_id, "ActivateWithDefaultsOther", do_id=thing.do_id, parent=1_234, zone=5,
           dclass=CLASSES["Crate"].number, fields=u16(0))
    t.expect_nothing()
    is_active(t, thing, False)


@only("astron")
def test_activation_of_what_is_active_changes_nothing(t):
    thing = told(t, t.stored())
    t.send(thing.do_id, "ActivateWithDefaults", do_id=thing.do_id, parent=thing.parent, zone=9)
    t.drain()
    t.expect_at(thing)
    t.expect_all(thing)


@only("astron")
def test_activation_of_what_is_not(t):
    ghost = Thing(399_000_000, "Engine", 0, 0, {})
    t.me.subscribe(1_234 << 32 | 5)
    t.send(ghost.do_id, "ActivateWithDefaults", do_id=ghost.do_id, parent=1_234, zone=5)
    t.expect_nothing()
    is_active(t, ghost, False)
    assert ask_field(t, ghost, "setGold") is None
    t.send(ghost.do_id, "QueryAll", context=3, do_id=ghost.do_id)
    t.set_field(ghost, "setGold", u32(1))
    t.expect_nothing()
    t.db.expect_none(ghost.do_id)


@only("astron")
def test_a_question_does_not_make_it_active(t):
    thing = t.stored(setGold=u32(3))
    assert ask_field(t, thing, "setGold") == u32(3)
    t.set_field(thing, "setGold", u32(4))
    t.settle()
    is_active(t, thing, False)
    t.send(thing.do_id, "SetZone", parent=1_234, zone=5)
    t.send(thing.do_id, "Locate", context=t.context())
    t.expect_nothing()
    is_active(t, thing, False)


@only("astron")
def test_fields_of_what_is_not_active(t):
    """Stored ones from the database; others that an object holds have their defaults; the rest fails."""
    thing = t.stored(setGold=u32(3), setTitle=text("a"), setDiary=text("d"))
    values = {"setGold": u32(3), "setTitle": text("a"), "setDiary": text("d"), "setPosY": i16(12),
              "setWater": u16(88), "setLamp": u16(5), "setPaint": u16(9), "setSmoke": u8(0),
              "setSteam": u8(0), "setHorn": None, UNKNOWN_FIELD: None, "setUser": None}
    for name, value in values.items():
        found = ask_field(t, thing, name)
        assert found == value, (name, found)


@only("astron")
def test_several_fields_of_what_is_not_active(t):
    thing = t.stored(setGold=u32(3), setTitle=text("a"))
    found = ask_fields(t, thing, "setLamp", "setGold", "setTitle", "setPaint")
    pairs = [("setTitle", text("a")), ("setGold", u32(3)), ("setPaint", u16(9)), ("setLamp", u16(5))]
    assert found == (1, u16(4) + packed(pairs)), found
    found = ask_fields(t, thing, "setGold", "setTitle")
    assert found == (1, u16(2) + packed(pairs[:2])), found
    found = ask_fields(t, thing, "setLamp")
    assert found == (1, u16(1) + packed(pairs[3:])), found
    for bad in ("setHorn", UNKNOWN_FIELD):
        found = ask_fields(t, thing, "setGold", bad)
        assert found == (0, b""), (bad, found)


@only("astron")
def test_all_of_what_is_not_active(t):
    """Nowhere, with required fields from the database or their defaults."""
    thing, context = t.stored(setGold=u32(3), setTitle=text("a")), t.context()
    t.send(thing.do_id, "QueryAll", context=context, do_id=thing.do_id)
    heard = t.me.hear()
    assert heard and heard.name == "QueryAllResp" and heard.args["context"] == context, heard
    args, required = heard.args, thing.required()
    assert (args["do_id"], args["parent"], args["zone"], args["dclass"]) == (thing.do_id, 0, 0, 10), heard
    assert args["fields"].startswith(required) and len(args["fields"]) >= len(required) + 2, heard
    is_active(t, thing, False)


@only("astron")
def test_updates_of_what_is_not_active_go_to_the_database(t):
    thing, diary = t.stored(), text("d")
    t.db.hear_of(thing.do_id)
    t.settle(t.db.me)
    t.set_field(thing, "setGold", u32(4))
    t.db.expect(t.db.updated(thing.do_id, [("setGold", u32(4))], by=t.me.channel))
    t.set_field(thing, "setDiary", diary)
    t.db.expect(t.db.updated(thing.do_id, [("setDiary", diary)], by=t.me.channel))
    t.set_field(thing, "setSteam", u8(4))
    t.set_field(thing, "setGold", u16(1))
    t.expect_nothing()
    t.set_fields(thing, [("setTitle", text("x")), ("setPosX", i16(1))])
    t.db.expect(t.db.updated(thing.do_id, [("setTitle", text("x")), ("setPosX", i16(1))], by=t.me.channel))
    thing.values.update(setGold=u32(4), setTitle=text("x"), setPosX=i16(1))
    t.expect_in_database(thing, setDiary=diary)
    is_active(t, thing, False)


@only("astron")
def test_of_several_fields_those_that_are_stored_go_to_the_database(t):
    """Active or not."""
    for thing in (t.stored(), told(t, t.stored())):
        t.set_fields(thing, [("setTitle", text("y")), ("setSteam", u8(4)), ("setPosX", i16(2))])
        thing.values.update(setTitle=text("y"), setPosX=i16(2))
        t.drain()
        t.expect_in_database(thing)


@only("astron")
def test_updates_of_what_is_active_are_told_and_written(t):
    """Viewers hear of it from the object, others from the database; both in the sender's name."""
    thing = told(t, t.stored())
    t.db.hear_of(thing.do_id)
    t.settle(t.db.me)
    for name, value in (("setTitle", text("new")), ("setGold", u32(70)), ("setPosX", i16(-8))):
        t.set_field(thing, name, value)
        t.expect(t.updated(thing, name, value))
        t.db.expect(t.db.updated(thing.do_id, [(name, value)], by=t.me.channel))
        thing.values[name] = value
    t.set_field(thing, "setSteam", u8(1))
    t.expect(t.updated(thing, "setSteam", u8(1)))
    t.expect_nothing()
    t.expect_in_database(thing)
    thing.values["setSteam"] = u8(1)
    t.expect_all(thing)


@only("astron")
def test_a_field_that_is_only_stored(t):
    thing = told(t, t.stored())
    t.set_field(thing, "setDiary", text("new"))
    t.expect_nothing()
    t.expect_in_database(thing, setDiary=text("new"))
    t.expect_all(thing)


@only("astron")
def test_a_database_that_speaks_of_an_active_object_is_not_heard(t):
    thing = told(t, t.stored(setGold=u32(1)))
    t.db.update(thing.do_id, setGold=u32(2), setTitle=text("other"))
    t.settle(t.db.me)
    t.expect_nothing()
    t.expect_all(thing)
    before = dict(thing.values)
    thing.values.update(setGold=u32(2), setTitle=text("other"))
    t.expect_in_database(thing)
    thing.values = before


@only("astron")
def test_deletion_on_disk_leaves_what_is_active(t):
    thing = told(t, t.stored())
    t.send(thing.do_id, "DeleteDisk", do_id=thing.do_id)
    t.expect(t.dg([t.loc(thing), thing.ai, thing.owner], ANY, "DeleteDisk", do_id=thing.do_id))
    t.expect_nothing()
    t.db.expect_none(thing.do_id)
    t.expect_all(thing)
    is_active(t, thing, True)


@only("astron")
def test_deletion_on_disk_of_what_is_not_active(t):
    thing = t.stored()
    t.db.hear_of(thing.do_id)
    t.settle(t.db.me)
    t.send(thing.do_id, "DeleteDisk", do_id=thing.do_id)
    heard = t.db.me.hear()
    assert heard and heard.name == "DbDelete" and heard.args["do_id"] == thing.do_id, heard
    t.expect_nothing()
    t.db.expect_none(thing.do_id)


@only("astron")
def test_fields_are_deleted_on_disk(t):
    """They go back to their defaults, or are set no more."""
    thing = t.stored(setGold=u32(3), setDiary=text("d"), setWater=u16(1))
    t.send(thing.do_id, "DeleteFieldDisk", do_id=thing.do_id, field=NUMBERS["setDiary"])
    t.settle()
    t.expect_in_database(thing)
    t.send(thing.do_id, "DeleteFieldsDisk", do_id=thing.do_id, fields=[NUMBERS["setGold"], NUMBERS["setWater"]])
    t.settle()
    del thing.values["setGold"]
    thing.values["setWater"] = u16(88)
    t.expect_in_database(thing)
    for name in ("setSteam", UNKNOWN_FIELD):
        t.send(thing.do_id, "DeleteFieldDisk", do_id=thing.do_id, field=NUMBERS.get(name, name))
    t.expect_nothing()
    t.expect_in_database(thing)


@only("astron")
def test_it_leaves_memory_and_comes_back_as_it_is_stored(t):
    thing = told(t, t.stored())
    t.set_field(thing, "setGold", u32(5))
    t.set_field(thing, "setSteam", u8(6))
    t.drain()
    t.delete(thing)
    t.expect(*t.deleted(thing))
    thing.values["setGold"] = u32(5)
    t.expect_nothing()
    is_active(t, thing, False)
    t.expect_in_database(thing)
    again = t.activate(Thing(thing.do_id, "Engine", 0, 0, thing.values), t.new("Station").do_id, 5)
    t.expect_all(again)


@only("astron")
def test_what_follows_an_activation_finds_it_active(t):
    """In one breath: activate, update, move, ask."""
    for number in range(20):
        first, second = t.new_ones(2, "Station")
        thing, context = t.stored(setGold=u32(number)), t.context()
        thing.parent, thing.zone = first.do_id, 5
        t.me.subscribe(first.do_id << 32 | 5)
        t.send(thing.do_id, "ActivateWithDefaults", do_id=thing.do_id, parent=first.do_id, zone=5)
        t.set_field(thing, "setSteam", u8(number))
        t.send(thing.do_id, "QueryAll", context=context, do_id=thing.do_id)
        entry = t.enter_zone(thing)
        entry.sender = ANY
        said = [entry, t.updated(thing, "setSteam", u8(number), to=t.loc(thing))]
        thing.values["setSteam"] = u8(number)
        t.expect(*said, t.all_of(thing, context))
        old = thing.at
        t.move(thing, second.do_id, 6)
        t.expect(*t.moved(thing, old))
        t.expect_at(thing)


@only("astron")
def test_after_an_end_it_is_as_it_was_stored(t):
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
            is_active(t, thing, False)
            if number % 3 == 0:
                t.db.expect_none(thing.do_id)
            else:
                t.expect_in_database(thing)
                assert ask_field(t, thing, "setTitle") == text(f"t{number}")


@only("astron")
def test_truncated_and_overlong(t):
    thing = t.stored(setGold=u32(3))
    shapes = {"ActivateWithDefaults": dict(parent=1_234, zone=5), "DeleteDisk": {},
              "ActivateWithDefaultsOther": dict(parent=1_234, zone=5, dclass=10, fields=u16(0)),
              "QueryActivated": dict(context=5), "DeleteFieldDisk": dict(field=NUMBERS["setGold"]),
              "DeleteFieldsDisk": dict(fields=[NUMBERS["setGold"]])}
    for name, args in shapes.items():
        whole = t.d.encode(name, do_id=thing.do_id, **args)
        for message in [whole[:length] for length in range(2, len(whole))] + [whole + b"\0"]:
            t.me.send_raw(thing.do_id, message)
        t.send(thing.do_id, name, **{**args, "do_id": thing.do_id + 1}) if name != "QueryActivated" else None
    t.expect_nothing()
    is_active(t, thing, False)
    t.expect_in_database(thing)
