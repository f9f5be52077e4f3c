"""Fields change (seed: UPDATE_FIELD, UPDATE_FIELD_MULTIPLE)."""

from dialect import location
from stage import only, packed
from world import NUMBERS, UNKNOWN_FIELD, i16, text, u8, u16, u32


def watched(t, dclass="Carriage", ai=True, owner=True, **values):
    """An object with a location, an AI and an owner, all of which `me` hears."""
    thing = t.new(dclass, t.do(), t.zone(), **values)
    if ai:
        t.set_ai(thing, t.channel())
    if owner:
        t.set_owner(thing, t.channel())
    t.drain()
    t.me.subscribe(*[channel for channel in (t.loc(thing), thing.ai, thing.owner) if channel])
    return thing


def goes_to(t, thing, name, value, to):
    t.set_field(thing, name, value)
    t.expect(t.updated(thing, name, value, to=to))


def is_refused(t, thing, name, value):
    t.set_field(thing, name, value)
    t.expect_nothing()


def test_broadcast_goes_to_the_location(t):
    thing = watched(t)
    goes_to(t, thing, "setSeats", u16(2, 9), [t.loc(thing)])


def test_airecv_goes_to_the_ai(t):
    thing = watched(t)
    goes_to(t, thing, "setLoad", u32(9), [thing.ai])


def test_ownrecv_goes_to_the_owner(t):
    thing = watched(t)
    goes_to(t, thing, "setFare", u32(9) + u8(1), [thing.owner])


def test_several_keywords_are_one_datagram(t):
    thing = watched(t)
    goes_to(t, thing, "setBell", u8(1), [t.loc(thing), thing.ai, thing.owner])
    goes_to(t, thing, "coal", u16(1), [t.loc(thing), thing.ai])


def test_the_sender_of_the_relay_is_who_sent_the_update(t):
    thing, orig = watched(t), t.channel()
    t.me.send(thing.do_id, "UpdateField", orig, do_id=thing.do_id, field=16, value=u8(4))
    t.expect(t.updated(thing, "setBell", u8(4), by=orig))


def test_the_ai_does_not_get_its_own_update_back(t):
    thing = watched(t)
    for name, value, to in [("setBell", u8(2), [t.loc(thing), thing.owner]), ("setLoad", u32(1), [])]:
        t.me.send(thing.do_id, "UpdateField", thing.ai, do_id=thing.do_id, field=NUMBERS[name], value=value)
        t.me.expect(*[t.updated(thing, name, value, by=thing.ai)] * bool(to))
    t.expect_field(thing, "setLoad", u32(1))


def test_the_owner_does_not_get_its_own_update_back(t):
    thing = watched(t)
    for name, value, to in [("setBell", u8(2), [t.loc(thing), thing.ai]), ("wink", b"", [])]:
        t.me.send(thing.do_id, "UpdateField", thing.owner, do_id=thing.do_id, field=NUMBERS[name], value=value)
        t.me.expect(*[t.updated(thing, name, value, by=thing.owner, to=to)] * bool(to))
    t.expect_nothing()


def test_an_ai_that_is_the_owner_hears_it_once(t):
    thing = watched(t, ai=False)
    t.set_ai(thing, thing.owner)
    t.drain()
    goes_to(t, thing, "setBell", u8(1), [t.loc(thing), thing.owner])


def test_without_ai_and_owner_only_the_location_hears_it(t):
    thing = watched(t, ai=False, owner=False)
    goes_to(t, thing, "setBell", u8(1), [t.loc(thing)])
    t.set_field(thing, "setLoad", u32(1))
    t.set_field(thing, "setFare", u32(1) + u8(1))
    t.expect_nothing()


