"""Objects that move, as clients see it; and clients that move what they own (`client.relocate`)."""

from protocol import FORBIDDEN_RELOCATE, MISSING_OBJECT
from world import u8


def scene(t, gate="open"):
    """A client that has two zones of a meadow open, with a ride in the first."""
    meadow, zones = t.meadow(), [t.zone(), t.zone()]
    ride, anna = t.ride(meadow, zones[0]), t.guest(gate)
    if gate != "open":
        t.declare(anna, meadow)
    t.look(anna, 1, meadow, *zones, sees=[ride])
    return meadow, zones, ride, anna


def test_within_what_is_seen_it_is_told_where(t):
    meadow, (_, second), ride, anna = scene(t)
    t.goes_to(ride, meadow, second)
    anna.expect(t.at(ride))
    t.set_field(ride, "creak", u8(1))
    anna.expect(t.shown(ride, "creak", u8(1)))


def test_out_of_what_is_seen_it_leaves(t):
    meadow, _, ride, anna = scene(t)
    t.goes_to(ride, meadow, t.zone())
    anna.expect(t.left(ride))
    t.set_field(ride, "creak", u8(1))
    t.goes_to(ride, meadow, t.zone())
    t.nothing_comes()


def test_into_what_is_seen_it_enters(t):
    meadow, (first, _), _, anna = scene(t)
    other = t.ride(meadow, t.zone())
    t.goes_to(other, meadow, first)
    anna.expect(t.seen(other))
    t.set_field(other, "creak", u8(1))
    anna.expect(t.shown(other, "creak", u8(1)))


def test_out_and_in_again(t):
    meadow, (first, second), ride, anna = scene(t)
    for zone in [first, second, first]:
        t.goes_to(ride, meadow, t.zone())
        anna.expect(t.left(ride))
        t.goes_to(ride, meadow, zone)
        anna.expect(t.seen(ride))


def test_to_another_parent_that_is_seen(t):
    meadow, _, ride, anna = scene(t)
    garden, bed = t.meadow(), t.zone()
    t.look(anna, 2, garden, bed)
    t.goes_to(ride, garden, bed)
    anna.expect(t.at(ride))
    t.set_field(ride, "creak", u8(1))
    anna.expect(t.shown(ride, "creak", u8(1)))


def test_to_another_parent_that_is_not_seen(t):
    """Though the zone has the same number."""
    _, (first, _), ride, anna = scene(t)
    t.goes_to(ride, t.meadow(), first)
    anna.expect(t.left(ride))


def test_to_nowhere(t):
    meadow, (first, _), ride, anna = scene(t)
    t.goes_to(ride, 0, 0)
    anna.expect(t.left(ride))
    t.goes_to(ride, meadow, first)
    anna.expect(t.seen(ride))


def test_to_where_it_is_is_no_move(t):
    meadow, (first, _), ride, anna = scene(t)
    t.goes_to(ride, meadow, first)
    t.nothing_comes()


def test_each_client_sees_it_as_its_zones_are(t):
    """One sees it move, one leave, one enter, and one nothing at all."""
    meadow, (first, second), ride, anna = scene(t)
    bert, carl, dora = t.guests(3)
    t.look(bert, 1, meadow, first, sees=[ride])
    t.look(carl, 1, meadow, second)
    t.look(dora, 1, meadow, t.zone())
    t.goes_to(ride, meadow, second)
    anna.expect(t.at(ride))
    bert.expect(t.left(ride))
    carl.expect(t.seen(ride))
    t.nothing_comes()


def test_a_walk_through_many_zones(t):
    meadow, ride, anna = t.meadow(), None, t.guest()
    zones = [t.zone() for _ in range(20)]
    ride = t.ride(meadow, zones[0])
    t.look(anna, 1, meadow, *zones, sees=[ride])
    expected = []
    for zone in (zones[1:] + zones[::-1]) * 3:
        if zone != ride.zone:
            t.goes_to(ride, meadow, zone)
            expected.append(t.at(ride))
    anna.expect(*expected)


