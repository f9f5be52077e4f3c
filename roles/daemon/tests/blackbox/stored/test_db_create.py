"""CREATE_STORED_OBJECT: what is stored of what is given, and what is refused."""

from base import CONTROL, LOW, database_role, packed
from depot import FOREIGN_FIELD, GHOST, GHOST_BOO, STRUCT_CLASS, UNKNOWN_CLASS, UNKNOWN_FIELD
from world import NUMBERS, i16, text, u8, u16, u32


def test_an_object_is_there_with_what_was_given(t):
    given = dict(setUser=text("fogg"), setTally=i16(-3000), setShifts=u16(4) + u16(1, 65535),
                 setSeal=text(bytes(range(64))), setTrip=u32(80) + u8(3), rooms=u16(500))
    do_id = t.create("Keeper", **given)
    t.expect_stored(do_id, "Keeper", **t.defaults("Keeper", **given))


def test_an_object_of_which_nothing_is_said(t):
    """In `openotp` only required fields have their defaults; in `astron` all that have one."""
    do_id = t.create("Keeper")
    t.expect_stored(do_id, "Keeper", **t.defaults("Keeper"))


def test_a_class_without_stored_fields(t):
    do_id = t.create(GHOST.number)
    assert t.stored(do_id) == (GHOST.number, {}), t.stored(do_id)


def test_ids_ascend_and_are_in_their_range(t):
    made = [t.create("Keeper") for _ in range(60)]
    assert made == sorted(set(made)), made
    assert made[0] >= LOW


def test_ids_of_many_who_ask_at_once_are_all_different(t):
    askers, contexts = [t.connect() for _ in range(8)], {}
    for number in range(400):
        asker = askers[number % 8]
        contexts[number] = asker
        t.send("DbCreate", asker, context=number, dclass=7, count=1,
               fields=packed([("setPin", u32(number))]))
    ids = {}
    for number, asker in contexts.items():
        heard = asker.hear()
        assert heard and heard.name == "DbCreateResp", heard
        assert heard.args["context"] % 8 == number % 8, heard
        ids[heard.args["do_id"]] = heard.args["context"]
    assert len(ids) == 400 and 0 not in ids, sorted(ids)
    for do_id, number in ids.items():
        assert t.stored(do_id)[1]["setPin"] == u32(number)


def test_create_then_use_at_once(t):
    """The answer is there, so is the object, for whoever asks."""
    other = t.connect()
    for number in range(50):
        do_id = t.create("Keeper", setPin=u32(number))
        found = t.stored(do_id, other)
        assert found and found[1]["setPin"] == u32(number), found


def test_a_field_given_twice_has_its_last_value(t):
    do_id = t.create("Keeper", [("setPin", u32(1)), ("setMemo", text("m")), ("setPin", u32(2))])
    t.expect_stored(do_id, "Keeper", **t.defaults("Keeper", setPin=u32(2), setMemo=text("m")))


def test_fields_that_are_not_stored_are_left_out(t):
    do_id = t.create("Keeper", setMood=u8(3), setFace=u8(200), ping=u8(1), wag=u8(1, 2), setPin=u32(9))
    t.expect_stored(do_id, "Keeper", **t.defaults("Keeper", setPin=u32(9)))


def test_a_molecular_field_is_stored_as_its_atoms(t):
    do_id = t.create("Keeper", setPQ=u8(5) + u16(6))
    t.expect_stored(do_id, "Keeper", **t.defaults("Keeper", setP=u8(5), setQ=u16(6)))
    do_id = t.create("Keeper", [("setP", u8(1)), ("setPQ", u8(5) + u16(6)), ("setQ", u16(2))])
    t.expect_stored(do_id, "Keeper", **t.defaults("Keeper", setP=u8(5), setQ=u16(2)))


def test_a_required_field_without_a_default(t):
    """`openotp`: it must be given. `astron`: it stays unset."""
    given = dict(setPosX=i16(7))
    do_id = t.create("Engine", **given)
    t.expect_stored(do_id, "Engine", **t.defaults("Engine", **given))
    bare = t.try_create("Engine", setGold=u32(5))
    if t.astron:
        t.expect_stored(bare, "Engine", **t.defaults("Engine", setGold=u32(5)))
    else:
        assert bare == 0, bare
    do_id = t.create("Engine", setPos=i16(1, 2))
    t.expect_stored(do_id, "Engine", **t.defaults("Engine", setPosX=i16(1), setPosY=i16(2)))


def test_an_inherited_field_is_stored(t):
    do_id = t.create("HeadKeeper", setUser=text("a"), setMeal=text("b"), setMemo=text("c"))
    t.expect_stored(do_id, "HeadKeeper", **t.defaults("HeadKeeper", setUser=text("a"), setMeal=text("b"),
                                                      setMemo=text("c")))


