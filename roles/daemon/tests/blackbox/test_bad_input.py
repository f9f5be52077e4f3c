"""What makes no sense changes nothing, and costs nobody his connection."""

import random

from stage import CONTROL, packed
from world import NUMBERS, text, u8, u16, u32

TRUNCATABLE = ["UpdateField", "UpdateFieldMultiple", "DeleteRam", "SetZone", "Locate", "QueryField",
               "QueryZones", "SetAi", "SetOwner"]
EXTENDABLE = ["DeleteRam", "SetZone", "Locate", "QueryField", "QueryZones", "SetAi", "SetOwner",
              "QueryAll", "QueryManagingAi", "LocateResp", "ChangeZone"]
ONLY_ASTRON = ["DeleteFieldRam", "DeleteFieldsRam", "QueryAll", "QueryFields", "QueryZone",
               "QueryChildren", "CountZone", "CountZones", "CountChildren", "DeleteZone", "DeleteZones",
               "DeleteChildren", "QueryActiveZones", "QueryManagingAi"]


def family(t):
    """A parent with a child; `me` hears all around the child."""
    parent = t.new("Station")
    child = t.new("Carriage", parent.do_id, 5)
    t.set_ai(child, t.channel())
    t.set_owner(child, t.channel())
    t.drain()
    t.me.subscribe(t.loc(child), child.ai, child.owner, parent.do_id, t.children(child), t.children(parent))
    return parent, child


def arguments(t, thing, parent):
    """Arguments with which every request makes sense; the zone is another one."""
    pairs = [("setBell", u8(1)), ("setSeats", u16(2, 9))]
    return {"do_id": thing.do_id, "field": NUMBERS["setName"], "value": text("other"), "count": 2,
            "parent": parent.do_id, "zone": 6, "zones": [5, 6], "context": 3, "ai": t.channel(),
            "owner": t.channel(), "new_parent": parent.do_id, "new_zone": 7, "old_parent": 0,
            "old_zone": 0}, {"UpdateFieldMultiple": packed(pairs), "QueryFields": [5, 6],
                             "DeleteFieldsRam": [5, 6]}


def message(t, name, thing, parent):
    args, fields = arguments(t, thing, parent)
    return t.d.encode(name, fields=fields.get(name, b""), **args)


def names(t, common):
    return common + (ONLY_ASTRON if t.astron else [])


def is_as_it_was(t, parent, child):
    t.expect_all(child)
    t.expect_at(parent)
    t.expect_query(parent, [5], [child])


def receiver(name, parent, child):
    """Questions about children are for the parent."""
    of_parents = ("QueryZone", "QueryZones", "QueryChildren", "CountZone", "CountZones",
                  "CountChildren", "DeleteZone", "DeleteZones", "DeleteChildren", "QueryActiveZones")
    return parent if name in of_parents else child


def test_every_truncated_request_is_refused(t):
    parent, child = family(t)
    for name in names(t, TRUNCATABLE):
        to = receiver(name, parent, child)
        whole = message(t, name, to, parent)
        for length in range(2, len(whole)):
            t.me.send_raw(to.do_id, whole[:length])
    t.expect_nothing()
    is_as_it_was(t, parent, child)


def test_every_request_with_bytes_behind_its_end_is_refused(t):
    parent, child = family(t)
    for name in names(t, EXTENDABLE):
        to = receiver(name, parent, child)
        t.me.send_raw(to.do_id, message(t, name, to, parent) + b"\0")
        t.me.send_raw(to.do_id, message(t, name, to, parent) + b"\0" * 50)
    t.expect_nothing()
    is_as_it_was(t, parent, child)


def test_requests_to_the_control_channel_truncated_or_too_long(t):
    parent, child = family(t)
    for length in range(2, 10):
        t.me.send_raw(CONTROL, t.d.encode("ShardReset", ai=child.ai)[:length])
    t.me.send_raw(CONTROL, t.d.encode("ShardReset", ai=child.ai) + b"\0")
    new = t.thing("Station", parent.do_id, 5)
    for name in ("GenerateWithRequired", "GenerateWithRequiredOther"):
        whole = t.d.encode(name, parent=parent.do_id, zone=5, dclass=2, do_id=new.do_id,
                           fields=new.required() + (u16(0) if name.endswith("Other") else b""))
        for length in range(2, len(whole)):
            t.me.send_raw(CONTROL, whole[:length])
    t.expect_nothing()
    is_as_it_was(t, parent, child)
    t.expect_gone(new)


