//! A hash table of channels that costs one cache miss where a general one costs two.
//!
//! Open addressing with linear probing: four entries of 16 bytes share a cache line, and there is
//! no control byte elsewhere. What is taken out leaves no mark; those behind it close up, always
//! towards the beginning. A run does not go on at the beginning when it reaches the end: there is
//! some room behind the last bucket, and a table whose room is full grows.

use alloc::vec;
use alloc::vec::Vec;

/// In `who`: nobody is here.
const FREE: u32 = u32::MAX - 1;
/// Room behind the last bucket. Three quarters full, one run in a hundred million is longer.
const ROOM: usize = 32;
/// Entries of a cache line.
const LINE: usize = 64 / size_of::<Entry>();
const BUCKETS_MIN: usize = 16;

/// What a channel has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The channel.
    pub channel: u64,
    /// One number for it, below `u32::MAX - 1` or `u32::MAX`.
    pub who: u32,
    /// Another one.
    pub at: u32,
}

const EMPTY: Entry = Entry { channel: 0, who: FREE, at: 0 };

/// The entries, at most one for each channel. Whoever calls computes the hashes, of which it uses
/// the low bits.
#[derive(Default)]
pub struct Table {
    slots: Vec<Entry>,
    mask: usize,
    len: usize,
}

impl Table {
    /// Where `channel` is, or else where it would be.
    #[inline]
    pub fn seek(&self, hash: u64, channel: u64) -> Result<usize, usize> {
        let home = hash as usize & self.mask;
        let run = self.slots.get(home..).unwrap_or_default();
        for (at, entry) in run.iter().enumerate() {
            if entry.channel == channel && entry.who != FREE {
                return Ok(home + at);
            }
            if entry.who == FREE {
                return Err(home + at);
            }
        }
        Err(self.slots.len())
    }

    /// Reads the two cache lines where an entry with `hash` most likely is, and what it returns
    /// depends on them. No branch depends on what is read.
    #[inline]
    pub fn touch(&self, hash: u64) -> u32 {
        let home = hash as usize & self.mask;
        let who = |at: usize| self.slots.get(at).map_or(0, |entry| entry.who);
        who(home) ^ who(home + LINE)
    }

    /// The entry of `channel`.
    #[inline]
    pub fn find(&self, hash: u64, channel: u64) -> Option<&Entry> {
        self.seek(hash, channel).ok().map(|at| &self.slots[at])
    }

    /// The entry at a place that [`Table::seek`] found.
    #[inline]
    pub fn get_mut(&mut self, at: usize) -> &mut Entry {
        &mut self.slots[at]
    }

    /// Adds an entry at the place where [`Table::seek`] missed it.
    pub fn insert(&mut self, at: usize, entry: Entry, hash_of: impl Fn(u64) -> u64) {
        debug_assert!(entry.who != FREE, "that number means nobody");
        let mut at = at;
        while at == self.slots.len() || self.len >= self.buckets() / 4 * 3 {
            self.grow(&hash_of);
            at = self.seek(hash_of(entry.channel), entry.channel).unwrap_or_else(|free| free);
        }
        self.slots[at] = entry;
        self.len += 1;
    }

    /// Takes out the entry at a place that [`Table::seek`] found.
    pub fn remove(&mut self, at: usize, hash_of: impl Fn(u64) -> u64) {
        let mut gap = at;
        for next in at + 1..self.slots.len() {
            let entry = self.slots[next];
            if entry.who == FREE {
                break;
            }
            if hash_of(entry.channel) as usize & self.mask <= gap {
                self.slots[gap] = entry;
                gap = next;
            }
        }
        self.slots[gap] = EMPTY;
        self.len -= 1;
    }

    /// How many places there are; changes where the table grows.
    pub fn places(&self) -> usize {
        self.slots.len()
    }

    /// The entry at a place below [`Table::places`]. While the table does not grow, an entry only
    /// ever moves to a lower place.
    pub fn at(&self, place: usize) -> Option<&Entry> {
        Some(&self.slots[place]).filter(|entry| entry.who != FREE)
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().filter(|entry| entry.who != FREE)
    }

    fn buckets(&self) -> usize {
        self.slots.len().saturating_sub(ROOM)
    }

    fn grow(&mut self, hash_of: impl Fn(u64) -> u64) {
        let mut buckets = (self.buckets() * 2).max(BUCKETS_MIN);
        while let Err(TooTight) = self.resize(buckets, &hash_of) {
            buckets *= 2;
        }
    }

    fn resize(&mut self, buckets: usize, hash_of: impl Fn(u64) -> u64) -> Result<(), TooTight> {
        let slots = vec![EMPTY; buckets + ROOM];
        let mut grown = Table { slots, mask: buckets - 1, len: self.len };
        for entry in self.iter() {
            let place = grown.seek(hash_of(entry.channel), entry.channel);
            let free = place.expect_err("no channel is here twice");
            *grown.slots.get_mut(free).ok_or(TooTight)? = *entry;
        }
        *self = grown;
        Ok(())
    }
}

/// The room behind the last bucket was too small.
struct TooTight;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    /// Bad on purpose: runs are long, meet each other, and reach the end.
    fn hash(channel: u64) -> u64 {
        channel / 3 * 5
    }

    proptest! {
        #[test]
        fn it_is_a_map(changes in prop::collection::vec((0u64..400, any::<bool>()), 0..2000)) {
            let (mut table, mut model) = (Table::default(), BTreeMap::new());
            for (number, (channel, add)) in changes.into_iter().enumerate() {
                match table.seek(hash(channel), channel) {
                    Ok(at) if !add => {
                        model.remove(&channel).unwrap();
                        table.remove(at, hash);
                    }
                    Err(at) if add => {
                        let entry = Entry { channel, who: number as u32, at: 7 };
                        prop_assert!(model.insert(channel, entry).is_none());
                        table.insert(at, entry, hash);
                    }
                    found => prop_assert_eq!(found.is_ok(), model.contains_key(&channel)),
                }
            }
            for channel in 0..400 {
                prop_assert_eq!(table.find(hash(channel), channel), model.get(&channel));
            }
            prop_assert_eq!(table.iter().count(), model.len());
            prop_assert_eq!((0..table.places()).filter_map(|at| table.at(at)).count(), model.len());
        }
    }
}
