//! The real thing on real threads: what the proof does on a model, long and at full speed.

#![cfg(not(feature = "loom"))]

use inbox::{Port, mesh};
use std::thread;

const TURNS: u64 = 20_000;

/// Each shard's clock as the sender of a batch knew it.
type Clocks = Vec<u64>;

/// Tells all others, in every turn, what it has heard of whom; each checks that it never hears of
/// a batch before the batch itself.
fn shard(me: usize, shards: usize, mut port: Port<Clocks>) {
    let mut heard = vec![0; shards];
    let mut turn = 0;
    while turn < TURNS || (0..shards).any(|other| other != me && heard[other] < TURNS) {
        for _ in 0..port.tail() {
            let Some((from, clocks)) = port.take() else { break };
            assert_eq!(clocks[from], heard[from] + 1, "in order, none lost, none doubled");
            for other in (0..shards).filter(|&other| other != from && other != me) {
                let (known, ours) = (clocks[other], heard[other]);
                assert!(
                    known <= ours,
                    "shard {me} heard {ours} of {other}, {from} already {known}"
                );
            }
            heard[from] += 1;
        }
        if turn < TURNS {
            turn += 1;
            heard[me] = turn;
            for other in (0..shards).filter(|&other| other != me) {
                port.push(other, 1, heard.clone());
            }
            port.publish();
        } else {
            thread::yield_now();
        }
    }
}

#[test]
fn causal_at_full_speed() {
    for shards in [2, 3, 5] {
        thread::scope(|scope| {
            for (me, port) in mesh(shards, usize::MAX).into_iter().enumerate() {
                scope.spawn(move || shard(me, shards, port));
            }
        });
    }
}

#[test]
fn a_port_is_choked_over_the_limit_until_the_inbox_is_drained() {
    let mut ports = mesh(3, 10);
    ports[0].push(1, 10, "ten");
    assert!(!ports[2].is_choked());
    ports[0].push(1, 1, "one more");
    ports[0].publish();
    assert!(ports.iter().all(Port::is_choked));
    assert_eq!(ports[1].take(), Some((0, "ten")));
    assert!(!ports[0].is_choked());
}

#[test]
fn only_a_sleeping_shard_is_to_be_woken_and_once() {
    let mut ports = mesh(3, 10);
    assert!(ports[1].sleep());
    ports[0].push(1, 1, ());
    ports[0].push(2, 1, ());
    assert_eq!(ports[0].publish(), 1 << 1);
    ports[0].push(1, 1, ());
    assert_eq!(ports[0].publish(), 0, "it was told already");
    assert_eq!(ports[0].publish(), 0, "nothing was pushed");
    assert!(!ports[1].sleep(), "something lies there");
    assert_eq!(ports[1].take(), Some((0, ())));
    assert_eq!(ports[1].take(), Some((0, ())));
    assert_eq!(ports[1].take(), None);
}
