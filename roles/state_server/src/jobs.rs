//! Work on many objects at once, done in slices so that no turn takes long.
//!
//! It is seen as if it were done at the moment it began: whatever touches an object first settles
//! what the jobs that began before owe it, as far as that makes a difference. A **walk** shows objects
//! to somebody or tells them something; a **doom** deletes them. Jobs are numbered in the order in which they begin, and an
//! object that is condemned by one does not exist for those after it.

use crate::StateServer;
use crate::deletion::Death;
use crate::objects::{Condemned, Objects};
use crate::questions::PATIENCE;
use crate::relay::DEADLINE_FROM;
use crate::walk::{Act, Walk};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use runtime::{Outbox, ShardId};
use wire::ids::{Channel, DoId};

/// The wake-up at which jobs go on.
const GO_ON: u64 = 0;
/// The wake-up at which goes on what has waited behind a move.
pub const RESUME: u64 = 1;
/// How many times as many objects as one input a wake-up may concern.
const INPUTS_PER_WAKE: usize = 4;

/// How an object is touched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Touch {
    /// It hears something.
    Hears,
    /// It leaves its place.
    Leaves,
}

/// Objects that are to be deleted.
struct Doom {
    what: Condemned,
    death: Death,
}

/// The jobs of an instance.
#[derive(Default)]
pub struct Jobs {
    last: u64,
    walks: BTreeMap<u64, Walk>,
    dooms: BTreeMap<u64, Doom>,
    ready: VecDeque<u64>,
    is_waking: bool,
    /// Walks that wait for the word of the shard that asked: whose, and its number there.
    waiting: BTreeMap<(ShardId, u64), u64>,
    /// Objects that the present input may still concern.
    left: usize,
}

impl Jobs {
    /// Whether there is nothing to settle.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.walks.is_empty() && self.dooms.is_empty()
    }

    /// Walks under way.
    pub fn walks(&self) -> usize {
        self.walks.len()
    }

    /// An input begins.
    #[inline]
    pub fn begin_input(&mut self, at_once: usize) {
        self.left = at_once;
    }

    /// The number of the next job.
    pub fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Keeps a walk that goes on later, or when it is told to.
    pub fn keep(&mut self, job: u64, walk: Walk) {
        self.walks.insert(job, walk);
    }

    /// Lets a walk wait for [`Jobs::called`].
    pub fn wait(&mut self, shard: ShardId, query: u64, job: u64) {
        self.waiting.insert((shard, query), job);
    }

    /// The walk that waits for this word.
    pub fn called(&mut self, shard: ShardId, query: u64) -> Option<u64> {
        self.waiting.remove(&(shard, query))
    }

    /// An object is about to leave its place: no walk is to step on it.
    #[inline]
    pub fn leaving(&mut self, at: u32, objects: &Objects) {
        self.walks.values_mut().for_each(|walk| walk.leaving(at, objects));
    }

    /// How an object that job `job` has condemned dies.
    pub fn death(&self, job: u64) -> Death {
        self.dooms[&job].death
    }
}

impl StateServer {
    /// What is owed to an object is done, before it is touched. `false`: it was condemned, and is
    /// gone now.
    #[inline]
    pub(crate) fn settled(&mut self, at: u32, out: &mut Outbox) -> bool {
        self.jobs.is_empty() || self.settle(at, out)
    }

    fn settle(&mut self, at: u32, out: &mut Outbox) -> bool {
        if self.execute(at, out) {
            return false;
        }
        self.settle_walks(at, u64::MAX, Touch::Hears, out);
        true
    }

    /// Deletes an object if it is condemned, and still is when what came before has been settled: it
    /// may have another AI then. Whether it is gone.
    fn execute(&mut self, at: u32, out: &mut Outbox) -> bool {
        while let Some(job) = self.objects.condemned(at) {
            self.settle_walks(at, job, Touch::Leaves, out);
            if self.objects.condemned(at) == Some(job) {
                self.delete(at, self.jobs.death(job), out);
                return true;
            }
        }
        false
    }

    /// The children of a parent are not to hear of an AI any more of which they have not heard yet.
    pub(crate) fn drop_adoptions(&mut self, of: DoId, out: &mut Outbox) {
        let drops = |walk: &Walk| matches!(walk.act, Act::Adopt { parent, .. } if parent == of);
        let walks = self.jobs.walks.iter();
        let jobs: Vec<u64> = walks.filter(|(_, walk)| drops(walk)).map(|(&job, _)| job).collect();
        for job in jobs {
            if let Some(walk) = self.jobs.walks.remove(&job) {
                self.drop_walk(walk, out);
            }
        }
    }

