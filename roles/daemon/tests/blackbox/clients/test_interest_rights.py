"""Who may open which interest (`client.add_interest`), and interests that the cluster opens."""

from ground import KIOSK
from otp import ANY
from protocol import FORBIDDEN_INTEREST
from stage import only


def scene(t):
    """A meadow with a ride in a zone."""
    meadow, zone = t.meadow(), t.zone()
    return meadow, zone, t.ride(meadow, zone)


def announced(t, interest, parent, *zones):
    """What a client hears first when the cluster opens an interest for it: only in `astron`."""
    if not t.astron:
        return []
    args = dict(context=ANY, interest=interest, parent=parent.do_id, zones=list(zones), zone=zones[0])
    return [t.word("AddInterest" if len(zones) == 1 else "AddInterestMultiple", **args)]


def withdrawn(t, interest):
    """The same of one that the cluster closes."""
    return [t.word("RemoveInterest", context=ANY, interest=interest)] if t.astron else []


def told(t, client, interest):
    """What the cluster hears of an interest that it opened: only in `astron`."""
    if t.astron:
        t.expect(t.dg(t.me.channel, client.channel, "DoneInterestResp", client=client.channel,
                      interest=interest))


def test_usually_interests_are_below_what_is_known(t):
    """A client that has been shown nothing knows no parent."""
    meadow, zone, ride = scene(t)
    anna = t.guest("usual")
    anna.opens(1, meadow, zone)
    anna.expect_ejected(FORBIDDEN_INTEREST)


def test_below_what_was_declared(t):
    meadow, zone, ride = scene(t)
    anna = t.guest("usual")
    t.declare(anna, meadow)
    t.look(anna, 1, meadow, zone, sees=[ride])
    anna.closes(1)
    anna.expect(t.left(ride), t.done(1))


def test_below_what_is_seen(t):
    meadow, zone, ride = scene(t)
    anna, seat = t.guest("usual"), t.zone()
    child = t.ride(ride, seat)
    t.declare(anna, meadow)
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.look(anna, 2, ride, seat, sees=[child])


def test_below_what_is_owned(t):
    meadow, zone, ride = scene(t)
    anna, seat = t.guest("usual"), t.zone()
    child = t.ride(ride, seat)
    t.give(anna, ride)
    t.look(anna, 2, ride, seat, sees=[child])


def test_below_an_uberdog(t):
    """It is known from the start; `me` answers for it."""
    anna, zone = t.guest("usual"), t.zone()
    t.listen(KIOSK)
    anna.opens(1, KIOSK, zone, context=4)
    asked = t.me.hear()
    assert asked and asked.name == "QueryZones" and asked.args["zones"] == [zone], asked
    if t.astron:
        t.send(anna.channel, "CountZonesResp", KIOSK, context=asked.args["context"], count=0)
    else:
        t.send(anna.channel, "QueryZoneDone", KIOSK, parent=KIOSK, zones=[zone])
    anna.expect(t.done(1, 4))


def test_what_was_opened_below_what_has_left_may_be_closed(t):
    """The client cannot know yet that the parent has left."""
    meadow, zone, ride = scene(t)
    anna, seat = t.guest("usual"), t.zone()
    child = t.ride(ride, seat)
    t.declare(anna, meadow)
    t.look(anna, 1, meadow, zone, sees=[ride])
    t.look(anna, 2, ride, seat, sees=[child])
    t.goes_to(ride, meadow, t.zone())
    anna.expect(t.left(ride))
    anna.closes(2)
    anna.expect(t.left(child), t.done(2))


def test_not_below_what_is_known_no_more(t):
    meadow, zone, ride = scene(t)
    anna = t.guest("usual")
    t.declare(anna, meadow)
    t.tell(anna, "UndeclareObject", do_id=meadow.do_id)
    anna.opens(1, meadow, zone)
    anna.expect_ejected(FORBIDDEN_INTEREST)


def test_not_below_what_another_client_knows(t):
    meadow, zone, ride = scene(t)
    anna, bert = t.guests(2, "usual")
    t.declare(anna, meadow)
    bert.opens(1, meadow, zone)
    bert.expect_ejected(FORBIDDEN_INTEREST)


