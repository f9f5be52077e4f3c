//! The channels of clients: who on which shard has which, in chunks that the lessor hands out.
//!
//! The instance of shard 0 is the lessor. It hands out chunks ascending, then those that came back, in
//! the order in which they came. Where a chunk is a single channel, a client's channel is asked for when
//! it connects and comes back when it leaves, so that the order in which clients of all shards get
//! channels is that of a single list.
//!
//! Of longer chunks the present one is used up, then what clients gave back, oldest first, and then the
//! spare one, which is asked for ahead. One that has no client any more comes back, unless there is no
//! spare one. So a shard without clients keeps two, and one with clients no more than these and those
//! in which some of them have their channels.

use alloc::collections::{BTreeMap, VecDeque};
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
    spare: VecDeque<u32>,
    /// The longer chunks that are leased and not spare.
    used: BTreeMap<u32, Used>,
    /// How many of them there have been.
    uses: u32,
    /// What clients gave back, and in which use of its chunk: if that is over, it is no longer here.
    /// And single channels that came for clients that wait.
    freed: VecDeque<(Channel, u32)>,
    /// Questions that the lessor has not answered yet.
    asked: usize,
    /// The lessor has said that it has no chunk left.
    is_exhausted: bool,
}

/// A longer chunk, from when it becomes the present one until it is spare again, or comes back.
struct Used {
    /// Which of all.
    number: u32,
    /// How many clients have their channels in it.
    clients: u64,
}

