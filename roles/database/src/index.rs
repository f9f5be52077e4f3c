//! Indexes: which objects have a value in a field.
//!
//! An index knows values by their hash alone: whoever asks it looks at the objects that it names. It
//! is built in the background and says nothing before it is whole; every write keeps it exact
//! meanwhile.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::array;
use core::hash::Hash;
use core::ops::Bound;
use hashbrown::HashMap;
use store::{ClassKey, FieldKey};
use wire::ids::DoId;

/// So many tables share the entries, so that growing moves a part of them at a time.
const TABLES: usize = 64;

/// A map that grows in small steps.
struct Spread<K, V> {
    tables: [HashMap<K, V, ahash::RandomState>; TABLES],
    hasher: ahash::RandomState,
}

/// The objects of one value: most values are those of one object.
enum Ids {
    One(DoId),
    Many(BTreeSet<DoId>),
}

/// The index of a field of a class.
pub struct FieldIndex {
    class: ClassKey,
    key: FieldKey,
    ids: Spread<u64, Ids>,
    /// Under which hash each object stands.
    hashes: Spread<DoId, u64>,
    built: bool,
}

/// All indexes of an instance.
pub struct Indexes {
    all: Vec<FieldIndex>,
    /// How many objects have gone back to what is not known yet.
    doubts: usize,
    hasher: ahash::RandomState,
}

/// The objects of one value in one index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    index: usize,
    hash: u64,
}

impl Indexes {
    /// Indexes that know nothing yet.
    pub fn new(fields: &[(ClassKey, FieldKey)], hasher: &ahash::RandomState) -> Indexes {
        let empty = |&(class, key): &(ClassKey, FieldKey)| FieldIndex {
            class,
            key,
            ids: Spread::new(hasher),
            hashes: Spread::new(hasher),
            built: false,
        };
        Indexes { all: fields.iter().map(empty).collect(), doubts: 0, hasher: hasher.clone() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The class of an index.
    pub fn class(&self, index: usize) -> ClassKey {
        self.all[index].class
    }

    /// Of so many objects it is not known any more what they have.
    pub fn doubt(&mut self, objects: usize) {
        self.doubts += objects;
    }

    /// Of so many it is known again.
    pub fn trust(&mut self, objects: usize) {
        self.doubts -= objects;
    }

    /// An index knows all objects now.
    pub fn is_built(&mut self, index: usize) {
        self.all[index].built = true;
    }

    /// An object has these fields now.
    pub fn changed<'a>(
        &mut self,
        do_id: DoId,
        class: ClassKey,
        value: impl Fn(FieldKey) -> Option<&'a [u8]>,
    ) {
        for index in self.all.iter_mut().filter(|index| index.class == class) {
            let hash = value(index.key).map(|value| self.hasher.hash_one(value));
            index.put(do_id, hash);
        }
    }

    /// An object is gone.
    pub fn gone(&mut self, do_id: DoId) {
        self.all.iter_mut().for_each(|index| index.put(do_id, None));
    }

    /// The objects that have a value, if an index knows; and how many they are.
    pub fn entry(&self, class: ClassKey, key: FieldKey, value: &[u8]) -> Option<(Entry, usize)> {
        let certain = self.doubts == 0;
        let is =
            |index: &FieldIndex| certain && index.built && index.class == class && index.key == key;
        let index = self.all.iter().position(is)?;
        let hash = self.hasher.hash_one(value);
        let count = match self.all[index].ids.get(&hash, hash) {
            None => 0,
            Some(Ids::One(_)) => 1,
            Some(Ids::Many(ids)) => ids.len(),
        };
        Some((Entry { index, hash }, count))
    }

    /// The next of these objects.
    pub fn next(&self, entry: Entry, after: Option<DoId>) -> Option<DoId> {
        match self.all[entry.index].ids.get(&entry.hash, entry.hash)? {
            Ids::One(do_id) => (after < Some(*do_id)).then_some(*do_id),
            Ids::Many(ids) => {
                let from = after.map_or(Bound::Unbounded, Bound::Excluded);
                ids.range((from, Bound::Unbounded)).next().copied()
            }
        }
    }
}

impl FieldIndex {
    fn put(&mut self, do_id: DoId, hash: Option<u64>) {
        let place = self.hashes.hash(do_id);
        let table = self.hashes.table(place);
        let before = match hash {
            Some(hash) => table.insert(do_id, hash),
            None => table.remove(&do_id),
        };
        if before == hash {
            return;
        }
        if let Some(before) = before {
            let table = self.ids.table(before);
            if table.get_mut(&before).is_some_and(|ids| ids.remove(do_id)) {
                table.remove(&before);
            }
        }
        if let Some(hash) = hash {
            let ids = self.ids.table(hash).entry(hash);
            ids.and_modify(|ids| ids.insert(do_id)).or_insert(Ids::One(do_id));
        }
    }
}

impl Ids {
    fn insert(&mut self, do_id: DoId) {
        match self {
            Ids::One(other) => *self = Ids::Many(BTreeSet::from([*other, do_id])),
            Ids::Many(ids) => {
                ids.insert(do_id);
            }
        }
    }

    /// Whether nothing is left.
    fn remove(&mut self, do_id: DoId) -> bool {
        match self {
            Ids::One(other) => *other == do_id,
            Ids::Many(ids) => {
                ids.remove(&do_id);
                ids.is_empty()
            }
        }
    }
}

impl<K: Hash + Eq, V> Spread<K, V> {
    fn new(hasher: &ahash::RandomState) -> Spread<K, V> {
        let empty = |_| HashMap::with_hasher(hasher.clone());
        Spread { tables: array::from_fn(empty), hasher: hasher.clone() }
    }

    fn hash(&self, key: impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The table of what has this hash.
    fn table(&mut self, hash: u64) -> &mut HashMap<K, V, ahash::RandomState> {
        &mut self.tables[table_of(hash)]
    }

    fn get(&self, key: &K, hash: u64) -> Option<&V> {
        self.tables[table_of(hash)].get(key)
    }
}

fn table_of(hash: u64) -> usize {
    // A table itself uses the top seven bits and the low ones.
    (hash >> 48) as usize % TABLES
}
