//! One run: observers come, ask, are checked, delete everything and leave.

use crate::chance::Chance;
use crate::ledger::Violation;
use crate::objects::cluster::Cluster;
use crate::objects::datagram::Dg;
use crate::objects::hearing::{Hearing, Order};
use crate::objects::model::{Model, Said};
use crate::objects::plan::{Mode, Plan};
use crate::objects::requests::{Draw, Scope};
use crate::objects::schema;
use crate::objects::stage::Stage;
use crate::plan::Sabotage;
use crate::trace::Trace;
use wire::dialect::Dialect;
use wire::ids::DoId;
use wire::state_server::{Location, ObjectMessage};

/// A run.
pub struct Run {
    /// The world.
    pub stage: Stage,
    pub(super) plan: Plan,
    pub(super) chance: Chance,
    pub(super) cluster: Cluster,
    pub(super) hearing: Hearing,
    /// Who asks for things.
    pub(super) askers: Vec<usize>,
    /// Who plays other State Servers.
    pub(super) elsewhere: usize,
    context: u32,
}

impl Run {
    /// A run that has not begun.
    pub fn new(plan: Plan, mut chance: Chance, trace: Trace) -> Run {
        let stage = Stage::new(&plan, chance.fork(), trace);
        let server = |&control: &u64| Model::new(plan.dialect, schema::load(), control);
        let cluster = Cluster { servers: plan.pools.controls.iter().map(server).collect() };
        let hearing = Hearing::new(plan.dialect);
        Run { stage, plan, chance, cluster, hearing, askers: Vec::new(), elsewhere: 0, context: 0 }
    }

    /// The State Server, where there is only one.
    pub(super) fn server(&self) -> &Model {
        &self.cluster.servers[0]
    }

    /// All of it.
    pub fn play(&mut self) -> Result<(), Violation> {
        let (now, plan) = (self.stage.world.now(), format!("{:?}", self.plan));
        self.stage.world.trace.say(now, || plan);
        self.stage.settle()?;
        self.stage.note_wanted();
        self.open_ears();
        self.stage.settle()?;
        self.stage.take_heard();
        match self.plan.mode {
            Mode::Sequential => self.sequential()?,
            Mode::Parallel => self.parallel()?,
            Mode::Chaos => self.chaos()?,
        }
        if self.plan.mode != Mode::Chaos {
            self.ask_all()?;
            self.delete_all()?;
        }
        self.stage.leave()
    }

    fn open_ears(&mut self) {
        let pools = self.plan.pools.clone();
        for (nth, &ai) in pools.ais.iter().enumerate() {
            self.askers.push(self.stage.open(&format!("AI {nth}"), ai, &[(ai, ai)]));
        }
        let asker = 70_000 << 32 | 1;
        self.askers.push(self.stage.open("asker", asker, &[(asker, asker)]));
        // A second connection of the first AI, which hears the same.
        let ai = pools.ais[0];
        self.askers.push(self.stage.open("AI 0 again", ai, &[(ai, ai)]));
        for (nth, &owner) in pools.owners.iter().take(2).enumerate() {
            self.stage.open(&format!("owner {nth}"), owner, &[(owner, owner)]);
        }
        let foreign: Vec<(u64, u64)> = [&pools.foreign_children[..], &pools.foreign_parents]
            .concat()
            .into_iter()
            .map(|id| (id.into(), id.into()))
            .collect();
        self.elsewhere = self.stage.open("elsewhere", foreign[0].0, &foreign);
        self.open_listeners();
        self.prepare_answers();
    }

