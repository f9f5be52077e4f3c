//! The router against a model too simple to be wrong: each participant has a set of channels.
//! After every step, who receives each channel, and what the neighbours were told, must agree.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use proptest::prelude::*;
use runtime::channels::Subscribers;
use runtime::router::{Change, Changes, Router};
use runtime::{ConnId, Limits, Participant, ShardId};
use std::collections::{BTreeMap, BTreeSet};

/// Channels are few, so that everything meets; they lie at both ends of the numbers.
const CHANNELS: u64 = 24;

fn channel(at: u64) -> u64 {
    if at < CHANNELS / 2 { at } else { u64::MAX - (CHANNELS - 1 - at) }
}

#[derive(Clone, Debug)]
enum Op {
    Add(u32, u64),
    Remove(u32, u64),
    AddRange(u32, u64, u64),
    RemoveRange(u32, u64, u64),
    Leave(u32),
}

fn op() -> impl Strategy<Value = Op> {
    let who = 0..6u32;
    let at = 0..CHANNELS;
    prop_oneof![
        4 => (who.clone(), at.clone()).prop_map(|(who, at)| Op::Add(who, at)),
        4 => (who.clone(), at.clone()).prop_map(|(who, at)| Op::Remove(who, at)),
        3 => (who.clone(), at.clone(), at.clone())
            .prop_map(|(who, a, b)| Op::AddRange(who, a.min(b), a.max(b))),
        3 => (who.clone(), at.clone(), at)
            .prop_map(|(who, a, b)| Op::RemoveRange(who, a.min(b), a.max(b))),
        1 => who.prop_map(Op::Leave),
    ]
}

fn router() -> Router {
    let changes = Changes { shards: Some(Vec::new()), upstream: Some(Vec::new()) };
    Router::new(ahash::RandomState::with_seeds(1, 2, 3, 4), changes)
}

fn who(number: u32) -> Participant {
    ConnId(number).into()
}

fn apply(router: &mut Router, op: &Op, limits: &Limits) {
    match *op {
        Op::Add(at, c) => router.add(who(at), channel(c), limits).unwrap(),
        Op::Remove(at, c) => router.remove(who(at), channel(c), limits).unwrap(),
        Op::AddRange(at, a, b) => {
            router.add_range(who(at), channel(a), channel(b), limits).unwrap();
        }
        Op::RemoveRange(at, a, b) => {
            router.remove_range(who(at), channel(a), channel(b), limits).unwrap();
        }
        Op::Leave(at) => while !router.leave(who(at), 3) {},
    }
}

fn receivers(router: &Router, channel: u64) -> BTreeSet<Participant> {
    let mut all: BTreeSet<Participant> = router.ranges.at(channel).iter().copied().collect();
    match router.channels.subscribers(channel) {
        Subscribers::None => (),
        Subscribers::One(who) => all.extend([who]),
        Subscribers::Many(members) => all.extend(members.iter().map(|m| m.participant())),
    }
    all
}

/// What an upstream makes of what it is told: a set.
fn hear(set: &mut BTreeSet<u64>, change: Change) {
    let inside = |low, high| (0..CHANNELS).map(channel).filter(move |c| (low..=high).contains(c));
    match change {
        Change::Add(channel) => assert!(set.insert(channel), "first in: {channel} was there"),
        Change::Remove(channel) => {
            assert!(set.remove(&channel), "last out: {channel} was not there")
        }
        Change::AddRange(low, high) => set.extend(inside(low, high)),
        Change::RemoveRange(low, high) => inside(low, high).for_each(|channel| {
            set.remove(&channel);
        }),
    }
}

