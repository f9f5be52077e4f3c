"""What the cluster gives clients: channels to hear, names to go by, objects to speak of."""

from dialect import location
from ground import BOOTH, EVERYBODY, KIOSK
from protocol import FORBIDDEN_FIELD, MISSING_OBJECT
from stage import only
from world import NUMBERS, text, u8, u16

WORD = u16(50_000) + b"as it is"  # a message that no client protocol has


def says(t, channel, datagram=WORD, sender=None):
    """The cluster says something to whoever hears a channel."""
    t.send(channel, "SendDatagram", sender, datagram=datagram)


def hears(client, datagram=WORD):
    word = client.hear()
    assert word and word.message == datagram, word


def test_a_client_hears_a_channel_that_is_opened_for_it(t):
    anna, bert, channel = *t.guests(2), t.channel()
    says(t, channel)
    t.nothing_comes()
    t.tell(anna, "OpenChannel", channel=channel)
    says(t, channel)
    hears(anna)
    t.nothing_comes()


def test_until_it_is_closed(t):
    anna, bert, channel = *t.guests(2), t.channel()
    for client in [anna, bert]:
        t.tell(client, "OpenChannel", channel=channel)
    says(t, channel)
    hears(anna)
    hears(bert)
    t.tell(anna, "CloseChannel", channel=channel)
    says(t, channel)
    hears(bert)
    t.nothing_comes()


def test_a_channel_that_is_opened_twice_is_heard_once(t):
    anna, channel = t.guest(), t.channel()
    for _ in range(2):
        t.tell(anna, "OpenChannel", channel=channel)
    says(t, channel)
    hears(anna)
    t.nothing_comes()


def test_what_is_said_to_several_of_its_channels_comes_once(t):
    anna, channel = t.guest(), t.channel()
    t.tell(anna, "OpenChannel", channel=channel)
    says(t, [channel, anna.channel])
    hears(anna)
    t.nothing_comes()


def test_a_channel_is_opened_before_a_client_has_logged_in(t):
    anna, channel = t.visitor(), t.channel()
    t.tell(anna, "OpenChannel", channel=channel)
    says(t, channel)
    hears(anna)


def test_updates_come_on_an_opened_channel_if_the_object_is_known(t):
    """A channel of a guild, say, with an object that was declared."""
    anna, bert, channel, ride = *t.guests(2), t.channel(), t.new("Ride")
    for client in [anna, bert]:
        t.tell(client, "OpenChannel", channel=channel)
    t.declare(anna, ride)
    t.send(channel, "UpdateField", do_id=ride.do_id, field=NUMBERS["creak"], value=u8(1))
    anna.expect(t.shown(ride, "creak", u8(1)))
    t.nothing_comes()


def test_a_location_that_is_opened_is_heard_but_not_seen(t):
    """Objects there do not enter: there is no interest. When the channel is open, so is it by itself."""
    meadow, zone, anna = t.meadow(), t.zone(), t.guest()
    ride = t.ride(meadow, zone)
    t.tell(anna, "OpenChannel", channel=location(meadow.do_id, zone))
    t.look(anna, 1, meadow, zone, sees=[ride])
    anna.closes(1)
    anna.expect(t.left(ride), t.done(1))
    says(t, location(meadow.do_id, zone))
    hears(anna)
    t.set_field(ride, "creak", u8(1))
    t.nothing_comes()


def asks(t, client, question, name):
    """A client says something, and goes by this name."""
    client.update(KIOSK, "ask", text(question))
    t.expect(t.dg(KIOSK, name, "UpdateField", do_id=KIOSK, field=NUMBERS["ask"], value=text(question)))


def test_a_client_goes_by_its_channel(t):
    t.listen(KIOSK)
    anna, bert = t.guests(2)
    asks(t, anna, "who am i", anna.channel)
    asks(t, bert, "who am i", bert.channel)


def test_a_client_goes_by_the_name_that_it_is_given(t):
    """SET_CLIENT_ID, in `openotp` SET_SENDER_ID: the channel of an account, say. It hears it, too."""
    t.listen(KIOSK)
    anna, name = t.guest(), t.channel()
    t.tell(anna, "SetClientId", channel=name)
    asks(t, anna, "who am i", name)
    for channel in [name, anna.channel]:
        says(t, channel)
        hears(anna)
    t.nothing_comes()


def test_then_by_the_next_one(t):
    t.listen(KIOSK)
    anna, first, second = t.guest(), t.channel(), t.channel()
    t.tell(anna, "SetClientId", channel=first)
    t.tell(anna, "SetClientId", channel=second)
    asks(t, anna, "who am i", second)
    says(t, first)
    t.nothing_comes()
    says(t, second)
    hears(anna)


def test_and_by_its_own_again(t):
    t.listen(KIOSK)
    anna, name = t.guest(), t.channel()
    t.tell(anna, "SetClientId", channel=name)
    t.tell(anna, "SetClientId", channel=anna.channel)
    asks(t, anna, "who am i", anna.channel)
    says(t, name)
    t.nothing_comes()
    says(t, anna.channel)
    hears(anna)


