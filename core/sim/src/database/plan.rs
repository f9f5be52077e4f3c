//! What a seed decides of a database world before anything happens.

use crate::carrier::CarrierKind;
use crate::chance::Chance;
use crate::database::model::Rules;
use crate::database::schema;
use crate::disk::{Kind as DiskKind, Lie};
use crate::plan::{self, Sabotage, Trouble};
use crate::world::Tempo;
use runtime::Limits;
use wire::dialect::Dialect;

/// How requests follow each other, and what goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// One after the other, with all quiet in between: what is heard is known exactly.
    Sequential,
    /// Several at once on the same objects: what is heard must be explained by some order.
    Parallel,
    /// The same, and daemons crash meanwhile.
    Crashes,
    /// The same, and the disk fills up and gets room again.
    Full,
    /// The same, and the disk fails.
    Broken,
    /// Bits of what is stored turn over while nobody runs.
    Rot,
}

/// What a seed decides.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What goes wrong.
    pub mode: Mode,
    /// The dialect.
    pub dialect: Dialect,
    /// The shards of each daemon, life by life in turn.
    pub shards: Vec<usize>,
    /// How many daemons there are, each below the one before.
    pub daemons: usize,
    /// Which of them has the Database.
    pub home: usize,
    /// What shards talk through.
    pub carrier: CarrierKind,
    /// The pace.
    pub tempo: Tempo,
    /// The limits of every shard.
    pub limits: Limits,
    /// The channel of the Database.
    pub control: u64,
    /// The lowest and the highest id of new objects.
    pub generate: (u32, u32),
    /// Whether changes are announced.
    pub broadcast: bool,
    /// Bytes of a segment.
    pub segment_bytes: u32,
    /// The fields with an index.
    pub indexes: Vec<(String, String)>,
    /// What grows no further in the Database.
    pub database_limits: database::Limits,
    /// The disk.
    pub disk: DiskKind,
    /// Connections that ask.
    pub conns: usize,
    /// Stretches of requests.
    pub rounds: u32,
    /// Requests in each of them.
    pub requests: u32,
    /// Time between two of them, at most, in nanoseconds.
    pub action_ns_max: u64,
    /// Something broken on purpose.
    pub sabotage: Sabotage,
}

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;

impl Plan {
    /// The plan of the run of `seed`.
    pub fn of(seed: u64, shards: Option<usize>, sabotage: Sabotage) -> Plan {
        Plan::new(&mut Chance::new(seed), shards, sabotage)
    }

    /// The plan of a seed. `shards` overrules its choice of shards.
    pub fn new(chance: &mut Chance, shards: Option<usize>, sabotage: Sabotage) -> Plan {
        let mode = match chance.below(20) {
            0..5 => Mode::Sequential,
            5..8 => Mode::Parallel,
            8..14 => Mode::Crashes,
            14..16 => Mode::Full,
            16..18 => Mode::Broken,
            _ => Mode::Rot,
        };
        let dialect = if chance.one_in(2) { Dialect::OpenOtp } else { Dialect::Astron };
        let daemons = chance.between(1, 2) as usize;
        let mut tempo = plan::tempo(chance, Trouble::Calm);
        tempo.disk_ns_max = chance.pick(&[0, 20 * MICRO, 300 * MICRO, 5 * MILLI]).unwrap_or(MICRO);
        let control = match dialect {
            Dialect::OpenOtp => 4003,
            Dialect::Astron => 4_003,
        };
        let cold = [0, 0, 2, 5];
        let disk = DiskKind {
            cold_one_in: if mode == Mode::Broken { 0 } else { chance.pick(&cold).unwrap_or(0) },
            lie: lie(sabotage),
            ..DiskKind::default()
        };
        Plan {
            mode,
            dialect,
            shards: lives(chance, shards),
            daemons,
            home: chance.index(daemons),
            carrier: plan::carrier(sabotage),
            tempo,
            limits: plan::limits(Trouble::Calm),
            control,
            generate: generate(chance, mode),
            broadcast: !chance.one_in(4),
            segment_bytes: match mode {
                Mode::Full => chance.between(3, 4) as u32,
                Mode::Sequential | Mode::Parallel | Mode::Crashes | Mode::Broken | Mode::Rot => {
                    chance.pick(&[3, 4, 8, 32]).unwrap_or(4)
                }
            } << 10,
            indexes: indexes(chance),
            database_limits: database::Limits {
                objects_at_once: chance.pick(&[1, 2, 7, 1024]).unwrap_or(1),
                ..database::Limits::default()
            },
            disk,
            conns: chance.between(1, 6) as usize,
            rounds: chance.between(2, 4) as u32,
            // It takes some to fill what is in reserve.
            requests: chance.between(15, 50) as u32 * if mode == Mode::Full { 3 } else { 1 },
            action_ns_max: chance.pick(&[0, 5 * MICRO, 50 * MICRO, MILLI]).unwrap_or(0),
            sabotage,
        }
    }

    /// What the Database goes by.
    pub fn rules(&self) -> Rules {
        Rules {
            dialect: self.dialect,
            schema: schema::load(),
            control: self.control,
            broadcast: self.broadcast,
        }
    }
}

fn lives(chance: &mut Chance, shards: Option<usize>) -> Vec<usize> {
    let life = |chance: &mut Chance| chance.pick(&[1, 2, 2, 3, 3, 8]).unwrap_or(1);
    let first = life(chance);
    let is_same = chance.one_in(2);
    let chosen = (0..3).map(|_| if is_same { first } else { life(chance) });
    chosen.map(|chosen| shards.unwrap_or(chosen)).collect()
}

/// Few ids, at the ends of what an id can be, or where some are reserved, or simply enough.
fn generate(chance: &mut Chance, mode: Mode) -> (u32, u32) {
    let some = chance.pick(&[3, 12, 40, 40, 60]).unwrap_or(40);
    let most = if mode == Mode::Full { 60 } else { some };
    let first = match chance.below(6) {
        0 => u32::MAX - most,
        1 => 3_995,
        2 => 4_025,
        3 => 0x7fff_fff0,
        _ => 1_000 + chance.below(1 << 20) as u32,
    };
    (first, first + most)
}

fn indexes(chance: &mut Chance) -> Vec<(String, String)> {
    let all = schema::INDEXED.iter().filter(|_| chance.one_in(2));
    all.map(|(class, field)| (class.to_string(), field.to_string())).collect()
}

/// What the disk does not do for this.
pub fn lie(sabotage: Sabotage) -> Lie {
    match sabotage {
        Sabotage::EarlyAnswers => Lie::SyncDoesNothing,
        Sabotage::LostWrites => Lie::SyncIsLate,
        Sabotage::None
        | Sabotage::NoGate
        | Sabotage::Rings
        | Sabotage::Double
        | Sabotage::Echo
        | Sabotage::Lose
        | Sabotage::Swap
        | Sabotage::Ghost
        | Sabotage::Garble
        | Sabotage::Undead
        | Sabotage::Forgetful
        | Sabotage::TwiceGiven
        | Sabotage::NoRollback
        | Sabotage::Forge => Lie::None,
    }
}
