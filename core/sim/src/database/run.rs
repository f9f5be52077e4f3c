//! One run: what is common to all, and requests one after the other.

use crate::chance::Chance;
use crate::database::model::{Model, ids_of};
use crate::database::plan::{Mode, Plan};
use crate::database::requests::Draw;
use crate::database::stage::{Stage, describe};
use crate::ledger::Violation;
use crate::objects::datagram::Dg;
use crate::objects::pools::reaches;
use crate::plan::Sabotage;
use crate::trace::Trace;
use std::collections::BTreeSet;
use wire::database::DatabaseNotice;
use wire::dialect::Dialect;
use wire::ids::DoId;
use wire::lists::DoIds;

/// The first channel of those who ask; each connection has another one.
const ASKERS: u64 = 70_000 << 32;

/// A run.
pub struct Run {
    /// The world.
    pub stage: Stage,
    pub(super) plan: Plan,
    pub(super) chance: Chance,
    /// What there is, or probably is.
    pub(super) model: Model,
    /// The ids that may be given.
    pub(super) ids: Vec<u32>,
    /// The ids that were given.
    pub(super) given: BTreeSet<u32>,
    /// Objects that cannot be read any more.
    pub(super) damaged: BTreeSet<u32>,
    /// Creates whose answer was lost.
    pub(super) open_creates: usize,
    channels: u64,
    context: u32,
}

impl Run {
    /// A run that has not begun.
    pub fn new(plan: Plan, mut chance: Chance, trace: Trace) -> Run {
        let stage = Stage::new(&plan, chance.fork(), trace);
        Run {
            stage,
            chance,
            model: Model::new(plan.rules(), plan.generate),
            ids: ids_of(plan.dialect, plan.control, plan.generate),
            given: BTreeSet::new(),
            damaged: BTreeSet::new(),
            open_creates: 0,
            channels: 0,
            context: 0,
            plan,
        }
    }

    /// All of it.
    pub fn play(&mut self) -> Result<(), Violation> {
        let (now, plan) = (self.stage.world.now(), format!("{:?}", self.plan));
        self.stage.world.trace.say(now, || plan);
        self.stage.settle()?;
        match self.plan.mode {
            Mode::Sequential => self.sequential(),
            Mode::Parallel | Mode::Crashes | Mode::Full | Mode::Broken | Mode::Rot => self.rounds(),
        }
    }

    pub(super) fn next_context(&mut self) -> u32 {
        self.context += 1;
        self.context
    }

    pub(super) fn next_channel(&mut self) -> u64 {
        self.channels += 1;
        ASKERS | self.channels
    }

    /// Draws a request of a connection.
    pub(super) fn draw(&mut self, conn: usize) -> Dg {
        let context = self.next_context();
        let sender = self.stage.conns[conn].channel;
        // A disk stays full only where much is there.
        let most = if self.plan.mode == Mode::Full { 30 } else { 8 };
        let wanted = (self.ids.len() / 2).min(most);
        let others: Vec<u32> = [self.plan.control as u32, 4030, 0, 1]
            .into_iter()
            .chain(self.ids.iter().copied())
            .filter(|id| !self.model.objects.contains_key(id))
            .take(30)
            .collect();
        // A record that is longer than a segment lets it grow, which a full disk takes for a failure:
        // no configuration has segments as short as here.
        let longest = if self.plan.mode == Mode::Full { 700 } else { 34_000 };
        let (model, chance) = (&self.model, &mut self.chance);
        let mut draw = Draw { model, others: &others, chance, sender, context, wanted, longest };
        loop {
            let dg = draw.request();
            if dg.fits() {
                return dg;
            }
        }
    }

    /// Those who ask, and one who hears all that is said of objects.
    fn sequential(&mut self) -> Result<(), Violation> {
        for _ in 0..self.plan.rounds {
            let of_objects = self.stage.of_objects();
            let mut conns = Vec::new();
            for nth in 0..self.plan.conns.max(2) {
                let channel = self.next_channel();
                let wants = if nth == 0 { vec![of_objects] } else { Vec::new() };
                conns.push(self.stage.connect_anywhere(channel, &wants));
            }
            self.stage.settle()?;
            self.stage.take_heard();
            for _ in 0..self.plan.requests {
                let conn = self.chance.pick(&conns).unwrap_or(0);
                let mut dg = self.draw(conn);
                if self.chance.one_in(15) {
                    // In somebody else's name: an object's, or nobody's.
                    let id = self.chance.pick(&self.ids).unwrap_or(0);
                    dg.sender = self.chance.pick(&[0, id.into()]).unwrap_or(0);
                }
                self.ask(conn, &dg)?;
            }
            self.ask_for_all(conns[0])?;
            self.restart()?;
        }
        let channel = self.next_channel();
        let conn = self.stage.connect_anywhere(channel, &[]);
        self.stage.settle()?;
        self.stage.take_heard();
        self.ask_for_all(conn)
    }

