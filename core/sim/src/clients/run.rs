//! One run: a world of daemons, those who act in it, and what each of them hears.

use crate::chance::Chance;
use crate::clients::cluster::Cluster;
use crate::clients::journal::Journal;
use crate::clients::lasting::AllLasting;
use crate::clients::person::Client;
use crate::clients::plan::{
    BODIES, DATABASE, DC_HASH, FIRST_CLIENT, HALLS, LOGIN, Plan, STORED, Storage, VERSION,
};
use crate::clients::schema;
use crate::clients::watch::Watch;
use crate::daemon::DaemonConfig;
use crate::disk::FaultyDisk;
use crate::ledger::Violation;
use crate::objects::datagram::Dg;
use crate::plan::Sabotage;
use crate::scenario::address;
use crate::trace::Trace;
use crate::world::{Happening, OutsideId, World};
use runtime::{CloseReason, Counts};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use wire::control::ControlMessage;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId};

const STEPS_MAX: u64 = 6_000_000;
/// Within so long all comes to rest; silent clients are gone by then.
const REST_MS: u64 = 20_000;
/// The control channel of the State Server.
pub const OPENOTP_CONTROL: u64 = 4002;
const ASTRON_CONTROL: u64 = 402_000;
/// The first channel of actors.
pub const FIRST_ACTOR: u64 = 60_000 << 32;

/// Who has a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// An actor of the cluster.
    Actor(usize),
    /// Whoever hears what objects are told.
    Watcher,
    /// A client.
    Client(usize),
}

/// An actor of the cluster.
pub struct Actor {
    /// Its connection.
    pub outside: OutsideId,
    /// Its channel.
    pub channel: u64,
    /// The number of its last stamp.
    pub number: u32,
    /// What it has heard since that was looked at last.
    pub heard: Vec<Dg>,
}

/// A run.
pub struct Run {
    /// The world.
    pub world: World,
    /// Frames heard.
    pub heard: u64,
    pub(super) plan: Plan,
    pub(super) chance: Chance,
    pub(super) who: BTreeMap<OutsideId, Who>,
    pub(super) actors: Vec<Actor>,
    pub(super) clients: Vec<Client>,
    pub(super) cluster: Cluster,
    pub(super) watch: Watch,
    pub(super) lasting: AllLasting,
    pub(super) journal: Journal,
    pub(super) actions_left: u32,
    /// Clients of the days before.
    pub(super) clients_before: usize,
    watcher: Option<OutsideId>,
    /// Channels that daemons subscribe by themselves.
    wanted: u64,
}

impl Run {
    /// A run that has not begun.
    pub fn new(plan: Plan, mut chance: Chance, trace: Trace) -> Run {
        let mut world = World::new(chance.fork(), plan.tempo, trace);
        let disk = plan.storage.as_ref().map(|kept| FaultyDisk::new(kept.disk, chance.fork()));
        let daemons = plan.storage.as_ref().map_or(0, |kept| kept.daemons);
        for daemon in 0..daemons.max(1 + usize::from(plan.is_apart)) {
            world.add_daemon(daemon_config(&plan, daemon, disk.as_ref()), plan.carrier);
        }
        let cluster = Cluster { next_id: *BODIES.start(), ..Cluster::default() };
        Run {
            world,
            heard: 0,
            plan,
            chance,
            who: BTreeMap::new(),
            actors: Vec::new(),
            clients: Vec::new(),
            cluster,
            watch: Watch::default(),
            lasting: AllLasting::default(),
            journal: Journal::default(),
            actions_left: 0,
            clients_before: 0,
            watcher: None,
            wanted: 0,
        }
    }

    /// All of it.
    pub fn play(&mut self) -> Result<(), Violation> {
        let (now, plan) = (self.world.now(), format!("{:?}", self.plan));
        self.world.trace.say(now, || plan);
        self.begin()?;
        let days = self.plan.storage.as_ref().map_or(1, |kept| kept.days);
        for day in 1..=days {
            match self.plan.storage.is_some() && self.chance.one_in(2) {
                true => self.play_until_dark()?,
                false => self.play_rounds()?,
            }
            if day < days {
                self.fail_power()?;
            }
        }
        match self.plan.storage {
            Some(_) => self.look_once_more(),
            None => Ok(()),
        }
    }

