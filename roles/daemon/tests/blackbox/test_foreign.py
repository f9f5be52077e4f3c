"""State Servers elsewhere: we play children of a real parent, and parents of real children."""

import time

from otp import Mismatch
from stage import only
from world import text, u8


class Played:
    """A child that lives elsewhere: a Thing, and what it says on the wire."""

    def __init__(self, t, parent, zone, dclass="Rolling", **values):
        self.t, self.thing = t, t.thing(dclass, parent, zone, **values)
        t.me.subscribe(self.thing.do_id)

    @property
    def do_id(self):
        return self.thing.do_id

    def says_where(self, old=(0, 0), to=None):
        """CHANGE_ZONE to its parent, or to another one."""
        parent, zone = self.thing.at
        self.t.send(to or parent, "ChangeZone", self.do_id, do_id=self.do_id, new_parent=parent,
                    new_zone=zone, old_parent=old[0], old_zone=old[1])

    def moves(self, parent, zone):
        """It tells the old and the new parent."""
        old, (self.thing.parent, self.thing.zone) = self.thing.at, (parent, zone)
        for to in {old[0], parent} - {0}:
            self.says_where(old, to)

    def answers(self, parent):
        """ENTERZONE to who asks and to the parent. We do not hear it: we say it."""
        entry = self.t.enter_zone(self.thing)
        self.t.send([self.t.me.channel, parent.do_id], entry.name, self.do_id, **entry.args)


def played(t, parent, zone):
    """A child elsewhere that has told its parent where it is."""
    child = Played(t, parent.do_id, zone)
    child.says_where()
    if t.astron:
        t.expect(acked(t, parent, child))
    return child


def acked(t, parent, child):
    return t.dg(child.do_id, parent.do_id, "LocationAck", parent=parent.do_id, zone=child.thing.zone)


def asks(t, parent, zones):
    context = t.context()
    t.send(parent.do_id, "QueryZones", context=context, parent=parent.do_id, zones=zones)
    return context


def asked(t, parent, children, zones):
    """What the parent says to children elsewhere, in one datagram."""
    to = [child.do_id for child in children]
    return t.dg(to, t.me.channel, "QueryZones", parent=parent.do_id, zones=zones)


def expect_asked(t, parent, children, zones):
    """Each is asked once, in however many datagrams."""
    missing = {child.do_id for child in children}
    while missing:
        heard = t.me.hear()
        question = heard and (heard.name, heard.sender) == ("QueryZones", t.me.channel)
        if not question or heard.args["zones"] != zones or not missing.issuperset(heard.to):
            raise Mismatch(f"{missing} should be asked; came {heard}")
        missing.difference_update(heard.to)


def done(t, parent, zones):
    return t.dg(t.me.channel, parent.do_id, "QueryZoneDone", parent=parent.do_id, zones=zones)


@only("openotp")
def test_a_child_elsewhere_is_asked_in_the_askers_name(t):
    parent = t.new("Station")
    child = played(t, parent, 5)
    asks(t, parent, [5])
    t.expect(asked(t, parent, [child], [5]))
    t.expect_nothing()
    child.answers(parent)
    t.expect(done(t, parent, [5]))


@only("openotp")
def test_children_elsewhere_are_asked_in_one_datagram(t):
    parent = t.new("Station")
    children = [played(t, parent, zone) for zone in (5, 5, 4, 5)]
    asks(t, parent, [4, 5])
    t.expect(asked(t, parent, children, [4, 5]))
    for child in children:
        child.answers(parent)
    t.expect(done(t, parent, [4, 5]))


@only("openotp")
def test_children_here_and_elsewhere_answer_before_the_echo(t):
    parent = t.new("Station")
    own = t.new_ones(9, "Rolling", parent.do_id, 5)
    child = played(t, parent, 5)
    asks(t, parent, [5])
    t.expect_set([asked(t, parent, [child], [5])] + [t.enter_zone(thing, t.me.channel) for thing in own])
    child.answers(parent)
    t.expect(done(t, parent, [5]))


@only("openotp")
def test_all_children_answer_before_the_echo(t):
    parent = t.new("Station")
    children = [played(t, parent, 5) for _ in range(3)]
    asks(t, parent, [4, 5])
    expect_asked(t, parent, children, [4, 5])
    for child in children:
        t.expect_nothing()
        child.answers(parent)
    t.expect(done(t, parent, [4, 5]))


