"""Objects come into being (seed section 3.1)."""

from dialect import location
from stage import CONTROL, only
from world import NUMBERS, STRUCT_CLASS, UNKNOWN_CLASS, UNKNOWN_FIELD, i16, text, u8, u16, u32


def listens_everywhere(t, thing):
    t.me.subscribe(thing.parent, location(*thing.at), t.children(thing))


def is_refused(t, thing, name="GenerateWithRequired", fields=None):
    """Nobody hears of it, and nobody answers for it."""
    listens_everywhere(t, thing)
    t.generate(thing, name, thing.required() if fields is None else fields)
    t.expect_gone(thing)


def with_other(t, other, count, **as_if):
    """An object whose OTHER block is `count` and `other`, and which must be as if it were `as_if`."""
    thing = t.thing(parent=t.do(), zone=t.zone())
    t.me.subscribe(t.loc(thing))
    t.generate(thing, "GenerateWithRequiredOther", thing.required() + u16(count) + other)
    thing.values.update(as_if)
    t.expect(t.enter_zone(thing))
    t.expect_all(thing)


def test_parent_location_and_children_are_told_in_this_order(t):
    thing = t.thing(parent=t.do(), zone=t.zone())
    listens_everywhere(t, thing)
    t.create(thing)
    t.expect(
        t.change_zone(thing, (0, 0), thing.at, thing.parent),
        t.query_ai(thing),
        t.enter_zone(thing),
        t.locate_children(thing),
    )
    t.expect_at(thing)


def test_the_same_with_other(t):
    thing = t.thing(parent=t.do(), zone=t.zone(), setBell=u8(5), setSeats=b"\0\0")
    listens_everywhere(t, thing)
    t.create(thing)
    t.expect(*t.created(thing))
    t.expect_all(thing)


def test_the_announcement_byte_by_byte(t):
    """openotp: all required fields. astron: those that a client may see."""
    parent, zone = t.do(), t.zone()
    thing = t.thing(parent=parent, zone=zone)
    t.me.subscribe(location(parent, zone))
    t.create(thing)
    heard = t.me.hear()
    name, x_y = u16(7) + b"pacific", b"\xfb\xff" + b"\xb0\x04"
    ids = u32(thing.do_id, parent, zone)
    if t.astron:
        message = u16(2042) + ids + u16(4) + name + b"\x03" + x_y + u16(0x0708)
    else:
        hidden = name + b"\x03" + b"\x04\x03\x02\x01" + x_y + u16(3) + b"\x01\xff\x00"
        message = u16(2065) + u16(4) + ids + hidden + u16(0x0708)
    assert heard.message.hex() == message.hex(), heard
    assert heard.sender == thing.do_id, heard


def test_who_asked_is_never_the_sender_of_an_entry(t):
    thing = t.thing(parent=t.do(), zone=t.zone())
    listens_everywhere(t, thing)
    t.create(thing, sender=t.channel())
    orig = t.me.channel
    came = [t.me.hear() for _ in range(4)]
    assert [h.sender for h in came[1:]] == [thing.do_id] * 3, came
    assert came[0].sender != orig


def test_nowhere_is_told_nobody_but_the_children(t):
    thing = t.thing(parent=0, zone=t.zone())
    t.me.subscribe(thing.zone, t.children(thing), t.d.children_channel(0))
    t.create(thing)
    t.expect(t.locate_children(thing))
    t.expect_nothing()


def test_the_zone_of_nowhere_is_kept(t):
    thing = t.new("Station", 0, t.zone())
    t.expect_at(thing)
    t.expect_all(thing)


def test_zone_0_below_a_parent_is_a_zone(t):
    thing = t.thing(parent=t.do(), zone=0)
    listens_everywhere(t, thing)
    t.create(thing)
    t.expect(*t.created(thing))


def test_a_class_has_the_required_fields_of_its_parents(t):
    thing = t.thing("DiningCar", t.do(), t.zone(), setTables=u8(12), setMenu=text("stew"))
    t.me.subscribe(t.loc(thing))
    t.create(thing)
    t.expect(t.enter_zone(thing))
    t.expect_all(thing)
    t.expect_field(thing, "setMenu", text("stew"))


def test_a_class_without_required_fields(t):
    thing = t.thing("Ghost", t.do(), t.zone())
    t.me.subscribe(t.loc(thing))
    t.create(thing)
    t.expect(t.enter_zone(thing))
    t.expect_all(thing)


def test_the_highest_id(t):
    thing = t.thing("Station", t.do(), t.zone(), do_id=0xFFFF_FFFF)
    listens_everywhere(t, thing)
    t.create(thing)
    t.expect(*t.created(thing))
    t.delete(thing)
    t.expect(*t.deleted(thing))
    t.expect_gone(thing)


