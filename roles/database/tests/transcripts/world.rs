//! A daemon's shards and the log of its store, driven by hand: sockets that take everything, an
//! inbox per shard, a clock that stands still, and shards that take turns in different orders.

use crate::disk::{DiskEvent, TestDisk};
use database::{Config, Database};
use message_director::MessageDirector;
use runtime::{
    Arrival, Block, ConnId, Counts, Effect, Limits, ListenerId, Now, Objects, Placing, Shard,
    ShardConfig, ShardId, Sockets, StoreId, Ticket, Write, place,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use store::{Committer, Disk, Log, Opened, Options, Part, PartId, Reply, Request};
use wire::dialect::Dialect;
use wire::ids::DoId;

/// More turns than any transcript takes.
const TURNS_MAX: usize = 200_000;
const STORE: StoreId = StoreId(0);
/// The smallest segment that holds a record of any length.
const SEGMENT_BYTES: u32 = 128 << 10;

/// How a transcript is played: on how many shards, who is where, and in which order they run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// How many shards.
    pub shards: usize,
    /// Connections are placed from this shard on; the order of turns hangs on it, too, and whether
    /// many objects are taken one by one.
    pub variant: usize,
}

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
    /// What the log has answered.
    replies: VecDeque<Reply>,
}

/// The log, and what it has been asked.
struct Store {
    log: Log,
    asked: Vec<(PartId, Request)>,
    answers: Vec<(PartId, Reply)>,
}

/// The daemon.
pub struct World {
    setting: Setting,
    dialect: Dialect,
    now: Now,
    cores: Vec<Core>,
    chance: u64,
    /// What was said to the event logger, in its packets.
    events: Vec<Vec<u8>>,
    disk: Arc<TestDisk>,
    store: Store,
    /// Whether nothing becomes durable by itself.
    waits: bool,
}

fn part_of(do_id: DoId, parts: usize) -> usize {
    place(do_id, parts).0.into()
}

/// Opens the store; why it cannot be used.
pub fn open(
    disk: Arc<TestDisk>,
    config: &Config,
    parts: usize,
) -> Result<(Log, Vec<Part>, DoId), String> {
    let options = Options {
        parts,
        place: part_of,
        segment_bytes: SEGMENT_BYTES,
        catalog: database::wanted(&config.schema).map_err(|error| error.to_string())?,
        hash_seeds: [1, 2, 3, 4],
        scrub: false,
    };
    let disk: Arc<dyn Disk> = disk;
    let opened = Log::open(disk, &options).map_err(|error| error.to_string())?;
    let Opened { log, parts, report } = opened;
    database::examine(&parts, &config.schema).map_err(|problem| problem.to_string())?;
    Ok((log, parts, report.next_do_id))
}

impl World {
    /// A daemon that has started, with `conns` connections.
    pub fn new(
        config: &Config,
        dialect: Dialect,
        setting: Setting,
        conns: usize,
        disk: Arc<TestDisk>,
    ) -> Result<World, String> {
        let now = Now(1);
        let (log, parts, next_do_id) = open(disk.clone(), config, setting.shards)?;
        let parts = parts.into_iter().enumerate();
        let make = |(me, part): (usize, Part)| {
            let mut shard = assemble(config, dialect, me, setting.shards, part, next_do_id);
            shard.start(now);
            let net = Net::default();
            let (inbox, reads, replies) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
            Core { shard, net, inbox, reads, replies }
        };
        let cores = parts.map(make).collect();
        let store = Store { log, asked: Vec::new(), answers: Vec::new() };
        let chance = setting.variant as u64;
        let (waits, events) = (false, Vec::new());
        let mut world = World { setting, dialect, now, cores, chance, disk, store, waits, events };
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
        Ok(world)
    }

    /// The server goes away at once, and comes back on the same disk.
    pub fn crash(self, config: &Config, conns: usize) -> Result<World, String> {
        let World { setting, dialect, disk, .. } = self;
        disk.restart();
        World::new(config, dialect, setting, conns, disk)
    }

    fn home(&self, conn: usize) -> usize {
        (conn + self.setting.variant) % self.setting.shards
    }

    /// A connection sends; nothing happens before [`World::settle`].
    pub fn send(&mut self, conn: usize, bytes: &[u8]) {
        let home = self.home(conn);
        let reads = &mut self.cores[home].reads;
        let conn = ConnId(conn as u32);
        match reads.back_mut().filter(|(last, _)| *last == conn) {
            Some((_, before)) => before.extend_from_slice(bytes),
            None => reads.push_back((conn, bytes.to_vec())),
        }
    }

