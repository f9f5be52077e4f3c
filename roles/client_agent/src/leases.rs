//! The channels of clients: who on which shard has which, in chunks that the lessor hands out.
//!
//! The instance of shard 0 is the lessor. It hands out chunks ascending, then those that came back, in
//! the order in which they came. Where a chunk is a single channel, a client's channel is asked for when
//! it connects and comes back when it leaves, so that the order in which clients of all shards get
//! channels is that of a single list. Longer chunks stay with their shard: the present one is used up,
//! then what clients gave back, oldest first, and then the spare one, which is asked for ahead.

use alloc::collections::VecDeque;
use core::ops::RangeInclusive;
use runtime::{Leasing, ShardId};
use wire::ids::Channel;

/// A chunk that is used up.
#[allow(clippy::reversed_empty_ranges, reason = "it is to be empty")]
const NOTHING: RangeInclusive<u64> = 1..=0;

/// The shard of the lessor.
pub const LESSOR: ShardId = ShardId(0);

/// The chunks of all shards, at the lessor.
pub struct Lessor {
    /// The lowest chunk that was never handed out.
    next: u32,
    count: u32,
    returned: VecDeque<u32>,
}

impl Lessor {
    /// Nothing is handed out yet.
    pub fn new(leasing: &Leasing) -> Lessor {
        Lessor { next: 0, count: leasing.chunks(), returned: VecDeque::new() }
    }

    /// A chunk for whoever asks, if any is left.
    pub fn hand_out(&mut self) -> Option<u32> {
        if self.next == self.count {
            return self.returned.pop_front();
        }
        self.next += 1;
        Some(self.next - 1)
    }

    /// A chunk came back.
    pub fn take_back(&mut self, chunk: u32) {
        self.returned.push_back(chunk);
    }
}

/// The channels of one shard.
pub struct Leases {
    leasing: Leasing,
    /// What was never used of the present chunk.
    present: RangeInclusive<u64>,
    spare: Option<RangeInclusive<u64>>,
    /// What clients gave back, and single channels that came for clients that wait.
    freed: VecDeque<Channel>,
    /// Questions that the lessor has not answered yet.
    asked: usize,
    /// The lessor has said that it has no chunk left.
    is_exhausted: bool,
}

impl Leases {
    /// No channels yet.
    pub fn new(leasing: Leasing) -> Leases {
        Leases {
            leasing,
            present: NOTHING,
            spare: None,
            freed: VecDeque::new(),
            asked: 0,
            is_exhausted: false,
        }
    }

    /// Whether each channel is leased by itself.
    pub fn is_singly(&self) -> bool {
        self.leasing.chunk == 1
    }

    /// A channel for a client, if there is one here.
    pub fn take(&mut self) -> Option<Channel> {
        if let Some(channel) = self.present.next() {
            return Some(Channel(channel));
        }
        self.freed.pop_front().or_else(|| {
            self.present = self.spare.take()?;
            self.present.next().map(Channel)
        })
    }

    /// How often the lessor is to be asked now, where so many clients wait: it will be.
    pub fn ask(&mut self, waiting: usize) -> usize {
        let wanted = if self.is_singly() {
            waiting.saturating_sub(self.asked)
        } else {
            usize::from(self.spare.is_none() && self.asked == 0 && !self.is_exhausted)
        };
        self.asked += wanted;
        wanted
    }

    /// Whether an answer of the lessor may still bring a channel.
    pub fn may_get_more(&self) -> bool {
        self.asked > 0
    }

    /// The lessor's answer: a chunk.
    pub fn lease(&mut self, chunk: u32) {
        self.asked -= 1;
        let channels = self.leasing.channels_of(chunk);
        if self.is_singly() {
            self.freed.push_back(*channels.start());
        } else {
            self.spare = Some(channels.start().0..=channels.end().0);
        }
    }

    /// The lessor's answer: it has none left.
    pub fn none_left(&mut self) {
        self.asked -= 1;
        self.is_exhausted = true;
    }

    /// A client's channel is free again. Returns the chunk that the lessor is to have back, if it is.
    pub fn give_back(&mut self, channel: Channel) -> Option<u32> {
        if self.is_singly() {
            let at = channel.0 - self.leasing.range.start().0;
            return Some(u32::try_from(at).expect("there are few chunks"));
        }
        self.freed.push_back(channel);
        None
    }

    /// Single channels that came for clients that wait no more.
    pub fn take_unwanted(&mut self) -> Option<Channel> {
        if self.is_singly() { self.freed.pop_front() } else { None }
    }
}