@only("openotp")
def test_only_children_in_the_zones_are_asked(t):
    parent = t.new("Station")
    here, there = played(t, parent, 5), played(t, parent, 6)
    for child in (here, there):
        zone = child.thing.zone
        asks(t, parent, [zone, zone])
        t.expect(asked(t, parent, [child], [zone, zone]))
        child.answers(parent)
        t.expect(done(t, parent, [zone, zone]))
    t.expect_query(parent, [7], [])


@only("openotp")
def test_a_child_that_does_not_answer_holds_it_up_for_a_second_at_most(t):
    parent = t.new("Station")
    silent, good = played(t, parent, 5), played(t, parent, 5)
    began = time.monotonic()
    asks(t, parent, [5])
    expect_asked(t, parent, [silent, good], [5])
    good.answers(parent)
    t.expect(done(t, parent, [5]))
    took = time.monotonic() - began
    assert 0.8 < took < 2, f"{took:.2f} s"


@only("openotp")
def test_who_is_asked_is_where_it_last_said_to_be(t):
    parent, other = t.new_ones(2, "Station")
    child = played(t, parent, 5)
    child.moves(parent.do_id, 6)
    t.expect_query(parent, [5], [])
    asks(t, parent, [6])
    t.expect(asked(t, parent, [child], [6]))
    child.answers(parent)
    t.expect(done(t, parent, [6]))
    child.moves(other.do_id, 6)
    t.expect_query(parent, [5, 6], [])
    asks(t, other, [6])
    t.expect(asked(t, other, [child], [6]))
    child.answers(other)
    t.expect(done(t, other, [6]))
    child.moves(0, 0)
    t.expect_query(other, [6], [])


@only("openotp")
def test_one_question_after_the_other(t):
    parent = t.new("Station")
    child = played(t, parent, 5)
    for _ in range(5):
        asks(t, parent, [5])
        t.expect(asked(t, parent, [child], [5]))
        child.answers(parent)
        t.expect(done(t, parent, [5]))


@only("openotp")
def test_an_answer_with_other_counts_too(t):
    parent = t.new("Station")
    child = Played(t, parent.do_id, 5, "Carriage", setBell=u8(3), setNote=text("n"))
    child.says_where()
    asks(t, parent, [5])
    t.expect(asked(t, parent, [child], [5]))
    child.answers(parent)
    t.expect(done(t, parent, [5]))


@only("openotp")
def test_an_entry_that_nobody_asked_for_is_ignored(t):
    parent = t.new("Station")
    child = played(t, parent, 5)
    child.answers(parent)
    t.expect_nothing()


@only("openotp")
def test_a_child_that_leaves_or_is_deleted_meanwhile_is_not_waited_for(t):
    parent = t.new("Station")
    began = time.monotonic()
    # Each in a zone of its own: where somebody has just asked, who comes is asked to enter once more.
    for zone, gone in [(5, (parent.do_id, 6)), (7, (t.do(), 5)), (8, (0, 0))]:
        child = played(t, parent, zone)
        asks(t, parent, [zone])
        t.expect(asked(t, parent, [child], [zone]))
        child.moves(*gone)
        t.expect(done(t, parent, [zone]))
    took = time.monotonic() - began
    assert took < 0.8, f"{took:.2f} s"


def finds(t, parent, child):
    """The parent knows of the child."""
    zone = child.thing.zone
    context = asks(t, parent, [zone])
    if t.astron:
        t.expect(t.dg(t.me.channel, parent.do_id, "CountZonesResp", context=context, count=1))
        return
    t.expect(asked(t, parent, [child], [zone]))
    child.answers(parent)
    t.expect(done(t, parent, [zone]))


def test_a_parent_that_appears_asks_its_children_and_remembers_who_answers(t):
    parent = t.thing("Station")
    child = Played(t, parent.do_id, 5)
    t.me.subscribe(t.children(parent))
    t.create(parent)
    t.expect(t.locate_children(parent))
    t.me.unsubscribe(t.children(parent))
    t.send(parent.do_id, "LocateResp", child.do_id, context=1001, do_id=child.do_id,
           parent=parent.do_id, zone=5)
    if t.astron:
        t.expect(acked(t, parent, child))
    finds(t, parent, child)


