"""Who manages an object (seed: SET_AI_CHANNEL and its kin)."""

from otp import ANY
from stage import only
from world import NUMBERS, text, u8, u16


def watched(t, dclass="Carriage", parent=0, **values):
    """An object without an AI; `me` hears its children channel."""
    thing = t.new(dclass, parent, t.zone(), **values)
    t.me.subscribe(t.children(thing))
    return thing


def ai(t):
    """A channel that `me` hears."""
    channel = t.channel()
    t.me.subscribe(channel)
    return channel


def expect_managed(t, thing, channel):
    """Who asks an object for its AI has an answer."""
    context = t.context()
    t.send(thing.do_id, "QueryManagingAi", context=context)
    t.expect(t.managing_ai(thing, channel, context))


def test_the_new_ai_hears_of_the_object_and_children_of_the_ai(t):
    thing, first = watched(t), ai(t)
    t.set_ai(thing, first)
    t.expect(*t.ai_changed(thing, 0, first))
    expect_managed(t, thing, first)


def test_the_old_ai_hears_that_it_leaves(t):
    thing, first, second = watched(t), ai(t), ai(t)
    t.set_ai(thing, first)
    t.set_ai(thing, second)
    t.expect(*t.ai_changed(thing, 0, first), *t.ai_changed(thing, first, second))
    expect_managed(t, thing, second)


def test_nowhere_and_without_an_ai_it_is_nobodys(t):
    thing, first = watched(t), ai(t)
    t.set_ai(thing, first)
    t.set_ai(thing, 0)
    t.expect(*t.ai_changed(thing, 0, first), *t.ai_changed(thing, first, 0))
    expect_managed(t, thing, 0)


def test_the_same_ai_again_is_nothing(t):
    thing, first = watched(t), ai(t)
    t.set_ai(thing, first)
    t.expect(*t.ai_changed(thing, 0, first))
    t.set_ai(thing, first)
    t.set_ai(thing, first)
    t.expect_nothing()


def test_the_ai_sees_every_field(t):
    thing, first = watched(t, setNote=text("hidden"), setBell=u8(2), setFare=b"\0\0\0\0\2"), ai(t)
    t.set_ai(thing, first)
    t.expect(*t.ai_changed(thing, 0, first))


def test_a_long_channel_is_an_ai(t):
    thing, first = watched(t), 0x7FFF_0000_1234_5678
    t.me.subscribe(first)
    t.set_ai(thing, first)
    t.expect(*t.ai_changed(thing, 0, first))


def test_the_parent_is_asked_and_its_answer_taken(t):
    """We play the parent."""
    parent, first = t.do(), ai(t)
    t.me.subscribe(parent)
    thing = t.thing(parent=parent, zone=t.zone())
    t.create(thing)
    t.expect(*t.created(thing))
    t.me.subscribe(t.children(thing))
    t.tell_ai(thing, parent, first)
    t.expect(*t.ai_changed(thing, 0, first, orig=ANY))
    expect_managed(t, thing, first)


def test_an_answer_of_somebody_elses_parent_is_not_taken(t):
    parent, other, first = t.do(), t.do(), ai(t)
    thing = watched(t, parent=parent)
    t.tell_ai(thing, other, first)
    t.expect_nothing()
    expect_managed(t, thing, 0)


def test_an_explicit_ai_does_not_follow_the_parent(t):
    parent, first, second = t.do(), ai(t), ai(t)
    thing = watched(t, parent=parent)
    t.set_ai(thing, first)
    t.expect(*t.ai_changed(thing, 0, first))
    t.tell_ai(thing, parent, second)
    t.expect_nothing()
    expect_managed(t, thing, first)


def test_the_same_value_made_explicit_says_nothing_and_does_not_follow_any_more(t):
    parent, first, second = t.do(), ai(t), ai(t)
    thing = watched(t, parent=parent)
    t.tell_ai(thing, parent, first)
    t.expect(*t.ai_changed(thing, 0, first, orig=ANY))
    t.set_ai(thing, first)
    t.expect_nothing()
    t.tell_ai(thing, parent, second)
    t.expect_nothing()
    expect_managed(t, thing, first)


