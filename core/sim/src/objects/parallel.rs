//! Several connections at once, none of which disturbs another: each has objects of its own. What
//! is heard is what it would be one after the other, but for the order of different objects.
//!
//! Where a request has consequences for other objects than the one that it is sent to (children
//! inherit an AI, go with their parent, answer for it), their shards hear of them in their own
//! time: those objects are left alone until all is quiet.

use crate::ledger::Violation;
use crate::objects::datagram::Dg;
use crate::objects::hearing::Order;
use crate::objects::model::{Model, Object, Said};
use crate::objects::requests::Scope;
use crate::objects::run::Run;
use std::collections::BTreeSet;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId};
use wire::state_server::{Entry, Location, ObjectMessage, StateServerMessage};

/// Draws of a request that does not disturb anybody, at most.
const DRAWS_MAX: u32 = 30;

/// What may be asked for without disturbing anybody.
struct Turf {
    /// Parents that all have in common, and that do not change.
    shared: Vec<u32>,
    /// The objects of each asker.
    own: Vec<Vec<u32>>,
    /// Objects that somebody else's request has consequences for.
    busy: BTreeSet<u32>,
    /// AIs that some of these had before: a reset may come before they hear of another one.
    left: BTreeSet<u64>,
}

impl Run {
    pub(super) fn parallel(&mut self) -> Result<(), Violation> {
        let mut turf = self.turf()?;
        let batches = self.chance.between(2, 5) as u32;
        for _ in 0..batches {
            turf.busy.clear();
            turf.left.clear();
            let (mut low, mut high) = (0, 0);
            let before = self.stage.refused();
            for _ in 0..self.plan.requests / batches {
                let refused = self.ask_soon(&mut turf);
                (low, high) = (low + refused.0, high + refused.1);
            }
            self.stage.settle()?;
            self.check_heard()?;
            let counted = self.stage.refused() - before;
            if !(low..=high).contains(&counted) {
                let what = format!("{counted} were counted as refused, not {low} to {high}");
                return Err(Violation::new("what is refused is counted", what));
            }
            self.check_gauges()?;
        }
        Ok(())
    }

    /// Shares the ids out, and creates the common parents.
    fn turf(&mut self) -> Result<Turf, Violation> {
        let mut ids = self.plan.pools.ids.clone();
        let shared: Vec<u32> = (0..self.chance.between(1, 2))
            .map(|_| ids.swap_remove(self.chance.index(ids.len())))
            .collect();
        for (nth, &id) in shared.iter().enumerate() {
            let parent = if nth > 0 && self.chance.one_in(2) { shared[0] } else { 0 };
            self.create_place(id, parent)?;
            if self.chance.one_in(2) {
                let astron = self.plan.dialect == Dialect::Astron;
                let do_id = (!astron).then_some(DoId(id));
                let set = ObjectMessage::SetAi { do_id, ai: Channel(75_000 << 32 | 1) };
                self.ask(0, Dg::object(self.plan.dialect, &[id.into()], 1 << 50, &set))?;
            }
        }
        let askers = self.chance.between(2, 4) as usize;
        let mut own = vec![Vec::new(); askers];
        ids.into_iter().enumerate().for_each(|(nth, id)| own[nth % askers].push(id));
        own.retain(|ids| !ids.is_empty());
        Ok(Turf { shared, own, busy: BTreeSet::new(), left: BTreeSet::new() })
    }

    fn create_place(&mut self, id: u32, parent: u32) -> Result<(), Violation> {
        let schema = self.server().schema.clone();
        let class = schema.class_by_name("SimPlace").expect("there is such a class");
        let defaults = class.required.iter().map(|&id| schema.field(id).default.to_vec());
        let fields: Vec<u8> = defaults.flatten().collect();
        let location = Location { parent: DoId(parent), zone: wire::ids::Zone(1) };
        let dclass = wire::ids::ClassId(class.id.0);
        let entry = Entry { do_id: DoId(id), location, dclass, has_other: false, fields: &fields };
        let create = StateServerMessage::Generate(entry);
        let control = self.plan.pools.control(id);
        self.ask(0, Dg::control(self.plan.dialect, control, 1 << 50, &create))
    }

    /// Notes what comes of a request that is sent soon; returns how often it may be counted.
    fn ask_soon(&mut self, turf: &mut Turf) -> (u64, u64) {
        let nth = self.chance.index(turf.own.len());
        let asker = self.askers[nth];
        let own = &turf.own[nth];
        let free: Vec<u32> = own.iter().copied().filter(|id| !turf.busy.contains(id)).collect();
        if free.is_empty() {
            return (0, 0);
        }
        let parents = [&free[..], &turf.shared, &self.plan.pools.foreign_parents].concat();
        let scope = Scope { ids: free, parents, mistakes: true, rings: false };
        for _ in 0..DRAWS_MAX {
            let dg = self.draw(asker, &scope);
            if !self.disturbs(turf, nth, &scope, &dg) {
                let concerned = self.concerned(&dg);
                turf.busy.extend(concerned.iter().filter(|id| !turf.shared.contains(id)));
                let question = self.next_context();
                let order = |said: &Said| match said.rank {
                    Some(_) => Order::Answered(said.by, question),
                    None => Order::Caused(said.by, said.root),
                };
                let ai = |run: &Run, id: u32| run.server().objects.get(&id).map_or(0, |one| one.ai);
                let before: Vec<u64> = concerned.iter().map(|&id| ai(self, id)).collect();
                let refused = self.expect(asker, &dg, order);
                let changed = concerned.iter().zip(before);
                let left = changed.filter(|&(&id, before)| ai(self, id) != before);
                turf.left.extend(left.map(|(_, before)| before));
                // What is sent to a child meanwhile makes it answer before its parent has counted.
                if self.plan.dialect == Dialect::Astron {
                    self.hearing.forget_ranks();
                }
                self.stage.send_later(asker, dg);
                return refused;
            }
        }
        (0, 0)
    }

