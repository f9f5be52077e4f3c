//! One run: a world, observers that act in it, and the books. Churn, heal, settle, probe, check;
//! in the end everybody leaves and nothing may remain.

use crate::causality::Tree;
use crate::chance::Chance;
use crate::daemon::DaemonConfig;
use crate::ledger::{End, Kind, Ledger, Violation};
use crate::model::Universe;
use crate::net::Ending;
use crate::plan::{Plan, Sabotage, Trouble};
use crate::trace::{Show, Trace};
use crate::upstream_view::UpstreamView;
use crate::world::{Happening, OutsideId, World};
use runtime::CloseReason;
use std::collections::{BTreeMap, BTreeSet};
use wire::control::ControlMessage;
use wire::datagram;

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The hash of its trace.
    pub hash: u64,
    /// The text of its trace, if it was kept.
    pub trace: String,
    /// Things that happened.
    pub steps: u64,
    /// Frames that observers heard.
    pub heard: u64,
    /// The rule that was broken, if one was.
    pub violation: Option<Violation>,
}

/// Plays the run of `seed`.
pub fn play(seed: u64, shards: Option<usize>, sabotage: Sabotage, show: Show) -> Outcome {
    let mut chance = Chance::new(seed);
    let plan = Plan::new(&mut chance, shards, sabotage);
    let mut scenario = Scenario::new(plan, chance, Trace::new(show));
    let violation = scenario.run().err();
    if let Some(Violation { rule, what }) = &violation {
        let now = scenario.world.now();
        scenario.world.trace.say(now, || format!("BROKEN: {rule}: {what}"));
    }
    Outcome {
        hash: scenario.world.trace.hash(),
        trace: scenario.world.trace.text().to_string(),
        steps: scenario.world.steps(),
        heard: scenario.heard,
        violation,
    }
}

/// What a connection of an observer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// Ordinary.
    Plain,
    /// Does not read for a long time.
    Slow,
    /// Sends much.
    Flood,
    /// Sends what no one should.
    Hostile,
    /// Plays the upstream of the root.
    Upstream,
}

/// A connection of an observer.
pub(crate) struct Conn {
    pub outside: OutsideId,
    pub party: usize,
    pub process: usize,
    pub daemon: usize,
    pub part: Part,
    /// Whether it still sends.
    pub open: bool,
}

pub(crate) struct Scenario {
    pub plan: Plan,
    pub chance: Chance,
    pub world: World,
    pub ledger: Ledger,
    pub conns: Vec<Conn>,
    pub processes: Vec<usize>,
    pub by_outside: BTreeMap<OutsideId, usize>,
    pub view: UpstreamView,
    /// The last upstream link, which the view is of.
    view_of: Option<OutsideId>,
    pub actions_left: u32,
    pub reactions_left: u32,
    /// Whether something fails in this round.
    pub storm: bool,
    /// Daemons that do not come back before the heal.
    pub dead: BTreeSet<usize>,
    pub upstream_process: usize,
    pub upstream_away: bool,
    pub upstream_links: u32,
    pub churning: bool,
    /// Parties that a daemon must have closed when all is quiet.
    pub must_be_gone: BTreeSet<usize>,
    held: BTreeMap<usize, Vec<u8>>,
    heard: u64,
}

const STEPS_MAX: u64 = 3_000_000;
/// The address of the observer above the root.
pub(crate) const ABOVE: &str = "10.0.9.9:7199";

impl Scenario {
    fn new(plan: Plan, mut chance: Chance, trace: Trace) -> Scenario {
        let world = World::new(chance.fork(), plan.tempo, trace);
        let universe = Universe::new(plan.dialect.control_channel().0);
        let mut ledger = Ledger::new(Tree::new(plan.parents.clone()), universe);
        let upstream_process = ledger.new_process();
        let processes = (0..chance.between(2, 4)).map(|_| ledger.new_process()).collect();
        Scenario {
            plan,
            chance,
            world,
            ledger,
            conns: Vec::new(),
            processes,
            by_outside: BTreeMap::new(),
            view: UpstreamView::default(),
            view_of: None,
            actions_left: 0,
            reactions_left: 0,
            storm: false,
            dead: BTreeSet::new(),
            upstream_process,
            upstream_away: false,
            upstream_links: 0,
            churning: false,
            must_be_gone: BTreeSet::new(),
            held: BTreeMap::new(),
            heard: 0,
        }
    }

    fn run(&mut self) -> Result<(), Violation> {
        let now = self.world.now();
        let plan = format!("{:?}", self.plan);
        self.world.trace.say(now, || plan);
        self.world.links_overlap = self.plan.links_overlap;
        self.build();
        self.settle()?;
        for _ in 0..self.plan.rounds {
            self.churn()?;
            self.probe()?;
        }
        self.leave()
    }

