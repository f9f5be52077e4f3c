//! From a key to a slot. Keys may come twice: whoever asks says which slot counts.
//!
//! The entries are spread over 64 tables by their hash, so that growing moves a 64th at a time, and
//! have their key beside them, so that nothing else is touched then.

use core::array;
use core::hash::Hash;
use hashbrown::HashTable;

const TABLES: usize = 64;

/// Slots by key.
pub struct Index<K> {
    tables: [HashTable<(K, u32)>; TABLES],
    hasher: ahash::RandomState,
}

impl<K: Hash + Eq + Copy> Index<K> {
    /// An empty one, whose hashes are keyed by `hasher`.
    pub fn new(hasher: ahash::RandomState) -> Index<K> {
        Index { tables: array::from_fn(|_| HashTable::new()), hasher }
    }

    /// The slot under `key` that `counts`.
    #[inline]
    pub fn find(&self, key: K, counts: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        let found =
            self.tables[table_of(hash)].find(hash, |&(other, at)| other == key && counts(at));
        found.map(|&(_, at)| at)
    }

    /// Adds `at` under `key`.
    pub fn insert(&mut self, key: K, at: u32) {
        let hash = self.hasher.hash_one(key);
        let hasher = &self.hasher;
        self.tables[table_of(hash)]
            .insert_unique(hash, (key, at), |&(key, _)| hasher.hash_one(key));
    }

    /// Takes out `at`, which is under `key`.
    pub fn remove(&mut self, key: K, at: u32) {
        let hash = self.hasher.hash_one(key);
        let entry = self.tables[table_of(hash)].find_entry(hash, |&(_, other)| other == at);
        let Ok(entry) = entry else { unreachable!("what is taken out was put in") };
        entry.remove();
    }
}

fn table_of(hash: u64) -> usize {
    // The table itself uses the top seven bits and the low ones.
    (hash >> 48) as usize % TABLES
}