def test_what_moves_along_with_its_parent_stays(t):
    """A child's location is below its parent, wherever that goes."""
    meadow, (_, second), ride, anna = scene(t)
    seat = t.zone()
    child = t.ride(ride, seat)
    t.look(anna, 2, ride, seat, sees=[child])
    t.goes_to(ride, meadow, second)
    anna.expect(t.at(ride))
    t.set_field(child, "creak", u8(1))
    anna.expect(t.shown(child, "creak", u8(1)))


def moved_by(client, t, ride, zone):
    """A client moves a ride within its meadow, and sees that it has."""
    client.moves(ride, ride.parent, zone)
    ride.zone = zone
    client.expect(t.at(ride))


def test_a_client_moves_what_it_owns(t):
    """It is told so, as all that look, and the object is there."""
    meadow, (_, second), ride, anna = scene(t)
    bert, carl = t.guests(2)
    t.look(bert, 1, meadow, ride.zone, sees=[ride])
    t.look(carl, 1, meadow, second)
    t.give(anna, ride)
    moved_by(anna, t, ride, second)
    bert.expect(t.left(ride))
    carl.expect(t.seen(ride))
    t.expect_at(ride)
    t.nothing_comes()


def test_a_client_moves_what_it_owns_below_another_parent(t):
    _, _, ride, anna = scene(t)
    garden, bed = t.meadow(), t.zone()
    t.look(anna, 2, garden, bed)
    t.give(anna, ride)
    anna.moves(ride, garden, bed)
    ride.parent, ride.zone = garden.do_id, bed
    anna.expect(t.at(ride))
    t.expect_at(ride)


def test_a_client_does_not_move_what_it_sees(t):
    meadow, (_, second), ride, anna = scene(t)
    anna.moves(ride, meadow, second)
    anna.expect_ejected(FORBIDDEN_RELOCATE)
    t.expect_at(ride)


def test_a_client_does_not_move_what_is_another_s(t):
    meadow, (_, second), ride, anna = scene(t)
    bert = t.guest()
    t.give(bert, ride)
    anna.moves(ride, meadow, second)
    anna.expect_ejected(FORBIDDEN_RELOCATE)
    t.expect_at(ride)
    t.nothing_comes()


def test_a_client_does_not_move_what_it_does_not_know(t):
    meadow, (_, second), ride, anna = scene(t)
    bert, carl = t.guests(2)
    bert.moves(ride, meadow, second)
    bert.expect_ejected(MISSING_OBJECT)
    carl.moves(t.do(), meadow, second)
    carl.expect_ejected(MISSING_OBJECT)
    t.expect_at(ride)
    t.nothing_comes()


def test_a_client_does_not_move_what_was_its_own(t):
    """In `openotp` it has not been told, since it still sees the object: there it is ignored."""
    meadow, (_, second), ride, anna = scene(t)
    t.give(anna, ride)
    t.set_owner(ride, 0)
    if t.astron:
        anna.expect(t.disowned(ride))
    t.drain()
    t.await_mark(anna)
    anna.moves(ride, meadow, second)
    if t.astron:
        anna.expect_ejected(FORBIDDEN_RELOCATE)
    t.nothing_comes()
    t.expect_at(ride)


def test_usually_clients_move_nothing(t):
    """`client.relocate` is false: not even what they own."""
    meadow, (_, second), ride, anna = scene(t, "usual")
    t.give(anna, ride)
    anna.moves(ride, meadow, second)
    anna.expect_ejected(FORBIDDEN_RELOCATE)
    t.expect_at(ride)


def test_a_client_moves_nothing_below_itself(t):
    meadow, (first, _), ride, anna = scene(t)
    t.give(anna, ride)
    anna.moves(ride, ride, first)
    t.nothing_comes()
    t.expect_at(ride)
