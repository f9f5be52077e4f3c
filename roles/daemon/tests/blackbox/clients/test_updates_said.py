"""What clients say of objects: which fields, which values, and who gets to hear it.

`clsend` fields may be sent by whoever knows the object, `ownsend` fields by its owner. The value is
checked; then the object is told, in the name of the client.
"""

from dialect import location
from fair import UNKNOWN_FIELD
from protocol import BAD_VALUE, EXCESS, FORBIDDEN_FIELD, MISSING_OBJECT, TRUNCATED
from stage import only
from world import array, i16, text, u8, u16


def scene(t, visitors=1, **values):
    """A ride that `me` manages and watches, and clients that look at it."""
    meadow, zone = t.meadow(), t.zone()
    t.listen(location(meadow.do_id, zone))
    ride = t.ride(meadow, zone, **values)
    t.set_ai(ride, t.me.channel)
    t.drain()
    clients = t.guests(visitors)
    for client in clients:
        t.look(client, 1, meadow, zone, sees=[ride])
    t.drain()
    return (ride, *clients)


def test_a_broadcast_field_is_seen_by_all_but_the_sender(t):
    ride, anna, bert, carl = scene(t, 3)
    anna.update(ride, "wave", u16(7))
    t.expect(t.updated(ride, "wave", u16(7), by=anna.channel))
    for client in [bert, carl]:
        client.expect(t.shown(ride, "wave", u16(7)))
    t.nothing_comes()


def test_an_airecv_field_comes_to_the_ai_alone(t):
    ride, anna, bert = scene(t, 2)
    anna.update(ride, "board", u16(80))
    t.expect(t.updated(ride, "board", u16(80), by=anna.channel, to=[t.me.channel]))
    t.nothing_comes()


def test_an_ownrecv_field_comes_to_the_owner_alone(t):
    ride, anna, bert, carl = scene(t, 3)
    t.give(carl, ride)
    anna.update(ride, "whisper", text("psst"))
    carl.expect(t.shown(ride, "whisper", text("psst")))
    t.nothing_comes()


def test_a_field_for_everybody_comes_once_to_each(t):
    """Also to an owner that looks at it besides."""
    ride, anna, bert = scene(t, 2)
    t.give(bert, ride)
    anna.update(ride, "hail", u8(3))
    t.expect(t.updated(ride, "hail", u8(3), by=anna.channel))
    bert.expect(t.shown(ride, "hail", u8(3)))
    t.nothing_comes()


def test_a_field_for_nobody_is_heard_by_nobody(t):
    ride, anna, bert = scene(t, 2)
    anna.update(ride, "mutter", u8(3))
    t.nothing_comes()


def test_a_field_that_is_kept_is_there_for_the_next(t):
    """`clrecv`: not told when it changes, but shown to whoever comes to look."""
    ride, anna, bert = scene(t, 2)
    anna.update(ride, "setMotto", text("mind your head"))
    t.nothing_comes()
    ride.values["setMotto"] = text("mind your head")
    carl = t.guest()
    t.look(carl, 1, ride.parent, ride.zone, sees=[ride])


def test_an_owner_is_not_told_what_it_says_itself(t):
    ride, anna, bert = scene(t, 2)
    t.give(anna, ride)
    anna.update(ride, "honk", u8(2))
    t.expect(t.updated(ride, "honk", u8(2), by=anna.channel))
    bert.expect(t.shown(ride, "honk", u8(2)))
    anna.update(ride, "hail", u8(3))
    t.expect(t.updated(ride, "hail", u8(3), by=anna.channel))
    bert.expect(t.shown(ride, "hail", u8(3)))
    t.nothing_comes()


def test_a_molecular_field_goes_as_it_is(t):
    ride, anna, bert = scene(t, 2)
    anna.update(ride, "spinAndJump", u8(3, 4))
    t.expect(t.updated(ride, "spinAndJump", u8(3, 4), by=anna.channel))
    bert.expect(t.shown(ride, "spinAndJump", u8(3, 4)))


def test_what_a_client_says_comes_in_order(t):
    ride, anna, bert = scene(t, 2)
    for number in range(300):
        anna.update(ride, "wave", u16(number))
    t.expect(*[t.updated(ride, "wave", u16(number), by=anna.channel) for number in range(300)])
    bert.expect(*[t.shown(ride, "wave", u16(number)) for number in range(300)])


def test_an_owner_sends_fields_for_owners(t):
    ride, anna = scene(t)
    t.give(anna, ride)
    anna.update(ride, "steer", i16(-90))
    t.expect(t.updated(ride, "steer", i16(-90), by=anna.channel))
    anna.update(ride, "setSign", text("mine"))
    t.expect(t.updated(ride, "setSign", text("mine"), by=anna.channel))


