//! All visitors and NPCs of one part of a run: who they are, what they do next, and what is known of
//! the park. Decides and remembers; has no sockets and no clock.

mod acting;
mod hearing;
mod npcs;

use super::agenda::Agenda;
use super::classes::Classes;
use super::cluster::{Cluster, hello};
use super::measures::{Counts, Latencies};
use super::model::Model;
use super::outbox::Outbox;
use super::part::Part;
use super::plan::ParkPlan;
use super::sight::{Complaint, Sight, Witness};
use super::timeline::Level;
use crate::chance::Chance;
use crate::faults::{Fault, Faults};
use crate::sockets::Ending;
use anyhow::{Result, ensure};
use npcs::Npc;
use std::collections::VecDeque;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, Zone};

/// How far a visitor is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Stage {
    /// Not connected.
    #[default]
    Away,
    /// Has said HELLO.
    Greeting,
    /// Has told the gate his name.
    Asking,
    Present,
    /// Has said goodbye.
    Departing,
}

#[derive(Default)]
pub(crate) struct Visitor {
    pub(crate) stage: Stage,
    /// What he does: an index into the scenario's kinds.
    kind: usize,
    /// How often he has come: what was planned in an earlier life is void.
    life: u32,
    /// Where he is, or will be first.
    zone: Zone,
    /// His avatar in the model, once he is in.
    object: u32,
    /// When he began to come in.
    began_ns: u64,
    /// The gate has welcomed him.
    is_welcome: bool,
    /// Where his avatar is, once he owns it and it is somewhere in the park.
    placed: Option<Zone>,
    /// When he asked for the zones that have not been answered for.
    asked_ns: Option<u64>,
    context: u32,
    /// The AI is to move him there once it has heard this update.
    errand: Option<(u16, Zone)>,
    sight: Sight,
}

pub(crate) struct Crowd {
    pub(crate) plan: ParkPlan,
    part: Part,
    hash: u32,
    pub(crate) classes: Classes,
    pub(crate) cluster: Cluster,
    pub(crate) out: Outbox,
    pub(crate) visitors: Vec<Visitor>,
    pub(crate) npcs: Vec<Npc>,
    pub(crate) model: Model,
    pub(crate) agenda: Agenda,
    chance: Chance,
    /// Who is to come in, as soon as fewer are under way.
    queue: VecDeque<u32>,
    /// Visitors under way into the park.
    coming: u32,
    /// ... and in it.
    pub(crate) present: u32,
    /// Of the next object that is made.
    next_do_id: u32,
    /// The questions to objects where they are that have been answered.
    pub(crate) located: Vec<DoId>,
    pub(crate) counts: Counts,
    pub(crate) latencies: Latencies,
    pub(crate) faults: Faults,
    /// Messages heard so far.
    pub(crate) heard: u64,
    began_ns: u64,
}

impl Crowd {
    pub(crate) fn new(plan: &ParkPlan, part: Part, now: u64) -> Result<Crowd> {
        let schema = plan.schema.clone();
        let classes = Classes::new(schema, &plan.park_class, &plan.visitor_class, &plan.npc_class)?;
        let has_words = classes.visitor.say.is_some() || !plan.scenario.has_words();
        ensure!(
            has_words,
            "class {} has no field say: no says in the scenario",
            plan.visitor_class
        );
        let hash = plan.hash.unwrap_or_else(|| hash_of(plan));
        let zones = part.zones(plan);
        let visitor = |index: u32| Visitor {
            kind: plan.scenario.kind_of(index),
            zone: zones.nth(index),
            ..Visitor::default()
        };
        let seed = plan.seed ^ u64::from(part.index) << 32;
        Ok(Crowd {
            cluster: Cluster::new(plan, part.index),
            hash,
            classes,
            out: Outbox::default(),
            visitors: (0..part.visitors(plan)).map(visitor).collect(),
            npcs: Vec::new(),
            model: Model::new(seed),
            agenda: Agenda::default(),
            chance: Chance::new(seed),
            queue: VecDeque::new(),
            coming: 0,
            present: 0,
            next_do_id: part.do_ids(plan).start,
            located: Vec::new(),
            counts: Counts::default(),
            latencies: Latencies::new()?,
            faults: Faults::default(),
            heard: 0,
            began_ns: now,
            part,
            plan: plan.clone(),
        })
    }

    fn visitor(&mut self, visitor: u32) -> &mut Visitor {
        &mut self.visitors[visitor as usize]
    }

    /// The name by which he comes in, always the same.
    fn name(&self, visitor: u32) -> String {
        format!("visitor-{}-{visitor}", self.part.index)
    }

    /// The visitor of this part that has this name.
    fn by_name(&self, name: &str) -> Option<u32> {
        let (part, visitor) = name.strip_prefix("visitor-")?.split_once('-')?;
        let is_ours = part.parse() == Ok(self.part.index);
        let visitor = visitor.parse().ok().filter(|_| is_ours)?;
        ((visitor as usize) < self.visitors.len()).then_some(visitor)
    }

    /// Lets all come, as fast as they are let in.
    pub(crate) fn invite_all(&mut self) {
        self.queue.extend(0..self.visitors.len() as u32);
    }

    /// Lets those begin to come in that may.
    pub(crate) fn admit_more(&mut self, now: u64) {
        while self.coming < self.plan.scenario.logins
            && let Some(visitor) = self.queue.pop_front()
        {
            self.coming += 1;
            let someone = self.visitor(visitor);
            let Visitor { kind, zone, life, .. } = *someone;
            let (stage, life) = (Stage::Greeting, life + 1);
            *someone = Visitor { stage, kind, life, zone, began_ns: now, ..Visitor::default() };
            self.out.connect(visitor);
            let version = self.plan.version.clone();
            self.out.say(visitor, self.plan.dialect, &hello(self.hash, &version));
        }
    }

