//! A daemon's shards, driven by hand: sockets that take everything, an inbox per shard, a clock
//! that stands still, and shards that take turns in different orders.

use crate::setup::{CLIENTS, arrival, config, shard_limits};
use client_agent::ClientAgent;
use dc::Schema;
use message_director::{Allow, LISTENER, MessageDirector};
use runtime::{
    Arrival, Batch, Block, CloseReason, ConnId, Counts, Effect, Limits, Now, Objects, Placing,
    Shard, ShardConfig, ShardId, Sockets, Split, Ticket, Write,
};
use state_server::StateServer;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use transcript::script::{Kind, Script};
use transcript::{Setting, Stage};
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId};

/// The channel of the State Server; `names.txt` has it, too.
const CONTROL: Channel = Channel(400_000);
const HASH_SEEDS: [u64; 4] = [1, 2, 3, 4];
/// More turns than any transcript takes.
const TURNS_MAX: usize = 200_000;

#[derive(Default)]
struct Net(BTreeMap<ConnId, Vec<u8>>);

impl Sockets for Net {
    fn write(&mut self, conn: ConnId, slices: &[&[u8]]) -> Write {
        let all = slices.concat();
        let taken = all.len();
        self.0.entry(conn).or_default().extend(all);
        Write::Written(taken)
    }
}

struct Core {
    shard: Shard,
    net: Net,
    /// What other shards have published, in order.
    inbox: VecDeque<(ShardId, Batch)>,
    /// What its connections have sent.
    reads: VecDeque<(ConnId, Vec<u8>)>,
    /// The connections that the daemon has ended.
    ended: Vec<ConnId>,
}

/// The daemon. Each connection of a transcript has the place of its number.
pub struct World {
    setting: Setting,
    now: Now,
    cores: Vec<Core>,
    /// How clients come.
    arrivals: Vec<Vec<String>>,
    events: Vec<Vec<u8>>,
    chance: u64,
}

impl World {
    /// A daemon that has started, with all connections of the cluster.
    pub fn new(script: &Script, schema: &Arc<Schema>, dialect: Dialect, setting: Setting) -> World {
        let make = |at| {
            let mut shard = shard(script, schema, dialect, setting, at);
            shard.start(Now(1));
            let (inbox, reads) = (VecDeque::new(), VecDeque::new());
            Core { shard, net: Net::default(), inbox, reads, ended: Vec::new() }
        };
        let cores = (0..setting.shards).map(make).collect();
        let said = |kind: &Kind| match kind {
            Kind::Client(said) => said.clone(),
            Kind::Cluster(_) => Vec::new(),
        };
        let arrivals = script.conns.iter().map(|conn| said(&conn.kind)).collect();
        let (now, events, chance) = (Now(1), Vec::new(), setting.variant as u64);
        let mut world = World { setting, now, cores, arrivals, events, chance };
        let peer = "127.0.0.1:9".parse().expect("an address");
        for (at, conn) in script.conns.iter().enumerate() {
            if let Kind::Cluster(_) = conn.kind {
                let shard = &mut world.cores[setting.home(at)].shard;
                shard.accepted(now, ConnId(at as u32), LISTENER, Arrival::plain(peer, peer));
            }
        }
        world.settle();
        world
    }

    /// So many turns are taken by those that have something to do, if there are any.
    pub fn turns(&mut self, count: usize) {
        for _ in 0..count {
            let busy: Vec<usize> = (0..self.cores.len()).filter(|&at| self.is_busy(at)).collect();
            if busy.is_empty() {
                return;
            }
            let next = self.setting.pick(busy.len(), &mut self.chance);
            self.turn(busy[next]);
        }
    }

    fn is_busy(&self, at: usize) -> bool {
        let Core { shard, inbox, reads, .. } = &self.cores[at];
        let due = shard.next_wake().is_some_and(|wake| wake <= self.now);
        !inbox.is_empty() || !reads.is_empty() || due || shard.wants_turn()
    }

    /// One turn, as [`Shard`] wants it.
    fn turn(&mut self, at: usize) {
        let now = self.now;
        let Core { shard, inbox, reads, .. } = &mut self.cores[at];
        shard.wake(now);
        inbox.drain(..).for_each(|(from, batch)| shard.batch(now, from, batch));
        for (conn, bytes) in reads.drain(..) {
            shard.received(now, conn, Block::new(bytes, Ticket::NONE));
        }
        shard.finish(now);
        for to in 0..self.cores.len() {
            if let Some(batch) = self.cores[at].shard.take_batch(ShardId(to as u16)) {
                self.cores[to].inbox.push_back((ShardId(at as u16), batch));
            }
        }
        let Core { shard, net, reads, ended, .. } = &mut self.cores[at];
        shard.flush(now, net);
        for effect in shard.effects() {
            match effect {
                Effect::Close(conn, _) | Effect::Finish(conn, _) => {
                    reads.retain(|(reader, _)| *reader != conn);
                    ended.push(conn);
                }
                Effect::LogEvent(packet) => self.events.push(packet),
                Effect::Released(_) | Effect::Pause(_) | Effect::Resume(_) => (),
                Effect::Connect(..) | Effect::AskStore(..) => panic!("nobody wants that"),
            }
        }
        shard.recycle().for_each(drop);
    }
}