def test_fields_that_are_not_for_clients(t):
    """For the cluster alone, for owners, of another class, and none at all: nobody hears of them."""
    ride, *clients = scene(t, 7)
    fields = [("creak", u8(1)), ("setPlaces", u8(1)), ("honk", u8(1)), ("setSign", text("mine")),
              ("rise", u16(1)), (UNKNOWN_FIELD, b""), (65_535, u8(1))]
    for client, (field, value) in zip(clients, fields):
        client.update(ride, field, value)
        client.expect_ejected(FORBIDDEN_FIELD)
    t.nothing_comes()
    t.expect_all(ride)


def test_a_field_that_is_not_allowed_is_not_looked_into(t):
    """The value makes no sense either: it is the field that is forbidden."""
    ride, anna = scene(t)
    anna.update(ride, "setPlaces", b"")
    anna.expect_ejected(FORBIDDEN_FIELD)


def test_who_owned_it_does_not_send_for_owners(t):
    """In `openotp` it has not been told, since it still sees the object: there it is ignored."""
    ride, anna, bert = scene(t, 2)
    t.give(anna, ride)
    t.give(bert, ride)
    if t.astron:
        anna.expect(t.disowned(ride))
    anna.update(ride, "honk", u8(1))
    if t.astron:
        anna.expect_ejected(FORBIDDEN_FIELD)
    t.nothing_comes()


def test_who_owned_it_does_not_send_what_is_for_nobody(t):
    ride, anna = scene(t)
    t.give(anna, ride)
    t.set_owner(ride, 0)
    if t.astron:
        anna.expect(t.disowned(ride))
    t.drain()
    t.await_mark(anna)
    anna.update(ride, "setPlaces", u8(1))
    anna.expect_ejected(FORBIDDEN_FIELD)
    t.nothing_comes()


def test_an_object_that_a_client_does_not_know(t):
    """One that there is, in another zone; one that there is not; and numbers that are no object's."""
    ride, *clients = scene(t, 6)
    other = t.ride(t.meadow(), t.zone())
    t.set_ai(other, t.me.channel)
    t.drain()
    for client, do_id in zip(clients, [other.do_id, t.do(), 0, 0xFFFF_FFFF, ride.parent, 4002]):
        client.update(do_id, "board", u16(80))
        client.expect_ejected(MISSING_OBJECT)
    t.nothing_comes()


def test_what_has_left_is_not_missing(t):
    """The client cannot know yet: what it says is ignored, and it may stay."""
    ride, anna = scene(t)
    t.delete(ride)
    anna.expect(t.left(ride))
    t.drain()
    anna.update(ride, "wave", u16(1))
    anna.update(ride, "creak", u8(1))
    anna.update(ride, UNKNOWN_FIELD, b"")
    anna.moves(ride, ride.parent, 5)
    t.nothing_comes()


def test_what_was_its_own_and_left_is_not_missing(t):
    ride, (anna,) = t.ride(t.meadow(), t.zone()), t.guests(1)
    t.give(anna, ride)
    t.set_owner(ride, 0)
    anna.expect(t.disowned(ride))
    anna.update(ride, "honk", u8(1))
    t.nothing_comes()


def test_values_that_are_none(t):
    """Out of their range, too long, no text."""
    bad = [("pick", array(u16(100))), ("pick", array(u16(1, 2, 65_535))), ("whisper", text("x" * 21)),
           ("whisper", text(b"\xff\xfe")), ("setMotto", text("x" * 41))]
    ride, *clients = scene(t, len(bad))
    for client, (field, value) in zip(clients, bad):
        client.update(ride, field, value)
        client.expect_ejected(BAD_VALUE)
    t.nothing_comes()
    t.expect_all(ride)


def test_an_owner_does_not_send_bad_values_either(t):
    ride, anna = scene(t)
    t.give(anna, ride)
    anna.update(ride, "steer", i16(91))
    anna.expect_ejected(BAD_VALUE)
    t.nothing_comes()


def test_values_at_the_edge_of_their_range(t):
    ride, anna = scene(t)
    t.give(anna, ride)
    for field, value in [("pick", array(u16(0, 99))), ("pick", array(b"")), ("steer", i16(90)),
                         ("steer", i16(-90))]:
        anna.update(ride, field, value)
        t.expect(t.updated(ride, field, value, by=anna.channel))


def test_values_that_are_cut(t):
    bad = [("wave", u8(1)), ("wave", b""), ("whisper", u16(5) + b"psst"), ("whisper", u8(5)),
           ("spinAndJump", u8(1)), ("pick", u16(4) + u16(1)), ("draw", u16(65_535) + b"x")]
    ride, *clients = scene(t, len(bad))
    for client, (field, value) in zip(clients, bad):
        client.update(ride, field, value)
        client.expect_ejected(TRUNCATED)
    t.nothing_comes()


