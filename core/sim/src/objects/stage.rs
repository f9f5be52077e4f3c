//! A daemon with a State Server, and those around it: who they are, what they hear.

use crate::chance::Chance;
use crate::daemon::DaemonConfig;
use crate::ledger::Violation;
use crate::objects::datagram::Dg;
use crate::objects::plan::Plan;
use crate::objects::pools::reaches;
use crate::objects::{REFUSED, schema};
use crate::plan::Sabotage;
use crate::scenario::address;
use crate::trace::Trace;
use crate::world::{Happening, OutsideId, World};
use runtime::Counts;
use std::collections::{BTreeMap, VecDeque};
use wire::control::ControlMessage;
use wire::ids::{Channel, ClassId, DoId};
use wire::state_server::{Entry, Location, ObjectMessage};

const STEPS_MAX: u64 = 3_000_000;

/// A connection of an observer.
pub struct Ear {
    /// Who it is.
    pub name: String,
    /// What it calls itself as a sender.
    pub channel: u64,
    /// The channels that it subscribed.
    pub wants: Vec<(u64, u64)>,
    /// What it has heard since that was looked at last.
    pub heard: Vec<Dg>,
    outside: OutsideId,
    held: Option<Dg>,
}

impl Ear {
    /// Whether it has subscribed everything.
    pub fn hears_all(&self) -> bool {
        self.wants == [(1, u64::MAX)]
    }

    /// Whether it is an AI that has subscribed its own channel and no more.
    pub fn is_ai(&self) -> bool {
        self.name.starts_with("AI") && self.wants == [(self.channel, self.channel)]
    }
}

/// The daemon and those around it.
pub struct Stage {
    /// The world.
    pub world: World,
    /// The observers.
    pub ears: Vec<Ear>,
    /// Frames heard.
    pub heard: u64,
    /// Channels that daemons subscribe by themselves.
    wanted: u64,
    plan: Plan,
    chance: Chance,
    by_outside: BTreeMap<OutsideId, usize>,
    /// What is to be sent later: after how long, by whom.
    later: VecDeque<(usize, Dg)>,
    /// Objects elsewhere that answer zone queries, and the connection that plays them.
    pub answering: BTreeMap<u64, usize>,
}

const SEND: u64 = 1;

impl Stage {
    /// A daemon that nobody has connected to.
    pub fn new(plan: &Plan, mut chance: Chance, trace: Trace) -> Stage {
        let mut world = World::new(chance.fork(), plan.tempo, trace);
        for (nth, &control) in plan.pools.controls.iter().enumerate() {
            let objects_at_once = plan.objects_at_once;
            // Who asked, and who comes late, is looked at in whole parks.
            let limits =
                state_server::Limits { objects_at_once, zones_asked_max: 0, ..Default::default() };
            let server = park::StateServer { control: Channel(control), limits };
            let config = DaemonConfig {
                address: address(nth),
                connect: (nth > 0).then(|| address(nth - 1)),
                shards: plan.shards,
                dialect: plan.dialect,
                limits: plan.limits,
                state_servers: vec![server],
                client_agents: Vec::new(),
                uberdogs: Vec::new(),
                databases: Vec::new(),
                dbss: Vec::new(),
                disks: Vec::new(),
                classes: park::Classes { schema: Some(schema::load()), ..Default::default() },
            };
            world.add_daemon(config, plan.carrier);
        }
        Stage {
            world,
            ears: Vec::new(),
            heard: 0,
            wanted: 0,
            plan: plan.clone(),
            chance,
            by_outside: BTreeMap::new(),
            later: VecDeque::new(),
            answering: BTreeMap::new(),
        }
    }

    /// Somebody connects anywhere and subscribes.
    pub fn open(&mut self, name: &str, channel: u64, wants: &[(u64, u64)]) -> usize {
        let daemon = self.chance.index(self.plan.daemons);
        self.open_at(daemon, name, channel, wants)
    }

    /// Somebody connects to a daemon and subscribes.
    pub fn open_at(
        &mut self,
        daemon: usize,
        name: &str,
        channel: u64,
        wants: &[(u64, u64)],
    ) -> usize {
        let shard = self.chance.index(self.plan.shards);
        let peer = ([127, 0, 0, 1], 1 + self.ears.len() as u16).into();
        let outside = self.world.open(daemon, shard, peer).expect("the daemon lives");
        let ear = self.ears.len();
        self.by_outside.insert(outside, ear);
        let now = self.world.now();
        self.world.trace.say(now, || format!("ear {ear} is {name}, wants {wants:x?}"));
        self.ears.push(Ear {
            name: name.into(),
            channel,
            wants: Vec::new(),
            heard: Vec::new(),
            outside,
            held: None,
        });
        wants.iter().for_each(|&(low, high)| self.subscribe(ear, low, high));
        ear
    }

