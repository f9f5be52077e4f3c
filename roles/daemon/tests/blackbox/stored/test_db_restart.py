"""What a database was told is there when it comes back, however it ended."""

from base import INDEXES, database_role, only
from test_db_query import crowd, EQUALS
from world import NUMBERS, i16, text, u16, u32


def story(t):
    """Objects with a past: (id, class, values), and ids that are gone."""
    kept, gone = [], []
    for number in range(40):
        do_id = t.create("Keeper", setPin=u32(number), setMemo=text(f"first {number}"))
        has = t.defaults("Keeper", setPin=u32(number), setMemo=text(f"first {number}"))
        if number % 2:
            t.update(do_id, setMemo=text("second " * (number % 9)), setTally=i16(number))
            has.update(setMemo=text("second " * (number % 9)), setTally=i16(number))
        if number % 5 == 0:
            t.delete(do_id)
            gone.append(do_id)
        else:
            kept.append((do_id, "Keeper", has))
    engine = dict(setPosX=i16(3), setGold=u32(70_000), setDiary=text("d" * 300))
    kept.append((t.create("Engine", **engine), "Engine", t.defaults("Engine", **engine)))
    crate = dict(setLeft=text(bytes(range(256)) * 100), setRight=text(b"r" * 30_000))
    kept.append((t.create("Crate", **crate), "Crate", t.defaults("Crate", **crate)))
    return kept, gone


def is_as_told(t, kept, gone):
    for do_id, dclass, has in kept:
        t.expect_stored(do_id, dclass, **has)
    t.expect_none(*gone)


def comes_back(t, kill):
    kept, gone = story(t)
    t.settle()
    t.restart(kill)
    is_as_told(t, kept, gone)
    highest = max(do_id for do_id, _, _ in kept)
    assert t.create("Keeper") > highest


def test_after_an_orderly_end(t):
    comes_back(t, kill=False)


def test_after_a_kill(t):
    comes_back(t, kill=True)


def test_after_one_end_after_the_other(t):
    kept, gone = [], []
    for round_ in range(4):
        more, less = story(t)
        kept, gone = kept + more, gone + less
        t.settle()
        t.restart(kill=round_ % 2 == 0)
        is_as_told(t, kept, gone)


def test_the_newest_id_is_not_given_again_though_its_object_is_gone(t):
    """Deleted, killed or stopped: ids go up."""
    for kill in (True, False):
        last = [t.create("Keeper") for _ in range(3)][-1]
        t.delete(last)
        t.settle()
        t.restart(kill)
        assert t.create("Keeper") > last
        t.expect_none(last)


def test_the_newest_id_is_not_given_again_though_nothing_is_left(t):
    own = t.own(database_role())
    made = [own.create("Keeper") for _ in range(5)]
    for do_id in made:
        own.delete(do_id)
        own.hear_of(do_id)
    for do_id in made:
        own.send("DbSelectAll", context=1, do_id=do_id)
    own.settle()
    for kill in (False, True, False):
        own.restart(kill)
        assert own.create("Keeper") > made[-1]


def test_what_was_answered_is_there_after_a_kill_at_once(t):
    """No settling: the answer itself is the promise."""
    for number in range(4):
        do_id = t.create("Keeper", setPin=u32(number))
        answer = t.exchange(do_id, "setPin", u32(number), u32(number + 100))
        t.restart(kill=True)
        assert answer.get("ret_code", 0) == 0 and answer.get("success", 1) == 1, answer
        t.expect_stored(do_id, "Keeper", **t.defaults("Keeper", setPin=u32(number + 100)))


def test_what_was_announced_is_there_after_a_kill_at_once(t):
    """So is what was read: an answer never shows what may yet be lost."""
    do_id = t.create("Keeper")
    t.hear_of(do_id)
    t.update(do_id, setPin=u32(1))
    t.expect(t.updated(do_id, [("setPin", u32(1))]))
    t.restart(kill=True)
    t.expect_stored(do_id, "Keeper", **t.defaults("Keeper", setPin=u32(1)))
    t.update(do_id, setPin=u32(2))
    seen = t.stored(do_id)[1]["setPin"]
    t.restart(kill=True)
    assert seen == u32(2), seen
    t.expect_stored(do_id, "Keeper", **t.defaults("Keeper", setPin=u32(2)))


@only("openotp")
def test_indexes_are_right_after_an_end(t):
    mark, ids = crowd(t)
    for number, do_id in enumerate(ids):
        if number % 3 == 0:
            t.update(do_id, setPin=u32(99), setTwin=u32(99))
        elif number % 5 == 0:
            t.delete(do_id)
    t.settle()
    expected = [do_id for n, do_id in enumerate(ids) if n % 3 == 0]
    for kill in (False, True):
        t.restart(kill)
        for name in ("setPin", "setTwin"):
            found = t.query("Keeper", (EQUALS, name, u32(99)), (EQUALS, "setUser", mark))
            assert found == expected, (name, found)
        left = t.query("Keeper", (EQUALS, "setUser", mark))
        assert left == [d for n, d in enumerate(ids) if n % 3 == 0 or n % 5], left


