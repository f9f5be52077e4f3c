//! Who subscribed a single channel, and which single channels a participant subscribed.
//!
//! ```text
//! tables: channel -> (participant, place)       one subscriber: the entry says it all, 16 bytes
//!                    (MANY, list)               several: a list of (participant, place)
//! owned:  participant -> [channel, ...]         what each one of this shard has, 8 bytes each
//! ```
//! A place is where the channel stands among those of the participant. What goes leaves its place
//! to the last one, whose entry was touched not long ago where subscriptions come and go: a
//! change misses the cache where it looks the channel up, and hardly anywhere else. Other shards
//! are subscribers without places: they never leave as a whole. The channels are spread over 64
//! tables, so that growing moves a 64th of them at a time.

use crate::ids::Participant;
use crate::table::{Entry, Table};
use alloc::vec::Vec;
use core::array;
use core::hint::black_box;
use hashbrown::HashTable;
use smallvec::SmallVec;

const NONE: u32 = u32::MAX;
const MANY: u32 = u32::MAX;
const TABLES: usize = 64;
/// How many channels are fetched at a time.
pub const FETCHED_MAX: usize = 32;
/// A list this long gets a map from participant to place.
const LINEAR_MAX: usize = 32;

/// One of several subscribers of a channel.
#[derive(Clone, Copy)]
pub struct Member {
    who: u32,
    place: u32,
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
    /// Counts down, as entries move to lower places only.
    left: usize,
    places: usize,
}

/// The channel map of one shard.
pub struct Channels {
    tables: [Table; TABLES],
    hasher: ahash::RandomState,
    lists: Vec<Members>,
    free_lists: Vec<u32>,
    owned: Vec<Vec<u64>>,
    len: usize,
}

impl Channels {
    /// An empty map whose hashes are keyed by `hasher`.
    pub fn new(hasher: ahash::RandomState) -> Channels {
        Channels {
            tables: array::from_fn(|_| Table::default()),
            hasher,
            lists: Vec::new(),
            free_lists: Vec::new(),
            owned: Vec::new(),
            len: 0,
        }
    }

    /// Who subscribed `channel`.
    #[inline]
    pub fn subscribers(&self, channel: u64) -> Subscribers<'_> {
        let hash = self.hasher.hash_one(channel);
        match self.table(hash).find(hash, channel) {
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
        self.owned_by(who).len() as u32
    }

