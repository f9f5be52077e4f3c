"""The channels of clients: given in order, used again, and nothing of one before is left to the next."""

from dialect import location
from protocol import ESTABLISHED, GENERIC, INVALID, MISSING_OBJECT
from world import u8, u16


def alone(t):
    """The client that has the only channel of its Client Agent."""
    client = t.guest("reused")
    assert client.channel == t.gate("reused").first, client.channel
    return client


def test_channels_ascend_and_then_come_again_as_they_were_freed(t):
    """A range of three: the fourth is sent away."""
    first = t.gate("three").first
    anna, bert, carl = t.guests(3, "three")
    assert [c.channel for c in [anna, bert, carl]] == [first, first + 1, first + 2]
    dora = t.stranger("three")
    dora.expect_ejected(GENERIC, "Client capacity reached")
    t.goes(bert)
    t.goes(anna)
    emil, fred = t.guests(2, "three")
    assert [emil.channel, fred.channel] == [first + 1, first], (emil.channel, fred.channel)
    for client in [carl, emil, fred]:
        t.goes(client)


def test_who_comes_next_has_not_logged_in(t):
    t.goes(alone(t))
    anna, meadow = t.visitor("reused"), t.meadow()

    def opens_an_interest():
        anna.opens(1, meadow, t.zone())
        anna.expect_ejected(INVALID)

    t.goes(anna, opens_an_interest)


def test_the_next_one_sees_nothing_of_what_the_first_saw(t):
    meadow, zone, anna = t.meadow(), t.zone(), alone(t)
    ride = t.ride(meadow, zone)
    t.declare(anna, meadow)
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.goes(anna)
    bert = alone(t)
    t.set_field(ride, "creak", u8(1))
    t.ride(meadow, zone)
    t.delete(ride)
    t.nothing_comes()
    t.goes(bert)


def test_the_next_one_hears_nothing_that_was_opened_for_the_first(t):
    anna, channel, name = alone(t), t.channel(), t.channel()
    t.tell(anna, "OpenChannel", channel=channel)
    t.tell(anna, "SetClientId", channel=name)
    t.goes(anna)
    bert = alone(t)
    t.send([channel, name], "SendDatagram", datagram=u16(50_000))
    t.nothing_comes()
    t.goes(bert)


def test_the_next_one_may_not_do_what_the_first_might(t):
    ride = t.ride(t.meadow(), t.zone())
    for number in range(3):
        anna = alone(t)
        if number == 0:
            t.declare(anna, ride)
            t.let_send(anna, ride, "creak")
        if number == 1:
            t.give(anna, ride)
        t.goes(anna)
        bert = alone(t)

        def speaks_of_the_ride():
            bert.update(ride, "creak", u8(1))
            bert.expect_ejected(MISSING_OBJECT)

        t.goes(bert, speaks_of_the_ride)


def test_the_next_one_takes_nothing_of_the_first_along(t):
    """Neither session objects nor words: they have gone with the first."""
    meadow, zone, anna = t.meadow(), t.zone(), alone(t)
    t.listen(location(meadow.do_id, zone))
    ride = t.ride(meadow, zone)
    t.drain()
    t.tell(anna, "AddSessionObject", do_id=ride.do_id)
    t.goes(anna)
    t.expect(*t.deleted(ride, anna.channel))
    t.expect_gone(ride)
    again = t.thing("Ride", meadow.do_id, zone, ride.do_id)
    t.create(again)
    t.drain()
    bert = alone(t)
    t.goes(bert)
    t.nothing_comes()
    t.expect_at(again)


def test_many_come_and_go(t):
    """One after the other, on one channel."""
    for _ in range(30):
        anna = alone(t)
        assert anna.state == ESTABLISHED
        t.goes(anna)
