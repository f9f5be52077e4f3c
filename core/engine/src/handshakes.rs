//! TLS handshakes beside the cores: a few threads do them, so that no shard waits for a signature.
//!
//! A shard hands over a connection with what has come on it, and gets it back with what is to be
//! sent. The queue is bounded; nobody waits for room in it. The threads are nicer than the shards:
//! who is connected goes before who would like to be.

use crate::records::{Records, Sealed, Stand};
use crate::wake::Waker;
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use rustls::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::{Builder, JoinHandle};
use std::{io, num, thread};
use tracing::{error, warn};

/// One per core, and no more than so many unless it is asked for.
const WORKERS_MAX: usize = 2;
/// Turns of handshakes that wait for a worker.
const QUEUED_MAX: usize = 4096;
/// How much nicer than the shards.
const NICE: i32 = 5;

/// A handshake with a flight to be done.
struct Job {
    shard: usize,
    token: u64,
    records: Box<Records>,
}

/// A handshake back from a worker.
pub struct Shaken {
    /// As it was handed over.
    pub token: u64,
    /// The connection.
    pub records: Box<Records>,
    /// What the peer has said already, beyond its handshake.
    pub plain: Vec<u8>,
    /// What is to be sent.
    pub out: Vec<u8>,
    /// How far it is.
    pub result: Result<Stand, Error>,
}

/// The end of a shard.
pub struct HandshakeLink {
    me: usize,
    jobs: Sender<Job>,
    answers: mpsc::Receiver<Shaken>,
    /// How many it has handed over that are not back.
    away: u64,
}

impl HandshakeLink {
    /// Hands a connection to the workers; `false` if too many wait already.
    pub fn submit(&mut self, token: u64, records: Box<Records>) -> bool {
        match self.jobs.try_send(Job { shard: self.me, token, records }) {
            Ok(()) => {
                self.away += 1;
                true
            }
            Err(TrySendError::Full(_)) => false,
            Err(TrySendError::Disconnected(_)) => {
                unreachable!("the workers end after the shards")
            }
        }
    }

    /// The next one that is back, if there is one.
    pub fn take(&mut self) -> Option<Shaken> {
        let shaken = self.answers.try_recv().ok()?;
        self.away -= 1;
        Some(shaken)
    }

    /// How many this shard has handed over that are not back.
    pub fn away(&self) -> u64 {
        self.away
    }
}

/// The threads. To be dropped after all ends of shards: then they end.
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `count` threads, or the usual number; gives the ends of the shards.
    pub fn start(
        count: Option<usize>,
        wakers: &Arc<[Waker]>,
    ) -> io::Result<(Workers, Vec<HandshakeLink>)> {
        let cores = thread::available_parallelism().map_or(1, num::NonZero::get);
        let count = count.unwrap_or(WORKERS_MAX.min(cores)).max(1);
        // Declared before the queue, so that if a thread cannot be started the others end.
        let mut workers = Workers { threads: Vec::new() };
        let (jobs, queue) = bounded(QUEUED_MAX);
        let (senders, receivers): (Vec<_>, Vec<_>) = wakers.iter().map(|_| mpsc::channel()).unzip();
        for number in 0..count {
            let (queue, senders, wakers) = (queue.clone(), senders.clone(), Arc::clone(wakers));
            let work = move || work(&queue, &senders, &wakers);
            workers.threads.push(Builder::new().name(format!("tls-{number}")).spawn(work)?);
        }
        let link = |(me, answers)| HandshakeLink { me, jobs: jobs.clone(), answers, away: 0 };
        Ok((workers, receivers.into_iter().enumerate().map(link).collect()))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                error!("a thread for handshakes did not end in order");
            }
        }
    }
}

fn work(queue: &Receiver<Job>, answers: &[mpsc::Sender<Shaken>], wakers: &[Waker]) {
    if let Err(error) = rustix::process::nice(NICE) {
        warn!(%error, "the threads for handshakes are no nicer than the shards");
    }
    let mut out = Sealed::default();
    for Job { shard, token, mut records } in queue {
        out.clear();
        let mut plain = Vec::new();
        // What one connection has brought about ends that connection alone (I6).
        let done =
            catch_unwind(AssertUnwindSafe(|| records.receive(&mut [], &mut plain, &mut out)));
        let result = done.unwrap_or_else(|_| Err(Error::General("a panic".into())));
        let shaken = Shaken { token, records, plain, out: out.as_slice().to_vec(), result };
        // A shard that has ended meanwhile wants no answer.
        if answers[shard].send(shaken).is_ok() {
            wakers[shard].wake();
        }
    }
}