def test_without_an_explicit_one_it_asks_and_keeps_its_ai_until_the_answer(t):
    parent, first, second = t.do(), ai(t), ai(t)
    thing = watched(t, parent=parent)
    t.set_ai(thing, first)
    t.expect(*t.ai_changed(thing, 0, first))
    t.me.subscribe(parent)
    t.set_ai(thing, 0)
    t.expect(t.query_ai(thing, ANY))
    expect_managed(t, thing, first)
    t.tell_ai(thing, parent, second)
    t.expect(*t.ai_changed(thing, first, second, orig=ANY))


def test_a_parent_speaks_to_all_its_children(t):
    """openotp: NOTIFY_MANAGING_AI; astron: CHANGING_AI; on the children channel."""
    parent, first = t.do(), ai(t)
    things = [watched(t, parent=parent) for _ in range(6)]
    explicit, stranger = watched(t, parent=parent), watched(t, parent=t.do())
    second = ai(t)
    t.set_ai(explicit, second)
    t.expect(*t.ai_changed(explicit, 0, second))
    name = "ChangingAi" if t.astron else "NotifyManagingAi"
    t.send(t.d.children_channel(parent), name, parent, parent=parent, do_id=parent, ai=first,
           new=first, old=0)
    t.me.expect_interleaved(*[t.ai_changed(thing, 0, first, orig=ANY) for thing in things])
    expect_managed(t, explicit, second)
    expect_managed(t, stranger, 0)


def family(t, count=9, zone=5):
    """A parent, and children on all shards."""
    parent = watched(t, "Station")
    return parent, [watched(t, "Rolling", parent.do_id) for _ in range(count)]


def test_children_follow_their_parent(t):
    (parent, children), first, second = family(t), ai(t), ai(t)
    t.set_ai(parent, first)
    t.me.expect_interleaved(t.ai_changed(parent, 0, first),
                            *[t.ai_changed(child, 0, first, orig=ANY) for child in children])
    t.set_ai(parent, second)
    t.me.expect_interleaved(t.ai_changed(parent, first, second),
                            *[t.ai_changed(child, first, second, orig=ANY) for child in children])
    t.set_ai(parent, 0)
    t.me.expect_interleaved(t.ai_changed(parent, second, 0),
                            *[t.ai_changed(child, second, 0, orig=ANY) for child in children])


def test_grandchildren_follow_and_who_is_explicit_does_not_nor_those_below(t):
    (parent, children), first, second = family(t), ai(t), ai(t)
    below = [watched(t, "Rolling", child.do_id) for child in children]
    t.set_ai(children[0], second)
    t.me.expect_interleaved(t.ai_changed(children[0], 0, second),
                            t.ai_changed(below[0], 0, second, orig=ANY))
    t.set_ai(parent, first)
    follow = children[1:] + below[1:]
    t.me.expect_interleaved(t.ai_changed(parent, 0, first),
                            *[t.ai_changed(thing, 0, first, orig=ANY) for thing in follow])
    for thing in (children[0], below[0]):
        expect_managed(t, thing, second)


def test_a_chain_of_forty_generations_follows(t):
    chain = [watched(t, "Station")]
    for _ in range(40):
        chain.append(watched(t, "Station", chain[-1].do_id))
    first = ai(t)
    t.set_ai(chain[0], first)
    t.me.expect_interleaved(*[t.ai_changed(thing, 0, first, orig=ANY) for thing in chain])


def test_a_new_child_has_its_parents_ai(t):
    parent, first = watched(t, "Station"), ai(t)
    t.set_ai(parent, first)
    t.expect(*t.ai_changed(parent, 0, first))
    for _ in range(6):
        child = t.thing("Carriage", parent.do_id, t.zone(), setNote=text("n"))
        t.create(child)
        t.expect(t.enter_ai(child, first))