def test_a_child_that_says_to_be_elsewhere_is_none(t):
    parent = t.new("Station")
    child = Played(t, t.do(), 5)
    child.says_where(to=parent.do_id)
    t.expect_nothing()
    t.expect_query(parent, [5], [])


def test_a_deleted_parent_forgets(t):
    parent = t.new("Station")
    played(t, parent, 5)
    t.delete(parent)
    t.create(parent)
    t.expect_query(parent, [5], [])


def test_a_child_elsewhere_may_ask_for_the_ai(t):
    parent, ai = t.new("Station"), t.channel()
    t.set_ai(parent, ai)
    child = played(t, parent, 5)
    t.send(parent.do_id, "QueryManagingAi", child.do_id, context=child.do_id)
    t.expect(t.managing_ai(parent, ai, child.do_id, child.do_id))


@only("astron")
def test_every_move_is_acknowledged_by_the_parent_where_it_is_now(t):
    parent, other = t.new_ones(2, "Station")
    child = played(t, parent, 5)
    child.moves(parent.do_id, 6)
    t.expect(acked(t, parent, child))
    child.moves(other.do_id, 7)
    t.expect(acked(t, other, child))
    child.moves(0, 0)
    t.expect_nothing()


@only("astron")
def test_the_count_has_children_elsewhere_and_they_are_asked_in_the_askers_name(t):
    parent = t.new("Station")
    own = t.new_ones(5, "Rolling", parent.do_id, 5)
    for zone in (5, 5, 6):
        played(t, parent, zone)
    t.me.subscribe(t.children(parent))
    context = asks(t, parent, [5, 7])
    count = t.dg(t.me.channel, parent.do_id, "CountZonesResp", context=context, count=7)
    relayed = t.dg(t.children(parent), t.me.channel, "QueryZones", context=context,
                   parent=parent.do_id, zones=[5, 7])
    t.me.expect_interleaved([count], [relayed], *[[t.enter_interest(thing, context)] for thing in own])


@only("astron")
def test_counts_have_children_elsewhere(t):
    parent = t.new("Station")
    t.new_ones(5, "Rolling", parent.do_id, 5)
    leaver = played(t, parent, 5)
    played(t, parent, 6)
    expect_counts(t, parent, 6, 7, 7)
    leaver.moves(0, 0)
    expect_counts(t, parent, 5, 6, 6)


def expect_counts(t, parent, zone, zones, children):
    for ask, answer, count in [("CountZone", "CountZoneResp", zone), ("CountZones", "CountZonesResp", zones),
                               ("CountChildren", "CountChildrenResp", children)]:
        context = t.context()
        t.send(parent.do_id, ask, context=context, parent=parent.do_id, zone=5, zones=[5, 6])
        t.expect(t.dg(t.me.channel, parent.do_id, answer, context=context, count=count))


# We play the parent.


def question(t, parent, zones, to=None, parent_in_it=None):
    """The parent's question to its children, or to one of them."""
    context, to = t.context(), t.d.children_channel(parent) if to is None else to
    t.send(to, "QueryZones", context=context, parent=parent_in_it or parent, zones=zones)
    return context


def entered(t, parent, thing):
    """What a child says to its parent's question: in `openotp` to the parent too."""
    to = t.me.channel if t.astron else [t.me.channel, parent]
    return t.enter_zone(thing, to)


def acks(t, thing, at=None):
    parent, zone = at or thing.at
    t.send(thing.do_id, "LocationAck", parent, parent=parent, zone=zone)


def test_children_in_the_zones_answer_who_asks_on_their_channel(t):
    parent = t.do()
    here = t.new_ones(7, "Carriage", parent, 5, setBell=u8(1))
    t.new_ones(3, "Carriage", parent, 6)
    t.new_ones(3, "Carriage", t.do(), 5)
    question(t, parent, [4, 5])
    t.expect_set([entered(t, parent, thing) for thing in here])
    question(t, parent, [4])
    question(t, parent, [])
    question(t, parent, [5], parent_in_it=t.do())
    t.expect_nothing()


