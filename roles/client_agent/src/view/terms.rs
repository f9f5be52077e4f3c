//! What all views of an agent have in common.

use crate::config::{Config, Limits};
use ahash::RandomState;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId};
use wire::state_server::Location;

/// What all views of an agent have in common.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Which protocol is spoken.
    pub dialect: Dialect,
    /// What grows no further.
    pub limits: Limits,
    /// How long a parent is waited for, in milliseconds.
    pub interest_ms: u64,
    hasher: RandomState,
}

/// The id of an object, hashed: once, for all views that are asked for it.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub(super) do_id: DoId,
    pub(super) hash: u64,
}

impl Terms {
    /// As the configuration says.
    pub fn new(dialect: Dialect, config: &Config) -> Terms {
        let [a, b, c, d] = config.hash_seeds;
        Terms {
            dialect,
            limits: config.limits,
            interest_ms: config.interest_ms,
            hasher: RandomState::with_seeds(a, b, c, d),
        }
    }

    /// The key of an object.
    #[inline]
    pub fn key(&self, do_id: DoId) -> Key {
        Key { do_id, hash: self.hasher.hash_one(do_id.0) }
    }

    #[inline]
    pub(super) fn hash_of(&self, location: Location) -> u64 {
        self.hasher.hash_one(u64::from(location.parent.0) << 32 | u64::from(location.zone.0))
    }

    /// Whether a parent has locations that a client may listen to: elsewhere their channels would
    /// be somebody's own, or of another meaning. Nor has the Message Director, which would take a
    /// question for a command.
    pub(super) fn has_locations(&self, parent: DoId) -> bool {
        let is_director = Channel::object(parent) == self.dialect.control_channel();
        parent.0 != 0 && !is_director && !self.dialect.is_reserved_do_id(parent)
    }
}
