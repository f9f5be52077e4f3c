"""Class queries (`openotp`): select, update and delete all objects of which comparisons hold."""

from base import CONTROL, INDEXES, KILL, compared, database_role, only, packed
from depot import FOREIGN_FIELD, STRUCT_CLASS, UNKNOWN_CLASS, UNKNOWN_FIELD
from test_db_create import BAD_VALUES
from world import i16, text, u8, u16, u32

EQUALS, NOT_EQUALS = 0, 1
KILL_SPELT, DIE = 0x6C6C694B, 0x44696521


def crowd(t, count=24, dclass="Keeper"):
    """Objects of a mark of their own: setUser is indexed and setMemo is not; both are the mark."""
    mark = text(f"mark {t.context()}")
    ids = [t.create(dclass, setUser=mark, setMemo=mark, setPin=u32(n % 4), setTwin=u32(n % 4),
                    **({} if n % 3 else {"setTally": i16(n)})) for n in range(count)]
    return mark, ids


@only("openotp")
def test_equals_with_and_without_an_index(t):
    mark, ids = crowd(t)
    for name in ("setUser", "setMemo"):
        found = t.query("Keeper", (EQUALS, name, mark))
        assert found == ids, (name, found)
        assert t.query("Keeper", (EQUALS, name, mark + b"x"[:0]), (EQUALS, "setPin", u32(9))) == []


@only("openotp")
def test_an_index_answers_what_a_scan_answers(t):
    """setPin is indexed, setTwin is its twin without an index: whatever is done to both."""
    mark, ids = crowd(t)
    only_these = (EQUALS, "setMemo", mark)
    for number, do_id in enumerate(ids):
        if number % 5 == 0:
            t.update(do_id, setPin=u32(77), setTwin=u32(77))
        elif number % 7 == 0:
            t.delete(do_id)
    t.settle()
    left = [do_id for n, do_id in enumerate(ids) if n % 5 == 0 or n % 7]
    for op in (EQUALS, NOT_EQUALS):
        for value in (0, 1, 2, 3, 77, 78):
            by_index = t.query("Keeper", (op, "setPin", u32(value)), only_these)
            by_scan = t.query("Keeper", (op, "setTwin", u32(value)), only_these)
            model = [do_id for do_id in left if (pin(ids, do_id) == value) == (op == EQUALS)]
            assert by_index == by_scan == model, (op, value, by_index, by_scan, model)


def pin(ids, do_id):
    number = ids.index(do_id)
    return 77 if number % 5 == 0 else number % 4


@only("openotp")
def test_several_comparisons_must_all_hold(t):
    mark, ids = crowd(t)
    of_mark = (EQUALS, "setUser", mark)
    found = t.query("Keeper", (EQUALS, "setPin", u32(1)), of_mark, (NOT_EQUALS, "setTally", i16(9)))
    assert found == [do_id for n, do_id in enumerate(ids) if n % 4 == 1 and n != 9], found
    found = t.query("Keeper", (EQUALS, "setPin", u32(1)), (EQUALS, "setPin", u32(2)), of_mark)
    assert found == [], found
    found = t.query("Keeper", of_mark, (NOT_EQUALS, "setPin", u32(1)), (NOT_EQUALS, "setPin", u32(2)))
    assert found == [do_id for n, do_id in enumerate(ids) if n % 4 in (0, 3)], found


@only("openotp")
def test_a_field_without_a_value_differs_from_everything(t):
    """Also from its default: setPin has one, setTally has none."""
    mark, ids = crowd(t)
    bare = t.create("Keeper", setUser=mark)
    found = t.query("Keeper", (EQUALS, "setUser", mark), (NOT_EQUALS, "setTally", i16(3)))
    assert found == [do_id for n, do_id in enumerate(ids) if n != 3] + [bare], found
    for value in (7, 0):
        assert bare in t.query("Keeper", (EQUALS, "setUser", mark), (NOT_EQUALS, "setPin", u32(value)))
        assert bare not in t.query("Keeper", (EQUALS, "setUser", mark), (EQUALS, "setPin", u32(value)))