    fn build(&mut self) {
        if self.plan.observed_upstream {
            self.world.listen(ABOVE);
        }
        for (daemon, parent) in self.plan.parents.clone().into_iter().enumerate() {
            let above = (daemon == 0 && self.plan.observed_upstream).then(|| ABOVE.to_string());
            let config = DaemonConfig {
                address: address(daemon),
                connect: parent.map(address).or(above),
                shards: self.plan.shards[daemon],
                dialect: self.plan.dialect,
                limits: self.plan.limits,
                state_servers: Vec::new(),
                client_agents: Vec::new(),
                uberdogs: Vec::new(),
                databases: Vec::new(),
                dbss: Vec::new(),
                disks: Vec::new(),
                classes: park::Classes::default(),
            };
            self.world.add_daemon(config, self.plan.carrier);
        }
    }

    /// A round of churn, and what follows until all is quiet.
    fn churn(&mut self) -> Result<(), Violation> {
        self.storm = self.plan.trouble == Trouble::Storm;
        self.ledger.settle(!self.storm, !self.plan.links_overlap)?;
        (self.actions_left, self.reactions_left) = (self.plan.actions, self.plan.actions * 2);
        self.churning = true;
        self.world.alarm(0, ACT);
        while self.actions_left > 0 {
            let Some(happening) = self.world.next(u64::MAX) else { break };
            self.take(happening)?;
        }
        self.churning = false;
        self.heal();
        self.settle()?;
        self.read_again();
        self.settle()?;
        self.check_quiet()?;
        self.ledger.settle(true, true)
    }

    /// Everything is checked exactly: subscriptions do not change, each probe is heard by all who
    /// should and travels no further.
    fn probe(&mut self) -> Result<(), Violation> {
        self.storm = false;
        let before: Vec<(u64, u64)> = self.daemons().map(|at| self.world.link_bytes(at)).collect();
        self.reactions_left = 0;
        for _ in 0..self.chance.between(5, 20) {
            self.send_probe();
        }
        self.settle()?;
        self.check_links(&before)?;
        self.check_quiet()?;
        self.ledger.settle(true, true)
    }

    /// Everybody leaves; nothing may remain.
    fn leave(&mut self) -> Result<(), Violation> {
        for at in 0..self.conns.len() {
            if self.conns[at].open && self.conns[at].part != Part::Upstream {
                self.close(at);
            }
        }
        self.settle()?;
        self.ledger.settle(true, true)?;
        self.check_quiet()?;
        for (at, daemon) in self.world.daemons.iter().enumerate() {
            let left = [
                ("subscriptions", daemon.total(|counts| counts.subscriptions)),
                ("range pieces", daemon.total(|counts| counts.range_pieces)),
                ("post-removes", daemon.total(|counts| counts.post_removes)),
                ("backlog bytes", daemon.total(|counts| counts.backlog_bytes)),
                ("upstream queue bytes", daemon.total(|counts| counts.upstream_queue_bytes)),
            ];
            if let Some((what, count)) = left.iter().find(|(_, count)| *count > 0) {
                let what = format!("daemon {at} has {count} {what} when everybody has left");
                return Err(Violation::new("the dead leave nothing", what));
            }
        }
        Ok(())
    }

    /// Lets things happen until all is quiet. Then a turn more of every shard changes nothing:
    /// nobody has slept over something.
    fn settle(&mut self) -> Result<(), Violation> {
        self.rest()?;
        self.release_held()?;
        let before = self.world.carried();
        self.world.nudge_all();
        self.rest()?;
        if self.world.carried() != before {
            let what = format!("{} bytes waited for a turn", self.world.carried() - before);
            return Err(Violation::new("nobody sleeps over work", what));
        }
        Ok(())
    }

    fn rest(&mut self) -> Result<(), Violation> {
        while let Some(happening) = self.world.next(u64::MAX) {
            self.take(happening)?;
        }
        Ok(())
    }

    fn take(&mut self, happening: Happening) -> Result<(), Violation> {
        if self.world.steps() > STEPS_MAX {
            return Err(Violation::new("all comes to rest", "it does not".into()));
        }
        match happening {
            Happening::Heard(outside, frame) => self.heard(outside, frame),
            Happening::Ended(outside, how) => self.ended(outside, how),
            Happening::Linked(outside, _) => {
                self.upstream_linked(outside);
                Ok(())
            }
            Happening::ClosedByShard(outside, reason) => self.closed_by_shard(outside, reason),
            Happening::LinkClosedByShard(_, CloseReason::Reset) if self.storm => Ok(()),
            Happening::LinkClosedByShard(daemon, reason) => {
                let what = format!("daemon {daemon} closed a link: {}", reason.name());
                Err(Violation::new("links stand", what))
            }
            Happening::Event(..) => Ok(()),
            Happening::Alarm(token) => self.alarmed(token),
        }
    }

    fn upstream_linked(&mut self, outside: OutsideId) {
        if self.upstream_away {
            return self.world.reset(outside);
        }
        self.upstream_links += 1;
        let party = self.ledger.join(self.upstream_process, 0, true);
        self.view = UpstreamView { exact: self.upstream_links == 1, ..UpstreamView::default() };
        self.view_of = Some(outside);
        self.add_conn(outside, party, self.upstream_process, 0, Part::Upstream);
    }