def test_another_number_of_shards(t):
    """And other indexes: what is stored is the same."""
    own = t.own(database_role(indexes=INDEXES))
    kept, gone = story(own)
    own.settle()
    config = own.park.daemon.config
    for shards, indexes in ((3, []), (1, ["Keeper.setTwin"]), (2, INDEXES)):
        text_ = config.read_text().replace(f"shards: {own.park.shards}\n", f"shards: {shards}\n")
        text_ = text_[: text_.index("indexes:")] + f"indexes: [{', '.join(indexes)}]}}}}\n"
        config.write_text(text_)
        own.park.shards = shards
        own.restart(kill=shards == 1)
        is_as_told(own, kept, gone)
        if not own.astron:
            for name in ("setPin", "setTwin"):
                found = own.query("Keeper", (EQUALS, name, u32(3)))
                assert found == [d for d, _, has in kept if has.get(name) == u32(3)], (name, found)


def test_fields_and_classes_that_the_dc_file_has_no_more(t):
    """The DC file is read by name: numbers may move, as they do when a field is added above."""
    own = t.own(database_role())
    do_id = own.create("Keeper", setMemo=text("m"), setTally=i16(5))
    own.settle()
    file = own.park.daemon.folder / "depot.dc"
    said = file.read_text()
    file.write_text(said.replace("dclass Keeper {\n", "dclass Keeper {\n  setExtra(uint8 extra) db;\n"))
    own.restart()
    numbers = [NUMBERS["setMemo"] + 1, NUMBERS["setTally"] + 1]
    moved = own.ask("DbSelect", do_id=do_id, fields=numbers)["fields"]
    values = [text("m"), i16(5)]
    expected = u16(2) + b"".join(u16(n) + v for n, v in zip(numbers, values)) if t.astron else b"".join(values)
    assert moved == expected, moved
    file.write_text(said)
    own.restart(kill=True)
    own.expect_stored(do_id, "Keeper", **own.defaults("Keeper", setMemo=text("m"), setTally=i16(5)))


def test_a_field_that_the_dc_file_has_no_more_keeps_its_values(t):
    """They are there again when it has the field again; so is what has only a wider range."""
    own = t.own(database_role())
    do_id = own.create("Keeper", setMemo=text("m"), setTally=i16(5))
    file = own.park.daemon.folder / "depot.dc"
    said = file.read_text()
    wider = said.replace("int16(-3000-3000) tally", "int16(-4000-4000) tally")
    file.write_text(wider.replace("  setMemo(string(0-200) memo) db;\n", ""))
    own.restart()
    new = own.create("Keeper")
    own.update(do_id, [(NUMBERS["setTally"] - 1, i16(3_500))])
    own.send("DbSelectAll", context=1, do_id=do_id)
    heard = own.me.hear()
    assert heard and text("m") not in heard.message and i16(3_500) in heard.message, heard
    file.write_text(wider)
    own.restart(kill=True)
    answer = own.ask("DbSelect", do_id=do_id, fields=[NUMBERS["setMemo"]])
    assert text("m") in answer["fields"], answer
    assert own.stored(new) is not None


def test_a_field_that_would_be_misread(t):
    """Its type has changed: the daemon does not start, and says which it is."""
    own = t.own(database_role())
    do_id = own.create("Keeper", setTally=i16(5))
    file = own.park.daemon.folder / "depot.dc"
    said = file.read_text()
    for other in ("uint32 tally", "string tally"):
        own.park.stop()
        file.write_text(said.replace("int16(-3000-3000) tally", other))
        own.park.daemon.start()
        assert own.park.daemon.ends() in (1, 2), own.park.daemon.log_tail()
        assert "setTally" in own.park.daemon.log_tail(), own.park.daemon.log_tail()
        file.write_text(said)
        own.start_again()
        own.expect_stored(do_id, "Keeper", **own.defaults("Keeper", setTally=i16(5)))


def test_a_value_that_a_narrower_range_forbids(t):
    """To read it is a failure; the other fields can be changed, and with the old range all is back."""
    own = t.own(database_role())
    do_id = own.create("Keeper", setTally=i16(5), setMemo=text("m"))
    file = own.park.daemon.folder / "depot.dc"
    said = file.read_text()
    own.park.stop()
    file.write_text(said.replace("int16(-3000-3000) tally", "int16(-3-3) tally"))
    own.start_again()
    answer = own.ask("DbSelect", do_id=do_id, fields=[NUMBERS["setMemo"], NUMBERS["setTally"]])
    assert answer["fields"] == b"" and answer.get("success", 0) == 0, answer
    own.update(do_id, setMemo=text("n"))
    file.write_text(said)
    own.settle()
    own.restart(kill=True)
    own.expect_stored(do_id, "Keeper", **own.defaults("Keeper", setTally=i16(5), setMemo=text("n")))


def test_an_end_in_the_middle_of_a_crowd(t):
    """Of ten thousand requests in one breath some are done: each whole, and in their order."""
    own = t.own(database_role())
    do_id = own.create("Keeper", setPin=u32(0), setTwin=u32(0))
    for number in range(1, 3_000):
        own.update(do_id, setPin=u32(number), setTwin=u32(number), setMemo=text("x" * (number % 200)))
    own.restart(kill=True)
    has = own.stored(do_id)[1]
    assert has["setPin"] == has["setTwin"], has
    number = int.from_bytes(has["setPin"], "little")
    expected = text("x" * (number % 200)) if number else None
    assert has.get("setMemo") == expected, has
