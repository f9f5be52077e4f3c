//! What is counted and timed in a run.

use crate::ledger::LATENCY_NS_MAX;
use anyhow::Result;
use hdrhistogram::Histogram;

/// How often things happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Visitors let in.
    pub logins: u64,
    /// Logins that the gate refused; they are tried again.
    pub refused: u64,
    /// Interests opened or changed, answered to the end.
    pub interests: u64,
    /// Updates by visitors.
    pub updates: u64,
    /// Words said by visitors.
    pub says: u64,
    /// Walks of visitors to another zone.
    pub walks: u64,
    /// Updates by AIs.
    pub npc_updates: u64,
    /// Moves by AIs of NPCs.
    pub npc_walks: u64,
    /// Updates and words that others saw, each counted.
    pub deliveries: u64,
    /// Objects shown.
    pub entries: u64,
    /// Objects that left.
    pub leavings: u64,
    /// Visitors that said goodbye.
    pub goodbyes: u64,
    /// Visitors that went without a word.
    pub crashes: u64,
}

/// Latencies, in ns.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    /// From connecting to being in the park.
    pub(crate) login: Histogram<u64>,
    /// From asking for zones to the end of the answer.
    pub(crate) interest: Histogram<u64>,
    /// From the intended sending of an update to each who sees it.
    pub(crate) update: Histogram<u64>,
}

impl Latencies {
    pub(crate) fn new() -> Result<Latencies> {
        let empty = || Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3);
        Ok(Latencies { login: empty()?, interest: empty()?, update: empty()? })
    }
}

impl Counts {
    /// What was counted since.
    pub(crate) fn since(&self, before: &Counts) -> Counts {
        self.with(before, u64::wrapping_sub)
    }

    pub(crate) fn and(&self, other: &Counts) -> Counts {
        self.with(other, u64::wrapping_add)
    }

    fn with(&self, other: &Counts, of: impl Fn(u64, u64) -> u64) -> Counts {
        Counts {
            logins: of(self.logins, other.logins),
            refused: of(self.refused, other.refused),
            interests: of(self.interests, other.interests),
            updates: of(self.updates, other.updates),
            says: of(self.says, other.says),
            walks: of(self.walks, other.walks),
            npc_updates: of(self.npc_updates, other.npc_updates),
            npc_walks: of(self.npc_walks, other.npc_walks),
            deliveries: of(self.deliveries, other.deliveries),
            entries: of(self.entries, other.entries),
            leavings: of(self.leavings, other.leavings),
            goodbyes: of(self.goodbyes, other.goodbyes),
            crashes: of(self.crashes, other.crashes),
        }
    }
}
