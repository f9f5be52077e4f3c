"""Objects go (seed: DELETE_RAM, SHARD_RESET)."""

from stage import CONTROL, only
from world import u8


def watched(t, dclass="Carriage", ai=True, owner=True, parent=None):
    """An object all of whose surroundings `me` hears."""
    thing = t.new(dclass, t.do() if parent is None else parent, t.zone())
    if ai:
        t.set_ai(thing, t.channel())
    if owner:
        t.set_owner(thing, t.channel())
    t.drain()
    hears(t, thing)
    return thing


def hears(t, *things):
    for thing in things:
        around = [t.loc(thing), thing.ai, thing.owner, thing.parent, t.children(thing)]
        t.me.subscribe(*[channel for channel in around if channel])


def test_all_that_see_it_are_told(t):
    thing = watched(t)
    t.delete(thing)
    t.expect(*t.deleted(thing))
    t.expect_gone(thing)


def test_location_and_owner_are_one_datagram(t):
    thing = watched(t)
    t.delete(thing)
    heard = t.me.hear()
    to = {t.loc(thing), thing.owner} | ({thing.ai} if t.astron else set())
    assert heard.name == "DeleteRam" and set(heard.to) == to, heard
    t.drain()


def test_without_ai_and_owner(t):
    thing = watched(t, ai=False, owner=False)
    t.delete(thing)
    t.expect(*t.deleted(thing))


def test_from_nowhere(t):
    thing = watched(t, parent=0)
    t.delete(thing)
    t.expect(*t.deleted(thing))
    lonely = watched(t, ai=False, owner=False, parent=0)
    t.delete(lonely)
    t.expect(*t.deleted(lonely))


def test_who_asked_is_the_sender_in_astron_and_the_object_in_openotp(t):
    thing, orig = watched(t), t.channel()
    t.send(thing.do_id, "DeleteRam", orig, do_id=thing.do_id)
    t.expect(*t.deleted(thing, orig))


def test_with_another_id_in_it_it_is_ignored(t):
    thing, other = watched(t), watched(t)
    t.send(thing.do_id, "DeleteRam", do_id=other.do_id)
    t.expect_nothing()
    t.expect_at(thing)
    t.expect_at(other)


def test_twice_is_once(t):
    thing = watched(t)
    t.delete(thing)
    t.delete(thing)
    t.expect(*t.deleted(thing))
    t.expect_nothing()


def test_what_is_sent_behind_it_is_for_nobody(t):
    thing = watched(t)
    t.delete(thing)
    t.set_field(thing, "setBell", u8(1))
    t.send(thing.do_id, "Locate", context=1)
    t.send(thing.do_id, "SetZone", parent=t.do(), zone=1)
    t.expect(*t.deleted(thing))
    t.expect_nothing()


def test_it_is_in_no_zone_any_more(t):
    parent = t.new("Station")
    things = t.new_ones(6, "Rolling", parent.do_id, 5)
    for thing in things[:3]:
        t.delete(thing)
    t.expect_query(parent, [5], things[3:])


@only("astron")
def test_a_parent_that_deletes_its_child_is_not_told(t):
    thing = watched(t)
    t.send(thing.do_id, "DeleteRam", thing.parent, do_id=thing.do_id)
    t.expect(*t.deleted(thing, thing.parent))
    t.expect_nothing()


@only("openotp")
def test_children_stay(t):
    parent = watched(t, "Station", parent=0)
    children = t.new_ones(8, "Rolling", parent.do_id, 5)
    hears(t, *children)
    t.delete(parent)
    t.expect(*t.deleted(parent))
    t.expect_nothing()
    for child in children:
        t.expect_at(child)


@only("astron")
def test_children_and_their_children_go_with_it(t):
    """Each says so with the sender of the request; a parent that is gone is told nothing."""
    parent = watched(t, "Station", parent=0)
    children = t.new_ones(8, "Rolling", parent.do_id, 5)
    below = [t.new("Rolling", child.do_id, 6) for child in children]
    for thing in children + below:
        t.set_ai(thing, t.channel())
        t.set_owner(thing, t.channel())
    t.drain()
    t.me.subscribe(*[c for thing in children + below for c in (t.loc(thing), thing.ai, thing.owner)])
    t.delete(parent)
    sequences = [t.deleted(parent)]
    for thing in children + below:
        to = [t.loc(thing), thing.ai, thing.owner]
        sequences.append([t.dg(to, t.me.channel, "DeleteRam", do_id=thing.do_id)])
    t.me.expect_interleaved(*sequences)
    t.expect_gone(parent, *children, *below)


