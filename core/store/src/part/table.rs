//! A hash table of slots by object id that costs one cache miss where a general one costs two, and
//! that grows without a long pause: extendible hashing.
//!
//! It consists of pages. The first bits of an id's hash name its page, by way of a directory; the
//! last ones its place in there. Within a page: open addressing with linear probing. Four entries of
//! 16 bytes share a cache line, and nothing stands elsewhere. What is taken out leaves no mark; those
//! behind it close up. A page that is more than three quarters full is doubled, and from a certain
//! size on split in two instead: no insertion moves more entries than a page has. All pages fill at
//! about the same time, so there are many such insertions then, but others between them.

use super::index::Slot;
use super::places::{Places, Raw};
use ahash::RandomState;
use alloc::vec;
use alloc::vec::Vec;
use core::hint::black_box;
use wire::ids::DoId;

const PLACES_MIN: usize = 16;
/// As many as a huge page has (2 MiB): to split so many takes about a millisecond, where the system
/// has huge pages free.
const PLACES_MAX: usize = 1 << 17;
const FREE: Raw = [0; 4];

/// Slots by object id.
pub(super) struct Table {
    pages: Vec<Page>,
    /// The pages, by the first `depth` bits of a hash. A page with less depth stands there more than
    /// once, one behind the other.
    directory: Vec<u32>,
    depth: u32,
    /// How many places a page has before it is split, a power of two.
    places_max: usize,
    len: usize,
    hasher: RandomState,
}

/// Those whose hashes begin with the same `depth` bits. The number of places is a power of two.
struct Page {
    places: Places,
    len: usize,
    depth: u32,
}

impl Table {
    pub fn new(hasher: RandomState) -> Table {
        Table::with_pages(PLACES_MAX, hasher)
    }

    fn with_pages(places_max: usize, hasher: RandomState) -> Table {
        let pages = vec![Page::new(PLACES_MIN, 0)];
        Table { pages, directory: vec![0], depth: 0, places_max, len: 0, hasher }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Makes room for so many more. Pages are not filled all alike: there are some places to spare.
    pub fn reserve(&mut self, more: usize) {
        let places = ((self.len + more) * 11 / 8 + 1).next_power_of_two();
        let depth = (places / self.places_max).max(1).ilog2();
        for page in &mut self.pages {
            page.grow(places.min(self.places_max), |id| self.hasher.hash_one(id));
        }
        while let Some(at) = self.pages.iter().position(|page| page.depth < depth) {
            self.split(at);
        }
    }

    #[inline]
    pub fn get(&self, do_id: DoId) -> Option<Slot> {
        let hash = self.hasher.hash_one(do_id);
        let places = self.pages[self.page_of(hash)].places.all();
        slot_of(places[seek(places, hash, do_id)])
    }

    /// Reads where these are or would be. In a large table each look-up waits for memory, and these
    /// wait together.
    pub fn touch(&self, ids: impl Iterator<Item = DoId>) {
        let taken = ids.filter(|id| {
            let hash = self.hasher.hash_one(id);
            let places = self.pages[self.page_of(hash)].places.all();
            is_taken(places[home(places, hash)])
        });
        black_box(taken.count());
    }

    /// Returns what was there before.
    pub fn insert(&mut self, do_id: DoId, slot: Slot) -> Option<Slot> {
        let hash = self.hasher.hash_one(do_id);
        let at = self.page_of(hash);
        let page = &mut self.pages[at];
        let places = page.places.all_mut();
        let place = seek(places, hash, do_id);
        let before = slot_of(core::mem::replace(&mut places[place], raw(do_id, slot)));
        let count = places.len();
        if before.is_none() {
            self.len += 1;
            page.len += 1;
            if page.len > count / 4 * 3 {
                self.make_room(hash);
            }
        }
        before
    }

    pub fn remove(&mut self, do_id: DoId) -> Option<Slot> {
        let hash = self.hasher.hash_one(do_id);
        let at = self.page_of(hash);
        let (hasher, page) = (&self.hasher, &mut self.pages[at]);
        let places = page.places.all_mut();
        let mask = places.len() - 1;
        let mut gap = seek(places, hash, do_id);
        let removed = slot_of(places[gap])?;
        let mut next = (gap + 1) & mask;
        while is_taken(places[next]) {
            let home = home(places, hasher.hash_one(id_of(places[next])));
            // It may stand in the gap unless its home lies behind the gap.
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(gap) & mask {
                places[gap] = places[next];
                gap = next;
            }
            next = (next + 1) & mask;
        }
        places[gap] = FREE;
        page.len -= 1;
        self.len -= 1;
        Some(removed)
    }

    pub fn ids(&self) -> impl Iterator<Item = DoId> {
        self.pages.iter().flat_map(Page::entries).map(|entry| id_of(*entry))
    }

    /// The page that has the ids of a hash.
    #[inline]
    fn page_of(&self, hash: u64) -> usize {
        // In two steps, as there may be no bits to go by.
        self.directory[(hash >> 1 >> (63 - self.depth)) as usize] as usize
    }

    /// Makes the page of a hash at most three quarters full. A split may leave all in one half; that
    /// ends, as hashes are alike in few bits.
    #[cold]
    fn make_room(&mut self, hash: u64) {
        loop {
            let at = self.page_of(hash);
            let page = &mut self.pages[at];
            let count = page.places.all().len();
            if page.len <= count / 4 * 3 {
                return;
            }
            if count < self.places_max {
                page.grow(count * 2, |id| self.hasher.hash_one(id));
            } else {
                self.split(at);
            }
        }
    }

    /// Splits a page by the next bit of the hashes.
    fn split(&mut self, at: usize) {
        let page = &mut self.pages[at];
        let (count, depth) = (page.places.all().len(), page.depth + 1);
        page.depth = depth;
        let mut other = Page::new(count, depth);
        if page.len > 0 {
            let before = core::mem::replace(page, Page::new(count, depth));
            for entry in before.entries() {
                let hash = self.hasher.hash_one(id_of(*entry));
                let half = if hash >> (64 - depth) & 1 == 0 { &mut *page } else { &mut other };
                half.put(*entry, hash);
            }
        }
        if depth > self.depth {
            self.depth = depth;
            self.directory = self.directory.iter().flat_map(|page| [*page, *page]).collect();
        }
        let number = self.pages.len() as u32;
        self.pages.push(other);
        // They stand one behind the other: the second half of them are the other's now.
        let first = self.directory.iter().position(|page| *page as usize == at);
        let first = first.expect("every page is in the directory");
        let many = 1 << (self.depth - depth);
        self.directory[first + many..first + 2 * many].fill(number);
    }
}

impl Page {
    fn new(count: usize, depth: u32) -> Page {
        Page { places: Places::zeroed(count), len: 0, depth }
    }