def test_nowhere_has_no_location(t):
    thing = t.new("Carriage", 0, t.zone())
    t.set_ai(thing, t.channel())
    t.drain()
    t.me.subscribe(thing.ai, thing.zone, location(0, thing.zone))
    goes_to(t, thing, "setBell", u8(1), [thing.ai])
    t.set_field(thing, "setSeats", u16(0))
    t.expect_nothing()
    t.expect_field(thing, "setSeats", u16(0))


def test_required_fields_are_stored(t):
    thing = watched(t)
    for name, value in [("setName", text("crab")), ("setAspect", u8(0)), ("setAxle", u32(1)),
                        ("setX", i16(-3000)), ("setKey", text(b"")), ("setTint", u16(0xFFFF))]:
        t.set_field(thing, name, value)
        thing.values[name] = value
        t.me.expect(*t.audible([t.updated(thing, name, value)]))
    t.expect_all(thing)


def test_ram_fields_are_stored_once_set(t):
    thing = watched(t)
    t.expect_field(thing, "setBell", None)
    for value in (u8(1), u8(2)):
        t.set_field(thing, "setBell", value)
        t.expect(t.updated(thing, "setBell", value))
        t.expect_field(thing, "setBell", value)


def test_a_field_that_is_neither_is_relayed_and_not_kept(t):
    thing = watched(t)
    goes_to(t, thing, "whistle", text("toot"), [t.loc(thing)])
    goes_to(t, thing, "report", u32(7), [thing.ai])
    goes_to(t, thing, "wink", b"", [thing.owner])
    goes_to(t, thing, "cheer", u8(1), [t.loc(thing), thing.ai, thing.owner])
    for name in ("whistle", "report", "wink", "cheer"):
        t.expect_field(thing, name, None)
    t.expect_all(thing)


def test_a_field_without_keywords_is_heard_by_nobody(t):
    thing = watched(t)
    for name, value in [("mumble", u8(1)), ("setNote", text("hush")), ("setAxle", u32(3))]:
        t.set_field(thing, name, value)
    t.expect_nothing()
    thing.values.update(setNote=text("hush"), setAxle=u32(3))
    t.expect_all(thing)


def test_clrecv_alone_is_kept_and_not_relayed(t):
    thing = watched(t)
    t.set_field(thing, "setTint", u16(1))
    t.set_field(thing, "setLivery", u8(1, 2))
    t.expect_nothing()
    thing.values.update(setTint=u16(1), setLivery=u8(1, 2))
    t.expect_all(thing)


def test_a_molecular_field_is_relayed_whole_and_kept_as_its_atoms(t):
    thing = watched(t)
    goes_to(t, thing, "setXY", i16(30, -40), [t.loc(thing), thing.ai])
    goes_to(t, thing, "setPressureGauge", u8(7) + u16(600), [thing.ai])
    goes_to(t, thing, "flash", u8(1, 2), [t.loc(thing)])
    thing.values.update(setX=i16(30), setY=i16(-40), setPressure=u8(7), setGauge=u16(600))
    t.expect_all(thing)


def test_what_was_updated_is_what_newcomers_see(t):
    thing = watched(t)
    t.set_fields(thing, [("setName", text("new")), ("setSeats", u16(2, 7))])
    t.drain()
    thing.values.update(setName=text("new"), setSeats=u16(2, 7))
    old, zone = thing.at, t.zone()
    t.me.subscribe(location(thing.parent, zone))
    t.move(thing, thing.parent, zone)
    t.expect(*t.moved(thing, old))


def test_updates_come_in_the_order_in_which_they_were_sent(t):
    thing = watched(t)
    for number in range(300):
        t.set_field(thing, "setBell", u8(number % 256))
    t.expect(*[t.updated(thing, "setBell", u8(number % 256)) for number in range(300)])


def test_an_update_with_another_id_in_it_is_ignored(t):
    thing, other = watched(t), watched(t)
    t.me.send(thing.do_id, "UpdateField", do_id=other.do_id, field=16, value=u8(1))
    t.me.send(thing.do_id, "UpdateFieldMultiple", do_id=other.do_id, count=1, fields=packed([(16, u8(1))]))
    t.expect_nothing()
    t.expect_all(thing)
    t.expect_all(other)


