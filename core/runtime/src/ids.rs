//! Who is who on a shard. None of these ids stands on the wire.

use core::fmt;

/// Nanoseconds on the driver's monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Now(pub u64);

impl Now {
    /// The moment `ms` milliseconds after this one.
    pub const fn plus_ms(self, ms: u64) -> Now {
        Now(self.0.saturating_add(ms.saturating_mul(1_000_000)))
    }
}

/// A shard of this daemon, `0..shards`, at most [`ShardId::COUNT_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct ShardId(pub u16);

impl ShardId {
    /// How many shards a daemon may have: targets of a datagram are one bit each of a `u64`.
    pub const COUNT_MAX: usize = 64;

    pub(crate) const fn bit(self) -> u64 {
        1 << self.0
    }
}

/// A connection: a slot of the driver, small and dense. Reused only after
/// [`crate::Effect::Released`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct ConnId(pub u32);

/// A role instance of this shard, by its place in the list that the shard was made with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct RoleId(pub u16);

/// A listening socket of the configuration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct ListenerId(pub u16);

/// An outbound connection that a role asks for; chosen by the role.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct LinkId(pub u16);

/// A store of the configuration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct StoreId(pub u16);

/// Someone who can subscribe: another shard, a role of this one, or a connection.
///
/// ```text
/// 0 ..= 63        the shards, as peers
/// 64 ..= 959      the roles of this shard
/// 960 ..= 1023    what each of the roles, on whichever shard, wants from the upstream alone
/// 1024 ..         the connections of this shard
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Participant(pub(crate) u32);

const ROLES_FROM: u32 = ShardId::COUNT_MAX as u32;
const ATTRACTED_FROM: u32 = 960;
const CONNS_FROM: u32 = 1024;

/// What a [`Participant`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Another shard of this daemon.
    Shard(ShardId),
    /// A role instance of this shard.
    Role(RoleId),
    /// The instances of a role, as far as they want a placed channel from the upstream.
    Attracted(RoleId),
    /// A connection of this shard.
    Conn(ConnId),
}

impl Participant {
    /// What it is.
    #[inline]
    pub fn kind(self) -> Kind {
        if self.0 >= CONNS_FROM {
            Kind::Conn(ConnId(self.0 - CONNS_FROM))
        } else if self.0 >= ATTRACTED_FROM {
            Kind::Attracted(RoleId((self.0 - ATTRACTED_FROM) as u16))
        } else if self.0 >= ROLES_FROM {
            Kind::Role(RoleId((self.0 - ROLES_FROM) as u16))
        } else {
            Kind::Shard(ShardId(self.0 as u16))
        }
    }

    /// Whether it belongs to this shard, and other shards are to hear of what it subscribes.
    #[inline]
    pub fn is_local(self) -> bool {
        self.0 >= ROLES_FROM && !(ATTRACTED_FROM..CONNS_FROM).contains(&self.0)
    }

    /// The instances of `role`, as far as they want a placed channel from the upstream.
    pub(crate) fn attracted(role: RoleId) -> Participant {
        assert!(role.0 < 64, "a shard has few roles");
        Participant(ATTRACTED_FROM + role.0 as u32)
    }
}

impl From<ShardId> for Participant {
    fn from(shard: ShardId) -> Self {
        Participant(shard.0 as u32)
    }
}

impl From<RoleId> for Participant {
    fn from(role: RoleId) -> Self {
        Participant(ROLES_FROM + role.0 as u32)
    }
}

impl From<ConnId> for Participant {
    fn from(conn: ConnId) -> Self {
        Participant(CONNS_FROM + conn.0)
    }
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)
    }
}
