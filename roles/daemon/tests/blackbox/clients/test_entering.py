"""What a client is shown of an object that enters: what is for clients, and nothing that is not.

Of the required fields, and of those that somebody has set: `broadcast` and `clrecv`; the owner sees
`ownrecv` fields besides. What is for the AI alone, or for nobody, never leaves the cluster.
"""

from fair import FOR_CLIENTS, FOR_NOBODY, FOR_OWNERS, RIDE_VALUES
from protocol import FORBIDDEN_FIELD, MISSING_OBJECT
from stage import CONTROL, only
from world import text, u8, u16

PRIVATE = [RIDE_VALUES["setBrake"], RIDE_VALUES["setToll"], FOR_NOBODY["setCargo"]]
FOR_THE_OWNER = RIDE_VALUES["setTill"]


def scene(t, **values):
    meadow, zone = t.meadow(), t.zone()
    return meadow, zone, t.ride(meadow, zone, **values)


def test_required_fields_that_are_for_clients(t):
    meadow, zone, ride = scene(t)
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=[ride])


def test_fields_that_somebody_has_set(t):
    meadow, zone, ride = scene(t, **FOR_CLIENTS, **FOR_NOBODY, **FOR_OWNERS)
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=[ride])


def test_private_fields_are_nowhere_in_the_bytes(t):
    """Not in what was there, not in what comes later, and not in what moves in."""
    values = {**FOR_CLIENTS, **FOR_NOBODY, **FOR_OWNERS}
    meadow, zone, ride = scene(t, **values)
    anna, elsewhere = t.guest(), t.zone()
    anna.opens(1, meadow, zone)
    heard = [anna.hear(), anna.hear()]
    t.ride(meadow, zone, **values)
    heard.append(anna.hear())
    moving = t.ride(meadow, elsewhere, **values)
    t.goes_to(moving, meadow, zone)
    heard.append(anna.hear())
    assert [word.name for word in heard] == ["EnterOther", "Done", "EnterOther", "EnterOther"], heard
    for word in heard:
        for private in [*PRIVATE, FOR_THE_OWNER]:
            assert private not in word.message, (private, word)


def test_the_owner_sees_what_is_for_owners(t):
    meadow, zone, ride = scene(t)
    anna = t.guest()
    t.give(anna, ride)


def test_the_owner_sees_what_somebody_has_set(t):
    meadow, zone, ride = scene(t, **FOR_CLIENTS, **FOR_NOBODY, **FOR_OWNERS)
    anna = t.guest()
    t.give(anna, ride)


def test_what_is_not_for_owners_is_nowhere_in_the_bytes(t):
    meadow, zone, ride = scene(t, **FOR_CLIENTS, **FOR_NOBODY, **FOR_OWNERS)
    anna = t.guest()
    t.set_owner(ride, anna.channel)
    word = anna.hear()
    assert word.name == "EnterOwnerOther" and FOR_THE_OWNER in word.message, word
    for private in PRIVATE:
        assert private not in word.message, (private, word)


def test_one_that_comes_shows_the_same_as_one_that_was_there(t):
    meadow, zone, anna = t.meadow(), t.zone(), t.guest()
    t.look(anna, 1, meadow, zone)
    for values in [{}, FOR_CLIENTS, {**FOR_CLIENTS, **FOR_NOBODY, **FOR_OWNERS}]:
        anna.expect(t.seen(t.ride(meadow, zone, **values)))


def test_only_private_fields_are_set(t):
    """Then the object enters with an OTHER block that is empty."""
    meadow, zone, ride = scene(t, **FOR_NOBODY)
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=[ride])


def test_a_field_that_is_not_kept_is_not_shown(t):
    meadow, zone, ride = scene(t)
    t.set_field(ride, "creak", u8(9))
    t.drain()
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=[ride])


def test_a_field_that_was_set_is_shown_from_then_on(t):
    meadow, zone, ride = scene(t)
    anna, bert = t.guests(2)
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.set_field(ride, "setLights", u8(1))
    anna.expect(t.shown(ride, "setLights", u8(1)))
    ride.values["setLights"] = u8(1)
    t.look(bert, 1, meadow, zone, sees=[ride])


def test_objects_of_several_classes(t):
    meadow, zone, anna = t.meadow(), t.zone(), t.guest()
    things = [t.ride(meadow, zone), t.new("Balloon", meadow.do_id, zone), t.new("Meadow", meadow.do_id, zone),
              t.new("Kiosk", meadow.do_id, zone)]
    t.look(anna, 1, meadow, zone, sees=things)


def test_a_large_object_is_shown_whole(t):
    meadow, zone, anna = t.meadow(), t.zone(), t.guest()
    balloon = t.new("Balloon", meadow.do_id, zone, setPicture=text(bytes(60_000)))
    t.look(anna, 1, meadow, zone, sees=[balloon])
    t.set_field(balloon, "rise", u16(3))
    anna.expect(t.shown(balloon, "rise", u16(3)))


def test_what_is_shown_is_known(t):
    """Only then: a client may speak of an object from when it has entered."""
    meadow, zone, ride = scene(t)
    anna, bert = t.guests(2)
    t.look(anna, 1, meadow, zone, sees=[ride])
    anna.update(ride, "mutter", u8(1))
    bert.update(ride, "mutter", u8(1))
    bert.expect_ejected(MISSING_OBJECT)
    t.nothing_comes()


def test_an_object_that_enters_twice_is_shown_once(t):
    """Whoever says so: the client has it."""
    meadow, zone, ride = scene(t)
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=[ride])
    again = t.enter_zone(ride)
    t.send(again.to, again.name, ride.do_id, **again.args)
    t.nothing_comes()


def test_an_object_that_moves_within_a_zone_does_not_enter_anew(t):
    meadow, zone, ride = scene(t)
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.goes_to(ride, meadow, zone)
    t.nothing_comes()


def test_an_object_that_is_created_anew(t):
    """Under an id that was another one's a moment ago: that one leaves, this one enters."""
    meadow, zone, ride = scene(t)
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.delete(ride)
    again = t.thing("Balloon", meadow.do_id, zone, ride.do_id)
    t.create(again)
    anna.expect(t.left(ride), t.seen(again))
    t.set_field(again, "rise", u16(1))
    anna.expect(t.shown(again, "rise", u16(1)))
    anna.update(again, "mutter", u8(1))
    anna.expect_ejected(FORBIDDEN_FIELD)


def test_what_an_ai_leaves_behind_leaves(t):
    """SHARD_RESET, in `astron` DELETE_AI_OBJECTS: when an AI has crashed, its objects go."""
    meadow, zone, ai = t.meadow(), t.zone(), t.channel()
    rides = [t.ride(meadow, zone) for _ in range(5)]
    for ride in rides[:4]:
        t.set_ai(ride, ai)
    t.drain()
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=rides)
    t.send(CONTROL, "ShardReset", ai=ai)
    anna.expect_set([t.left(ride) for ride in rides[:4]])
    t.set_field(rides[4], "creak", u8(1))
    anna.expect(t.shown(rides[4], "creak", u8(1)))


@only("astron")
def test_what_stood_in_a_parent_goes_with_it(t):
    meadow, zone, ride = scene(t)
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.delete(meadow)
    anna.expect(t.left(ride))


@only("openotp")
def test_what_stood_in_a_parent_stays(t):
    meadow, zone, ride = scene(t)
    anna = t.guest()
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.delete(meadow)
    t.set_field(ride, "creak", u8(1))
    anna.expect(t.shown(ride, "creak", u8(1)))
