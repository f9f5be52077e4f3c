//! What all shards have counted, for any thread to read without locks.
//!
//! Each shard writes its own numbers, at the end of a turn and no more than every few
//! milliseconds; relaxed stores of one writer, so no lock prefix and no shared line.

use runtime::Counts;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the turn times that are told apart, in nanoseconds; the last class is open.
pub const TURN_NS_BOUNDS: [u64; 11] = [
    1_000,
    4_000,
    16_000,
    64_000,
    256_000,
    1_000_000,
    4_000_000,
    16_000_000,
    64_000_000,
    256_000_000,
    1_000_000_000,
];

/// What the engine itself counts on a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineCounts {
    /// Turns taken.
    pub turns: u64,
    /// Nanoseconds spent in turns, parking excluded.
    pub turn_ns: u64,
    /// Turns by how long they took; the bounds are [`TURN_NS_BOUNDS`].
    pub turns_by_ns: [u64; TURN_NS_BOUNDS.len() + 1],
    /// Times that the shard slept.
    pub parks: u64,
    /// Batches that lay in the inbox at the last turn.
    pub inbox_depth: u64,
    /// Turns in which no socket was read because some inbox was over its limit.
    pub choked_turns: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Accepts that failed, for want of descriptors for the most part.
    pub accept_failures: u64,
    /// Receives that ended because no buffer was free.
    pub out_of_buffers: u64,
    /// Events that could not be sent to the event logger.
    pub events_lost: u64,
    /// TLS handshakes done.
    pub handshakes_done: u64,
    /// Those of them that rested on an earlier one.
    pub handshakes_resumed: u64,
    /// TLS handshakes that were begun and not done, for whatever reason.
    pub handshakes_failed: u64,
    /// TLS handshakes under way now.
    pub handshakes_in_flight: u64,
    /// Flights of handshakes that are at a worker now, or wait for one.
    pub handshakes_queued: u64,
    /// Connections that went without a word before they were in.
    pub left_early: u64,
    /// Connections that are over and have time now to hear why.
    pub lingering: u64,
}

const FIXED: usize = 16;
const ENGINE_LEN: usize = FIXED + TURN_NS_BOUNDS.len() + 1;

impl EngineCounts {
    fn values(&self) -> [u64; ENGINE_LEN] {
        let mut values = [0; ENGINE_LEN];
        let (fixed, classes) = values.split_at_mut(FIXED);
        fixed.copy_from_slice(&[
            self.turns,
            self.turn_ns,
            self.parks,
            self.inbox_depth,
            self.choked_turns,
            self.accepted,
            self.accept_failures,
            self.out_of_buffers,
            self.events_lost,
            self.handshakes_done,
            self.handshakes_resumed,
            self.handshakes_failed,
            self.handshakes_in_flight,
            self.handshakes_queued,
            self.left_early,
            self.lingering,
        ]);
        classes.copy_from_slice(&self.turns_by_ns);
        values
    }

    fn from_values(values: [u64; ENGINE_LEN]) -> EngineCounts {
        let [turns, turn_ns, parks, inbox_depth, choked_turns, accepted, rest @ ..] = values;
        let [accept_failures, out_of_buffers, events_lost, handshakes_done, rest @ ..] = rest;
        let [handshakes_resumed, handshakes_failed, handshakes_in_flight, rest @ ..] = rest;
        let [handshakes_queued, left_early, lingering, turns_by_ns @ ..] = rest;
        EngineCounts {
            turns,
            turn_ns,
            turns_by_ns,
            parks,
            inbox_depth,
            choked_turns,
            accepted,
            accept_failures,
            out_of_buffers,
            events_lost,
            handshakes_done,
            handshakes_resumed,
            handshakes_failed,
            handshakes_in_flight,
            handshakes_queued,
            left_early,
            lingering,
        }
    }

    /// Counts a turn that took `ns`.
    pub(crate) fn turn(&mut self, ns: u64) {
        self.turns += 1;
        self.turn_ns += ns;
        self.turns_by_ns[TURN_NS_BOUNDS.partition_point(|bound| *bound < ns)] += 1;
    }
}

/// One shard's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardSnapshot {
    /// In the order of [`Counts::METRICS`].
    pub shard: [u64; Counts::LEN],
    /// The engine's own.
    pub engine: EngineCounts,
}

pub(crate) struct ShardCounters {
    shard: [AtomicU64; Counts::LEN],
    engine: [AtomicU64; ENGINE_LEN],
}

impl ShardCounters {
    fn new() -> ShardCounters {
        ShardCounters {
            shard: std::array::from_fn(|_| AtomicU64::new(0)),
            engine: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// To be called by the shard that they belong to.
    pub(crate) fn publish(&self, shard: &Counts, engine: &EngineCounts) {
        let pairs = self.shard.iter().zip(shard.values());
        pairs.chain(self.engine.iter().zip(engine.values())).for_each(|(counter, value)| {
            counter.store(value, Ordering::Relaxed);
        });
    }
}

/// The numbers of all shards.
#[derive(Clone)]
pub struct Counters(Arc<[ShardCounters]>);

impl Counters {
    pub(crate) fn new(shards: usize) -> Counters {
        Counters((0..shards).map(|_| ShardCounters::new()).collect())
    }

    pub(crate) fn of(&self, shard: usize) -> &ShardCounters {
        &self.0[shard]
    }

    /// What each shard has counted, by shard.
    pub fn snapshot(&self) -> Vec<ShardSnapshot> {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let snapshot = |counters: &ShardCounters| ShardSnapshot {
            shard: std::array::from_fn(|at| load(&counters.shard[at])),
            engine: EngineCounts::from_values(std::array::from_fn(|at| load(&counters.engine[at]))),
        };
        self.0.iter().map(snapshot).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_is_read() {
        let (counters, mut engine) = (Counters::new(2), EngineCounts::default());
        [500, 1_000, 1_001, 2_000_000_000].into_iter().for_each(|ns| engine.turn(ns));
        (engine.parks, engine.events_lost) = (7, 9);
        let shard = Counts { frames_in: 3, closed_post_removes: 5, ..Counts::default() };
        counters.of(1).publish(&shard, &engine);
        let [idle, busy] = &counters.snapshot()[..] else { panic!("two shards") };
        assert_eq!(idle.engine, EngineCounts::default());
        assert_eq!((&busy.shard, &busy.engine), (&shard.values(), &engine));
        assert_eq!(engine.turns_by_ns[..2], [2, 1]);
        assert_eq!(engine.turns_by_ns[TURN_NS_BOUNDS.len()], 1);
    }
}
