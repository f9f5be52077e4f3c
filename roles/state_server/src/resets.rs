//! Which AIs have been reset, so that what is on the way between shards is understood by those who
//! have heard of a reset before it.
//!
//! A reset comes to every shard by itself. What an instance says of an AI to one that has heard of
//! more of its resets is of a time before.

use crate::told::KnownAi;
use alloc::collections::{BTreeMap, VecDeque};
use wire::ids::{Channel, DoId};

/// AIs of which it is known how often they were reset. Of one more, children that have just come to it
/// by a parent on another shard may be missed.
const AIS_MAX: usize = 1 << 16;
/// Objects that have gone with their AI of which that is remembered, the last ones: long enough for
/// questions that are under way.
const LATE_MAX: usize = 1 << 12;
/// Resets of an AI of which the time is remembered, the last ones.
const TIMES_MAX: usize = 4;

#[derive(Default)]
struct Reset {
    times: u32,
    /// The times of the last ones, on the clock of the objects.
    at: VecDeque<u64>,
}

/// The resets that an instance has heard of.
#[derive(Default)]
pub struct Resets {
    ais: BTreeMap<Channel, Reset>,
    late: BTreeMap<DoId, KnownAi>,
    order: VecDeque<DoId>,
}

impl Resets {
    /// `ai` is reset, at `now` on the clock of the objects.
    pub fn note(&mut self, ai: Channel, now: u64) {
        let is_ai = ai != Channel(0);
        if is_ai && (self.ais.len() < AIS_MAX || self.ais.contains_key(&ai)) {
            let reset = self.ais.entry(ai).or_default();
            reset.times += 1;
            reset.at.push_back(now);
            if reset.at.len() > TIMES_MAX {
                reset.at.pop_front();
            }
        }
    }

    /// An object that had this AI, explicitly, goes with it.
    pub fn went(&mut self, do_id: DoId, ai: Channel) {
        let KnownAi { ai, resets } = self.known(ai);
        let before = KnownAi { ai, resets: resets.saturating_sub(1) };
        if self.late.insert(do_id, before).is_none() {
            self.order.push_back(do_id);
        }
        while self.order.len() > LATE_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.late.remove(&oldest);
        }
    }

    /// There is such an object again.
    pub fn came_back(&mut self, do_id: DoId) {
        if self.late.remove(&do_id).is_some() {
            self.order.retain(|&other| other != do_id);
        }
    }

    /// An AI, as it is known here.
    pub fn known(&self, ai: Channel) -> KnownAi {
        KnownAi { ai, resets: self.ais.get(&ai).map_or(0, |reset| reset.times) }
    }

    /// The AI with which an object has gone, as it was known before.
    pub fn of_late(&self, do_id: DoId) -> Option<KnownAi> {
        self.late.get(&do_id).copied()
    }

    /// When the AI was reset for the first time of which whoever said so has not heard.
    pub fn missed_by(&self, known: KnownAi) -> Option<u64> {
        let Reset { times, at } = self.ais.get(&known.ai)?;
        let missed = times.checked_sub(known.resets).filter(|&missed| missed > 0)?;
        Some(at.len().checked_sub(missed as usize).map_or(0, |first| at[first]))
    }
}
