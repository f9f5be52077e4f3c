//! TLS handshakes beside the cores: a few threads do them, so that no shard waits for a signature.
//!
//! A shard hands over a connection with what has come on it, and gets it back with what is to be
//! sent. The queue is bounded; nobody waits for room in it. The threads are no nicer than the shards:
//! nicer ones are interrupted for each packet that comes, which makes a handshake a tenth dearer, and
//! those who are connected wait no less beside a thousand handshakes a second. While more waits in
//! the queue a shard is not woken for each that is done but, a little later, for several.

use crate::records::{Records, Sealed, Stand};
use crate::wake::Waker;
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded, unbounded};
use rustls::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, num, thread};
use tracing::error;

/// One per core, and no more than so many unless it is asked for.
const WORKERS_MAX: usize = 2;
/// Turns of handshakes that wait for a worker.
const QUEUED_MAX: usize = 4096;
/// A shard hears of what is done no later than so, and one turn of a handshake.
const TOLD_WITHIN: Duration = Duration::from_micros(500);

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
    answers: Receiver<Shaken>,
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
        let (senders, receivers): (Vec<_>, Vec<_>) = wakers.iter().map(|_| unbounded()).unzip();
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

fn work(queue: &Receiver<Job>, answers: &[Sender<Shaken>], wakers: &[Waker]) {
    let mut out = Sealed::default();
    let mut untold = Untold { since: vec![None; answers.len()], answers, wakers };
    loop {
        let job = queue.try_recv().or_else(|_| {
            untold.tell(|_| true); // nobody else would while this thread waits
            queue.recv()
        });
        let Ok(Job { shard, token, mut records }) = job else { return };
        out.clear();
        let mut plain = Vec::new();
        // What one connection has brought about ends that connection alone (I6).
        let done =
            catch_unwind(AssertUnwindSafe(|| records.receive(&mut [], &mut plain, &mut out)));
        let result = done.unwrap_or_else(|_| Err(Error::General("a panic".into())));
        let shaken = Shaken { token, records, plain, out: out.as_slice().to_vec(), result };
        let now = Instant::now();
        untold.answer(now, shard, shaken);
        untold.tell(|since| now - since >= TOLD_WITHIN);
    }
}

/// Since when there has been something for each shard that it has not been woken for.
struct Untold<'a> {
    since: Vec<Option<Instant>>,
    answers: &'a [Sender<Shaken>],
    wakers: &'a [Waker],
}

impl Untold<'_> {
    fn answer(&mut self, now: Instant, shard: usize, shaken: Shaken) {
        if self.answers[shard].is_empty() {
            self.since[shard] = None; // it has looked by itself
        }
        // A shard that has ended meanwhile wants no answer.
        if self.answers[shard].send(shaken).is_ok() {
            self.since[shard].get_or_insert(now);
        }
    }

    fn tell(&mut self, is_due: impl Fn(Instant) -> bool) {
        for (shard, since) in self.since.iter_mut().enumerate() {
            let is_told = since.take_if(|since| is_due(*since)).is_some();
            if is_told && !self.answers[shard].is_empty() {
                self.wakers[shard].wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustls::ServerConfig;
    use rustls::crypto::ring::default_provider;
    use rustls::server::ResolvesServerCertUsingSni;

    const SHARDS: usize = 3;
    const CEILING: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

    fn garbage() -> Box<Records> {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        let mut records = Box::new(Records::new(Arc::new(config), false).unwrap());
        records.wait_with(vec![22, 3, 1, 0, 1, 0]);
        records
    }

    #[test]
    fn a_shard_that_sleeps_is_woken_for_each_that_it_waits_for() {
        let wakers: Arc<[Waker]> = (0..SHARDS).map(|_| Waker::new().unwrap()).collect();
        let (workers, mut links) = Workers::start(Some(2), &wakers).unwrap();
        for round in 0..300 {
            for number in 0..round % 7 + 1 {
                assert!(links[number % SHARDS].submit(number as u64, garbage()));
            }
            for (link, waker) in links.iter_mut().zip(wakers.iter()) {
                while link.away() > 0 {
                    let mut event = [PollFd::new(waker.event(), PollFlags::IN)];
                    assert_eq!(poll(&mut event, Some(&CEILING)).unwrap(), 1, "it sleeps for ever");
                    rustix::io::read(waker.event(), &mut [0; 8]).unwrap();
                    while link.take().is_some() {}
                }
            }
        }
        drop(links);
        drop(workers);
    }
}
