"""Objects move (seed: SET_ZONE, CHANGE_ZONE, ENTERZONE, LOCATE)."""

from dialect import location
from world import text, u8, u16


def watched(t, ai=True, parent=None, **values):
    """An object with a parent that we play, an owner and perhaps an AI; `me` hears all of them."""
    thing = t.new("Carriage", t.do() if parent is None else parent, t.zone(), **values)
    if ai:
        t.set_ai(thing, t.channel())
    t.set_owner(thing, t.channel())
    t.drain()
    t.me.subscribe(*[c for c in (t.loc(thing), thing.ai, thing.owner, thing.parent) if c])
    return thing


def is_refused(t, thing, parent, zone):
    t.send(thing.do_id, "SetZone", parent=parent, zone=zone)
    t.expect_nothing()
    t.expect_at(thing)


def test_all_that_see_it_are_told_then_the_new_place_then_the_new_parent_is_asked(t):
    thing, parent, zone = watched(t, ai=False), t.do(), t.zone()
    old = thing.at
    t.me.subscribe(parent, location(parent, zone))
    t.move(thing, parent, zone)
    t.expect(
        t.change_zone(thing, old, (parent, zone), [location(*old), thing.owner, old[0], parent]),
        t.enter_zone(thing),
        t.query_ai(thing),
    )
    t.expect_at(thing)


def test_the_ai_and_the_owner_are_told(t):
    thing, parent, zone = watched(t), t.do(), t.zone()
    old = thing.at
    t.move(thing, parent, zone)
    to = [location(*old), thing.ai, thing.owner, old[0], parent]
    t.expect(t.change_zone(thing, old, (parent, zone), to))


def test_an_explicit_ai_does_not_make_it_ask_the_new_parent(t):
    thing, parent, zone = watched(t), t.do(), t.zone()
    old = thing.at
    t.me.subscribe(parent, location(parent, zone))
    t.move(thing, parent, zone)
    t.expect(*t.moved(thing, old, asks=False))


def test_who_asked_is_the_sender_in_astron_and_the_object_in_openotp(t):
    thing, orig = watched(t), t.channel()
    old, thing.zone = thing.at, t.zone()
    t.send(thing.do_id, "SetZone", orig, parent=thing.parent, zone=thing.zone)
    t.expect(*t.moved(thing, old, orig=orig))


def test_within_a_parent_it_is_named_once_and_not_asked(t):
    thing = watched(t, ai=False)
    old, zone = thing.at, t.zone()
    t.me.subscribe(location(thing.parent, zone))
    t.move(thing, thing.parent, zone)
    t.expect(
        t.change_zone(thing, old, thing.at, [location(*old), thing.owner, thing.parent]),
        t.enter_zone(thing),
    )
    t.expect_at(thing)


def test_a_move_to_where_it_is_is_nothing(t):
    thing = watched(t)
    t.move(thing, *thing.at)
    t.expect_nothing()
    nowhere = t.new("Station", 0, t.zone())
    t.move(nowhere, 0, nowhere.zone)
    t.expect_nothing()


def test_to_nowhere(t):
    thing = watched(t)
    old, zone = thing.at, t.zone()
    t.me.subscribe(zone)
    t.move(thing, 0, zone)
    t.expect(t.change_zone(thing, old, (0, zone), [location(*old), thing.ai, thing.owner, old[0]]))
    t.expect_at(thing)


def test_from_nowhere(t):
    thing = watched(t, ai=False, parent=0)
    old, parent, zone = thing.at, t.do(), t.zone()
    t.me.subscribe(parent, location(parent, zone), old[1])
    t.move(thing, parent, zone)
    t.expect(
        t.change_zone(thing, old, (parent, zone), [thing.owner, parent]),
        t.enter_zone(thing),
        t.query_ai(thing),
    )


def test_from_nowhere_to_nowhere(t):
    """Its zone is another one; an owner may want to know, a location there is none."""
    thing = watched(t, ai=False, parent=0)
    old, zone = thing.at, t.zone()
    t.me.subscribe(zone, old[1])
    t.move(thing, 0, zone)
    t.expect(t.change_zone(thing, old, (0, zone), [thing.owner]))
    t.expect_at(thing)


def test_the_entry_has_what_the_object_has_now(t):
    thing = watched(t, setBell=u8(1), setNote=text("secret"))
    t.set_fields(thing, [("setName", text("renamed")), ("setSeats", u16(2, 5)), ("setAspect", u8(0))])
    t.drain()
    thing.values.update(setName=text("renamed"), setSeats=u16(2, 5), setAspect=u8(0))
    parent, zone, old = t.do(), t.zone(), thing.at
    t.me.subscribe(location(parent, zone))
    t.move(thing, parent, zone)
    t.expect(*t.moved(thing, old))
    t.expect_all(thing)


def test_many_moves_come_in_order(t):
    thing, expected = watched(t, ai=False), []
    zones = [t.zone() for _ in range(50)]
    t.me.subscribe(*[location(thing.parent, zone) for zone in zones])
    for zone in zones:
        old = thing.at
        t.move(thing, thing.parent, zone)
        expected += t.moved(thing, old)
    t.expect(*expected)
    t.expect_at(thing)


def test_an_object_does_not_move_into_itself(t):
    thing = watched(t)
    is_refused(t, thing, thing.do_id, t.zone())


def test_a_reserved_parent_is_refused(t):
    thing = watched(t)
    for parent in t.d.reserved_ids:
        is_refused(t, thing, parent, t.zone())


def test_a_ring_is_refused(t):
    """A chain of eight on all shards: the first does not move below any of the others."""
    chain = [t.new("Station", 0, t.zone())]
    for _ in range(7):
        chain.append(t.new("Station", chain[-1].do_id, t.zone()))
    for below in chain[1:]:
        is_refused(t, chain[0], below.do_id, t.zone())
    for below in chain[4:]:
        is_refused(t, chain[3], below.do_id, t.zone())


def test_what_was_below_may_become_what_is_above(t):
    """Once it is no longer below."""
    above = t.new("Station", 0, t.zone())
    below = t.new("Station", above.do_id, t.zone())
    is_refused(t, above, below.do_id, 1)
    t.move(below, 0, 1)
    t.drain()
    t.move(above, below.do_id, 1)
    t.drain()
    t.expect_at(above)
    is_refused(t, below, above.do_id, 1)


def test_a_deep_chain_moves_with_its_head(t):
    """Children stay where they are: below their parent."""
    head = t.new("Station", t.do(), t.zone())
    child = t.new("Station", head.do_id, 5)
    t.me.subscribe(t.loc(child))
    t.move(head, t.do(), t.zone())
    t.expect_nothing()
    t.expect_at(child)


def test_it_is_found_where_it_went_and_not_where_it_was(t):
    parents = t.new_ones(4, "Station")
    thing = t.new("Rolling", parents[0].do_id, 7)
    for parent in parents[1:]:
        t.move(thing, parent.do_id, 7)
        for asked in parents:
            t.expect_query(asked, [7], [thing] if asked is parent else [])

