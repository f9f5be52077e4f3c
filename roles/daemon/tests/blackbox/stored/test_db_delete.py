"""Deletion of objects and, in `astron`, of fields."""

from base import CONTROL, DIE, only
from depot import FIELDS, FOREIGN_FIELD, UNKNOWN_FIELD
from test_db_update import NOBODY, keeper
from world import NUMBERS, i16, text, u8, u16, u32

DIE_SPELT, KILL, KILL_SPELT = 0x21656944, 0x4B696C6C, 0x6C6C694B


def test_an_object_is_deleted_and_it_is_said(t):
    do_id, _ = keeper(t, setMemo=text("m"))
    t.delete(do_id)
    t.expect(t.deleted(do_id))
    t.expect_none(do_id)
    t.delete(do_id)
    t.update(do_id, setPin=u32(1))
    t.expect_nothing()
    t.expect_none(do_id)


def test_its_id_is_not_given_again(t):
    do_id, _ = keeper(t)
    t.delete(do_id)
    t.expect(t.deleted(do_id))
    assert all(t.create("Keeper") > do_id for _ in range(20))


@only("openotp")
def test_both_spellings_of_the_verify_code(t):
    for code in (DIE, DIE_SPELT):
        do_id, _ = keeper(t)
        t.delete(do_id, verify_code=code)
        t.expect(t.deleted(do_id))
        t.expect_none(do_id)


@only("openotp")
def test_wrong_verify_codes(t):
    do_id, has = keeper(t)
    for code in (0, 1, KILL, KILL_SPELT, DIE + 1, 0xFFFF_FFFF):
        t.delete(do_id, verify_code=code)
    t.expect_nothing()
    t.expect_stored(do_id, "Keeper", **has)


def test_truncated_and_overlong(t):
    do_id, has = keeper(t)
    whole = t.d.encode("DbDelete", verify_code=DIE, do_id=do_id)
    for message in [whole[:length] for length in range(2, len(whole))] + [whole + b"\0", whole + bytes(9)]:
        t.me.send_raw(CONTROL, message)
    t.expect_nothing()
    t.expect_stored(do_id, "Keeper", **has)


def test_objects_that_are_not(t):
    t.hear_of(NOBODY)
    for do_id in (NOBODY, 0, 5, 0xFFFF_FFFF):
        t.delete(do_id)
    t.expect_nothing()


def test_what_follows_a_deletion_finds_nothing(t):
    """In one breath: update, delete, update, read."""
    do_id, _ = keeper(t)
    context = t.context()
    t.update(do_id, setPin=u32(1))
    t.delete(do_id)
    t.update(do_id, setPin=u32(2))
    t.send("DbSelectAll", context=context, do_id=do_id)
    t.expect(t.updated(do_id, [("setPin", u32(1))]), t.deleted(do_id))
    heard = t.me.hear()
    assert heard and heard.args["context"] == context, heard
    assert not heard.args.get("success", 0) and heard.args.get("dclass", 0xFFFF) == 0xFFFF, heard


def test_the_sender_of_the_announcement(t):
    do_id, _ = keeper(t)
    sender = t.channel()
    t.send("DbDelete", sender=sender, do_id=do_id, verify_code=DIE)
    t.expect(t.deleted(do_id, by=sender))


@only("astron")
def test_a_field_is_deleted(t):
    do_id, has = keeper(t, setMemo=text("m"), setTally=i16(2))
    t.send("DbDeleteField", do_id=do_id, field=NUMBERS["setMemo"])
    t.expect(field_deleted(t, do_id, "setMemo"))
    del has["setMemo"]
    t.expect_stored(do_id, "Keeper", **has)


def field_deleted(t, do_id, *names):
    numbers = [NUMBERS[name] for name in names]
    to = t.d.stored_channel(do_id)
    if len(numbers) == 1:
        return t.dg(to, t.me.channel, "DbDeleteField", do_id=do_id, field=numbers[0])
    return t.dg(to, t.me.channel, "DbDeleteFields", do_id=do_id, fields=numbers)


@only("astron")
def test_a_field_with_a_default_goes_back_to_it(t):
    do_id, has = keeper(t, setPin=u32(1), rooms=u16(2), setTrip=u32(5) + u8(1))
    t.send("DbDeleteFields", do_id=do_id, fields=[NUMBERS[n] for n in ("setPin", "setTrip", "rooms")])
    t.expect(field_deleted(t, do_id, "setPin", "setTrip", "rooms"))
    defaults = {name: FIELDS[NUMBERS[name]].explicit for name in ("setPin", "setTrip", "rooms")}
    t.expect_stored(do_id, "Keeper", **{**has, **defaults})


@only("astron")
def test_deleting_what_is_not_set_or_is_default_says_nothing(t):
    do_id, has = keeper(t)
    t.send("DbDeleteField", do_id=do_id, field=NUMBERS["setMemo"])
    t.send("DbDeleteField", do_id=do_id, field=NUMBERS["setPin"])
    t.send("DbDeleteFields", do_id=do_id, fields=[NUMBERS["setMemo"], NUMBERS["setPin"]])
    t.expect_nothing()
    t.expect_stored(do_id, "Keeper", **has)


@only("astron")
def test_only_the_fields_that_changed_are_said(t):
    do_id, has = keeper(t, setMemo=text("m"), setTally=i16(2))
    t.send("DbDeleteFields", do_id=do_id, fields=[NUMBERS[n] for n in ("setPin", "setMemo", "setTwin")])
    t.expect(field_deleted(t, do_id, "setMemo"))
    del has["setMemo"]
    t.expect_stored(do_id, "Keeper", **has)


@only("astron")
def test_field_deletions_that_are_refused(t):
    """One bad field spoils all of it; molecular ones are bad here."""
    do_id, has = keeper(t, setMemo=text("m"), setP=u8(1), setQ=u16(2))
    for name in (UNKNOWN_FIELD, FOREIGN_FIELD, "setMeal", "setMood", "setFace", "wag", "setPQ"):
        number = NUMBERS.get(name, name)
        t.send("DbDeleteField", do_id=do_id, field=number)
        t.send("DbDeleteFields", do_id=do_id, fields=[NUMBERS["setMemo"], number])
    for name, args in {"DbDeleteField": dict(field=NUMBERS["setMemo"]),
                       "DbDeleteFields": dict(fields=[NUMBERS["setMemo"]])}.items():
        whole = t.d.encode(name, do_id=do_id, **args)
        for message in [whole[:length] for length in range(2, len(whole))] + [whole + b"\0"]:
            t.me.send_raw(CONTROL, message)
        t.send(name, do_id=NOBODY, **args)
    t.expect_nothing()
    t.expect_stored(do_id, "Keeper", **has)
