//! A child that lives elsewhere and somebody who asks for it may speak by different links of the
//! daemon that both are in. Then the child may have entered before the asker heard the zone, and its
//! word that it is there comes after the question, so that nobody tells the asker.
//!
//! So a shard remembers who asked lately, and a child that comes to a zone late is asked in their
//! names, as by [`crate::relay`]: it enters for them alone, and who sees it already takes no notice.
//! What one link lags behind another by more than is remembered here is not made up for. Within this
//! daemon all comes in order (I2).

use crate::StateServer;
use crate::queries::Query;
use crate::voice::To;
use alloc::collections::VecDeque;
use runtime::{Now, Outbox};
use smallvec::SmallVec;
use wire::ids::{Channel, DoId, Zone};
use wire::state_server::{ObjectMessage, Zones};

/// A question is remembered so long.
const KEPT_MS: u64 = 500;
/// A child is asked in so many names, the last ones.
const ASKERS_MAX: usize = 64;

struct Asked {
    at: Now,
    parent: DoId,
    zone: Zone,
    asker: Channel,
}

/// Who asked lately for zones of the parents of this shard.
#[derive(Default)]
pub struct Latecomers {
    asked: VecDeque<Asked>,
}

impl Latecomers {
    /// Somebody has been told at `at` what is known to be in some zones. At most `max` are remembered.
    pub fn note(&mut self, at: Now, of: &Query, max: usize) {
        let Query { parent, asker, .. } = *of;
        // To a role of this daemon all comes in order; and channel 0 is nobody.
        if of.local || asker == Channel(0) {
            return;
        }
        let is_old = |first: &Asked| first.at.plus_ms(KEPT_MS) < at;
        while self.asked.front().is_some_and(is_old) {
            self.asked.pop_front();
        }
        for zone in Zones(&of.zones).iter().take(max) {
            if self.asked.len() >= max {
                self.asked.pop_front();
            }
            self.asked.push_back(Asked { at, parent, zone, asker });
        }
    }

    /// Those who asked for a zone lately, each once, the last first.
    fn askers(&self, now: Now, parent: DoId, zone: Zone) -> SmallVec<[Channel; 4]> {
        let mut askers = SmallVec::new();
        let lately = self.asked.iter().rev().take_while(|asked| asked.at.plus_ms(KEPT_MS) >= now);
        for asked in lately.filter(|asked| asked.parent == parent && asked.zone == zone) {
            if askers.len() < ASKERS_MAX && !askers.contains(&asked.asker) {
                askers.push(asked.asker);
            }
        }
        askers
    }
}

impl StateServer {
    /// A child elsewhere has said that it is in a zone: it enters for those who asked before, but for
    /// those whose question it is about to answer.
    pub(crate) fn ask_latecomer(&self, parent: DoId, child: DoId, zone: Zone, out: &mut Outbox) {
        let zones = [zone.0.to_le_bytes()];
        let question = ObjectMessage::QueryZones { context: 0, parent, zones: Zones(&zones) };
        let open = self.queries.open.values();
        let waits = open.filter(|query| query.parent == parent && query.waits_for.contains(&child));
        let waits: SmallVec<[Channel; 4]> = waits.map(|query| query.asker).collect();
        let askers = self.latecomers.askers(self.now, parent, zone);
        for asker in askers.into_iter().filter(|asker| !waits.contains(asker)) {
            self.request(&To::object(child), asker, &question, out);
        }
    }
}
