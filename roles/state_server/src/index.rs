//! From a key to a slot. The key itself stands in the slot's thing, which whoever asks compares.
//!
//! The entries are spread over 64 tables by their hash, so that growing moves a 64th at a time.

use core::array;
use core::hash::Hash;
use hashbrown::HashTable;

const TABLES: usize = 64;

/// Slots by hash: five bytes and a bit of air for each.
pub struct Index {
    tables: [HashTable<u32>; TABLES],
    hasher: ahash::RandomState,
}

impl Index {
    /// An empty one, whose hashes are keyed by `hasher`.
    pub fn new(hasher: ahash::RandomState) -> Index {
        Index { tables: array::from_fn(|_| HashTable::new()), hasher }
    }

    /// The slot whose thing `is` the one with `key`.
    #[inline]
    pub fn find(&self, key: impl Hash, is: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.tables[table_of(hash)].find(hash, |&at| is(at)).copied()
    }

    /// Adds `at` under `key`; `key_of` tells the key of any slot in here.
    pub fn insert<K: Hash>(&mut self, key: K, at: u32, key_of: impl Fn(u32) -> K) {
        let hash = self.hasher.hash_one(key);
        let hasher = &self.hasher;
        self.tables[table_of(hash)].insert_unique(hash, at, |&at| hasher.hash_one(key_of(at)));
    }

    /// Takes out `at`, which is under `key`.
    pub fn remove(&mut self, key: impl Hash, at: u32) {
        let hash = self.hasher.hash_one(key);
        let entry = self.tables[table_of(hash)].find_entry(hash, |&other| other == at);
        entry.expect("what is taken out was put in").remove();
    }
}

fn table_of(hash: u64) -> usize {
    // The table itself uses the top seven bits and the low ones.
    (hash >> 48) as usize % TABLES
}