def test_unknown_classes(t):
    for number in (UNKNOWN_CLASS, STRUCT_CLASS, 0xFFFF):
        assert t.try_create(number) == 0, number


def test_unknown_fields(t):
    """Of no class, and of another class; nothing of it is created, though the rest is good."""
    before = t.create("Keeper")
    for number in (UNKNOWN_FIELD, FOREIGN_FIELD, NUMBERS["setMeal"], NUMBERS["setGold"], 0xFFFF):
        assert t.try_create("Keeper", [(number, u32(1, 1, 1))]) == 0, number
        assert t.try_create("Keeper", [("setPin", u32(1)), (number, text("x"))]) == 0, number
    assert t.create("Keeper") > before


BAD_VALUES = [
    ("setUser", text("u" * 61)),
    ("setUser", text(b"\xff\xfe")),
    ("setUser", u16(9) + b"short"),
    ("setTally", i16(3001)),
    ("setTally", i16(-3001)),
    ("setTrip", u32(1) + u8(4)),
    ("setTrip", u32(1) + u8(0)),
    ("setShifts", u16(3) + b"abc"),
    ("setSeal", text(b"s" * 65)),
    ("rooms", u16(501)),
    ("setPin", u16(1)),
    ("setPin", b""),
    ("setPQ", u8(1, 1)),
    ("ping", b""),
]


def test_values_that_do_not_decode(t):
    """Also of a field that would not be stored."""
    for name, value in BAD_VALUES:
        assert t.try_create("Keeper", [("setMemo", text("m")), (name, value)]) == 0, (name, value)


def test_truncated_and_overlong(t):
    """Where the context can be read, 0 answers; else nothing does."""
    pairs = packed([("setPin", u32(1)), ("setMemo", text("m"))])
    whole = t.d.encode("DbCreate", context=77, dclass=7, count=2, fields=pairs)
    lengths = range(6, len(whole))
    for length in range(2, 6):
        t.me.send_raw(CONTROL, whole[:length])
    t.expect_nothing()
    for message in [whole[:length] for length in lengths] + [whole + b"\0", whole + bytes(50)]:
        t.me.send_raw(CONTROL, message)
        t.expect(t.dg(t.me.channel, CONTROL, "DbCreateResp", context=77, do_id=0))


def test_counts_that_lie(t):
    pairs = packed([("setPin", u32(1)), ("setMemo", text("m"))])
    for count in (0, 1, 3, 0xFFFF):
        assert t.ask("DbCreate", dclass=7, count=count, fields=pairs)["do_id"] == 0, count


def test_an_object_as_large_as_may_be(t):
    """65,000 bytes of fields, each with its number: with one more it is refused."""
    front = text(b"f" * 40_000)
    rest = 65_000 - 3 * 2 - len(front) - len(text("crate"))
    do_id = t.create("Crate", setLeft=front, setRight=text(b"b" * (rest - 2)))
    t.expect_stored(do_id, "Crate", setTag=text("crate"), setLeft=front, setRight=text(b"b" * (rest - 2)))
    assert t.try_create("Crate", setLeft=front, setRight=text(b"b" * (rest - 1))) == 0
    assert t.try_create("Crate", setLeft=text(b"f" * 65_000)) == 0


def test_the_range_of_ids_ends(t):
    """Then nothing more is created, not even after a deletion or a restart."""
    small = t.own(database_role(low=2_000_000, high=2_000_009))
    made = [small.try_create("Keeper", setPin=u32(n)) for n in range(14)]
    assert made == list(range(2_000_000, 2_000_010)) + [0] * 4, made
    for do_id in made[:3] + made[8:10]:
        small.delete(do_id)
    assert small.try_create("Keeper") == 0
    for kill in (False, True):
        small.restart(kill)
        assert small.try_create("Keeper") == 0
        small.expect_none(*made[:3], *made[8:10])
        small.expect_stored(made[5], "Keeper", **small.defaults("Keeper", setPin=u32(5)))


def test_a_refused_creation_needs_no_id_of_the_last(t):
    """Ten fit in, whatever was refused before: at most those ids are gone that were given."""
    small = t.own(database_role(low=2_000_000, high=2_000_003))
    for _ in range(20):
        assert small.try_create("Keeper", [(UNKNOWN_FIELD, b"")]) == 0
    made = [small.try_create("Keeper") for _ in range(5)]
    assert made == [2_000_000, 2_000_001, 2_000_002, 2_000_003, 0], made


def test_a_ghost_cannot_be_given_what_it_has_not(t):
    assert t.try_create(GHOST.number, [("setPin", u32(1))]) == 0
    assert t.ask("DbCreate", dclass=GHOST.number, count=1, fields=GHOST_BOO)["do_id"] != 0