def test_an_update_to_two_objects_is_of_the_one_that_it_names(t):
    thing, other = watched(t), watched(t)
    t.me.send([thing.do_id, other.do_id], "UpdateField", do_id=other.do_id, field=16, value=u8(1))
    t.expect(t.updated(other, "setBell", u8(1)))
    t.expect_all(thing)


def test_an_update_that_makes_no_sense_is_refused(t):
    thing = watched(t)
    for name, value in [
        ("setAspect", u8(5)), ("setX", i16(3001)), ("setXY", i16(0, -3001)), ("coal", u16(501)),
        ("setName", text("x" * 41)), ("setName", u16(9) + b"short"), ("setSeats", u16(3) + b"abc"),
        ("setFare", u32(1) + u8(0)), ("whistle", text("x" * 61)), ("flash", u8(1)), ("setBell", b""),
        ("setBell", u8(1, 1)), ("wink", b"\0"), ("setXY", i16(1, 2, 3)),
    ]:
        is_refused(t, thing, name, value)
    t.expect_all(thing)


def test_a_field_that_is_not_of_the_class_is_refused(t):
    thing = watched(t)
    for field in (UNKNOWN_FIELD, 0xFFFF, NUMBERS["setTables"], NUMBERS["setTown"], 0):
        t.me.send(thing.do_id, "UpdateField", do_id=thing.do_id, field=field, value=u8(1))
        t.set_fields(thing, [("setBell", u8(1)), (field, u8(1))])
    t.expect_nothing()
    t.expect_all(thing)


@only("astron")
def test_a_string_that_is_not_ascii_is_refused(t):
    thing = watched(t)
    is_refused(t, thing, "setName", text("\u00e9t\u00e9"))
    t.expect_all(thing)


def test_several_fields_for_the_same_hearers_stay_together(t):
    thing = watched(t)
    pairs = [("setSeats", u16(0)), ("setName", text("a")), ("whistle", text("b"))]
    t.set_fields(thing, pairs)
    t.expect(t.updated_many(thing, pairs, [t.loc(thing)]))
    pairs = [("setBell", u8(1)), ("cheer", u8(2))]
    t.set_fields(thing, pairs)
    t.expect(t.updated_many(thing, pairs, [t.loc(thing), thing.ai, thing.owner]))
    pairs = [("setXY", i16(1, 2)), ("setAspect", u8(1))]
    t.set_fields(thing, pairs)
    t.expect(t.updated_many(thing, pairs, [t.loc(thing), thing.ai]))


def test_it_is_the_hearers_that_count_and_not_the_keywords(t):
    """Nobody is AI or owner, so all of these go to the location."""
    thing = watched(t, ai=False, owner=False)
    pairs = [("setBell", u8(1)), ("setSeats", u16(0)), ("coal", u16(2))]
    t.set_fields(thing, pairs)
    t.expect(t.updated_many(thing, pairs, [t.loc(thing)]))


def test_a_multiple_of_one_field_stays_one(t):
    thing = watched(t)
    t.set_fields(thing, [("setBell", u8(1))])
    t.expect(t.updated_many(thing, [("setBell", u8(1))], [t.loc(thing), thing.ai, thing.owner]))


def test_fields_for_different_hearers_are_split_in_order_of_appearance(t):
    thing = watched(t)
    pairs = [("setSeats", u16(0)), ("setLoad", u32(1)), ("setName", text("a")), ("setBell", u8(1)),
             ("setPressureGauge", u8(1) + u16(2)), ("setNote", text("kept"))]
    t.set_fields(thing, pairs)
    t.expect(
        t.updated_many(thing, [pairs[0], pairs[2]], [t.loc(thing)]),
        t.updated_many(thing, [pairs[1], pairs[4]], [thing.ai]),
        t.updated(thing, *pairs[3]),
    )
    thing.values.update(setSeats=u16(0), setLoad=u32(1), setName=text("a"), setBell=u8(1),
                        setPressure=u8(1), setGauge=u16(2), setNote=text("kept"))
    t.expect_all(thing)


