//! The logs of stores beside the cores: one thread each commits, so that no shard ever waits for a
//! disk, and others run its chores, so that no commit waits for them.
//!
//! Shards hand over the requests of a turn through a queue; whatever has gathered while one commit
//! was under way is the next one, with those that can be expected in a moment (see [`Pace`]).
//! Answers come back through a queue of each shard, whose waker is rung.
//!
//! The thread of a log has its place on the core of a shard, best on one that the disk interrupts.
//! While a commit is under way that shard mostly looks for its answer, and a core on which somebody
//! looks does not fall asleep: elsewhere each of the two waits for the disk ends with a core that has
//! to be woken, which together took as long as half a commit where it was measured.

use crate::cpus;
use crate::wake::Waker;
use runtime::StoreId;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use store::{Chore, Chored, Committer, HOLD_NS, Look, Pace, PartId, Reply, Request, Stats};
use tracing::{error, info, warn};

/// How often figures are published.
const STATS_EVERY: Duration = Duration::from_secs(1);
/// Between two chores that are to be run at leisure.
const LEISURE: Duration = Duration::from_millis(100);
/// How many requests make up one commit at most.
const REQUESTS_MAX: usize = 16 << 10;
const KEEPERS: usize = 2;

/// What the thread of a log hears.
enum Asked {
    /// A part asks for something, in this order.
    Requests(PartId, Vec<Request>),
    /// A chore has been run.
    Chored(Chored),
    /// The shards have stopped.
    Close,
}

/// The end of a shard: what it asks of the stores, and what they answer.
pub struct StoreLinks {
    me: PartId,
    asked: Vec<Sender<Asked>>,
    /// What was asked for in this turn, by store.
    gathered: Vec<Vec<Request>>,
    answers: Receiver<(StoreId, Reply)>,
    /// What is waited for, by store; nothing any more once it is read-only.
    waiting: Vec<Option<Waiting>>,
    /// For answers.
    look: Look,
    began: Instant,
}

/// Appends whose fate is not known.
#[derive(Clone, Copy, Default)]
struct Waiting {
    appends: u64,
    /// Of these, up to the last that somebody waits for.
    to_last_write: u64,
}

impl Waiting {
    fn asked(&mut self, is_write: bool) {
        self.appends += 1;
        if is_write {
            self.to_last_write = self.appends;
        }
    }

    fn answered(&mut self, appends: u64) {
        self.appends -= appends;
        self.to_last_write = self.to_last_write.saturating_sub(appends);
    }
}

impl StoreLinks {
    /// Asks the log of a store for something, with the next [`StoreLinks::hand_over`].
    pub fn ask(&mut self, store: StoreId, request: Request) {
        let at = store.0 as usize;
        if let (Request::Append(_), Some(waiting)) = (&request, &mut self.waiting[at]) {
            waiting.asked(request.is_write());
        }
        self.gathered[at].push(request);
    }

    /// Hands over what was asked for.
    pub fn hand_over(&mut self) {
        for (asked, gathered) in self.asked.iter().zip(&mut self.gathered) {
            if !gathered.is_empty() {
                if gathered.iter().any(Request::is_write) {
                    self.look.begin(self.began.elapsed().as_nanos() as u64);
                }
                let handed = asked.send(Asked::Requests(self.me, std::mem::take(gathered)));
                handed.expect("the thread of a log ends after those of the shards");
            }
        }
    }

    /// The next answer, if there is one.
    pub fn take(&mut self) -> Option<(StoreId, Reply)> {
        if self.asked.is_empty() {
            return None;
        }
        let (store, reply) = self.answers.try_recv().ok()?;
        let waiting = &mut self.waiting[store.0 as usize];
        let is_awaited = waiting.is_some_and(|waiting| waiting.to_last_write > 0);
        if is_awaited && matches!(&reply, Reply::Durable(_) | Reply::Refused) {
            self.look.came(self.began.elapsed().as_nanos() as u64);
        }
        match &reply {
            Reply::Durable(places) => {
                waiting.iter_mut().for_each(|waiting| waiting.answered(places.len() as u64));
            }
            Reply::Refused => waiting.iter_mut().for_each(|waiting| waiting.answered(1)),
            Reply::ReadOnly(_) => *waiting = None,
            Reply::Sealed(..)
            | Reply::Sweep(_)
            | Reply::Removed(_)
            | Reply::Fetched(..)
            | Reply::Damaged(..) => (),
        }
        Some((store, reply))
    }

    /// Whether an answer can be expected so soon that it is not worthwhile to sleep.
    pub fn look_for_answer(&self) -> bool {
        let mut waiting = self.waiting.iter().flatten();
        waiting.any(|waiting| waiting.to_last_write > 0)
            && self.look.goes_on(self.began.elapsed().as_nanos() as u64)
    }

    /// Whether the fate of everything that was asked for is known.
    pub fn are_quiet(&self) -> bool {
        self.waiting.iter().flatten().all(|waiting| waiting.appends == 0)
    }
}

/// What the stores hold and have done, for any thread to read.
#[derive(Clone, Default)]
pub struct StoreStats(Arc<Mutex<Vec<Stats>>>);

