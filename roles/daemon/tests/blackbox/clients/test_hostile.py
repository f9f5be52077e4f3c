"""Clients that try to hear, say or do what is not theirs: by ids that are something else."""

from dialect import location
from ground import ENTRANCE, EVERYBODY, KIOSK
from protocol import FORBIDDEN_INTEREST, MISSING_OBJECT
from stage import CONTROL
from world import NUMBERS, text, u8, u16

SECRET = u16(50_000) + b"for you alone"


def secret(t, client):
    """The cluster tells a client something that nobody else is to hear, and it hears that."""
    t.send(client.channel, "SendDatagram", datagram=SECRET)
    word = client.hear()
    assert word and word.message == SECRET, word


def low(channel):
    return channel & 0xFFFF_FFFF


def test_an_interest_in_the_channel_of_another_client(t):
    """A location below 0 would have the number of a channel. Below nobody there is nothing."""
    anna, mallory = t.guests(2)
    mallory.opens(1, 0, low(anna.channel), context=1)
    mallory.expect(t.done(1, 1))
    secret(t, anna)
    t.nothing_comes()


def test_an_interest_in_the_channel_of_an_object(t):
    """What is said to an object, and what is said to State Servers, is no client's business."""
    ride, mallory = t.ride(t.meadow(), t.zone()), t.guest()
    mallory.opens(1, 0, ride.do_id, CONTROL, KIOSK, ENTRANCE, context=1)
    mallory.expect(t.done(1, 1))
    t.set_field(ride, "creak", u8(1))
    t.new("Ride")
    t.send(KIOSK, "UpdateField", do_id=KIOSK, field=NUMBERS["answer"], value=text("for the kiosk"))
    t.nothing_comes()


def test_an_interest_in_the_channel_of_all_children(t):
    """Where a parent speaks to its children; and in `astron` where a database speaks of objects."""
    meadow, zone = t.meadow(), t.zone()
    ride, mallory = t.ride(meadow, zone), t.guest()
    for number, reserved in enumerate([1, 2, 999] if t.astron else [4030]):
        mallory.opens(number, reserved, meadow.do_id, ride.do_id, context=7)
        mallory.expect(t.done(number, 7))
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.send(t.d.stored_channel(ride.do_id) if t.astron else t.children(meadow), "UpdateField",
           do_id=KIOSK, field=NUMBERS["answer"], value=text("for children"))
    t.nothing_comes()


def test_an_interest_below_what_is_no_parent(t):
    """Message Director, State Server, UberDOGs, all clients, oneself, another client: it is done in
    time, and nobody is the worse for it."""
    anna, mallory = t.guest(), t.guest("unanswered")
    parents = [t.d.control, CONTROL, ENTRANCE, KIOSK, EVERYBODY, low(anna.channel), low(mallory.channel),
               0xFFFF_FFFF, 12, 13]
    for number, parent in enumerate(parents):
        mallory.opens(number, parent, 1, 2, 3, context=number)
    done = {mallory.hear().args["context"] for _ in parents}
    assert done == set(range(len(parents))), done
    secret(t, anna)
    t.nothing_comes()
    t.new("Ride")


def test_an_update_of_what_is_no_object(t):
    """The channels of clients, of servers, of nobody."""
    anna = t.guest()
    for do_id in [low(anna.channel), CONTROL, t.d.control, EVERYBODY, 0, 1, 999, 4030, 0xFFFF_FFFF]:
        mallory = t.guest()
        mallory.update(do_id, "setMotto", text("mine"))
        mallory.expect_ejected(MISSING_OBJECT)
    t.nothing_comes()


def test_a_client_does_not_speak_to_itself(t):
    mallory = t.guest()
    mallory.update(low(mallory.channel), "creak", u8(1))
    mallory.expect_ejected(MISSING_OBJECT)


