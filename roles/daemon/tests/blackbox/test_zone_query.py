"""Who is in a zone (seed: QUERY_ZONE_ALL; astron: GET_ZONE_OBJECTS, GET_ZONES_OBJECTS).

Each answer is compared as a whole: every object once, none too many, in `astron` the right count
before them, in `openotp` the echo behind them.
"""

from stage import only
from world import text, u8, u16


def test_every_object_of_the_zone_answers_and_no_other(t):
    parent, other = t.new_ones(2, "Station")
    here = t.new_ones(9, "Rolling", parent.do_id, 5)
    t.new_ones(3, "Rolling", parent.do_id, 6)
    t.new_ones(3, "Rolling", other.do_id, 5)
    t.expect_query(parent, [5], here)


def test_an_empty_zone(t):
    parent = t.new("Station")
    t.expect_query(parent, [5], [])
    t.new("Rolling", parent.do_id, 6)
    t.expect_query(parent, [5], [])


def test_no_zones_at_all(t):
    parent = t.new("Station")
    t.new("Rolling", parent.do_id, 5)
    t.expect_query(parent, [], [])


def test_several_zones(t):
    parent = t.new("Station")
    zones = {zone: t.new_ones(3, "Rolling", parent.do_id, zone) for zone in range(1, 8)}
    t.expect_query(parent, [7, 1, 4], zones[7] + zones[1] + zones[4])
    t.expect_query(parent, [2, 100, 3], zones[2] + zones[3])
    t.expect_query(parent, [0, 0xFFFF_FFFF], [])


def test_a_zone_listed_twice_is_answered_once(t):
    parent = t.new("Station")
    here = t.new_ones(3, "Rolling", parent.do_id, 5)
    there = t.new_ones(2, "Rolling", parent.do_id, 6)
    t.expect_query(parent, [5, 6, 5, 5], here + there)


def test_zones_at_the_ends_of_their_range(t):
    parent = t.new("Station")
    low, high = t.new("Rolling", parent.do_id, 0), t.new("Rolling", parent.do_id, 0xFFFF_FFFF)
    t.expect_query(parent, [0], [low])
    t.expect_query(parent, [0xFFFF_FFFF], [high])


def test_the_fields_are_those_of_now(t):
    parent = t.new("Station")
    things = t.new_ones(4, "Carriage", parent.do_id, 5, setNote=text("hidden from clients"))
    for number, thing in enumerate(things):
        pairs = [("setBell", u8(number)), ("setTint", u16(number)), ("setFare", b"\0\0\0\0\1")]
        t.set_fields(thing, pairs)
        thing.values.update(pairs)
    t.expect_query(parent, [5], things)


def test_grandchildren_do_not_answer(t):
    parent = t.new("Station")
    child = t.new("Station", parent.do_id, 5)
    t.new_ones(4, "Rolling", child.do_id, 5)
    t.expect_query(parent, [5], [child])


def test_the_moved_and_the_deleted_do_not_answer(t):
    parent, other = t.new_ones(2, "Station")
    things = t.new_ones(8, "Rolling", parent.do_id, 5)
    t.move(things[0], parent.do_id, 6)
    t.move(things[1], other.do_id, 5)
    t.move(things[2], 0, 5)
    t.delete(things[3])
    t.expect_query(parent, [5], things[4:])
    t.expect_query(parent, [6], [things[0]])
    t.expect_query(other, [5], [things[1]])


def test_who_returns_answers_again(t):
    parent, other = t.new_ones(2, "Station")
    thing = t.new("Rolling", parent.do_id, 5)
    for _ in range(5):
        t.move(thing, other.do_id, 5)
        t.expect_query(parent, [5], [])
        t.move(thing, parent.do_id, 5)
        t.expect_query(parent, [5], [thing])


def test_children_that_came_before_their_parent_answer(t):
    parent = t.thing("Station")
    children = t.new_ones(7, "Rolling", parent.do_id, 5)
    t.create(parent)
    t.expect_query(parent, [5], children)


