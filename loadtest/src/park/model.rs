//! What the park is like, as far as the tester has caused it: which object is in which zone, and
//! who looks at the zone. What visitors hear is compared with it.
//!
//! Who looks at a zone when an object comes into it must be shown it, unless he looks away first:
//! such arrivals are kept until everybody concerned was shown the object.

use super::thing::{Deed, Position, Thing};
use ahash::RandomState;
use std::collections::{BTreeMap, HashMap};
use wire::ids::{DoId, Zone};

#[derive(Default)]
struct Place {
    /// Objects that are there.
    objects: Vec<u32>,
    /// Visitors that have it open, for whom it has been answered to the end.
    watchers: Vec<u32>,
    arrivals: Vec<Arrival>,
}

struct Arrival {
    object: u32,
    /// The deed that brought it.
    deed: Position,
    /// Visitors that have not been shown it.
    waiting: Vec<u32>,
}

pub(crate) struct Model {
    things: Vec<Thing>,
    by_id: HashMap<DoId, u32, RandomState>,
    places: BTreeMap<Zone, Place>,
}

impl Model {
    pub(crate) fn new(seed: u64) -> Model {
        let keys = RandomState::with_seeds(seed, 2, 3, 4);
        Model { things: Vec::new(), by_id: HashMap::with_hasher(keys), places: BTreeMap::new() }
    }

    pub(crate) fn thing(&self, object: u32) -> &Thing {
        &self.things[object as usize]
    }

    /// The object of this id, alive or not.
    pub(crate) fn object(&self, do_id: DoId) -> Option<u32> {
        self.by_id.get(&do_id).copied()
    }

    /// Creates an object, or one that was deleted again. `must_be_shown`: to whoever looks.
    pub(crate) fn create(
        &mut self,
        do_id: DoId,
        owner: Option<u32>,
        zone: Zone,
        must_be_shown: bool,
    ) -> u32 {
        let next = self.things.len() as u32;
        let object = *self.by_id.entry(do_id).or_insert(next);
        if object == next {
            self.things.push(Thing::new(do_id, owner));
        }
        self.things[object as usize].add(Deed::Created, zone);
        self.bring(object, zone, must_be_shown);
        object
    }

    /// Updates it, or lets it speak; returns the number of the update.
    pub(crate) fn update(&mut self, object: u32, deed: Deed) -> u16 {
        let thing = &mut self.things[object as usize];
        let zone = thing.zone().unwrap_or_default();
        thing.add(deed, zone)
    }

    pub(crate) fn relocate(&mut self, object: u32, zone: Zone) {
        self.take_away(object);
        self.things[object as usize].add(Deed::Moved, zone);
        self.bring(object, zone, true);
    }

    pub(crate) fn delete(&mut self, object: u32, is_certain: bool) {
        let Some(zone) = self.thing(object).zone() else { return };
        self.take_away(object);
        self.things[object as usize].add(Deed::Deleted { is_certain }, zone);
        if !is_certain {
            for place in self.places.values_mut() {
                place.arrivals.retain(|arrival| arrival.object != object);
            }
        }
    }

    fn bring(&mut self, object: u32, zone: Zone, must_be_shown: bool) {
        let thing = &self.things[object as usize];
        let (owner, deed) = (thing.owner, thing.end() - 1);
        let place = self.places.entry(zone).or_default();
        place.objects.push(object);
        let others = place.watchers.iter().filter(|watcher| Some(**watcher) != owner);
        let waiting: Vec<u32> = others.copied().collect();
        if must_be_shown && !waiting.is_empty() {
            place.arrivals.push(Arrival { object, deed, waiting });
        }
    }

    fn take_away(&mut self, object: u32) {
        let place = self.thing(object).zone().and_then(|zone| self.places.get_mut(&zone));
        let Some(place) = place else { return };
        if let Some(at) = place.objects.iter().position(|other| *other == object) {
            place.objects.swap_remove(at);
        }
    }