def test_fields_that_nobody_hears_are_left_out(t):
    thing = watched(t)
    t.set_fields(thing, [("setNote", text("a")), ("setBell", u8(1)), ("mumble", u8(2))])
    t.expect(t.updated(thing, "setBell", u8(1)))
    t.set_fields(thing, [("setNote", text("b")), ("setAxle", u32(1)), ("setTint", u16(4))])
    t.expect_nothing()
    thing.values.update(setNote=text("b"), setBell=u8(1), setAxle=u32(1), setTint=u16(4))
    t.expect_all(thing)


def test_a_multiple_from_the_ai_does_not_go_back_to_it(t):
    thing = watched(t)
    pairs = [("setBell", u8(1)), ("coal", u16(2)), ("setLoad", u32(3))]
    t.me.send(thing.do_id, "UpdateFieldMultiple", thing.ai, do_id=thing.do_id, count=3, fields=packed(pairs))
    t.expect(
        t.updated(thing, "setBell", u8(1), by=thing.ai),
        t.updated(thing, "coal", u16(2), by=thing.ai),
    )


def test_a_field_that_stands_twice_is_set_twice_and_sent_twice(t):
    thing = watched(t)
    pairs = [("setBell", u8(1)), ("setBell", u8(2))]
    t.set_fields(thing, pairs)
    t.expect(t.updated_many(thing, pairs, [t.loc(thing), thing.ai, thing.owner]))
    t.expect_field(thing, "setBell", u8(2))


def test_one_bad_field_and_nothing_happens(t):
    thing = watched(t)
    good = ("setBell", u8(1))
    for bad in [("setAspect", u8(5)), (UNKNOWN_FIELD, b""), ("setTables", u8(1)), ("setName", u16(5)),
                ("setSeats", u16(3) + b"abc")]:
        t.set_fields(thing, [good, bad])
        t.set_fields(thing, [bad, good])
    t.expect_nothing()
    t.expect_all(thing)


def test_a_wrong_count_and_nothing_happens(t):
    thing = watched(t)
    pairs = [("setBell", u8(1)), ("setLoad", u32(2))]
    for count in (0, 1, 3, 0xFFFF):
        t.set_fields(thing, pairs, count=count)
    t.expect_nothing()
    t.expect_all(thing)


def test_no_fields_are_nothing(t):
    thing = watched(t)
    t.set_fields(thing, [])
    t.expect_nothing()
    t.expect_all(thing)


def test_an_object_cannot_grow_beyond_a_datagram(t):
    thing = watched(t, "Parcel")
    large = text(b"p" * 40_000)
    t.set_field(thing, "setFront", large)
    thing.values["setFront"] = large
    t.expect(t.updated(thing, "setFront", large))
    is_refused(t, thing, "setBack", large)
    t.set_fields(thing, [("setLabel", text("too much")), ("setBack", text(b"q" * 25_000))])
    t.expect_nothing()
    t.set_field(thing, "setBack", text(b"q" * 20_000))
    thing.values["setBack"] = text(b"q" * 20_000)
    t.expect(t.updated(thing, "setBack", thing.values["setBack"]))
    t.expect_all(thing)


def test_what_is_too_large_becomes_possible_where_something_shrinks(t):
    thing = watched(t, "Parcel", setFront=text(b"p" * 60_000))
    is_refused(t, thing, "setBack", text(b"q" * 10_000))
    pairs = [("setFront", text(b"p")), ("setBack", text(b"q" * 10_000))]
    t.set_fields(thing, pairs)
    t.expect(t.updated_many(thing, pairs, [t.loc(thing)]))