    fn open_listeners(&mut self) {
        for nth in 0..2 {
            let wants = self.some_locations();
            self.stage.open(&format!("listener {nth}"), 71_000 << 32 | nth, &wants);
        }
        let dialect = self.plan.dialect;
        let children = |id| dialect.children_channel(DoId(id)).0;
        let wants = match self.chance.one_in(2) {
            true => vec![(children(0), children(u32::MAX))],
            false => {
                let some =
                    self.plan.pools.parents().into_iter().map(|id| (children(id), children(id)));
                some.filter(|_| self.chance.one_in(2)).collect()
            }
        };
        self.stage.open("child", 72_000 << 32, &wants);
        let objects = self.plan.pools.parents().into_iter().map(|id| (id.into(), id.into()));
        let wants: Vec<(u64, u64)> = objects.filter(|_| self.chance.one_in(2)).collect();
        self.stage.open("snoop", 73_000 << 32, &wants);
        if self.plan.omniscient || self.plan.mode == Mode::Chaos {
            self.stage.open("omniscient", 74_000 << 32, &[(1, u64::MAX)]);
        }
    }

    fn some_locations(&mut self) -> Vec<(u64, u64)> {
        let mut wants = Vec::new();
        for parent in self.plan.pools.parents() {
            let first = u64::from(parent) << 32;
            match self.chance.below(4) {
                0 => wants.push((first, first | u64::from(u32::MAX))),
                1 => {
                    let zone = self.chance.pick(&self.plan.pools.zones).unwrap_or(0);
                    wants.push((first | u64::from(zone), first | u64::from(zone)));
                }
                _ => (),
            }
        }
        wants
    }

    /// Objects elsewhere answer zone queries of their parents here, but for one that does not.
    fn prepare_answers(&mut self) {
        if self.plan.dialect == Dialect::Astron {
            return;
        }
        let children = self.plan.pools.foreign_children.clone();
        for &child in children.iter().skip(self.chance.index(2)) {
            for server in &mut self.cluster.servers {
                server.answering.insert(child, None);
            }
            self.stage.answering.insert(child.into(), self.elsewhere);
        }
    }

    fn sequential(&mut self) -> Result<(), Violation> {
        let scope = Scope {
            ids: self.plan.pools.ids.clone(),
            parents: self.plan.pools.parents(),
            mistakes: true,
            rings: self.plan.daemons == 1,
        };
        for _ in 0..self.plan.requests {
            let asker = self.chance.pick(&self.askers).unwrap_or(0);
            let dg = self.draw(asker, &scope);
            self.ask(asker, dg)?;
        }
        Ok(())
    }

    pub(super) fn next_context(&mut self) -> u32 {
        self.context += 1;
        self.context
    }

    pub(super) fn draw(&mut self, asker: usize, scope: &Scope) -> Dg {
        let context = self.next_context();
        let sender = self.stage.ears[asker].channel;
        let model = &self.cluster.merged();
        let pools = &self.plan.pools;
        let mut draw = Draw { model, pools, scope, chance: &mut self.chance, sender, context };
        draw.request()
    }

    /// Somebody asks for something; all comes of it that must, and nothing else.
    pub(super) fn ask(&mut self, asker: usize, mut dg: Dg) -> Result<(), Violation> {
        if self.chance.one_in(12) {
            // In somebody else's name, or in nobody's.
            let names = [0, self.plan.pools.owners[1], self.plan.pools.ids[0].into()];
            dg.sender = self.chance.pick(&names).unwrap_or(0);
        }
        let before = self.stage.refused();
        let daemons = self.plan.daemons;
        let refused = self.expect(asker, &dg, |said| match said.rank {
            Some(_) => Order::Answered(said.by, 0),
            // What two objects elsewhere say at once comes in any order.
            None if daemons > 1 => Order::Caused(said.by, said.root),
            None => Order::Said(said.by),
        });
        self.stage.send(asker, &dg);
        self.stage.settle()?;
        self.undead_answers(asker, &dg);
        self.check_heard()?;
        let counted = self.stage.refused() - before;
        if !(refused.0..=refused.1).contains(&counted) {
            let what = format!(
                "{counted} were counted as refused, not {refused:?}, of {}",
                dg.describe(self.plan.dialect)
            );
            return Err(Violation::new("what is refused is counted", what));
        }
        self.check_gauges()
    }