impl Leases {
    /// No channels yet.
    pub fn new(leasing: Leasing) -> Leases {
        Leases {
            leasing,
            present: NOTHING,
            spare: VecDeque::new(),
            used: BTreeMap::new(),
            uses: 0,
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
        if self.is_singly() {
            return self.freed.pop_front().map(|(channel, _)| channel);
        }
        let channel = self.present.next().map(Channel).or_else(|| self.take_freed());
        let channel = channel.or_else(|| {
            let chunk = self.spare.pop_front()?;
            self.uses = self.uses.wrapping_add(1);
            self.used.insert(chunk, Used { number: self.uses, clients: 0 });
            let channels = self.leasing.channels_of(chunk);
            self.present = channels.start().0..=channels.end().0;
            self.present.next().map(Channel)
        })?;
        let chunk = self.leasing.chunk_of(channel);
        self.used.get_mut(&chunk).expect("it is in use").clients += 1;
        Some(channel)
    }

    /// What was given back first.
    fn take_freed(&mut self) -> Option<Channel> {
        loop {
            let (channel, number) = self.freed.pop_front()?;
            let used = self.used.get(&self.leasing.chunk_of(channel));
            if used.is_some_and(|used| used.number == number) {
                return Some(channel);
            }
        }
    }

    /// How often the lessor is to be asked now: it will be. Only where a client has come, so many wait;
    /// otherwise it is asked for what is kept ahead alone, and not after it had none left.
    pub fn ask(&mut self, waiting: usize) -> usize {
        let wanted = if self.is_singly() {
            waiting.saturating_sub(self.asked)
        } else {
            let may_have_some = waiting > 0 || !self.is_exhausted;
            usize::from(self.spare.is_empty() && self.asked == 0 && may_have_some)
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
        self.is_exhausted = false;
        if self.is_singly() {
            self.freed.push_back((*self.leasing.channels_of(chunk).start(), 0));
        } else {
            self.spare.push_back(chunk);
        }
    }

    /// The lessor's answer: it has none left.
    pub fn none_left(&mut self) {
        self.asked -= 1;
        self.is_exhausted = true;
    }

    /// A client's channel is free again. Returns the chunk that the lessor is to have back, if it is.
    pub fn give_back(&mut self, channel: Channel) -> Option<u32> {
        let chunk = self.leasing.chunk_of(channel);
        if self.is_singly() {
            return Some(chunk);
        }
        let used = self.used.get_mut(&chunk).expect("a client's channel is of a chunk in use");
        used.clients -= 1;
        let is_present = !self.present.is_empty()
            && self.leasing.chunk_of(Channel(*self.present.start())) == chunk;
        if used.clients > 0 || is_present {
            self.freed.push_back((channel, used.number));
            return None;
        }
        self.used.remove(&chunk);
        if self.used.is_empty() {
            self.freed = VecDeque::new();
        }
        if self.spare.is_empty() {
            self.spare.push_back(chunk);
            return None;
        }
        Some(chunk)
    }

    /// Single channels that came for clients that wait no more.
    pub fn take_unwanted(&mut self) -> Option<Channel> {
        if self.is_singly() { self.freed.pop_front().map(|(channel, _)| channel) } else { None }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// The shards of a daemon, between which messages take their time.
    struct World {
        lessor: Lessor,
        shards: Vec<Leases>,
        /// What is on its way to the lessor: a question of a shard, or a chunk.
        asks: VecDeque<(usize, Option<u32>)>,
        /// What is on its way to the shards.
        answers: VecDeque<(usize, Option<u32>)>,
        /// Clients that wait, by shard.
        waiting: Vec<usize>,
        held: BTreeMap<Channel, usize>,
        /// In the order in which they were given.
        given: Vec<Channel>,
        turned_away: usize,
    }

    impl World {
        fn new(count: u64, chunk: u64, shards: usize) -> World {
            let leasing = Leasing { range: Channel(1000)..=Channel(999 + count), chunk };
            let mut world = World {
                lessor: Lessor::new(&leasing),
                shards: (0..shards).map(|_| Leases::new(leasing.clone())).collect(),
                asks: VecDeque::new(),
                answers: VecDeque::new(),
                waiting: alloc::vec![0; shards],
                held: BTreeMap::new(),
                given: Vec::new(),
                turned_away: 0,
            };
            (0..shards).for_each(|at| world.ask(at, 0));
            world.settle();
            world
        }

        fn arrive(&mut self, at: usize) {
            self.waiting[at] += 1;
            self.ask(at, self.waiting[at]);
            self.serve(at);
        }

        fn ask(&mut self, at: usize, waiting: usize) {
            for _ in 0..self.shards[at].ask(waiting) {
                self.asks.push_back((at, None));
            }
        }

        /// As the role does it.
        fn serve(&mut self, at: usize) {
            while self.waiting[at] > 0 {
                let mut channel = self.shards[at].take();
                if channel.is_none() {
                    self.ask(at, 0);
                    channel = self.shards[at].take();
                }
                match channel {
                    Some(channel) => {
                        assert_eq!(self.held.insert(channel, at), None, "{channel} is taken");
                        self.given.push(channel);
                    }
                    None if self.shards[at].may_get_more() => break,
                    None => self.turned_away += 1,
                }
                self.waiting[at] -= 1;
            }
            while let Some(channel) = self.shards[at].take_unwanted() {
                self.leave(at, channel);
            }
            self.ask(at, 0);
        }

        fn leave(&mut self, at: usize, channel: Channel) {
            let returned = self.shards[at].give_back(channel);
            self.asks.extend(returned.map(|chunk| (at, Some(chunk))));
        }

        fn pass_ask(&mut self) {
            match self.asks.pop_front() {
                Some((_, Some(chunk))) => self.lessor.take_back(chunk),
                Some((at, None)) => self.answers.push_back((at, self.lessor.hand_out())),
                None => (),
            }
        }

        fn pass_answer(&mut self) {
            let Some((at, answer)) = self.answers.pop_front() else { return };
            match answer {
                Some(chunk) => self.shards[at].lease(chunk),
                None => self.shards[at].none_left(),
            }
            self.serve(at);
        }

        fn settle(&mut self) {
            while !self.asks.is_empty() || !self.answers.is_empty() {
                self.pass_ask();
                self.pass_answer();
            }
        }
    }

    proptest! {
        /// Whatever comes when: nobody has a channel that another one has, and who is turned away
        /// is so because there are few.
        #[test]
        fn no_channel_is_given_twice(
            (count, chunk) in prop_oneof![(1u64..12, Just(1)), (1u64..40, Just(2)), (1u64..40, Just(8))],
            shards in 1usize..4,
            steps in prop::collection::vec((0u8..5, any::<prop::sample::Index>()), 1..200),
        ) {
            let mut world = World::new(count, chunk, shards);
            for (what, which) in steps {
                match what {
                    0 | 1 => world.arrive(which.index(shards)),
                    2 if !world.held.is_empty() => {
                        let (&channel, &at) = world.held.iter().nth(which.index(world.held.len())).unwrap();
                        world.held.remove(&channel);
                        world.leave(at, channel);
                    }
                    // Somebody who waits leaves: its channel comes and is not wanted.
                    3 => {
                        let at = which.index(shards);
                        world.waiting[at] = world.waiting[at].saturating_sub(1);
                    }
                    _ => {
                        world.pass_ask();
                        world.pass_answer();
                    }
                }
            }
            world.settle();
            prop_assert!(world.waiting.iter().all(|&waiting| waiting == 0));
            prop_assert!(world.held.keys().all(|channel| (1000..1000 + count).contains(&channel.0)));
            // All come, now that everything has settled, as long as there is room for sure: when all
            // have left, a shard keeps two chunks, if they are longer; or three, if one became free
            // while another was on its way.
            if chunk > 1 {
                for (channel, at) in core::mem::take(&mut world.held) {
                    world.leave(at, channel);
                }
                world.settle();
            }
            let chunks = count.div_ceil(chunk) as usize;
            let room = match chunk {
                1 => count as usize - world.held.len(),
                // The last one may be short.
                _ => chunks.saturating_sub(3 * (shards - 1) + 1) * chunk as usize,
            };
            let shards = if chunk == 1 { shards } else { 1 };
            let turned_away = world.turned_away;
            for at in 0..room {
                world.arrive(at % shards);
                world.settle();
            }
            prop_assert_eq!(world.turned_away, turned_away);
        }
    }

    /// More come at once than a chunk has channels.
    #[test]
    fn a_crowd_waits_for_as_many_chunks_as_it_needs() {
        let mut world = World::new(40, 2, 2);
        for _ in 0..25 {
            world.arrive(1);
        }
        world.settle();
        assert_eq!((world.held.len(), world.turned_away), (25, 0));
    }

    #[test]
    fn single_channels_are_given_ascending_and_then_as_they_came_back() {
        let mut world = World::new(4, 1, 3);
        for at in [2, 0, 1, 2] {
            world.arrive(at);
            world.settle();
        }
        for channel in [1002, 1000] {
            let at = world.held.remove(&Channel(channel)).unwrap();
            world.leave(at, Channel(channel));
            world.settle();
        }
        for at in [1, 1, 0] {
            world.arrive(at);
            world.settle();
        }
        assert_eq!(
            world.given.iter().map(|channel| channel.0).collect::<Vec<_>>(),
            [1000, 1001, 1002, 1003, 1002, 1000]
        );
        assert_eq!(world.turned_away, 1);
    }

    #[test]
    fn what_a_crowd_leaves_is_there_for_another_shard() {
        let mut world = World::new(64, 4, 2);
        for at in [1, 0] {
            for _ in 0..56 {
                world.arrive(at);
                world.settle();
            }
            assert_eq!((world.held.len(), world.turned_away), (56, 0));
            for (channel, at) in core::mem::take(&mut world.held) {
                world.leave(at, channel);
                world.settle();
            }
            assert!(world.shards[at].freed.is_empty(), "nothing is kept of who has left");
        }
    }

    /// One that was turned away because all were taken does not stay so.
    #[test]
    fn a_shard_asks_again_when_somebody_comes() {
        let mut world = World::new(16, 4, 2);
        for _ in 0..14 {
            world.arrive(1);
            world.settle();
        }
        assert_eq!((world.held.len(), world.turned_away), (12, 2));
        for (channel, at) in core::mem::take(&mut world.held) {
            world.leave(at, channel);
        }
        for _ in 0..8 {
            world.settle();
            world.arrive(0);
        }
        world.settle();
        assert_eq!((world.held.len(), world.turned_away), (8, 2));
    }

    #[test]
    fn a_shard_uses_its_chunk_up_then_what_came_back_and_then_the_spare_one() {
        let mut world = World::new(16, 4, 2);
        for _ in 0..4 {
            world.arrive(1);
            world.settle();
        }
        let first = world.given[0];
        world.held.remove(&first).unwrap();
        world.leave(1, first);
        for _ in 0..2 {
            world.arrive(1);
            world.settle();
        }
        let channels: Vec<u64> = world.given.iter().map(|channel| channel.0 - first.0).collect();
        assert_eq!(channels, [0, 1, 2, 3, 0, 4]);
    }
}