def test_messages_that_nobody_knows(t):
    parent, child = family(t)
    for number in (0, 1, 4711, 2999, 0xFFFF):
        for to in (child.do_id, parent.do_id, CONTROL, t.children(parent), t.loc(child)):
            t.me.send_raw(to, u16(number) + u32(1, 2, 3))
    t.expect_nothing()
    is_as_it_was(t, parent, child)


def test_what_is_for_objects_does_nothing_at_the_control_channel(t):
    parent, child = family(t)
    for name in ("UpdateField", "DeleteRam", "SetZone", "Locate", "QueryField"):
        if t.d.shapes[name].number not in (t.d.shapes["ShardReset"].number,):
            t.me.send_raw(CONTROL, message(t, name, child, parent))
    t.expect_nothing()
    is_as_it_was(t, parent, child)


def test_counts_that_lie(t):
    parent, child = family(t)
    header = {"openotp": u16(2021), "astron": u16(2102) + u32(1)}[t.d.name] + u32(parent.do_id)
    for count, zones in [(2, 1), (0, 1), (0xFFFF, 1), (1, 2), (1, 0)]:
        t.me.send_raw(parent.do_id, header + u16(count) + u32(*[5] * zones))
    t.expect_nothing()
    is_as_it_was(t, parent, child)


def test_an_answer_that_nobody_asked_for_is_ignored(t):
    parent, child = family(t)
    stranger = t.do()
    name = "ManagingAiResp" if t.astron else "NotifyManagingAi"
    for who in (stranger, child.do_id, 0):
        t.send(child.do_id, name, who, context=1, do_id=who, parent=who, ai=t.channel())
    t.expect_nothing()
    is_as_it_was(t, parent, child)


def test_an_object_may_be_told_that_it_is_its_own_child(t):
    """It is not."""
    parent, child = family(t)
    for who in (child.do_id, 0):
        t.send(child.do_id, "ChangeZone", do_id=who, new_parent=child.do_id, new_zone=5, old_parent=0,
               old_zone=0)
        t.send(child.do_id, "LocateResp", context=1001, do_id=who, parent=child.do_id, zone=5)
    t.drain()
    t.expect_at(child)
    t.expect_query(parent, [5], [child])


def test_noise(t):
    """Two thousand random messages; the daemon lives, and others notice nothing."""
    parent, child = family(t)
    noise, quiet = t.connect(), t.connect()
    chance = random.Random(20131)
    prey = t.new_ones(20, "Carriage", parent.do_id, 8)
    numbers = sorted({shape.number for shape in t.d.shapes.values()})
    t.me.unsubscribe(parent.do_id, t.children(parent))
    t.drain()
    for _ in range(2_000):
        to = chance.choice(prey).do_id if chance.random() < 0.8 else CONTROL
        length = chance.choice([0, 1, 4, 8, 12, 16, 20, 24, 60])
        body = bytes(chance.choice([0, 1, 5, 255, chance.randrange(256)]) for _ in range(length))
        if chance.random() < 0.5:
            body = u32(to) + body
        noise.send_raw(to, u16(chance.choice(numbers)) + body, sender=t.d.children_channel(1) + 7)
    t.settle(noise, rounds=3)
    noise.came.clear()
    t.settle(quiet)
    t.drain()
    t.expect_all(child)
    t.expect_at(parent)


def test_mutants_of_what_makes_sense(t):
    """Each byte of each request turned over once, against objects of their own."""
    parent, child = family(t)
    t.me.unsubscribe(*t.me.subscribed - {t.me.channel})
    chance = random.Random(42)
    sender = t.channel()
    for name in names(t, TRUNCATABLE):
        prey_parent = t.new("Station")
        prey = t.new("Carriage", prey_parent.do_id, 5)
        to = receiver(name, prey_parent, prey)
        whole = message(t, name, to, prey_parent)
        for at in range(2, len(whole)):
            mutant = bytearray(whole)
            mutant[at] ^= chance.randrange(1, 256)
            t.me.send_raw(to.do_id, bytes(mutant), sender)
    t.drain()
    is_as_it_was(t, parent, child)


def test_a_message_without_a_number_costs_only_its_sender(t):
    """It is no datagram: its link is closed, and nobody else notices."""
    parent, child = family(t)
    for length in (0, 1):
        other = t.connect()
        t.connections.remove(other)
        other.send_raw(child.do_id, b"\x07" * length)
        other.expect_closed()
        other.close()
    t.expect_nothing()
    is_as_it_was(t, parent, child)
