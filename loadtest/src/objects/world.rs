//! Where every object is and which value it has, as far as the tester has said: the model that
//! answers are compared with. Objects count from 0; the sentries come last.

use super::plan::ObjectsPlan;
use wire::ids::{Channel, DoId, Zone};
use wire::state_server::Location;

pub(crate) struct World {
    parent: DoId,
    zones: u32,
    groups: u32,
    ais: u32,
    /// None: not created, or deleted.
    places: Vec<Option<Zone>>,
    values: Vec<u32>,
}

impl World {
    pub(crate) fn new(plan: &ObjectsPlan) -> World {
        let objects = plan.all_objects() as usize;
        World {
            parent: DoId(plan.do_id_base),
            zones: plan.zones,
            groups: plan.groups,
            ais: plan.ais,
            places: vec![None; objects],
            values: vec![0; objects],
        }
    }

    pub(crate) fn parent(&self) -> DoId {
        self.parent
    }

    /// Objects, sentries included.
    pub(crate) fn objects(&self) -> u32 {
        self.places.len() as u32
    }

    pub(crate) fn do_id(&self, object: u32) -> DoId {
        DoId(self.parent.0 + 1 + object)
    }

    /// The object of this id.
    pub(crate) fn object(&self, do_id: DoId) -> Option<u32> {
        let object = do_id.0.checked_sub(self.parent.0 + 1)?;
        (object < self.objects()).then_some(object)
    }

    /// Zones count from 1: a zone 0 would not show what was forgotten.
    pub(crate) fn zone(&self, index: u32) -> Zone {
        Zone(1 + index % self.zones)
    }

    pub(crate) fn zones(&self) -> impl Iterator<Item = Zone> {
        (0..self.zones).map(|index| Zone(1 + index))
    }

    /// The zone so many after this one, round and round.
    pub(crate) fn zone_after(&self, zone: Zone, steps: u32) -> Zone {
        self.zone(zone.0 - 1 + steps)
    }

    /// Whose listeners hear this zone.
    pub(crate) fn group(&self, zone: Zone) -> u32 {
        (zone.0 - 1) % self.groups
    }

    pub(crate) fn location(&self, zone: Zone) -> Location {
        Location { parent: self.parent, zone }
    }

    /// The AI whose object it is.
    pub(crate) fn ai(&self, object: u32) -> u32 {
        object % self.ais
    }

    /// An AI's channel: a location where no object is, hence nobody else's.
    pub(crate) fn ai_channel(&self, ai: u32) -> Channel {
        Channel::location(self.parent, Zone(u32::MAX - ai))
    }

    pub(crate) fn place(&self, object: u32) -> Option<Zone> {
        self.places[object as usize]
    }

    /// The number of its present value.
    pub(crate) fn value(&self, object: u32) -> u32 {
        self.values[object as usize]
    }

    pub(crate) fn put(&mut self, object: u32, place: Option<Zone>) {
        self.places[object as usize] = place;
    }

    /// Gives it a new value and returns its number.
    pub(crate) fn next_value(&mut self, object: u32) -> u32 {
        let value = &mut self.values[object as usize];
        *value += 1;
        *value
    }
}
