"""What goes with a client: objects of its session, and words that it leaves."""

from dialect import location
from protocol import INVALID, SESSION_OBJECT_LOST
from world import u16


def scene(t, count=1):
    """Rides in a zone that `me` hears, and a client."""
    meadow, zone = t.meadow(), t.zone()
    t.listen(location(meadow.do_id, zone))
    rides = [t.ride(meadow, zone) for _ in range(count)]
    t.drain()
    return (meadow, zone, t.guest(), *rides)


def in_session(t, client, *things):
    for thing in things:
        t.tell(client, "AddSessionObject", do_id=thing.do_id)




def test_session_objects_go_with_a_client_that_leaves(t):
    _, _, anna, ride, other = scene(t, 2)
    in_session(t, anna, ride)
    anna.leaves()
    t.expect(*t.deleted(ride, anna.channel))
    t.expect_gone(ride)
    t.expect_at(other)


def test_session_objects_go_with_a_client_that_vanishes(t):
    _, _, anna, *rides = scene(t, 3)
    in_session(t, anna, *rides)
    anna.vanishes()
    t.expect_set([dg for ride in rides for dg in t.deleted(ride, anna.channel)])
    t.expect_gone(*rides)


def test_session_objects_go_with_a_client_that_crashes(t):
    """Its connection is reset, or it says that nothing follows."""
    _, _, anna, ride, other = scene(t, 2)
    bert = t.guest()
    in_session(t, anna, ride)
    in_session(t, bert, other)
    anna.crashes()
    t.expect(*t.deleted(ride, anna.channel))
    bert.falls_silent()
    t.expect(*t.deleted(other, bert.channel))


def test_session_objects_go_with_a_client_that_is_ejected(t):
    _, _, anna, ride = scene(t)
    in_session(t, anna, ride)
    anna.say(u16(60_000))
    anna.expect_ejected(INVALID)
    t.expect(*t.deleted(ride, anna.channel))


def test_session_objects_go_with_a_client_that_is_dropped(t):
    _, _, anna, ride = scene(t)
    in_session(t, anna, ride)
    t.send(anna.channel, "Drop")
    anna.expect_closed()
    t.expect(*t.deleted(ride, anna.channel))


def test_those_who_look_see_them_go(t):
    meadow, zone, anna, ride = scene(t)
    bert = t.guest()
    t.look(bert, 1, meadow, zone, sees=[ride])
    in_session(t, anna, ride)
    anna.vanishes()
    bert.expect(t.left(ride))
    t.expect(*t.deleted(ride, anna.channel))


def test_what_was_taken_out_of_the_session_stays(t):
    _, _, anna, ride, other = scene(t, 2)
    in_session(t, anna, ride, other)
    t.tell(anna, "RemoveSessionObject", do_id=ride.do_id)
    anna.leaves()
    t.expect(*t.deleted(other, anna.channel))
    t.nothing_comes()
    t.expect_at(ride)


def test_a_session_belongs_to_one_client(t):
    _, _, anna, ride = scene(t)
    bert = t.guest()
    in_session(t, anna, ride)
    t.goes(bert, bert.leaves)
    t.nothing_comes()
    t.expect_at(ride)


def test_a_session_does_not_outlive_an_object_that_is_seen(t):
    meadow, zone, anna, ride, other = scene(t, 2)
    t.look(anna, 1, meadow, zone, sees=[ride, other])
    in_session(t, anna, ride, other)
    t.delete(ride)
    anna.expect_ejected(SESSION_OBJECT_LOST)
    t.expect(*t.deleted(ride), *t.deleted(other, anna.channel))


def test_a_session_object_that_goes_out_of_sight(t):
    meadow, zone, anna, ride = scene(t)
    place, old = t.zone(), ride.at
    t.listen(location(meadow.do_id, place))
    t.look(anna, 1, meadow, zone, sees=[ride])
    in_session(t, anna, ride)
    t.goes_to(ride, meadow, place)
    anna.expect_ejected(SESSION_OBJECT_LOST)
    t.expect(*t.moved(ride, old), *t.deleted(ride, anna.channel))


def test_a_session_object_whose_zone_is_closed(t):
    meadow, zone, anna, ride = scene(t)
    t.look(anna, 1, meadow, zone, sees=[ride])
    in_session(t, anna, ride)
    anna.closes(1)
    anna.expect_ejected(SESSION_OBJECT_LOST)
    t.expect(*t.deleted(ride, anna.channel))


def test_a_session_object_that_goes_to_another_owner(t):
    _, _, anna, ride = scene(t)
    t.give(anna, ride)
    in_session(t, anna, ride)
    t.set_owner(ride, 0)
    anna.expect_ejected(SESSION_OBJECT_LOST)
    t.expect(*t.deleted(ride, anna.channel))


def test_an_owned_object_of_the_session_goes_anywhere(t):
    """That is the visitor's own figure: it walks out of what the visitor sees, and is not lost."""
    meadow, zone, anna, ride = scene(t)
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.give(anna, ride)
    in_session(t, anna, ride)
    for place in [t.zone(), t.zone(), zone]:
        t.goes_to(ride, meadow, place)
        anna.expect(t.at(ride))
    t.drain()
    t.nothing_comes()