def test_where_clients_may_open_none(t):
    """`disabled`: not below what they know either."""
    meadow, zone, ride = scene(t)
    anna, bert = t.guests(2, "closed")
    t.declare(anna, meadow)
    anna.opens(1, meadow, zone)
    anna.expect_ejected(FORBIDDEN_INTEREST)
    bert.opens(1, KIOSK, zone)
    bert.expect_ejected(FORBIDDEN_INTEREST)


def test_where_clients_may_open_none_the_cluster_does(t):
    """And a client may not close what the cluster has opened."""
    meadow, zone, ride = scene(t)
    anna = t.guest("closed")
    t.open_for(anna, 4, meadow, zone)
    anna.expect(*announced(t, 4, meadow, zone), t.seen(ride), t.word("Done", interest=4, context=ANY))
    told(t, anna, 4)
    later = t.ride(meadow, zone)
    anna.expect(t.seen(later))
    anna.closes(4)
    anna.expect_ejected(FORBIDDEN_INTEREST)


def test_the_cluster_closes_an_interest(t):
    meadow, zone, ride = scene(t)
    anna = t.guest("closed")
    t.open_for(anna, 4, meadow, zone)
    anna.expect(*announced(t, 4, meadow, zone), t.seen(ride), t.word("Done", interest=4, context=ANY))
    told(t, anna, 4)
    t.send(anna.channel, "RemoveInterest", interest=4)
    anna.expect(*withdrawn(t, 4), t.left(ride), t.word("Done", interest=4, context=ANY))
    t.ride(meadow, zone)
    t.nothing_comes()


def test_the_cluster_opens_several_zones_at_once(t):
    meadow, zone, ride = scene(t)
    anna, other = t.guest("closed"), t.zone()
    more = t.ride(meadow, other)
    t.open_for(anna, 4, meadow, zone, other)
    anna.expect(*announced(t, 4, meadow, zone, other))
    anna.expect_set([t.seen(ride), t.seen(more)])
    anna.expect(t.word("Done", interest=4, context=ANY))
    told(t, anna, 4)


@only("astron")
def test_the_client_hears_the_same_context_twice(t):
    """It knows by it which of the cluster's changes is done."""
    meadow, zone, ride = scene(t)
    anna, seen = t.guest("closed"), set()
    for zones in [[zone], [zone, t.zone()], [t.zone()]]:
        t.open_for(anna, 4, meadow, *zones)
        heard = []
        while not heard or heard[-1].name != "Done":
            heard.append(anna.hear())
        assert heard[0].args["context"] == heard[-1].args["context"], heard
        seen.add(heard[0].args["context"])
        told(t, anna, 4)
    assert len(seen) == 3, seen


def test_the_cluster_alters_what_a_client_has_opened(t):
    meadow, zone, ride = scene(t)
    anna, other = t.guest(), t.zone()
    more = t.ride(meadow, other)
    t.look(anna, 4, meadow, zone, sees=[ride])
    t.open_for(anna, 4, meadow, other)
    anna.expect(*announced(t, 4, meadow, other), t.left(ride), t.seen(more),
                t.word("Done", interest=4, context=ANY))
    told(t, anna, 4)
    anna.closes(4, context=3)
    anna.expect(t.left(more), t.done(4, 3))


def test_the_cluster_opens_interests_before_a_client_has_logged_in(t):
    """What it says is believed: it may want to show something while somebody chooses a name."""
    meadow, zone, ride = scene(t)
    anna = t.visitor("closed")
    t.open_for(anna, 4, meadow, zone)
    anna.expect(*announced(t, 4, meadow, zone), t.seen(ride), t.word("Done", interest=4, context=ANY))
    told(t, anna, 4)


def test_an_interest_of_the_cluster_that_is_refused(t):
    """`interests_max`: 2. The client hears nothing; in `astron` who asked hears that it is done, lest it
    wait for ever."""
    meadow, zone, ride = scene(t)
    anna = t.guest("small")
    for interest in [1, 2]:
        t.look(anna, interest, meadow, t.zone())
    t.open_for(anna, 3, meadow, zone)
    told(t, anna, 3)
    t.nothing_comes()


def test_the_cluster_shows_it_to_one_client_alone(t):
    meadow, zone, ride = scene(t)
    anna, bert = t.guests(2, "closed")
    t.open_for(anna, 4, meadow, zone)
    anna.expect(*announced(t, 4, meadow, zone), t.seen(ride), t.word("Done", interest=4, context=ANY))
    told(t, anna, 4)
    t.nothing_comes()
