//! A daemon's shards, driven by hand: sockets that take everything, an inbox per shard, a clock
//! that stands still, and shards that take turns in different orders. The stores of its Databases
//! are in memory; when they commit is a matter of those orders, too.

use park::{Config, OpenStore, StoreShare, assemble, open_store};
use runtime::{
    Arrival, Block, CloseReason, ConnId, Counts, Effect, Now, Shard, ShardId, Sockets, StoreId,
    Ticket, Write,
};
use std::collections::{BTreeMap, VecDeque};
use store::{Committer, MemoryDisk, PartId, Reply, Request};
use transcript::{Setting, Stage};

/// More turns than any transcript takes.
const TURNS_MAX: usize = 200_000;

/// Keys of all hashes.
const HASH_SEEDS: [u64; 4] = [1, 2, 3, 4];

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
    inbox: VecDeque<(ShardId, runtime::Batch)>,
    /// What its connections have sent.
    reads: VecDeque<(ConnId, Vec<u8>)>,
    /// What stores have answered.
    replies: VecDeque<(StoreId, Reply)>,
}

struct Store {
    committer: Box<dyn Committer>,
    asked: Vec<(PartId, Request)>,
}

/// The daemon.
pub struct World {
    setting: Setting,
    now: Now,
    cores: Vec<Core>,
    stores: Vec<Store>,
    chance: u64,
    /// What was said to the event logger, in its packets.
    events: Vec<Vec<u8>>,
}

impl World {
    /// A daemon that has started, with `conns` connections.
    pub fn new(config: &Config, setting: Setting, conns: usize) -> World {
        let now = Now(1);
        let (stores, shares) = open_stores(config, setting.shards);
        let make = |(me, shares)| {
            let me = ShardId(me as u16);
            let mut shard = assemble(config, me, setting.shards, HASH_SEEDS, shares);
            shard.start(now);
            let (inbox, reads, replies) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
            Core { shard, net: Net::default(), inbox, reads, replies }
        };
        let cores = shares.into_iter().enumerate().map(make).collect();
        let chance = setting.variant as u64;
        let mut world = World { setting, now, cores, stores, chance, events: Vec::new() };
        let peer = "127.0.0.1:9".parse().expect("an address");
        for conn in 0..conns {
            let at = world.home(conn);
            let listener = message_director::LISTENER;
            world.cores[at].shard.accepted(
                now,
                ConnId(conn as u32),
                listener,
                Arrival::plain(peer, peer),
            );
        }
        world.settle();
        world
    }

    fn home(&self, conn: usize) -> usize {
        self.setting.home(conn)
    }
}

impl Stage for World {
    fn connect(&mut self, _: usize) {
        unreachable!("a State Server has no clients")
    }

    fn send(&mut self, conn: usize, bytes: &[u8]) {
        let home = self.home(conn);
        let reads = &mut self.cores[home].reads;
        let conn = ConnId(conn as u32);
        match reads.back_mut().filter(|(last, _)| *last == conn) {
            Some((_, before)) => before.extend_from_slice(bytes),
            None => reads.push_back((conn, bytes.to_vec())),
        }
    }

    fn close(&mut self, conn: usize) {
        let home = self.home(conn);
        let shard = &mut self.cores[home].shard;
        shard.closed(self.now, ConnId(conn as u32), CloseReason::ClosedByPeer);
        self.settle();
    }

    fn stop(&mut self) {
        let now = self.now;
        self.cores.iter_mut().for_each(|core| core.shard.stop(now));
    }

    fn got(&mut self, conn: usize) -> (Vec<u8>, bool) {
        let home = self.home(conn);
        let got = self.cores[home].net.0.remove(&ConnId(conn as u32));
        (got.unwrap_or_default(), false)
    }

    fn counts(&self) -> Vec<&Counts> {
        self.cores.iter().map(|core| core.shard.counts()).collect()
    }

    fn events(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.events)
    }

    fn tells_refusals(&self) -> bool {
        true
    }

    fn are_apart(&self, ids: &[u32]) -> bool {
        let shards = self.setting.shards;
        let mut places: Vec<ShardId> =
            ids.iter().map(|&id| runtime::place(wire::ids::DoId(id), shards)).collect();
        places.sort_unstable();
        places.dedup();
        places.len() == ids.len() || shards < ids.len()
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

    fn settle(&mut self) {
        (0..self.cores.len()).for_each(|at| self.turn(at));
        for _ in 0..TURNS_MAX {
            let shards = self.cores.len();
            let parties = 0..shards + self.stores.len();
            let busy: Vec<usize> = parties.filter(|&at| self.is_busy(at)).collect();
            if busy.is_empty() {
                return;
            }
            match busy[self.setting.pick(busy.len(), &mut self.chance)] {
                at if at < shards => self.turn(at),
                store => self.commit(store - shards),
            }
        }
        panic!("it goes on for ever");
    }
}

impl World {
    /// Whether a shard, or behind them a store, has something to do.
    fn is_busy(&self, at: usize) -> bool {
        let Some(Core { shard, inbox, reads, replies, .. }) = self.cores.get(at) else {
            return !self.stores[at - self.cores.len()].asked.is_empty();
        };
        let due = shard.next_wake().is_some_and(|wake| wake <= self.now);
        !inbox.is_empty() || !reads.is_empty() || !replies.is_empty() || due || shard.wants_turn()
    }

    /// A store makes durable what it was asked for, and does what else it has to do.
    fn commit(&mut self, at: usize) {
        let Store { committer, asked } = &mut self.stores[at];
        let mut answers = Vec::new();
        committer.commit(asked, &mut answers);
        while let Some(chore) = committer.next_chore().filter(|chore| !chore.is_patient()) {
            committer.chored(chore.run(), &mut answers);
        }
        for (part, reply) in answers {
            self.cores[usize::from(part.0)].replies.push_back((StoreId(at as u16), reply));
        }
    }

    /// One turn, as [`Shard`] wants it.
    fn turn(&mut self, at: usize) {
        let now = self.now;
        let Core { shard, inbox, reads, replies, .. } = &mut self.cores[at];
        shard.wake(now);
        replies.drain(..).for_each(|(store, reply)| shard.stored(now, store, reply));
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
        let Core { shard, net, .. } = &mut self.cores[at];
        shard.flush(now, net);
        for effect in shard.effects() {
            match effect {
                Effect::AskStore(store, request) => {
                    let asked = &mut self.stores[usize::from(store.0)].asked;
                    asked.push((PartId(at as u16), request));
                }
                Effect::LogEvent(packet) => self.events.push(packet),
                Effect::Close(..) | Effect::Finish(..) => panic!("a connection was closed"),
                _ => (),
            }
        }
        shard.recycle().for_each(drop);
    }
}

/// Opens a store for each Database, on a disk of its own; and the shares of each shard.
fn open_stores(config: &Config, shards: usize) -> (Vec<Store>, Vec<Vec<StoreShare>>) {
    let mut shares: Vec<Vec<StoreShare>> = (0..shards).map(|_| Vec::new()).collect();
    let mut stores = Vec::new();
    for database in &config.databases {
        let disk = MemoryDisk::new();
        let opened = open_store(database, &config.general, shards, HASH_SEEDS, disk);
        let OpenStore { committer, shares: parts, .. } = opened.expect("an empty disk opens");
        stores.push(Store { committer, asked: Vec::new() });
        shares.iter_mut().zip(parts).for_each(|(all, part)| all.push(part));
    }
    (stores, shares)
}
