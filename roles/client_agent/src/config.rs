//! What the configuration says of this role.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use dc::Schema;
use runtime::{Leasing, ListenerId};
use wire::ids::{Channel, DoId};

/// Up to so many channels each is leased by itself, so that no shard runs dry while another has some.
const SINGLY_LEASED_MAX: u64 = 4096;
const CHUNK_MAX: u64 = 1024;

/// A Client Agent.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients connect.
    pub listener: ListenerId,
    /// The version that clients must have.
    pub version: String,
    /// The hash of the classes that clients must have.
    pub dc_hash: u32,
    /// The channels that clients get.
    pub channels: RangeInclusive<Channel>,
    /// The classes of the objects.
    pub schema: Arc<Schema>,
    /// The objects that every client knows from the start.
    pub uberdogs: Vec<Uberdog>,
    /// Whether clients may move what they own.
    pub relocate: bool,
    /// Which interests clients may open and close themselves.
    pub add_interest: InterestPermission,
    /// Whether a client with another hash is told the right one.
    pub send_hash: bool,
    /// Whether a client with another version is told the right one.
    pub send_version: bool,
    /// A client that says neither HELLO nor HEARTBEAT for so long is ejected, in milliseconds; 0:
    /// it may be silent.
    pub heartbeat_ms: u64,
    /// After so long an interest is complete although its parent has not answered, in milliseconds; 0:
    /// never.
    pub interest_ms: u64,
    /// What grows no further.
    pub limits: Limits,
    /// Keys of the hashes of ids: random in production, fixed in the simulator. All instances have
    /// the same.
    pub hash_seeds: [u64; 4],
}

/// An object that every client knows from the start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Uberdog {
    /// Its id.
    pub id: DoId,
    /// Its class, by number.
    pub dclass: dc::ClassId,
    /// Whether clients may talk to it before they have logged in.
    pub is_anonymous: bool,
}

/// Which interests clients may open and close themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum InterestPermission {
    /// All.
    Enabled,
    /// Those below an object that they see, own or know.
    #[default]
    Visible,
    /// None.
    Disabled,
}

/// Limits of one client, unless it says otherwise. Sizes in bytes, times in milliseconds, rates per
/// second. A time or a rate of 0 is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Clients of one shard; the next one is ejected.
    pub clients_max: usize,
    /// From connecting to HELLO; then it is ejected.
    pub hello_ms: u64,
    /// From connecting to ESTABLISHED; then it is ejected.
    pub established_ms: u64,
    /// Messages that it may send, in the long run; over it, it is ejected.
    pub messages_per_second: u32,
    /// Messages that it may send at once.
    pub message_burst: u32,
    /// Bytes that it may send, in the long run; over it, it is ejected.
    pub bytes_per_second: u32,
    /// Bytes that it may send at once.
    pub byte_burst: u32,
    /// Bytes that it may send before it has a channel; over it, it is ejected.
    pub held_bytes_max: usize,
    /// Interests; over it, it is ejected.
    pub interests_max: usize,
    /// Zones of all interests; over it, it is ejected.
    pub zones_max: usize,
    /// Objects that it sees; what is over it is not shown to it.
    pub objects_max: usize,
    /// Channels that are opened for it, objects of its session, declared objects, objects with
    /// fields that it may send, each; what is over it is refused.
    pub granted_max: usize,
    /// Post-removes; what is over it is refused.
    pub post_removes_max: usize,
    /// Bytes of all post-removes; what is over it is refused.
    pub post_remove_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            clients_max: 1 << 20,
            hello_ms: 10_000,
            established_ms: 60_000,
            messages_per_second: 1000,
            message_burst: 5000,
            bytes_per_second: 1 << 20,
            byte_burst: 4 << 20,
            held_bytes_max: 64 << 10,
            interests_max: 256,
            zones_max: 512,
            objects_max: 65_536,
            granted_max: 1024,
            post_removes_max: 256,
            post_remove_bytes_max: 256 << 10,
        }
    }
}

impl Config {
    /// How its channels are leased to shards.
    pub fn leasing(&self) -> Leasing {
        let count = (self.channels.end().0 - self.channels.start().0).saturating_add(1);
        let chunk = match count {
            0..=SINGLY_LEASED_MAX => 1,
            // What is too long for the table of chunks has longer chunks.
            _ => (count / SINGLY_LEASED_MAX).next_power_of_two().min(CHUNK_MAX).max(count >> 20),
        };
        Leasing { range: self.channels.clone(), chunk: chunk.next_power_of_two() }
    }
}
