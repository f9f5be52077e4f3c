"""Objects live on shards, and nobody can tell: what one connection does comes out as on one shard."""

from stage import only
from world import text, u8, u16, u32

MANY = 2_000


def test_create_then_update_at_once(t):
    """Not one update of two thousand is lost, nor any before its object."""
    things = [t.thing("Carriage", t.do(), 5) for _ in range(MANY)]
    for thing in things:
        t.create(thing)
        t.set_fields(thing, [("setBell", u8(7)), ("setName", text("early"))])
        thing.values.update(setBell=u8(7), setName=text("early"))
    contexts = {thing.do_id: t.context() for thing in things}
    for thing in things:
        t.send(thing.do_id, "QueryAll", context=contexts[thing.do_id], do_id=thing.do_id)
    t.expect_set([t.all_of(thing, contexts[thing.do_id]) for thing in things])


def test_create_then_update_is_heard_in_this_order(t):
    parent = t.do()
    things = [t.thing("Carriage", parent, 5) for _ in range(200)]
    t.me.subscribe(t.loc(things[0]))
    expected = []
    for thing in things:
        t.create(thing)
        entry = t.enter_zone(thing)
        t.set_field(thing, "setBell", u8(1))
        expected.append([entry, t.updated(thing, "setBell", u8(1))])
    t.me.expect_interleaved(*expected)


def test_another_connection_hears_create_update_delete_in_this_order(t):
    hearer, parent = t.connect(), t.do()
    things = [t.thing("Carriage", parent, 5) for _ in range(200)]
    hearer.subscribe(t.loc(things[0]))
    t.settle(hearer)
    expected = []
    for thing in things:
        t.create(thing)
        t.set_field(thing, "setSeats", u16(0))
        t.delete(thing)
        gone = t.dg(t.loc(thing), t.by(thing), "DeleteRam", do_id=thing.do_id)
        expected.append([t.enter_zone(thing), t.updated(thing, "setSeats", u16(0)), gone])
    hearer.expect_interleaved(*expected)


def test_create_parent_then_children_then_ask(t):
    for _ in range(8):
        parent = t.thing("Station")
        children = [t.thing("Rolling", parent.do_id, 5) for _ in range(12)]
        for thing in [parent] + children:
            t.create(thing)
        t.expect_query(parent, [5], children)


def test_create_children_then_parent_then_ask(t):
    for _ in range(8):
        parent = t.thing("Station")
        children = [t.thing("Rolling", parent.do_id, 5) for _ in range(12)]
        for thing in children + [parent]:
            t.create(thing)
        t.expect_query(parent, [5], children)


def test_move_then_ask(t):
    """Every child from every parent to every other, and each time both are asked at once."""
    parents = t.new_ones(6, "Station")
    things = t.new_ones(6, "Rolling", parents[0].do_id, 5)
    for old, new in zip(parents, parents[1:] + parents[:1]):
        for thing in things:
            t.move(thing, new.do_id, 5)
        t.expect_query(old, [5], [])
        t.expect_query(new, [5], things)


def test_move_then_ask_the_new_parent_first(t):
    parents = t.new_ones(6, "Station")
    things = t.new_ones(6, "Rolling", parents[0].do_id, 5)
    for old, new in zip(parents, parents[1:] + parents[:1]):
        for thing in things:
            t.move(thing, new.do_id, 5)
        t.expect_query(new, [5], things)
        t.expect_query(old, [5], [])


def test_move_between_zones_then_ask(t):
    parent = t.new("Station")
    things = t.new_ones(12, "Rolling", parent.do_id, 0)
    for zone in range(1, 20):
        for thing in things:
            t.move(thing, parent.do_id, zone)
        t.expect_query(parent, [zone - 1], [])
        t.expect_query(parent, [zone], things)


def test_move_then_update_is_heard_at_the_new_place(t):
    parents = t.new_ones(6, "Station")
    thing = t.new("Carriage", parents[0].do_id, 5)
    t.me.subscribe(*[parent.do_id << 32 | 5 for parent in parents])
    expected = []
    for parent in parents[1:]:
        old = thing.at
        t.move(thing, parent.do_id, 5)
        t.set_field(thing, "setSeats", u16(0))
        expected += t.moved(thing, old) + [t.updated(thing, "setSeats", u16(0))]
        thing.values["setSeats"] = u16(0)
    t.expect(*expected)


def test_set_ai_then_create_child(t):
    """The child has the parent's new AI, and says so to nobody else."""
    for _ in range(12):
        parent, first, second = t.new("Station"), t.channel(), t.channel()
        t.set_ai(parent, first)
        t.drain()
        t.me.subscribe(first, second)
        t.set_ai(parent, second)
        child = t.thing("Rolling", parent.do_id, 5)
        t.create(child)
        t.me.expect_interleaved(t.ai_changed(parent, first, second), [t.enter_ai(child, second)])