impl StoreStats {
    /// By store.
    pub fn snapshot(&self) -> Vec<Stats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn publish(&self, store: StoreId, stats: Stats) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[store.0 as usize] = stats;
    }
}

/// The threads of all logs. They end when this is dropped, after the shards.
pub struct Stores {
    /// What they hold and have done.
    pub stats: StoreStats,
    asked: Vec<Sender<Asked>>,
    threads: Vec<JoinHandle<()>>,
}

impl Stores {
    /// Starts the threads of each log; gives the ends of the shards, which run on these cores.
    pub fn start(
        committers: Vec<Box<dyn Committer>>,
        wakers: &[Waker],
        cpus: &[usize],
    ) -> io::Result<(Stores, Vec<StoreLinks>)> {
        let stats: Vec<Stats> = committers.iter().map(|committer| committer.stats()).collect();
        let stats = StoreStats(Arc::new(Mutex::new(stats)));
        let mut stores = Stores { stats, asked: Vec::new(), threads: Vec::new() };
        let (senders, receivers): (Vec<_>, Vec<_>) = wakers.iter().map(|_| mpsc::channel()).unzip();
        for (at, committer) in committers.into_iter().enumerate() {
            let best: Vec<usize> =
                committer.cores().into_iter().filter(|core| cpus.contains(core)).collect();
            let cores = if best.is_empty() { cpus } else { &best };
            let cpu = cores[at % cores.len()];
            stores.start_one(StoreId(at as u16), committer, &senders, wakers, cpu)?;
        }
        let link = |(me, answers)| StoreLinks {
            me: PartId(me as u16),
            asked: stores.asked.clone(),
            gathered: stores.asked.iter().map(|_| Vec::new()).collect(),
            answers,
            waiting: vec![Some(Waiting::default()); stores.asked.len()],
            look: Look::for_answer(),
            began: Instant::now(),
        };
        let links = receivers.into_iter().enumerate().map(link).collect();
        Ok((stores, links))
    }

    fn start_one(
        &mut self,
        id: StoreId,
        committer: Box<dyn Committer>,
        answers: &[Sender<(StoreId, Reply)>],
        wakers: &[Waker],
        cpu: usize,
    ) -> io::Result<()> {
        let (ask, asked) = mpsc::channel();
        let ask_scrubber = ask.clone();
        let (chores, keepers) = crossbeam::channel::unbounded::<Chore>();
        for keeper in 0..KEEPERS {
            let (chores, done) = (keepers.clone(), ask.clone());
            let run = move || chores.iter().for_each(|chore| say(&done, chore.run()));
            self.spawn(format!("store-{}-keeper-{keeper}", id.0), run)?;
        }
        let (patient, scrubber) = crossbeam::channel::unbounded::<Chore>();
        let run = move || {
            for chore in scrubber {
                say(&ask_scrubber, chore.run());
                std::thread::sleep(LEISURE);
            }
        };
        self.spawn(format!("store-{}-scrubber", id.0), run)?;
        let shards = answers.iter().cloned().zip(wakers.iter().cloned()).collect();
        let stats = self.stats.clone();
        let keepers = Some(Keepers { chores, patient });
        let writer = Writer {
            id,
            committer,
            asked,
            keepers,
            under_way: 0,
            shards,
            stats,
            began: Instant::now(),
            pace: Pace::default(),
            batch: Vec::new(),
            writes: 0,
            may_wait: true,
            answers: Vec::new(),
            closing: false,
        };
        let run = move || {
            if let Err(error) = cpus::stay_on(cpu) {
                warn!(store = id.0, cpu, %error, "its thread runs on any core");
            }
            writer.run();
        };
        self.spawn(format!("store-{}", id.0), run)?;
        self.asked.push(ask);
        Ok(())
    }

    fn spawn(&mut self, name: String, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(Builder::new().name(name).spawn(run)?);
        Ok(())
    }
}

fn say(done: &Sender<Asked>, chored: Chored) {
    let said = done.send(Asked::Chored(chored));
    said.expect("the thread of a log waits for its chores before it ends");
}

impl Drop for Stores {
    fn drop(&mut self) {
        for asked in &self.asked {
            if asked.send(Asked::Close).is_err() {
                error!("the thread of a store ended before it was told to");
            }
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                error!("a thread of a store has panicked");
            }
        }
    }
}

/// The queues of those who run chores.
struct Keepers {
    chores: crossbeam::channel::Sender<Chore>,
    patient: crossbeam::channel::Sender<Chore>,
}

/// The thread of a log.
struct Writer {
    id: StoreId,
    committer: Box<dyn Committer>,
    asked: Receiver<Asked>,
    keepers: Option<Keepers>,
    /// Chores that have not come back.
    under_way: usize,
    shards: Vec<(Sender<(StoreId, Reply)>, Waker)>,
    stats: StoreStats,
    began: Instant,
    pace: Pace,
    /// The next commit, and how many writes of roles are in it.
    batch: Vec<(PartId, Request)>,
    writes: usize,
    /// Whether all of it may wait.
    may_wait: bool,
    answers: Vec<(PartId, Reply)>,
    closing: bool,
}

