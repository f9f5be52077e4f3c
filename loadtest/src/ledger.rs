//! What has arrived: order and loss, latency, and the credit that arrivals give their senders.

use crate::checker::Checker;
use crate::payload::{PROBE_SEQ, Stamp};
use crate::topology::Topology;
use anyhow::Result;
use hdrhistogram::Histogram;

/// The longest latency that is told from longer ones, in ns: ten minutes.
pub(crate) const LATENCY_NS_MAX: u64 = 600_000_000_000;

pub(crate) struct Ledger {
    pub(crate) checker: Checker,
    /// Messages that arrived for the first time, at any receiver.
    pub(crate) delivered: u64,
    /// Messages that nobody sent to where they arrived, or not in this run.
    pub(crate) stray: u64,
    /// Of messages meant to be sent from `measured_from` on, in ns.
    pub(crate) latency: Histogram<u64>,
    measured_from: u64,
    run: u64,
    payload_bytes: usize,
    /// Deliveries that each sender may still cause. None in the open loop.
    credit: Option<Box<[u32]>>,
    /// Senders whose credit is enough for a message and who do not know it yet.
    pub(crate) ready: Vec<u32>,
    probes: Probes,
}

/// Probes find out whether a stream reaches its receivers, and that all before it has arrived.
#[derive(Default)]
struct Probes {
    round: u64,
    /// The last round that arrived, by slot.
    seen: Vec<u64>,
    lacking: u32,
}

impl Ledger {
    pub(crate) fn new(topology: &Topology, run: u64, payload_bytes: usize) -> Result<Ledger> {
        let seen = vec![0; topology.slots as usize];
        Ok(Ledger {
            checker: Checker::new(topology.slots as usize),
            delivered: 0,
            stray: 0,
            latency: Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3)?,
            measured_from: u64::MAX,
            run,
            payload_bytes,
            credit: None,
            ready: Vec::new(),
            probes: Probes { seen, ..Probes::default() },
        })
    }

    /// Gives every sender credit for `window` messages.
    pub(crate) fn open_window(&mut self, topology: &Topology, window: u32) {
        let deliveries = window * topology.receivers_per_message;
        self.credit = Some(vec![deliveries; topology.senders as usize].into());
        self.ready.extend(0..topology.senders);
    }

    /// From here on latencies count: those of messages that are to be sent at `now` or later.
    pub(crate) fn begin_measuring(&mut self, now: u64) {
        self.measured_from = now;
    }

    /// The payload of one message that connection `conn` received.
    #[inline]
    pub(crate) fn arrived(&mut self, topology: &Topology, conn: u32, payload: &[u8], now: u64) {
        let Some((stamp, stream, slot)) = self.identify(topology, conn, payload) else {
            self.stray += 1;
            return;
        };
        if stamp.seq == PROBE_SEQ {
            return self.probes.arrived(slot, stamp.intended_ns);
        }
        if !self.checker.see(slot, stamp.seq) {
            return;
        }
        self.delivered += 1;
        if stamp.intended_ns >= self.measured_from {
            self.latency.saturating_record(now.saturating_sub(stamp.intended_ns));
        }
        if let Some(credit) = &mut self.credit {
            let credit = &mut credit[stream as usize];
            *credit += 1;
            if *credit == topology.receivers_per_message {
                self.ready.push(stream);
            }
        }
    }

    /// The stamp, its sender and its slot.
    #[inline]
    fn identify(
        &self,
        topology: &Topology,
        conn: u32,
        payload: &[u8],
    ) -> Option<(Stamp, u32, u32)> {
        let stamp = Stamp::read(payload)?;
        let stream = topology.streams.get(stamp.stream as usize)?;
        let slot = topology.slot(stream, conn)?;
        let is_ours = stamp.run == self.run && payload.len() == self.payload_bytes;
        is_ours.then_some((stamp, stream.sender, slot))
    }

    /// How many messages `sender` may send now.
    #[inline]
    pub(crate) fn allowance(&self, topology: &Topology, sender: u32) -> u32 {
        let credit = self.credit.as_ref().map_or(0, |credit| credit[sender as usize]);
        credit / topology.receivers_per_message
    }

    /// `sender` has sent `messages`. It has to ask again if its allowance is not used up.
    #[inline]
    pub(crate) fn spend(&mut self, topology: &Topology, sender: u32, messages: u32) {
        if let Some(credit) = &mut self.credit {
            credit[sender as usize] -= messages * topology.receivers_per_message;
        }
    }

    /// Begins a new round of probes and returns its number.
    pub(crate) fn begin_probes(&mut self) -> u64 {
        self.probes.round += 1;
        self.probes.lacking = self.probes.seen.len() as u32;
        self.probes.round
    }

    /// Slots that this round's probe has not reached.
    pub(crate) fn probes_lacking(&self) -> u32 {
        self.probes.lacking
    }

    /// Whether this round's probe has reached `slot`.
    pub(crate) fn is_probed(&self, slot: u32) -> bool {
        self.probes.seen[slot as usize] == self.probes.round
    }
}

impl Probes {
    #[cold]
    fn arrived(&mut self, slot: u32, round: u64) {
        let seen = &mut self.seen[slot as usize];
        if round == self.round && *seen != round {
            *seen = round;
            self.lacking -= 1;
        }
    }
}
