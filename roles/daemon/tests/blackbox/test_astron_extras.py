"""What only the `astron` dialect has: fields deleted, children and zones counted and deleted."""

from stage import only
from world import DC_DEFAULTS, NUMBERS, UNKNOWN_FIELD, i16, text, u8, u16, u32


def watched(t, **values):
    thing = t.new("Carriage", t.do(), t.zone(), **values)
    t.set_ai(thing, t.channel())
    t.set_owner(thing, t.channel())
    t.drain()
    t.me.subscribe(t.loc(thing), thing.ai, thing.owner)
    return thing


def delete_field(t, thing, name, by=None):
    t.send(thing.do_id, "DeleteFieldRam", by, do_id=thing.do_id, field=NUMBERS.get(name, name))


def delete_fields(t, thing, names, by=None):
    numbers = [NUMBERS.get(name, name) for name in names]
    t.send(thing.do_id, "DeleteFieldsRam", by, do_id=thing.do_id, fields=numbers)


def field_deleted(t, thing, name, to, by=None):
    by = t.me.channel if by is None else by
    return t.dg(to, by, "DeleteFieldRam", do_id=thing.do_id, field=NUMBERS[name])


def fields_deleted(t, thing, names, to):
    numbers = [NUMBERS[name] for name in names]
    return t.dg(to, t.me.channel, "DeleteFieldsRam", do_id=thing.do_id, fields=numbers)


@only("astron")
def test_a_ram_field_can_be_unset(t):
    thing = watched(t, setBell=u8(1), setSeats=u16(0))
    delete_field(t, thing, "setBell")
    t.expect(field_deleted(t, thing, "setBell", [t.loc(thing), thing.ai, thing.owner]))
    del thing.values["setBell"]
    t.expect_all(thing)
    t.expect_field(thing, "setBell", None)


@only("astron")
def test_a_required_field_goes_back_to_its_default(t):
    thing = watched(t)
    for name in ("setName", "setAspect", "setX"):
        delete_field(t, thing, name)
        thing.values[name] = DC_DEFAULTS[name]
        t.expect(field_deleted(t, thing, name, t.receivers(thing, thing.dclass.fields[name])))
    for name in ("setTint", "setAxle"):
        delete_field(t, thing, name)
        thing.values[name] = DC_DEFAULTS[name]
    t.expect_nothing()
    t.expect_all(thing)


@only("astron")
def test_the_ai_does_not_get_its_own_deletion_back(t):
    thing = watched(t, setBell=u8(1))
    delete_field(t, thing, "setBell", thing.ai)
    t.expect(field_deleted(t, thing, "setBell", [t.loc(thing), thing.owner], thing.ai))


@only("astron")
def test_what_is_not_set_is_not_deleted(t):
    thing = watched(t, setSeats=u16(0))
    delete_field(t, thing, "setBell")
    delete_field(t, thing, "setSeats")
    delete_field(t, thing, "setSeats")
    t.expect(field_deleted(t, thing, "setSeats", [t.loc(thing)]))
    t.expect_nothing()


@only("astron")
def test_a_field_that_is_not_kept_or_not_of_the_class_refuses_the_request(t):
    thing = watched(t, setBell=u8(1))
    for name in ("whistle", "mumble", "setTables", UNKNOWN_FIELD):
        delete_field(t, thing, name)
        delete_fields(t, thing, ["setBell", name])
        delete_fields(t, thing, [name, "setBell"])
    t.expect_nothing()
    t.expect_all(thing)


@only("astron")
def test_fields_for_different_hearers_are_split(t):
    thing = watched(t, setSeats=u16(0), setLoad=u32(1), setNote=text("n"), coal=u16(1),
                    setPressure=u8(1))
    delete_fields(t, thing, ["setSeats", "setLoad", "setNote", "coal", "setPressure"])
    t.expect(
        field_deleted(t, thing, "setSeats", [t.loc(thing)]),
        fields_deleted(t, thing, ["setLoad", "setPressure"], [thing.ai]),
        field_deleted(t, thing, "coal", [t.loc(thing), thing.ai]),
    )
    for name in ("setSeats", "setLoad", "setNote", "coal", "setPressure"):
        del thing.values[name]
    t.expect_all(thing)


@only("astron")
def test_fields_for_the_same_hearers_stay_together(t):
    thing = watched(t, setSeats=u16(0))
    thing.values.update(setName=DC_DEFAULTS["setName"])
    delete_fields(t, thing, ["setSeats", "setName"])
    t.expect(fields_deleted(t, thing, ["setSeats", "setName"], [t.loc(thing)]))
    del thing.values["setSeats"]
    t.expect_all(thing)


@only("astron")
def test_a_deletion_with_another_id_in_it_is_ignored(t):
    thing, other = watched(t, setBell=u8(1)), watched(t, setBell=u8(1))
    t.send(thing.do_id, "DeleteFieldRam", do_id=other.do_id, field=NUMBERS["setBell"])
    t.send(thing.do_id, "DeleteFieldsRam", do_id=other.do_id, fields=[NUMBERS["setBell"]])
    t.expect_nothing()
    t.expect_all(thing)
    t.expect_all(other)


@only("astron")
def test_set_fields_is_atomic(t):
    thing = watched(t)
    pairs = [("setSeats", u16(0)), ("setName", text("a")), ("whistle", text("w"))]
    t.set_fields(thing, pairs)
    t.expect(t.updated_many(thing, pairs, [t.loc(thing)]))
    t.set_fields(thing, [("setName", text("b")), ("setX", i16(3001))])
    t.expect_nothing()
    t.expect_field(thing, "setName", text("a"))


