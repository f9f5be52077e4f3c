//! The world: daemons, the net between them, observers outside, and one list of what happens when.
//!
//! It knows neither who should hear what nor what is to go wrong: it carries out, and tells what
//! observers see. One seed, one schedule (I9): all collections are ordered, every choice comes
//! from the world's own [`Chance`].

mod outsides;
mod stores;

use crate::carrier::CarrierKind;
use crate::chance::Chance;
use crate::core::{News, Pace, Post, Surroundings};
use crate::daemon::{Daemon, DaemonConfig, Store};
use crate::net::{EndId, Ending, Net, Weather};
use crate::plan::Sabotage;
use crate::trace::Trace;
use runtime::{CloseReason, LinkId, ListenerId, ShardId, StoreId};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use store::{PartId, Reply};

/// Where participants connect to a Message Director.
const DIRECTOR: ListenerId = ListenerId(0);

/// An observer's connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct OutsideId(pub usize);

/// What an observer, or whoever drives the world, sees.
#[derive(Debug)]
pub enum Happening {
    /// A whole frame was read.
    Heard(OutsideId, Vec<u8>),
    /// A connection ended; nothing more is heard on it.
    Ended(OutsideId, Ending),
    /// A daemon connected to an observer that listens.
    Linked(OutsideId, usize),
    /// A shard closed an observer's connection.
    ClosedByShard(OutsideId, CloseReason),
    /// A shard closed a connection between two daemons.
    LinkClosedByShard(usize, CloseReason),
    /// A daemon has something for the event logger.
    Event(usize, Vec<u8>),
    /// The time asked for has come.
    Alarm(u64),
}

/// The pace of the whole world. Times in nanoseconds, sizes in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Tempo {
    /// The net.
    pub weather: Weather,
    /// A step of a core takes at most so long.
    pub step_ns_max: u64,
    /// One step in so many takes a thousand times as long: the core was off the processor.
    pub stall_one_in: u64,
    /// One read brings at most so much.
    pub read_bytes_max: usize,
    /// Over so much in an inbox nobody reads sockets.
    pub inflight_bytes_max: usize,
    /// A commit, or a chore of a store, takes at most so long.
    pub disk_ns_max: u64,
}

impl Tempo {
    /// Everything at once, whole, in order.
    pub const STILL: Tempo = Tempo {
        weather: Weather::STILL,
        step_ns_max: 0,
        stall_one_in: 0,
        read_bytes_max: 1 << 20,
        inflight_bytes_max: usize::MAX,
        disk_ns_max: 0,
    };
}

enum Event {
    Step { daemon: usize, shard: usize, life: u32 },
    Wake { daemon: usize, shard: usize, life: u32 },
    Arrive(EndId),
    Unblock(EndId),
    Dial { daemon: usize, shard: usize, life: u32, link: LinkId, address: String },
    Alarm(u64),
    Commit { daemon: usize, store: StoreId, life: u32 },
    Chore { daemon: usize, store: StoreId, life: u32, number: u64, is_patient: bool },
    Stored { daemon: usize, store: StoreId, life: u32, answers: Vec<(PartId, Reply)> },
}

#[derive(Clone, Copy)]
enum Owner {
    Core { daemon: usize, shard: usize, life: u32 },
    Outside(OutsideId),
}

struct Outside {
    end: EndId,
    assembly: Vec<u8>,
    unsent: VecDeque<u8>,
    reads: bool,
    finishing: bool,
    open: bool,
}

/// Daemons, observers, and the net between them.
pub struct World {
    /// What happened.
    pub trace: Trace,
    /// The daemons, dead ones included.
    pub daemons: Vec<Daemon>,
    /// Whether a daemon may connect again while its last link is still known above.
    pub links_overlap: bool,
    /// Something broken on purpose in the stores.
    pub sabotage: Sabotage,
    now: u64,
    events: BTreeMap<(u64, u64), Event>,
    /// How many of them are chores that are run at leisure.
    leisurely: usize,
    scheduled: u64,
    steps: u64,
    net: Net,
    tempo: Tempo,
    chance: Chance,
    owners: Vec<Owner>,
    outsides: Vec<Outside>,
    /// Who listens outside, by address.
    listening: BTreeMap<String, ()>,
    /// The last link of each daemon: its own end.
    links: BTreeMap<usize, EndId>,
    happenings: VecDeque<Happening>,
    posts: Vec<Post>,
}