@only("astron")
def test_who_moved_away_stays(t):
    parent, other = t.new_ones(2, "Station")
    children = t.new_ones(8, "Rolling", parent.do_id, 5)
    for child in children[:4]:
        t.move(child, other.do_id, 5)
    t.delete(parent)
    t.drain()
    for child in children[:4]:
        t.expect_at(child)
    t.expect_gone(parent, *children[4:])


def managed(t, ai, explicit=4):
    """Objects on all shards that are an AI's."""
    things = t.new_ones(explicit, "Carriage", t.do(), 5)
    for thing in things:
        t.set_ai(thing, ai)
    t.drain()
    return things


def test_a_shard_reset_deletes_all_that_is_the_ais(t):
    ai, other = t.channel(), t.channel()
    things, others, free = managed(t, ai, 12), managed(t, other, 4), t.new_ones(4, "Carriage", t.do(), 5)
    t.me.subscribe(t.loc(things[0]), ai)
    t.send(CONTROL, "ShardReset", ai=ai)
    t.me.expect_interleaved(*[t.deleted(thing) for thing in things])
    t.expect_gone(*things)
    for thing in others + free:
        t.expect_at(thing)


def test_a_shard_reset_takes_children_that_inherited_the_ai(t):
    ai, parent = t.channel(), t.new("Station")
    t.set_ai(parent, ai)
    children = t.new_ones(9, "Rolling", parent.do_id, 5)
    below = [t.new("Rolling", child.do_id, 5) for child in children]
    t.send(CONTROL, "ShardReset", ai=ai)
    t.settle(rounds=4)
    t.expect_gone(parent, *children, *below)


@only("openotp")
def test_a_shard_reset_leaves_children_with_an_ai_of_their_own(t):
    ai, other = t.channel(), t.channel()
    parent = t.new("Station")
    t.set_ai(parent, ai)
    children = t.new_ones(9, "Rolling", parent.do_id, 5)
    for child in children:
        t.set_ai(child, other)
    t.drain()
    t.send(CONTROL, "ShardReset", ai=ai)
    t.expect_gone(parent)
    for child in children:
        t.expect_at(child)


@only("openotp")
def test_a_shard_reset_takes_who_inherited_from_a_parent_elsewhere(t):
    parent, ai = t.do(), t.channel()
    things = t.new_ones(6, "Rolling", parent, 5)
    for thing in things[:3]:
        t.tell_ai(thing, parent, ai)
    t.drain()
    t.send(CONTROL, "ShardReset", ai=ai)
    t.expect_gone(*things[:3])
    for thing in things[3:]:
        t.expect_at(thing)


@only("astron")
def test_a_shard_reset_leaves_who_inherited_from_a_parent_elsewhere(t):
    """It is for the explicit ones; a parent takes its own children with it."""
    parent, ai = t.do(), t.channel()
    thing = t.new("Rolling", parent, 5)
    t.tell_ai(thing, parent, ai)
    t.drain()
    t.send(CONTROL, "ShardReset", ai=ai)
    t.drain()
    t.expect_at(thing)


def test_a_shard_reset_of_nobody_is_nothing(t):
    things = managed(t, t.channel())
    t.send(CONTROL, "ShardReset", ai=t.channel())
    t.expect_nothing()
    for thing in things:
        t.expect_at(thing)


def test_what_changed_its_ai_before_a_reset_stays(t):
    first, second = t.channel(), t.channel()
    things = managed(t, first, 8)
    for thing in things[:4]:
        t.set_ai(thing, second)
    t.send(CONTROL, "ShardReset", ai=first)
    t.expect_gone(*things[4:])
    for thing in things[:4]:
        t.expect_at(thing)


def test_a_shard_reset_takes_a_thousand(t):
    ai = t.channel()
    things = managed(t, ai, 1_000)
    t.me.subscribe(t.loc(things[0]))
    t.send(CONTROL, "ShardReset", ai=ai)
    t.expect_set([t.deleted(thing)[0] for thing in things])
    t.expect_gone(things[0], things[500], things[999])


@only("astron")
def test_channel_12_resets_too(t):
    ai = t.channel()
    things = managed(t, ai)
    t.send(12, "ShardReset", ai=ai)
    t.expect_gone(*things)


def test_an_ai_that_is_lost_takes_its_objects_with_it(t):
    """It left a SHARD_RESET as a post-remove."""
    ai = t.connect()
    things = managed(t, ai.channel)
    t.me.subscribe(t.loc(things[0]))
    ai.leave_word(CONTROL, "ShardReset", ai=ai.channel)
    t.settle(ai)
    t.connections.remove(ai)
    ai.close()
    said = [t.deleted(thing, ai.channel)[0] for thing in things]
    t.expect_set(said)
    t.expect_gone(*things)
