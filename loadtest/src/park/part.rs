//! One process's share of a run: its visitors, its zones, its ids. The zones of a part are a ring
//! of their own, so that a part knows all that is done in them.

use super::plan::ParkPlan;
use std::ops::Range;
use wire::ids::Zone;

/// Ids for each part: avatars get a new one each time that they come.
const IDS_PER_PART: u32 = 5_000_000;

/// Which share of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// Counting from 0.
    pub index: u32,
    /// How many there are.
    pub of: u32,
}

impl Part {
    /// All of it.
    pub const WHOLE: Part = Part { index: 0, of: 1 };

    /// The part's share of a number.
    fn share(self, whole: u32) -> u32 {
        whole / self.of + u32::from(self.index < whole % self.of)
    }

    pub(crate) fn visitors(self, plan: &ParkPlan) -> u32 {
        self.share(plan.visitors)
    }

    pub(crate) fn zones(self, plan: &ParkPlan) -> Ring {
        let count = plan.zones(self.visitors(plan));
        // Rings of other parts are no longer than this one's would be with one visitor more.
        let stride = plan.zones(plan.visitors.div_ceil(self.of));
        Ring { first: plan.scenario.first_zone + self.index * stride, count }
    }

    pub(crate) fn all_zones(self, plan: &ParkPlan) -> impl Iterator<Item = Zone> {
        let ring = self.zones(plan);
        (0..ring.count).map(move |index| ring.nth(index))
    }

    /// The ids of objects that the part makes.
    pub(crate) fn do_ids(self, plan: &ParkPlan) -> Range<u32> {
        let first = plan.do_id_base.saturating_add(self.index * IDS_PER_PART);
        first..first.saturating_add(IDS_PER_PART)
    }

    /// The ids of objects that all parts make.
    pub(crate) fn all_do_ids(self, plan: &ParkPlan) -> Range<u32> {
        plan.do_id_base..plan.do_id_base.saturating_add(self.of * IDS_PER_PART)
    }
}

/// Zones one after the other, and the first after the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ring {
    first: u32,
    pub(crate) count: u32,
}

impl Ring {
    pub(crate) fn nth(self, index: u32) -> Zone {
        Zone(self.first + index % self.count)
    }

    /// The next zone in this direction or the other.
    pub(crate) fn beside(self, zone: Zone, is_forward: bool) -> Zone {
        let step = if is_forward { 1 } else { self.count - 1 };
        self.nth(zone.0 - self.first + step)
    }

    /// This zone and so many on either side.
    pub(crate) fn around(self, zone: Zone, sees: u32) -> Vec<Zone> {
        let first = zone.0 - self.first + self.count - sees % self.count;
        let count = (2 * sees + 1).min(self.count);
        (0..count).map(|step| self.nth(first + step)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_a_ring() {
        let ring = Ring { first: 10, count: 5 };
        assert_eq!(ring.around(Zone(10), 1), [14, 10, 11].map(Zone));
        assert_eq!(ring.around(Zone(13), 0), [Zone(13)]);
        assert_eq!(ring.around(Zone(13), 9).len(), 5);
        assert_eq!([true, false].map(|f| ring.beside(Zone(14), f)), [10, 13].map(Zone));
        assert_eq!(ring.nth(7), Zone(12));
    }
}
