//! Who subscribed a single channel, and which single channels a participant subscribed.
//!
//! ```text
//! tables: channel -> (participant, node)        one subscriber: the entry says it all, 16 bytes
//!                    (MANY, list)               several: a list of (participant, node)
//! nodes:  channel, next, prev                   one per local subscription, 16 bytes: the
//!                                               channels of one participant as a linked list
//! ```
//! Other shards are subscribers without nodes: they never leave as a whole. The channels are
//! spread over 64 tables, so that growing moves a 64th of them at a time.

use crate::ids::Participant;
use alloc::vec::Vec;
use core::array;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as TableEntry;

const NONE: u32 = u32::MAX;
const MANY: u32 = u32::MAX;
const TABLES: usize = 64;
/// A list this long gets a map from participant to place.
const LINEAR_MAX: usize = 32;

#[derive(Clone, Copy)]
struct Entry {
    channel: u64,
    /// The only subscriber, or [`MANY`].
    who: u32,
    /// Its node, or the list.
    at: u32,
}

struct Node {
    channel: u64,
    next: u32,
    prev: u32,
}

/// One of several subscribers of a channel.
#[derive(Clone, Copy)]
pub struct Member {
    who: u32,
    node: u32,
}

impl Member {
    /// Who it is.
    #[inline]
    pub fn participant(self) -> Participant {
        Participant(self.who)
    }
}

#[derive(Default)]
struct Members {
    order: Vec<Member>,
    places: HashTable<u32>,
    locals: u32,
}

#[derive(Clone, Copy)]
struct Owned {
    head: u32,
    count: u32,
}

/// The subscribers of a channel.
pub enum Subscribers<'a> {
    /// Nobody.
    None,
    /// Just this one.
    One(Participant),
    /// These.
    Many(&'a [Member]),
}

/// What a new subscription changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Added {
    /// Nobody had the channel.
    pub first: bool,
    /// Nobody of this shard had it.
    pub first_local: bool,
}

/// What an ended subscription changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Removed {
    /// Nobody has the channel any more.
    pub last: bool,
    /// Nobody of this shard has it any more (and its participant was of this shard).
    pub last_local: bool,
}

/// Where a walk over all channels stands, see [`Channels::walk`].
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Cursor {
    table: usize,
    bucket: usize,
    buckets: usize,
}

/// The channel map of one shard.
pub struct Channels {
    tables: [HashTable<Entry>; TABLES],
    hasher: ahash::RandomState,
    lists: Vec<Members>,
    free_lists: Vec<u32>,
    nodes: Vec<Node>,
    free_node: u32,
    owned: Vec<Owned>,
    len: usize,
}

impl Channels {
    /// An empty map whose hashes are keyed by `hasher`.
    pub fn new(hasher: ahash::RandomState) -> Channels {
        Channels {
            tables: array::from_fn(|_| HashTable::new()),
            hasher,
            lists: Vec::new(),
            free_lists: Vec::new(),
            nodes: Vec::new(),
            free_node: NONE,
            owned: Vec::new(),
            len: 0,
        }
    }

