"""Interests: a client asks for zones below a parent, is shown what is there, and then is told DONE.

What comes into its zones enters, what goes out of them leaves. A zone may be in several interests: then
it is asked for once, and open until the last of them is closed.
"""

from protocol import GENERIC
from world import text, u8, u16


def scene(t, *zones_with_rides):
    """A meadow, and for each number a zone with so many rides in it."""
    meadow, zones, rides = t.meadow(), [], []
    for count in zones_with_rides:
        zones.append(t.zone())
        rides.append([t.ride(meadow, zones[-1]) for _ in range(count)])
    return meadow, zones, rides


def test_what_is_there_is_shown_and_then_it_is_done(t):
    meadow, (zone, other), (rides, _) = scene(t, 3, 1)
    anna = t.guest()
    anna.opens(5, meadow, zone, context=77)
    anna.expect_set([t.seen(ride) for ride in rides])
    anna.expect(t.done(5, 77))


def test_an_empty_zone_is_done(t):
    meadow, (zone,), _ = scene(t, 0)
    anna = t.guest()
    anna.opens(5, meadow, zone, context=77)
    anna.expect(t.done(5, 77))


def test_numbers_of_interests_and_contexts_are_the_client_s_own(t):
    """All there are of them; two clients may have the same."""
    meadow, (zone,), ((ride,),) = scene(t, 1)
    anna, bert = t.guests(2)
    for client in [anna, bert]:
        client.opens(65_535, meadow, zone, context=0xFFFF_FFFF)
        client.expect(t.seen(ride), t.done(65_535, 0xFFFF_FFFF))
        client.opens(0, meadow, zone, context=0)
        client.expect(t.done(0, 0))


def test_several_zones_are_one_interest(t):
    """DONE comes once, behind all. A zone that is named twice is one."""
    meadow, (first, second, third), (some, more, _) = scene(t, 2, 3, 0)
    anna = t.guest()
    anna.opens(5, meadow, first, second, third, first, context=7)
    anna.expect_set([t.seen(ride) for ride in some + more])
    anna.expect(t.done(5, 7))


def test_many_objects_come_before_done(t):
    meadow, zone, anna = t.meadow(), t.zone(), t.guest()
    rides = t.new_ones(400, "Ride", meadow.do_id, zone)
    t.look(anna, 1, meadow, zone, sees=rides)


def test_one_that_comes_later_is_shown(t):
    meadow, (zone, other), _ = scene(t, 0, 0)
    anna = t.guest()
    t.look(anna, 1, meadow, zone)
    ride = t.ride(meadow, zone)
    anna.expect(t.seen(ride))
    t.ride(meadow, other)
    t.set_field(ride, "creak", u8(1))
    anna.expect(t.shown(ride, "creak", u8(1)))


def test_one_that_is_deleted_leaves(t):
    meadow, (zone,), ((ride, stays),) = scene(t, 2)
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=[ride, stays])
    t.delete(ride)
    anna.expect(t.left(ride))
    t.set_field(stays, "creak", u8(1))
    anna.expect(t.shown(stays, "creak", u8(1)))


def test_a_closed_interest_lets_all_leave_and_is_done(t):
    meadow, (zone,), (rides,) = scene(t, 3)
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=rides)
    anna.closes(1, context=9)
    anna.expect_set([t.left(ride) for ride in rides])
    anna.expect(t.done(1, 9))
    t.set_field(rides[0], "creak", u8(1))
    t.delete(rides[1])
    t.ride(meadow, zone)
    t.nothing_comes()


def test_an_interest_may_be_opened_again(t):
    meadow, (zone,), (rides,) = scene(t, 2)
    anna = t.guest()
    for _ in range(3):
        t.look(anna, 1, meadow, zone, sees=rides)
        anna.closes(1)
        anna.expect_set([t.left(ride) for ride in rides])
        anna.expect(t.done(1))


def test_an_interest_that_there_is_not_is_not_closed(t):
    meadow, (zone,), _ = scene(t, 0)
    anna, bert = t.guests(2)
    t.look(bert, 1, meadow, zone)
    anna.closes(1)
    anna.expect_ejected(GENERIC)


def test_an_interest_is_closed_once(t):
    meadow, (zone,), _ = scene(t, 0)
    anna = t.guest()
    t.look(anna, 1, meadow, zone)
    anna.closes(1)
    anna.closes(1)
    anna.expect(t.done(1))
    anna.expect_ejected(GENERIC)


