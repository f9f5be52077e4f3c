//! What is counted and timed in a run.

use crate::ledger::LATENCY_NS_MAX;
use anyhow::Result;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// How often things happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Latencies {
    /// From connecting to being in the park.
    #[serde(with = "recorded")]
    pub(crate) login: Histogram<u64>,
    /// From asking for zones to the end of the answer.
    #[serde(with = "recorded")]
    pub(crate) interest: Histogram<u64>,
    /// From the intended sending of an update to each who sees it.
    #[serde(with = "recorded")]
    pub(crate) update: Histogram<u64>,
}

impl Latencies {
    pub(crate) fn new() -> Result<Latencies> {
        Ok(Latencies { login: empty()?, interest: empty()?, update: empty()? })
    }
}

fn empty() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3)?)
}

/// A histogram as its values and how often each was recorded.
mod recorded {
    use super::{Histogram, empty};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        histogram: &Histogram<u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let values = histogram.iter_recorded();
        let values = values.map(|value| (value.value_iterated_to(), value.count_at_value()));
        serializer.collect_seq(values)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Histogram<u64>, D::Error> {
        let mut histogram = empty().map_err(D::Error::custom)?;
        for (value, count) in Vec::<(u64, u64)>::deserialize(deserializer)? {
            histogram.saturating_record_n(value, count);
        }
        Ok(histogram)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_come_out_of_another_process_as_they_were() {
        let mut latencies = Latencies::new().unwrap();
        (0..1000).for_each(|n| latencies.update.saturating_record(n * n * 1000));
        let text = serde_json::to_string(&latencies).unwrap();
        let read: Latencies = serde_json::from_str(&text).unwrap();
        assert_eq!(read.update, latencies.update);
        assert!(read.login.is_empty());
    }
}