def test_a_zone_listed_twice_is_answered_once(t):
    parent = t.do()
    here = t.new_ones(4, "Carriage", parent, 5)
    question(t, parent, [5, 5, 4, 5])
    t.expect_set([entered(t, parent, thing) for thing in here])


def test_a_child_asked_on_its_own_channel_answers_too(t):
    parent = t.do()
    thing, other = t.new_ones(2, "Carriage", parent, 5)
    question(t, parent, [5], to=thing.do_id)
    t.expect(entered(t, parent, thing))
    question(t, parent, [6], to=thing.do_id)
    question(t, parent, [5], to=other.do_id, parent_in_it=t.do())
    t.expect_nothing()


@only("astron")
def test_children_whose_place_the_parent_has_acknowledged_answer_with_the_context(t):
    parent = t.do()
    thing, waiting = t.new_ones(2, "Carriage", parent, 5, setBell=u8(1))
    acks(t, thing)
    acks(t, waiting, (parent, 6))
    acks(t, waiting, (t.do(), 5))
    context = question(t, parent, [5])
    t.expect_set([t.enter_interest(thing, context), entered(t, parent, waiting)])


@only("astron")
def test_an_acknowledgment_is_for_one_place(t):
    parent = t.do()
    thing = t.new("Carriage", parent, 5)
    acks(t, thing)
    t.move(thing, parent, 6)
    question(t, parent, [6])
    t.expect(entered(t, parent, thing))
    acks(t, thing)
    context = question(t, parent, [6], to=thing.do_id)
    t.expect(t.enter_interest(thing, context))


@only("astron")
def test_a_parent_elsewhere_deletes_its_children(t):
    parent = t.do()
    children, rest = t.new_ones(5, "Rolling", parent, 5), t.new_ones(3, "Rolling", t.do(), 5)
    expect_deleted(t, parent, children, "DeleteChildren")
    for thing in rest:
        t.expect_at(thing)


@only("astron")
def test_a_parent_elsewhere_deletes_zones(t):
    parent = t.do()
    zones = {zone: t.new_ones(3, "Rolling", parent, zone) for zone in range(1, 6)}
    expect_deleted(t, parent, zones[1], "DeleteZone", zone=1)
    expect_deleted(t, parent, zones[2] + zones[4], "DeleteZones", zones=[4, 9, 2])
    for thing in zones[3] + zones[5]:
        t.expect_at(thing)


def expect_deleted(t, parent, things, name, **args):
    """They tell their location, in the name of who asked, and not the parent, who knows."""
    t.me.subscribe(parent, *{t.loc(thing) for thing in things})
    t.send(t.d.children_channel(parent), name, parent, parent=parent, **args)
    t.expect_set([t.dg(t.loc(thing), parent, "DeleteRam", do_id=thing.do_id) for thing in things])
    t.expect_gone(*things)
    t.me.unsubscribe(parent, *{t.loc(thing) for thing in things})


@only("astron")
def test_a_deletion_in_another_parents_name_is_ignored(t):
    parent = t.do()
    things = t.new_ones(4, "Rolling", parent, 5)
    for name in ("DeleteChildren", "DeleteZone", "DeleteZones"):
        t.send(t.d.children_channel(parent), name, parent=t.do(), zone=5, zones=[5])
    t.expect_nothing()
    for thing in things:
        t.expect_at(thing)


def test_who_has_moved_away_does_not_answer_any_more(t):
    parent, other = t.do(), t.do()
    thing = t.new("Rolling", parent, 5)
    t.move(thing, other, 5)
    question(t, parent, [5])
    t.expect_nothing()
    question(t, other, [5])
    t.expect(entered(t, other, thing))


def test_who_was_deleted_does_not_answer_any_more(t):
    parent = t.do()
    thing, other = t.new_ones(2, "Rolling", parent, 5)
    t.delete(thing)
    question(t, parent, [5])
    t.expect(entered(t, parent, other))
    t.delete(other)
    question(t, parent, [5])
    t.expect_nothing()


def test_a_thousand_children_of_a_parent_elsewhere_answer(t):
    parent = t.do()
    things = t.new_ones(1_000, "Rolling", parent, 5)
    question(t, parent, [5])
    t.expect_set([entered(t, parent, thing) for thing in things])