    /// Nobody is under way: neither into the park, nor to another zone.
    pub(crate) fn is_calm(&self) -> bool {
        let is_busy = |v: &Visitor| v.asked_ns.is_some() || v.errand.is_some();
        self.coming == 0 && self.queue.is_empty() && !self.visitors.iter().any(is_busy)
    }

    /// What visitors wait for.
    pub(crate) fn unfinished(&self) -> Vec<(u32, &'static str)> {
        let all = (0..).zip(&self.visitors);
        let waits = |visitor: &Visitor| match visitor.stage {
            Stage::Greeting => Some("is not greeted"),
            Stage::Asking => Some("is not let in"),
            Stage::Present if visitor.asked_ns.is_some() => Some("has not had a whole answer"),
            Stage::Present if visitor.errand.is_some() => Some("is not moved by the AI"),
            Stage::Present | Stage::Away | Stage::Departing => None,
        };
        all.filter_map(|(index, visitor)| Some((index, waits(visitor)?))).collect()
    }

    /// How many visitors are in this stage.
    pub(crate) fn count(&self, stage: Stage) -> usize {
        self.visitors.iter().filter(|visitor| visitor.stage == stage).count()
    }

    /// How far all is.
    pub(crate) fn level(&self) -> Level {
        let counts = &self.counts;
        Level {
            present: self.present.into(),
            logins: counts.logins,
            updates: counts.updates + counts.says + counts.npc_updates,
            deliveries: counts.deliveries,
            faults: self.faults.count(),
        }
    }

    /// Objects that visitors see, each counted.
    pub(crate) fn seen(&self) -> usize {
        self.visitors.iter().map(|visitor| visitor.sight.count()).sum()
    }

    /// What visitors see differently from what there is.
    pub(crate) fn differences(&self) -> Vec<(u32, Complaint)> {
        let mut all = Vec::new();
        for (index, visitor) in (0..).zip(&self.visitors) {
            let found = visitor.sight.differences(&self.model, index);
            all.extend(found.into_iter().map(|complaint| (index, complaint)));
        }
        let never = self.model.never_shown();
        all.extend(never.map(|(visitor, thing, zone)| {
            let what = format!("was never shown object {}, which came to zone {zone}", thing.do_id);
            (visitor, Complaint { fault: Fault::Lost, count: 1, what })
        }));
        all
    }

    pub(crate) fn complain(&mut self, visitor: u32, complaint: Complaint, now: u64) {
        let Complaint { fault, count, what } = complaint;
        let name = self.name(visitor);
        let seconds = now.saturating_sub(self.began_ns) as f64 / 1e9;
        let sentence = || format!("at {seconds:.3} s: {name}: {what}");
        self.faults.note(fault, u64::from(count), sentence);
    }

    /// Notes what is wrong with what a visitor heard.
    fn judge(&mut self, visitor: u32, verdict: Result<(), Complaint>, now: u64) {
        if let Err(complaint) = verdict {
            self.complain(visitor, complaint, now);
        }
    }

    fn unexpected(&mut self, visitor: u32, what: String, now: u64) {
        self.complain(visitor, Complaint { fault: Fault::Unexpected, count: 1, what }, now);
    }

    /// He is not in the park any more.
    fn forget(&mut self, visitor: u32, is_certain: bool) {
        let Crowd { visitors, model, .. } = self;
        let someone = &mut visitors[visitor as usize];
        match someone.stage {
            Stage::Present => {
                model.delete(someone.object, is_certain);
                self.present -= 1;
            }
            Stage::Greeting | Stage::Asking => {
                // Made for him by this tester's gate, before he knew of it.
                if let Some(object) = someone.sight.avatar.and_then(|id| model.object(id)) {
                    model.delete(object, is_certain);
                }
                self.coming -= 1;
            }
            Stage::Away | Stage::Departing => (),
        }
        someone.sight.end(model, visitor);
        (someone.asked_ns, someone.errand, someone.placed) = (None, None, None);
    }

    /// His connection has ended, by the other side.
    pub(crate) fn broke(&mut self, visitor: u32, why: &str, now: u64) {
        let stage = self.visitors[visitor as usize].stage;
        if stage != Stage::Departing {
            let what = match stage {
                Stage::Present => format!("in the park: {why}"),
                Stage::Away | Stage::Greeting | Stage::Asking | Stage::Departing => {
                    format!("on his way in: {why}")
                }
            };
            self.complain(visitor, Complaint { fault: Fault::Lost, count: 1, what }, now);
        }
        self.forget(visitor, false);
        self.visitor(visitor).stage = Stage::Away;
        self.come_back(visitor, now);
    }

    /// What the end of an answer, or of a life, is told to.
    fn witness(visitor: u32, now: u64) -> Witness {
        Witness { visitor, now }
    }

    /// Ends his connection from this side.
    fn hang_up(&mut self, visitor: u32, ending: Ending) {
        self.out.end(visitor, ending);
        self.visitor(visitor).stage = Stage::Away;
    }

    /// The channel of the gate, to which names and passwords come.
    pub(crate) fn gate_channel(&self) -> Channel {
        Channel::object(self.plan.gate)
    }
}

pub(crate) fn hash_of(plan: &ParkPlan) -> u32 {
    match plan.dialect {
        Dialect::OpenOtp => dc::panda_hash(&plan.schema),
        // Where Astron has none, its clients have Panda3D's.
        Dialect::Astron => {
            dc::astron_hash(&plan.schema).unwrap_or_else(|_| dc::panda_hash(&plan.schema))
        }
    }
}