    /// Somebody subscribes more.
    pub fn subscribe(&mut self, ear: usize, low: u64, high: u64) {
        let message = match low == high {
            true => ControlMessage::AddChannel(Channel(low)),
            false => ControlMessage::AddRange(Channel(low), Channel(high)),
        };
        self.control(ear, message);
        self.ears[ear].wants.push((low, high));
    }

    /// Somebody leaves what it subscribed `nth`.
    pub fn unsubscribe(&mut self, ear: usize, nth: usize) {
        let (low, high) = self.ears[ear].wants.remove(nth);
        let is_wanted =
            |&(other_low, other_high): &(u64, u64)| other_low <= high && low <= other_high;
        if self.ears[ear].wants.iter().any(is_wanted) {
            self.ears[ear].wants.push((low, high));
            return;
        }
        self.control(ear, ControlMessage::RemoveRange(Channel(low), Channel(high)));
    }

    fn control(&mut self, ear: usize, message: ControlMessage<'_>) {
        let mut frame = Vec::new();
        message.encode(self.plan.dialect, &mut frame).expect("short, and in both dialects");
        self.world.write(self.ears[ear].outside, &frame);
    }

    /// Somebody sends.
    pub fn send(&mut self, ear: usize, dg: &Dg) {
        let now = self.world.now();
        let (name, dialect) = (&self.ears[ear].name, self.plan.dialect);
        self.world.trace.say(now, || format!("{name} sends {}", dg.describe(dialect)));
        self.world.write(self.ears[ear].outside, &dg.frame());
        if self.plan.sabotage == Sabotage::Echo && self.chance.one_in(20) {
            self.ears[ear].heard.push(dg.clone().sorted());
        }
    }

    /// Somebody sends as soon as all that is to be sent before has been.
    pub fn send_later(&mut self, ear: usize, dg: Dg) {
        self.later.push_back((ear, dg));
        if self.later.len() == 1 {
            self.world.alarm(0, SEND);
        }
    }

    /// Lets things happen until all is quiet.
    pub fn settle(&mut self) -> Result<(), Violation> {
        while let Some(happening) = self.world.next(u64::MAX) {
            if self.world.steps() > STEPS_MAX {
                return Err(Violation::new("all comes to rest", "it does not".into()));
            }
            self.take(happening)?;
        }
        for ear in &mut self.ears {
            ear.heard.extend(ear.held.take().map(Dg::sorted));
        }
        Ok(())
    }

    /// A turn more of every shard changes nothing.
    pub fn settle_for_good(&mut self) -> Result<(), Violation> {
        self.settle()?;
        let before = self.world.carried();
        self.world.nudge_all();
        self.settle()?;
        if self.world.carried() != before {
            let what = format!("{} bytes waited for a turn", self.world.carried() - before);
            return Err(Violation::new("nobody sleeps over work", what));
        }
        Ok(())
    }

    fn take(&mut self, happening: Happening) -> Result<(), Violation> {
        match happening {
            Happening::Heard(outside, frame) => self.hear(outside, &frame),
            Happening::Alarm(_) => {
                self.send_next();
                Ok(())
            }
            Happening::Ended(..) | Happening::Linked(..) | Happening::Event(..) => Ok(()),
            Happening::ClosedByShard(_, reason) | Happening::LinkClosedByShard(_, reason) => {
                let what = format!("somebody was closed: {}", reason.name());
                Err(Violation::new("connections stand", what))
            }
        }
    }

    fn send_next(&mut self) {
        let Some((ear, dg)) = self.later.pop_front() else { return };
        self.send(ear, &dg);
        if !self.later.is_empty() {
            let delay = self.chance.below(self.plan.action_ns_max + 1);
            self.world.alarm(delay, SEND);
        }
    }

    fn hear(&mut self, outside: OutsideId, frame: &[u8]) -> Result<(), Violation> {
        let Some(&at) = self.by_outside.get(&outside) else { return Ok(()) };
        let Some(dg) = Dg::parse(frame) else {
            return Err(Violation::new("to the byte", "a frame is no datagram".into()));
        };
        self.heard += 1;
        let (now, name, dialect) = (self.world.now(), &self.ears[at].name, self.plan.dialect);
        self.world.trace.say(now, || format!("{name} hears {}", dg.describe(dialect)));
        let answers = self.answers_to(&dg).into_iter().filter(|&(who, _)| who == at);
        answers.for_each(|(who, answer)| self.send(who, &answer));
        for dg in self.sabotaged(at, dg) {
            self.ears[at].heard.push(dg.sorted());
        }
        Ok(())
    }

