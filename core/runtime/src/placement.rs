//! Which shard owns an object, and which datagrams are for roles that are placed.
//!
//! A placed role has an instance on every shard, and together they are one: the channel of an
//! object belongs to the instance on [`place`]`(do_id)`, whether or not there is such an object, and
//! a control channel to the instance that its message is about, or to all. The sender's shard
//! computes this, for the creation of an object as for all that is sent to it later (I4), so both
//! take the same way. Subscriptions to the same channels are looked at besides.
//!
//! Which objects: a State Server's may have any id, a DBSS has ranges of them, and a Database none,
//! since it is asked about its objects on its control channel. The channels of clients are never
//! objects: they belong to the shard that holds the client's connection, which leases them in chunks;
//! those that are leased to nobody yet, to the first shard, so that somebody hears what they are told.

use crate::ids::{RoleId, ShardId, StoreId};
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use smallvec::SmallVec;
use wire::datagram::Datagram;
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId, MsgType};

/// The shard that owns object `do_id` in a daemon of `shards`.
#[inline]
pub fn place(do_id: DoId, shards: usize) -> ShardId {
    // Ids are given out one after the other: the multiplication spreads them evenly.
    let spread = do_id.0.wrapping_mul(0x9e37_79b1);
    ShardId(((spread as u64 * shards as u64) >> 32) as u16)
}

/// The object whose shard a control message is for; `None`: it is for all shards.
pub type Split = fn(Dialect, MsgType, &[u8]) -> Option<DoId>;

/// What is placed to a role.
#[derive(Clone, Debug)]
pub struct Placing {
    /// The channels on which its instances are all reached as one.
    pub controls: SmallVec<[Channel; 2]>,
    /// Which of them a message on such a channel is for.
    pub split: Split,
    /// The objects whose channels reach the instance that owns them.
    pub objects: Objects,
    /// The channels of its clients, if it has any.
    pub clients: Option<Leasing>,
    /// The store that its instances share, if it has one.
    pub store: Option<StoreId>,
}

/// Channels that belong to the shard that they are leased to ([`crate::Outbox::lease`]), a chunk of
/// them at a time, and to no object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leasing {
    /// All of them.
    pub range: RangeInclusive<Channel>,
    /// Channels of one chunk: a power of two.
    pub chunk: u64,
}

impl Leasing {
    /// How many chunks there are.
    pub fn chunks(&self) -> u32 {
        let last = (self.range.end().0 - self.range.start().0) / self.chunk;
        u32::try_from(last + 1).expect("few chunks, as they are long enough")
    }

    /// The chunk of a channel of the range.
    #[inline]
    pub fn chunk_of(&self, channel: Channel) -> u32 {
        let at = (channel.0 - self.range.start().0) / self.chunk;
        u32::try_from(at).expect("few chunks, as they are long enough")
    }

    /// The channels of a chunk.
    pub fn channels_of(&self, chunk: u32) -> RangeInclusive<Channel> {
        let low = self.range.start().0 + u64::from(chunk) * self.chunk;
        Channel(low)..=Channel((low + (self.chunk - 1)).min(self.range.end().0))
    }
}

/// The objects that are placed to a role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Objects {
    /// All that there can be.
    All,
    /// Those within these ranges, which do not overlap.
    Ranges(SmallVec<[RangeInclusive<DoId>; 2]>),
    /// None.
    None,
}

impl Objects {
    #[inline]
    fn contain(&self, channel: Channel) -> bool {
        match self {
            Objects::All => is_object(channel),
            Objects::Ranges(ranges) => {
                is_object(channel)
                    && ranges.iter().any(|range| range.contains(&DoId(channel.0 as u32)))
            }
            Objects::None => false,
        }
    }
}

struct Placed {
    role: RoleId,
    controls: SmallVec<[Channel; 2]>,
    split: Split,
    objects: Objects,
}

/// The client channels of a role: to whom each chunk is leased.
struct Leased {
    role: RoleId,
    leasing: Leasing,
    shards: Vec<Option<ShardId>>,
}

impl Leased {
    #[inline]
    fn contains(&self, channel: Channel) -> bool {
        self.leasing.range.contains(&channel)
    }

    #[inline]
    fn shard_of(&self, channel: Channel) -> ShardId {
        self.shards[self.leasing.chunk_of(channel) as usize].unwrap_or(ShardId(0))
    }
}

/// The placed roles of a shard.
pub(crate) struct Placement {
    me: ShardId,
    shards: usize,
    roles: SmallVec<[Placed; 1]>,
    leased: SmallVec<[Leased; 1]>,
}

/// Where a datagram goes because of one of its recipients.
#[derive(Default)]
pub(crate) struct Places {
    /// Other shards, a bit each.
    pub(crate) shards: u64,
    /// Roles of this shard.
    pub(crate) roles: SmallVec<[RoleId; 1]>,
}

impl Placement {
    pub(crate) fn new(me: ShardId, shards: usize) -> Placement {
        Placement { me, shards, roles: SmallVec::new(), leased: SmallVec::new() }
    }

    pub(crate) fn add(&mut self, role: RoleId, placing: Placing) {
        let Placing { controls, split, objects, clients, store: _ } = placing;
        self.roles.push(Placed { role, controls, split, objects });
        self.leased.extend(clients.map(|leasing| {
            let shards = alloc::vec![None; leasing.chunks() as usize];
            Leased { role, leasing, shards }
        }));
    }