fn check(ops: &[Op]) {
    let limits = Limits::default();
    let (mut router, mut peer) = (router(), router());
    let mut model: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    let mut upstream = BTreeSet::new();
    for op in ops {
        let all: Vec<u64> = (0..CHANNELS).map(channel).collect();
        (0..6).for_each(|at| router.channels.fetch(&all, who(at)));
        apply(&mut router, op, &limits);
        match *op {
            Op::Add(at, c) => drop(model.entry(at).or_default().insert(c)),
            Op::Remove(at, c) => drop(model.entry(at).or_default().remove(&c)),
            Op::AddRange(at, a, b) => model.entry(at).or_default().extend(a..=b),
            Op::RemoveRange(at, a, b) => {
                model.entry(at).or_default().retain(|c| !(a..=b).contains(c));
            }
            Op::Leave(at) => drop(model.remove(&at)),
        }
        let told = router.changes.upstream.as_mut().unwrap().drain(..);
        told.for_each(|change| hear(&mut upstream, change));
        for change in router.changes.shards.as_mut().unwrap().drain(..) {
            let shard = Participant::from(ShardId(0));
            match change {
                Change::Add(c) => peer.add(shard, c, &limits).unwrap(),
                Change::Remove(c) => peer.remove(shard, c, &limits).unwrap(),
                Change::AddRange(a, b) => peer.add_range(shard, a, b, &limits).unwrap(),
                Change::RemoveRange(a, b) => peer.remove_range(shard, a, b, &limits).unwrap(),
            }
        }
        for at in 0..CHANNELS {
            let has =
                |(&number, set): (&u32, &BTreeSet<u64>)| set.contains(&at).then(|| who(number));
            let wanted: BTreeSet<Participant> = model.iter().filter_map(has).collect();
            assert_eq!(receivers(&router, channel(at)), wanted, "channel {at} after {op:?}");
            let any = !wanted.is_empty();
            assert_eq!(!receivers(&peer, channel(at)).is_empty(), any, "peer: {at} after {op:?}");
            assert_eq!(upstream.contains(&channel(at)), any, "upstream: {at} after {op:?}");
        }
    }
    check_announcement(&router, &upstream);
    (0..6).for_each(|at| apply(&mut router, &Op::Leave(at), &limits));
    assert_eq!((router.channels.subscriptions(), router.ranges.pieces()), (0, 0));
    assert!(router.ranges.is_empty());
}

/// What is announced anew to an upstream that has forgotten everything is all that it knew.
fn check_announcement(router: &Router, upstream: &BTreeSet<u64>) {
    let (mut set, mut from) = (BTreeSet::new(), Some(Default::default()));
    while let Some(cursor) = from {
        from = router.announce(cursor, 2, |change| hear(&mut set, change));
    }
    assert_eq!(&set, upstream);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn the_router_agrees_with_a_set_per_participant(ops in prop::collection::vec(op(), 1..60)) {
        check(&ops);
    }
}

#[test]
fn many_subscribers_of_one_channel_come_and_go() {
    let (mut router, limits) = (router(), Limits::default());
    (0..200).for_each(|at| router.add(who(at), 7, &limits).unwrap());
    assert_eq!(receivers(&router, 7).len(), 200);
    for at in (0..200).step_by(3).chain((0..200).rev()) {
        router.remove(who(at), 7, &limits).unwrap();
        assert!(!receivers(&router, 7).contains(&who(at)));
    }
    assert_eq!(router.channels.subscriptions(), 0);
    let told = router.changes.upstream.take().unwrap();
    assert_eq!(told, [Change::Add(7), Change::Remove(7)]);
}

#[test]
fn only_silent_pieces_of_a_range_are_told() {
    let (mut router, limits) = (router(), Limits::default());
    router.add_range(who(1), 1000, 1999, &limits).unwrap();
    router.add_range(who(2), 1500, 1600, &limits).unwrap();
    router.add(who(3), 1700, &limits).unwrap();
    router.remove_range(who(1), 900, 1999, &limits).unwrap();
    let told = router.changes.upstream.take().unwrap();
    assert_eq!(
        told,
        [
            Change::AddRange(1000, 1999),
            Change::RemoveRange(900, 1499),
            Change::RemoveRange(1601, 1699),
            Change::RemoveRange(1701, 1999),
        ]
    );
}

#[test]
fn limits_name_what_there_is_too_much_of() {
    let limits = Limits { subscriptions_max: 2, ranges_max: 2, ..Limits::default() };
    let mut router = router();
    router.add(who(1), 1, &limits).unwrap();
    router.add(who(1), 2, &limits).unwrap();
    router.add(who(1), 2, &limits).unwrap();
    let error = router.add(who(1), 3, &limits).unwrap_err();
    assert_eq!(error.to_string(), "more than 2 single channels");
    router.add(who(2), 3, &limits).unwrap();
    router.add_range(who(1), 10, 20, &limits).unwrap();
    router.add_range(who(1), 30, 40, &limits).unwrap();
    let error = router.remove(who(1), 15, &limits).unwrap_err();
    assert_eq!(error.to_string(), "more than 2 ranges");
}
