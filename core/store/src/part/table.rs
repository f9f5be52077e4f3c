//! A hash table of slots by object id that costs one cache miss where a general one costs two.
//!
//! Open addressing with linear probing: four entries of 16 bytes share a cache line, and nothing
//! stands elsewhere. What is taken out leaves no mark; those behind it close up.

use super::index::Slot;
use super::places::{Places, Raw};
use ahash::RandomState;
use core::hint::black_box;
use wire::ids::DoId;

const PLACES_MIN: usize = 16;
const FREE: Raw = [0; 4];

/// Slots by object id. Their number of places is a power of two, at most three quarters taken.
pub(super) struct Table {
    places: Places,
    len: usize,
    hasher: RandomState,
}

impl Table {
    pub fn new(hasher: RandomState) -> Table {
        Table { places: Places::zeroed(PLACES_MIN), len: 0, hasher }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Makes room for so many more.
    pub fn reserve(&mut self, more: usize) {
        let places = ((self.len + more) * 4 / 3 + 1).next_power_of_two();
        if places > self.places.all().len() {
            self.resize(places);
        }
    }

    #[inline]
    pub fn get(&self, do_id: DoId) -> Option<Slot> {
        let places = self.places.all();
        slot_of(places[seek(&self.hasher, places, do_id)])
    }

    /// Reads where these are or would be. In a large table each look-up waits for memory, and these
    /// wait together.
    pub fn touch(&self, ids: impl Iterator<Item = DoId>) {
        let places = self.places.all();
        let taken = ids.filter(|id| is_taken(places[home(&self.hasher, places, *id)]));
        black_box(taken.count());
    }

    /// Returns what was there before.
    pub fn insert(&mut self, do_id: DoId, slot: Slot) -> Option<Slot> {
        let places = self.places.all_mut();
        let at = seek(&self.hasher, places, do_id);
        let before = core::mem::replace(&mut places[at], raw(do_id, slot));
        let (count, before) = (places.len(), slot_of(before));
        if before.is_none() {
            self.len += 1;
            if self.len > count / 4 * 3 {
                self.resize(count * 2);
            }
        }
        before
    }

    pub fn remove(&mut self, do_id: DoId) -> Option<Slot> {
        let (hasher, places) = (&self.hasher, self.places.all_mut());
        let mask = places.len() - 1;
        let mut gap = seek(hasher, places, do_id);
        let removed = slot_of(places[gap])?;
        let mut next = (gap + 1) & mask;
        while is_taken(places[next]) {
            let home = home(hasher, places, id_of(places[next]));
            // It may stand in the gap unless its home lies behind the gap.
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(gap) & mask {
                places[gap] = places[next];
                gap = next;
            }
            next = (next + 1) & mask;
        }
        places[gap] = FREE;
        self.len -= 1;
        Some(removed)
    }

    pub fn ids(&self) -> impl Iterator<Item = DoId> {
        self.places.all().iter().filter(|entry| is_taken(**entry)).map(|entry| id_of(*entry))
    }

    fn resize(&mut self, count: usize) {
        let before = core::mem::replace(&mut self.places, Places::zeroed(count));
        let places = self.places.all_mut();
        for entry in before.all().iter().filter(|entry| is_taken(**entry)) {
            places[seek(&self.hasher, places, id_of(*entry))] = *entry;
        }
    }
}

/// Where the object is, or else where it would be.
#[inline]
fn seek(hasher: &RandomState, places: &[Raw], do_id: DoId) -> usize {
    let mut at = home(hasher, places, do_id);
    while is_taken(places[at]) && id_of(places[at]) != do_id {
        at = (at + 1) & (places.len() - 1);
    }
    at
}

#[inline]
fn home(hasher: &RandomState, places: &[Raw], do_id: DoId) -> usize {
    hasher.hash_one(do_id) as usize & (places.len() - 1)
}

#[inline]
fn raw(DoId(do_id): DoId, slot: Slot) -> Raw {
    let [segment, offset, rest] = slot.raw();
    [do_id, segment, offset, rest]
}

#[inline]
fn is_taken([.., rest]: Raw) -> bool {
    rest != 0
}

#[inline]
fn id_of([do_id, ..]: Raw) -> DoId {
    DoId(do_id)
}

#[inline]
fn slot_of(entry: Raw) -> Option<Slot> {
    let [_, segment, offset, rest] = entry;
    is_taken(entry).then(|| Slot::from_raw([segment, offset, rest]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ClassKey, Place, SegmentId};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_a_map(
            steps in prop::collection::vec((0_u32..60, any::<bool>(), 1_u32..9), 1..600),
            seed: u64,
            reserve in 0_usize..100,
        ) {
            let mut table = Table::new(RandomState::with_seeds(seed, 2, 3, 4));
            let mut model = BTreeMap::new();
            table.reserve(reserve);
            for (id, insert, number) in steps {
                // A committer that is not the log may name places without bytes.
                let place = Place { segment: SegmentId(number), offset: 8, bytes: 8 * (number - 1) };
                let slot = Slot::new(place, ClassKey(number as u16 - 1));
                let (was, expected) = match insert {
                    true => (table.insert(DoId(id), slot), model.insert(id, slot)),
                    false => (table.remove(DoId(id)), model.remove(&id)),
                };
                prop_assert_eq!(was, expected);
                prop_assert_eq!(table.len(), model.len());
                for id in 0..60 {
                    prop_assert_eq!(table.get(DoId(id)), model.get(&id).copied());
                }
            }
            let mut ids: Vec<u32> = table.ids().map(|id| id.0).collect();
            ids.sort_unstable();
            prop_assert!(ids.iter().eq(model.keys()));
        }
    }

    /// So many that they stand in huge pages, where there are some.
    #[test]
    fn a_large_one_is_a_map_too() {
        let mut table = Table::new(RandomState::with_seeds(1, 2, 3, 4));
        let slot = |id: u32| {
            let place = Place { segment: SegmentId(id / 1000), offset: id * 8, bytes: 24 };
            Slot::new(place, ClassKey(id as u16))
        };
        let ids = || 1..300_000_u32;
        assert!(ids().all(|id| table.insert(DoId(id), slot(id)).is_none()));
        for id in ids().filter(|id| id % 3 == 0) {
            assert_eq!(table.remove(DoId(id)), Some(slot(id)));
        }
        for id in ids() {
            assert_eq!(table.get(DoId(id)), (id % 3 != 0).then(|| slot(id)));
        }
        assert_eq!(table.len(), ids().filter(|id| id % 3 != 0).count());
    }
}