def test_values_with_more_behind_them(t):
    bad = [("wave", u16(1) + b"\0"), ("whisper", text("psst") + b"\0"), ("spinAndJump", u8(1, 2, 3))]
    ride, *clients = scene(t, len(bad))
    for client, (field, value) in zip(clients, bad):
        client.update(ride, field, value)
        client.expect_ejected(EXCESS)
    t.nothing_comes()


@only("astron")
def test_a_string_is_ascii(t):
    ride, anna = scene(t)
    anna.update(ride, "setMotto", text("\u00e9t\u00e9"))
    anna.expect_ejected(BAD_VALUE)


@only("openotp")
def test_a_string_is_utf8(t):
    ride, anna, bert = scene(t, 2)
    t.give(bert, ride)
    anna.update(ride, "whisper", text("\u00e9t\u00e9"))
    bert.expect(t.shown(ride, "whisper", text("\u00e9t\u00e9")))


def test_a_large_value_passes_whole(t):
    ride, anna, bert = scene(t, 2)
    picture = text(bytes(n % 251 for n in range(64_900)))
    anna.update(ride, "draw", picture)
    t.expect(t.updated(ride, "draw", picture, by=anna.channel))
    bert.expect(t.shown(ride, "draw", picture))


def test_a_value_that_is_too_large_to_be_routed(t):
    """It fits into a message of a client, but not into a datagram."""
    for size in [65_509, 65_525]:
        ride, anna, bert = scene(t, 2)
        anna.update(ride, "draw", text(b"x" * size))
        anna.expect_ejected(EXCESS)
        t.nothing_comes()


def test_the_cluster_lets_a_field_be_sent(t):
    """SET_FIELDS_SENDABLE: this field, of this object, by this client; until it is taken back."""
    ride, anna, bert = scene(t, 2)
    t.let_send(anna, ride, "creak", "setPlaces")
    anna.update(ride, "creak", u8(1))
    anna.update(ride, "setPlaces", u8(6))
    for field, value in [("creak", u8(1)), ("setPlaces", u8(6))]:
        t.expect(t.updated(ride, field, value, by=anna.channel))
        bert.expect(t.shown(ride, field, value))
    bert.update(ride, "creak", u8(1))
    bert.expect_ejected(FORBIDDEN_FIELD)
    t.let_send(anna, ride)
    anna.update(ride, "creak", u8(1))
    anna.expect_ejected(FORBIDDEN_FIELD)
    t.nothing_comes()


def test_what_may_be_sent_is_said_anew_each_time(t):
    """A second SET_FIELDS_SENDABLE of an object is in place of the first."""
    ride, anna = scene(t)
    t.let_send(anna, ride, "creak")
    t.let_send(anna, ride, "setLights")
    anna.update(ride, "setLights", u8(1))
    t.expect(t.updated(ride, "setLights", u8(1), by=anna.channel))
    anna.update(ride, "creak", u8(1))
    anna.expect_ejected(FORBIDDEN_FIELD)
    t.nothing_comes()


def test_what_may_be_sent_is_by_the_whole_id(t):
    """Not for an object whose id ends in the same 16 bits."""
    meadow, zone, (anna,) = t.meadow(), t.zone(), t.guests(1)
    near, far = t.ride(meadow, zone), t.thing("Ride", meadow.do_id, zone)
    far.do_id = near.do_id + (1 << 16)
    t.create(far)
    t.drain()
    t.look(anna, 1, meadow, zone, sees=[near, far])
    t.let_send(anna, near, "creak")
    anna.update(far, "creak", u8(1))
    anna.expect_ejected(FORBIDDEN_FIELD)


def test_what_may_be_sent_must_be_known(t):
    """A field of an object that the client does not know stays missing."""
    ride, anna = scene(t)
    other = t.ride(t.meadow(), t.zone())
    t.let_send(anna, other, "creak")
    anna.update(other, "creak", u8(1))
    anna.expect_ejected(MISSING_OBJECT)


def test_what_may_be_sent_has_a_good_value(t):
    ride, anna = scene(t)
    t.let_send(anna, ride, "setPlaces")
    anna.update(ride, "setPlaces", u8(7))
    anna.expect_ejected(BAD_VALUE)
    t.nothing_comes()


def test_one_who_is_ejected_takes_nobody_along(t):
    ride, anna, bert, carl = scene(t, 3)
    anna.update(ride, "creak", u8(1))
    anna.expect_ejected(FORBIDDEN_FIELD)
    bert.update(ride, "wave", u16(1))
    carl.expect(t.shown(ride, "wave", u16(1)))
    t.expect(t.updated(ride, "wave", u16(1), by=bert.channel))