@only("openotp")
def test_no_comparison_is_the_whole_class(t):
    """And not its subclasses."""
    own = t.own(None)
    assert own.query("HeadKeeper") == []
    heads = [own.create("HeadKeeper") for _ in range(5)]
    keepers = [own.create("Keeper") for _ in range(5)]
    own.delete(heads[2])
    own.settle()
    bystanders = {do_id for do_id, _ in own.park.bystanders}
    assert own.query("HeadKeeper") == heads[:2] + heads[3:]
    assert [n for n in own.query("Keeper") if n not in bystanders] == keepers
    assert own.query("Engine") == []


@only("openotp")
def test_an_inherited_field_in_a_comparison(t):
    mark = text(f"head {t.context()}")
    head = t.create("HeadKeeper", setUser=mark, setMeal=text("fish"))
    keeper = t.create("Keeper", setUser=mark)
    assert t.query("HeadKeeper", (EQUALS, "setUser", mark)) == [head]
    assert t.query("HeadKeeper", (EQUALS, "setMeal", text("fish")), (EQUALS, "setUser", mark)) == [head]
    assert t.query("Keeper", (EQUALS, "setUser", mark)) == [keeper]


def bad_comparisons():
    """COMPARISON_QUERYs that make no sense."""
    fields = [(UNKNOWN_FIELD, u32(1)), (FOREIGN_FIELD, text("t")), ("setMeal", text("m")), ("setMood", u8(1)),
              ("setFace", u8(3)), ("wagA", u8(1)), ("setPQ", u8(1) + u16(2))]
    queries = [compared([(EQUALS, name, value)]) for name, value in BAD_VALUES + fields]
    queries += [compared([(op, "setPin", u32(1))]) for op in (2, 7, 255)]
    good = compared([(EQUALS, "setPin", u32(1))])
    queries += [good[:length] for length in range(len(good))] + [good + b"\0", u16(2) + good[2:]]
    return queries


@only("openotp")
def test_questions_that_make_no_sense_find_nothing(t):
    crowd(t, 3)
    for query in bad_comparisons():
        found = t.ask("DbSelectQuery", dclass=7, comparisons=query)
        assert found["do_ids"] == [], (query, found)
    for dclass in (UNKNOWN_CLASS, STRUCT_CLASS, 0x1_0007, 0xFFFF_FFFF):
        assert t.query(dclass) == [], dclass
    for length in range(4):
        t.me.send_raw(CONTROL, u16(1016) + u32(5)[:length])
    t.expect_nothing()


@only("openotp")
def test_who_asks_behind_an_update_sees_it(t):
    mark, ids = crowd(t, 4)
    for number in range(30):
        t.update(ids[number % 4], setPin=u32(1000 + number))
        t.settle(rounds=1)
        found = t.query("Keeper", (EQUALS, "setPin", u32(1000 + number)), (EQUALS, "setMemo", mark))
        assert found == [ids[number % 4]], (number, found)


@only("openotp")
def test_all_that_match_are_updated(t):
    mark, ids = crowd(t)
    t.hear_of(*ids)
    send_update(t, [(EQUALS, "setUser", mark), (EQUALS, "setPin", u32(2))],
                [("setTally", i16(-9)), ("setPin", u32(50))])
    changed = [do_id for n, do_id in enumerate(ids) if n % 4 == 2]
    t.me.expect_set([t.updated(do_id, [("setTally", i16(-9)), ("setPin", u32(50))]) for do_id in changed])
    t.expect_nothing()
    assert t.query("Keeper", (EQUALS, "setMemo", mark), (EQUALS, "setPin", u32(50))) == changed
    assert t.query("Keeper", (EQUALS, "setMemo", mark), (EQUALS, "setPin", u32(2))) == []
    assert t.query("Keeper", (EQUALS, "setMemo", mark), (EQUALS, "setTally", i16(-9))) == changed
    t.expect_stored(changed[0], "Keeper", setUser=mark, setMemo=mark, setPin=u32(50), setTwin=u32(2),
                    setTally=i16(-9))