    fn entries(&self) -> impl Iterator<Item = &Raw> {
        self.places.all().iter().filter(|entry| is_taken(**entry))
    }

    /// Gives it so many places, if it has less.
    fn grow(&mut self, count: usize, hash_of: impl Fn(DoId) -> u64) {
        if count > self.places.all().len() {
            let before = core::mem::replace(self, Page::new(count, self.depth));
            before.entries().for_each(|entry| self.put(*entry, hash_of(id_of(*entry))));
        }
    }

    /// Adds what is not there yet.
    fn put(&mut self, entry: Raw, hash: u64) {
        let places = self.places.all_mut();
        let at = seek(places, hash, id_of(entry));
        places[at] = entry;
        self.len += 1;
    }
}

/// Where the object is in its page, or else where it would be.
#[inline]
fn seek(places: &[Raw], hash: u64, do_id: DoId) -> usize {
    let mut at = home(places, hash);
    while is_taken(places[at]) && id_of(places[at]) != do_id {
        at = (at + 1) & (places.len() - 1);
    }
    at
}

#[inline]
fn home(places: &[Raw], hash: u64) -> usize {
    hash as usize & (places.len() - 1)
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
            steps in prop::collection::vec((0_u32..60, 0_u32..40, 1_u32..9), 1..600),
            seed: u64,
            places_max in 4_u32..8,
        ) {
            let hasher = RandomState::with_seeds(seed, 2, 3, 4);
            let mut table = Table::with_pages(1 << places_max, hasher);
            let mut model = BTreeMap::new();
            for (id, step, number) in steps {
                // A committer that is not the log may name places without bytes.
                let place = Place { segment: SegmentId(number), offset: 8, bytes: 8 * (number - 1) };
                let slot = Slot::new(place, ClassKey(number as u16 - 1));
                let (was, expected) = match step {
                    0 => {
                        table.reserve(number as usize * 16);
                        (None, None)
                    }
                    1..22 => (table.insert(DoId(id), slot), model.insert(id, slot)),
                    _ => (table.remove(DoId(id)), model.remove(&id)),
                };
                prop_assert_eq!(was, expected);
                prop_assert_eq!(table.len(), model.len());
                for id in 0..60 {
                    prop_assert_eq!(table.get(DoId(id)), model.get(&id).copied());
                }
                check(&table);
            }
            let mut ids: Vec<u32> = table.ids().map(|id| id.0).collect();
            ids.sort_unstable();
            prop_assert!(ids.iter().eq(model.keys()));
        }
    }

    /// Every page has room left, and stands in the directory where its depth says.
    fn check(table: &Table) {
        assert_eq!(table.directory.len(), 1 << table.depth);
        let mut shares = 0;
        for (at, page) in table.pages.iter().enumerate() {
            let places = page.places.all().len();
            assert!(places <= table.places_max && page.len <= places / 4 * 3, "{places}");
            let stands = table.directory.iter().filter(|page| **page as usize == at).count();
            assert_eq!(stands, 1 << (table.depth - page.depth));
            assert_eq!(page.entries().count(), page.len);
            shares += stands;
        }
        assert_eq!(shares, table.directory.len());
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
        assert!(table.pages.len() >= 4, "{}", table.pages.len());
        check(&table);
        for id in ids().filter(|id| id % 3 == 0) {
            assert_eq!(table.remove(DoId(id)), Some(slot(id)));
        }
        for id in ids() {
            assert_eq!(table.get(DoId(id)), (id % 3 != 0).then(|| slot(id)));
        }
        assert_eq!(table.len(), ids().filter(|id| id % 3 != 0).count());
        check(&table);
    }

    #[test]
    fn room_that_is_reserved_is_there() {
        let places = |table: &Table| -> Vec<usize> {
            table.pages.iter().map(|page| page.places.all().len()).collect()
        };
        for count in [10, 1_000, 95_000, 98_000, 190_000, 393_000] {
            let mut table = Table::new(RandomState::with_seeds(1, 2, 3, 4));
            table.insert(DoId(0), Slot::from_raw([1, 8, 1 << 16]));
            table.reserve(count);
            check(&table);
            let reserved = places(&table);
            (1..=count as u32).for_each(|id| {
                table.insert(DoId(id), Slot::from_raw([1, 8, 1 << 16]));
            });
            assert_eq!(places(&table), reserved, "{count}");
            let all: usize = reserved.iter().sum();
            assert!(all <= count * 3 + PLACES_MIN, "{all} places for {count}");
        }
    }
}