    pub(crate) fn lease(&mut self, role: RoleId, chunk: u32, to: Option<ShardId>) {
        let leased = self.leased.iter_mut().find(|leased| leased.role == role);
        let leased = leased.expect("a role that leases channels was made with some");
        leased.shards[chunk as usize] = to;
    }

    /// The client channels that `channel` is one of.
    #[inline]
    fn leased(&self, channel: Channel) -> Option<&Leased> {
        self.leased.iter().find(|leased| leased.contains(channel))
    }

    /// Whether `channel` is that of an object in a range of `role`.
    pub(crate) fn is_in_range_of(&self, role: RoleId, channel: Channel) -> bool {
        self.roles.iter().any(|placed| {
            placed.role == role
                && matches!(placed.objects, Objects::Ranges(_))
                && placed.objects.contain(channel)
        })
    }

    /// Whether a channel is a control channel.
    pub(crate) fn is_control(&self, channel: Channel) -> bool {
        self.roles.iter().any(|placed| placed.controls.contains(&channel))
    }

    /// Whether there is no placed role.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.roles.is_empty()
    }

    /// Whether `channel` may have places at all, beside those of `except`.
    #[inline]
    pub(crate) fn covers(&self, channel: Channel, except: Option<RoleId>) -> bool {
        if let Some(leased) = self.leased(channel) {
            return Some(leased.role) != except;
        }
        self.roles.iter().any(|placed| {
            Some(placed.role) != except
                && (placed.objects.contain(channel) || placed.controls.contains(&channel))
        })
    }

    /// The places of a datagram, beside those of `except`.
    #[inline(never)]
    pub(crate) fn of_all(
        &self,
        recipients: impl Iterator<Item = Channel>,
        except: Option<RoleId>,
        dialect: Dialect,
        frame: &[u8],
    ) -> Places {
        let mut all = Places::default();
        for channel in recipients.filter(|&channel| self.covers(channel, except)) {
            self.of(channel, dialect, frame, &mut all);
        }
        all.roles.retain(|role| Some(*role) != except);
        all
    }

    /// Adds the places of a datagram because of its recipient `channel`.
    fn of(&self, channel: Channel, dialect: Dialect, frame: &[u8], places: &mut Places) {
        if let Some(leased) = self.leased(channel) {
            return places.add(self.me, leased.shard_of(channel), leased.role);
        }
        let mut is_control = false;
        for placed in self.roles.iter().filter(|placed| placed.controls.contains(&channel)) {
            is_control = true;
            let about = Datagram::parse(framing::body(frame))
                .ok()
                .and_then(|dg| (placed.split)(dialect, dg.msgtype(), dg.payload()));
            match about {
                Some(do_id) => places.add(self.me, place(do_id, self.shards), placed.role),
                None => {
                    places.shards |= (u64::MAX >> (64 - self.shards)) & !self.me.bit();
                    places.roles.push(placed.role);
                }
            }
        }
        if !is_control && is_object(channel) {
            let owner = place(DoId(channel.0 as u32), self.shards);
            let owners = self.roles.iter().filter(|placed| placed.objects.contain(channel));
            owners.for_each(|placed| places.add(self.me, owner, placed.role));
        }
    }
}

impl Places {
    fn add(&mut self, me: ShardId, shard: ShardId, role: RoleId) {
        if shard == me {
            self.roles.push(role);
        } else {
            self.shards |= shard.bit();
        }
    }
}

/// Whether a channel can be that of an object: ids are 32 bits, 0 is none.
#[inline]
fn is_object(channel: Channel) -> bool {
    (1..=u32::MAX as u64).contains(&channel.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn objects_are_spread_evenly_and_within_the_shards() {
        for shards in [1, 2, 3, 8, 64] {
            let mut counts = vec![0; shards];
            (1..=64_000).for_each(|id| counts[place(DoId(id), shards).0 as usize] += 1);
            let fair = 64_000 / shards;
            assert!(counts.iter().all(|count| (fair * 9 / 10..=fair * 11 / 10).contains(count)));
        }
    }

    #[test]
    fn a_control_message_goes_to_the_shard_it_is_about_or_to_all() {
        let about_its_first_byte: Split =
            |_, _, payload| payload.first().map(|&byte| DoId(byte as u32));
        let mut placement = Placement::new(ShardId(1), 3);
        let controls = SmallVec::from_slice(&[Channel(4002)]);
        let (split, objects) = (about_its_first_byte, Objects::All);
        placement.add(RoleId(4), Placing { controls, split, objects, clients: None, store: None });
        let frame = |payload: &[u8]| {
            let mut out = vec![];
            let write = |out: &mut Vec<u8>| out.extend_from_slice(payload);
            let to = [Channel(4002)];
            wire::datagram::write_datagram(&mut out, &to, Channel(5), MsgType(6), write).unwrap();
            out
        };
        let all =
            placement.of_all([Channel(4002)].into_iter(), None, Dialect::OpenOtp, &frame(&[]));
        assert_eq!((all.shards, &all.roles[..]), (0b101, &[RoleId(4)][..]));
        for id in 0..=255 {
            let one = placement.of_all(
                [Channel(4002)].into_iter(),
                None,
                Dialect::OpenOtp,
                &frame(&[id]),
            );
            let owner = place(DoId(id as u32), 3);
            let here = owner == ShardId(1);
            assert_eq!(one.shards, if here { 0 } else { owner.bit() });
            assert_eq!(one.roles.len(), usize::from(here));
        }
        assert!(!placement.covers(Channel(1 << 32), None) && !placement.covers(Channel(0), None));
        assert!(
            placement.covers(Channel(9), None) && !placement.covers(Channel(9), Some(RoleId(4)))
        );
    }
}
