//! Drives a [`LoginManager`]: one thread that hears its link and its hashing threads, and writes.

use crate::config::Config;
use crate::counts::Counts;
use crate::hashing::{self, Hasher};
use crate::link::Link;
use crate::password::{Job, Outcome};
use crate::{Input, LoginManager, Outgoing, Unsuitable};
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tracing::{error, info, warn};

/// Between two ticks.
const TICK: Duration = Duration::from_millis(50);
/// Between two looks at whether it is linked.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// What waits to be heard: reads of the link, and computed passwords.
const EVENTS: usize = 256;
/// Before a link that is lost is dialled again: at first, and at most.
const DIAL_AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Why a LoginManager does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The DC file lacks something.
    #[error(transparent)]
    Unsuitable(#[from] Unsuitable),
    /// Argon2 cannot do what is configured.
    #[error("passwords cannot be hashed as configured: {0}")]
    Hashing(argon2::password_hash::Error),
    /// No thread can be started.
    #[error("no thread for the LoginManager: {0}")]
    Thread(#[from] io::Error),
}

/// A LoginManager that runs.
#[derive(Debug)]
pub struct Running {
    events: SyncSender<Event>,
    figures: Figures,
    threads: Vec<JoinHandle<()>>,
}

/// What a LoginManager that runs has counted.
#[derive(Clone, Debug, Default)]
pub struct Figures(Arc<Mutex<Counts>>);

impl Figures {
    /// The newest.
    pub fn snapshot(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn publish(&self, counts: Counts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }
}

/// Starts a LoginManager. It dials its Message Director until it is there, and again whenever the
/// link is lost.
pub fn start(config: Config) -> Result<Running, StartError> {
    let hasher = Hasher::new(&config.hashing).map_err(StartError::Hashing)?;
    let (threads, queue) = (config.hashing.threads, config.limits.hash_queue_max);
    let address = config.message_director;
    let manager = LoginManager::new(config)?;
    let (sender, events) = sync_channel(EVENTS);
    let computed = sender.clone();
    // Nobody hears it any more when the LoginManager has stopped.
    let done = move |id, outcome| drop(computed.send(Event::Computed(id, outcome)));
    let (jobs, mut threads) = hashing::start(hasher, threads, queue, done)?;
    let figures = Figures::default();
    let driver = Driver {
        manager,
        address,
        events,
        to_self: sender.clone(),
        jobs,
        figures: figures.clone(),
        out: Outgoing::default(),
        clock: Instant::now(),
        ticked: Instant::now(),
        link: None,
        links: 0,
        dial: Dial::default(),
    };
    let linked = Linked(figures.clone());
    let run = move || {
        let _linked = linked;
        driver.run();
    };
    threads.insert(0, thread::Builder::new().name("login".into()).spawn(run)?);
    Ok(Running { events: sender, figures, threads })
}

/// Says that nobody is heard any more, however the thread ends.
struct Linked(Figures);

impl Drop for Linked {
    fn drop(&mut self) {
        self.0.publish(Counts { linked: 0, ..self.0.snapshot() });
        if thread::panicking() {
            error!(
                "the LoginManager has failed: nobody can log in until the daemon is started again"
            );
        }
    }
}

impl Running {
    /// What it has counted, from now on.
    pub fn figures(&self) -> Figures {
        self.figures.clone()
    }

    /// Waits until clients are heard and the park is there, but not longer than that.
    pub fn wait_until_linked(&self, patience: Duration) {
        let began = Instant::now();
        while self.figures.snapshot().linked == 0 && began.elapsed() < patience {
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Ends it, and waits until it has ended: at most as long as a password takes, or as a Message
    /// Director that reads nothing is waited for.
    pub fn stop(self) {
        // If nobody hears it, it has ended already.
        self.events.send(Event::Stop).ok();
        drop(self.events);
        for thread in self.threads {
            if thread.join().is_err() {
                warn!("a thread of the LoginManager panicked");
            }
        }
    }
}

#[derive(Debug)]
enum Event {
    /// What came on the link of this number; `None`: it is gone.
    Heard(u64, Option<Vec<u8>>),
    Computed(u32, Outcome),
    Stop,
}

struct Driver {
    manager: LoginManager,
    address: SocketAddr,
    events: Receiver<Event>,
    to_self: SyncSender<Event>,
    jobs: SyncSender<Job>,
    figures: Figures,
    out: Outgoing,
    clock: Instant,
    ticked: Instant,
    link: Option<Link>,
    /// Links that there have been.
    links: u64,
    dial: Dial,
}

/// When the Message Director is dialled next.
#[derive(Default)]
struct Dial {
    at: Option<Instant>,
    failures: u32,
}

impl Dial {
    fn is_due(&self) -> bool {
        self.at.is_none_or(|at| at <= Instant::now())
    }

    fn failed(&mut self) {
        let (first, longest) = DIAL_AGAIN;
        let pause = first.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.at = Some(Instant::now() + pause);
        self.failures += 1;
    }
}

impl Driver {
    fn run(mut self) {
        loop {
            if self.link.is_none() && self.dial.is_due() {
                self.connect();
            }
            match self.events.recv_timeout(TICK.saturating_sub(self.ticked.elapsed())) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => (),
            }
            if self.ticked.elapsed() >= TICK {
                self.ticked = Instant::now();
                self.step(Input::Tick);
            }
            self.flush();
        }
    }

    fn connect(&mut self) {
        let (number, events) = (self.links + 1, self.to_self.clone());
        let heard = move |bytes| events.send(Event::Heard(number, bytes)).is_ok();
        match Link::connect(self.address, heard) {
            Ok(link) => {
                (self.link, self.links) = (Some(link), number);
                self.dial = Dial::default();
                self.step(Input::Linked);
            }
            Err(error) => {
                if self.dial.failures == 0 {
                    warn!("the LoginManager does not reach {}: {error}", self.address);
                }
                self.dial.failed();
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Heard(number, _) if number != self.links || self.link.is_none() => (),
            Event::Heard(_, None) => self.lose("it was closed"),
            Event::Heard(_, Some(bytes)) => {
                let now_ms = self.now_ms();
                let Driver { manager, link, out, .. } = self;
                if let Some(link) = link {
                    link.frames(&bytes, |body| manager.step(now_ms, Input::Datagram(body), out));
                }
            }
            Event::Computed(id, outcome) => self.step(Input::Computed(id, outcome)),
            Event::Stop => unreachable!("it ends the loop"),
        }
    }

    fn step(&mut self, input: Input<'_>) {
        let now_ms = self.now_ms();
        self.manager.step(now_ms, input, &mut self.out);
    }

    /// Sends what there is to say and to compute.
    fn flush(&mut self) {
        for job in self.out.jobs.drain(..) {
            self.jobs.send(job).expect("the threads run until this one ends");
        }
        if let Some(link) = &mut self.link
            && !self.out.frames.is_empty()
            && let Err(error) = link.write(&self.out.frames)
        {
            self.lose(&error.to_string());
        }
        self.out.frames.clear();
        self.figures.publish(self.manager.counts());
    }

    fn lose(&mut self, why: &str) {
        info!("the LoginManager has lost its link: {why}");
        self.link = None;
        self.dial.failed();
        self.step(Input::Unlinked);
    }

    fn now_ms(&self) -> u64 {
        self.clock.elapsed().as_millis() as u64
    }
}