def send_update(t, comparisons, pairs, dclass=7):
    t.send("DbUpdateQuery", dclass=dclass,
           comparisons=compared(comparisons) + u16(len(pairs)) + packed(pairs))


@only("openotp")
def test_an_update_of_no_field_is_nothing(t):
    """In a query, of one object, and as an exchange, which is done."""
    mark, ids = crowd(t, 6)
    t.hear_of(*ids)
    send_update(t, [(EQUALS, "setUser", mark)], [])
    t.update(ids[0])
    assert t.exchange_all(ids[0], [])["ret_code"] == 0
    t.expect_nothing()


@only("openotp")
def test_all_that_match_are_deleted(t):
    mark, ids = crowd(t)
    t.hear_of(*ids)
    for code, value in ((KILL, 2), (KILL_SPELT, 3)):
        query = compared([(EQUALS, "setUser", mark), (EQUALS, "setPin", u32(value))])
        t.send("DbDeleteQuery", verify_code=code, dclass=7, comparisons=query)
        gone = [do_id for n, do_id in enumerate(ids) if n % 4 == value]
        t.me.expect_set([t.deleted(do_id) for do_id in gone])
        t.expect_none(*gone)
    t.expect_nothing()
    assert t.query("Keeper", (EQUALS, "setMemo", mark)) == [d for n, d in enumerate(ids) if n % 4 < 2]
    assert t.query("Keeper", (EQUALS, "setUser", mark)) == [d for n, d in enumerate(ids) if n % 4 < 2]


@only("openotp")
def test_wrong_verify_codes_delete_nothing(t):
    mark, ids = crowd(t, 6)
    t.hear_of(*ids)
    for code in (0, DIE, 0x21656944, KILL + 1):
        query = compared([(EQUALS, "setUser", mark)])
        t.send("DbDeleteQuery", verify_code=code, dclass=7, comparisons=query)
    t.expect_nothing()
    assert t.query("Keeper", (EQUALS, "setUser", mark)) == ids


@only("openotp")
def test_updates_and_deletions_that_make_no_sense_do_nothing(t):
    """`KILL` with a bad query must not be taken for the whole class."""
    mark, ids = crowd(t, 6)
    t.hear_of(*ids)
    for query in bad_comparisons():
        t.send("DbDeleteQuery", verify_code=KILL, dclass=7, comparisons=query)
        t.send("DbUpdateQuery", dclass=7, comparisons=query + u16(1) + packed([("setTwin", u32(9))]))
    for name, value in BAD_VALUES + [(UNKNOWN_FIELD, u8(1)), ("setMood", u8(1)), ("setMeal", text("m"))]:
        send_update(t, [(EQUALS, "setUser", mark)], [("setTwin", u32(9)), (name, value)])
    for dclass in (UNKNOWN_CLASS, STRUCT_CLASS):
        t.send("DbDeleteQuery", verify_code=KILL, dclass=dclass, comparisons=u16(0))
        send_update(t, [], [("setTwin", u32(9))], dclass)
    whole = t.d.encode("DbUpdateQuery", dclass=7, comparisons=compared([(EQUALS, "setUser", mark)])
                       + u16(1) + packed([("setTwin", u32(9))]))
    for message in [whole[:length] for length in range(2, len(whole))] + [whole + b"\0"]:
        t.me.send_raw(CONTROL, message)
    t.expect_nothing()
    assert t.query("Keeper", (EQUALS, "setUser", mark), (NOT_EQUALS, "setTwin", u32(9))) == ids