impl Stage for World {
    fn connect(&mut self, conn: usize) {
        let mut tlvs = Vec::new();
        let arrival = arrival(&self.arrivals[conn], &mut tlvs);
        let shard = &mut self.cores[self.setting.home(conn)].shard;
        shard.accepted(self.now, ConnId(conn as u32), CLIENTS, arrival);
    }

    fn send(&mut self, conn: usize, bytes: &[u8]) {
        let reads = &mut self.cores[self.setting.home(conn)].reads;
        let conn = ConnId(conn as u32);
        match reads.back_mut().filter(|(last, _)| *last == conn) {
            Some((_, before)) => before.extend_from_slice(bytes),
            None => reads.push_back((conn, bytes.to_vec())),
        }
    }

    fn close(&mut self, conn: usize) {
        let shard = &mut self.cores[self.setting.home(conn)].shard;
        shard.closed(self.now, ConnId(conn as u32), CloseReason::ClosedByPeer);
        self.settle();
    }

    fn settle(&mut self) {
        (0..self.cores.len()).for_each(|at| self.turn(at));
        self.turns(TURNS_MAX);
        assert!((0..self.cores.len()).all(|at| !self.is_busy(at)), "it goes on for ever");
    }

    fn wait(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        loop {
            let next = self.cores.iter().filter_map(|core| core.shard.next_wake()).min();
            match next.filter(|&next| next <= end) {
                Some(next) => self.now = next.max(self.now),
                None => break,
            }
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    fn stop(&mut self) {
        let now = self.now;
        self.cores.iter_mut().for_each(|core| core.shard.stop(now));
    }

    fn got(&mut self, conn: usize) -> (Vec<u8>, bool) {
        let Core { net, ended, .. } = &mut self.cores[self.setting.home(conn)];
        let conn = ConnId(conn as u32);
        let has_ended = ended.contains(&conn);
        ended.retain(|other| *other != conn);
        (net.0.remove(&conn).unwrap_or_default(), has_ended)
    }

    fn counts(&self) -> Vec<&Counts> {
        self.cores.iter().map(|core| core.shard.counts()).collect()
    }

    fn events(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.events)
    }

    fn are_apart(&self, ids: &[u32]) -> bool {
        let shards = self.setting.shards;
        let mut places: Vec<ShardId> =
            ids.iter().map(|&id| runtime::place(DoId(id), shards)).collect();
        places.sort_unstable();
        places.dedup();
        places.len() == ids.len() || shards < ids.len()
    }
}

/// A shard with a Message Director, a State Server and a Client Agent.
fn shard(
    script: &Script,
    schema: &Arc<Schema>,
    dialect: Dialect,
    setting: Setting,
    at: usize,
) -> Shard {
    let mut shard = Shard::new(ShardConfig {
        has_event_logger: true,
        me: ShardId(at as u16),
        shards: setting.shards,
        dialect,
        limits: shard_limits(&script.config),
        upstream: None,
        hash_seeds: HASH_SEEDS,
    });
    let director =
        message_director::Config { allow: Allow::Everyone, upstream: None, event_logger: true };
    shard.add_role(&[LISTENER], &[], |id| Box::new(MessageDirector::new(id, director)));
    // Work on many objects at once is done at once, or one by one.
    let objects_at_once = [1024, 1][setting.variant % 2];
    let limits = state_server::Limits { objects_at_once, ..state_server::Limits::default() };
    let server = state_server::Config {
        control: Some(CONTROL),
        database: None,
        schema: schema.clone(),
        limits,
        hash_seeds: HASH_SEEDS,
    };
    let controls = server.controls(dialect);
    let (split, objects): (Split, Objects) = (StateServer::split, server.objects());
    let placing = Placing { controls, split, objects, clients: None, store: None };
    shard.add_placed_role(placing, |id| Box::new(StateServer::new(id, server)));
    let agent = config(&script.config, schema);
    shard.add_placed_role(ClientAgent::placing(&agent), |id| Box::new(ClientAgent::new(id, agent)));
    shard.add_listener(CLIENTS, Limits::default());
    shard
}
