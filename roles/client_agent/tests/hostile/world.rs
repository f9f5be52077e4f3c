//! A daemon's shards, driven by hand: sockets that take everything, an inbox per shard, and shards
//! that take turns in an order drawn from a seed. Places of connections are used again.

use client_agent::ClientAgent;
use message_director::{Allow, LISTENER, MessageDirector};
use rand::Rng;
use rand::rngs::SmallRng;
use runtime::{
    Arrival, Batch, Block, CloseReason, ConnId, Counts, Effect, Input, Limits, ListenerId, Now,
    Outbox, Role, Shard, ShardConfig, ShardId, Sockets, Ticket, Write,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use wire::dialect::Dialect;

/// Where clients connect.
pub const CLIENTS: ListenerId = ListenerId(7);
/// Everybody's address; the port is the number of the party.
pub const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 7));
const HASH_SEEDS: [u64; 4] = [1, 2, 3, 4];
/// More turns than anything takes.
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

/// The role, where the test can look at it.
struct Watched(Rc<RefCell<ClientAgent>>);

impl Role for Watched {
    fn step(&mut self, now: Now, input: Input<'_>, out: &mut Outbox) {
        self.0.borrow_mut().step(now, input, out);
    }
}

struct Core {
    shard: Shard,
    agent: Rc<RefCell<ClientAgent>>,
    net: Net,
    inbox: VecDeque<(ShardId, Batch)>,
    reads: VecDeque<(ConnId, Vec<u8>)>,
    /// Who is at which place, and the places that may be used again.
    parties: BTreeMap<ConnId, Party>,
    free: Vec<ConnId>,
    next: u32,
}

/// Somebody who has connected, by number.
pub type Party = usize;

/// The daemon.
pub struct World {
    pub now: Now,
    cores: Vec<Core>,
    /// Where each party is, as long as it is there.
    homes: Vec<Option<(usize, ConnId)>>,
    /// What has come for each, even if it has gone.
    got: Vec<Vec<u8>>,
    /// What was said to the Event Logger.
    pub events: Vec<Vec<u8>>,
}

impl World {
    /// A daemon that has started.
    pub fn new(dialect: Dialect, shards: usize, config: &client_agent::Config) -> World {
        let make = |me| {
            let mut shard = Shard::new(ShardConfig {
                has_event_logger: true,
                me: ShardId(me as u16),
                shards,
                dialect,
                limits: Limits::default(),
                upstream: None,
                hash_seeds: HASH_SEEDS,
            });
            let director = message_director::Config {
                allow: Allow::Everyone,
                upstream: None,
                event_logger: true,
            };
            shard.add_role(&[LISTENER], &[], |id| Box::new(MessageDirector::new(id, director)));
            let mut agent = None;
            shard.add_placed_role(ClientAgent::placing(config), |id| {
                let made = Rc::new(RefCell::new(ClientAgent::new(id, config.clone())));
                agent = Some(made.clone());
                Box::new(Watched(made))
            });
            shard.add_listener(CLIENTS, Limits::default());
            shard.start(Now(1));
            Core {
                shard,
                agent: agent.unwrap(),
                net: Net::default(),
                inbox: VecDeque::new(),
                reads: VecDeque::new(),
                parties: BTreeMap::new(),
                free: Vec::new(),
                next: 0,
            }
        };
        let cores = (0..shards).map(make).collect();
        World { now: Now(1), cores, homes: Vec::new(), got: Vec::new(), events: Vec::new() }
    }

    /// Somebody connects to a listener of some shard; nothing else happens yet.
    pub fn connect(&mut self, listener: ListenerId, tlvs: &[u8], rng: &mut SmallRng) -> Party {
        let at = rng.random_range(0..self.cores.len());
        let Core { shard, parties, free, next, .. } = &mut self.cores[at];
        let conn = free.pop().unwrap_or_else(|| {
            *next += 1;
            ConnId(*next - 1)
        });
        let party = self.homes.len();
        parties.insert(conn, party);
        self.homes.push(Some((at, conn)));
        self.got.push(Vec::new());
        let peer = SocketAddr::new(PEER, party as u16);
        shard.accepted(self.now, conn, listener, Arrival { tlvs, ..Arrival::plain(peer, peer) });
        party
    }