    /// Something happens to the disk.
    pub fn disk(&mut self, event: DiskEvent) {
        match event {
            DiskEvent::Waits => self.waits = true,
            DiskEvent::Commit => {
                self.settle();
                self.commit();
            }
            DiskEvent::GoesOn => self.waits = false,
            DiskEvent::Full => self.disk.has_room(false),
            DiskEvent::Empty => self.disk.has_room(true),
            DiskEvent::Fails => self.disk.fail(),
            DiskEvent::Cold => self.disk.cool(),
            DiskEvent::Warm => self.disk.warm_all(),
        }
    }

    /// The disk below.
    pub fn test_disk(&self) -> Arc<TestDisk> {
        self.disk.clone()
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.setting.shards
    }

    /// Takes turns until nobody has anything to do at this moment.
    pub fn settle(&mut self) {
        (0..self.cores.len()).for_each(|at| self.turn(at));
        for _ in 0..TURNS_MAX {
            let cores = self.cores.len();
            let mut busy: Vec<usize> = (0..cores).filter(|&at| self.is_busy(at)).collect();
            if !self.store.asked.is_empty() && !self.waits {
                busy.push(cores);
            }
            if busy.is_empty() {
                return;
            }
            match busy[self.pick(busy.len())] {
                at if at == cores => self.commit(),
                at => self.turn(at),
            }
        }
        panic!("it goes on for ever");
    }

    /// Does what the log has been asked, and all chores.
    fn commit(&mut self) {
        let Store { log, asked, answers } = &mut self.store;
        log.commit(asked, answers);
        // A patient one may be there for ever.
        while let Some(chore) = log.next_chore() {
            let is_patient = chore.is_patient();
            log.chored(chore.run(), answers);
            if is_patient {
                break;
            }
        }
        for (part, reply) in answers.drain(..) {
            if let Reply::Fetched(place, Ok(())) = &reply {
                self.disk.warm(*place);
            }
            self.cores[usize::from(part.0)].replies.push_back(reply);
        }
    }

    /// Which of so many that have something to do is next.
    fn pick(&mut self, of: usize) -> usize {
        match self.setting.variant {
            0 | 1 => self.setting.variant * (of - 1),
            _ => {
                self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(11);
                (self.chance >> 33) as usize % of
            }
        }
    }

    fn is_busy(&self, at: usize) -> bool {
        let Core { shard, inbox, reads, replies, .. } = &self.cores[at];
        let due = shard.next_wake().is_some_and(|wake| wake <= self.now);
        let has_input = !inbox.is_empty() || !reads.is_empty() || !replies.is_empty();
        has_input || due || shard.wants_turn()
    }

    /// One turn, as [`Shard`] wants it.
    fn turn(&mut self, at: usize) {
        let now = self.now;
        let Core { shard, inbox, reads, replies, .. } = &mut self.cores[at];
        shard.wake(now);
        inbox.drain(..).for_each(|(from, batch)| shard.batch(now, from, batch));
        replies.drain(..).for_each(|reply| shard.stored(now, STORE, reply));
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
                Effect::AskStore(_, request) => self.store.asked.push((PartId(at as u16), request)),
                Effect::LogEvent(packet) => self.events.push(packet),
                Effect::Close(..) | Effect::Finish(..) => {
                    panic!("a connection was closed: {effect:?}")
                }
                _ => (),
            }
        }
        shard.recycle().for_each(drop);
    }

    /// What has come for a connection since it was last asked.
    pub fn got(&mut self, conn: usize) -> Vec<u8> {
        let home = self.home(conn);
        self.cores[home].net.0.remove(&ConnId(conn as u32)).unwrap_or_default()
    }

    /// What was said to the event logger since this was last asked.
    pub fn take_events(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.events)
    }

    /// What each shard has counted.
    pub fn counts(&self) -> impl Iterator<Item = &Counts> {
        self.cores.iter().map(|core| core.shard.counts())
    }
}

fn assemble(
    config: &Config,
    dialect: Dialect,
    me: usize,
    shards: usize,
    part: Part,
    next_do_id: DoId,
) -> Shard {
    let me = ShardId(me as u16);
    let limits = Limits::default();
    let hash_seeds = config.hash_seeds;
    let mut shard = Shard::new(ShardConfig {
        me,
        shards,
        dialect,
        limits,
        upstream: None,
        has_event_logger: true,
        hash_seeds,
    });
    let listener: ListenerId = message_director::LISTENER;
    let links = [message_director::UPSTREAM_LINK];
    let allow = message_director::Allow::Everyone;
    let director = message_director::Config { allow, upstream: None, event_logger: false };
    shard.add_role(&[listener], &links, |id| Box::new(MessageDirector::new(id, director)));
    let controls = config.controls(dialect);
    let (split, objects) = (Database::split as runtime::Split, Objects::None);
    let placing = Placing { controls, split, objects, clients: None, store: Some(STORE) };
    shard.add_placed_role(placing, |id| {
        Box::new(Database::new(id, config.clone(), part, next_do_id))
    });
    shard
}