impl World {
    /// A world without anybody.
    pub fn new(mut chance: Chance, tempo: Tempo, trace: Trace) -> World {
        World {
            trace,
            daemons: Vec::new(),
            links_overlap: false,
            sabotage: Sabotage::None,
            now: 1,
            events: BTreeMap::new(),
            leisurely: 0,
            scheduled: 0,
            steps: 0,
            net: Net::new(tempo.weather, chance.fork()),
            tempo,
            chance,
            owners: Vec::new(),
            outsides: Vec::new(),
            listening: BTreeMap::new(),
            links: BTreeMap::new(),
            happenings: VecDeque::new(),
            posts: Vec::new(),
        }
    }

    /// The virtual time, in nanoseconds.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Things that happened so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Adds a daemon and starts it.
    pub fn add_daemon(&mut self, config: DaemonConfig, carrier: CarrierKind) -> usize {
        let inflight = self.tempo.inflight_bytes_max;
        self.daemons.push(Daemon::new(config, carrier, inflight));
        let daemon = self.daemons.len() - 1;
        self.start(daemon);
        daemon
    }

    /// Starts a dead daemon with empty state.
    pub fn start(&mut self, daemon: usize) {
        let now = self.now;
        self.daemons[daemon].start(now);
        self.trace.note(now, "start", &[("daemon", daemon as u64)]);
        (0..self.daemons[daemon].cores.len()).for_each(|shard| self.wake(daemon, shard));
        let life = self.daemons[daemon].life().unwrap_or_default();
        for store in (0..self.daemons[daemon].stores.len()).map(|at| StoreId(at as u16)) {
            let keeps_refused = self.sabotage == Sabotage::NoRollback;
            self.daemons[daemon].stores[usize::from(store.0)].keeps_refused = keeps_refused;
            self.hand_out(daemon, store, life);
        }
    }

    /// Kills a daemon: all it had vanishes but what its disks have made durable, its connections
    /// break.
    pub fn crash(&mut self, daemon: usize) {
        self.trace.note(self.now, "crash", &[("daemon", daemon as u64)]);
        for end in self.daemons[daemon].crash() {
            self.cut_end(end);
        }
    }

    /// Stops a daemon in order: post-removes are routed, then its connections end.
    pub fn stop(&mut self, daemon: usize) {
        let now = self.now;
        self.trace.note(now, "stop", &[("daemon", daemon as u64)]);
        self.daemons[daemon].cores.iter_mut().for_each(|core| core.stop(now));
        (0..self.daemons[daemon].cores.len()).for_each(|shard| self.wake(daemon, shard));
    }

    /// Lets every core take a turn, so that its gauges are of now.
    pub fn nudge_all(&mut self) {
        for daemon in 0..self.daemons.len() {
            for shard in 0..self.daemons[daemon].cores.len() {
                self.daemons[daemon].cores[shard].nudge();
                self.wake(daemon, shard);
            }
        }
    }

    /// Bytes that ever went over the net.
    pub fn carried(&self) -> u64 {
        self.net.carried_all()
    }

    /// Cuts the link of `daemon` to the one above it, if it stands.
    pub fn cut_link(&mut self, daemon: usize) -> bool {
        let Some(&end) = self.links.get(&daemon) else { return false };
        if self.net.is_closed(end) {
            return false;
        }
        self.cut_end(end);
        true
    }

    /// The end at the upper side of the link of `daemon`, and at its own side.
    pub fn link_bytes(&self, daemon: usize) -> (u64, u64) {
        self.links
            .get(&daemon)
            .map_or((0, 0), |&end| (self.net.carried(end.peer()), self.net.carried(end)))
    }

    /// Asks for [`Happening::Alarm`] in `delay` nanoseconds.
    pub fn alarm(&mut self, delay: u64, token: u64) {
        self.schedule(delay, Event::Alarm(token));
    }

    /// Lets things happen until an observer sees something; `None` when nothing is left before
    /// `until`.
    pub fn next(&mut self, until: u64) -> Option<Happening> {
        self.next_while(until, |_| true)
    }

    /// The same without an end, but where only chores are left that are run at leisure, they wait: a
    /// store whose disk is full tries for ever.
    pub fn next_pressing(&mut self) -> Option<Happening> {
        self.next_while(u64::MAX, |world| world.events.len() > world.leisurely)
    }

