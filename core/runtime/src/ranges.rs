//! Who subscribed a range of channels.
//!
//! ```text
//! channels   0 ------- 10 ========= 20 ========== 30 ------- max
//! A          |         [------------------------- ]
//! B          |                      [------------ ]
//! segments             [10,19] A    [20,30] A B               disjoint, never without members
//! ```
//! A lookup is one search for the segment that begins at or before the channel.

use crate::ids::Participant;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use smallvec::SmallVec;

type Who = SmallVec<[Participant; 2]>;

#[derive(Clone, PartialEq)]
struct Segment {
    high: u64,
    members: Who,
}

/// The range subscriptions of one shard. All ranges are inclusive on both ends.
#[derive(Default)]
pub struct Ranges {
    segments: BTreeMap<u64, Segment>,
    owned: BTreeMap<Participant, BTreeMap<u64, u64>>,
    /// Members of all segments together.
    pieces: usize,
}

/// What a new range changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Widened {
    /// Some channel of it had no range of anybody.
    pub fresh: bool,
    /// Some channel of it had no range of anybody of this shard.
    pub fresh_local: bool,
}

impl Ranges {
    /// Whether nobody has a range.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Who has a range over `channel`.
    pub fn at(&self, channel: u64) -> &[Participant] {
        match self.segments.range(..=channel).next_back() {
            Some((_, segment)) if channel <= segment.high => &segment.members,
            _ => &[],
        }
    }

    /// Whether `who` has a range over `channel`.
    pub fn has(&self, channel: u64, who: Participant) -> bool {
        self.at(channel).contains(&who)
    }

    /// Separate ranges that `who` has.
    pub fn count_of(&self, who: Participant) -> usize {
        self.owned.get(&who).map_or(0, BTreeMap::len)
    }

    /// The ranges of `who`, ascending.
    pub fn of(&self, who: Participant) -> Vec<(u64, u64)> {
        let owned = self.owned.get(&who).into_iter().flatten();
        owned.map(|(&low, &high)| (low, high)).collect()
    }

    /// Members of all segments: what all ranges of the shard cost.
    pub fn pieces(&self) -> usize {
        self.pieces
    }

    /// All ranges that somebody has, merged where they touch, ascending.
    pub fn merged(&self) -> Vec<(u64, u64)> {
        let mut merged: Vec<(u64, u64)> = Vec::new();
        for (&low, segment) in &self.segments {
            match merged.last_mut() {
                Some(last) if last.1.checked_add(1) == Some(low) => last.1 = segment.high,
                _ => merged.push((low, segment.high)),
            }
        }
        merged
    }

    /// Gives `who` the channels from `low` to `high`.
    pub fn add(&mut self, who: Participant, low: u64, high: u64) -> Widened {
        let fresh = !self.gaps(low, high, |_| true).is_empty();
        let fresh_local = !self.gaps(low, high, Participant::is_local).is_empty();
        for (low, high) in self.gaps(low, high, |_| true) {
            self.segments.insert(low, Segment { high, members: Who::new() });
        }
        self.cut(low);
        if let Some(after) = high.checked_add(1) {
            self.cut(after);
        }
        for (_, segment) in self.segments.range_mut(low..=high) {
            if !segment.members.contains(&who) {
                segment.members.push(who);
                segment.members.sort_unstable();
                self.pieces += 1;
            }
        }
        self.join_equals(low, high);
        insert_interval(self.owned.entry(who).or_default(), low, high);
        Widened { fresh, fresh_local }
    }