    /// Who subscribed `channel`.
    #[inline]
    pub fn subscribers(&self, channel: u64) -> Subscribers<'_> {
        let hash = self.hasher.hash_one(channel);
        match self.tables[table_of(hash)].find(hash, |entry| entry.channel == channel) {
            None => Subscribers::None,
            Some(entry) if entry.who == MANY => {
                Subscribers::Many(&self.lists[entry.at as usize].order)
            }
            Some(entry) => Subscribers::One(Participant(entry.who)),
        }
    }

    /// Whether anybody subscribed `channel`.
    pub fn contains(&self, channel: u64) -> bool {
        !matches!(self.subscribers(channel), Subscribers::None)
    }

    /// Subscriptions in all, other shards' included.
    pub fn subscriptions(&self) -> usize {
        self.len
    }

    /// Single channels of `who`, which is of this shard.
    pub fn count_of(&self, who: Participant) -> u32 {
        self.owned.get(who.0 as usize).map_or(0, |owned| owned.count)
    }

    /// Adds a subscription; `None` if it was there.
    pub fn add(&mut self, channel: u64, who: Participant) -> Option<Added> {
        let hash = self.hasher.hash_one(channel);
        let hasher = &self.hasher;
        let table = &mut self.tables[table_of(hash)];
        let rehash = |entry: &Entry| hasher.hash_one(entry.channel);
        let added = match table.entry(hash, |entry| entry.channel == channel, rehash) {
            TableEntry::Vacant(vacant) => {
                let entry = vacant.insert(Entry { channel, who: who.0, at: NONE });
                let place = entry.bucket_index();
                let at = self.new_node(channel, who);
                if let Some(entry) = self.tables[table_of(hash)].get_bucket_mut(place) {
                    entry.at = at;
                }
                Added { first: true, first_local: who.is_local() }
            }
            TableEntry::Occupied(occupied) => {
                let place = occupied.bucket_index();
                let entry = *occupied.get();
                self.join(entry, table_of(hash), place, who)?
            }
        };
        self.len += 1;
        Some(added)
    }

    fn join(&mut self, entry: Entry, table: usize, at: usize, who: Participant) -> Option<Added> {
        let list = if entry.who == MANY {
            entry.at
        } else if entry.who == who.0 {
            return None;
        } else {
            let list = self.new_list();
            self.lists[list as usize].push(Member { who: entry.who, node: entry.at });
            if let Some(entry) = self.tables[table].get_bucket_mut(at) {
                (entry.who, entry.at) = (MANY, list);
            }
            list
        };
        if self.lists[list as usize].place(who.0).is_some() {
            return None;
        }
        let node = self.new_node(entry.channel, who);
        let members = &mut self.lists[list as usize];
        let first_local = who.is_local() && members.locals == 0;
        members.push(Member { who: who.0, node });
        Some(Added { first: false, first_local })
    }

    /// Ends a subscription; `None` if there was none.
    pub fn remove(&mut self, channel: u64, who: Participant) -> Option<Removed> {
        let hash = self.hasher.hash_one(channel);
        let table = &mut self.tables[table_of(hash)];
        let mut found = table.find_entry(hash, |entry| entry.channel == channel).ok()?;
        let entry = found.get_mut();
        let removed = if entry.who == who.0 {
            let node = entry.at;
            found.remove();
            self.drop_node(node, who);
            Removed { last: true, last_local: who.is_local() }
        } else if entry.who == MANY {
            let list = entry.at;
            let members = &mut self.lists[list as usize];
            let node = members.take(who.0)?;
            let last_local = who.is_local() && members.locals == 0;
            if let [only] = members.order[..] {
                (entry.who, entry.at) = (only.who, only.node);
                *members = Members::default();
                self.free_lists.push(list);
            }
            self.drop_node(node, who);
            Removed { last: false, last_local }
        } else {
            return None;
        };
        self.len -= 1;
        Some(removed)
    }

    /// Some single channel of `who`, which is of this shard.
    pub fn any_of(&self, who: Participant) -> Option<u64> {
        let head = self.owned.get(who.0 as usize)?.head;
        self.nodes.get(head as usize).map(|node| node.channel)
    }

    /// The single channels of `who` from `low` to `high`, both included. Costs the lesser of the
    /// width of the range and the number of channels that `who` has.
    pub fn of_within(&self, who: Participant, low: u64, high: u64) -> Vec<u64> {
        let count = self.count_of(who);
        if high - low < count as u64 {
            return (low..=high).filter(|&channel| self.has(channel, who)).collect();
        }
        let mut found = Vec::new();
        let mut at = self.owned.get(who.0 as usize).map_or(NONE, |owned| owned.head);
        while let Some(node) = self.nodes.get(at as usize) {
            if (low..=high).contains(&node.channel) {
                found.push(node.channel);
            }
            at = node.next;
        }
        found
    }

    /// Whether `who` subscribed `channel`.
    pub fn has(&self, channel: u64, who: Participant) -> bool {
        let hash = self.hasher.hash_one(channel);
        let found = self.tables[table_of(hash)].find(hash, |entry| entry.channel == channel);
        found.is_some_and(|entry| match entry.who {
            MANY => self.lists[entry.at as usize].place(who.0).is_some(),
            only => only == who.0,
        })
    }

    /// The channels in any of `pieces` (sorted, disjoint, inclusive) that anybody has, ascending.
    /// Looks each channel up if they are few, else walks the whole map.
    pub fn within(&self, pieces: &[(u64, u64)]) -> Vec<u64> {
        let width = pieces.iter().fold(0u64, |sum, (low, high)| sum.saturating_add(high - low));
        let mut found = Vec::new();
        if width < self.len as u64 {
            for &(low, high) in pieces {
                found.extend((low..=high).filter(|&channel| self.contains(channel)));
            }
            return found;
        }
        for entry in self.tables.iter().flat_map(HashTable::iter) {
            let after = pieces.partition_point(|&(low, _)| low <= entry.channel);
            if after > 0 && entry.channel <= pieces[after - 1].1 {
                found.push(entry.channel);
            }
        }
        found.sort_unstable();
        found
    }

    /// Calls `each` with up to `count` channels that somebody has and returns where to go on;
    /// `None` when all were seen. What changes between two calls may be seen twice, and what is
    /// there from the first call to the last is seen.
    pub fn walk(&self, from: Cursor, count: usize, mut each: impl FnMut(u64)) -> Option<Cursor> {
        let (mut cursor, mut left) = (from, count);
        while cursor.table < TABLES {
            let table = &self.tables[cursor.table];
            if cursor.buckets != table.num_buckets() {
                (cursor.bucket, cursor.buckets) = (0, table.num_buckets());
            }
            while cursor.bucket < cursor.buckets {
                if left == 0 {
                    return Some(cursor);
                }
                if let Some(entry) = table.get_bucket(cursor.bucket) {
                    each(entry.channel);
                    left -= 1;
                }
                cursor.bucket += 1;
            }
            cursor = Cursor { table: cursor.table + 1, ..Cursor::default() };
        }
        None
    }

    fn new_list(&mut self) -> u32 {
        self.free_lists.pop().unwrap_or_else(|| {
            self.lists.push(Members::default());
            self.lists.len() as u32 - 1
        })
    }

    fn new_node(&mut self, channel: u64, who: Participant) -> u32 {
        if !who.is_local() {
            return NONE;
        }
        if self.owned.len() <= who.0 as usize {
            self.owned.resize(who.0 as usize + 1, Owned { head: NONE, count: 0 });
        }
        let owned = &mut self.owned[who.0 as usize];
        let node = Node { channel, next: owned.head, prev: NONE };
        let at = match self.nodes.get_mut(self.free_node as usize) {
            Some(free) => {
                let at = self.free_node;
                self.free_node = free.next;
                *free = node;
                at
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() as u32 - 1
            }
        };
        if let Some(next) = self.nodes.get_mut(owned.head as usize) {
            next.prev = at;
        }
        (owned.head, owned.count) = (at, owned.count + 1);
        at
    }

    fn drop_node(&mut self, at: u32, who: Participant) {
        let Some(node) = self.nodes.get_mut(at as usize) else { return };
        let (next, prev) = (node.next, node.prev);
        node.next = self.free_node;
        self.free_node = at;
        if let Some(next) = self.nodes.get_mut(next as usize) {
            next.prev = prev;
        }
        let owned = &mut self.owned[who.0 as usize];
        owned.count -= 1;
        match self.nodes.get_mut(prev as usize) {
            Some(prev) => prev.next = next,
            None => owned.head = next,
        }
    }
}