    fn next_while(&mut self, until: u64, goes_on: impl Fn(&World) -> bool) -> Option<Happening> {
        loop {
            if let Some(happening) = self.happenings.pop_front() {
                return Some(happening);
            }
            if !goes_on(self) {
                return None;
            }
            let entry = self.events.first_entry().filter(|entry| entry.key().0 <= until)?;
            self.now = entry.key().0;
            let event = entry.remove();
            self.steps += 1;
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Step { daemon, shard, life } => self.step(daemon, shard, life),
            Event::Wake { daemon, shard, life } => {
                if self.daemons[daemon].life() == Some(life) {
                    let core = &mut self.daemons[daemon].cores[shard];
                    core.wakes_at = core.wakes_at.filter(|at| *at > self.now);
                    self.wake(daemon, shard);
                }
            }
            Event::Arrive(end) => self.arrive(end),
            Event::Unblock(end) => self.unblock(end),
            Event::Dial { daemon, shard, life, link, address } => {
                if self.daemons[daemon].life() == Some(life) {
                    self.dial(daemon, shard, link, &address);
                }
            }
            Event::Alarm(token) => self.happenings.push_back(Happening::Alarm(token)),
            Event::Commit { daemon, store, life } => {
                let commit = |at: &mut Store| at.commit();
                self.use_store(daemon, store, life, "commit", commit);
            }
            Event::Chore { daemon, store, life, number, is_patient } => {
                self.leisurely -= usize::from(is_patient);
                let run = |at: &mut Store| at.run(number);
                self.use_store(daemon, store, life, "chore", run);
            }
            Event::Stored { daemon, store, life, answers } => {
                if self.daemons[daemon].life() == Some(life) {
                    for (PartId(part), reply) in answers {
                        let core = &mut self.daemons[daemon].cores[usize::from(part)];
                        core.hear(News::Stored(store, reply));
                        self.wake(daemon, usize::from(part));
                    }
                }
            }
        }
    }

    fn step(&mut self, daemon: usize, shard: usize, life: u32) {
        if self.daemons[daemon].life() != Some(life) {
            return;
        }
        let Daemon { cores, carrier, .. } = &mut self.daemons[daemon];
        let core = &mut cores[shard];
        core.scheduled = false;
        self.trace.note(self.now, "step", &[("daemon", daemon as u64), ("shard", shard as u64)]);
        let pace = core.step(&mut Surroundings {
            now: self.now,
            net: &mut self.net,
            carrier,
            trace: &mut self.trace,
            chance: &mut self.chance,
            read_bytes_max: self.tempo.read_bytes_max,
            posts: &mut self.posts,
        });
        if pace == Pace::Again {
            self.wake(daemon, shard);
        } else {
            self.schedule_wake(daemon, shard, life);
        }
        let mut posts = std::mem::take(&mut self.posts);
        posts.drain(..).for_each(|post| self.carry_out(daemon, shard, life, post));
        self.posts = posts;
    }

    fn carry_out(&mut self, daemon: usize, shard: usize, life: u32, post: Post) {
        match post {
            Post::Arrives(end, at) => self.schedule_at(at, Event::Arrive(end)),
            Post::Unblocked(end) => self.tell_unblocked(end),
            Post::Pushed(ShardId(to)) => self.wake(daemon, to as usize),
            Post::Moved => {
                (0..self.daemons[daemon].cores.len()).for_each(|to| self.wake(daemon, to));
            }
            Post::Dial(link, address) => {
                let delay = self.net.delay();
                self.schedule(delay, Event::Dial { daemon, shard, life, link, address });
            }
            Post::Closed(end, reason) => {
                let happening = match self.owners[end.peer().0 as usize] {
                    Owner::Outside(id) => Happening::ClosedByShard(id, reason),
                    Owner::Core { .. } => Happening::LinkClosedByShard(daemon, reason),
                };
                self.happenings.push_back(happening);
            }
            Post::Event(event) => self.happenings.push_back(Happening::Event(daemon, event)),
            Post::AskStore(id, request) => self.ask_store(daemon, shard, life, id, request),
        }
    }

    fn wake(&mut self, daemon: usize, shard: usize) {
        let Some(life) = self.daemons[daemon].life() else { return };
        let core = &mut self.daemons[daemon].cores[shard];
        if !std::mem::replace(&mut core.scheduled, true) {
            let delay = self.step_delay();
            self.schedule(delay, Event::Step { daemon, shard, life });
        }
    }