def test_an_altered_interest_shows_what_is_new_and_drops_what_is_not_in_it(t):
    meadow, (first, second, third), (some, kept, new) = scene(t, 2, 2, 2)
    anna = t.guest()
    t.look(anna, 1, meadow, first, second, sees=some + kept)
    anna.opens(1, meadow, second, third, context=3)
    anna.expect_set([t.left(ride) for ride in some])
    anna.expect_set([t.seen(ride) for ride in new])
    anna.expect(t.done(1, 3))
    t.set_field(some[0], "creak", u8(1))
    t.set_field(kept[0], "creak", u8(2))
    anna.expect(t.shown(kept[0], "creak", u8(2)))


def test_an_interest_may_go_to_another_parent(t):
    meadow, (zone,), (rides,) = scene(t, 2)
    garden, (bed,), (flowers,) = scene(t, 2)
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=rides)
    anna.opens(1, garden, bed, context=3)
    anna.expect_set([t.left(ride) for ride in rides])
    anna.expect_set([t.seen(flower) for flower in flowers])
    anna.expect(t.done(1, 3))


def test_the_same_again_is_done_at_once(t):
    meadow, (zone,), (rides,) = scene(t, 2)
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=rides)
    t.listen(meadow.do_id)
    anna.opens(1, meadow, zone, context=8)
    anna.expect(t.done(1, 8))


def test_an_interest_without_zones_closes_all(t):
    meadow, (zone,), (rides,) = scene(t, 2)
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=rides)
    anna.opens(1, meadow, context=8)
    anna.expect_set([t.left(ride) for ride in rides])
    anna.expect(t.done(1, 8))
    anna.closes(1, context=9)
    anna.expect(t.done(1, 9))


def test_overlapping_interests_show_an_object_once(t):
    meadow, (first, both, third), (some, shared, more) = scene(t, 1, 2, 1)
    anna = t.guest()
    t.look(anna, 1, meadow, first, both, sees=some + shared)
    t.look(anna, 2, meadow, both, third, sees=more)
    t.set_field(shared[0], "creak", u8(1))
    anna.expect(t.shown(shared[0], "creak", u8(1)))


def test_a_zone_is_open_until_its_last_interest_is_closed(t):
    meadow, (first, both, third), (some, shared, more) = scene(t, 1, 2, 1)
    anna = t.guest()
    t.look(anna, 1, meadow, first, both, sees=some + shared)
    t.look(anna, 2, meadow, both, third, sees=more)
    anna.closes(1)
    anna.expect_set([t.left(ride) for ride in some])
    anna.expect(t.done(1))
    t.set_field(shared[0], "creak", u8(1))
    anna.expect(t.shown(shared[0], "creak", u8(1)))
    anna.closes(2)
    anna.expect_set([t.left(ride) for ride in shared + more])
    anna.expect(t.done(2))


def test_a_zone_that_is_open_is_not_asked_for_again(t):
    """The parent, played by `me`, hears one question; the second interest is done without it."""
    anna, garden, zone = t.guest(), t.do(), t.zone()
    t.listen(garden)
    anna.opens(1, garden, zone, context=1)
    answer(t, t.me.hear(), anna, garden, [zone])
    anna.expect(t.done(1, 1))
    anna.opens(2, garden, zone, context=2)
    anna.expect(t.done(2, 2))
    t.nothing_comes()


def test_only_zones_that_are_not_open_are_asked_for(t):
    anna, garden, zone, other = t.guest(), t.do(), t.zone(), t.zone()
    t.listen(garden)
    anna.opens(1, garden, zone, context=1)
    answer(t, t.me.hear(), anna, garden, [zone])
    anna.opens(2, garden, zone, other, context=2)
    anna.expect(t.done(1, 1))
    answer(t, t.me.hear(), anna, garden, [other])
    anna.expect(t.done(2, 2))


def test_objects_are_shown_as_they_are_found(t):
    """`me` plays the parent and what is in it: DONE comes when all have answered, and not before."""
    anna, garden, zone = t.guest(), t.do(), t.zone()
    t.listen(garden)
    anna.opens(1, garden, zone, context=1)
    asked, flowers = t.me.hear(), [t.thing("Ride", garden, zone) for _ in range(2)]
    context = asked.args.get("context")
    if t.astron:
        t.send(anna.channel, "CountZonesResp", garden, context=context, count=2)
    for flower in flowers:
        t.nothing_comes()
        to = anna.channel
        enter = t.enter_interest(flower, context, to) if t.astron else t.enter_zone(flower, to)
        t.send(enter.to, enter.name, flower.do_id, **enter.args)
        anna.expect(t.seen(flower))
    if not t.astron:
        t.nothing_comes()
        t.send(anna.channel, "QueryZoneDone", garden, parent=garden, zones=[zone])
    anna.expect(t.done(1, 1))