    /// Objects for which a request has consequences that do not come at once: others than the one
    /// that it is sent to; and that one, if it has to ask its parent or its children.
    fn concerned(&self, dg: &Dg) -> BTreeSet<u32> {
        let mut then = self.server().clone();
        let outcome = then.hear(dg);
        let mut concerned = BTreeSet::new();
        for said in outcome.said {
            if said.by != said.root {
                concerned.insert(said.by);
            } else if said.rank.is_some() {
                // Its children have been counted, or will be.
                concerned.insert(said.by);
                concerned.extend(self.server().children(said.by));
            }
            let asks = ObjectMessage::QueryManagingAi { context: 0 };
            if Some(said.dg.msgtype) == asks.msgtype(self.plan.dialect)
                && let Some(object) = then.objects.get(&said.by)
            {
                let before = self.server().objects.get(&said.by).map_or(0, |object| object.ai);
                concerned.extend((object.ai != before).then_some(said.by));
                concerned.insert(object.parent);
            }
        }
        let is_other = |(&id, object): (&u32, &Object)| {
            let to_it = dg.to.contains(&u64::from(id));
            (!to_it && then.objects.get(&id) != Some(object)).then_some(id)
        };
        concerned.extend(self.server().objects.iter().filter_map(is_other));
        let ai = |model: &Model, id: u32| model.objects.get(&id).map(|object| object.ai);
        let to = dg.to.iter().filter_map(|&to| u32::try_from(to).ok());
        // An object that gets another AI tells its children: those that come later may hear it too.
        let tells =
            |id: &u32| self.speaks_to_children(dg) || ai(&then, *id) != ai(self.server(), *id);
        concerned.extend(to.filter(tells));
        concerned.retain(|id| self.plan.pools.ids.contains(id));
        concerned
    }

    /// Whether an object tells its children of a request: those that come later may hear it too.
    fn speaks_to_children(&self, dg: &Dg) -> bool {
        let message = ObjectMessage::decode(self.plan.dialect, dg.msgtype, &dg.payload);
        match message {
            Ok(ObjectMessage::DeleteRam { .. }) => self.plan.dialect == Dialect::Astron,
            Ok(
                ObjectMessage::SetAi { .. }
                | ObjectMessage::NotifyManagingAi { .. }
                | ObjectMessage::ManagingAiResp { .. }
                | ObjectMessage::DeleteZones { .. }
                | ObjectMessage::DeleteChildren { .. },
            ) => true,
            Ok(_) | Err(_) => false,
        }
    }

    /// Whether a request may have to do with what others ask for at the same time.
    fn disturbs(&self, turf: &Turf, nth: usize, scope: &Scope, dg: &Dg) -> bool {
        let is_own = |id: u32| scope.ids.contains(&id);
        let ai = self.plan.pools.ais.get(nth).copied().unwrap_or(0);
        if self
            .concerned(dg)
            .iter()
            .any(|&id| turf.busy.contains(&id) || !(is_own(id) || turf.shared.contains(&id)))
        {
            return true;
        }
        let dialect = self.plan.dialect;
        match StateServerMessage::decode(dialect, dg.msgtype, &dg.payload) {
            _ if dg.to.iter().any(|&to| to <= u64::from(u32::MAX) && is_own(to as u32)) => (),
            Ok(StateServerMessage::ShardReset { ai: of }) => {
                return of.0 != ai || turf.left.contains(&of.0);
            }
            Ok(StateServerMessage::Generate(entry)) => {
                let (id, parent) = (entry.do_id.0, entry.location.parent.0);
                return self.is_taken(turf, nth, id) || (is_own(parent) && parent >= id);
            }
            Err(_) => return !dg.to.contains(&self.plan.pools.controls[0]),
        }
        match ObjectMessage::decode(dialect, dg.msgtype, &dg.payload) {
            Ok(ObjectMessage::SetZone { location }) => {
                let parent = location.parent.0;
                dg.to.iter().any(|&to| is_own(parent) && u64::from(parent) >= to)
            }
            Ok(ObjectMessage::SetAi { ai: new, .. }) => new.0 != 0 && new.0 != ai,
            Ok(
                ObjectMessage::NotifyManagingAi { ai: new, .. }
                | ObjectMessage::ManagingAiResp { ai: new, .. },
            ) => new.0 != 0 && new.0 != ai,
            Ok(_) | Err(_) => false,
        }
    }

    /// Whether somebody else has this id.
    fn is_taken(&self, turf: &Turf, nth: usize, id: u32) -> bool {
        turf.busy.contains(&id)
            || turf.own.iter().enumerate().any(|(at, own)| at != nth && own.contains(&id))
    }
}
