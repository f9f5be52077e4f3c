//! Daemons with a Database, its disk, and those around it: who they are, what they hear.

use crate::chance::Chance;
use crate::daemon::DaemonConfig;
use crate::database::plan::{Mode, Plan};
use crate::database::schema;
use crate::disk::FaultyDisk;
use crate::ledger::Violation;
use crate::objects::datagram::Dg;
use crate::plan::Sabotage;
use crate::scenario::address;
use crate::trace::Trace;
use crate::world::{Happening, OutsideId, World};
use runtime::Counts;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use wire::control::ControlMessage;
use wire::database::DatabaseMessage;
use wire::ids::{Channel, DoId};

const STEPS_MAX: u64 = 3_000_000;

/// A connection of somebody outside.
pub struct Conn {
    /// What it calls itself; it has subscribed that.
    pub channel: u64,
    /// What else it has subscribed.
    pub wants: Vec<(u64, u64)>,
    /// What it has heard, and when.
    pub heard: Vec<(u64, Dg)>,
    /// Whether it stands, as far as it knows.
    pub open: bool,
    daemon: usize,
    outside: OutsideId,
    /// What is to be heard after the next, if that is to be found out.
    held: Option<(u64, Dg)>,
}

/// Daemons and those around them.
pub struct Stage {
    /// The world.
    pub world: World,
    /// The disk of the Database.
    pub disk: Arc<FaultyDisk>,
    /// The connections, those that are gone included.
    pub conns: Vec<Conn>,
    /// Frames heard.
    pub heard: u64,
    plan: Plan,
    chance: Chance,
    by_outside: BTreeMap<OutsideId, usize>,
    lives: usize,
}

/// All counters of refused requests.
const REFUSED: [fn(&Counts) -> u64; 14] = [
    |counts| counts.database_malformed,
    |counts| counts.database_verify_code,
    |counts| counts.database_unknown_class,
    |counts| counts.database_unknown_field,
    |counts| counts.database_bad_value,
    |counts| counts.database_bad_stored,
    |counts| counts.database_bad_comparison,
    |counts| counts.database_no_id,
    |counts| counts.database_no_object,
    |counts| counts.database_damaged,
    |counts| counts.database_too_big,
    |counts| counts.database_full,
    |counts| counts.database_disk_full,
    |counts| counts.database_read_only,
];

impl Stage {
    /// Daemons that nobody has connected to.
    pub fn new(plan: &Plan, mut chance: Chance, trace: Trace) -> Stage {
        let mut world = World::new(chance.fork(), plan.tempo, trace);
        let disk = FaultyDisk::new(plan.disk, chance.fork());
        world.sabotage = plan.sabotage;
        for daemon in 0..plan.daemons {
            let is_home = daemon == plan.home;
            let config = DaemonConfig {
                address: address(daemon),
                connect: (daemon > 0).then(|| address(daemon - 1)),
                shards: plan.shards[0],
                dialect: plan.dialect,
                limits: plan.limits,
                state_servers: Vec::new(),
                client_agents: Vec::new(),
                uberdogs: Vec::new(),
                databases: if is_home { vec![database(plan)] } else { Vec::new() },
                dbss: Vec::new(),
                disks: if is_home { vec![disk.clone()] } else { Vec::new() },
                classes: park::Classes { schema: Some(schema::load()), ..Default::default() },
            };
            world.add_daemon(config, plan.carrier);
        }
        Stage {
            world,
            disk,
            conns: Vec::new(),
            heard: 0,
            plan: plan.clone(),
            chance,
            by_outside: BTreeMap::new(),
            lives: 1,
        }
    }

    /// Somebody connects to a daemon and subscribes; its number.
    pub fn connect(&mut self, daemon: usize, channel: u64, wants: &[(u64, u64)]) -> usize {
        let shards = self.world.daemons[daemon].config.shards;
        let shard = self.chance.index(shards);
        let peer = ([127, 0, 0, 1], 1 + self.conns.len() as u16).into();
        let outside = self.world.open(daemon, shard, peer).expect("the daemon lives");
        let conn = self.conns.len();
        self.by_outside.insert(outside, conn);
        let now = self.world.now();
        self.world.trace.say(now, || format!("conn {conn} is {channel:x}, wants {wants:x?}"));
        let (wants, heard) = (wants.to_vec(), Vec::new());
        let held = None;
        self.conns.push(Conn { channel, wants, heard, open: true, daemon, outside, held });
        for (low, high) in [(channel, channel)].into_iter().chain(self.conns[conn].wants.clone()) {
            let message = match low == high {
                true => ControlMessage::AddChannel(Channel(low)),
                false => ControlMessage::AddRange(Channel(low), Channel(high)),
            };
            let mut frame = Vec::new();
            message.encode(self.plan.dialect, &mut frame).expect("short, and in both dialects");
            self.world.write(outside, &frame);
        }
        conn
    }

    /// Somebody connects anywhere.
    pub fn connect_anywhere(&mut self, channel: u64, wants: &[(u64, u64)]) -> usize {
        let daemon = self.chance.index(self.plan.daemons);
        self.connect(daemon, channel, wants)
    }

    /// The channels on which objects are spoken of.
    pub fn of_objects(&self) -> (u64, u64) {
        let (low, high) = self.plan.generate;
        let of = |id| self.plan.dialect.database_channel(DoId(id)).0;
        (of(low), of(high))
    }

    /// Somebody sends.
    pub fn send(&mut self, conn: usize, dg: &Dg) {
        let (now, dialect) = (self.world.now(), self.plan.dialect);
        self.world.trace.say(now, || format!("conn {conn} sends {}", describe(dg, dialect)));
        self.world.write(self.conns[conn].outside, &dg.frame());
    }