fn table_of(hash: u64) -> usize {
    // hashbrown uses the low bits for the bucket and the top seven for the tag.
    (hash >> 40) as usize % TABLES
}

impl Members {
    fn place(&self, who: u32) -> Option<usize> {
        if self.places.is_empty() {
            return self.order.iter().position(|member| member.who == who);
        }
        let place = self.places.find(spread(who), |&at| self.order[at as usize].who == who);
        place.map(|&at| at as usize)
    }

    fn push(&mut self, member: Member) {
        self.locals += Participant(member.who).is_local() as u32;
        self.order.push(member);
        let Members { order, places, .. } = self;
        let rehash = |&at: &u32| spread(order[at as usize].who);
        if !places.is_empty() {
            places.insert_unique(spread(member.who), order.len() as u32 - 1, rehash);
        } else if order.len() > LINEAR_MAX {
            places.reserve(order.len(), rehash);
            for (at, member) in order.iter().enumerate() {
                places.insert_unique(spread(member.who), at as u32, rehash);
            }
        }
    }

    /// Takes `who` out and returns its node. The last member takes its place.
    fn take(&mut self, who: u32) -> Option<u32> {
        let place = self.place(who)?;
        let last = self.order.len() - 1;
        let Members { order, places, .. } = self;
        if !places.is_empty() {
            let found = |at: &u32| order[*at as usize].who == who;
            if let Ok(entry) = places.find_entry(spread(who), found) {
                entry.remove();
            }
            let moved = spread(order[last].who);
            if place != last
                && let Some(at) = places.find_mut(moved, |&at| at as usize == last)
            {
                *at = place as u32;
            }
        }
        let member = order.swap_remove(place);
        self.locals -= Participant(member.who).is_local() as u32;
        Some(member.node)
    }
}

/// Participant numbers are ours, small and dense: a multiplication spreads them well enough.
fn spread(who: u32) -> u64 {
    (who as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
