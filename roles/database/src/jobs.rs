//! Work on all objects of a class, done in slices so that no turn takes long.
//!
//! A job that comes to an object which is not in memory has it fetched and goes on with others; it
//! looks at it when it has come.

use crate::matching::{Change, Later, Selection};
use crate::stored::SWEEP;
use crate::walk::{Source, Walk};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::iter;
use runtime::Outbox;
use store::{ClassKey, FieldKey, Found, Place, Ticket};
use wire::dialect::{Database, Dialect, Inbox};
use wire::ids::{ClassId, DoId};

/// The wake-up at which jobs go on.
const GO_ON: u64 = 0;
/// How many times as many objects as one input a wake-up may concern.
const INPUTS_PER_WAKE: usize = 4;
/// So many objects may be on their way for one job.
const AWAY_MAX: usize = 64;

/// What is done with objects.
pub enum Act {
    /// They are looked for.
    Select(Selection),
    /// They are changed.
    Change(Change),
    /// The indexes of their class get to know them; these know all then.
    Build(Vec<usize>),
    /// The indexes get to know what they went back to.
    Repair,
}

/// Work on objects.
pub struct Job {
    walk: Walk,
    /// The walk has come to its end.
    walked: bool,
    act: Act,
    /// Objects that it looks at wherever the walk leads: the walk leaves them out.
    besides: BTreeSet<DoId>,
    /// Objects to be looked at once more.
    again: BTreeSet<DoId>,
    /// Objects that are on their way.
    away: BTreeSet<DoId>,
    /// Objects to be looked at once more when a write has its fate.
    unsettled: BTreeSet<(Ticket, DoId)>,
    /// It stands among those that can go on.
    is_ready: bool,
}

/// The jobs of an instance.
#[derive(Default)]
pub struct Jobs {
    last: u64,
    jobs: BTreeMap<u64, Job>,
    /// Those that can go on, in turn.
    ready: VecDeque<u64>,
    is_waking: bool,
    /// Objects that the present input may still concern.
    left: usize,
}

impl Job {
    /// One that begins.
    pub fn new(walk: Walk, act: Act) -> Job {
        Job {
            walk,
            walked: false,
            act,
            besides: BTreeSet::new(),
            again: BTreeSet::new(),
            away: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            is_ready: false,
        }
    }

    /// One that looks at these, too.
    pub fn with(self, besides: BTreeSet<DoId>) -> Job {
        Job { again: besides.clone(), besides, ..self }
    }

    /// It begins again: where it looks, and what it looks at besides.
    fn restart(&mut self, source: Source, besides: BTreeSet<DoId>) {
        self.walk.restart(source);
        (self.walked, self.away, self.again) = (false, BTreeSet::new(), besides.clone());
        self.besides = besides;
    }

    /// Every write up to this one has its fate.
    fn settled(&mut self, durable: Ticket) {
        while let Some(&(ticket, do_id)) = self.unsettled.first()
            && ticket <= durable
        {
            self.unsettled.pop_first();
            self.again.insert(do_id);
        }
    }
}

impl Jobs {
    /// An input begins.
    pub fn begin_input(&mut self, at_once: usize) {
        self.left = at_once;
    }

    /// Queries under way.
    pub fn queries(&self) -> usize {
        let is_query = |job: &&Job| matches!(job.act, Act::Select(_) | Act::Change(_));
        self.jobs.values().filter(is_query).count()
    }

    fn ready(&mut self, id: u64) {
        if let Some(job) = self.jobs.get_mut(&id)
            && !job.is_ready
        {
            job.is_ready = true;
            self.ready.push_back(id);
        }
    }

    /// Lets all jobs go on of which `changed` says that they can.
    fn wake(&mut self, mut changed: impl FnMut(&mut Job) -> bool) {
        let woken = self.jobs.iter_mut().filter_map(|(&id, job)| changed(job).then_some(id));
        let woken: Vec<u64> = woken.collect();
        woken.into_iter().for_each(|job| self.ready(job));
    }
}

impl crate::Database {
    /// Begins a job, as far as the present input may.
    pub(crate) fn begin_job(&mut self, job: Job, out: &mut Outbox) {
        self.jobs.last += 1;
        let id = self.jobs.last;
        self.jobs.jobs.insert(id, job);
        self.jobs.left = self.run(id, self.jobs.left, out);
        self.go_on_later(out);
    }