def family(t):
    """A parent with children in three zones, one of them with a child of its own."""
    parent = t.new("Station")
    zones = {zone: t.new_ones(count, "Rolling", parent.do_id, zone)
             for zone, count in [(5, 7), (6, 4), (0xFFFF_FFFF, 1)]}
    t.new("Rolling", zones[5][0].do_id, 5)
    return parent, zones


def expect_count(t, parent, ask, answer, count, **args):
    context = t.context()
    t.send(parent.do_id, ask, context=context, parent=parent.do_id, **args)
    t.expect(t.dg(t.me.channel, parent.do_id, answer, context=context, count=count))


@only("astron")
def test_how_many_are_in_a_zone(t):
    parent, _ = family(t)
    for zone, count in [(5, 7), (6, 4), (7, 0), (0xFFFF_FFFF, 1)]:
        expect_count(t, parent, "CountZone", "CountZoneResp", count, zone=zone)


@only("astron")
def test_how_many_are_in_zones(t):
    parent, _ = family(t)
    for zones, count in [([5, 6], 11), ([], 0), ([7], 0), ([6, 5, 5, 0xFFFF_FFFF], 12)]:
        expect_count(t, parent, "CountZones", "CountZonesResp", count, zones=zones)


@only("astron")
def test_how_many_children_there_are(t):
    parent, zones = family(t)
    expect_count(t, parent, "CountChildren", "CountChildrenResp", 12)
    t.move(zones[5][0], parent.do_id, 6)
    t.move(zones[5][1], 0, 6)
    t.delete(zones[5][2])
    expect_count(t, parent, "CountChildren", "CountChildrenResp", 10)
    expect_count(t, t.new("Station"), "CountChildren", "CountChildrenResp", 0)


@only("astron")
def test_all_children_with_their_fields(t):
    parent, zones = family(t)
    context, children = t.context(), sum(zones.values(), [])
    t.send(parent.do_id, "QueryChildren", context=context, parent=parent.do_id)
    t.expect(t.dg(t.me.channel, parent.do_id, "CountChildrenResp", context=context, count=12))
    t.expect_set([t.enter_interest(child, context) for child in children])


def expect_zones(t, parent, zones):
    context = t.context()
    t.send(parent.do_id, "QueryActiveZones", context=context)
    t.expect(t.dg(t.me.channel, parent.do_id, "ActiveZonesResp", context=context, zones=zones))


@only("astron")
def test_which_zones_have_objects(t):
    parent, zones = family(t)
    expect_zones(t, parent, [5, 6, 0xFFFF_FFFF])
    t.move(zones[0xFFFF_FFFF][0], parent.do_id, 2)
    expect_zones(t, parent, [2, 5, 6])
    for thing in zones[6]:
        t.delete(thing)
    expect_zones(t, parent, [2, 5])
    expect_zones(t, t.new("Station"), [])


@only("astron")
def test_a_question_with_another_parent_in_it_is_ignored(t):
    parent, other = t.new("Station"), t.new("Station")
    t.new("Rolling", other.do_id, 5)
    args = {"context": 1, "parent": other.do_id}
    for ask in ("QueryChildren", "CountChildren"):
        t.send(parent.do_id, ask, **args)
    for ask in ("QueryZone", "CountZone"):
        t.send(parent.do_id, ask, zone=5, **args)
    for ask in ("QueryZones", "CountZones"):
        t.send(parent.do_id, ask, zones=[5], **args)
    t.expect_nothing()


def expect_deleted(t, orig, things, rest):
    """Each tells its location, with the sender of the request; the parent is told nothing."""
    t.expect_set([t.dg(t.loc(thing), orig, "DeleteRam", do_id=thing.do_id) for thing in things])
    t.expect_gone(*things)
    for thing in rest:
        t.expect_at(thing)


def hears(t, parent, zones):
    t.me.subscribe(parent.do_id, *[t.loc(things[0]) for things in zones.values()])


@only("astron")
def test_a_zone_is_deleted(t):
    parent, zones = family(t)
    hears(t, parent, zones)
    t.send(parent.do_id, "DeleteZone", parent=parent.do_id, zone=5)
    expect_deleted(t, t.me.channel, zones[5], [parent] + zones[6] + zones[0xFFFF_FFFF])


@only("astron")
def test_zones_are_deleted(t):
    parent, zones = family(t)
    hears(t, parent, zones)
    orig = t.channel()
    t.send(parent.do_id, "DeleteZones", orig, parent=parent.do_id, zones=[0xFFFF_FFFF, 5, 77, 5])
    expect_deleted(t, orig, zones[5] + zones[0xFFFF_FFFF], [parent] + zones[6])


@only("astron")
def test_children_are_deleted_and_their_parent_stays(t):
    parent, zones = family(t)
    hears(t, parent, zones)
    t.send(parent.do_id, "DeleteChildren", parent=parent.do_id)
    expect_deleted(t, t.me.channel, sum(zones.values(), []), [parent])
    t.expect_query(parent, [5, 6], [])


@only("astron")
def test_a_zone_deletion_with_another_parent_in_it_is_ignored(t):
    parent, zones = family(t)
    other = t.new("Station")
    for name in ("DeleteZone", "DeleteZones", "DeleteChildren"):
        t.send(other.do_id, name, parent=parent.do_id, zone=5, zones=[5])
    t.expect_nothing()
    t.expect_query(parent, [5], zones[5])


@only("openotp")
def test_openotp_has_none_of_this(t):
    parent = t.new("Station")
    child = t.new("Rolling", parent.do_id, 5)
    for number in (2104, 2110, 2112, 2114, 2120, 2122, 2124, 2125):
        t.me.send_raw(parent.do_id, u16(number) + u32(parent.do_id, parent.do_id))
    t.me.send_raw(parent.do_id, u16(2124) + u32(parent.do_id))
    t.expect_nothing()
    t.expect_at(child)
