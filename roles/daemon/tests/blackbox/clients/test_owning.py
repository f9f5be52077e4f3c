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


def test_what_is_owned_stays_when_its_zone_is_closed(t):
    """The client still owns it: it hears what is for owners, and may send for owners. In `astron` it
    leaves its sight with the zone. When it is in sight again it enters as it is by then."""
    meadow, zone, anna = t.meadow(), t.zone(), t.guest()
    mine, other = t.ride(meadow, zone), t.ride(meadow, zone)
    t.set_ai(mine, t.me.channel)
    t.drain()
    t.look(anna, 1, meadow, zone, sees=[mine, other])
    t.give(anna, mine)
    anna.closes(1, context=2)
    anna.expect(*([t.left(mine)] if t.astron else []), t.left(other), t.done(1, 2))
    t.set_field(mine, "hint", text("psst"))
    anna.expect(t.shown(mine, "hint", text("psst")))
    anna.update(mine, "steer", i16(1))
    t.expect(t.updated(mine, "steer", i16(1), by=anna.channel, to=[t.me.channel]))
    t.nothing_comes()
    t.look(anna, 2, meadow, zone, sees=[mine, other])
    t.nothing_comes()


@only("astron")
def test_what_is_owned_and_goes_out_of_sight(t):
    """It leaves as one of the zone, and is still the client's own."""
    meadow, zone, anna = t.meadow(), t.zone(), t.guest()
    ride = t.ride(meadow, zone)
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.give(anna, ride)
    t.goes_to(ride, meadow, t.zone())
    anna.expect(t.left(ride))
    t.set_field(ride, "hint", text("psst"))
    anna.expect(t.shown(ride, "hint", text("psst")))
    t.goes_to(ride, meadow, zone)
    anna.expect(t.seen(ride))


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
