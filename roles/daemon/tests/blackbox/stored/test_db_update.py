"""Updates in the database: what is stored, what is said of it and by whom, what is refused."""

from base import CONTROL, database_role, only, packed
from depot import FOREIGN_FIELD, UNKNOWN_FIELD
from test_db_create import BAD_VALUES
from world import NUMBERS, i16, text, u8, u16, u32

NOBODY = 399_999_999  # an id of the range that is not given


def keeper(t, **values):
    """An object of which `me` hears, and what it has."""
    do_id = t.create("Keeper", **values)
    t.hear_of(do_id)
    return do_id, t.defaults("Keeper", **values)


def test_an_update_of_one_field(t):
    do_id, has = keeper(t, setPin=u32(1))
    t.update(do_id, setPin=u32(2))
    t.expect(t.updated(do_id, [("setPin", u32(2))]))
    t.expect_stored(do_id, "Keeper", **{**has, "setPin": u32(2)})


def test_an_update_of_a_field_that_was_not_set(t):
    do_id, has = keeper(t)
    t.update(do_id, setMemo=text("new"))
    t.expect(t.updated(do_id, [("setMemo", text("new"))]))
    t.expect_stored(do_id, "Keeper", **has, setMemo=text("new"))


def test_an_update_of_many_fields(t):
    do_id, has = keeper(t, setMemo=text("old"))
    pairs = [("setPin", u32(2)), ("setMemo", text("new")), ("setTally", i16(-1)), ("rooms", u16(3))]
    t.update(do_id, pairs)
    t.expect(t.updated(do_id, pairs))
    t.expect_stored(do_id, "Keeper", **{**has, **dict(pairs)})


@only("astron")
def test_an_update_in_the_singular(t):
    do_id, has = keeper(t, setPin=u32(1))
    t.send("DbUpdateField", do_id=do_id, field=NUMBERS["setPin"], value=u32(2))
    t.expect(t.updated(do_id, [("setPin", u32(2))]))
    t.expect_stored(do_id, "Keeper", **{**has, "setPin": u32(2)})


def test_the_last_of_many_updates_counts(t):
    do_id, has = keeper(t)
    for number in range(200):
        t.update(do_id, setPin=u32(number))
    t.expect(*[t.updated(do_id, [("setPin", u32(number))]) for number in range(200)])
    t.expect_stored(do_id, "Keeper", **{**has, "setPin": u32(199)})


def test_who_asks_behind_an_update_sees_it(t):
    do_id, has = keeper(t)
    for number in range(50):
        t.update(do_id, setPin=u32(number))
        t.expect(t.updated(do_id, [("setPin", u32(number))]))
        t.expect_stored(do_id, "Keeper", **{**has, "setPin": u32(number)})


def test_a_field_given_twice_has_its_last_value(t):
    do_id, has = keeper(t)
    t.me.unsubscribe(t.d.stored_channel(do_id))
    t.update(do_id, [("setPin", u32(1)), ("setPin", u32(2))])
    t.expect_stored(do_id, "Keeper", **{**has, "setPin": u32(2)})


def test_a_molecular_field_is_updated_as_its_atoms(t):
    do_id, has = keeper(t, setP=u8(1))
    t.me.unsubscribe(t.d.stored_channel(do_id))
    t.update(do_id, setPQ=u8(7) + u16(8))
    t.expect_stored(do_id, "Keeper", **{**has, "setP": u8(7), "setQ": u16(8)})


def test_the_sender_of_an_announcement(t):
    """`astron`: who asked, whoever that is. `openotp`: the database."""
    do_id, has = keeper(t)
    for sender in (t.channel(), 55_555, t.channel()):
        t.update(do_id, sender=sender, setPin=u32(sender % 1000))
        t.expect(t.updated(do_id, [("setPin", u32(sender % 1000))], by=sender))


@only("openotp")
def test_what_an_object_writes_through_is_not_said_to_it(t):
    """Its DBSS has told everyone already."""
    do_id, has = keeper(t)
    t.update(do_id, sender=do_id, setPin=u32(5))
    t.update(do_id, sender=do_id, setPin=u32(6), setMemo=text("m"))
    t.expect_nothing()
    t.expect_stored(do_id, "Keeper", **{**has, "setPin": u32(6), "setMemo": text("m")})
    t.update(do_id, sender=do_id + 1, setPin=u32(7))
    t.expect(t.updated(do_id, [("setPin", u32(7))]))