    /// The power fails for the last time; what is stored is there afterwards.
    fn look_once_more(&mut self) -> Result<(), Violation> {
        self.fail_power()?;
        self.open_actors();
        self.settle()?;
        self.check_after_failure()?;
        self.close_cluster()
    }

    /// Daemons begin.
    pub(super) fn begin(&mut self) -> Result<(), Violation> {
        self.settle()?;
        self.wanted = self.total(|counts| counts.subscriptions);
        Ok(())
    }

    /// Those of the cluster come, and what lasts is looked at.
    fn come(&mut self) -> Result<(), Violation> {
        self.open_actors();
        self.make_halls();
        self.settle()?;
        if self.plan.storage.is_some() {
            self.check_after_failure()?;
            for actor in 0..self.actors.len() {
                self.create_lasting(actor);
                self.create_lasting(actor);
            }
            self.settle()?;
        }
        Ok(())
    }

    /// Actors and clients come and act; in the midst of it all stops.
    fn play_until_dark(&mut self) -> Result<(), Violation> {
        self.come()?;
        self.actions_left = self.plan.actions;
        self.world.alarm(0, 0);
        let last_actions = self.chance.below(u64::from(self.plan.actions)) as u32;
        let mut happenings_left = self.chance.below(30);
        let until = self.world.now() + u64::from(self.plan.actions) * REST_MS * 1_000_000;
        while happenings_left > 0 {
            let Some(happening) = self.world.next(until) else { break };
            self.take(happening)?;
            happenings_left -= u64::from(self.actions_left <= last_actions);
        }
        Ok(())
    }

    /// Forgets all that was only in memory.
    pub(super) fn forget_day(&mut self) {
        self.clients_before = self.clients.len();
        self.clients.iter_mut().for_each(|client| client.eyes.session_objects.clear());
        self.watch = Watch::default();
        let (next_id, next_number) = (self.cluster.next_id, self.cluster.next_number);
        let mut things = std::mem::take(&mut self.cluster.things);
        things.retain(|id, _| self.lasting.has(*id));
        for thing in things.values_mut() {
            (thing.is_made, thing.owner, thing.session) = (false, None, None);
        }
        self.cluster = Cluster { things, next_id, next_number, ..Cluster::default() };
    }

    /// Actors and clients come, act, and leave.
    pub(super) fn play_rounds(&mut self) -> Result<(), Violation> {
        self.come()?;
        for _ in 0..self.plan.rounds {
            self.actions_left = self.plan.actions;
            self.world.alarm(0, 0);
            self.settle()?;
            self.check()?;
        }
        self.leave()
    }

    /// Forgets everybody: all have left.
    pub(super) fn forget(&mut self) {
        self.world.forget_connections();
        self.who.clear();
        self.actors.clear();
        self.clients.clear();
        self.watch = Watch::default();
        self.cluster = Cluster { next_id: *BODIES.start(), ..Cluster::default() };
    }

    /// The control channel of the State Server.
    pub(super) fn control(&self) -> u64 {
        control(self.plan.dialect)
    }

    /// The daemon of the Client Agent.
    pub(super) fn agent_daemon(&self) -> usize {
        usize::from(self.plan.is_apart)
    }

    fn open_actors(&mut self) {
        let before = std::mem::take(&mut self.actors);
        for nth in 0..1 + self.plan.actors {
            let channel = FIRST_ACTOR | nth as u64;
            let outside = self.join(Who::Actor(nth));
            let number = before.get(nth).map_or(0, |actor| actor.number);
            self.actors.push(Actor { outside, channel, number, heard: Vec::new() });
            self.subscribe(outside, channel, channel);
        }
        let (outside, login) = (self.actors[0].outside, u64::from(LOGIN));
        self.subscribe(outside, login, login);
        let outside = self.join(Who::Watcher);
        self.subscribe(outside, login, login);
        self.subscribe(outside, HALLS[0].into(), HALLS[HALLS.len() - 1].into());
        self.subscribe(outside, (*BODIES.start()).into(), (*BODIES.end()).into());
        if self.plan.storage.is_some() {
            self.subscribe(outside, (*STORED.start()).into(), (*STORED.end()).into());
        }
        self.watcher = Some(outside);
    }