    /// All daemons die when nothing is under way, and start again.
    pub(super) fn restart(&mut self) -> Result<(), Violation> {
        // There is no id behind the last one: it is not given to the first after the one before.
        let is_next = self.ids.iter().rev().nth(1).is_some_and(|id| !self.model.ids.contains(id));
        if is_next {
            self.model.ids.retain(|&id| id != u32::MAX);
        }
        self.stage.cut_all();
        (0..self.plan.daemons).for_each(|daemon| self.stage.crash(daemon));
        (0..self.plan.daemons).for_each(|daemon| self.stage.start(daemon));
        self.stage.settle()
    }

    /// Somebody asks for something; all comes of it that must, and nothing else.
    fn ask(&mut self, conn: usize, dg: &Dg) -> Result<(), Violation> {
        let before = self.stage.refused();
        let outcome = self.model.hear(dg);
        self.stage.send(conn, dg);
        self.stage.settle()?;
        let heard = self.stage.take_heard();
        let what = |dg: &Dg| describe(dg, self.plan.dialect);
        for (at, heard) in heard.into_iter().enumerate() {
            let Some(known) = self.stage.conns.get(at).filter(|conn| conn.open) else { continue };
            let own = (known.channel, known.channel);
            let wants = [&known.wants[..], &[own]].concat();
            let sent = (at != conn).then_some(dg);
            let said = outcome.said.iter().chain(sent).filter(|dg| reaches(dg, &wants));
            let mut wanted: Vec<Dg> = said.cloned().map(Dg::sorted).collect();
            let heard = heard.into_iter().map(|(_, heard)| self.tampered(heard).sorted());
            for heard in heard {
                let Some(nth) = wanted.iter().position(|wanted| *wanted == heard) else {
                    let open: Vec<String> = wanted.iter().map(what).collect();
                    let (heard, asked) = (what(&heard), what(dg));
                    let what = format!("conn {at} heard {heard} after {asked}; open: {open:?}");
                    return Err(Violation::new("nothing else is said", what));
                };
                wanted.remove(nth);
            }
            if let Some(missing) = wanted.first() {
                let what = format!("conn {at} did not hear {} after {}", what(missing), what(dg));
                return Err(Violation::new("all that is to be said is said", what));
            }
        }
        let counted = self.stage.refused() - before;
        if counted != outcome.refused {
            let what = format!("{counted}, not {}, of {}", outcome.refused, what(dg));
            return Err(Violation::new("what is refused is counted", what));
        }
        self.check_gauge()
    }

    /// An answer as a broken Database would give it, if that is to be found out.
    pub(super) fn tampered(&self, dg: Dg) -> Dg {
        let dialect = self.plan.dialect;
        let notice = DatabaseNotice::decode(dialect, dg.msgtype, &dg.payload);
        let again = |notice: &DatabaseNotice<'_>| self.model.rules.answer(dg.to[0], notice);
        match (notice, self.plan.sabotage) {
            (Ok(DatabaseNotice::SelectQueryResp { context, do_ids }), Sabotage::Forgetful) => {
                let do_ids = DoIds(&do_ids.0[do_ids.0.len().min(1)..]);
                again(&DatabaseNotice::SelectQueryResp { context, do_ids })
            }
            (Ok(DatabaseNotice::CreateResp { context, do_id }), Sabotage::TwiceGiven)
                if do_id.0 != 0 && self.ids.len() > 1 =>
            {
                let do_id = DoId(self.ids[0].max(do_id.0 & !1));
                again(&DatabaseNotice::CreateResp { context, do_id })
            }
            (Ok(_) | Err(_), _) => dg,
        }
    }

    /// As many objects are counted as there are.
    pub(super) fn check_gauge(&self) -> Result<(), Violation> {
        let counted = self.stage.total(|counts| counts.objects_stored);
        let there = (self.model.objects.len() + self.damaged.len()) as u64;
        if counted == there {
            return Ok(());
        }
        let what = format!("{counted} are counted, {there} are there");
        Err(Violation::new("objects are counted", what))
    }

    /// Asks for every object, and for all of a class.
    fn ask_for_all(&mut self, conn: usize) -> Result<(), Violation> {
        for id in self.ids.clone() {
            let dg = self.select_all(conn, id);
            self.ask(conn, &dg)?;
        }
        if self.plan.dialect == Dialect::OpenOtp {
            for dg in self.class_queries(conn) {
                self.ask(conn, &dg)?;
            }
        }
        Ok(())
    }
}