    /// Takes the channels from `low` to `high` from `who`; whether it had any of them.
    pub fn remove(&mut self, who: Participant, low: u64, high: u64) -> bool {
        let Some(owned) = self.owned.get_mut(&who) else { return false };
        if !remove_interval(owned, low, high) {
            return false;
        }
        if owned.is_empty() {
            self.owned.remove(&who);
        }
        self.cut(low);
        if let Some(after) = high.checked_add(1) {
            self.cut(after);
        }
        let mut emptied = Vec::new();
        for (&low, segment) in self.segments.range_mut(low..=high) {
            let before = segment.members.len();
            segment.members.retain(|member| *member != who);
            self.pieces -= before - segment.members.len();
            if segment.members.is_empty() {
                emptied.push(low);
            }
        }
        emptied.iter().for_each(|low| {
            self.segments.remove(low);
        });
        self.join_equals(low, high);
        true
    }

    /// The parts of `low..=high` over which no participant that `counts` has a range, ascending.
    pub fn gaps(
        &self,
        low: u64,
        high: u64,
        counts: impl Fn(Participant) -> bool,
    ) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let mut next = Some(low);
        let first = self.segments.range(..=low).next_back().map_or(low, |(&low, _)| low);
        for (&begin, segment) in self.segments.range(first..=high) {
            if segment.high < low || !segment.members.iter().any(|&who| counts(who)) {
                continue;
            }
            match next {
                Some(from) if from < begin => gaps.push((from, begin - 1)),
                _ => (),
            }
            next = segment.high.checked_add(1);
        }
        if let Some(from) = next
            && from <= high
        {
            gaps.push((from, high));
        }
        gaps
    }

    /// Makes `at` the begin of a segment if it lies inside one.
    fn cut(&mut self, at: u64) {
        let Some((&low, segment)) = self.segments.range_mut(..at).next_back() else { return };
        if segment.high < at {
            return;
        }
        let right = segment.clone();
        segment.high = at - 1;
        debug_assert!(low < at);
        self.pieces += right.members.len();
        self.segments.insert(at, right);
    }

    /// Joins neighbours with the same members in and around `low..=high`.
    fn join_equals(&mut self, low: u64, high: u64) {
        let first = self.segments.range(..low).next_back().map_or(low, |(&low, _)| low);
        let last = high.saturating_add(1);
        let mut at = self.segments.range(first..=last).next().map(|(&low, _)| low);
        while let Some(low) = at {
            let Some(segment) = self.segments.get(&low) else { return };
            let next = segment.high.checked_add(1).filter(|next| *next <= last);
            let right = next.and_then(|next| self.segments.get(&next));
            if let Some(right) = right.filter(|right| right.members == segment.members) {
                let (high, begin) = (right.high, segment.high + 1);
                self.pieces -= right.members.len();
                self.segments.remove(&begin);
                if let Some(segment) = self.segments.get_mut(&low) {
                    segment.high = high;
                }
            } else {
                let after = low.checked_add(1).filter(|after| *after <= last);
                at = after.and_then(|after| {
                    self.segments.range(after..=last).next().map(|(&low, _)| low)
                });
            }
        }
    }
}

/// Adds `low..=high` to disjoint intervals, merging what overlaps or touches.
fn insert_interval(intervals: &mut BTreeMap<u64, u64>, low: u64, high: u64) {
    let (mut low, mut high) = (low, high);
    let touches = |end: u64, begin: u64| end.checked_add(1).is_none_or(|next| next >= begin);
    if let Some((&left, &end)) = intervals.range(..=low).next_back()
        && touches(end, low)
    {
        (low, high) = (left, high.max(end));
        intervals.remove(&left);
    }
    while let Some((&right, &end)) = intervals.range(low..).next()
        && touches(high, right)
    {
        high = high.max(end);
        intervals.remove(&right);
    }
    intervals.insert(low, high);
}

/// Takes `low..=high` out of disjoint intervals; whether anything of it was there.
fn remove_interval(intervals: &mut BTreeMap<u64, u64>, low: u64, high: u64) -> bool {
    let mut any = false;
    while let Some((&begin, &end)) = intervals.range(..=high).next_back()
        && end >= low
    {
        any = true;
        intervals.remove(&begin);
        if end > high {
            intervals.insert(high + 1, end);
        }
        if begin < low {
            intervals.insert(begin, low - 1);
            break;
        }
    }
    any
}
