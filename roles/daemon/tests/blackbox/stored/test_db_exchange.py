"""Update if equals, and if empty: all or nothing, and what the answer brings along."""

from base import CONTROL, only, packed
from depot import FOREIGN_FIELD, UNKNOWN_FIELD
from test_db_create import BAD_VALUES
from test_db_update import NOBODY, keeper
from world import NUMBERS, i16, text, u8, u16, u32

DONE, DIFFERS, NO_OBJECT, BAD = 0, 1, 2, 3


def verdict(t, args):
    """`done`, or what the failure was, with the bytes that follow."""
    if t.astron:
        return ("done" if args["success"] else "not"), args["fields"]
    return {DONE: "done", DIFFERS: "not", NO_OBJECT: "nobody", BAD: "bad"}[args["ret_code"]], args["fields"]


def differs(t, *pairs):
    """The answer that brings the current values."""
    if not t.astron:
        return "not", b"".join(value for _, value in pairs)
    ascending = sorted((NUMBERS[name], value) for name, value in pairs)
    return "not", u16(len(ascending)) + packed(ascending)


def test_what_is_equal_is_replaced(t):
    do_id, has = keeper(t, setPin=u32(1))
    t.me.unsubscribe(t.d.stored_channel(do_id))
    answer = t.exchange(do_id, "setPin", u32(1), u32(2))
    assert verdict(t, answer) == ("done", b""), answer
    t.expect_stored(do_id, "Keeper", **{**has, "setPin": u32(2)})


def test_what_differs_is_told(t):
    do_id, has = keeper(t, setPin=u32(1))
    answer = t.exchange(do_id, "setPin", u32(3), u32(2))
    assert verdict(t, answer) == differs(t, ("setPin", u32(1))), answer
    t.expect_nothing()
    t.expect_stored(do_id, "Keeper", **has)


def test_several_at_once_all_or_nothing(t):
    do_id, has = keeper(t, setTally=i16(4), setPin=u32(1), setMemo=text("m"))
    answer = t.exchange_all(do_id, [("setTally", i16(4), i16(5)), ("setPin", u32(9), u32(2)),
                                    ("setMemo", text("m"), text("n"))])
    expected = differs(t, ("setTally", i16(4)), ("setPin", u32(1)), ("setMemo", text("m")))
    assert verdict(t, answer) == expected, answer
    t.expect_nothing()
    t.expect_stored(do_id, "Keeper", **has)
    t.me.unsubscribe(t.d.stored_channel(do_id))
    answer = t.exchange_all(do_id, [("setTally", i16(4), i16(5)), ("setPin", u32(1), u32(2)),
                                    ("setMemo", text("m"), text("n"))])
    assert verdict(t, answer) == ("done", b""), answer
    t.expect_stored(do_id, "Keeper", **{**has, "setTally": i16(5), "setPin": u32(2), "setMemo": text("n")})


def test_it_is_announced_like_an_update(t):
    do_id, _ = keeper(t, setPin=u32(1), setMemo=text("m"))
    hearer = t.connect()
    t.me.unsubscribe(t.d.stored_channel(do_id))
    hearer.subscribe(t.d.stored_channel(do_id))
    t.settle(hearer)
    t.exchange(do_id, "setPin", u32(1), u32(2))
    hearer.expect(t.updated(do_id, [("setPin", u32(2))]))
    t.exchange_all(do_id, [("setPin", u32(2), u32(3)), ("setMemo", text("m"), text("n"))])
    hearer.expect(t.updated(do_id, [("setPin", u32(3)), ("setMemo", text("n"))]))


@only("openotp")
def test_a_field_that_was_never_set_has_its_default(t):
    """In the answer: setTwin has no explicit one, setPin has."""
    do_id, has = keeper(t, setMemo=text("m"))
    answer = t.exchange_all(do_id, [("setTwin", u32(5), u32(6)), ("setMemo", text("m"), text("n")),
                                    ("setPin", u32(7), u32(8))])
    assert verdict(t, answer) == ("not", u32(0) + text("m") + u32(7)), answer
    t.expect_nothing()


