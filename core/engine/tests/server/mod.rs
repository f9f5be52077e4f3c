//! An engine in this process with a Message Director on it, and clients that speak to it over
//! plain sockets. Every wait has an end.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod client;

pub use client::{Client, datagram};

use engine::{Config, Listener, Running, ShardCpus, StartError};
use message_director::{Allow, LISTENER, MessageDirector, UPSTREAM_LINK, UpstreamConfig};
use runtime::{CloseReason, Counts, Limits, Shard, ShardConfig, ShardId};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};
use wire::control::ControlMessage;
use wire::dialect::Dialect;
use wire::ids::Channel;

pub const DIALECT: Dialect = Dialect::OpenOtp;
/// Nothing takes this long unless it never comes.
pub const CEILING: Duration = Duration::from_secs(30);
const UPSTREAM_SHARD: ShardId = ShardId(0);

/// One test at a time: they share the cores, and some count the sockets of the process.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `done`.
#[track_caller]
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < CEILING, "waited in vain for {what}");
        sleep(Duration::from_millis(5));
    }
}

/// An address that nobody listens on. Connections are made from 127.0.0.1, so none of them can
/// take a port of 127.0.0.2 meanwhile.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap()
}

/// A running engine; stopped when it goes.
pub struct Server {
    pub address: SocketAddr,
    shards: usize,
    running: Option<Running>,
}

impl Server {
    pub fn start(shards: usize) -> Server {
        Server::start_at(free_address(), shards, None).unwrap()
    }

    /// With so many receive buffers per shard, and so many bytes in each.
    pub fn start_with_buffers(shards: usize, buffers: (u16, usize)) -> Server {
        let config = Config { buffers, ..config(free_address(), shards) };
        Server::start_config(config, None).unwrap()
    }

    pub fn start_at(
        address: SocketAddr,
        shards: usize,
        upstream: Option<SocketAddr>,
    ) -> Result<Server, StartError> {
        Server::start_config(config(address, shards), upstream)
    }

    fn start_config(config: Config, upstream: Option<SocketAddr>) -> Result<Server, StartError> {
        let running =
            engine::start(&config, Vec::new(), move |me, shards| shard(me, shards, upstream))?;
        let (address, shards) = (running.local_addrs[0].1, running.cpus.len());
        Ok(Server { address, shards, running: Some(running) })
    }

    /// Stops it in order.
    #[track_caller]
    pub fn stop(mut self) {
        let running = self.running.take().unwrap();
        running.stop.ask();
        running.wait().unwrap();
    }

    /// Drops the engine as it is, as someone does who fails after its start.
    pub fn abandon(mut self) {
        drop(self.running.take().unwrap());
    }

    /// `count` clients of which each has subscribed its own channel, from `first` on.
    #[track_caller]
    pub fn clients(&self, first: u64, count: u64) -> Vec<Client> {
        let before = self.count("subscriptions");
        let join = |own| {
            let mut client = Client::join(self.address);
            client.control(ControlMessage::AddChannel(Channel(own)));
            client
        };
        let clients = (first..first + count).map(join).collect();
        // Every shard knows of every subscription.
        self.await_count("subscriptions", before + count * self.shards as u64);
        clients
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    /// What all shards have counted under `name`, whatever the label.
    pub fn count(&self, name: &str) -> u64 {
        self.sum(|at| Counts::METRICS[at].name == name)
    }

    fn sum(&self, counts: impl Fn(usize) -> bool) -> u64 {
        let snapshot = self.running().counters.snapshot();
        let of_shard = |shard: [u64; Counts::LEN]| {
            (0..Counts::LEN).filter(|&at| counts(at)).map(|at| shard[at]).sum::<u64>()
        };
        snapshot.iter().map(|shard| of_shard(shard.shard)).sum()
    }

    #[track_caller]
    pub fn await_count(&self, name: &str, value: u64) {
        wait_until(name, || self.count(name) == value);
    }

    /// Waits until so many connections have ended for `reason`.
    #[track_caller]
    pub fn await_closed(&self, reason: CloseReason, value: u64) {
        let label = Some(("reason", reason.name()));
        let is_it = |at: usize| {
            Counts::METRICS[at].name == "connections_closed" && Counts::METRICS[at].label == label
        };
        wait_until(reason.name(), || self.sum(is_it) == value);
    }

    #[track_caller]
    pub fn await_accepted(&self, value: u64) {
        let accepted =
            || self.running().counters.snapshot().iter().map(|s| s.engine.accepted).sum::<u64>();
        wait_until("accepts", || value == accepted());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.ask();
            drop(running.wait());
        }
    }
}

fn config(address: SocketAddr, shards: usize) -> Config {
    let listeners = vec![Listener::plain(LISTENER, address)];
    Config { cpus: ShardCpus::Count(shards), listeners, ..Config::default() }
}

fn shard(me: ShardId, shards: usize, upstream: Option<SocketAddr>) -> Shard {
    let mut shard = Shard::new(ShardConfig {
        has_event_logger: false,
        me,
        shards,
        dialect: DIALECT,
        // On a slow machine nobody is to be closed for being slow.
        limits: Limits { stall_ms: 3_600_000, ..Limits::default() },
        upstream: upstream.map(|_| UPSTREAM_SHARD),
        hash_seeds: [1, 2, 3, 4],
    });
    let upstream = upstream.map(|address| UpstreamConfig {
        address: address.to_string(),
        shard: UPSTREAM_SHARD,
        name: String::new(),
        url: String::new(),
    });
    let config = message_director::Config { allow: Allow::Everyone, upstream, event_logger: false };
    shard.add_role(&[LISTENER], &[UPSTREAM_LINK], |id| Box::new(MessageDirector::new(id, config)));
    shard
}
