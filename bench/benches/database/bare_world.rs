//! A shard with a Database, its log, and one connection.

use database::{Config, Database, Limits};
use dc::{Options as DcOptions, Schema, Source};
use message_director::{Allow, LISTENER, MessageDirector};
use runtime::{
    Arrival, Block, ConnId, Effect, Now, Objects, Placing, Shard, ShardConfig, ShardId, Sockets,
    Split, StoreId, Ticket, Write,
};
use std::sync::Arc;
use store::{Committer, Log, MemoryDisk, Opened, Options, PartId, Reply, Request};
use wire::control::ControlMessage;
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId};

/// What the messages look like.
pub const DIALECT: Dialect = Dialect::OpenOtp;
/// The channel of the Database.
pub const CONTROL: Channel = Channel(4003);
/// The first id that it gives out.
pub const FIRST: u32 = 100_000_000;
const NOW: Now = Now(1);
const STORE: StoreId = StoreId(0);
const CLASS: &str = "dclass Account {
    setUser(string user) required db;
    setCoins(int32 coins = 100) db;
    setRest(blob rest) db;
};";

/// Takes everything and counts frames.
#[derive(Default)]
struct Swallow {
    frames: u64,
    open: Vec<u8>,
}

impl Sockets for Swallow {
    fn write(&mut self, _: ConnId, slices: &[&[u8]]) -> Write {
        let before = self.open.len();
        slices.iter().for_each(|slice| self.open.extend_from_slice(slice));
        let taken = self.open.len() - before;
        let mut rest = self.open.as_slice();
        while let Some((_, behind)) = framing::split_frame(rest) {
            self.frames += 1;
            rest = behind;
        }
        let done = self.open.len() - rest.len();
        self.open.drain(..done);
        Write::Written(taken)
    }
}

/// The shard, and what belongs to it.
pub struct World {
    /// The shard.
    pub shard: Shard,
    sockets: Swallow,
    disk: Arc<MemoryDisk>,
    log: Log,
    asked: Vec<(PartId, Request)>,
    replies: Vec<(PartId, Reply)>,
    channels: Vec<Channel>,
}

impl World {
    /// A Database without objects.
    pub fn new() -> World {
        World::on(MemoryDisk::new())
    }

    fn on(disk: Arc<MemoryDisk>) -> World {
        let source = Source { name: "bench.dc".into(), text: CLASS.into() };
        let schema = Schema::load(&[source], DcOptions::default()).expect("the class is in order");
        let config = Config {
            control: CONTROL,
            generate: (DoId(FIRST), DoId(FIRST + 10_000_000)),
            broadcast: true,
            schema: Arc::new(schema),
            indexes: vec![("Account".to_owned(), "setUser".to_owned())],
            limits: Limits::default(),
            hash_seeds: [1, 2, 3, 4],
        };
        let catalog = database::wanted(&config.schema).expect("it is small");
        let options = Options { catalog, scrub: false, ..Options::default() };
        let opened = Log::open(disk.clone(), &options).expect("it has just been made");
        let Opened { log, mut parts, report } = opened;
        let part = parts.pop().expect("there is one shard");
        let limits = runtime::Limits::default();
        let mut shard = Shard::new(ShardConfig {
            has_event_logger: false,
            me: ShardId(0),
            shards: 1,
            dialect: DIALECT,
            limits,
            upstream: None,
            hash_seeds: [1, 2, 3, 4],
        });
        let allow = Allow::Everyone;
        let director = message_director::Config { allow, upstream: None, event_logger: false };
        shard.add_role(&[LISTENER], &[], |id| Box::new(MessageDirector::new(id, director)));
        let (controls, split) = (config.controls(DIALECT), Database::split as Split);
        let placing =
            Placing { controls, split, objects: Objects::None, clients: None, store: Some(STORE) };
        shard.add_placed_role(placing, |id| {
            Box::new(Database::new(id, config, part, report.next_do_id))
        });
        shard.start(NOW);
        shard.accepted(NOW, ConnId(0), LISTENER, {
            let peer = ([127, 0, 0, 1], 9).into();
            Arrival::plain(peer, peer)
        });
        let (asked, replies, channels) = (Vec::new(), Vec::new(), Vec::new());
        let sockets = Swallow::default();
        let mut world = World { shard, sockets, disk, log, asked, replies, channels };
        world.settle();
        world
    }

    /// The same objects after a start: all of them in sealed segments.
    pub fn restart(self) -> World {
        let World { disk, channels, log, .. } = self;
        drop(log);
        let mut world = World::on(disk);
        channels.into_iter().for_each(|channel| world.subscribe(channel));
        world
    }

    /// The connection hears a channel.
    pub fn subscribe(&mut self, channel: Channel) {
        let mut out = Vec::new();
        let message = ControlMessage::AddChannel(channel);
        message.encode(DIALECT, &mut out).expect("both dialects have it, and it is short");
        self.turn(out);
        self.channels.push(channel);
    }

    /// Datagrams that came out so far.
    pub fn answers(&self) -> u64 {
        self.sockets.frames
    }

    /// One turn with one block, which comes back; and all that follows it, commits included.
    pub fn turn(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        self.shard.received(NOW, ConnId(0), Block::new(bytes, Ticket(0)));
        self.settle().unwrap_or_default()
    }

    fn settle(&mut self) -> Option<Vec<u8>> {
        let mut back = None;
        loop {
            self.shard.finish(NOW);
            self.shard.flush(NOW, &mut self.sockets);
            for effect in self.shard.effects() {
                let Effect::AskStore(_, request) = effect else { panic!("{effect:?}") };
                self.asked.push((PartId(0), request));
            }
            let blocks = self.shard.recycle().map(Block::into_parts);
            back =
                blocks.filter_map(|parts| parts.1.filter(|_| parts.0 == Ticket(0))).last().or(back);
            if !self.asked.is_empty() {
                self.commit();
            } else if self.shard.next_wake().is_some_and(|at| at <= NOW) {
                self.shard.wake(NOW);
            } else if !self.shard.wants_turn() {
                return back;
            }
        }
    }

    fn commit(&mut self) {
        self.log.commit(&mut self.asked, &mut self.replies);
        while let Some(chore) = self.log.next_chore() {
            self.log.chored(chore.run(), &mut self.replies);
        }
        self.replies.drain(..).for_each(|(_, reply)| self.shard.stored(NOW, STORE, reply));
    }
}