def test_a_client_does_not_hear_its_own_name(t):
    """Whatever is said in its name is not for it; what is said in its channel's is, if it has another."""
    anna, name = t.guest(), t.channel()
    says(t, anna.channel, sender=anna.channel)
    t.nothing_comes()
    t.tell(anna, "SetClientId", channel=name)
    says(t, anna.channel, sender=name)
    t.nothing_comes()
    says(t, anna.channel, sender=anna.channel)
    hears(anna)


def test_two_clients_of_one_name(t):
    """Two windows of one account: both hear what is said to it, and neither what the other says."""
    meadow, zone, name, anna, bert = t.meadow(), t.zone(), t.channel(), *t.guests(2)
    ride, carl = t.ride(meadow, zone), t.guest()
    for client in [anna, bert, carl]:
        t.look(client, 1, meadow, zone, sees=[ride])
    for client in [anna, bert]:
        t.tell(client, "SetClientId", channel=name)
    says(t, name)
    hears(anna)
    hears(bert)
    anna.update(ride, "wave", u16(1))
    carl.expect(t.shown(ride, "wave", u16(1)))
    t.nothing_comes()


def test_who_has_a_name_owns_by_it(t):
    anna, name, ride = t.guest(), t.channel(), t.ride(t.meadow(), t.zone())
    t.tell(anna, "SetClientId", channel=name)
    t.set_owner(ride, name)
    anna.expect(t.owned(ride))
    anna.update(ride, "honk", u8(1))
    t.set_owner(ride, 0)
    anna.expect(t.disowned(ride))


def test_who_has_a_name_opens_interests(t):
    meadow, zone, anna = t.meadow(), t.zone(), t.guest()
    ride = t.ride(meadow, zone)
    t.tell(anna, "SetClientId", channel=t.channel())
    t.look(anna, 1, meadow, zone, sees=[ride])


def test_a_declared_object_may_be_spoken_of(t):
    """DECLARE_OBJECT, until UNDECLARE_OBJECT. It is neither shown nor heard."""
    anna, ride = t.guest(), t.ride(t.meadow(), t.zone())
    t.set_ai(ride, t.me.channel)
    t.drain()
    t.declare(anna, ride)
    anna.update(ride, "board", u16(80))
    t.expect(t.updated(ride, "board", u16(80), by=anna.channel, to=[t.me.channel]))
    t.set_field(ride, "creak", u8(1))
    t.nothing_comes()
    t.tell(anna, "UndeclareObject", do_id=ride.do_id)
    anna.update(ride, "board", u16(80))
    anna.expect_ejected(MISSING_OBJECT)
    t.nothing_comes()


def test_a_declared_object_is_declared_to_one(t):
    anna, bert, ride = *t.guests(2), t.ride(t.meadow(), t.zone())
    t.declare(anna, ride)
    bert.update(ride, "board", u16(80))
    bert.expect_ejected(MISSING_OBJECT)


def test_a_declared_object_is_not_owned(t):
    anna, ride = t.guest(), t.ride(t.meadow(), t.zone())
    t.declare(anna, ride)
    anna.update(ride, "honk", u8(80))
    anna.expect_ejected(FORBIDDEN_FIELD)


def test_a_declared_object_has_the_class_that_was_declared(t):
    anna, ride = t.guest(), t.ride(t.meadow(), t.zone())
    t.tell(anna, "DeclareObject", do_id=ride.do_id, dclass=t.thing("Balloon").dclass.number)
    anna.update(ride, "board", u16(80))
    anna.expect_ejected(FORBIDDEN_FIELD)


def test_an_object_of_no_class_is_not_declared(t):
    anna, ride = t.guest(), t.ride(t.meadow(), t.zone())
    t.tell(anna, "DeclareObject", do_id=ride.do_id, dclass=60_000)
    anna.update(ride, "board", u16(80))
    anna.expect_ejected(MISSING_OBJECT)


def test_what_is_given_to_one_is_not_the_other_s(t):
    """Each of it, said to the one that has it."""
    anna, bert, channel, ride = *t.guests(2), t.channel(), t.ride(t.meadow(), t.zone())
    t.tell(anna, "OpenChannel", channel=channel)
    t.declare(anna, ride)
    t.give(anna, ride)
    t.let_send(anna, ride, "creak")
    says(t, anna.channel)
    hears(anna)
    says(t, channel)
    hears(anna)
    t.set_field(ride, "hint", text("psst"))
    anna.expect(t.shown(ride, "hint", text("psst")))
    t.send(anna.channel, "UpdateField", BOOTH, do_id=BOOTH, field=NUMBERS["welcome"], value=text("anna"))
    anna.expect(t.shown(BOOTH, "welcome", text("anna")))
    t.nothing_comes()


@only("astron")
def test_all_clients_hear_one_channel(t):
    """Of all Client Agents, and whether they have logged in or not."""
    clients = [t.guest(), t.guest("usual"), t.visitor("closed")]
    says(t, EVERYBODY)
    for client in clients:
        hears(client)
    t.nothing_comes()


@only("astron")
def test_all_clients_are_sent_home(t):
    clients = [t.guest(), t.guest("usual"), t.visitor("closed")]
    t.send(EVERYBODY, "Eject", code=122, reason=b"we close")
    for client in clients:
        client.expect_ejected(122, "we close")
