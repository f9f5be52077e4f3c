//! Which connection hears which channels and which streams it sends, for one thread.
//!
//! Connections are numbered: the senders, then the pure receivers. A stream's receivers follow
//! each other on the ring of all receiving connections, so that a receiver's slot is found by
//! subtraction.

use crate::plan::{Pattern, Plan};
use std::ops::Range;
use wire::ids::Channel;

/// One sender's messages to one set of channels: what must arrive in order at every receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) sender: u32,
    pub(crate) first_receiver: u32,
    pub(crate) receivers: u32,
    pub(crate) first_slot: u32,
}

#[derive(Debug)]
pub(crate) struct Topology {
    pub(crate) senders: u32,
    pub(crate) connections: u32,
    /// Streams of every sender; sender `i` has those from `i * streams_per_sender`.
    pub(crate) streams: Vec<Stream>,
    pub(crate) streams_per_sender: u32,
    /// Connections that a message reaches; the same for all.
    pub(crate) receivers_per_message: u32,
    pub(crate) slots: u32,
    /// The receiving connections.
    ring: Range<u32>,
    pattern: Pattern,
    /// Channels of one receiver (fan-out: of all).
    channels: u32,
    channel_base: u64,
}

impl Topology {
    /// The share of thread `part`.
    pub(crate) fn new(plan: &Plan, part: u32) -> Topology {
        let senders = share(plan.senders, part, plan.threads);
        let receivers = share(plan.receivers, part, plan.threads);
        let ring = if receivers == 0 { 0..senders } else { senders..senders + receivers };
        let others = ring.len() as u32 - u32::from(receivers == 0);
        let (reach, channels) = match plan.pattern {
            Pattern::P2p | Pattern::Churn { .. } => (1, plan.channels),
            Pattern::FanOut => (receivers, plan.channels),
            Pattern::Multi { recipients } => {
                let recipients = u32::from(recipients);
                (recipients.min(others), plan.channels.max(recipients.div_ceil(others)))
            }
        };
        let mut topology = Topology {
            senders,
            connections: senders + receivers,
            streams: Vec::new(),
            streams_per_sender: plan.channels,
            receivers_per_message: reach,
            slots: senders * plan.channels * reach,
            ring,
            pattern: plan.pattern,
            channels,
            channel_base: plan.channel_base + (u64::from(part) << 32),
        };
        let streams = (0..senders).flat_map(|i| (0..plan.channels).map(move |k| (i, k)));
        topology.streams = streams.map(|(i, k)| topology.stream(i, k, others)).collect();
        topology
    }

    /// Stream `k` of sender `i`.
    fn stream(&self, i: u32, k: u32, others: u32) -> Stream {
        let senders_receive = self.ring.start == 0;
        let turn = match self.pattern {
            Pattern::FanOut => 0,
            Pattern::P2p | Pattern::Churn { .. } if senders_receive => i + 1 + k % others,
            Pattern::P2p | Pattern::Churn { .. } => i + k,
            Pattern::Multi { .. } => i + u32::from(senders_receive),
        };
        Stream {
            sender: i,
            first_receiver: self.ring.start + turn % self.ring.len() as u32,
            receivers: self.receivers_per_message,
            first_slot: (i * self.streams_per_sender + k) * self.receivers_per_message,
        }
    }

    /// Where `stream` is counted at connection `conn`; None if it has no business there.
    #[inline]
    pub(crate) fn slot(&self, stream: &Stream, conn: u32) -> Option<u32> {
        let mut rank = conn.wrapping_sub(stream.first_receiver);
        if rank >= stream.receivers {
            rank = rank.wrapping_add(self.ring.end - self.ring.start);
        }
        (rank < stream.receivers && conn >= self.ring.start).then(|| stream.first_slot + rank)
    }

    /// The stream and the receiving connection of a slot.
    pub(crate) fn of_slot(&self, slot: u32) -> (u32, u32) {
        let stream = slot / self.receivers_per_message;
        let first = self.streams[stream as usize].first_receiver;
        (stream, self.on_ring(first - self.ring.start + slot % self.receivers_per_message))
    }