    /// Builds the indexes that the configuration wants.
    pub(crate) fn begin_indexes(&mut self, out: &mut Outbox) {
        let fields = self.indexed_fields(out.dialect());
        self.indexes = crate::Indexes::new(&fields, &self.hasher);
        let mut classes: Vec<ClassKey> = fields.iter().map(|(class, _)| *class).collect();
        classes.sort_unstable();
        classes.dedup();
        for class in classes {
            let of_class = |&index: &usize| self.indexes.class(index) == class;
            let indexes: Vec<usize> = (0..self.indexes.len()).filter(of_class).collect();
            let job = Job::new(Walk::new(Source::Class(class)), Act::Build(indexes));
            self.begin_job(job, out);
        }
    }

    /// The fields that are to have an index. Where there are no queries none has.
    fn indexed_fields(&self, dialect: Dialect) -> Vec<(ClassKey, FieldKey)> {
        if Database::SelectQuery.number(dialect).is_none() {
            return Vec::new();
        }
        let schema = &self.classes.schema;
        let key = |(class, field): &(String, String)| {
            let plan = schema.class_by_name(class).map(|class| ClassId(class.id.0));
            let plan = plan.and_then(|id| self.classes.get(id))?;
            Some((plan.key, plan.stored_by_name(schema, field)?))
        };
        let keys = self.config.indexes.iter().filter_map(key);
        let mut keys: Vec<_> = keys.collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// An object has gone back to what it was, which is not in memory: until it is, indexes are not
    /// to be relied on.
    pub(crate) fn index_later(&mut self, do_id: DoId) {
        if self.indexes.len() > 0 {
            self.indexes.doubt(1);
            self.jobs.last += 1;
            let mut job = Job::new(Walk::new(Source::Nothing), Act::Repair);
            job.again.insert(do_id);
            self.jobs.jobs.insert(self.jobs.last, job);
            self.jobs.ready(self.jobs.last);
        }
    }

    /// A time has come.
    pub(crate) fn wake(&mut self, token: u64, out: &mut Outbox) {
        match token {
            SWEEP => self.sweep(out),
            _ => self.go_on(out),
        }
    }

    fn go_on(&mut self, out: &mut Outbox) {
        self.jobs.is_waking = false;
        let at_once = self.config.limits.objects_at_once;
        let mut left = INPUTS_PER_WAKE * at_once;
        while left > 0
            && let Some(job) = self.jobs.ready.pop_front()
        {
            // Each job in its turn.
            let slice = left.min(at_once);
            left -= slice - self.run(job, slice, out);
        }
        self.go_on_later(out);
    }

    /// Has jobs go on that can.
    pub(crate) fn go_on_later(&mut self, out: &mut Outbox) {
        if !self.jobs.is_waking && !self.jobs.ready.is_empty() {
            self.jobs.is_waking = true;
            out.wake_at(self.me, self.now, GO_ON);
        }
    }

    /// Goes on with a job for at most `left` objects; how many are left.
    fn run(&mut self, id: u64, mut left: usize, out: &mut Outbox) -> usize {
        let Some(mut job) = self.jobs.jobs.remove(&id) else { return left };
        job.is_ready = false;
        let mut is_held_up = false;
        while left > 0 {
            is_held_up = job.away.len() >= AWAY_MAX || self.is_held_up(&job);
            if is_held_up {
                break;
            }
            let Some(do_id) = self.next_of(&mut job) else { break };
            left -= 1;
            self.visit(&mut job, do_id, out);
        }
        let can_go_on = !(job.walked && job.again.is_empty());
        if can_go_on || !(job.away.is_empty() && job.unsettled.is_empty()) {
            self.jobs.jobs.insert(id, job);
            if can_go_on && !is_held_up {
                self.jobs.ready(id);
            }
        } else if let Some(job) = self.finish(job, out) {
            self.jobs.jobs.insert(id, job);
        }
        left
    }

    /// Changes wait where too much waits for the disk already.
    fn is_held_up(&self, job: &Job) -> bool {
        let changes = matches!(job.act, Act::Change(_));
        changes && self.waiting_bytes() > self.config.limits.waiting_bytes_max / 2
    }

    fn next_of(&mut self, job: &mut Job) -> Option<DoId> {
        if let Some(do_id) = job.again.pop_first() {
            return Some(do_id);
        }
        let is_full = match &mut job.act {
            // What it looks at besides does not come in order: then it looks at all.
            Act::Select(selection) => selection.is_full() && job.besides.is_empty(),
            Act::Change(_) | Act::Build(_) | Act::Repair => false,
        };
        let Job { walk, besides, .. } = job;
        let mut walk = iter::from_fn(|| walk.next(&self.part, &self.indexes));
        let next = match job.walked || is_full {
            true => None,
            false => walk.find(|do_id| !besides.contains(do_id)),
        };
        job.walked = next.is_none();
        next
    }

    fn visit(&mut self, job: &mut Job, do_id: DoId, out: &mut Outbox) {
        // What was asked of it before comes first, though it may be in memory already.
        if self.waiting.is_awaited(do_id) {
            job.away.insert(do_id);
            return;
        }
        let looked = match &mut job.act {
            Act::Select(selection) => self.select_one(selection, do_id, out).map_err(Later::Away),
            Act::Change(change) => self.change_one(change, do_id, out),
            Act::Build(_) | Act::Repair => self.index_one(do_id).map_err(Later::Away),
        };
        match looked {
            Ok(()) => (),
            Err(Later::Away(at)) => {
                self.fetch(do_id, at);
                job.away.insert(do_id);
            }
            Err(Later::Unsettled(ticket)) => {
                job.unsettled.insert((ticket, do_id));
            }
            Err(Later::NoRoom) => {
                job.again.insert(do_id);
            }
        }
    }

    /// The indexes get to know an object, unless it is away.
    fn index_one(&mut self, do_id: DoId) -> Result<(), Place> {
        match self.part.find(do_id) {
            Found::Here(object) => {
                self.indexes.changed(do_id, object.class(), |key| object.field(key));
            }
            Found::Absent | Found::Damaged(_) => self.indexes.gone(do_id),
            Found::Away(at) => return Err(at),
        }
        Ok(())
    }

    /// A job has been everywhere; it is given back if it has to wait still.
    fn finish(&mut self, mut job: Job, out: &mut Outbox) -> Option<Job> {
        match &mut job.act {
            Act::Select(selection) => {
                let rests_on = *selection.rests_on.get_or_insert(self.newest);
                if rests_on > self.part.durable() && self.part.read_only().is_none() {
                    return Some(job);
                }
                self.report(selection, out);
            }
            Act::Build(indexes) => {
                indexes.iter().for_each(|&index| self.indexes.is_built(index));
            }
            Act::Repair => self.indexes.trust(1),
            Act::Change(_) => (),
        }
        None
    }

    /// Writes have become durable: what waited for that goes on.
    pub(crate) fn finish_rested(&mut self, out: &mut Outbox) {
        if self.jobs.jobs.is_empty() {
            return;
        }
        let durable = self.part.durable();
        self.jobs.wake(|job| {
            job.settled(durable);
            match &job.act {
                Act::Select(selection) => {
                    selection.rests_on.is_some_and(|ticket| ticket <= durable)
                }
                Act::Change(_) => true,
                Act::Build(_) | Act::Repair => false,
            }
        });
        self.go_on_later(out);
    }

    /// An object has gone back to what it was: those who look for objects look at it again.
    pub(crate) fn look_again(&mut self, do_id: DoId, out: &mut Outbox) {
        self.jobs.wake(|job| match &job.act {
            Act::Select(_) => job.again.insert(do_id),
            Act::Change(_) | Act::Build(_) | Act::Repair => false,
        });
        self.go_on_later(out);
    }

    /// All objects have gone back to what is durable: those who look for some begin again.
    pub(crate) fn restart_selections(&mut self, out: &mut Outbox) {
        let ids: Vec<u64> = self.jobs.jobs.keys().copied().collect();
        for id in ids {
            let Some(mut job) = self.jobs.jobs.remove(&id) else { continue };
            // No write is waited for any more.
            job.settled(self.newest);
            if let Act::Select(selection) = &mut job.act {
                selection.restart();
                let (source, besides) = self.sources(&selection.matching);
                job.restart(source, besides);
            }
            self.jobs.jobs.insert(id, job);
            self.jobs.ready(id);
        }
        self.go_on_later(out);
    }

    /// An object that was fetched is in memory now, or cannot be read.
    pub(crate) fn came(&mut self, do_id: DoId, out: &mut Outbox) {
        self.jobs.wake(|job| {
            let was_away = job.away.remove(&do_id);
            if was_away {
                job.again.insert(do_id);
            }
            // What waited for the object may have held up changes.
            was_away || matches!(job.act, Act::Change(_))
        });
        self.go_on_later(out);
    }
}
