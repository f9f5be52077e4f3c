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
    /// Somebody has been told at `at` what is known to be in some zones. At most `max` are remembered;
    /// how many were forgotten early for that.
    pub fn note(&mut self, at: Now, of: &Query, max: usize) -> u64 {
        let Query { parent, asker, .. } = *of;
        // To a role of this daemon all comes in order; and channel 0 is nobody.
        if of.local || asker == Channel(0) || max == 0 {
            return 0;
        }
        let mut forgotten = 0;
        let is_old = |(then, ..): &(Now, DoId, Zone)| then.plus_ms(KEPT_MS) < at;
        while self.order.front().is_some_and(is_old) {
            self.forget_first();
        }
        for zone in Zones(&of.zones).iter() {
            if self.order.len() >= max {
                self.forget_first();
                forgotten += 1;
            }
            self.order.push_back((at, parent, zone));
            self.asked.entry((parent, zone)).or_default().push_back((at, asker));
        }
        forgotten
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    const HALL: DoId = DoId(7);

    fn query(asker: u64, zones: core::ops::Range<u32>) -> Query {
        Query::of_zones(HALL, Channel(asker), zones.map(u32::to_le_bytes).collect())
    }

    fn askers(of: &Latecomers, now: Now, zone: u32) -> Vec<u64> {
        of.askers(now, HALL, Zone(zone)).map(|asker| asker.0).collect()
    }

    #[test]
    fn no_more_zones_are_remembered_than_may_be_and_the_last_ones() {
        let mut all = Latecomers::default();
        assert_eq!(all.note(Now(0), &query(1, 0..3), 4), 0);
        assert_eq!(all.note(Now(0), &query(2, 2..5), 4), 2);
        let known: Vec<Vec<u64>> = (0..6).map(|zone| askers(&all, Now(0), zone)).collect();
        assert_eq!(known, [vec![], vec![], vec![2, 1], vec![2], vec![2], vec![]]);
        assert_eq!(all.note(Now(0), &query(3, 0..100), 4), 100);
        assert_eq!((all.order.len(), all.asked.len()), (4, 4));
        assert_eq!(Latecomers::default().note(Now(0), &query(1, 0..3), 0), 0);
    }

    #[test]
    fn what_is_old_is_forgotten_and_nobody_hears_of_it() {
        let mut all = Latecomers::default();
        all.note(Now(0), &query(1, 0..3), 4);
        let late = Now(0).plus_ms(KEPT_MS);
        assert_eq!(askers(&all, late, 1), [1]);
        assert!(askers(&all, late.plus_ms(1), 1).is_empty());
        assert_eq!(all.note(late.plus_ms(1), &query(2, 3..5), 4), 0);
        assert_eq!((all.order.len(), all.asked.len()), (2, 2));
    }

    #[test]
    fn roles_of_this_daemon_and_nobody_are_not_remembered() {
        let mut all = Latecomers::default();
        let mut own = query(1, 0..3);
        own.local = true;
        all.note(Now(0), &own, 4);
        all.note(Now(0), &query(0, 0..3), 4);
        assert!(all.order.is_empty() && all.asked.is_empty());
    }
}
