//! The Client Agent role: the gate that lets clients in and trusts none of them (`openotp.md`,
//! Client Agent and client protocol; `astron` sections 3 and 4).
#![no_std]

extern crate alloc;

mod config;
pub mod entry;
pub mod view;

pub use config::{Config, InterestPermission, Limits, Uberdog};

use runtime::{Input, Now, Outbox, Role, RoleId};

/// The role instance of one shard.
pub struct ClientAgent {
    me: RoleId,
    config: Config,
}

impl ClientAgent {
    /// The instance `me` of a shard.
    pub fn new(me: RoleId, config: Config) -> ClientAgent {
        ClientAgent { me, config }
    }
}

impl Role for ClientAgent {
    fn step(&mut self, _now: Now, _input: Input<'_>, _out: &mut Outbox) {}
}