    /// Children that are to hear that their AI is `ai` hear it now, however many they are.
    pub(crate) fn finish_adoptions(&mut self, ai: Channel, out: &mut Outbox) {
        let adopts = |walk: &Walk| matches!(walk.act, Act::Adopt { known, .. } if known.ai == ai);
        let walks = self.jobs.walks.iter();
        let jobs: Vec<u64> = walks.filter(|(_, walk)| adopts(walk)).map(|(&job, _)| job).collect();
        for job in jobs {
            self.run(job, usize::MAX, out);
        }
    }

    /// Does for an object what the walks that began before job `before` would do for it later.
    /// An object that only hears something can be shown later too, as it is then.
    pub(crate) fn settle_walks(&mut self, at: u32, before: u64, touch: Touch, out: &mut Outbox) {
        let Self { jobs, objects, .. } = self;
        let owed = jobs.walks.range_mut(..before);
        let owed = owed.filter(|(_, walk)| touch == Touch::Leaves || walk.act.changes_objects());
        let acts: smallvec::SmallVec<[_; 4]> =
            owed.filter_map(|(_, walk)| walk.settle(at, objects)).collect();
        acts.into_iter().for_each(|act| self.act(&act, at, out));
    }

    /// Begins to delete all that is in `what`.
    pub(crate) fn doom(&mut self, what: Condemned, death: Death, out: &mut Outbox) {
        let job = self.jobs.next();
        self.objects.condemn(what, job);
        self.jobs.dooms.insert(job, Doom { what, death });
        self.run_now(job, out);
    }

    /// Goes on with a job as far as the present input may.
    pub(crate) fn run_now(&mut self, job: u64, out: &mut Outbox) {
        let (left, done) = self.run(job, self.jobs.left, out);
        self.jobs.left = left;
        if !done {
            self.later(job, out);
        }
    }

    fn later(&mut self, job: u64, out: &mut Outbox) {
        self.jobs.ready.push_back(job);
        if !self.jobs.is_waking {
            self.jobs.is_waking = true;
            out.wake_at(self.me, self.now, GO_ON);
        }
    }

    /// A time has come.
    pub(crate) fn wake(&mut self, token: u64, out: &mut Outbox) {
        match token {
            GO_ON => self.go_on_with_jobs(out),
            RESUME => self.resume(out),
            PATIENCE => self.give_up_overdue(out),
            query => self.query_overdue(query - DEADLINE_FROM, out),
        }
    }

    fn go_on_with_jobs(&mut self, out: &mut Outbox) {
        self.jobs.is_waking = false;
        let at_once = self.limits.objects_at_once;
        let mut left = INPUTS_PER_WAKE * at_once;
        while left > 0
            && let Some(job) = self.jobs.ready.pop_front()
        {
            // Each job in its turn.
            let slice = left.min(at_once);
            let (unused, done) = self.run(job, slice, out);
            left -= slice - unused;
            if !done {
                self.jobs.ready.push_back(job);
            }
        }
        if let Some(job) = self.jobs.ready.pop_back() {
            self.later(job, out);
        }
    }

    /// Goes on with a job for at most `left` objects. Returns how many are left, and whether it is
    /// done.
    fn run(&mut self, job: u64, left: usize, out: &mut Outbox) -> (usize, bool) {
        if let Some(walk) = self.jobs.walks.remove(&job) {
            self.run_walk(job, walk, left, out)
        } else {
            self.run_doom(job, left, out)
        }
    }

    fn run_walk(
        &mut self,
        job: u64,
        mut walk: Walk,
        mut left: usize,
        out: &mut Outbox,
    ) -> (usize, bool) {
        while left > 0 {
            let Some(at) = walk.next(&mut self.objects) else {
                self.finish_walk(walk, out);
                return (left, true);
            };
            left -= 1;
            if self.objects.condemned(at).is_none_or(|condemned| condemned > job) {
                if walk.act.changes_objects() {
                    self.settle_walks(at, job, Touch::Hears, out);
                }
                self.act(&walk.act, at, out);
            }
        }
        self.jobs.keep(job, walk);
        (0, false)
    }

    fn run_doom(&mut self, job: u64, mut left: usize, out: &mut Outbox) -> (usize, bool) {
        let Some(Doom { what, .. }) = self.jobs.dooms.get(&job) else { return (left, true) };
        let what = *what;
        while left > 0 {
            let Some(at) = self.objects.any_condemned(what) else {
                self.jobs.dooms.remove(&job);
                let left_family = self.objects.bury(what);
                left_family.into_iter().for_each(|parent| self.leave_children_channel(parent, out));
                return (left, true);
            };
            left -= 1;
            self.execute(at, out);
        }
        (0, false)
    }
}