@only("openotp")
def test_a_crowd_of_thousands(t):
    """More than an instance looks at in one slice; and the answer is in order."""
    mark, by, count = text(f"many {t.context()}"), t.me, 5_000
    fields = packed([("setUser", mark), ("setMemo", mark)])
    for number in range(count):
        t.send("DbCreate", context=number, dclass=7, count=2, fields=fields)
    ids = sorted(by.hear().args["do_id"] for _ in range(count))
    assert t.query("Keeper", (EQUALS, "setMemo", mark)) == ids
    assert t.query("Keeper", (EQUALS, "setUser", mark)) == ids
    t.hear_of(*ids)
    send_update(t, [(EQUALS, "setMemo", mark)], [("setTwin", u32(1))])
    t.me.expect_set([t.updated(do_id, [("setTwin", u32(1))]) for do_id in ids])
    query = compared([(EQUALS, "setTwin", u32(1)), (EQUALS, "setUser", mark)])
    t.send("DbDeleteQuery", verify_code=KILL, dclass=7, comparisons=query)
    t.me.expect_set([t.deleted(do_id) for do_id in ids])
    assert t.query("Keeper", (EQUALS, "setMemo", mark)) == []


@only("openotp")
def test_an_answer_brings_at_most_16_000(t):
    """The lowest ones; what is beyond is asked for with further comparisons."""
    own, count = t.own(None), 16_050
    message = own.d.encode("DbCreate", context=1, dclass=8, count=0, fields=b"")
    for _ in range(count):
        own.me.send_raw(CONTROL, message)
    ids = sorted(own.me.hear().args["do_id"] for _ in range(count))
    assert own.query("HeadKeeper") == ids[:16_000]
    for do_id in ids[100:200]:
        own.update(do_id, setMeal=text("fish"))
    own.settle()
    assert own.query("HeadKeeper", (EQUALS, "setMeal", text("fish"))) == ids[100:200]
    assert own.query("HeadKeeper", (NOT_EQUALS, "setMeal", text("fish"))) == (ids[:100] + ids[200:])[:16_000]


@only("openotp")
def test_in_small_slices_it_comes_out_the_same(t):
    """Two objects at once: what is changed meanwhile is changed, and each object is told once."""
    own = t.own(database_role(indexes=INDEXES, more=", limits: {objects_at_once: 2}"))
    mark, ids = crowd(own, 60)
    for name in ("setUser", "setMemo"):
        assert own.query("Keeper", (EQUALS, name, mark)) == ids
    own.hear_of(*ids)
    send_update(own, [(EQUALS, "setMemo", mark)], [("setTally", i16(1))])
    own.me.expect_set([own.updated(do_id, [("setTally", i16(1))]) for do_id in ids])
    query = compared([(EQUALS, "setMemo", mark), (NOT_EQUALS, "setPin", u32(1))])
    own.send("DbDeleteQuery", verify_code=KILL, dclass=7, comparisons=query)
    own.me.expect_set([own.deleted(do_id) for n, do_id in enumerate(ids) if n % 4 != 1])
    assert own.query("Keeper", (EQUALS, "setUser", mark)) == ids[1::4]
    own.expect_nothing()


@only("openotp")
def test_more_queries_at_once_than_there_may_be(t):
    """Each is answered: by what there is, or by nothing."""
    own = t.own(database_role(more=", limits: {queries_max: 2, objects_at_once: 2}"))
    mark, ids = crowd(own, 40)
    query, contexts = compared([(EQUALS, "setMemo", mark)]), set(range(50))
    for context in contexts:
        own.send("DbSelectQuery", context=context, dclass=7, comparisons=query)
    answers = {}
    for _ in contexts:
        heard = own.me.hear()
        assert heard and heard.name == "DbSelectQueryResp", heard
        answers[heard.args["context"]] = heard.args["do_ids"]
    assert set(answers) == contexts, answers.keys()
    assert all(found in (ids, []) for found in answers.values()), answers
    assert own.query("Keeper", (EQUALS, "setMemo", mark)) == ids


@only("astron")
def test_astron_has_no_queries(t):
    keeper = t.create("Keeper", setUser=text("q"))
    for number in (1003, 1008, 1010, 1012, 1014, 1016, 1018, 1020, 1024):
        t.me.send_raw(CONTROL, u16(number) + u32(1) + u32(keeper) + u16(0))
    t.me.send_raw(CONTROL, u16(1010) + u32(KILL) + u16(7) + u16(0))
    t.expect_nothing()
    assert t.stored(keeper) is not None