def test_a_session_object_that_a_client_does_not_know(t):
    """It is given for the end alone: the client need not see it."""
    _, _, anna, ride = scene(t)
    in_session(t, anna, ride)
    t.goes_to(ride, ride.parent, t.zone())
    t.drain()
    t.nothing_comes()
    t.goes(anna)
    t.drain()
    t.expect_gone(ride)


def test_a_session_object_of_who_is_gone_is_deleted_at_once(t):
    """Who gives it cannot know that the client has gone."""
    _, _, anna, ride = scene(t)
    t.goes(anna)
    t.send(anna.channel, "AddSessionObject", do_id=ride.do_id)
    t.expect(*t.deleted(ride, anna.channel))
    t.expect_gone(ride)


def heard(t):
    """A channel that `me` hears."""
    channel = t.channel()
    t.listen(channel)
    return channel


def test_words_are_said_when_a_client_vanishes(t):
    """Post-removes: as they were left, in order, by whoever left them."""
    anna, channel = t.guest(), heard(t)
    t.leave_word(anna, channel, b"first")
    t.leave_word(anna, channel, b"second")
    t.nothing_comes()
    anna.vanishes()
    t.expect(t.word_left(channel, b"first"), t.word_left(channel, b"second"))


def test_words_are_said_when_a_client_leaves(t):
    anna, channel = t.guest(), heard(t)
    t.leave_word(anna, channel, b"bye")
    anna.leaves()
    t.expect(t.word_left(channel, b"bye"))


def test_words_are_said_when_a_client_is_ejected(t):
    anna, bert, channel = *t.guests(2), heard(t)
    t.leave_word(anna, channel, b"out")
    anna.say(u16(60_000))
    anna.expect_ejected(INVALID)
    t.expect(t.word_left(channel, b"out"))
    t.leave_word(bert, channel, b"out too")
    t.send(bert.channel, "Eject", code=100, reason=b"enough")
    bert.expect_ejected(100, "enough")
    t.expect(t.word_left(channel, b"out too"))


def test_words_are_said_when_a_client_crashes_in_the_middle(t):
    """It has begun a message, and goes."""
    anna, channel = t.guest(), heard(t)
    t.leave_word(anna, channel, b"crash")
    anna.write(u16(100) + b"the beginning of")
    anna.vanishes()
    t.expect(t.word_left(channel, b"crash"))


def test_words_that_were_taken_back_are_not_said(t):
    anna, channel = t.guest(), heard(t)
    t.leave_word(anna, channel, b"no")
    t.tell(anna, "ClearPostRemoves")
    t.leave_word(anna, channel, b"yes")
    anna.vanishes()
    t.expect(t.word_left(channel, b"yes"))


def test_each_client_has_words_of_its_own(t):
    anna, bert, channel = *t.guests(2), heard(t)
    t.leave_word(anna, channel, b"anna")
    t.leave_word(bert, channel, b"bert")
    t.tell(anna, "ClearPostRemoves")
    t.goes(anna)
    t.nothing_comes()
    bert.vanishes()
    t.expect(t.word_left(channel, b"bert"))


def test_words_for_who_has_not_logged_in(t):
    anna, channel = t.visitor(), heard(t)
    t.leave_word(anna, channel, b"gone")
    anna.vanishes()
    t.expect(t.word_left(channel, b"gone"))


def test_words_and_the_end_are_in_order(t):
    """What is taken back before a client is ejected is not said; behind that it is too late."""
    anna, bert, channel = *t.guests(2), heard(t)
    for client, word in [(anna, b"anna"), (bert, b"bert")]:
        t.leave_word(client, channel, word)
    t.send(anna.channel, "ClearPostRemoves")
    t.send(anna.channel, "Eject", code=100, reason=b"out")
    t.send(bert.channel, "Eject", code=100, reason=b"out")
    t.send(bert.channel, "ClearPostRemoves")
    for client in [anna, bert]:
        client.expect_ejected(100, "out")
    t.expect(t.word_left(channel, b"bert"))


def test_words_for_who_is_gone_are_said_at_once(t):
    """Who leaves them cannot know that the client has gone."""
    anna, channel = t.guest(), heard(t)
    t.leave_word(anna, channel, b"gone")
    anna.vanishes()
    t.expect(t.word_left(channel, b"gone"))
    message = t.d.encode("UpdateField", do_id=0, field=0, value=b"late")
    t.send(anna.channel, "AddPostRemove", message=t.me.datagram(channel, message))
    t.expect(t.word_left(channel, b"late"))


def test_what_is_no_datagram_is_not_left(t):
    anna, channel = t.guest(), heard(t)
    for message in [b"", b"\1\0\0\0", b"\xff" + bytes(40)]:
        t.tell(anna, "AddPostRemove", message=message)
    t.leave_word(anna, channel, b"good")
    anna.vanishes()
    t.expect(t.word_left(channel, b"good"))