def test_several_recipients_are_one_create(t):
    """The control channel and others of the sort that objects have: that concerns no other shard."""
    thing, hearers = t.thing(parent=t.do(), zone=t.zone()), [t.channel() for _ in range(8)]
    t.me.subscribe(t.loc(thing))
    other = t.connect()
    other.subscribe(*hearers)
    t.settle(other)
    t.generate(thing, "GenerateWithRequired", thing.required(), control=[CONTROL] + hearers)
    t.expect(t.enter_zone(thing))
    t.expect_nothing()
    assert list(other.hear().to) == [CONTROL] + hearers


def test_without_other_there_is_none(t):
    with_other(t, b"", 0)


def test_ram_fields_in_other_are_kept(t):
    other = u16(NUMBERS["setNote"]) + text("late") + u16(NUMBERS["setBell"]) + u8(200)
    with_other(t, other, 2, setNote=text("late"), setBell=u8(200))


def test_other_is_announced_in_ascending_order(t):
    other = u16(19) + u16(500) + u16(16) + u8(1) + u16(14) + u16(4) + u16(1, 2)
    with_other(t, other, 3, coal=u16(500), setBell=u8(1), setSeats=u16(4, 1, 2))


def test_ram_that_nobody_may_see_still_makes_it_other(t):
    """astron: an OTHER block with nothing in it."""
    with_other(t, u16(NUMBERS["setNote"]) + text("x"), 1, setNote=text("x"))


def test_a_field_that_is_neither_ram_nor_required_is_skipped(t):
    other = u16(NUMBERS["whistle"]) + text("toot") + u16(NUMBERS["setBell"]) + u8(3)
    with_other(t, other, 2, setBell=u8(3))


def test_only_skipped_fields_are_no_other(t):
    with_other(t, u16(NUMBERS["mumble"]) + u8(1), 1)


def test_a_required_field_in_other_replaces_the_required_value(t):
    with_other(t, u16(NUMBERS["setName"]) + text("mallard"), 1, setName=text("mallard"))


def test_a_field_given_twice_has_the_last_value(t):
    other = u16(16) + u8(1) + u16(13) + u32(5) + u16(16) + u8(2)
    with_other(t, other, 3, setBell=u8(2), setLoad=u32(5))


def test_molecular_fields_in_other_are_kept_as_their_atoms(t):
    other = u16(NUMBERS["setPressureGauge"]) + u8(9) + u16(1000) + u16(NUMBERS["setXY"]) + i16(1, 2)
    with_other(t, other, 2, setPressure=u8(9), setGauge=u16(1000), setX=i16(1), setY=i16(2))


def test_an_unknown_field_in_other_ends_it_and_the_object_is_created(t):
    other = u16(16) + u8(8) + u16(UNKNOWN_FIELD) + u8(1) + u16(13) + u32(5)
    with_other(t, other, 3, setBell=u8(8))


def test_a_field_of_another_class_in_other_ends_it_and_the_object_is_created(t):
    other = u16(16) + u8(8) + u16(NUMBERS["setTables"]) + u8(1) + u16(13) + u32(5)
    with_other(t, other, 3, setBell=u8(8))


def test_a_bad_value_in_other_refuses_the_object(t):
    bad = [
        u16(1) + u16(NUMBERS["coal"]) + u16(501),
        u16(1) + u16(NUMBERS["setName"]) + text("n" * 41),
        u16(1) + u16(NUMBERS["setFare"]) + u32(1) + u8(4),
        u16(1) + u16(NUMBERS["setSeats"]) + u16(3) + b"abc",
        u16(1) + u16(NUMBERS["setXY"]) + i16(1, 3001),
        u16(1) + u16(NUMBERS["setNote"]) + u16(9) + b"short",
        u16(2) + u16(NUMBERS["setBell"]) + u8(1),
        u16(1) + u16(NUMBERS["setBell"]),
        u16(1) + b"\x10",
        u16(1),
        b"\x00",
        b"",
    ]
    for other in bad:
        thing = t.thing(parent=t.do(), zone=t.zone())
        is_refused(t, thing, "GenerateWithRequiredOther", thing.required() + other)


def test_bytes_behind_the_end_refuse_the_object(t):
    for name, end in [("GenerateWithRequired", b""), ("GenerateWithRequiredOther", u16(0))]:
        thing = t.thing(parent=t.do(), zone=t.zone())
        is_refused(t, thing, name, thing.required() + end + b"\0")
    thing = t.thing(parent=t.do(), zone=t.zone())
    other = u16(1) + u16(16) + u8(1) + u16(13) + u32(1)
    is_refused(t, thing, "GenerateWithRequiredOther", thing.required() + other)