def test_a_move_of_what_is_no_object(t):
    anna, meadow = t.guest(), t.meadow()
    for do_id in [low(anna.channel), CONTROL, ENTRANCE + 1000, 0, 0xFFFF_FFFF]:
        mallory = t.guest()
        mallory.moves(do_id, meadow, 1)
        mallory.expect_ejected(MISSING_OBJECT)
    t.nothing_comes()


def test_what_is_said_in_a_zone_to_one_owner(t):
    """Mallory looks at the same object from the same place, and hears none of it."""
    meadow, zone, anna, mallory = t.meadow(), t.zone(), *t.guests(2)
    ride = t.ride(meadow, zone)
    for client in [anna, mallory]:
        t.look(client, 1, meadow, zone, sees=[ride])
    t.give(anna, ride)
    t.set_field(ride, "hint", text("the password"))
    t.set_field(ride, "setTill", b"\1\2\3\4")
    t.set_fields(ride, [("hint", text("again")), ("setPurse", u8(7))])
    heard = [anna.hear() for _ in range(3 if t.astron else 4)]
    assert all(heard), heard
    t.nothing_comes()


def test_two_clients_with_an_object_each(t):
    """Owned, with private words, in the same zone: each hears its own."""
    meadow, zone, clients = t.meadow(), t.zone(), t.guests(2)
    rides = [t.ride(meadow, zone) for _ in clients]
    for client in clients:
        t.look(client, 1, meadow, zone, sees=rides)
    for client, ride in zip(clients, rides):
        t.give(client, ride)
    for number in range(50):
        for client, ride in zip(clients, rides):
            t.set_field(ride, "hint", text(f"{number} for {ride.do_id}"))
    for client, ride in zip(clients, rides):
        client.expect(*[t.shown(ride, "hint", text(f"{n} for {ride.do_id}")) for n in range(50)])
    t.nothing_comes()


def test_the_name_of_a_client_as_a_location(t):
    """A client's name may have the number of a location. Who looks there does not hear what is for it."""
    meadow, zone, anna, mallory = t.meadow(), t.zone(), *t.guests(2)
    name = location(meadow.do_id, zone)
    t.tell(anna, "SetClientId", channel=name)
    t.look(mallory, 1, meadow, zone)
    t.send(name, "SendDatagram", datagram=SECRET)
    word = anna.hear()
    assert word and word.message == SECRET, word
    t.nothing_comes()
    t.send(name, "Eject", code=122, reason=b"you")
    anna.expect_ejected(122, "you")
    t.nothing_comes()


def test_words_that_claim_to_be_from_the_cluster(t):
    """A client that sends a whole datagram of a Message Director's link: it is a bad message."""
    anna, mallory = t.guest(), t.stranger()
    message = t.d.encode("Eject", code=1, reason=b"ha")
    mallory.say(t.me.datagram(anna.channel, message))
    assert mallory.hear().name == "Eject"
    mallory.expect_closed()
    t.nothing_comes()


def test_interests_of_all_sorts_that_are_not_allowed(t):
    """Usually: whatever has a number is not therefore known."""
    anna = t.guest("usual")
    for parent in [0, 1, 4030, CONTROL, low(anna.channel), t.meadow().do_id, 0xFFFF_FFFF]:
        mallory = t.guest("usual")
        mallory.opens(1, parent, 5)
        mallory.expect_ejected(FORBIDDEN_INTEREST)
    t.nothing_comes()


def test_a_crowd_that_is_thrown_out_leaves_the_others_in_peace(t):
    meadow, zone, anna, bert = t.meadow(), t.zone(), *t.guests(2)
    ride = t.ride(meadow, zone)
    for client in [anna, bert]:
        t.look(client, 1, meadow, zone, sees=[ride])
    for number in range(40):
        mallory = t.guest()
        t.look(mallory, 1, meadow, zone, sees=[ride])
        mallory.update(ride, "setPlaces", u8(1))
        assert mallory.hear().name == "Eject"
        anna.update(ride, "wave", u16(number))
        bert.expect(t.shown(ride, "wave", u16(number)))
        mallory.is_open = False
    t.expect_all(ride)