def test_create_child_then_set_ai(t):
    """Through whichever AI it may have passed: in the end it has the new one."""
    for _ in range(12):
        parent, ai = t.new("Station"), t.channel()
        child = t.thing("Rolling", parent.do_id, 5)
        t.create(child)
        t.set_ai(parent, ai)
        t.settle(rounds=3)
        t.send(child.do_id, "QueryManagingAi", context=9)
        t.expect(t.managing_ai(child, ai, 9))


@only("astron")
def test_create_child_then_delete_parent(t):
    """None of them survives."""
    for _ in range(12):
        parent = t.new("Station")
        children = [t.thing("Rolling", parent.do_id, 5) for _ in range(8)]
        for child in children:
            t.create(child)
        t.delete(parent)
        t.settle(rounds=3)
        t.expect_gone(parent, *children)


@only("openotp")
def test_create_child_then_delete_parent_and_it_stays(t):
    for _ in range(12):
        parent = t.new("Station")
        children = [t.thing("Rolling", parent.do_id, 5) for _ in range(8)]
        for child in children:
            t.create(child)
        t.delete(parent)
        t.settle(rounds=3)
        for child in children:
            t.expect_at(child)


@only("astron")
def test_move_away_then_delete_parent(t):
    """Who has left stays, and who has come goes."""
    for _ in range(6):
        parent, other = t.new_ones(2, "Station")
        leavers = t.new_ones(6, "Rolling", parent.do_id, 5)
        comers = t.new_ones(6, "Rolling", other.do_id, 5)
        for leaver, comer in zip(leavers, comers):
            t.move(leaver, other.do_id, 5)
            t.move(comer, parent.do_id, 5)
        t.delete(parent)
        t.settle(rounds=3)
        t.expect_gone(*comers)
        t.expect_query(other, [5], leavers)


def test_delete_then_ask(t):
    parent = t.new("Station")
    things = t.new_ones(30, "Rolling", parent.do_id, 5)
    while things:
        t.delete(things.pop())
        t.expect_query(parent, [5], things)


def test_delete_then_create_again(t):
    """Two thousand times the same id: the last one is it."""
    thing = t.thing("Station", t.do(), 5)
    for number in range(MANY):
        thing.values["setTown"] = text(f"number {number}")
        t.create(thing)
        if number + 1 < MANY:
            t.delete(thing)
    t.settle()
    t.expect_all(thing)


def test_update_then_ask_the_parent(t):
    parent = t.new("Station")
    things = t.new_ones(12, "Carriage", parent.do_id, 5)
    for number in range(20):
        for thing in things:
            t.set_fields(thing, [("setBell", u8(number)), ("setTint", u16(number))])
            thing.values.update(setBell=u8(number), setTint=u16(number))
        t.expect_query(parent, [5], things)


def test_crossing_moves_of_two_do_not_make_a_ring(t):
    """Each is told to go below the other, by two connections: at most one does."""
    other = t.connect()
    for _ in range(30):
        first, second = t.new_ones(2, "Station")
        t.send(first.do_id, "SetZone", parent=second.do_id, zone=5)
        other.send(second.do_id, "SetZone", parent=first.do_id, zone=5)
        t.settle(rounds=3)
        t.settle(other, rounds=3)
        places = [_parent_of(t, thing) for thing in (first, second)]
        t.me.came.clear()
        assert places != [second.do_id, first.do_id], places
        assert places != [0, 0], "one of the two may"


def _parent_of(t, thing):
    t.send(thing.do_id, "Locate", context=9)
    return t.me.hear().args["parent"]


def test_the_same_requests_on_many_connections(t):
    """Ten participants, each with its own objects below one parent."""
    parent, things = t.new("Station"), []
    makers = [t.connect() for _ in range(10)]
    for _ in range(20):
        for maker in makers:
            things.append(t.thing("Carriage", parent.do_id, 5))
            t.create(things[-1], by=maker)
            t.set_field(things[-1], "setBell", u8(1), by=maker)
            things[-1].values["setBell"] = u8(1)
    for maker in makers:
        t.settle(maker, rounds=1)
    t.expect_query(parent, [5], things)


def crowd(t, parent, count, zone=5):
    things = [t.thing("Carriage", parent.do_id, zone, setBell=u8(1)) for _ in range(count)]
    for thing in things:
        t.create(thing)
    return things


def test_five_thousand_objects_answer_each_once(t):
    parent = t.new("Station")
    things = crowd(t, parent, 5_000)
    t.expect_query(parent, [5], things)