    /// If that is to be found out: an object that was deleted answers.
    fn undead_answers(&mut self, asker: usize, dg: &Dg) {
        let [to @ 0..=0xffff_ffff] = dg.to[..] else { return };
        let is_dead =
            !self.cluster.lives(to as u32) && self.cluster.total(|server| server.deleted) > 0;
        if self.plan.sabotage == Sabotage::Undead && is_dead && self.chance.one_in(4) {
            let (context, do_id) = (1, DoId(to as u32));
            let location = Location::NOWHERE;
            let answer = ObjectMessage::LocateResp { context, do_id, location };
            let answer = Dg::object(self.plan.dialect, &[dg.sender], to, &answer);
            self.stage.ears[asker].heard.push(answer);
        }
    }

    /// Notes what must come of a request; returns how often it must be counted as refused.
    pub(super) fn expect(
        &mut self,
        asker: usize,
        dg: &Dg,
        order: impl Fn(&Said) -> Order,
    ) -> (u64, u64) {
        let outcome = self.cluster.hear(dg);
        let request = self.hearing.sent(asker, dg, None);
        for said in outcome.said {
            let order = order(&said);
            let dg = said.dg.clone();
            let nth = self.hearing.said(said, request, order);
            self.expect_answers(&dg, request, nth);
        }
        outcome.refused
    }

    /// Objects elsewhere answer `asked`, which is said because of `request`.
    fn expect_answers(&mut self, asked: &Dg, request: usize, cause: usize) {
        for (who, answer) in self.stage.answers_to(asked) {
            self.hearing.answered(who, &answer, request, cause);
        }
    }

    pub(super) fn check_heard(&mut self) -> Result<(), Violation> {
        let heard = self.stage.take_heard();
        self.hearing.check(&self.stage.ears, &heard)
    }

    pub(super) fn check_gauges(&self) -> Result<(), Violation> {
        let (stage, cluster) = (&self.stage, &self.cluster);
        let living = cluster.total(|server| server.objects.len() as u64);
        let created = cluster.total(|server| server.created);
        let deleted = cluster.total(|server| server.deleted);
        let pairs = [
            ("living", stage.total(|counts| counts.objects), living),
            ("created", stage.total(|counts| counts.objects_created), created),
            ("deleted", stage.total(|counts| counts.objects_deleted), deleted),
        ];
        match pairs.iter().find(|(_, counted, wanted)| counted != wanted) {
            Some((what, counted, wanted)) => {
                let what = format!("{counted} objects {what}, wanted are {wanted}");
                Err(Violation::new("objects are counted", what))
            }
            None => Ok(()),
        }
    }

    /// Asks every object for all that it has, and those that are none too.
    pub(super) fn ask_all(&mut self) -> Result<(), Violation> {
        let astron = self.plan.dialect == Dialect::Astron;
        for id in self.plan.pools.ids.clone() {
            let context = self.next_context();
            let do_id = astron.then_some(DoId(id));
            for message in [
                ObjectMessage::QueryAll { context, do_id },
                ObjectMessage::Locate { context },
                ObjectMessage::QueryManagingAi { context },
            ] {
                let asker = self.askers[0];
                let sender = self.stage.ears[asker].channel;
                let dg = Dg::object(self.plan.dialect, &[id.into()], sender, &message);
                self.ask(asker, dg)?;
            }
        }
        Ok(())
    }

    fn delete_all(&mut self) -> Result<(), Violation> {
        while let Some(&id) = self.cluster.merged().objects.keys().next() {
            let message = ObjectMessage::DeleteRam { do_id: DoId(id) };
            let asker = self.chance.pick(&self.askers).unwrap_or(0);
            let sender = self.stage.ears[asker].channel;
            self.ask(asker, Dg::object(self.plan.dialect, &[id.into()], sender, &message))?;
        }
        Ok(())
    }
}