    /// Whether somebody is still connected.
    pub fn stands(&self, party: Party) -> bool {
        self.homes[party].is_some()
    }

    /// Somebody sends; nothing happens before [`World::settle`].
    pub fn send(&mut self, party: Party, bytes: &[u8]) {
        let Some((at, conn)) = self.homes[party] else { return };
        let reads = &mut self.cores[at].reads;
        match reads.back_mut().filter(|(last, _)| *last == conn) {
            Some((_, before)) => before.extend_from_slice(bytes),
            None => reads.push_back((conn, bytes.to_vec())),
        }
    }

    /// A connection breaks.
    pub fn close(&mut self, party: Party) {
        if let Some((at, conn)) = self.homes[party] {
            self.cores[at].shard.closed(self.now, conn, CloseReason::ClosedByPeer);
        }
    }

    /// The daemon stops in order.
    pub fn stop(&mut self) {
        let now = self.now;
        self.cores.iter_mut().for_each(|core| core.shard.stop(now));
    }

    /// Takes turns until nobody has anything to do at this moment.
    pub fn settle(&mut self, rng: &mut SmallRng) {
        (0..self.cores.len()).for_each(|at| self.turn(at));
        for _ in 0..TURNS_MAX {
            let busy: Vec<usize> = (0..self.cores.len()).filter(|&at| self.is_busy(at)).collect();
            if busy.is_empty() {
                return;
            }
            self.turn(busy[rng.random_range(0..busy.len())]);
        }
        panic!("it goes on for ever");
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
        let Core { shard, net, parties, free, reads, .. } = &mut self.cores[at];
        shard.flush(now, net);
        for (conn, bytes) in std::mem::take(&mut net.0) {
            self.got[parties[&conn]].extend(bytes);
        }
        for effect in shard.effects() {
            match effect {
                Effect::Close(conn, _) | Effect::Finish(conn, _) => {
                    reads.retain(|(reader, _)| *reader != conn);
                }
                Effect::Released(conn) => {
                    let party = parties.remove(&conn).expect("a place is released once");
                    self.homes[party] = None;
                    free.push(conn);
                }
                Effect::Pause(_)
                | Effect::Resume(_)
                | Effect::Connect(..)
                | Effect::AskStore(..) => (),
                Effect::LogEvent(packet) => self.events.push(packet),
            }
        }
        shard.recycle().for_each(drop);
    }

    /// Lets time pass, with all that is to happen meanwhile.
    pub fn wait(&mut self, ms: u64, rng: &mut SmallRng) {
        let end = self.now.plus_ms(ms);
        loop {
            let next = self.cores.iter().filter_map(|core| core.shard.next_wake()).min();
            match next.filter(|&next| next <= end) {
                Some(next) => self.now = next.max(self.now),
                None => break,
            }
            self.settle(rng);
        }
        self.now = end;
        self.settle(rng);
    }

    /// What has come for somebody since it was last asked.
    pub fn got(&mut self, party: Party) -> Vec<u8> {
        std::mem::take(&mut self.got[party])
    }

    /// What each shard has counted.
    pub fn counts(&self) -> impl Iterator<Item = &Counts> {
        self.cores.iter().map(|core| core.shard.counts())
    }

    /// How many single channels all shards have subscribed.
    pub fn subscriptions(&self) -> u64 {
        self.counts().map(|counts| counts.subscriptions).sum()
    }

    /// Whether nothing is left of any client.
    pub fn is_empty(&self) -> bool {
        self.cores.iter().all(|core| core.agent.borrow().is_empty())
    }
}