def answers(t, contexts):
    """What has come of zone queries: per context the entries by id, and that nothing is amiss."""
    entries, counts, dones = {context: {} for context in contexts}, {}, 0
    for heard in t.me.came:
        if heard.name == "CountZonesResp":
            counts[heard.args["context"]] = heard.args["count"]
        elif heard.name == "QueryZoneDone":
            dones += 1
        else:
            context = heard.args.get("context", contexts[0])
            assert heard.args["do_id"] not in entries[context], f"twice: {heard}"
            entries[context][heard.args["do_id"]] = heard.args["fields"]
    t.me.came.clear()
    if t.astron:
        assert counts == {context: len(found) for context, found in entries.items()}, counts
    else:
        assert dones == len(contexts), dones
    return entries


def test_an_answer_is_of_one_moment_though_it_comes_in_pages(t):
    """Who is moved, deleted or updated behind the question is in the answer as it was, or not."""
    parent, other = t.new_ones(2, "Station")
    things = crowd(t, parent, 3_000)
    t.settle()
    context = t.context()
    t.send(parent.do_id, "QueryZones", context=context, parent=parent.do_id, zones=[5])
    for thing in things[::3]:
        t.send(thing.do_id, "SetZone", parent=other.do_id, zone=5)
        t.set_field(thing, "setTint", u16(1))
    for thing in things[1::3]:
        t.delete(thing)
    t.settle(rounds=5)
    found = answers(t, [context])[context]
    fields = things[0].read(t.d, "zone")[1]
    assert set(found.values()) == {fields}, set(found.values())
    missing = {thing.do_id for thing in things[2::3]} - found.keys()
    assert not missing, missing
    assert found.keys() <= {thing.do_id for thing in things}


def test_a_crowd_that_moves_is_in_one_place_only(t):
    parent, other = t.new_ones(2, "Station")
    things = crowd(t, parent, 1_000)
    for thing in things[:500]:
        t.move(thing, other.do_id, 6)
    t.expect_query(parent, [5, 6], things[500:])
    t.expect_query(other, [5, 6], things[:500])


@only("astron")
def test_a_crowd_goes_with_its_parent(t):
    parent = t.new("Station")
    things = crowd(t, parent, 2_000)
    t.settle()
    t.me.subscribe(t.loc(things[0]))
    t.delete(parent)
    t.expect_set([t.dg(t.loc(thing), t.me.channel, "DeleteRam", do_id=thing.do_id) for thing in things])
    t.expect_gone(*things[::200])


def test_a_crowd_follows_its_parents_ai(t):
    parent, ai = t.new("Station"), t.channel()
    things = crowd(t, parent, 1_000)
    t.settle()
    t.me.subscribe(ai)
    t.set_ai(parent, ai)
    t.expect_set([t.enter_ai(parent)] + [t.enter_ai(thing, ai) for thing in things])


def test_large_objects_answer_whole(t):
    """Two hundred of some 40 KB: 8 MB in one answer."""
    parent = t.new("Station")
    content = text(b"p" * 40_000)
    things = [t.thing("Parcel", parent.do_id, 5, setFront=content, setLabel=text(f"parcel {number}"))
              for number in range(200)]
    for thing in things:
        t.create(thing)
    t.expect_query(parent, [5], things)


@only("astron")
def test_questions_while_the_crowd_comes(t):
    """What is created before the question is in the answer; what behind it may be."""
    parent, things, asked = t.new("Station"), [], {}
    for _ in range(20):
        things += [thing.do_id for thing in crowd(t, parent, 25)]
        context = t.context()
        asked[context] = len(things)
        t.send(parent.do_id, "QueryZones", context=context, parent=parent.do_id, zones=[5])
    t.settle(rounds=5)
    found = answers(t, list(asked))
    for context, created in asked.items():
        missing = set(things[:created]) - found[context].keys()
        assert not missing, f"{context}: {missing}"


def test_a_value_of_many_bytes_crosses_shards_unharmed(t):
    for _ in range(6):
        thing = t.new("Parcel", t.do(), 5, setBack=text(bytes(range(256)) * 200))
        t.expect_all(thing)
        t.set_field(thing, "setFront", text(bytes(reversed(range(256))) * 40))
        thing.values["setFront"] = text(bytes(reversed(range(256))) * 40)
        t.expect_all(thing)


def test_fields_of_one_object_from_two_connections(t):
    """Neither loses an update of its own."""
    thing, other = t.new("Carriage"), t.connect()
    for number in range(500):
        t.set_field(thing, "setLoad", u32(number))
        t.set_field(thing, "setGauge", u16(number), by=other)
    t.settle(other)
    t.settle()
    thing.values.update(setLoad=u32(499), setGauge=u16(499))
    t.expect_all(thing)