    fn schedule_wake(&mut self, daemon: usize, shard: usize, life: u32) {
        let core = &mut self.daemons[daemon].cores[shard];
        let Some(at) = core.next_wake() else { return };
        if core.wakes_at.is_none_or(|known| at < known) {
            core.wakes_at = Some(at);
            self.schedule_at(at, Event::Wake { daemon, shard, life });
        }
    }

    fn step_delay(&mut self) -> u64 {
        let delay = self.chance.below(self.tempo.step_ns_max + 1);
        if self.chance.one_in(self.tempo.stall_one_in) { delay * 1000 } else { delay }
    }

    fn arrive(&mut self, end: EndId) {
        match self.owners[end.0 as usize] {
            Owner::Core { daemon, shard, life } => {
                if self.daemons[daemon].life() == Some(life) {
                    self.daemons[daemon].cores[shard].arrived(end);
                    self.wake(daemon, shard);
                }
            }
            Owner::Outside(id) => self.read_outside(id),
        }
    }

    fn tell_unblocked(&mut self, end: EndId) {
        let delay = self.net.delay();
        self.schedule(delay, Event::Unblock(end));
    }

    fn unblock(&mut self, end: EndId) {
        match self.owners[end.0 as usize] {
            Owner::Core { daemon, shard, life } => {
                if self.daemons[daemon].life() == Some(life) {
                    self.daemons[daemon].cores[shard].hear(News::Writable(end));
                    self.wake(daemon, shard);
                }
            }
            Owner::Outside(id) => self.send_unsent(id),
        }
    }

    fn dial(&mut self, daemon: usize, shard: usize, link: LinkId, address: &str) {
        let above = self.daemons.iter().position(|above| above.config.address == address);
        let above = above.filter(|&above| self.may_link(daemon, above));
        let outside = self.listening.contains_key(address);
        let core = &mut self.daemons[daemon].cores[shard];
        if above.is_none() && !outside {
            core.hear(News::ConnectFailed(link));
            self.trace.note(self.now, "refused", &[("daemon", daemon as u64)]);
            return self.wake(daemon, shard);
        }
        let (lower, upper) = self.net.connect();
        self.links.insert(daemon, lower);
        let peer = SocketAddr::from(([10, 0, 0, 1 + daemon as u8], 40_000));
        core.hear(News::Connected(link, lower, peer));
        let life = self.daemons[daemon].life().unwrap_or_default();
        self.owners.push(Owner::Core { daemon, shard, life });
        self.wake(daemon, shard);
        self.trace.note(self.now, "linked", &[("daemon", daemon as u64)]);
        if let Some(above) = above {
            let shard = self.chance.index(self.daemons[above].cores.len());
            let life = self.daemons[above].life().unwrap_or_default();
            self.owners.push(Owner::Core { daemon: above, shard, life });
            self.daemons[above].cores[shard].hear(News::Accepted(upper, DIRECTOR, peer));
            self.wake(above, shard);
        } else {
            let id = self.new_outside(upper);
            self.owners.push(Owner::Outside(id));
            self.happenings.push_back(Happening::Linked(id, daemon));
        }
    }

    /// Whether `above` lives and, unless links overlap, has forgotten the last link of `daemon`.
    fn may_link(&self, daemon: usize, above: usize) -> bool {
        let Some(life) = self.daemons[above].life() else { return false };
        let Some(last) = self.links.get(&daemon) else { return true };
        match self.owners[last.peer().0 as usize] {
            Owner::Core { daemon: at, shard, life: then } if at == above && then == life => {
                self.links_overlap || !self.daemons[above].cores[shard].holds(last.peer())
            }
            Owner::Core { .. } | Owner::Outside(_) => true,
        }
    }

    fn cut_end(&mut self, end: EndId) {
        self.trace.note(self.now, "cut", &[("end", end.0 as u64)]);
        let [here, there] = self.net.cut(self.now, end);
        self.schedule_at(here, Event::Arrive(end));
        self.schedule_at(there, Event::Arrive(end.peer()));
    }

    fn schedule(&mut self, delay: u64, event: Event) {
        self.schedule_at(self.now + delay, event);
    }

    fn schedule_at(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        // Chance decides between things of the same moment.
        let order = self.chance.number() << 40 | self.scheduled;
        self.events.insert((at.max(self.now), order), event);
    }
}