@only("astron")
def test_a_field_that_was_never_set_is_not_equal_and_not_told(t):
    do_id, has = keeper(t, setMemo=text("m"))
    answer = t.exchange_all(do_id, [("setTwin", u32(0), u32(6)), ("setMemo", text("m"), text("n"))])
    assert verdict(t, answer) == differs(t, ("setMemo", text("m"))), answer
    answer = t.ask("DbFieldIfEquals", do_id=do_id, field=NUMBERS["setTwin"], values=u32(0, 6))
    assert verdict(t, answer) == ("not", b""), answer
    t.expect_nothing()
    t.expect_stored(do_id, "Keeper", **has)


@only("astron")
def test_one_field(t):
    do_id, has = keeper(t, setPin=u32(1))
    answer = t.ask("DbFieldIfEquals", do_id=do_id, field=NUMBERS["setPin"], values=u32(5, 2))
    assert verdict(t, answer) == ("not", packed([("setPin", u32(1))])), answer
    t.me.unsubscribe(t.d.stored_channel(do_id))
    answer = t.ask("DbFieldIfEquals", do_id=do_id, field=NUMBERS["setPin"], values=u32(1, 2))
    assert verdict(t, answer) == ("done", b""), answer
    t.expect_stored(do_id, "Keeper", **{**has, "setPin": u32(2)})


@only("astron")
def test_if_empty(t):
    do_id, has = keeper(t)
    t.me.unsubscribe(t.d.stored_channel(do_id))
    ask = lambda name, value: verdict(t, t.ask("DbFieldIfEmpty", do_id=do_id, field=NUMBERS[name], value=value))
    assert ask("setMemo", text("a")) == ("done", b"")
    assert ask("setMemo", text("b")) == ("not", packed([("setMemo", text("a"))]))
    assert ask("setPin", u32(8)) == ("not", packed([("setPin", u32(7))]))
    t.send("DbDeleteField", do_id=do_id, field=NUMBERS["setMemo"])
    assert ask("setMemo", text("c")) == ("done", b"")
    t.expect_stored(do_id, "Keeper", **has, setMemo=text("c"))


@only("astron")
def test_if_empty_is_announced(t):
    do_id, _ = keeper(t)
    hearer = t.connect()
    t.me.unsubscribe(t.d.stored_channel(do_id))
    hearer.subscribe(t.d.stored_channel(do_id))
    t.settle(hearer)
    t.ask("DbFieldIfEmpty", do_id=do_id, field=NUMBERS["setMemo"], value=text("a"))
    hearer.expect(t.updated(do_id, [("setMemo", text("a"))]))
    t.ask("DbFieldIfEmpty", do_id=do_id, field=NUMBERS["setMemo"], value=text("b"))
    t.expect_nothing(hearer)


def bad_fields():
    """(field, a value of it) that cannot be exchanged."""
    return BAD_VALUES + [(UNKNOWN_FIELD, u32(1)), (FOREIGN_FIELD, text("t")), ("setMeal", text("m")),
                         ("setGold", u32(1)), ("setFace", u8(3)), ("setMood", u8(1)), ("wagA", u8(1))]


def test_bad_fields_and_values(t):
    do_id, has = keeper(t, setPin=u32(1))
    expected = ("not", b"") if t.astron else ("bad", b"")
    for name, value in bad_fields():
        for triples in ([(name, value, value)], [("setPin", u32(1), u32(2)), (name, value, value)],
                        [(name, value, value), ("setPin", u32(1), u32(2))]):
            answer = t.exchange_all(do_id, triples)
            assert verdict(t, answer) == expected, (name, value, answer)
    good = dict(setUser=text("nobody"), setTally=i16(0), setTrip=u32(0) + u8(2), rooms=u16(40))
    for name, value in BAD_VALUES[:-2]:
        if name in good:
            answer = t.exchange(do_id, name, good[name], value)
            assert verdict(t, answer) == expected, (name, value, answer)
    t.expect_nothing()
    t.expect_stored(do_id, "Keeper", **has)