    /// Adds a subscription; `None` if it was there.
    pub fn add(&mut self, channel: u64, who: Participant) -> Option<Added> {
        let hash = self.hasher.hash_one(channel);
        let table = &mut self.tables[table_of(hash)];
        let added = match table.seek(hash, channel) {
            Err(free) => {
                let entry = Entry { channel, who: who.0, at: own(&mut self.owned, channel, who) };
                table.insert(free, entry, |channel| self.hasher.hash_one(channel));
                Added { first: true, first_local: who.is_local() }
            }
            Ok(place) => {
                let entry = *table.get_mut(place);
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
            self.lists[list as usize].push(Member { who: entry.who, place: entry.at });
            let entry = self.tables[table].get_mut(at);
            (entry.who, entry.at) = (MANY, list);
            list
        };
        if self.lists[list as usize].find(who.0).is_some() {
            return None;
        }
        let place = own(&mut self.owned, entry.channel, who);
        let members = &mut self.lists[list as usize];
        let first_local = who.is_local() && members.locals == 0;
        members.push(Member { who: who.0, place });
        Some(Added { first: false, first_local })
    }

    /// Ends a subscription; `None` if there was none.
    pub fn remove(&mut self, channel: u64, who: Participant) -> Option<Removed> {
        let hash = self.hasher.hash_one(channel);
        let table = &mut self.tables[table_of(hash)];
        let found = table.seek(hash, channel).ok()?;
        let entry = table.get_mut(found);
        let (place, removed) = if entry.who == who.0 {
            let place = entry.at;
            table.remove(found, |channel| self.hasher.hash_one(channel));
            (place, Removed { last: true, last_local: who.is_local() })
        } else if entry.who == MANY {
            let list = entry.at;
            let members = &mut self.lists[list as usize];
            let place = members.take(who.0)?;
            let last_local = who.is_local() && members.locals == 0;
            if let [only] = members.order[..] {
                (entry.who, entry.at) = (only.who, only.place);
                *members = Members::default();
                self.free_lists.push(list);
            }
            (place, Removed { last: false, last_local })
        } else {
            return None;
        };
        if who.is_local() {
            self.disown(place, who);
        }
        self.len -= 1;
        Some(removed)
    }

    /// Has the cache fetch what adding or removing `channels` is going to touch: the misses of
    /// several are waited for at once, where changes made one by one wait for each.
    pub fn fetch(&self, channels: &[u64], who: Participant) {
        let hashes = channels.iter().map(|&channel| (self.hasher.hash_one(channel), channel));
        let hashes: SmallVec<[(u64, u64); FETCHED_MAX]> = hashes.collect();
        black_box(hashes.iter().fold(0, |sum, &(hash, _)| sum ^ self.table(hash).touch(hash)));
        let owned = self.owned_by(who);
        let entries =
            hashes.iter().filter_map(|&(hash, channel)| self.table(hash).find(hash, channel));
        let touched = entries.filter_map(|entry| owned.get(entry.at as usize));
        black_box(touched.fold(0, |sum, channel| sum ^ channel));
    }

    /// Some single channel of `who`, which is of this shard.
    pub fn any_of(&self, who: Participant) -> Option<u64> {
        self.owned_by(who).last().copied()
    }

    /// The single channels of `who` from `low` to `high`, both included. Costs the lesser of the
    /// width of the range and the number of channels that `who` has.
    pub fn of_within(&self, who: Participant, low: u64, high: u64) -> Vec<u64> {
        let count = self.count_of(who);
        if high - low < count as u64 {
            return (low..=high).filter(|&channel| self.has(channel, who)).collect();
        }
        let owned = self.owned_by(who).iter().copied();
        owned.filter(|channel| (low..=high).contains(channel)).collect()
    }

    /// Whether `who` subscribed `channel`.
    pub fn has(&self, channel: u64, who: Participant) -> bool {
        let hash = self.hasher.hash_one(channel);
        let found = self.table(hash).find(hash, channel);
        found.is_some_and(|entry| match entry.who {
            MANY => self.lists[entry.at as usize].find(who.0).is_some(),
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
        for entry in self.tables.iter().flat_map(Table::iter) {
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
            if cursor.places != table.places() {
                (cursor.left, cursor.places) = (table.places(), table.places());
            }
            while cursor.left > 0 {
                if left == 0 {
                    return Some(cursor);
                }
                if let Some(entry) = table.at(cursor.left - 1) {
                    each(entry.channel);
                    left -= 1;
                }
                cursor.left -= 1;
            }
            cursor = Cursor { table: cursor.table + 1, ..Cursor::default() };
        }
        None
    }

    #[inline]
    fn table(&self, hash: u64) -> &Table {
        &self.tables[table_of(hash)]
    }

    fn new_list(&mut self) -> u32 {
        self.free_lists.pop().unwrap_or_else(|| {
            self.lists.push(Members::default());
            self.lists.len() as u32 - 1
        })
    }

    fn owned_by(&self, who: Participant) -> &[u64] {
        self.owned.get(who.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Takes the channel at `place` from those of `who`: the last one takes its place.
    fn disown(&mut self, place: u32, who: Participant) {
        let owned = &mut self.owned[who.0 as usize];
        let last = owned.pop().expect("who has a subscription has a channel");
        if owned.len() <= owned.capacity() / 4 {
            owned.shrink_to(owned.len() * 2);
        }
        let Some(gap) = owned.get_mut(place as usize) else { return };
        *gap = last;
        let hash = self.hasher.hash_one(last);
        let table = &mut self.tables[table_of(hash)];
        let found = table.seek(hash, last).expect("what a participant has is in the table");
        let entry = table.get_mut(found);
        if entry.who == MANY {
            self.lists[entry.at as usize].moved(who.0, place);
        } else {
            entry.at = place;
        }
    }
}

/// Notes that `who` has `channel`, if it is of this shard; returns the place.
fn own(owned: &mut Vec<Vec<u64>>, channel: u64, who: Participant) -> u32 {
    if !who.is_local() {
        return NONE;
    }
    let at = who.0 as usize;
    if owned.len() <= at {
        owned.resize_with(at + 1, Vec::new);
    }
    owned[at].push(channel);
    owned[at].len() as u32 - 1
}

fn table_of(hash: u64) -> usize {
    // hashbrown uses the low bits for the bucket and the top seven for the tag.
    (hash >> 40) as usize % TABLES
}

impl Members {
    fn find(&self, who: u32) -> Option<usize> {
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

    /// The channel stands at `place` now among those of `who`.
    fn moved(&mut self, who: u32, place: u32) {
        let at = self.find(who).expect("who has a channel is among its subscribers");
        self.order[at].place = place;
    }

    /// Takes `who` out and returns its place. The last member takes its place.
    fn take(&mut self, who: u32) -> Option<u32> {
        let place = self.find(who)?;
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
        Some(member.place)
    }
}

/// Participant numbers are ours, small and dense: a multiplication spreads them well enough.
fn spread(who: u32) -> u64 {
    (who as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