    /// What objects elsewhere answer who asks for zones, and their parent; and who plays them.
    pub fn answers_to(&self, asked: &Dg) -> Vec<(usize, Dg)> {
        let dialect = self.plan.dialect;
        let Ok(ObjectMessage::QueryZones { parent, zones, .. }) =
            ObjectMessage::decode(dialect, asked.msgtype, &asked.payload)
        else {
            return Vec::new();
        };
        let Some(zone) = zones.iter().next() else { return Vec::new() };
        let to = [asked.sender, parent.0.into()];
        let answer = |(child, who): (u64, usize)| {
            let (do_id, location) = (DoId(child as u32), Location { parent, zone });
            let (dclass, fields) = (ClassId(3), &b"as it is"[..]);
            let entry = Entry { do_id, location, dclass, has_other: false, fields };
            (who, Dg::object(dialect, &to, child, &ObjectMessage::EnterZone(entry)))
        };
        let children = asked.to.iter().filter_map(|&to| Some((to, *self.answering.get(&to)?)));
        children.map(answer).collect()
    }

    /// What the checkers get to see of a datagram that was heard.
    fn sabotaged(&mut self, at: usize, mut dg: Dg) -> Vec<Dg> {
        let now = self.plan.sabotage != Sabotage::None && self.chance.one_in(20);
        let mut all = Vec::new();
        match self.plan.sabotage {
            Sabotage::Double if now => all.push(dg.clone()),
            Sabotage::Lose if now => return all,
            Sabotage::Swap if now && self.ears[at].held.is_none() => {
                self.ears[at].held = Some(dg);
                return all;
            }
            Sabotage::Garble if now => match dg.payload.last_mut() {
                Some(last) => *last ^= 1,
                None => dg.sender ^= 1,
            },
            Sabotage::Ghost if now => {
                let others = 0..self.ears.len();
                let deaf: Vec<usize> =
                    others.filter(|&ear| !reaches(&dg, &self.ears[ear].wants)).collect();
                if let Some(ear) = self.chance.pick(&deaf) {
                    self.ears[ear].heard.push(dg.clone().sorted());
                }
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
        all.push(dg);
        all.extend(self.ears[at].held.take());
        all
    }

    /// What everybody has heard since this was asked last.
    pub fn take_heard(&mut self) -> Vec<Vec<Dg>> {
        self.ears.iter_mut().map(|ear| std::mem::take(&mut ear.heard)).collect()
    }

    /// What daemons want by themselves is what they want now.
    pub fn note_wanted(&mut self) {
        self.world.nudge_all();
        while self.world.next(u64::MAX).is_some() {}
        self.wanted = self.total(|counts| counts.subscriptions);
    }

    /// A count, over all shards.
    pub fn total(&self, count: impl Fn(&Counts) -> u64) -> u64 {
        self.world.daemons.iter().map(|daemon| daemon.total(&count)).sum()
    }

    /// Requests that were refused.
    pub fn refused(&self) -> u64 {
        REFUSED.iter().map(|count| self.total(count)).sum()
    }

    /// Everybody leaves; nothing may remain.
    pub fn leave(&mut self) -> Result<(), Violation> {
        for ear in 0..self.ears.len() {
            self.world.finish(self.ears[ear].outside);
        }
        self.settle_for_good()?;
        // Where a range was left, what the daemon below itself wants within it stays a piece.
        let pieces =
            if self.plan.daemons > 1 { 0 } else { self.total(|counts| counts.range_pieces) };
        let left = [
            ("objects", self.total(|counts| counts.objects)),
            ("bytes of objects", self.total(|counts| counts.object_bytes)),
            ("subscriptions", self.total(|counts| counts.subscriptions) - self.wanted),
            ("range pieces", pieces),
            ("backlog bytes", self.total(|counts| counts.backlog_bytes)),
        ];
        match left.iter().find(|(_, count)| *count > 0) {
            Some((what, count)) => {
                let what = format!("{count} {what} are left when all is deleted");
                Err(Violation::new("the dead leave nothing", what))
            }
            None => Ok(()),
        }
    }
}