    /// From now on this visitor must be shown who comes into the zone.
    pub(crate) fn watch(&mut self, zone: Zone, visitor: u32) {
        self.places.entry(zone).or_default().watchers.push(visitor);
    }

    /// This visitor has looked away: he may never be shown who came.
    pub(crate) fn unwatch(&mut self, zone: Zone, visitor: u32) {
        let Some(place) = self.places.get_mut(&zone) else { return };
        if let Some(at) = place.watchers.iter().position(|watcher| *watcher == visitor) {
            place.watchers.swap_remove(at);
        }
        place.arrivals.retain_mut(|arrival| arrival.is_left_after(visitor));
    }

    /// A visitor has heard of an object up to this position.
    #[inline]
    pub(crate) fn witness(&mut self, object: u32, position: Position, now: u64) {
        self.things[object as usize].witness(position, now);
    }

    /// A visitor was shown an object in this zone, at this position.
    pub(crate) fn shown(&mut self, visitor: u32, object: u32, zone: Zone, position: Position) {
        let Some(place) = self.places.get_mut(&zone) else { return };
        place.arrivals.retain_mut(|arrival| {
            let is_it = arrival.object == object && arrival.deed < position;
            !is_it || arrival.is_left_after(visitor)
        });
    }

    /// The objects in this zone.
    pub(crate) fn objects_in(&self, zone: Zone) -> impl Iterator<Item = (u32, &Thing)> {
        let objects = self.places.get(&zone).map_or(&[][..], |place| &place.objects);
        objects.iter().map(|object| (*object, self.thing(*object)))
    }

    /// Visitors that were never shown an object that came into a zone of theirs.
    pub(crate) fn never_shown(&self) -> impl Iterator<Item = (u32, &Thing, Zone)> {
        self.places.iter().flat_map(move |(zone, place)| {
            place.arrivals.iter().flat_map(move |arrival| {
                let thing = self.thing(arrival.object);
                arrival.waiting.iter().map(move |visitor| (*visitor, thing, *zone))
            })
        })
    }
}

impl Arrival {
    /// Takes a visitor out; whether others wait still.
    fn is_left_after(&mut self, visitor: u32) -> bool {
        if let Some(at) = self.waiting.iter().position(|waiting| *waiting == visitor) {
            self.waiting.swap_remove(at);
        }
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Zone = Zone(1);
    const B: Zone = Zone(2);

    fn lacking(model: &Model) -> Vec<(u32, u32, u32)> {
        model.never_shown().map(|(who, thing, zone)| (who, thing.do_id.0, zone.0)).collect()
    }

    #[test]
    fn who_looks_must_be_shown_who_comes() {
        let mut model = Model::new(1);
        model.watch(A, 1);
        model.watch(A, 2);
        model.watch(B, 2);
        let object = model.create(DoId(70), Some(1), A, true);
        assert_eq!(lacking(&model), [(2, 70, 1)]);
        model.update(object, Deed::Updated);
        model.relocate(object, B);
        assert_eq!(lacking(&model), [(2, 70, 1), (2, 70, 2)]);
        model.shown(2, object, A, 1);
        assert_eq!(lacking(&model), [(2, 70, 2)]);
        assert!(model.objects_in(A).next().is_none() && model.objects_in(B).next().is_some());
        model.unwatch(B, 2);
        assert_eq!(lacking(&model), []);
    }

    #[test]
    fn who_crashed_may_never_have_come() {
        let mut model = Model::new(1);
        model.watch(A, 1);
        let certain = model.create(DoId(70), None, A, true);
        let crashed = model.create(DoId(71), Some(3), A, true);
        model.create(DoId(72), Some(4), A, false);
        model.delete(certain, true);
        model.delete(crashed, false);
        assert_eq!(lacking(&model), [(1, 70, 1)]);
        assert_eq!(model.create(DoId(71), Some(3), A, true), crashed);
    }
}