    /// Somebody of the cluster connects to any Message Director.
    fn join(&mut self, who: Who) -> OutsideId {
        let daemon = match self.plan.cuts {
            // What is cut is between clients and the cluster, not within it.
            true => 0,
            false => self.chance.index(self.world.daemons.len()),
        };
        let shard = self.chance.index(self.plan.shards);
        let peer = ([127, 0, 0, 1], 1 + self.who.len() as u16).into();
        let outside = self.world.open(daemon, shard, peer).expect("the daemon lives");
        self.who.insert(outside, who);
        outside
    }

    fn subscribe(&mut self, outside: OutsideId, low: u64, high: u64) {
        let message = match low == high {
            true => ControlMessage::AddChannel(Channel(low)),
            false => ControlMessage::AddRange(Channel(low), Channel(high)),
        };
        let mut frame = Vec::new();
        message.encode(self.plan.dialect, &mut frame).expect("short, and in both dialects");
        self.world.write(outside, &frame);
    }

    /// Lets things happen until all has come to rest.
    pub(super) fn settle(&mut self) -> Result<(), Violation> {
        let steps_max = self.world.steps() + STEPS_MAX;
        loop {
            let (until, before) = (self.world.now() + REST_MS * 1_000_000, self.world.carried());
            while let Some(happening) = self.world.next(until) {
                if self.world.steps() > steps_max {
                    return Err(Violation::new("all comes to rest", "it does not".into()));
                }
                self.take(happening)?;
            }
            if self.world.carried() == before {
                break;
            }
        }
        for at in 0..self.clients.len() {
            if let Some(frame) = self.clients[at].held.take() {
                self.clients[at].eyes.hear(&frame).map_err(|broken| named(at, broken))?;
            }
        }
        Ok(())
    }

    fn take(&mut self, happening: Happening) -> Result<(), Violation> {
        match happening {
            Happening::Heard(outside, frame) => self.hear(outside, &frame),
            Happening::Alarm(_) => self.act(),
            Happening::Ended(outside, _) => {
                if let Some(Who::Client(at)) = self.who.get(&outside) {
                    self.clients[*at].has_ended = true;
                }
                Ok(())
            }
            Happening::ClosedByShard(outside, reason) => self.closed(outside, reason),
            Happening::LinkClosedByShard(_, reason) => {
                let what = format!("a link was closed: {}", reason.name());
                Err(Violation::new("connections stand", what))
            }
            Happening::Linked(..) => Ok(()),
            Happening::Event(_, packet) => self.journal.hear(&packet),
        }
    }

    /// A daemon closes somebody's connection.
    fn closed(&mut self, outside: OutsideId, reason: CloseReason) -> Result<(), Violation> {
        let who = self.who.get(&outside).copied();
        let now = self.world.now();
        self.world.trace.say(now, || format!("{who:?} was closed: {}", reason.name()));
        let is_right = match who {
            Some(Who::Client(at)) => self.may_be_closed(at, reason),
            Some(Who::Actor(_) | Who::Watcher) | None => false,
        };
        match is_right {
            true => Ok(()),
            false => {
                let what = format!("{who:?} was closed: {}", reason.name());
                Err(Violation::new("connections stand", what))
            }
        }
    }

    fn hear(&mut self, outside: OutsideId, frame: &[u8]) -> Result<(), Violation> {
        let Some(&who) = self.who.get(&outside) else { return Ok(()) };
        self.heard += 1;
        let at = match who {
            Who::Client(at) => return self.client_hears(at, frame),
            Who::Actor(at) => Some(at),
            Who::Watcher => None,
        };
        let Some(dg) = Dg::parse(frame) else {
            return Err(Violation::new("to the byte", "a frame is no datagram".into()));
        };
        let (now, dialect) = (self.world.now(), self.plan.dialect);
        self.world.trace.say(now, || format!("{who:?} hears {}", dg.describe(dialect)));
        match at {
            Some(at) => self.actor_hears(at, dg),
            None => {
                let dg = self.forged(dg);
                self.note_written(&dg);
                self.watch.hear(&self.plan, &dg)
            }
        }
    }