impl Writer {
    fn run(mut self) {
        let mut publish_at = Instant::now() + STATS_EVERY;
        self.hand_out();
        while !self.closing {
            self.gather(publish_at);
            if !self.batch.is_empty() {
                self.commit();
            }
            self.answer();
            self.hand_out();
            if Instant::now() >= publish_at {
                publish_at = Instant::now() + STATS_EVERY;
                self.stats.publish(self.id, self.committer.stats());
            }
        }
        self.close();
    }

    /// Takes what was asked for; waits for something until `publish_at`.
    fn gather(&mut self, publish_at: Instant) {
        let mut any = self.take_all();
        self.pace.found(self.writes);
        while !any && self.pace.looks(self.now_ns()) {
            std::thread::yield_now();
            any = self.take_all();
        }
        if !any {
            match self.asked.recv_timeout(publish_at.duration_since(Instant::now())) {
                Ok(asked) => self.take(asked),
                Err(RecvTimeoutError::Disconnected) => self.closing = true,
                Err(RecvTimeoutError::Timeout) => return,
            }
        }
        self.take_all();
        self.hold();
        if self.writes > 0 {
            self.pace.came(self.now_ns());
        }
        while !self.closing && self.pace.waits(self.writes, self.now_ns()) {
            std::thread::yield_now();
            self.take_all();
        }
    }

    /// Waits for somebody who waits for a commit, where nobody does yet.
    fn hold(&mut self) {
        let until = Instant::now() + Duration::from_nanos(HOLD_NS);
        while self.may_wait && !self.batch.is_empty() && self.answers.is_empty() && !self.closing {
            if self.pace.looks(self.now_ns()) {
                std::thread::yield_now();
                self.take_all();
                continue;
            }
            match self.asked.recv_timeout(until.duration_since(Instant::now())) {
                Ok(asked) => self.take(asked),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Takes what lies in the queue, as much as goes into a commit; whether there was anything.
    fn take_all(&mut self) -> bool {
        let mut any = false;
        while self.batch.len() < REQUESTS_MAX
            && let Ok(asked) = self.asked.try_recv()
        {
            any = true;
            self.take(asked);
        }
        any
    }

    fn take(&mut self, asked: Asked) {
        match asked {
            Asked::Requests(part, requests) => {
                self.writes += requests.iter().filter(|request| request.is_write()).count();
                self.may_wait &= requests.iter().all(Request::may_wait);
                self.batch.extend(requests.into_iter().map(|request| (part, request)));
            }
            Asked::Chored(done) => self.chored(done),
            Asked::Close => self.closing = true,
        }
    }

    fn commit(&mut self) {
        let began_ns = self.now_ns();
        self.committer.commit(&mut self.batch, &mut self.answers);
        let writes = std::mem::take(&mut self.writes);
        self.may_wait = true;
        if writes > 0 {
            self.pace.committed(writes, began_ns, self.now_ns());
        }
    }

    fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn hand_out(&mut self) {
        let Some(keepers) = &self.keepers else { return };
        while let Some(chore) = self.committer.next_chore() {
            self.under_way += 1;
            let queue = if chore.is_patient() { &keepers.patient } else { &keepers.chores };
            queue.send(chore).expect("keepers end after the one who gives them chores");
        }
    }

    fn chored(&mut self, done: Chored) {
        self.under_way -= 1;
        self.committer.chored(done, &mut self.answers);
    }

    /// Hands out answers, and wakes those who get any.
    fn answer(&mut self) {
        let mut woken = 0_u64;
        for (PartId(part), reply) in self.answers.drain(..) {
            let (shard, _) = &self.shards[part as usize];
            // A shard that has stopped hears nothing any more.
            if shard.send((self.id, reply)).is_ok() {
                woken |= 1 << part;
            }
        }
        for (at, (_, waker)) in self.shards.iter().enumerate() {
            if woken & (1 << at) != 0 {
                waker.wake();
            }
        }
    }

    fn close(mut self) {
        self.keepers = None;
        while self.under_way > 0 {
            let Ok(asked) = self.asked.recv() else { break };
            if let Asked::Chored(done) = asked {
                self.chored(done);
            }
        }
        if let Err(error) = self.committer.close() {
            warn!(%error, "the store could not be put in order for a quick start; nothing is lost");
        }
        self.stats.publish(self.id, self.committer.stats());
        let Stats { commits, appends, .. } = self.committer.stats();
        info!(store = self.id.0, commits, appends, "the store is closed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_moves_behind_the_last_write() {
        let mut waiting = Waiting::default();
        [false, true, false, false].into_iter().for_each(|is_write| waiting.asked(is_write));
        assert_eq!((waiting.appends, waiting.to_last_write), (4, 2));
        waiting.answered(1);
        assert_eq!((waiting.appends, waiting.to_last_write), (3, 1), "the write is to come");
        waiting.answered(2);
        assert_eq!((waiting.appends, waiting.to_last_write), (1, 0), "only a move is");
        waiting.asked(true);
        assert_eq!((waiting.appends, waiting.to_last_write), (2, 2));
    }
}