def test_children_of_a_parent_that_came_again_answer(t):
    """openotp: they stay when the parent goes. astron: they go with it."""
    parent = t.new("Station")
    children = t.new_ones(7, "Rolling", parent.do_id, 5)
    t.delete(parent)
    t.drain()
    t.create(parent)
    t.expect_query(parent, [5], [] if t.astron else children)


def test_a_question_with_another_parent_in_it_is_ignored(t):
    parent, other = t.new_ones(2, "Station")
    t.new("Rolling", parent.do_id, 5)
    t.new("Rolling", other.do_id, 5)
    t.send(parent.do_id, "QueryZones", context=1, parent=other.do_id, zones=[5])
    t.expect_nothing()


def test_nobody_answers_for_a_parent_that_does_not_exist(t):
    parent = t.thing("Station")
    t.new("Rolling", parent.do_id, 5)
    t.send(parent.do_id, "QueryZones", context=1, parent=parent.do_id, zones=[5])
    t.expect_nothing()


def test_questions_one_after_the_other_are_each_answered_whole(t):
    parent = t.new("Station")
    things = t.new_ones(6, "Rolling", parent.do_id, 5)
    contexts = [t.context() for _ in range(10)]
    for context in contexts:
        t.send(parent.do_id, "QueryZones", context=context, parent=parent.do_id, zones=[5])
    expected = []
    for context in contexts:
        first, between, last = t.queried(parent, [5], things, context)
        expected += first + between + last
    t.expect_set(expected)


def test_two_askers_each_have_their_own_answer(t):
    parent, second = t.new("Station"), t.connect()
    things = t.new_ones(6, "Rolling", parent.do_id, 5)
    others = t.new_ones(6, "Rolling", parent.do_id, 6)
    t.send(parent.do_id, "QueryZones", context=1, parent=parent.do_id, zones=[5])
    t.expect_query(parent, [6], others, by=second)
    first, between, last = t.queried(parent, [5], things, 1)
    t.expect(*first)
    t.expect_set(between)
    t.expect(*last)


def test_many_zones(t):
    parent = t.new("Station")
    zones = list(range(10, 2_010))
    things = [t.thing("Rolling", parent.do_id, zone) for zone in zones[::100]]
    for thing in things:
        t.create(thing)
    t.expect_query(parent, zones, things)


def test_subscribe_then_ask_and_nothing_is_missed(t):
    """What every interest does: an update is in the answer, or comes after it."""
    parent, sender = t.new("Station"), t.connect()
    things = t.new_ones(12, "Carriage", parent.do_id, 5, setBell=u8(0))
    for number in range(1, 30):
        for thing in things:
            t.set_field(thing, "setBell", u8(number), by=sender)
    t.me.subscribe(t.loc(things[0]))
    context = t.context()
    t.send(parent.do_id, "QueryZones", context=context, parent=parent.do_id, zones=[5])
    t.settle(sender)
    t.settle()
    entered, bells = {}, {}
    for heard in t.me.came:
        if heard.name.startswith("Enter"):
            assert heard.args["do_id"] not in entered, heard
            entered[heard.args["do_id"]] = heard.args["fields"][-1]
        elif heard.name == "UpdateField":
            bells[heard.args["do_id"]] = heard.args["value"][0]
    t.me.came.clear()
    latest = {do_id: bells.get(do_id, bell) for do_id, bell in entered.items()}
    assert latest == {thing.do_id: 29 for thing in things}, latest


@only("astron")
def test_one_zone_has_a_message_of_its_own(t):
    parent, context = t.new("Station"), t.context()
    things = t.new_ones(5, "Carriage", parent.do_id, 5, setBell=u8(1))
    t.new_ones(2, "Carriage", parent.do_id, 6)
    t.send(parent.do_id, "QueryZone", context=context, parent=parent.do_id, zone=5)
    first, between, _ = t.queried(parent, [5], things, context)
    t.expect(*first)
    t.expect_set(between)


@only("openotp")
def test_the_echo_has_the_zones_as_they_came(t):
    parent = t.new("Station")
    here = t.new_ones(2, "Rolling", parent.do_id, 5)
    t.expect_query(parent, [9, 5, 9, 5], here)
