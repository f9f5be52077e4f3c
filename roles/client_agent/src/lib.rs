//! The Client Agent role: the gate that lets clients in and trusts none of them (`openotp.md`,
//! Client Agent and client protocol; `astron` sections 3 and 4).
#![no_std]

extern crate alloc;

mod config;
pub mod entry;
pub mod view;

pub use config::{Config, InterestPermission, Limits, Uberdog};

use runtime::{Input, Now, Objects, Outbox, Placing, Role, RoleId, Split};
use smallvec::SmallVec;
use wire::dialect::Dialect;
use wire::ids::{DoId, MsgType};

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

    /// What is placed to a Client Agent: the channels of its clients, and nothing else.
    pub fn placing(config: &Config) -> Placing {
        let clients = Some(config.leasing());
        let (controls, split, objects) = (SmallVec::new(), no_control as Split, Objects::None);
        Placing { controls, split, objects, clients, store: None }
    }
}

impl Role for ClientAgent {
    fn step(&mut self, _now: Now, _input: Input<'_>, _out: &mut Outbox) {}
}

/// It has no control channel, so nothing is asked.
fn no_control(_: Dialect, _: MsgType, _: &[u8]) -> Option<DoId> {
    None
}