    fn client_hears(&mut self, at: usize, frame: &[u8]) -> Result<(), Violation> {
        let now = self.world.now();
        let dialect = self.plan.dialect;
        self.world.trace.say(now, || format!("client {at} hears {}", describe(dialect, frame)));
        for (at, frame) in self.sabotaged(at, frame.to_vec()) {
            self.clients[at].eyes.hear(&frame).map_err(|broken| named(at, broken))?;
        }
        Ok(())
    }

    /// What the checkers get to see of a frame that a client heard, and of whom.
    fn sabotaged(&mut self, at: usize, mut frame: Vec<u8>) -> Vec<(usize, Vec<u8>)> {
        let now = self.plan.sabotage != Sabotage::None && self.chance.one_in(20);
        let mut all = Vec::new();
        match self.plan.sabotage {
            Sabotage::Double if now => all.push((at, frame.clone())),
            Sabotage::Lose if now => return all,
            Sabotage::Swap if now && self.clients[at].held.is_none() => {
                self.clients[at].held = Some(frame);
                return all;
            }
            Sabotage::Garble if now => {
                if let Some(last) = frame.last_mut() {
                    *last ^= 1;
                }
            }
            Sabotage::Ghost if now => {
                all.push((self.chance.index(self.clients.len()), frame.clone()));
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
        all.push((at, frame));
        all.extend(self.clients[at].held.take().map(|frame| (at, frame)));
        all
    }

    /// What the watcher gets to see of a datagram: if that is to be found out, now and then another
    /// value than a client sent.
    fn forged(&mut self, mut dg: Dg) -> Dg {
        let is_forged = self.plan.sabotage == Sabotage::Forge && self.chance.one_in(20);
        if is_forged && self.watch.is_client(&self.plan, dg.sender) {
            dg.payload.iter_mut().last().into_iter().for_each(|byte| *byte ^= 1);
        }
        dg
    }

    /// An actor sends.
    pub(super) fn send(&mut self, actor: usize, dg: &Dg) {
        let (now, dialect) = (self.world.now(), self.plan.dialect);
        let say = || format!("actor {actor} sends {}", dg.describe(dialect));
        self.world.trace.say(now, say);
        self.world.write(self.actors[actor].outside, &dg.frame());
    }

    /// A count, over all shards.
    pub(super) fn total(&self, count: impl Fn(&Counts) -> u64) -> u64 {
        self.world.daemons.iter().map(|daemon| daemon.total(&count)).sum()
    }

    /// Those of the cluster leave; nothing may remain.
    pub(super) fn close_cluster(&mut self) -> Result<(), Violation> {
        let outsides: Vec<OutsideId> = self.actors.iter().map(|actor| actor.outside).collect();
        for outside in outsides.into_iter().chain(self.watcher) {
            self.world.finish(outside);
        }
        self.settle()?;
        self.world.nudge_all();
        self.settle()?;
        let left = [
            ("subscriptions", self.total(|counts| counts.subscriptions), self.wanted),
            ("objects", self.total(|counts| counts.objects), 0),
            ("bytes of objects", self.total(|counts| counts.object_bytes), 0),
            ("backlog bytes", self.total(|counts| counts.backlog_bytes), 0),
            ("post-removes", self.total(|counts| counts.post_removes), 0),
        ];
        match left.iter().find(|(_, count, wanted)| count != wanted) {
            Some((what, count, wanted)) => {
                let what = format!("{count} {what} are left, {wanted} were there before");
                Err(Violation::new("those who left leave nothing", what))
            }
            None => Ok(()),
        }
    }
}

/// A rule that a client's eyes found broken.
pub(super) fn named(at: usize, Violation { rule, what }: Violation) -> Violation {
    Violation::new(rule, format!("client {at}: {what}"))
}

fn describe(dialect: Dialect, frame: &[u8]) -> String {
    let body = wire::framing::body(frame);
    let message = wire::client::split(body).map(|(number, payload)| {
        format!("{:?}", wire::client::ToClient::decode(dialect, number, payload))
    });
    message.unwrap_or_else(|| format!("{body:?}"))
}

fn control(dialect: Dialect) -> u64 {
    match dialect {
        Dialect::OpenOtp => OPENOTP_CONTROL,
        Dialect::Astron => ASTRON_CONTROL,
    }
}

fn daemon_config(plan: &Plan, daemon: usize, disk: Option<&Arc<FaultyDisk>>) -> DaemonConfig {
    let server =
        park::StateServer { control: Channel(control(plan.dialect)), limits: Default::default() };
    let has_agent = daemon == usize::from(plan.is_apart);
    let storage = plan.storage.as_ref();
    let kept = storage.filter(|kept| kept.database == daemon).zip(disk);
    let dbss = storage.map_or(&[][..], |kept| &kept.dbss);
    DaemonConfig {
        address: address(daemon),
        connect: (daemon > 0).then(|| address(0)),
        shards: plan.shards,
        dialect: plan.dialect,
        limits: plan.limits,
        state_servers: if daemon == 0 { vec![server] } else { Vec::new() },
        client_agents: if has_agent { vec![agent(plan)] } else { Vec::new() },
        uberdogs: uberdogs(),
        databases: kept.map(|(kept, _)| database(kept)).into_iter().collect(),
        dbss: dbss
            .iter()
            .filter(|(home, _)| *home == daemon)
            .map(|(_, ids)| dbss_of(ids))
            .collect(),
        disks: kept.map(|(_, disk)| disk.clone()).into_iter().collect(),
        classes: park::Classes { schema: Some(schema::load()), ..Default::default() },
    }
}

fn database(kept: &Storage) -> park::Database {
    park::Database {
        control: Channel(DATABASE),
        generate: DoId(*STORED.start())..=DoId(*STORED.end()),
        broadcast: kept.broadcast,
        backend: park::Backend::Store { segment_bytes: Some(kept.segment_bytes) },
        directory: "simulated".into(),
        directory_place: park::Place::default(),
        indexes: Vec::new(),
        limits: database::Limits::default(),
    }
}

fn dbss_of(ids: &RangeInclusive<u32>) -> park::Dbss {
    let ranges = vec![DoId(*ids.start())..=DoId(*ids.end())];
    let stored = state_server::Stored { channel: Channel(DATABASE), ranges };
    park::Dbss { stored, limits: Default::default() }
}

fn agent(plan: &Plan) -> park::ClientAgent {
    park::ClientAgent {
        bind: park::Bind { address: ([10, 0, 0, 1], 7198).into(), place: Default::default() },
        version: VERSION.into(),
        dc_hash: DC_HASH,
        channels: Channel(FIRST_CLIENT)..=Channel(FIRST_CLIENT + plan.channels - 1),
        client: park::Client {
            relocate: plan.relocate,
            add_interest: plan.add_interest,
            ..park::Client::default()
        },
        interest_ms: plan.interest_ms,
        proxies: None,
        tls: None,
        admission: runtime::Admission::default(),
        connection: runtime::Limits {
            backlog_bytes_max: 256 << 10,
            flood_bytes_max: 256 << 10,
            stall_ms: 5_000,
            ..runtime::Limits::default()
        },
        limits: client_agent::Limits {
            hello_ms: 3_000,
            established_ms: 9_000,
            messages_per_second: 200,
            message_burst: plan.message_burst,
            bytes_per_second: 20_000,
            byte_burst: 60_000,
            held_bytes_max: 8 << 10,
            interests_max: 16,
            zones_max: 64,
            ..client_agent::Limits::default()
        },
    }
}

fn uberdogs() -> Vec<park::Uberdog> {
    let uberdog = |id: u32, class: &str, anonymous| park::Uberdog {
        id: DoId(id),
        id_place: park::Place::default(),
        class: class.into(),
        class_place: park::Place::default(),
        anonymous,
    };
    let halls = HALLS.into_iter().map(|id| uberdog(id, schema::HALL, false));
    [uberdog(LOGIN, schema::LOGIN, true)].into_iter().chain(halls).collect()
}
