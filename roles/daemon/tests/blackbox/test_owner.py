"""Who owns an object (seed: SET_OWNER_RECV, CHANGE_OWNER_RECV, ENTER_OWNER_RECV)."""

from world import text, u8, u16, u32


def changed(t, thing, old, new, orig=None):
    return t.dg(old, t.by(thing, orig), "ChangeOwner", do_id=thing.do_id, new=new, old=old)


def owners(t, count):
    """Channels that `me` hears."""
    channels = [t.channel() for _ in range(count)]
    t.me.subscribe(*channels)
    return channels


def test_the_new_owner_hears_of_the_object(t):
    thing, (first,) = t.new(parent=t.do(), zone=t.zone()), owners(t, 1)
    t.set_owner(thing, first)
    t.expect(t.enter_owner(thing))


def test_the_old_owner_hears_who_owns_it_now(t):
    thing, (first, second) = t.new(), owners(t, 2)
    t.set_owner(thing, first)
    t.expect(t.enter_owner(thing))
    t.set_owner(thing, second)
    t.expect(changed(t, thing, first, second), t.enter_owner(thing))


def test_nobody_may_own_it(t):
    thing, (first,) = t.new(), owners(t, 1)
    t.set_owner(thing, first)
    t.set_owner(thing, 0)
    t.expect(t.enter_owner(thing, first), changed(t, thing, first, 0))
    t.set_field(thing, "wink", b"")
    t.expect_nothing()


def test_the_same_owner_again_is_nothing(t):
    thing, (first,) = t.new(), owners(t, 1)
    t.set_owner(thing, 0)
    t.expect_nothing()
    t.set_owner(thing, first)
    t.expect(t.enter_owner(thing))
    t.set_owner(thing, first)
    t.expect_nothing()


def test_who_asked_is_the_sender_in_astron_and_the_object_in_openotp(t):
    thing, (first, second), orig = t.new(), owners(t, 2), t.channel()
    t.set_owner(thing, first)
    t.expect(t.enter_owner(thing))
    t.send(thing.do_id, "SetOwner", orig, owner=second)
    t.expect(changed(t, thing, first, second, orig), t.enter_owner(thing, second))


def test_the_owner_sees_all_in_openotp_and_in_astron_what_is_for_owners_and_clients(t):
    thing = t.new(parent=t.do(), zone=t.zone(), setNote=text("hidden"), setFare=u32(1) + u8(1),
                  setLoad=u32(1), setLivery=u8(1, 2), setSeats=u16(0), setBell=u8(1))
    (first,) = owners(t, 1)
    t.set_owner(thing, first)
    t.expect(t.enter_owner(thing))


def test_ram_that_the_owner_may_not_see_is_an_empty_other(t):
    thing, (first,) = t.new(setNote=text("hidden")), owners(t, 1)
    t.set_owner(thing, first)
    t.expect(t.enter_owner(thing))


def test_the_owner_hears_of_moves_and_updates(t):
    thing, (first,) = t.new(parent=t.do(), zone=t.zone()), owners(t, 1)
    t.set_owner(thing, first)
    t.expect(t.enter_owner(thing))
    old = thing.at
    t.move(thing, t.do(), t.zone())
    t.expect(*t.moved(thing, old))
    t.set_field(thing, "wink", b"")
    t.expect(t.updated(thing, "wink", b""))


def test_a_long_channel_is_an_owner(t):
    thing, first = t.new(), 0x7FFF_0000_8765_4321
    t.me.subscribe(first)
    t.set_owner(thing, first)
    t.expect(t.enter_owner(thing))


def test_an_owner_may_own_many(t):
    things, (first,) = t.new_ones(20, "Station", t.do(), 5), owners(t, 1)
    for thing in things:
        t.set_owner(thing, first)
    t.expect_set([t.enter_owner(thing) for thing in things])
