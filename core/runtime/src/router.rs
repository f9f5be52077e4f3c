//! Who receives a channel, and what the neighbours must be told when that changes.
//!
//! A participant subscribes a *set* of channels: adding is idempotent, removing a range removes
//! the single channels inside it too, and removing a channel inside an own range leaves a hole
//! (seed protocol section 2, `astron` section 2).
//!
//! Two neighbours follow along. **Other shards** hear of the union of what this shard's own
//! participants have, single channels and ranges apart (they keep both just as we do). **The
//! upstream** hears of the union of what everybody has, as a set: first in, last out.

use crate::channels::{Channels, Cursor};
use crate::ids::Participant;
use crate::limits::Limits;
use crate::ranges::Ranges;
use alloc::vec::Vec;

/// A change of a union of subscriptions. Ranges are inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// A single channel came in.
    Add(u64),
    /// A single channel went.
    Remove(u64),
    /// A range came in.
    AddRange(u64, u64),
    /// A range went.
    RemoveRange(u64, u64),
}

/// Changes that the neighbours have not been told yet, in order.
#[derive(Default)]
pub struct Changes {
    /// For every other shard; `None` if there is none.
    pub shards: Option<Vec<Change>>,
    /// For the upstream; `None` unless this shard holds that link.
    pub upstream: Option<Vec<Change>>,
}

impl Changes {
    fn tell_shards(&mut self, change: Change) {
        self.shards.as_mut().into_iter().for_each(|changes| changes.push(change));
    }

    fn tell_upstream(&mut self, change: Change) {
        self.upstream.as_mut().into_iter().for_each(|changes| changes.push(change));
    }
}

/// A subscription that a limit forbids.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("more than {max} {what}")]
pub struct OverLimit {
    /// What there is too much of.
    pub what: &'static str,
    /// How many there may be.
    pub max: usize,
}

/// The subscriptions of one shard.
pub struct Router {
    /// Single channels.
    pub channels: Channels,
    /// Ranges.
    pub ranges: Ranges,
    /// What the neighbours are to be told; the outbox takes it away.
    pub changes: Changes,
}

impl Router {
    /// A router without subscriptions.
    pub fn new(hasher: ahash::RandomState, changes: Changes) -> Router {
        Router { channels: Channels::new(hasher), ranges: Ranges::default(), changes }
    }

    /// `who` subscribes `channel`.
    pub fn add(
        &mut self,
        who: Participant,
        channel: u64,
        limits: &Limits,
    ) -> Result<(), OverLimit> {
        if !self.ranges.is_empty() && who.is_local() && self.ranges.has(channel, who) {
            return Ok(());
        }
        let max = limits.subscriptions_max;
        if who.is_local() && self.channels.count_of(who) >= max && !self.channels.has(channel, who)
        {
            return Err(OverLimit { what: "single channels", max: max as usize });
        }
        let Some(added) = self.channels.add(channel, who) else { return Ok(()) };
        if added.first_local {
            self.changes.tell_shards(Change::Add(channel));
        }
        if added.first && self.changes.upstream.is_some() && self.ranges.at(channel).is_empty() {
            self.changes.tell_upstream(Change::Add(channel));
        }
        Ok(())
    }

    /// `who` leaves `channel`, be it a single one or inside one of its ranges.
    ///
    /// Fails only where the hole makes one range too many.
    pub fn remove(
        &mut self,
        who: Participant,
        channel: u64,
        limits: &Limits,
    ) -> Result<(), OverLimit> {
        self.remove_single(who, channel);
        if who.is_local() && !self.ranges.is_empty() && self.ranges.has(channel, who) {
            self.remove_ranges(who, channel, channel);
            self.tell_silence(channel, channel);
        }
        self.check_ranges(who, limits)
    }

    /// `who` subscribes all channels from `low` to `high`.
    pub fn add_range(
        &mut self,
        who: Participant,
        low: u64,
        high: u64,
        limits: &Limits,
    ) -> Result<(), OverLimit> {
        let widened = self.ranges.add(who, low, high);
        if who.is_local() && widened.fresh_local {
            self.changes.tell_shards(Change::AddRange(low, high));
        }
        if widened.fresh {
            self.changes.tell_upstream(Change::AddRange(low, high));
        }
        self.check_ranges(who, limits)
    }

