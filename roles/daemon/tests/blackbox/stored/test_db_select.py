"""Reading from the database: which fields, in which order, and what is a failure."""

from base import CONTROL, only, packed
from depot import FIELDS, FOREIGN_FIELD, UNKNOWN_FIELD
from test_db_update import NOBODY
from world import NUMBERS, i16, text, u8, u16, u32

GIVEN = dict(setUser=text("u"), setMemo=text("memo"), setPin=u32(11), setP=u8(4))


def numbers(*names):
    return [NUMBERS.get(name, name) for name in names]


def select(t, do_id, *names):
    """The answer's fields; `None` for a failure."""
    args = t.ask("DbSelect", do_id=do_id, fields=numbers(*names))
    if t.astron and not args["success"]:
        assert args["fields"] == b"", args
        return None
    return args["fields"]


def expected(t, *pairs):
    """Values in the order asked, or a count and ascending pairs."""
    if not t.astron:
        return b"".join(value for _, value in pairs)
    ascending = sorted(dict((NUMBERS[name], value) for name, value in pairs).items())
    return u16(len(ascending)) + packed(ascending)


def test_fields_as_they_were_asked(t):
    do_id = t.create("Keeper", **GIVEN)
    pairs = [("setPin", u32(11)), ("setUser", text("u")), ("setMemo", text("memo")), ("setP", u8(4))]
    for order in (pairs, pairs[::-1], pairs[2:3], pairs[1:3]):
        found = select(t, do_id, *[name for name, _ in order])
        assert found == expected(t, *order), found


def test_a_field_asked_twice(t):
    """`openotp` answers twice, `astron` once."""
    do_id = t.create("Keeper", **GIVEN)
    pairs = [("setPin", u32(11)), ("setP", u8(4)), ("setPin", u32(11))]
    assert select(t, do_id, "setPin", "setP", "setPin") == expected(t, *pairs)


def test_no_field_at_all(t):
    do_id = t.create("Keeper", **GIVEN)
    assert select(t, do_id) == expected(t)


def test_fields_that_are_not_set(t):
    """`openotp`: their defaults, explicit or not. `astron`: left out."""
    do_id = t.create("Keeper", setMemo=text("memo"))
    names = ["setSeal", "setTally", "setMemo", "setShifts", "setTwin"]
    if t.astron:
        assert select(t, do_id, *names) == expected(t, ("setMemo", text("memo")))
        assert select(t, do_id, "setSeal") == expected(t)
    else:
        values = [(name, FIELDS[NUMBERS[name]].default) for name in names]
        values[2] = ("setMemo", text("memo"))
        assert select(t, do_id, *names) == expected(t, *values)
        assert select(t, do_id, "setPin", "rooms") == u32(7) + u16(40)
        assert select(t, do_id, "setTrip") == u32(0) + u8(2)


def test_a_molecular_field(t):
    do_id = t.create("Keeper", setP=u8(3), setQ=u16(4))
    if t.astron:
        assert select(t, do_id, "setPQ") == u16(1) + packed([("setPQ", u8(3) + u16(4))])
    else:
        assert select(t, do_id, "setQ", "setPQ", "setP") == u16(4) + u8(3) + u16(4) + u8(3)


def test_a_molecular_field_of_which_an_atom_is_not_set(t):
    do_id = t.create("Keeper", setQ=u16(4))
    found = select(t, do_id, "setPQ", "setQ")
    if t.astron:
        assert found == expected(t, ("setQ", u16(4))), found
        found = t.ask("DbSelectField", do_id=do_id, field=NUMBERS["setPQ"])
        assert (found["success"], found["fields"]) == (0, b""), found
    else:
        assert found == u8(0) + u16(4) + u16(4), found


def test_fields_that_cannot_be_asked(t):
    """Unknown, of another class, or not stored: a failure, whatever else was asked."""
    do_id, nothing = t.create("Keeper", **GIVEN), None if t.astron else b""
    for name in (UNKNOWN_FIELD, FOREIGN_FIELD, "setMeal", "setGold", "setFace", "setMood", "ping", "wag"):
        assert select(t, do_id, name) == nothing, name
        assert select(t, do_id, "setPin", name) == nothing, name
        assert select(t, do_id, name, "setPin") == nothing, name
        if t.astron:
            found = t.ask("DbSelectField", do_id=do_id, field=NUMBERS.get(name, name))
            assert (found["success"], found["fields"]) == (0, b""), found


