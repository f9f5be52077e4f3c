"""What a client may use up, and what happens then (`limits` of a Client Agent)."""

import time

from dialect import location
from otp import PATIENCE, Closed, frame
from protocol import GENERIC, MISSING_OBJECT
from world import u8, u16


def test_more_interests_than_allowed(t):
    """`interests_max`: 2."""
    meadow, (anna,) = t.meadow(), t.guests(1, "small")
    t.look(anna, 1, meadow, t.zone())
    t.look(anna, 2, meadow, t.zone())
    anna.opens(3, meadow, t.zone())
    anna.expect_ejected(GENERIC)


def test_as_many_interests_as_allowed(t):
    """Those that are closed, or altered, do not count."""
    meadow, (anna,) = t.meadow(), t.guests(1, "small")
    for _ in range(5):
        t.look(anna, 1, meadow, t.zone())
        t.look(anna, 2, meadow, t.zone())
        anna.closes(1)
        anna.expect(t.done(1))


def test_more_zones_than_allowed(t):
    """`zones_max`: 3, of all interests."""
    meadow, (anna, bert) = t.meadow(), t.guests(2, "small")
    anna.opens(1, meadow, 1, 2, 3, 4)
    anna.expect_ejected(GENERIC)
    t.look(bert, 1, meadow, 1, 2)
    bert.opens(2, meadow, 3, 4)
    bert.expect_ejected(GENERIC)


def test_more_objects_than_are_shown(t):
    """`objects_max`: 2. One that is not shown is not known either."""
    meadow, zone, (anna,) = t.meadow(), t.zone(), t.guests(1, "small")
    rides = [t.ride(meadow, zone) for _ in range(2)]
    t.look(anna, 1, meadow, zone, sees=rides)
    third = t.ride(meadow, zone)
    t.set_field(third, "creak", u8(1))
    t.set_field(rides[0], "creak", u8(2))
    anna.expect(t.shown(rides[0], "creak", u8(2)))
    t.nothing_comes()
    anna.update(third, "wave", u16(1))
    anna.expect_ejected(MISSING_OBJECT)


def test_more_than_is_granted(t):
    """`granted_max`: 2 channels, and 2 of everything else. The third is refused to who asks for it."""
    (anna,), channels = t.guests(1, "small"), [t.channel() for _ in range(3)]
    for channel in channels:
        t.tell(anna, "OpenChannel", channel=channel)
    for channel in channels:
        t.send(channel, "SendDatagram", datagram=u16(50_000))
    for _ in channels[:2]:
        word = anna.hear()
        assert word and word.message == u16(50_000), word
    things = [t.ride(t.meadow(), t.zone()) for _ in range(3)]
    for thing in things:
        t.declare(anna, thing)
    for thing in things[:2]:
        anna.update(thing, "mutter", u8(1))
    t.nothing_comes()
    anna.update(things[2], "mutter", u8(1))
    anna.expect_ejected(MISSING_OBJECT)


def test_more_session_objects_than_are_kept(t):
    """`granted_max`: 2. The third stays when the client goes."""
    meadow, zone, (anna,) = t.meadow(), t.zone(), t.guests(1, "small")
    t.listen(location(meadow.do_id, zone))
    rides = [t.ride(meadow, zone) for _ in range(3)]
    t.drain()
    for ride in rides:
        t.tell(anna, "AddSessionObject", do_id=ride.do_id)
    anna.vanishes()
    t.expect_set([dg for ride in rides[:2] for dg in t.deleted(ride, anna.channel)])
    t.expect_at(rides[2])


def test_more_words_than_are_kept(t):
    """`post_removes_max`: 1."""
    (anna,), channel = t.guests(1, "small"), t.channel()
    t.listen(channel)
    t.leave_word(anna, channel, b"first")
    t.leave_word(anna, channel, b"second")
    anna.vanishes()
    t.expect(t.word_left(channel, b"first"))


def test_more_messages_than_allowed(t):
    """`message_burst`: 40, and then one per second."""
    anna, bert = t.guests(2, "chatty")
    for _ in range(20):
        anna.says("Heartbeat")
    bert.write_to_the_end(frame(bert.protocol.encode("Heartbeat")) * 500)
    bert.expect_ejected(GENERIC)
    t.nothing_comes()


def test_each_zone_counts_as_a_message(t):
    meadow, anna = t.meadow(), t.guest("chatty")
    t.declare(anna, meadow)
    anna.opens(1, meadow, *range(100))
    assert anna.hear().name == "Eject"
    anna.expect_closed()


def test_more_bytes_than_allowed(t):
    """`byte_burst`: 4,000, and then one per second."""
    anna, bert = t.guests(2, "bulky")
    for _ in range(200):
        anna.says("Heartbeat")
    bert.write_to_the_end(frame(bert.protocol.encode("Heartbeat")) * 2_000)
    bert.expect_ejected(GENERIC)
    t.nothing_comes()


def test_more_clients_of_one_address_than_allowed(t):
    """`per_address_max`: 2. The next one is turned away; when one goes, another may come."""
    anna, bert = t.guests(2, "crowded")
    for _ in range(3):
        t.stranger("crowded").expect_closed()
    t.goes(anna)
    carl, deadline = t.stranger("crowded"), time.monotonic() + PATIENCE
    while not greeted(carl):
        assert time.monotonic() < deadline, "there is no room, though one has gone"
        carl = t.stranger("crowded")


def greeted(client):
    """Whether a client is let in, and not turned away."""
    try:
        client.hello()
        client.expect(client.word("HelloResp"))
    except (Closed, ConnectionResetError, BrokenPipeError):
        client.is_open = False
    return client.is_open


def test_one_that_does_not_read(t):
    """`client.write_buffer_size`: it is dropped, and nobody else waits for it."""
    channel, (anna, bert) = t.channel(), t.guests(2, "slow")
    t.listen(channel)
    t.leave_word(anna, channel, b"gone")
    picture = u16(50_000) + bytes(50_000)
    for number in range(600):
        t.send(anna.channel, "SendDatagram", datagram=picture)
    t.expect(t.word_left(channel, b"gone"))
    anna.is_open = False
    t.send(bert.channel, "SendDatagram", datagram=picture)
    word = bert.hear()
    assert word and word.message == picture, word
