//! A child that lives elsewhere and somebody who asks for it may speak by different links of the
//! daemon that both are in. Then the child may have entered before the asker heard the zone, and its
//! word that it is there comes after the question, so that nobody tells the asker.
//!
//! So a shard remembers who asked lately, and a child that comes to such a zone is asked in the name of
//! the location, as by [`crate::relay`]: it enters there once more, in order with all else that it says
//! there, and whoever has seen it takes no notice. What one link lags behind another by more than is
//! remembered here is not made up for. Within this daemon all comes in order (I2).

use crate::StateServer;
use crate::queries::Query;
use crate::voice::To;
use alloc::collections::{BTreeMap, VecDeque};
use runtime::{Now, Outbox};
use wire::ids::{Channel, DoId, Zone};
use wire::state_server::{Location, ObjectMessage, Zones};

/// A question is remembered so long.
const KEPT_MS: u64 = 500;
/// The context of a question whose answer no count has announced (`astron`).
pub const UNCOUNTED: u32 = u32::MAX;

/// Who asked lately for zones of the parents of this shard.
#[derive(Default)]
pub struct Latecomers {
    /// Who asked for a zone, and when, the last at the end.
    asked: BTreeMap<(DoId, Zone), VecDeque<(Now, Channel)>>,
    /// The zones in the order in which they were asked for.
    order: VecDeque<(Now, DoId, Zone)>,
}

impl Latecomers {
    /// Somebody has been told at `at` what is known to be in some zones. At most `max` are remembered.
    pub fn note(&mut self, at: Now, of: &Query, max: usize, out: &mut Outbox) {
        let Query { parent, asker, .. } = *of;
        // To a role of this daemon all comes in order; and channel 0 is nobody.
        if of.local || asker == Channel(0) || max == 0 {
            return;
        }
        let is_old = |(then, ..): &(Now, DoId, Zone)| then.plus_ms(KEPT_MS) < at;
        while self.order.front().is_some_and(is_old) {
            self.forget_first();
        }
        for zone in Zones(&of.zones).iter() {
            if self.order.len() >= max {
                self.forget_first();
                out.counts.zones_asked_forgotten += 1;
            }
            self.order.push_back((at, parent, zone));
            self.asked.entry((parent, zone)).or_default().push_back((at, asker));
        }
    }

    fn forget_first(&mut self) {
        let Some((_, parent, zone)) = self.order.pop_front() else { return };
        if let Some(askers) = self.asked.get_mut(&(parent, zone)) {
            askers.pop_front();
            if askers.is_empty() {
                self.asked.remove(&(parent, zone));
            }
        }
    }

    /// Those who asked for a zone lately.
    fn askers(&self, now: Now, parent: DoId, zone: Zone) -> impl Iterator<Item = Channel> {
        let all = self.asked.get(&(parent, zone)).into_iter().flatten().rev();
        let lately = all.take_while(move |(then, _)| then.plus_ms(KEPT_MS) >= now);
        lately.map(|(_, asker)| *asker)
    }
}

impl StateServer {
    /// A child elsewhere has said that it is in a zone: it enters there once more if somebody has asked
    /// before, and not only those whose question it is about to answer.
    pub(crate) fn ask_latecomer(&self, child: DoId, at: Location, out: &mut Outbox) {
        let Location { parent, zone } = at;
        let is_answered = |asker: Channel| {
            let mut open = self.queries.open.values();
            open.any(|query| {
                query.parent == parent && query.asker == asker && query.waits_for.contains(&child)
            })
        };
        let mut askers = self.latecomers.askers(self.now, parent, zone);
        let Some(channel) = at.channel().filter(|_| askers.any(|asker| !is_answered(asker))) else {
            return;
        };
        let (context, zones) = (UNCOUNTED, [zone.0.to_le_bytes()]);
        let question = ObjectMessage::QueryZones { context, parent, zones: Zones(&zones) };
        self.request(&To::object(child), channel, &question, out);
    }
}