    /// `who` leaves all channels from `low` to `high`, single ones inside included.
    pub fn remove_range(
        &mut self,
        who: Participant,
        low: u64,
        high: u64,
        limits: &Limits,
    ) -> Result<(), OverLimit> {
        let singles = if who.is_local() {
            self.channels.of_within(who, low, high)
        } else {
            Vec::new() // another shard tells of its single channels one by one
        };
        // The upstream is told of the silent pieces below, so not of each channel.
        let upstream = self.changes.upstream.take();
        singles.iter().for_each(|&channel| self.remove_single(who, channel));
        self.changes.upstream = upstream;
        let ranges = self.remove_ranges(who, low, high);
        if ranges || !singles.is_empty() {
            self.tell_silence(low, high);
        }
        self.check_ranges(who, limits)
    }

    /// Takes up to `budget` subscriptions of a participant that is gone; whether that was all.
    /// Its ranges go first and at once.
    pub fn leave(&mut self, who: Participant, budget: usize) -> bool {
        let ranges = self.ranges.of(who);
        for &(low, high) in &ranges {
            self.remove_ranges(who, low, high);
        }
        if self.changes.upstream.is_some() && !ranges.is_empty() {
            let silent =
                ranges.iter().flat_map(|&(low, high)| self.ranges.gaps(low, high, |_| true));
            self.tell_silent_pieces(silent.collect());
        }
        for _ in 0..budget {
            let Some(channel) = self.channels.any_of(who) else { return true };
            self.remove_single(who, channel);
        }
        self.channels.any_of(who).is_none()
    }

    /// Calls `each` with what the upstream must hear of everybody's subscriptions: the ranges
    /// (when `from` is the start), then up to `count` single channels. Returns where to go on.
    pub fn announce(
        &self,
        from: Cursor,
        count: usize,
        mut each: impl FnMut(Change),
    ) -> Option<Cursor> {
        if from == Cursor::default() {
            self.ranges.merged().iter().for_each(|&(low, high)| each(Change::AddRange(low, high)));
        }
        self.channels.walk(from, count, |channel| {
            if self.ranges.at(channel).is_empty() {
                each(Change::Add(channel));
            }
        })
    }

    /// Looked at after a change: what goes over a limit is closed, and leaves all it has.
    fn check_ranges(&self, who: Participant, limits: &Limits) -> Result<(), OverLimit> {
        if !who.is_local() {
            return Ok(()); // its own shard has checked
        }
        if self.ranges.count_of(who) > limits.ranges_max {
            return Err(OverLimit { what: "ranges", max: limits.ranges_max });
        }
        if self.ranges.pieces() > limits.range_pieces_max {
            return Err(OverLimit { what: "range pieces", max: limits.range_pieces_max });
        }
        Ok(())
    }

    fn remove_single(&mut self, who: Participant, channel: u64) {
        let Some(removed) = self.channels.remove(channel, who) else { return };
        if removed.last_local {
            self.changes.tell_shards(Change::Remove(channel));
        }
        if removed.last && self.changes.upstream.is_some() && self.ranges.at(channel).is_empty() {
            self.changes.tell_upstream(Change::Remove(channel));
        }
    }

    /// Takes a range from `who` and tells the other shards; not the upstream.
    fn remove_ranges(&mut self, who: Participant, low: u64, high: u64) -> bool {
        let removed = self.ranges.remove(who, low, high);
        if removed && who.is_local() && self.changes.shards.is_some() {
            for (low, high) in self.ranges.gaps(low, high, Participant::is_local) {
                self.changes.tell_shards(Change::RemoveRange(low, high));
            }
        }
        removed
    }

    fn tell_silence(&mut self, low: u64, high: u64) {
        if self.changes.upstream.is_some() {
            self.tell_silent_pieces(self.ranges.gaps(low, high, |_| true));
        }
    }

    /// Tells the upstream of `pieces` that lost their range, cut at single channels that stay.
    fn tell_silent_pieces(&mut self, pieces: Vec<(u64, u64)>) {
        let stay = self.channels.within(&pieces);
        let mut stay = stay.iter().copied().peekable();
        for (low, high) in pieces {
            let mut from = Some(low);
            while let Some(channel) = stay.next_if(|channel| *channel <= high) {
                match from {
                    Some(from) if from < channel => {
                        self.changes.tell_upstream(Change::RemoveRange(from, channel - 1));
                    }
                    _ => (),
                }
                from = channel.checked_add(1);
            }
            if let Some(from) = from
                && from <= high
            {
                self.changes.tell_upstream(Change::RemoveRange(from, high));
            }
        }
    }
}