@only("astron")
def test_one_field(t):
    do_id = t.create("Keeper", **GIVEN)
    for name, value in GIVEN.items():
        found = t.ask("DbSelectField", do_id=do_id, field=NUMBERS[name])
        assert (found["success"], found["fields"]) == (1, packed([(name, value)])), found
    found = t.ask("DbSelectField", do_id=do_id, field=NUMBERS["setTally"])
    assert (found["success"], found["fields"]) == (0, b""), found


def test_objects_that_are_not(t):
    for do_id in (NOBODY, 0, 7, 0xFFFF_FFFF):
        assert select(t, do_id, "setPin") == (None if t.astron else b"")
        assert t.stored(do_id) is None
        if t.astron:
            found = t.ask("DbSelectField", do_id=do_id, field=NUMBERS["setPin"])
            assert (found["success"], found["fields"]) == (0, b""), found


def test_all_of_an_object_byte_for_byte(t):
    do_id = t.create("Engine", setPosX=i16(-5), setGold=u32(6), setDiary=text("dear"))
    args = t.ask("DbSelectAll", do_id=do_id)
    if t.astron:
        pairs = [("setTitle", text("untitled")), ("setPosX", i16(-5)), ("setPosY", i16(12)),
                 ("setGold", u32(6)), ("setDiary", text("dear")), ("setWater", u16(88))]
        assert args["fields"] == u16(10) + u16(6) + packed(pairs), args
        return
    # setTitle, setSmoke, setPosX, setPosY, setPaint are required; not all of them are stored.
    required = text("untitled") + u8(0) + i16(-5, 12) + u16(9)
    other = u16(2) + packed([("setGold", u32(6)), ("setDiary", text("dear"))])
    assert args["dclass"] == 10 and args["fields"] == required + other, args


def failure(t, name, context):
    """What answers a question that makes no sense."""
    if t.astron:
        return t.dg(t.me.channel, CONTROL, name + "Resp", context=context, success=0, fields=b"")
    return t.dg(t.me.channel, CONTROL, name + "Resp", context=context, dclass=0xFFFF, fields=b"")


def test_truncated_and_overlong_questions(t):
    """Where the context can be read, a failure answers."""
    do_id = t.create("Keeper", **GIVEN)
    shapes = {"DbSelect": dict(fields=numbers("setPin", "setP")), "DbSelectAll": {}}
    if t.astron:
        shapes["DbSelectField"] = dict(field=NUMBERS["setPin"])
    for name, args in shapes.items():
        whole = t.d.encode(name, context=88, do_id=do_id, **args)
        for length in range(2, 6):
            t.me.send_raw(CONTROL, whole[:length])
        t.expect_nothing()
        for message in [whole[:length] for length in range(6, len(whole))] + [whole + b"\0"]:
            t.me.send_raw(CONTROL, message)
            t.expect(failure(t, name, 88))


def test_an_answer_that_no_datagram_can_hold(t):
    """The same 40,000 bytes, asked for twice: a failure or nothing, and the database lives on."""
    do_id = t.create("Crate", setLeft=text(b"l" * 40_000))
    context = t.context()
    t.send("DbSelect", context=context, do_id=do_id, fields=numbers("setLeft", "setLeft"))
    t.settle()
    for heard in list(t.me.came):
        if t.astron:
            assert len(heard.args["fields"]) > 40_000, heard  # it stands in it once
        else:
            assert heard.args["context"] == context and heard.args["fields"] == b"", heard
    t.me.came.clear()
    t.expect_stored(do_id, "Crate", setTag=text("crate"), setLeft=text(b"l" * 40_000))


def test_messages_that_a_database_does_not_know(t):
    for number in (0, 999, 1009, 1011, 1022, 2001, 2008, 2999, 3002, 3033, 4711, 0xFFFF):
        if number not in t.d.heard:
            t.me.send_raw(CONTROL, u16(number) + u32(1, 2, 3))
    t.expect_nothing()


def test_answers_are_no_questions(t):
    do_id = t.create("Keeper", **GIVEN)
    t.send("DbCreateResp", context=1, do_id=do_id)
    t.send("DbSelectResp", context=1, success=1, fields=u16(0))
    t.expect_nothing()
