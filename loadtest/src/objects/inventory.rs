//! What the parent says is in its zones, zone by zone, compared with the model: every object that
//! should be there once, where it should be, with the value that it was given last.

use super::world::World;
use crate::faults::{Fault, Faults};
use wire::ids::{DoId, Zone};

/// The answer to a query of one zone, and what was heard of all zones so far.
#[derive(Debug)]
pub(crate) struct Inventory {
    pub(crate) zone: Zone,
    /// `astron`: how many objects there are, which is said first.
    announced: Option<u32>,
    entries: u32,
    is_done: bool,
    seen: Vec<bool>,
}

impl Inventory {
    pub(crate) fn new(world: &World) -> Inventory {
        Inventory {
            zone: Zone(0),
            announced: None,
            entries: 0,
            is_done: false,
            seen: vec![false; world.objects() as usize],
        }
    }

    /// From here on the answer is about this zone.
    pub(crate) fn turn_to(&mut self, zone: Zone) {
        (self.zone, self.announced, self.entries, self.is_done) = (zone, None, 0, false);
    }

    /// Whether the zone has been answered for, as far as the answer itself says.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done || self.announced.is_some_and(|count| self.entries >= count)
    }

    /// `astron`: so many objects will follow.
    pub(crate) fn counted(&mut self, context: u32, count: u32) -> Result<(), String> {
        if context != self.zone.0 || self.announced.is_some() {
            return Err(format!("a count of {count} objects for query {context}"));
        }
        self.announced = Some(count);
        Ok(())
    }

    /// `openotp`: that was all.
    pub(crate) fn ended(
        &mut self,
        world: &World,
        parent: DoId,
        zones: &[Zone],
    ) -> Result<(), String> {
        if parent != world.parent() || zones != [self.zone] || self.is_done {
            return Err(format!("the end of a query of zones {zones:?} below {parent}"));
        }
        self.is_done = true;
        Ok(())
    }

    /// An object is in a zone and has a value (None: it is not stored).
    pub(crate) fn entry(
        &mut self,
        world: &World,
        (object, zone, value): (u32, Zone, Option<u32>),
    ) -> Result<(), (Fault, String)> {
        self.entries += 1;
        let do_id = world.do_id(object);
        let unexpected = |what| Err((Fault::Unexpected, what));
        if zone != self.zone || self.is_done {
            let asked = self.zone;
            return unexpected(format!(
                "object {do_id} of zone {zone} in the answer for zone {asked}"
            ));
        }
        if world.place(object) != Some(zone) {
            return unexpected(format!("object {do_id} is in zone {zone}, where it should not be"));
        }
        if value.is_some_and(|value| value != world.value(object)) {
            let (has, wanted) = (value.unwrap_or_default(), world.value(object));
            return unexpected(format!("object {do_id} has value {has}, it was given {wanted}"));
        }
        if std::mem::replace(&mut self.seen[object as usize], true) {
            let what = format!("object {do_id} is twice in the answer for zone {zone}");
            return Err((Fault::Doubled, what));
        }
        Ok(())
    }

    /// Notes what should have been there and was not.
    pub(crate) fn close(&self, world: &World, faults: &mut Faults) {
        for (object, seen) in (0..).zip(&self.seen) {
            if let Some(zone) = world.place(object).filter(|_| !seen) {
                let do_id = world.do_id(object);
                faults.note(Fault::Lost, 1, || {
                    format!("object {do_id} is not in zone {zone}, where it should be")
                });
            }
        }
    }
}