def test_updates_that_are_refused_change_nothing(t):
    """One bad field spoils all of it: unknown, of another class, not stored, a bad value."""
    do_id, has = keeper(t, setPin=u32(1))
    bad = BAD_VALUES + [(UNKNOWN_FIELD, u32(1)), (FOREIGN_FIELD, text("t")), ("setMeal", text("m")),
                        ("setGold", u32(1)), ("setFace", u8(1)), ("setMood", u8(1)), ("ping", u8(1)),
                        ("wag", u8(1, 2)), ("wagA", u8(1)), (0xFFFF, b"")]
    for pair in bad:
        t.update(do_id, [pair])
        t.update(do_id, [("setPin", u32(9)), pair])
        t.update(do_id, [pair, ("setPin", u32(9))])
        if t.astron:
            t.send("DbUpdateField", do_id=do_id, field=NUMBERS.get(pair[0], pair[0]), value=pair[1])
    t.expect_nothing()
    t.expect_stored(do_id, "Keeper", **has)


def test_updates_of_objects_that_are_not(t):
    t.hear_of(NOBODY, 0, 1)
    for do_id in (NOBODY, 0, 1, 0xFFFF_FFFF):
        t.update(do_id, setPin=u32(1))
    t.expect_nothing()
    t.expect_none(NOBODY, 0, 1, 0xFFFF_FFFF)


def test_truncated_and_overlong_updates(t):
    do_id, has = keeper(t, setPin=u32(1))
    pairs = packed([("setPin", u32(2)), ("setMemo", text("m"))])
    messages = [t.d.encode("DbUpdate", context=1, do_id=do_id, count=2, fields=pairs)]
    if t.astron:
        messages.append(t.d.encode("DbUpdateField", do_id=do_id, field=NUMBERS["setPin"], value=u32(2)))
    for whole in messages:
        for length in range(2, len(whole)):
            t.me.send_raw(CONTROL, whole[:length])
        t.me.send_raw(CONTROL, whole + b"\0")
        t.me.send_raw(CONTROL, whole + bytes(60))
    t.expect_nothing()
    t.expect_stored(do_id, "Keeper", **has)


def test_an_object_cannot_grow_over_the_limit(t):
    """65,000 bytes: what would go over it is refused, what makes room is not."""
    left = text(b"l" * 30_000)
    rest = 65_000 - 4 * 2 - 2 * len(left) - len(text("crate"))
    do_id = t.create("Crate", setLeft=left, setRight=left)
    t.hear_of(do_id)
    t.update(do_id, setTop=text(b"t" * (rest - 1)))
    t.expect_nothing()
    top = text(b"t" * (rest - 2))
    t.update(do_id, setTop=top)
    t.expect(t.updated(do_id, [("setTop", top)]))
    t.update(do_id, setTag=text("crate!"))
    t.expect_nothing()
    t.update(do_id, setTag=text("crate!"), setLeft=text("l"))
    t.expect(t.updated(do_id, [("setTag", text("crate!")), ("setLeft", text("l"))]))
    t.expect_stored(do_id, "Crate", setTag=text("crate!"), setLeft=text("l"), setRight=left, setTop=top)


def test_two_who_update_different_fields_lose_nothing(t):
    do_id, has = keeper(t)
    t.me.unsubscribe(t.d.stored_channel(do_id))
    other = t.connect()
    for number in range(300):
        t.update(do_id, setPin=u32(number))
        t.update(do_id, by=other, setTwin=u32(number))
    t.settle(other)
    t.expect_stored(do_id, "Keeper", **{**has, "setPin": u32(299), "setTwin": u32(299)})


def test_without_broadcast_nothing_is_said(t):
    quiet = t.own(database_role(more=", broadcast: false"))
    do_id, has = keeper(quiet)
    quiet.update(do_id, setPin=u32(2))
    quiet.expect_nothing()
    quiet.expect_stored(do_id, "Keeper", **{**has, "setPin": u32(2)})
    quiet.delete(do_id)
    quiet.expect_nothing()
    quiet.expect_none(do_id)


@only("astron")
def test_the_channel_of_all_databases(t):
    """Channel 13 is heard as well, and the answer comes from the control channel."""
    context = t.context()
    t.send("DbCreate", to=13, context=context, dclass=7, count=0, fields=b"")
    heard = t.me.hear()
    assert heard and heard.name == "DbCreateResp" and heard.sender == CONTROL, heard
    t.expect_stored(heard.args["do_id"], "Keeper", **t.defaults("Keeper"))