    fn on_ring(&self, position: u32) -> u32 {
        self.ring.start + position % self.ring.len() as u32
    }

    /// The channels that `conn` hears.
    pub(crate) fn subscriptions(&self, conn: u32) -> Range<u64> {
        if !self.ring.contains(&conn) {
            return 0..0;
        }
        let of = if self.pattern == Pattern::FanOut { 0 } else { u64::from(conn) };
        let first = self.channel_base + of * u64::from(self.channels);
        first..first + u64::from(self.channels)
    }

    /// What `conn` writes as sender.
    pub(crate) fn sender_channel(&self, conn: u32) -> Channel {
        Channel(self.channel_base + (1 << 31) + u64::from(conn))
    }

    /// The recipients that a message of stream number `stream` has on the wire.
    pub(crate) fn recipients(&self, stream: u32) -> Vec<Channel> {
        let k = stream % self.streams_per_sender;
        let Stream { first_receiver: first, receivers, .. } = self.streams[stream as usize];
        let channel =
            |conn, k: u32| Channel(self.subscriptions(conn).start + u64::from(k % self.channels));
        match self.pattern {
            Pattern::P2p | Pattern::FanOut | Pattern::Churn { .. } => vec![channel(first, k)],
            Pattern::Multi { recipients } => {
                let from = first - self.ring.start;
                let to = |t: u32| channel(self.on_ring(from + t % receivers), k + t / receivers);
                (0..u32::from(recipients)).map(to).collect()
            }
        }
    }
}

/// What thread `part` of `threads` gets of `all`.
pub(crate) fn share(all: u32, part: u32, threads: u32) -> u32 {
    all / threads + u32::from(part < all % threads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Ferris;
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use wire::dialect::Dialect;

    fn topology(pattern: Pattern, senders: u32, receivers: u32, channels: u32) -> Topology {
        let addr = ([127, 0, 0, 1], 1).into();
        let mut plan = Plan::new(Arc::new(Ferris { dialect: Dialect::OpenOtp }), addr, pattern);
        (plan.senders, plan.receivers, plan.channels) = (senders, receivers, channels);
        Topology::new(&plan, 0)
    }

    /// The subscribers of what a stream sends to must be the receivers that the slots name.
    fn check(topology: &Topology) {
        let mut slots = BTreeSet::new();
        for (index, stream) in (0..).zip(&topology.streams) {
            let to = topology.recipients(index);
            assert_eq!(to.iter().collect::<BTreeSet<_>>().len(), to.len(), "distinct channels");
            for conn in 0..topology.connections {
                let hears = to.iter().any(|c| topology.subscriptions(conn).contains(&c.0));
                let slot = topology.slot(stream, conn);
                assert_eq!(hears && conn != stream.sender, slot.is_some(), "{stream:?} {conn}");
                assert!(slot.is_none_or(|slot| slots.insert(slot)), "a slot for each");
                assert!(slot.is_none_or(|slot| topology.of_slot(slot) == (index, conn)));
            }
        }
        assert_eq!(slots, (0..topology.slots).collect());
    }

    #[test]
    fn slots_are_dense_and_name_who_hears() {
        for channels in [1, 2, 7] {
            for pattern in [Pattern::P2p, Pattern::Churn { changes: 2 }] {
                check(&topology(pattern, 2, 0, channels));
                check(&topology(pattern, 5, 0, channels));
                check(&topology(pattern, 5, 3, channels));
            }
            check(&topology(Pattern::FanOut, 1, 9, channels));
            check(&topology(Pattern::FanOut, 3, 4, channels));
            for recipients in [1, 2, 8, 255] {
                check(&topology(Pattern::Multi { recipients }, 6, 0, channels));
                check(&topology(Pattern::Multi { recipients }, 32, 0, channels));
                check(&topology(Pattern::Multi { recipients }, 2, 5, channels));
            }
        }
    }
}
