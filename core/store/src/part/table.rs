//! A hash table of slots by object id that costs one cache miss where a general one costs two.
//!
//! Open addressing with linear probing: four entries of 16 bytes share a cache line, and nothing
//! stands elsewhere. What is taken out leaves no mark; those behind it close up.

use super::index::Slot;
use ahash::RandomState;
use alloc::vec;
use alloc::vec::Vec;
use wire::ids::DoId;

const PLACES_MIN: usize = 16;

/// Slots by object id. Their number of places is a power of two, at most three quarters taken.
pub(super) struct Table {
    places: Vec<Entry>,
    len: usize,
    hasher: RandomState,
}

#[derive(Clone, Copy)]
struct Entry {
    do_id: DoId,
    slot: Slot,
}

const FREE: Entry = Entry { do_id: DoId(0), slot: Slot::NONE };

impl Table {
    pub fn new(hasher: RandomState) -> Table {
        Table { places: vec![FREE; PLACES_MIN], len: 0, hasher }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Makes room for so many more.
    pub fn reserve(&mut self, more: usize) {
        let places = ((self.len + more) * 4 / 3 + 1).next_power_of_two();
        if places > self.places.len() {
            self.resize(places);
        }
    }

    #[inline]
    pub fn get(&self, do_id: DoId) -> Option<Slot> {
        let entry = &self.places[self.seek(do_id)];
        entry.is_taken().then_some(entry.slot)
    }

    /// Returns what was there before.
    pub fn insert(&mut self, do_id: DoId, slot: Slot) -> Option<Slot> {
        let at = self.seek(do_id);
        let before = core::mem::replace(&mut self.places[at], Entry { do_id, slot });
        if before.is_taken() {
            return Some(before.slot);
        }
        self.len += 1;
        if self.len > self.places.len() / 4 * 3 {
            self.resize(self.places.len() * 2);
        }
        None
    }

    pub fn remove(&mut self, do_id: DoId) -> Option<Slot> {
        let mut gap = self.seek(do_id);
        let removed = self.places[gap];
        if !removed.is_taken() {
            return None;
        }
        let mut next = self.behind(gap);
        while self.places[next].is_taken() {
            let home = self.home(self.places[next].do_id);
            // It may stand in the gap unless its home lies behind the gap.
            let mask = self.places.len() - 1;
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(gap) & mask {
                self.places[gap] = self.places[next];
                gap = next;
            }
            next = self.behind(next);
        }
        self.places[gap] = FREE;
        self.len -= 1;
        Some(removed.slot)
    }

    pub fn ids(&self) -> impl Iterator<Item = DoId> {
        self.places.iter().filter(|entry| entry.is_taken()).map(|entry| entry.do_id)
    }

    /// Where the object is, or else where it would be.
    #[inline]
    fn seek(&self, do_id: DoId) -> usize {
        let mut at = self.home(do_id);
        while self.places[at].is_taken() && self.places[at].do_id != do_id {
            at = self.behind(at);
        }
        at
    }

    #[inline]
    fn home(&self, do_id: DoId) -> usize {
        self.hasher.hash_one(do_id) as usize & (self.places.len() - 1)
    }

    #[inline]
    fn behind(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }

    fn resize(&mut self, places: usize) {
        let before = core::mem::replace(&mut self.places, vec![FREE; places]);
        for entry in before.into_iter().filter(Entry::is_taken) {
            let at = self.seek(entry.do_id);
            self.places[at] = entry;
        }
    }
}

impl Entry {
    #[inline]
    fn is_taken(&self) -> bool {
        self.slot != Slot::NONE
    }
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
                let place = Place { segment: SegmentId(number), offset: 8, bytes: 24 };
                let slot = Slot::new(place, ClassKey(1));
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
}