def answer(t, asked, client, parent, zones):
    """A client's question must be this one; `me`, as the parent, answers that nothing is there."""
    assert asked and asked.name == "QueryZones" and asked.sender == client.channel, asked
    assert asked.to == (parent,) and asked.args["zones"] == zones, asked
    if t.astron:
        assert asked.args["parent"] == parent, asked
        t.send(asked.sender, "CountZonesResp", parent, context=asked.args["context"], count=0)
    else:
        t.send(asked.sender, "QueryZoneDone", parent, parent=parent, zones=zones)


def test_interests_that_are_opened_at_once_are_all_answered(t):
    """Without waiting for any: each object is shown once, each DONE behind what is in its zones."""
    meadow, (first, second), (some, more) = scene(t, 3, 3)
    anna = t.guest()
    for number, zones in enumerate([[first], [first, second], [second], [second, first]]):
        anna.opens(number, meadow, *zones, context=number)
    missing, done = {thing.do_id for thing in some + more}, set()
    needs = {0: some, 1: some + more, 2: more, 3: some + more}
    while len(done) < 4:
        word = anna.hear()
        if word and word.name == "Enter":
            missing.remove(word.args["do_id"])
        else:
            assert word and word.name == "Done", word
            number = word.args["context"]
            assert word.args["interest"] == number and number not in done, word
            assert not missing.intersection(thing.do_id for thing in needs[number]), word
            done.add(number)
    assert not missing, missing


def test_an_interest_that_is_closed_at_once(t):
    """Before it is answered: it is closed all the same, and the client is told DONE of both."""
    meadow, (zone,), (rides,) = scene(t, 3)
    anna = t.guest()
    anna.opens(1, meadow, zone, context=1)
    anna.closes(1, context=2)
    shown, dones = set(), []
    while len(dones) < 2:
        word = anna.hear()
        assert word, "no answer"
        if word.name == "Done":
            dones.append(word.args["context"])
        elif word.name == "Enter":
            shown.add(word.args["do_id"])
        else:
            assert word.name == "Leaving", word
            shown.remove(word.args["do_id"])
    assert sorted(dones) == [1, 2] and dones[-1] == 2 and not shown, (dones, shown)
    t.set_field(rides[0], "creak", u8(1))
    t.nothing_comes()


def test_clients_that_share_a_zone_go_one_by_one(t):
    meadow, (zone,), ((ride,),) = scene(t, 1)
    anna, bert, carl = t.guests(3)
    for client in [anna, bert, carl]:
        t.look(client, 1, meadow, zone, sees=[ride])
    t.goes(anna)
    bert.closes(1)
    bert.expect(t.left(ride), t.done(1))
    t.set_field(ride, "creak", u8(1))
    carl.expect(t.shown(ride, "creak", u8(1)))
    t.nothing_comes()


def test_parents_may_be_nested(t):
    """What is seen may be a parent itself."""
    meadow, (zone,), ((ride,),) = scene(t, 1)
    anna, seat = t.guest(), t.zone()
    child = t.ride(ride, seat)
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.look(anna, 2, ride, seat, sees=[child])
    t.set_field(child, "creak", u8(1))
    anna.expect(t.shown(child, "creak", u8(1)))


def test_all_zones_that_there_are(t):
    """0 and the last one are zones like others."""
    meadow, anna = t.meadow(), t.guest()
    rides = [t.ride(meadow, 0), t.ride(meadow, 0xFFFF_FFFF)]
    t.look(anna, 1, meadow, 0, 0xFFFF_FFFF, sees=rides)


def test_a_parent_that_does_not_answer_is_not_waited_for_for_ever(t):
    """`tuning.interest_timeout`; what comes there later is shown all the same."""
    anna, nobody, zone = t.guest("unanswered"), t.do(), t.zone()
    anna.opens(1, nobody, zone, context=6)
    anna.expect(t.done(1, 6))
    ride = t.new("Ride", nobody, zone)
    anna.expect(t.seen(ride))


def test_an_object_shows_what_it_is_now(t):
    """Not what it was when it was created."""
    meadow, (zone,), ((ride,),) = scene(t, 1)
    anna, bert = t.guests(2)
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.set_field(ride, "setColour", u16(9))
    t.set_field(ride, "setSign", text("closed"))
    anna.expect(t.shown(ride, "setSign", text("closed")))
    ride.values.update(setSign=text("closed"), setColour=u16(9))
    t.look(bert, 1, meadow, zone, sees=[ride])