def test_every_truncation_refuses_the_object(t):
    thing = t.thing(parent=t.do(), zone=t.zone())
    listens_everywhere(t, thing)
    for length in range(len(thing.required())):
        t.generate(thing, "GenerateWithRequired", thing.required()[:length])
    t.expect_gone(thing)


def test_a_required_value_out_of_range_refuses_the_object(t):
    bad = {"setAspect": u8(5), "setX": i16(3001), "setY": i16(-3001), "setName": text("x" * 41),
           "setKey": text(b"k" * 65)}
    for name, value in bad.items():
        is_refused(t, t.thing(parent=t.do(), zone=t.zone(), **{name: value}))
    is_refused(t, t.thing("Station", t.do(), t.zone(), setTown=text("")))


def test_values_at_the_ends_of_their_ranges(t):
    thing = t.thing(parent=t.do(), zone=t.zone(), setAspect=u8(4), setX=i16(3000), setY=i16(-3000),
                    setName=text(""), setKey=text(b"\xff" * 64), coal=u16(500))
    listens_everywhere(t, thing)
    t.create(thing)
    t.expect(*t.created(thing))


@only("astron")
def test_a_string_that_is_not_ascii_refuses_the_object(t):
    is_refused(t, t.thing(parent=t.do(), zone=t.zone(), setName=text("caf\u00e9")))


def test_an_unknown_class_is_refused(t):
    thing = t.thing("Station", t.do(), t.zone())
    for number in (UNKNOWN_CLASS, 0xFFFF):
        listens_everywhere(t, thing)
        t.send(CONTROL, "GenerateWithRequired", parent=thing.parent, zone=thing.zone, dclass=number,
               do_id=thing.do_id, fields=thing.required())
        t.expect_gone(thing)


def test_a_struct_is_no_class(t):
    thing = t.thing("Station", t.do(), t.zone())
    listens_everywhere(t, thing)
    t.send(CONTROL, "GenerateWithRequired", parent=thing.parent, zone=thing.zone, dclass=STRUCT_CLASS,
           do_id=thing.do_id, fields=b"")
    t.expect_gone(thing)


def test_a_reserved_id_is_refused(t):
    for do_id in [0, CONTROL] + t.d.reserved_ids:
        thing = t.thing("Station", t.do(), t.zone(), do_id=do_id)
        listens_everywhere(t, thing)
        t.create(thing)
    t.expect_nothing()


def test_a_reserved_parent_is_refused(t):
    for parent in t.d.reserved_ids:
        thing = t.thing("Station", parent, t.zone())
        t.me.subscribe(t.loc(thing), t.children(thing))
        t.create(thing)
        t.expect_gone(thing)


def test_an_id_that_only_the_other_dialect_reserves_is_an_id(t):
    thing = t.thing("Station", t.do(), t.zone(), do_id=4030 if t.astron else 998)
    listens_everywhere(t, thing)
    t.create(thing)
    t.expect(*t.created(thing))


def test_an_object_is_not_its_own_parent(t):
    do_id = t.do()
    is_refused(t, t.thing("Station", do_id, t.zone(), do_id=do_id))


def test_what_was_refused_can_be_created(t):
    thing = t.thing(parent=t.do(), zone=t.zone())
    is_refused(t, thing, fields=b"")
    t.create(thing)
    t.expect(*t.created(thing))


def test_a_second_object_of_the_same_id_is_ignored(t):
    thing = t.new("Station", t.do(), t.zone())
    again = t.thing("Carriage", t.do(), t.zone(), do_id=thing.do_id)
    for second in (thing, again):
        listens_everywhere(t, second)
        t.create(second)
        t.expect_nothing()
    t.expect_all(thing)


def test_a_deleted_id_is_free_again(t):
    thing = t.new("Station", t.do(), t.zone(), setTown=text("Old"), setSignal=u8(1))
    again = t.thing("Rolling", thing.parent, t.zone(), do_id=thing.do_id)
    listens_everywhere(t, thing)
    listens_everywhere(t, again)
    t.delete(thing)
    t.create(again)
    t.expect(*t.deleted(thing), *t.created(again))
    t.expect_all(again)


def test_a_child_may_come_before_its_parent(t):
    parent = t.thing("Station")
    child = t.new("Rolling", parent.do_id, t.zone())
    t.me.subscribe(t.children(parent))
    t.create(parent)
    t.expect(*t.created(parent))
    t.expect_at(child)


@only("astron")
def test_channel_12_is_every_state_server(t):
    thing = t.thing(parent=t.do(), zone=t.zone())
    listens_everywhere(t, thing)
    t.create(thing, control=12)
    t.expect(*t.created(thing))


@only("openotp")
def test_channel_12_means_nothing_here(t):
    thing = t.thing(parent=t.do(), zone=t.zone())
    listens_everywhere(t, thing)
    t.create(thing, control=12)
    t.expect_gone(thing)