    pub fn add_conn(
        &mut self,
        outside: OutsideId,
        party: usize,
        process: usize,
        daemon: usize,
        part: Part,
    ) {
        self.by_outside.insert(outside, self.conns.len());
        self.conns.push(Conn { outside, party, process, daemon, part, open: true });
    }

    fn heard(&mut self, outside: OutsideId, frame: Vec<u8>) -> Result<(), Violation> {
        let Some(&at) = self.by_outside.get(&outside) else { return Ok(()) };
        self.heard += 1;
        let control = self.plan.dialect.control_channel();
        if self.conns[at].part == Part::Upstream
            && let Some(rest) = datagram::control_message(&frame[2..], control)
        {
            let message = ControlMessage::decode(self.plan.dialect, rest);
            let message = message.map_err(|error| {
                Violation::new("the upstream is told what is a message", error.to_string())
            })?;
            // What an old link brings late is about a daemon that has begun anew.
            return match self.view_of == Some(outside) {
                true => self.view.hear(message, self.ledger.universe()),
                false => Ok(()),
            };
        }
        for frame in self.sabotaged(at, frame) {
            let party = self.conns[at].party;
            let id = self.ledger.heard(party, &frame)?;
            let now = self.world.now();
            self.world.trace.say(now, || format!("party {party} hears message {id}"));
            self.react(at, id);
        }
        Ok(())
    }

    /// What the checkers get to see of a frame that was heard.
    fn sabotaged(&mut self, at: usize, mut frame: Vec<u8>) -> Vec<Vec<u8>> {
        let now = self.plan.sabotage != Sabotage::None && self.chance.one_in(20);
        let mut frames: Vec<Vec<u8>> = Vec::new();
        match self.plan.sabotage {
            Sabotage::Double if now => frames.push(frame.clone()),
            Sabotage::Lose if now => return frames,
            Sabotage::Swap if now && !self.held.contains_key(&at) => {
                self.held.insert(at, frame);
                return frames;
            }
            Sabotage::Echo | Sabotage::Ghost if now => {
                let mine = self.sabotage_id(at);
                frames.extend(mine.map(|id| self.ledger.frame(id).to_vec()));
            }
            Sabotage::Garble if now => frame[12] ^= 1,
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
        frames.push(frame);
        frames.extend(self.held.remove(&at));
        frames
    }

    fn sabotage_id(&mut self, at: usize) -> Option<usize> {
        let party = self.conns[at].party;
        let echo = self.plan.sabotage == Sabotage::Echo;
        let wanted = self.ledger.subscriber(party).clone();
        let fits = |&id: &usize| {
            let mine = self.ledger.sender(id) == party;
            let heard = wanted.ever(self.ledger.points(id), 0, wanted.len());
            self.ledger.kind(id) == Kind::Datagram && if echo { mine } else { !mine && !heard }
        };
        (0..self.ledger.next_message()).rev().find(fits)
    }

    fn release_held(&mut self) -> Result<(), Violation> {
        for (at, frame) in std::mem::take(&mut self.held) {
            let party = self.conns[at].party;
            self.ledger.heard(party, &frame)?;
        }
        Ok(())
    }

    fn ended(&mut self, outside: OutsideId, _: Ending) -> Result<(), Violation> {
        let Some(&at) = self.by_outside.get(&outside) else { return Ok(()) };
        self.conns[at].open = false;
        let party = self.conns[at].party;
        if self.ledger.end(party) == End::Open {
            if !self.storm {
                let what = format!("party {party} ({:?})", self.conns[at].part);
                return Err(Violation::new("connections stand", what));
            }
            self.ledger.ended(party, End::Cut);
        }
        Ok(())
    }

    fn closed_by_shard(
        &mut self,
        outside: OutsideId,
        reason: CloseReason,
    ) -> Result<(), Violation> {
        let Some(&at) = self.by_outside.get(&outside) else { return Ok(()) };
        let Conn { party, part, .. } = self.conns[at];
        self.conns[at].open = false;
        let gone = self.ledger.end(party) != End::Open;
        let why = match (part, reason) {
            (Part::Hostile, CloseReason::Malformed) => End::Refused,
            (Part::Slow, CloseReason::Backlog | CloseReason::Stalled) => End::Cut,
            (_, CloseReason::Reset) if self.storm || gone => End::Cut,
            _ => {
                let what = format!("party {party} ({part:?}) was closed: {}", reason.name());
                return Err(Violation::new("only who is at fault is closed", what));
            }
        };
        self.ledger.ended(party, why);
        Ok(())
    }

    pub fn daemons(&self) -> std::ops::Range<usize> {
        0..self.plan.parents.len()
    }
}

/// The alarm at which an observer does something.
pub(crate) const ACT: u64 = 1;

/// Where a daemon listens.
pub(crate) fn address(daemon: usize) -> String {
    format!("10.0.0.{}:7199", daemon + 1)
}
