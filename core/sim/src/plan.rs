//! What a seed decides before anything happens: the tree, its shards, its weather, its troubles.

use crate::carrier::CarrierKind;
use crate::chance::Chance;
use crate::net::Weather;
use crate::world::Tempo;
use runtime::Limits;
use wire::dialect::Dialect;

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;

/// Something broken on purpose, to see that the checkers see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sabotage {
    /// Nothing.
    #[default]
    None,
    /// The gate of the carrier is off.
    NoGate,
    /// Shards talk through a ring per sender, drained one after the other.
    Rings,
    /// Observers now and then hear a frame twice.
    Double,
    /// Observers now and then hear what they sent.
    Echo,
    /// Observers now and then miss a frame.
    Lose,
    /// Observers now and then hear a frame one later.
    Swap,
    /// Observers now and then hear what they did not subscribe.
    Ghost,
    /// Observers now and then hear one byte changed.
    Garble,
    /// An object answers now and then although it was deleted.
    Undead,
    /// A store answers before what it was asked for is durable.
    EarlyAnswers,
    /// The last write before a sync may be lost in a crash.
    LostWrites,
    /// Queries now and then do not find an object that they should.
    Forgetful,
    /// An id is now and then given twice.
    TwiceGiven,
    /// What a full disk did not take is taken for stored.
    NoRollback,
    /// An object hears now and then in a client's name what that did not say.
    Forge,
}

/// What goes wrong in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Nothing but connections that come and go, and hostile bytes.
    Calm,
    /// Links are cut, daemons die and come back.
    Storm,
    /// Somebody does not read while somebody floods.
    Flood,
}

/// What a seed decides.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The dialect of the whole tree.
    pub dialect: Dialect,
    /// The parent of each daemon.
    pub parents: Vec<Option<usize>>,
    /// The shards of each daemon.
    pub shards: Vec<usize>,
    /// Whether an observer listens above the root and plays its upstream.
    pub observed_upstream: bool,
    /// What goes wrong.
    pub trouble: Trouble,
    /// Whether a link may come again before the one above has forgotten the last one.
    pub links_overlap: bool,
    /// What shards talk through.
    pub carrier: CarrierKind,
    /// The pace.
    pub tempo: Tempo,
    /// The limits of every shard.
    pub limits: Limits,
    /// Rounds of churn, each followed by probes.
    pub rounds: u32,
    /// Things that observers do in a round of churn.
    pub actions: u32,
    /// Time between two of them, at most, in nanoseconds.
    pub action_ns_max: u64,
    /// Something broken on purpose.
    pub sabotage: Sabotage,
}

impl Plan {
    /// The plan of a seed. `shards` overrules its choice of shards.
    pub fn new(chance: &mut Chance, shards: Option<usize>, sabotage: Sabotage) -> Plan {
        let daemons = chance.between(1, 4) as usize;
        let trouble = match chance.below(8) {
            0..4 => Trouble::Calm,
            4..7 => Trouble::Storm,
            _ => Trouble::Flood,
        };
        let parent = |at: usize, chance: &mut Chance| (at > 0).then(|| chance.index(at));
        let counts = [1, 1, 2, 2, 3, 3, 8];
        let tempo = tempo(chance, trouble);
        Plan {
            dialect: if chance.one_in(2) { Dialect::OpenOtp } else { Dialect::Astron },
            parents: (0..daemons).map(|at| parent(at, chance)).collect(),
            shards: (0..daemons)
                .map(|_| chance.pick(&counts).unwrap_or(1))
                .map(|chosen| shards.unwrap_or(chosen))
                .collect(),
            observed_upstream: chance.one_in(2),
            trouble,
            links_overlap: trouble == Trouble::Storm && chance.one_in(4),
            carrier: carrier(sabotage),
            limits: limits(trouble),
            rounds: chance.between(1, 2) as u32,
            actions: chance.between(20, 80) as u32,
            action_ns_max: chance.pick(&[0, 5 * MICRO, 50 * MICRO, MILLI]).unwrap_or(0),
            tempo,
            sabotage,
        }
    }
}

/// What shards talk through.
pub(crate) fn carrier(sabotage: Sabotage) -> CarrierKind {
    match sabotage {
        Sabotage::NoGate => CarrierKind::Ungated,
        Sabotage::Rings => CarrierKind::Rings,
        Sabotage::None
        | Sabotage::Double
        | Sabotage::Echo
        | Sabotage::Lose
        | Sabotage::Swap
        | Sabotage::Ghost
        | Sabotage::Garble
        | Sabotage::Undead
        | Sabotage::EarlyAnswers
        | Sabotage::LostWrites
        | Sabotage::Forgetful
        | Sabotage::TwiceGiven
        | Sabotage::NoRollback
        | Sabotage::Forge => CarrierKind::Gated,
    }
}

pub(crate) fn tempo(chance: &mut Chance, trouble: Trouble) -> Tempo {
    let buffers = match trouble {
        Trouble::Calm => [700, 5_000, 70_000, 1 << 20],
        Trouble::Storm => [5_000, 70_000, 70_000, 1 << 20],
        Trouble::Flood => [16 << 10, 32 << 10, 64 << 10, 64 << 10],
    };
    // A pause takes up to three turns to reach a sender. With more under way than an eighth of a
    // backlog, as by default, a flood would cut a link that does read.
    let inflight = match trouble {
        Trouble::Calm | Trouble::Storm => [2_000, 100_000, 16 << 20],
        Trouble::Flood => [2_000, 50_000, 128_000],
    };
    Tempo {
        weather: Weather {
            delay_ns_max: chance.pick(&[0, 2 * MICRO, 30 * MICRO, 500 * MICRO]).unwrap_or(0),
            late_one_in: chance.pick(&[0, 50]).unwrap_or(0),
            split_one_in: chance.pick(&[0, 2, 10]).unwrap_or(0),
            buffer_bytes: chance.pick(&buffers).unwrap_or(1 << 20),
            notice_ns_max: chance.pick(&[0, MILLI, 100 * MILLI]).unwrap_or(0),
        },
        step_ns_max: chance.pick(&[0, MICRO, 5 * MICRO, 20 * MICRO]).unwrap_or(0),
        stall_one_in: chance.pick(&[0, 20, 300]).unwrap_or(0),
        read_bytes_max: chance.pick(&[600, 16 << 10, 256 << 10]).unwrap_or(1 << 16),
        inflight_bytes_max: chance.pick(&inflight).unwrap_or(1 << 20),
        disk_ns_max: 0,
    }
}

pub(crate) fn limits(trouble: Trouble) -> Limits {
    match trouble {
        Trouble::Calm | Trouble::Storm => Limits { stall_ms: 600_000, ..Limits::default() },
        Trouble::Flood => Limits {
            backlog_bytes_max: 1 << 20,
            flood_bytes_max: 64 << 10,
            stall_ms: 2_000,
            ..Limits::default()
        },
    }
}