def test_who_moves_to_another_parent_changes_its_ai(t):
    (first_parent, children), second_parent = family(t), watched(t, "Station")
    first, second = ai(t), ai(t)
    t.set_ai(first_parent, first)
    t.set_ai(second_parent, second)
    t.drain()
    for child in children:
        child.ai, old = first, child.at
        t.move(child, second_parent.do_id, 9)
        t.expect(*t.moved(child, old), *t.ai_changed(child, first, second, orig=ANY))
        expect_managed(t, child, second)


def test_who_moves_to_a_parent_with_the_same_ai_says_nothing_of_it(t):
    (first_parent, children), second_parent, first = family(t, 4), watched(t, "Station"), ai(t)
    t.set_ai(first_parent, first)
    t.set_ai(second_parent, first)
    t.drain()
    for child in children:
        child.ai, old = first, child.at
        t.move(child, second_parent.do_id, 9)
        t.expect(*t.moved(child, old))
        t.expect_nothing()


def test_who_moves_nowhere_loses_an_inherited_ai(t):
    (parent, children), first = family(t, 3), ai(t)
    t.set_ai(parent, first)
    t.drain()
    for child in children:
        child.ai, old = first, child.at
        t.move(child, 0, 9)
        t.expect(*t.moved(child, old), *t.ai_changed(child, first, 0, orig=ANY))
        child.ai = 0
        expect_managed(t, child, 0)


def test_who_moves_nowhere_keeps_an_explicit_ai(t):
    (parent, (child,)), first = family(t, 1), ai(t)
    t.set_ai(child, first)
    t.drain()
    old = child.at
    t.move(child, 0, 9)
    t.expect(*t.moved(child, old))
    expect_managed(t, child, first)


def test_who_moves_without_an_ai_of_the_new_parent_loses_it(t):
    (parent, (child,)), bare, first = family(t, 1), watched(t, "Station"), ai(t)
    t.set_ai(parent, first)
    t.drain()
    child.ai, old = first, child.at
    t.move(child, bare.do_id, 9)
    t.expect(*t.moved(child, old), *t.ai_changed(child, first, 0, orig=ANY))


def test_updates_follow_the_inherited_ai(t):
    parent, first, second = watched(t, "Station"), ai(t), ai(t)
    child = watched(t, "Carriage", parent.do_id)
    for channel in (first, second):
        t.set_ai(parent, channel)
        t.drain()
        child.ai = channel
        t.set_field(child, "setLoad", b"\1\0\0\0")
        t.expect(t.updated(child, "setLoad", b"\1\0\0\0"))


def test_the_ai_hears_of_every_move(t):
    parent, first = watched(t, "Station"), ai(t)
    child = watched(t, "Carriage", parent.do_id)
    t.set_ai(parent, first)
    t.drain()
    child.ai, old = first, child.at
    t.move(child, parent.do_id, t.zone())
    t.expect(*t.moved(child, old))


@only("openotp")
def test_set_ai_with_another_id_in_it_is_ignored(t):
    thing, other, first = watched(t), watched(t), ai(t)
    t.send(thing.do_id, "SetAi", do_id=other.do_id, ai=first)
    t.expect_nothing()
    expect_managed(t, thing, 0)


@only("astron")
def test_the_question_has_a_context_of_its_own(t):
    thing = watched(t)
    for context in (0, 1, 0xFFFF_FFFF):
        t.send(thing.do_id, "QueryManagingAi", context=context)
        t.expect(t.managing_ai(thing, 0, context))


@only("astron")
def test_who_set_the_ai_is_the_sender_of_the_change(t):
    thing, first, orig = watched(t), ai(t), t.channel()
    t.send(thing.do_id, "SetAi", orig, ai=first)
    t.expect(*t.ai_changed(thing, 0, first, orig=orig))


def test_the_entry_has_what_was_updated(t):
    thing, first = watched(t), ai(t)
    t.send(thing.do_id, "UpdateField", do_id=thing.do_id, field=NUMBERS["setSeats"], value=u16(2, 3))
    thing.values["setSeats"] = u16(2, 3)
    t.set_ai(thing, first)
    t.expect(*t.ai_changed(thing, 0, first))
