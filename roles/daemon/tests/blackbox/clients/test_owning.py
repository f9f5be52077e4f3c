"""Owners: SET_OWNER gives an object to a client, which then sees it wherever it is."""

from stage import only
from world import i16, text, u8


def test_an_owner_sees_what_it_owns_wherever_it_is(t):
    """It has no interest open, and the object need not be anywhere."""
    anna, bert = t.guests(2)
    for ride in [t.ride(t.meadow(), t.zone()), t.new("Ride")]:
        t.give(anna, ride)
    t.nothing_comes()


def test_an_owner_that_has_not_logged_in(t):
    """An UberDOG may give away an object before it lets somebody in."""
    anna, ride = t.visitor(), t.ride(t.meadow(), t.zone())
    t.give(anna, ride)


def test_the_same_owner_again_is_nothing(t):
    anna, ride = t.guest(), t.ride(t.meadow(), t.zone())
    t.give(anna, ride)
    t.set_owner(ride, anna.channel)
    t.nothing_comes()


def test_what_is_nobody_s_any_more_leaves(t):
    anna, ride = t.guest(), t.ride(t.meadow(), t.zone())
    t.give(anna, ride)
    t.set_owner(ride, 0)
    anna.expect(t.disowned(ride))
    t.set_field(ride, "hint", text("psst"))
    t.nothing_comes()


def test_what_is_given_to_somebody_else(t):
    anna, bert, ride = *t.guests(2), t.ride(t.meadow(), t.zone())
    t.give(anna, ride)
    t.give(bert, ride)
    anna.expect(t.disowned(ride))
    t.set_field(ride, "hint", text("psst"))
    bert.expect(t.shown(ride, "hint", text("psst")))
    t.nothing_comes()


def test_what_is_given_back(t):
    anna, bert, ride = *t.guests(2), t.ride(t.meadow(), t.zone())
    for owner, before in [(anna, None), (bert, anna), (anna, bert)]:
        t.give(owner, ride)
        if before:
            before.expect(t.disowned(ride))


def test_what_is_deleted_leaves_its_owner(t):
    anna, ride = t.guest(), t.ride(t.meadow(), t.zone())
    t.give(anna, ride)
    t.delete(ride)
    anna.expect(t.disowned(ride))


def test_seeing_and_owning(t):
    """In `astron` they are two things, and an object leaves twice; in `openotp` it leaves once."""
    meadow, zone, anna = t.meadow(), t.zone(), t.guest()
    ride = t.ride(meadow, zone)
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.give(anna, ride)
    t.delete(ride)
    anna.expect_set([t.left(ride), t.disowned(ride)] if t.astron else [t.left(ride)])


def test_an_owner_that_owns_no_more_still_sees(t):
    """`openotp` has one word for leaving, so nothing is said."""
    meadow, zone, anna = t.meadow(), t.zone(), t.guest()
    ride = t.ride(meadow, zone)
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.give(anna, ride)
    t.set_owner(ride, 0)
    if t.astron:
        anna.expect(t.disowned(ride))
    t.set_field(ride, "creak", u8(1))
    anna.expect(t.shown(ride, "creak", u8(1)))
    t.set_field(ride, "hint", text("psst"))
    t.nothing_comes()


def still_own(t, client, ride):
    """The client owns it, though it does not see it: it hears what is for owners and nothing else, and
    may send for owners."""
    t.set_field(ride, "creak", u8(1))
    t.set_field(ride, "hint", text("psst"))
    client.expect(t.shown(ride, "hint", text("psst")))
    client.update(ride, "steer", i16(1))
    t.expect(t.updated(ride, "steer", i16(1), by=client.channel, to=[t.me.channel]))
    t.nothing_comes()


def in_sight(t):
    """A client, and a ride that it sees, owns, and `me` manages."""
    meadow, zone, anna = t.meadow(), t.zone(), t.guest()
    ride = t.ride(meadow, zone)
    t.set_ai(ride, t.me.channel)
    t.drain()
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.give(anna, ride)
    return meadow, zone, anna, ride


def test_what_is_owned_and_whose_zone_is_closed(t):
    """It leaves as one of the zone: in `openotp`, which has one word for both, not before it is neither.
    When the zone is opened again it enters as it is by then."""
    meadow, zone, anna, ride = in_sight(t)
    other = t.ride(meadow, zone)
    anna.expect(t.seen(other))
    anna.closes(1, context=2)
    anna.expect_set([t.left(ride), t.left(other)] if t.astron else [t.left(other)])
    anna.expect(t.done(1, 2))
    still_own(t, anna, ride)
    t.set_field(ride, "setPlaces", u8(6))
    ride.values["setPlaces"] = u8(6)
    t.drain()
    t.look(anna, 1, meadow, zone, sees=[ride, other])


def test_what_is_owned_and_goes_out_of_sight(t):
    """The same; in `openotp` the owner hears where it goes, and sees it anew where it can see it."""
    meadow, zone, anna, ride = in_sight(t)
    t.goes_to(ride, meadow, t.zone())
    anna.expect(t.left(ride) if t.astron else t.at(ride))
    t.drain()
    still_own(t, anna, ride)
    t.set_field(ride, "setPlaces", u8(6))
    ride.values["setPlaces"] = u8(6)
    t.goes_to(ride, meadow, zone)
    anna.expect(*([] if t.astron else [t.at(ride)]), t.seen(ride))
    t.drain()


def test_what_is_neither_in_sight_nor_owned_leaves(t):
    """Once, whichever of the two ends last."""
    meadow, _, anna, ride = in_sight(t)
    t.goes_to(ride, meadow, t.zone())
    anna.expect(t.left(ride) if t.astron else t.at(ride))
    t.set_owner(ride, 0)
    anna.expect(t.disowned(ride))
    meadow, _, bert, ride = in_sight(t)
    t.set_owner(ride, 0)
    if t.astron:
        bert.expect(t.disowned(ride))
    t.goes_to(ride, meadow, t.zone())
    bert.expect(t.left(ride))
    t.drain()


@only("openotp")
def test_an_owner_hears_where_its_object_goes(t):
    """It never saw it in a zone."""
    anna, meadow = t.guest(), t.meadow()
    ride = t.ride(meadow, t.zone())
    t.give(anna, ride)
    for zone in [t.zone(), t.zone()]:
        t.goes_to(ride, meadow, zone)
        anna.expect(t.at(ride))
    t.nothing_comes()


@only("astron")
def test_an_owner_that_does_not_look_does_not_hear_where_its_object_goes(t):
    anna, meadow = t.guest(), t.meadow()
    ride = t.ride(meadow, t.zone())
    t.give(anna, ride)
    t.goes_to(ride, meadow, t.zone())
    t.nothing_comes()


def test_who_owns_an_object_that_it_then_comes_to_see(t):
    """It enters once more, as one of the zone; what is broadcast comes from then on."""
    meadow, zone, anna = t.meadow(), t.zone(), t.guest()
    ride = t.ride(meadow, zone)
    t.give(anna, ride)
    t.set_field(ride, "creak", u8(1))
    t.nothing_comes()
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.set_field(ride, "creak", u8(2))
    anna.expect(t.shown(ride, "creak", u8(2)))


def test_an_owner_goes_and_the_object_stays(t):
    """Only session objects go with a client."""
    meadow, zone, anna, bert = t.meadow(), t.zone(), *t.guests(2)
    ride = t.ride(meadow, zone)
    t.look(bert, 1, meadow, zone, sees=[ride])
    t.give(anna, ride)
    t.goes(anna)
    t.nothing_comes()
    t.expect_at(ride)
