//! A simulated daemon: its shards, assembled as the real one assembles them, and their carrier.

mod store;

pub use store::Store;

use crate::carrier::{Carrier, CarrierKind};
use crate::core::Core;
use crate::disk::FaultyDisk;
use crate::net::EndId;
use runtime::{Limits, Shard, ShardId};
use std::sync::Arc;
use wire::dialect::Dialect;

const HASH_SEEDS: [u64; 4] = [1, 2, 3, 4];

/// What a daemon is configured to be.
#[derive(Clone, Debug)]
pub struct DaemonConfig {
    /// Where it listens; also what it calls itself.
    pub address: String,
    /// The daemon above it.
    pub connect: Option<String>,
    /// How many shards.
    pub shards: usize,
    /// What its messages look like.
    pub dialect: Dialect,
    /// What grows no further.
    pub limits: Limits,
    /// Its State Servers.
    pub state_servers: Vec<park::StateServer>,
    /// Its Client Agents.
    pub client_agents: Vec<park::ClientAgent>,
    /// The objects that every client knows.
    pub uberdogs: Vec<park::Uberdog>,
    /// Its Databases.
    pub databases: Vec<park::Database>,
    /// Its DBSS.
    pub dbss: Vec<park::Dbss>,
    /// The disks of their stores, which outlive it.
    pub disks: Vec<Arc<FaultyDisk>>,
    /// The classes of all objects.
    pub classes: park::Classes,
}

/// A daemon, alive or dead.
pub struct Daemon {
    /// What it is.
    pub config: DaemonConfig,
    /// Its cores; none while it is dead.
    pub cores: Vec<Core>,
    /// What its cores talk through.
    pub carrier: Carrier,
    /// The logs of its Databases; none while it is dead.
    pub stores: Vec<Store>,
    kind: CarrierKind,
    inflight_bytes_max: usize,
    lives: u32,
}

impl Daemon {
    /// A dead daemon.
    pub fn new(config: DaemonConfig, kind: CarrierKind, inflight_bytes_max: usize) -> Daemon {
        let carrier = Carrier::new(kind, config.shards, inflight_bytes_max);
        let (cores, stores) = (Vec::new(), Vec::new());
        Daemon { config, cores, carrier, stores, kind, inflight_bytes_max, lives: 0 }
    }

    /// Which of its lives it is in, if it lives.
    pub fn life(&self) -> Option<u32> {
        (!self.cores.is_empty()).then_some(self.lives)
    }

    /// Begins a new life with nothing but what its disks have.
    pub fn start(&mut self, now: u64) {
        assert!(self.cores.is_empty(), "a daemon lives once at a time");
        self.lives += 1;
        self.carrier = Carrier::new(self.kind, self.config.shards, self.inflight_bytes_max);
        let (shards, stores) = assemble(&self.config);
        self.stores = stores;
        let shards = shards.into_iter().enumerate();
        let core = |(at, shard)| Core::new(shard, ShardId(at as u16), self.config.shards);
        self.cores = shards.map(core).collect();
        self.cores.iter_mut().for_each(|core| core.start(now));
    }

    /// Ends its life at once; returns the ends of all its connections.
    pub fn crash(&mut self) -> Vec<EndId> {
        let ends = self.cores.iter().flat_map(Core::ends).collect();
        self.cores.clear();
        self.stores.clear();
        self.config.disks.iter().for_each(|disk| disk.crash());
        ends
    }

    /// A count, over all shards.
    pub fn total(&self, count: impl Fn(&runtime::Counts) -> u64) -> u64 {
        self.cores.iter().map(|core| count(core.shard().counts())).sum()
    }
}

fn assemble(config: &DaemonConfig) -> (Vec<Shard>, Vec<Store>) {
    let shards = config.shards;
    let limits = park::Limits { shard: config.limits, ..park::Limits::default() };
    let connect = config.connect.clone();
    let disks = config.disks.clone();
    let config = park::Config {
        general: park::General {
            dialect: config.dialect,
            classes: config.classes.clone(),
            eventlogger: Some(([127, 0, 0, 1], 7197).into()),
        },
        daemon: park::Daemon { name: config.address.clone(), url: String::new() },
        message_director: park::MessageDirector { connect, limits, ..Default::default() },
        state_servers: config.state_servers.clone(),
        client_agents: config.client_agents.clone(),
        uberdogs: config.uberdogs.clone(),
        databases: config.databases.clone(),
        dbss: config.dbss.clone(),
        shards: park::Shards::Count(shards),
        ..park::Config::default()
    };
    let mut shares: Vec<Vec<park::StoreShare>> = (0..shards).map(|_| Vec::new()).collect();
    let mut stores = Vec::new();
    for (database, disk) in config.databases.iter().zip(disks) {
        let opened = park::open_store(database, &config.general, shards, HASH_SEEDS, disk);
        let opened = opened.unwrap_or_else(|error| panic!("a store does not open again: {error}"));
        stores.push(Store::new(opened.committer));
        shares.iter_mut().zip(opened.shares).for_each(|(all, share)| all.push(share));
    }
    let make =
        |(me, shares)| park::assemble(&config, ShardId(me as u16), shards, HASH_SEEDS, shares);
    (shares.into_iter().enumerate().map(make).collect(), stores)
}
