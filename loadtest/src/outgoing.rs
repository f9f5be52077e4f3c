//! What the senders send: every stream's message once encoded, of which only the sequence number
//! and the time change; subscription changes in between; the schedule of the open loop.

use crate::payload::{PROBE_SEQ, Stamp};
use crate::plan::{Pattern, Plan};
use crate::protocol::Protocol;
use crate::topology::Topology;
use anyhow::{Context, Result};
use std::sync::Arc;
use wire::ids::Channel;

/// Subscriptions of a sender between adding a fresh channel and removing it again, at least.
const CHURN_DISTANCE_MIN: u64 = 64;

pub(crate) struct Outgoing {
    protocol: Arc<dyn Protocol>,
    /// All templates, one after the other.
    bytes: Vec<u8>,
    templates: Vec<Template>,
    /// Per sender, the stream whose turn it is.
    turns: Vec<u32>,
    streams_per_sender: u32,
    /// Subscription changes in front of every message.
    changes_per_message: u32,
    churns: Vec<Churn>,
    pub(crate) sent: u64,
    pub(crate) changes: u64,
}

struct Template {
    start: u32,
    payload: u32,
    end: u32,
    next_seq: u32,
}

/// The fresh channels of one sender: those numbered `removed..added` are subscribed.
#[derive(Clone, Copy, Debug)]
struct Churn {
    seed: u64,
    added: u64,
    removed: u64,
}

impl Outgoing {
    pub(crate) fn new(plan: &Plan, topology: &Topology, run: u64) -> Result<Outgoing> {
        let (mut bytes, mut templates) = (Vec::new(), Vec::new());
        for (number, stream) in (0..).zip(&topology.streams) {
            let stamp = Stamp { stream: number, seq: 0, intended_ns: 0, run };
            let payload = stamp.payload(plan.payload_bytes);
            let (to, from) = (topology.recipients(number), topology.sender_channel(stream.sender));
            let start = bytes.len() as u32;
            let payload = plan.protocol.publish(from, &to, &payload, &mut bytes);
            let payload = payload.context("the payload does not fit into a message")? as u32;
            let end = u32::try_from(bytes.len()).context("too many streams: 4 GiB of messages")?;
            templates.push(Template { start, payload, end, next_seq: 0 });
        }
        let changes_per_message = match plan.pattern {
            Pattern::Churn { changes } => changes,
            Pattern::P2p | Pattern::FanOut | Pattern::Multi { .. } => 0,
        };
        let seed = |sender: u32| topology.sender_channel(sender).0 << 28;
        let churn = |sender| Churn { seed: seed(sender), added: 0, removed: 0 };
        Ok(Outgoing {
            protocol: plan.protocol.clone(),
            bytes,
            templates,
            turns: vec![0; topology.senders as usize],
            streams_per_sender: topology.streams_per_sender,
            changes_per_message,
            churns: (0..topology.senders).map(churn).collect(),
            sent: 0,
            changes: 0,
        })
    }

    /// Appends the next message of `sender`.
    #[inline]
    pub(crate) fn write_next(&mut self, sender: u32, intended_ns: u64, out: &mut Vec<u8>) {
        if self.changes_per_message > 0 {
            self.churn(sender, out);
        }
        let turn = &mut self.turns[sender as usize];
        let stream = sender * self.streams_per_sender + *turn;
        *turn = if *turn + 1 == self.streams_per_sender { 0 } else { *turn + 1 };
        let template = &mut self.templates[stream as usize];
        let bytes = &mut self.bytes[template.start as usize..template.end as usize];
        let payload = (template.payload - template.start) as usize;
        Stamp::patch(&mut bytes[payload..], template.next_seq, intended_ns);
        out.extend_from_slice(bytes);
        template.next_seq += 1;
        self.sent += 1;
    }

    /// Appends a probe of `stream`.
    pub(crate) fn write_probe(&mut self, stream: u32, round: u64, out: &mut Vec<u8>) {
        let template = &self.templates[stream as usize];
        let bytes = &mut self.bytes[template.start as usize..template.end as usize];
        let payload = (template.payload - template.start) as usize;
        Stamp::patch(&mut bytes[payload..], PROBE_SEQ, round);
        out.extend_from_slice(bytes);
    }

    /// Messages that `stream` has sent.
    pub(crate) fn sent_of(&self, stream: u32) -> u32 {
        self.templates[stream as usize].next_seq
    }

    /// How many subscriptions `sender` is to have before the traffic, if `wanted` is its share.
    pub(crate) fn preload_of(&self, wanted: u64) -> u64 {
        let least = if self.changes_per_message > 0 { CHURN_DISTANCE_MIN } else { 0 };
        wanted.max(least)
    }

    /// Appends `count` subscriptions of `sender` to channels that nobody sends to.
    pub(crate) fn write_preload(&mut self, sender: u32, count: u64, out: &mut Vec<u8>) {
        let churn = &mut self.churns[sender as usize];
        for _ in 0..count {
            self.protocol.subscribe(churn.channel(churn.added), out);
            churn.added += 1;
        }
    }

