"""What clients hear of objects that change: what is for them, once, in order, and nothing else."""

from ground import BOOTH, KIOSK
from stage import only, packed
from world import NUMBERS, text, u8, u16, u32


def scene(t, visitors=1):
    """A ride, and clients that look at it."""
    meadow, zone = t.meadow(), t.zone()
    ride, clients = t.ride(meadow, zone), t.guests(visitors)
    for client in clients:
        t.look(client, 1, meadow, zone, sees=[ride])
    return (ride, *clients)


def test_a_broadcast_field_comes_to_all_who_look(t):
    ride, anna, bert, carl = scene(t, 3)
    dora = t.guest()
    t.set_field(ride, "creak", u8(3))
    for client in [anna, bert, carl]:
        client.expect(t.shown(ride, "creak", u8(3)))
    dora.expect_silence()


def test_what_is_not_broadcast_is_not_heard(t):
    """For the AI, for the owner, for who comes later, for nobody."""
    ride, anna = scene(t)
    t.set_ai(ride, t.me.channel)
    t.drain()
    for field, value in [("setToll", u16(1)), ("board", u16(1)), ("setTill", u32(1)), ("hint", text("no")),
                         ("setColour", u16(1)), ("setMotto", text("m")), ("setBrake", u16(1)),
                         ("setFuse", u8(1))]:
        t.set_field(ride, field, value)
    t.nothing_comes()


def test_the_owner_hears_what_is_for_owners(t):
    """Wherever the object is; the others that look do not."""
    ride, anna, bert = scene(t, 2)
    carl = t.guest()
    t.give(carl, ride)
    t.set_field(ride, "hint", text("psst"))
    t.set_field(ride, "setTill", u32(1))
    carl.expect(t.shown(ride, "hint", text("psst")), t.shown(ride, "setTill", u32(1)))
    t.nothing_comes()


def test_an_owner_that_does_not_look_hears_no_broadcast(t):
    ride, anna = scene(t)
    bert = t.guest()
    t.give(bert, ride)
    t.set_field(ride, "creak", u8(3))
    anna.expect(t.shown(ride, "creak", u8(3)))
    t.nothing_comes()


def test_an_owner_that_looks_hears_it_once(t):
    ride, anna = scene(t)
    t.give(anna, ride)
    t.set_field(ride, "hail", u8(3))
    anna.expect(t.shown(ride, "hail", u8(3)))
    t.nothing_comes()


def test_updates_come_in_order(t):
    ride, anna, bert = scene(t, 2)
    for number in range(300):
        t.set_field(ride, "creak", u8(number % 256))
    for client in [anna, bert]:
        client.expect(*[t.shown(ride, "creak", u8(number % 256)) for number in range(300)])


def test_a_molecular_field_comes_as_it_is(t):
    ride, anna = scene(t)
    t.set_field(ride, "spinAndJump", u8(5, 6))
    anna.expect(t.shown(ride, "spinAndJump", u8(5, 6)))


PAIRS = [("setPlaces", u8(6)), ("setSign", text("slow")), ("spinAndJump", u8(1, 2))]


@only("openotp")
def test_several_fields_come_one_by_one(t):
    ride, anna = scene(t)
    t.set_fields(ride, PAIRS)
    anna.expect(*[t.shown(ride, field, value) for field, value in PAIRS])


@only("astron")
def test_several_fields_come_together(t):
    ride, anna = scene(t)
    t.set_fields(ride, PAIRS)
    anna.expect(t.word("UpdateFields", do_id=ride.do_id, count=3, fields=packed(PAIRS)))


def test_of_several_fields_only_those_for_clients_come(t):
    ride, anna = scene(t)
    t.set_ai(ride, t.channel())
    t.set_owner(ride, t.channel())
    t.set_fields(ride, [("setTill", u32(1)), ("setToll", u16(3)), ("creak", u8(1)), ("hint", text("no")),
                        ("setFuse", u8(1))])
    anna.expect(t.shown(ride, "creak", u8(1)))


def test_several_fields_of_which_one_is_bad_change_nothing(t):
    ride, anna = scene(t)
    t.set_fields(ride, [("creak", u8(1)), ("setPlaces", u8(7))])
    t.nothing_comes()


def test_a_large_update_comes_whole(t):
    meadow, zone, (anna,) = t.meadow(), t.zone(), t.guests(1)
    balloon = t.new("Balloon", meadow.do_id, zone)
    t.look(anna, 1, meadow, zone, sees=[balloon])
    picture = text(bytes(n % 253 for n in range(60_000)))
    t.set_field(balloon, "setPicture", picture)
    anna.expect(t.shown(balloon, "setPicture", picture))
    balloon.values["setPicture"] = picture
    (bert,) = t.guests(1)
    t.look(bert, 1, meadow, zone, sees=[balloon])


def test_an_update_in_the_name_of_a_client_is_not_for_it(t):
    """That is how a client does not hear itself, whoever passes it on."""
    ride, anna, bert = scene(t, 2)
    t.send(ride.do_id, "UpdateField", anna.channel, do_id=ride.do_id, field=NUMBERS["creak"], value=u8(1))
    bert.expect(t.shown(ride, "creak", u8(1)))
    t.nothing_comes()


def test_an_update_of_an_unknown_object_is_not_shown(t):
    """Said to the client's own channel, of an object that it neither sees, owns nor knows."""
    ride, (anna,) = t.ride(t.meadow(), t.zone()), t.guests(1)
    t.send(anna.channel, "UpdateField", do_id=ride.do_id, field=NUMBERS["creak"], value=u8(1))
    t.nothing_comes()


def test_uberdogs_speak_to_clients(t):
    """On the client's channel, before it has logged in as well; they are known from the start."""
    anna, bert = t.visitor(), t.guest()
    t.send(anna.channel, "UpdateField", BOOTH, do_id=BOOTH, field=NUMBERS["welcome"], value=text("anna"))
    anna.expect(t.shown(BOOTH, "welcome", text("anna")))
    t.send(bert.channel, "UpdateField", KIOSK, do_id=KIOSK, field=NUMBERS["answer"], value=text("there"))
    bert.expect(t.shown(KIOSK, "answer", text("there")))
    t.nothing_comes()