    /// Everybody outside breaks off.
    pub fn cut_all(&mut self) {
        for conn in self.conns.iter_mut().filter(|conn| conn.open) {
            conn.open = false;
            self.world.reset(conn.outside);
        }
    }

    /// A daemon dies. The disk of the Database keeps what is durable.
    pub fn crash(&mut self, daemon: usize) {
        self.world.crash(daemon);
        let broken = self.conns.iter_mut().filter(|conn| conn.daemon == daemon);
        broken.for_each(|conn| conn.open = false);
    }

    /// A dead daemon starts, perhaps with another number of shards.
    pub fn start(&mut self, daemon: usize) {
        let shards = self.plan.shards[self.lives % self.plan.shards.len()];
        self.lives += 1;
        self.world.daemons[daemon].config.shards = shards;
        self.world.start(daemon);
    }

    /// Lets things happen until all is quiet, but for what is done at leisure.
    pub fn settle(&mut self) -> Result<(), Violation> {
        while let Some(happening) = self.world.next_pressing() {
            self.take(happening)?;
        }
        Ok(())
    }

    /// Lets things happen until nothing is left to do.
    pub fn settle_for_good(&mut self) -> Result<(), Violation> {
        while let Some(happening) = self.world.next(u64::MAX) {
            self.take(happening)?;
        }
        Ok(())
    }

    /// Takes in what happened.
    pub fn take(&mut self, happening: Happening) -> Result<(), Violation> {
        if self.world.steps() > STEPS_MAX {
            return Err(Violation::new("all comes to rest", "it does not".into()));
        }
        match happening {
            Happening::Heard(outside, frame) => self.hear(outside, &frame),
            Happening::Ended(outside, _) => {
                if let Some(&conn) = self.by_outside.get(&outside) {
                    self.conns[conn].open = false;
                }
                Ok(())
            }
            Happening::Alarm(_) | Happening::Linked(..) | Happening::Event(..) => Ok(()),
            Happening::ClosedByShard(_, reason) | Happening::LinkClosedByShard(_, reason) => {
                if self.plan.mode == Mode::Crashes {
                    return Ok(());
                }
                let what = format!("somebody was closed: {}", reason.name());
                Err(Violation::new("connections stand", what))
            }
        }
    }

    fn hear(&mut self, outside: OutsideId, frame: &[u8]) -> Result<(), Violation> {
        let Some(&conn) = self.by_outside.get(&outside) else { return Ok(()) };
        let Some(mut dg) = Dg::parse(frame) else {
            return Err(Violation::new("to the byte", "a frame is no datagram".into()));
        };
        self.heard += 1;
        let (now, dialect) = (self.world.now(), self.plan.dialect);
        self.world.trace.say(now, || format!("conn {conn} hears {}", describe(&dg, dialect)));
        let spoil = self.plan.sabotage != Sabotage::None && self.chance.one_in(6);
        let Conn { heard, held, .. } = &mut self.conns[conn];
        match self.plan.sabotage {
            Sabotage::Double if spoil => heard.push((now, dg.clone())),
            Sabotage::Lose if spoil => return Ok(()),
            Sabotage::Garble if spoil => match dg.payload.last_mut() {
                Some(last) => *last ^= 1,
                None => dg.sender ^= 1,
            },
            Sabotage::Swap if spoil && held.is_none() => {
                *held = Some((now, dg));
                return Ok(());
            }
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
            | Sabotage::EarlyAnswers
            | Sabotage::LostWrites
            | Sabotage::Forgetful
            | Sabotage::TwiceGiven
            | Sabotage::NoRollback
            | Sabotage::Forge => (),
        }
        heard.push((now, dg));
        heard.extend(held.take());
        Ok(())
    }

    /// What was held back is heard.
    pub fn release(&mut self) {
        self.conns.iter_mut().for_each(|conn| conn.heard.extend(conn.held.take()));
    }

    /// What everybody has heard since this was asked last.
    pub fn take_heard(&mut self) -> Vec<Vec<(u64, Dg)>> {
        self.release();
        self.conns.iter_mut().map(|conn| std::mem::take(&mut conn.heard)).collect()
    }

    /// A count, over all daemons.
    pub fn total(&self, count: impl Fn(&Counts) -> u64) -> u64 {
        self.world.daemons.iter().map(|daemon| daemon.total(&count)).sum()
    }

    /// Requests that were refused.
    pub fn refused(&self) -> u64 {
        REFUSED.iter().map(|count| self.total(count)).sum()
    }
}

fn database(plan: &Plan) -> park::Database {
    park::Database {
        control: Channel(plan.control),
        generate: DoId(plan.generate.0)..=DoId(plan.generate.1),
        broadcast: plan.broadcast,
        backend: park::Backend::Store { segment_bytes: Some(plan.segment_bytes) },
        directory: PathBuf::from("simulated"),
        directory_place: park::Place { line: 1, column: 1, key: String::new() },
        indexes: plan.indexes.clone(),
        limits: plan.database_limits,
    }
}

/// A datagram for a reader.
pub fn describe(dg: &Dg, dialect: wire::dialect::Dialect) -> String {
    let short = Dg { payload: dg.payload.iter().copied().take(400).collect(), ..dg.clone() };
    let request = DatabaseMessage::decode(dialect, dg.msgtype, &short.payload);
    let notice = wire::database::DatabaseNotice::decode(dialect, dg.msgtype, &short.payload);
    let what = match (request, notice) {
        (Ok(request), _) => format!("{request:?}"),
        (_, Ok(notice)) => format!("{notice:?}"),
        (Err(_), Err(_)) => return short.describe(dialect),
    };
    format!("<{what} to {:x?} of {:x}>", dg.to, dg.sender)
}