@only("astron")
def test_bad_fields_in_the_singular(t):
    do_id, has = keeper(t, setPin=u32(1))
    for name, value in bad_fields():
        number = NUMBERS.get(name, name)
        messages = {"DbFieldIfEquals": dict(values=value + value), "DbFieldIfEmpty": dict(value=value)}
        for message, args in messages.items():
            answer = t.ask(message, do_id=do_id, field=number, **args)
            assert verdict(t, answer) == ("not", b""), (name, value, answer)
    t.expect_nothing()
    t.expect_stored(do_id, "Keeper", **has)


def test_objects_that_are_not(t):
    expected = ("not", b"") if t.astron else ("nobody", b"")
    for do_id in (NOBODY, 0, 5, 0xFFFF_FFFF):
        answer = t.exchange(do_id, "setPin", u32(7), u32(8))
        assert verdict(t, answer) == expected, answer
        if t.astron:
            messages = {"DbFieldIfEquals": dict(values=u32(7, 8)), "DbFieldIfEmpty": dict(value=u32(8))}
            for name, args in messages.items():
                answer = t.ask(name, do_id=do_id, field=NUMBERS["setPin"], **args)
                assert verdict(t, answer) == expected, answer


def test_a_deleted_object_is_not(t):
    do_id, _ = keeper(t)
    t.delete(do_id)
    t.expect(t.deleted(do_id))
    answer = t.exchange(do_id, "setPin", u32(7), u32(8))
    assert verdict(t, answer) == (("not", b"") if t.astron else ("nobody", b"")), answer


def test_truncated_and_overlong(t):
    """Where the context can be read, a failure answers that brings nothing along."""
    do_id, has = keeper(t, setPin=u32(1))
    shapes = {"DbIfEquals": dict(count=1, fields=u16(NUMBERS["setPin"]) + u32(1, 2))}
    if t.astron:
        shapes["DbFieldIfEquals"] = dict(field=NUMBERS["setPin"], values=u32(1, 2))
        shapes["DbFieldIfEmpty"] = dict(field=NUMBERS["setMemo"], value=text("m"))
    for name, args in shapes.items():
        whole = t.d.encode(name, context=99, do_id=do_id, **args)
        for length in range(2, 6):
            t.me.send_raw(CONTROL, whole[:length])
        t.expect_nothing()
        for message in [whole[:length] for length in range(6, len(whole))] + [whole + b"\0"]:
            t.me.send_raw(CONTROL, message)
            heard = t.me.hear()
            assert heard and heard.args["context"] == 99 and heard.args["fields"] == b"", heard
            assert verdict(t, heard.args)[0] in (["not"] if t.astron else ["nobody", "bad"]), heard
    t.expect_nothing()
    t.expect_stored(do_id, "Keeper", **has)


def test_an_object_cannot_grow_over_the_limit(t):
    left = text(b"l" * 60_000)
    do_id = t.create("Crate", setLeft=left)
    answer = t.exchange(do_id, "setTag", text("crate"), text(b"t" * 5_000))
    assert verdict(t, answer) == (("not", b"") if t.astron else ("bad", b"")), answer
    t.expect_stored(do_id, "Crate", setTag=text("crate"), setLeft=left)


def test_one_of_two_wins(t):
    """Two who count the same number up: no step is lost, none is taken twice."""
    do_id = t.create("Keeper", setTwin=u32(0))
    other, wins, seen = t.connect(), 0, {t.me: 0}
    seen[other] = 0
    for _ in range(200):
        contexts = {}
        for by in seen:
            contexts[by] = t.context()
            t.send("DbIfEquals", by, context=contexts[by], do_id=do_id, count=1,
                   fields=u16(NUMBERS["setTwin"]) + u32(seen[by], seen[by] + 1))
        for by, context in contexts.items():
            heard = by.hear()
            assert heard and heard.args["context"] == context, heard
            done, fields = verdict(t, heard.args)
            wins += done == "done"
            seen[by] = seen[by] + 1 if done == "done" else int.from_bytes(fields[-4:], "little")
    t.expect_stored(do_id, "Keeper", **t.defaults("Keeper", setTwin=u32(wins)))
    assert wins >= 200, wins
