//! What a seed decides of a client world before anything happens.

use crate::carrier::CarrierKind;
use crate::chance::Chance;
use crate::database::plan::lie;
use crate::disk::Kind as DiskKind;
use crate::plan::{self, Sabotage, Trouble};
use crate::world::Tempo;
use client_agent::InterestPermission;
use runtime::Limits;
use std::ops::RangeInclusive;
use wire::dialect::Dialect;

/// The uberdog that lets clients in.
pub const LOGIN: u32 = 4665;
/// Parents that are there from the beginning to the end, and that every client knows.
pub const HALLS: [u32; 3] = [5001, 5002, 5003];
/// Zones.
pub const ZONES: [u32; 5] = [0, 1, 2, 9, u32::MAX];
/// All other objects.
pub const BODIES: RangeInclusive<u32> = 100_000..=199_999;
/// Objects of the Database.
pub const STORED: RangeInclusive<u32> = 200_000..=200_999;
/// The control channel of the Database.
pub const DATABASE: u64 = 4_003;
/// The first channel of clients.
pub const FIRST_CLIENT: u64 = 1_000_000_000;
/// The version that clients must have.
pub const VERSION: &str = "sim-1";
/// The hash that clients must have.
pub const DC_HASH: u32 = 0x1234_5678;

/// What a seed decides.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The dialect.
    pub dialect: Dialect,
    /// The shards of each daemon.
    pub shards: usize,
    /// Whether the Client Agent is in a daemon of its own, below that of the State Server.
    pub is_apart: bool,
    /// Whether the link between the daemons is cut now and then.
    pub cuts: bool,
    /// Channels for clients.
    pub channels: u64,
    /// Messages that a client may say at once.
    pub message_burst: u32,
    /// What they talk through.
    pub carrier: CarrierKind,
    /// The pace.
    pub tempo: Tempo,
    /// The limits of every shard.
    pub limits: Limits,
    /// Which interests clients may open.
    pub add_interest: InterestPermission,
    /// After so long nobody waits for a parent any more, in milliseconds.
    pub interest_ms: u64,
    /// Whether clients may move what they own.
    pub relocate: bool,
    /// Clients, at most.
    pub clients: usize,
    /// One client in so many is no honest one.
    pub villains_one_in: u64,
    /// Actors of the cluster, besides the one that lets clients in.
    pub actors: usize,
    /// Rounds of things that are done; each is looked at.
    pub rounds: u32,
    /// Things that are done in a round.
    pub actions: u32,
    /// Time between two of them, at most, in nanoseconds.
    pub action_ns_max: u64,
    /// What lasts, and where.
    pub storage: Option<Storage>,
    /// Something broken on purpose.
    pub sabotage: Sabotage,
}

/// A Database and its DBSS.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Daemons, those of the State Server and of the Client Agent included.
    pub daemons: usize,
    /// The daemon of the Database.
    pub database: usize,
    /// The DBSS: the daemon of each, and its objects.
    pub dbss: Vec<(usize, RangeInclusive<u32>)>,
    /// The disk.
    pub disk: DiskKind,
    /// Bytes of a segment.
    pub segment_bytes: u32,
    /// Whether the Database tells of changes in `astron`.
    pub broadcast: bool,
    /// Objects that there should be.
    pub objects: usize,
    /// How often there is power: at the end of a day it fails.
    pub days: u32,
}

/// Channels that are enough for all clients of a run: none is used twice.
const MANY_CHANNELS: u64 = 1000;

impl Plan {
    /// The plan of a seed. `shards` overrules its choice of shards.
    pub fn new(chance: &mut Chance, shards: Option<usize>, sabotage: Sabotage) -> Plan {
        let dialect = if chance.one_in(2) { Dialect::OpenOtp } else { Dialect::Astron };
        let chosen = chance.pick(&[1, 2, 2, 3, 3, 8]).unwrap_or(1);
        let is_apart = chance.one_in(3);
        let cuts = is_apart && chance.one_in(3);
        let add_interest = match chance.below(5) {
            0 | 1 => InterestPermission::Enabled,
            2 | 3 => InterestPermission::Visible,
            _ => InterestPermission::Disabled,
        };
        let trouble = if cuts { Trouble::Storm } else { Trouble::Calm };
        Plan {
            dialect,
            shards: shards.unwrap_or(chosen),
            is_apart,
            cuts,
            channels: if chance.one_in(6) { chance.between(3, 12) } else { MANY_CHANNELS },
            message_burst: 600,
            carrier: plan::carrier(sabotage),
            tempo: plan::tempo(chance, trouble),
            limits: plan::limits(Trouble::Calm),
            add_interest,
            interest_ms: if cuts { 500 } else { 15_000 },
            relocate: chance.one_in(2),
            clients: chance.between(2, 24) as usize,
            villains_one_in: chance.pick(&[0, 2, 3]).unwrap_or(0),
            actors: chance.between(1, 3) as usize,
            rounds: chance.between(1, 3) as u32,
            actions: chance.between(40, 200) as u32,
            action_ns_max: chance.pick(&[20_000, 200_000, 2_000_000, 10_000_000]).unwrap_or(0),
            storage: None,
            sabotage,
        }
    }

    /// With a Database, and DBSS, below all that.
    pub fn store(&mut self, chance: &mut Chance) {
        let others = 1 + usize::from(self.is_apart);
        // A link that is cut is between clients and the cluster, not within it.
        let homes = [0, if self.cuts { 0 } else { others - 1 }, others];
        let mut home = || chance.pick(&homes).unwrap_or(0);
        let (database, first, second) = (home(), home(), home());
        let last_of_first = *STORED.start() + chance.below(6) as u32;
        let dbss = match chance.one_in(2) {
            true => vec![(first, STORED)],
            false => vec![
                (first, *STORED.start()..=last_of_first),
                (second, last_of_first + 1..=*STORED.end()),
            ],
        };
        let daemons = dbss.iter().map(|(home, _)| *home).chain([database, others - 1]).max();
        self.tempo.disk_ns_max = chance.pick(&[0, 20_000, 300_000, 5_000_000]).unwrap_or(0);
        let days = chance.between(1, 3) as u32;
        self.rounds = 1 + self.rounds / days;
        self.storage = Some(Storage {
            daemons: daemons.map_or(1, |last| last + 1),
            database,
            dbss,
            disk: DiskKind { lie: lie(self.sabotage), ..DiskKind::default() },
            segment_bytes: chance.pick(&[3, 4, 8, 32]).unwrap_or(4) << 10,
            broadcast: self.dialect == Dialect::OpenOtp || chance.one_in(2),
            objects: chance.between(3, 12) as usize,
            days,
        });
    }

    /// One daemon, whose clients have a channel each.
    pub fn stay_in_one_daemon(&mut self) {
        (self.is_apart, self.cuts, self.channels) = (false, false, MANY_CHANNELS);
    }

    /// Whether a channel is that of one client only, and nothing is lost: then what there is in the
    /// end is known exactly.
    pub fn is_exact(&self) -> bool {
        !self.reuses_channels() && !self.cuts
    }

    /// Whether somebody may get the channel of somebody who has gone.
    pub fn reuses_channels(&self) -> bool {
        self.channels != MANY_CHANNELS
    }
}
