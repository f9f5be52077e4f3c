//! What a seed decides of an object world before anything happens.

use crate::carrier::CarrierKind;
use crate::chance::Chance;
use crate::objects::pools::Pools;
use crate::plan::{self, Sabotage, Trouble};
use crate::world::Tempo;
use runtime::Limits;
use wire::dialect::Dialect;

/// How requests follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// One after the other, with all quiet in between: what is heard is known exactly.
    Sequential,
    /// Several at once, none of which disturbs another: what is heard is known but for the order
    /// of what different objects say.
    Parallel,
    /// Several at once on the same objects: what is left must agree with what was heard.
    Chaos,
}

/// What a seed decides.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How requests follow each other.
    pub mode: Mode,
    /// The dialect.
    pub dialect: Dialect,
    /// The shards of each daemon.
    pub shards: usize,
    /// How many daemons there are, each below the one before, with a State Server each.
    pub daemons: usize,
    /// What they talk through.
    pub carrier: CarrierKind,
    /// The pace.
    pub tempo: Tempo,
    /// The limits of every shard.
    pub limits: Limits,
    /// Objects that one input of a State Server concerns at once.
    pub objects_at_once: usize,
    /// Ids and channels.
    pub pools: Pools,
    /// Requests.
    pub requests: u32,
    /// Time between two of them, at most, in nanoseconds.
    pub action_ns_max: u64,
    /// Whether somebody hears everything.
    pub omniscient: bool,
    /// Something broken on purpose.
    pub sabotage: Sabotage,
}

/// Bytes that a connection takes at once, at least, where daemons answer each other.
const BUFFER_BETWEEN_DAEMONS: usize = 70_000;

impl Plan {
    /// The plan of the run of `seed`.
    pub fn of(seed: u64, shards: Option<usize>, sabotage: Sabotage) -> Plan {
        Plan::new(&mut Chance::new(seed), shards, sabotage)
    }

    /// The plan of a seed. `shards` overrules its choice of shards.
    pub fn new(chance: &mut Chance, shards: Option<usize>, sabotage: Sabotage) -> Plan {
        let dialect = if chance.one_in(2) { Dialect::OpenOtp } else { Dialect::Astron };
        let mode = match chance.below(5) {
            0 | 1 => Mode::Sequential,
            2 | 3 => Mode::Parallel,
            _ => Mode::Chaos,
        };
        let daemons = if mode == Mode::Sequential && chance.one_in(3) { 2 } else { 1 };
        let chosen = chance.pick(&[1, 2, 2, 3, 3, 8]).unwrap_or(1);
        let ids = if chance.one_in(6) { 40 } else { chance.between(4, 16) as usize };
        let mut tempo = plan::tempo(chance, Trouble::Calm);
        if daemons > 1 {
            // A child that takes longer than a second to answer its parent elsewhere is gone for it.
            let buffer = &mut tempo.weather.buffer_bytes;
            *buffer = (*buffer).max(BUFFER_BETWEEN_DAEMONS);
        }
        Plan {
            mode,
            dialect,
            shards: shards.unwrap_or(chosen),
            daemons,
            carrier: plan::carrier(sabotage),
            tempo,
            limits: plan::limits(Trouble::Calm),
            objects_at_once: chance.pick(&[1, 1, 2, 5, 4096]).unwrap_or(1),
            pools: Pools::new(dialect, daemons, ids, chance),
            requests: chance.between(30, 90) as u32,
            action_ns_max: chance.pick(&[0, 5_000, 50_000, 1_000_000]).unwrap_or(0),
            omniscient: chance.one_in(3),
            sabotage,
        }
    }
}