    fn churn(&mut self, sender: u32, out: &mut Vec<u8>) {
        let churn = &mut self.churns[sender as usize];
        for _ in 0..self.changes_per_message / 2 {
            self.protocol.subscribe(churn.channel(churn.added), out);
            self.protocol.unsubscribe(churn.channel(churn.removed), out);
            churn.added += 1;
            churn.removed += 1;
        }
        self.changes += u64::from(self.changes_per_message);
    }
}

impl Churn {
    /// The fresh channel number `n`: pseudo-random in the upper half of all channels, where the
    /// streams have none.
    #[inline]
    fn channel(&self, n: u64) -> Channel {
        let mut mixed = (self.seed + n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Channel((mixed ^ (mixed >> 31)) | 1 << 63)
    }
}

/// The schedule of the open loop: message `n` is due at `start + n / rate`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    start_ns: u64,
    ns_per_message: f64,
    next: u64,
}

impl Schedule {
    pub(crate) fn new(start_ns: u64, rate: f64) -> Schedule {
        Schedule { start_ns, ns_per_message: 1e9 / rate, next: 0 }
    }

    /// When the next message is due, in ns.
    #[inline]
    pub(crate) fn due_ns(&self) -> u64 {
        self.start_ns + (self.next as f64 * self.ns_per_message) as u64
    }

    /// The next message's number, if it is due.
    #[inline]
    pub(crate) fn take(&mut self, now: u64) -> Option<(u64, u64)> {
        let due = self.due_ns();
        (due <= now).then(|| {
            self.next += 1;
            (self.next - 1, due)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Ferris, Found};
    use wire::dialect::Dialect;

    fn outgoing(pattern: Pattern, channels: u32) -> Outgoing {
        let protocol = Arc::new(Ferris { dialect: Dialect::Astron });
        let mut plan = Plan::new(protocol, ([127, 0, 0, 1], 1).into(), pattern);
        (plan.senders, plan.channels) = (3, channels);
        Outgoing::new(&plan, &Topology::new(&plan, 0), 77).unwrap()
    }

    #[test]
    fn a_template_is_patched_and_nothing_else_of_it_changes() {
        let mut outgoing = outgoing(Pattern::Multi { recipients: 2 }, 2);
        let before = outgoing.bytes.clone();
        let mut out = vec![];
        (0..3).for_each(|time| outgoing.write_next(1, 1000 + time, &mut out));
        outgoing.write_probe(2, 5, &mut out);
        let mut found: Vec<Found> = vec![];
        assert_eq!(outgoing.protocol.parse(&out, &mut found), Ok(out.len()));
        let stamps: Vec<_> = (found.iter())
            .map(|f| Stamp::read(&out[f.start as usize..f.end as usize]).unwrap())
            .map(|stamp| (stamp.stream, stamp.seq, stamp.intended_ns, stamp.run))
            .collect();
        let wanted = [(2, 0, 1000, 77), (3, 0, 1001, 77), (2, 1, 1002, 77), (2, u32::MAX, 5, 77)];
        assert_eq!(stamps, wanted);
        assert_eq!((outgoing.sent_of(2), outgoing.sent_of(3), outgoing.sent), (2, 1, 3));
        let changed = (0..before.len()).filter(|&i| before[i] != outgoing.bytes[i]);
        let stamps = outgoing.templates.iter().map(|t| t.payload as usize);
        let stamps: Vec<usize> = stamps.collect();
        assert!({ changed }.all(|i| stamps.iter().any(|at| (at + 4..at + 16).contains(&i))));
    }

    #[test]
    fn churn_removes_what_it_added_in_order() {
        let mut outgoing = outgoing(Pattern::Churn { changes: 4 }, 1);
        let mut out = vec![];
        outgoing.write_preload(0, 64, &mut out);
        (0..100).for_each(|_| outgoing.write_next(0, 0, &mut out));
        let Churn { added, removed, .. } = outgoing.churns[0];
        assert_eq!((added, removed, outgoing.changes), (264, 200, 400));
        let all: std::collections::BTreeSet<u64> = (outgoing.churns.iter())
            .flat_map(|churn| (0..1000).map(|n| churn.channel(n).0))
            .collect();
        assert_eq!(all.len(), 3000);
        assert!(all.first().is_some_and(|least| *least >= 1 << 63));
    }

    #[test]
    fn the_schedule_keeps_its_times_when_it_is_late() {
        let mut schedule = Schedule::new(1000, 1e6);
        assert_eq!(schedule.take(999), None);
        assert_eq!(schedule.take(1000), Some((0, 1000)));
        assert_eq!(schedule.take(1500), None);
        assert_eq!(schedule.take(9000), Some((1, 2000)));
        assert_eq!(schedule.take(9000), Some((2, 3000)));
    }
}
