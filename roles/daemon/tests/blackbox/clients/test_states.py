"""NEW, ANONYMOUS, ESTABLISHED: what a client may do, and how it comes to may do more."""

from ground import BOOTH, KIOSK
from protocol import ANONYMOUS, ANONYMOUS_VIOLATION, ESTABLISHED, FORBIDDEN_FIELD, INVALID, NEW, NO_HELLO
from world import NUMBERS, text, u8, u16


def said(t, do_id, field, value, client):
    """What a client says to an UberDOG, as that hears it."""
    return t.dg(do_id, client.channel, "UpdateField", do_id=do_id, field=NUMBERS[field], value=value)


def test_who_has_not_logged_in_talks_to_anonymous_uberdogs(t):
    """In the name of its own channel, which is how the UberDOG knows whom to answer."""
    t.listen(BOOTH)
    anna = t.visitor()
    anna.update(BOOTH, "logIn", text("anna"))
    t.expect(said(t, BOOTH, "logIn", text("anna"), anna))


def test_an_uberdog_logs_a_client_in(t):
    """The whole story: it says who it is, hears that it is welcome, and may do what it could not."""
    t.listen(BOOTH, KIOSK)
    anna, bert = t.visitor(), t.visitor()
    anna.update(BOOTH, "logIn", text("anna"))
    t.expect(said(t, BOOTH, "logIn", text("anna"), anna))
    t.send(anna.channel, "SetState", BOOTH, state=ESTABLISHED)
    t.send(anna.channel, "OpenChannel", BOOTH, channel=t.channel())
    t.send(anna.channel, "UpdateField", BOOTH, do_id=BOOTH, field=NUMBERS["welcome"], value=text("anna"))
    anna.expect(t.shown(BOOTH, "welcome", text("anna")))
    anna.update(KIOSK, "ask", text("where to"))
    t.expect(said(t, KIOSK, "ask", text("where to"), anna))
    bert.expect_silence()


def test_who_has_logged_in_talks_to_all_uberdogs(t):
    t.listen(BOOTH, KIOSK)
    anna = t.guest()
    anna.update(KIOSK, "ask", text("what"))
    anna.update(BOOTH, "logIn", text("again"))
    t.expect(said(t, KIOSK, "ask", text("what"), anna), said(t, BOOTH, "logIn", text("again"), anna))


def test_who_has_not_logged_in_talks_to_nobody_else(t):
    t.listen(KIOSK)
    anna = t.visitor()
    anna.update(KIOSK, "ask", text("me"))
    anna.expect_ejected(ANONYMOUS_VIOLATION)
    t.nothing_comes()


def test_not_to_objects_either(t):
    """Whether they are there or not."""
    ride = t.ride(t.meadow(), t.zone())
    t.set_ai(ride, t.me.channel)
    t.drain()
    for do_id in [ride.do_id, t.do()]:
        anna = t.visitor()
        anna.update(do_id, "board", u16(80))
        anna.expect_ejected(ANONYMOUS_VIOLATION)
    t.nothing_comes()


def test_a_field_that_is_not_for_clients_is_not_said_to_uberdogs(t):
    """`airecv` alone, and one that another class has."""
    t.listen(BOOTH)
    for field, value in [("close", u8(7)), ("board", u16(80)), (60_000, b"")]:
        anna = t.visitor()
        anna.update(BOOTH, field, value)
        anna.expect_ejected(FORBIDDEN_FIELD)
    t.nothing_comes()


def test_who_has_not_logged_in_has_no_interests_and_moves_nothing(t):
    meadow, zone = t.meadow(), t.zone()
    says = [lambda c: c.opens(1, meadow, zone), lambda c: c.closes(1), lambda c: c.moves(5, meadow, zone)]
    for say in says:
        anna = t.visitor()
        say(anna)
        anna.expect_ejected(INVALID)


def test_a_message_that_there_is_not(t):
    for client in [t.visitor(), t.guest()]:
        client.say(u16(60_000))
        client.expect_ejected(INVALID)


def test_heartbeats_are_always_in_order(t):
    anna, bert = t.visitor(), t.guest()
    for client in [anna, bert]:
        client.says("Heartbeat")
        client.says("Heartbeat")
    t.nothing_comes()


def test_a_client_leaves_when_it_likes(t):
    """It is not ejected: the connection ends without a word."""
    t.visitor().leaves()
    t.guest().leaves()


def test_the_cluster_takes_back_what_it_allowed(t):
    t.listen(BOOTH, KIOSK)
    anna = t.guest()
    t.set_state(anna, ANONYMOUS)
    anna.update(BOOTH, "logIn", text("anna"))
    t.expect(said(t, BOOTH, "logIn", text("anna"), anna))
    anna.update(KIOSK, "ask", text("me"))
    anna.expect_ejected(ANONYMOUS_VIOLATION)
    t.nothing_comes()


def test_a_client_that_is_new_again_says_hello_again(t):
    anna, bert = t.visitor(), t.visitor()
    for client in [anna, bert]:
        t.set_state(client, NEW)
    anna.hello()
    anna.expect(anna.word("HelloResp"))
    bert.says("Heartbeat")
    bert.expect_ejected(NO_HELLO)


def test_a_state_that_there_is_not_changes_nothing(t):
    t.listen(KIOSK)
    anna = t.guest()
    for state in [3, 65_535]:
        t.tell(anna, "SetState", state=state)
    anna.update(KIOSK, "ask", text("still"))
    t.expect(said(t, KIOSK, "ask", text("still"), anna))


def test_who_is_let_in_twice_is_let_in(t):
    t.listen(KIOSK)
    anna = t.guest()
    t.set_state(anna, ESTABLISHED)
    anna.update(KIOSK, "ask", text("once"))
    t.expect(said(t, KIOSK, "ask", text("once"), anna))


def test_one_who_logs_in_does_not_let_others_in(t):
    anna, bert = t.visitor(), t.visitor()
    t.set_state(anna, ESTABLISHED)
    bert.opens(1, t.meadow(), t.zone())
    bert.expect_ejected(INVALID)
