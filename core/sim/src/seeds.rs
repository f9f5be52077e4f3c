//! Many seeds: each is played for itself, on any thread, and a failure is one line.

use crate::clients;
use crate::database;
use crate::disk::Lie;
use crate::objects;
use crate::plan::Sabotage;
use crate::scenario::{self, Outcome};
use crate::stored;
use crate::trace::Show;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Seeds that failed once; the tests play them for ever.
pub const KEPT: &str = include_str!("../seeds.txt");

/// One seed in so many is played twice, to see that its trace is the same.
const TWICE_ONE_IN: u64 = 16;

/// What a run is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Trees of daemons that route.
    Routing,
    /// A State Server and its objects.
    Objects,
    /// An object store on a faulty disk.
    Store,
    /// A Database and its store.
    Database,
    /// A Client Agent and its clients.
    Clients,
    /// The same above a Database and DBSS.
    Park,
}

const KINDS: [Kind; 6] =
    [Kind::Routing, Kind::Objects, Kind::Store, Kind::Database, Kind::Clients, Kind::Park];

impl Kind {
    /// Its name on the command line and in lists of seeds.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Routing => "routing",
            Kind::Objects => "objects",
            Kind::Store => "store",
            Kind::Database => "database",
            Kind::Clients => "clients",
            Kind::Park => "park",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Kind> {
        KINDS.into_iter().find(|kind| kind.name() == name)
    }

    /// What a seed is about where nobody says it.
    pub const fn of(seed: u64) -> Kind {
        KINDS[(seed % KINDS.len() as u64) as usize]
    }
}

/// A seed that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What the run was about.
    pub kind: Kind,
    /// The seed.
    pub seed: u64,
    /// The shards that were asked for, if they were.
    pub shards: Option<usize>,
    /// The rule that was broken.
    pub rule: String,
    /// How.
    pub what: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Failure { kind, seed, rule, what, .. } = self;
        let (kind, what) = (kind.name(), what.replace('\n', " "));
        write!(f, "sim: {kind} seed {seed} failed: {rule}: {what}; ")?;
        write!(f, "replay: cargo run --release -p sim -- --replay {seed} --kind {kind}")?;
        self.shards.map_or(Ok(()), |shards| write!(f, " --shards {shards}"))
    }
}

/// The seeds of a list: a number a line, behind the kind unless it is routing; comments after `#`.
pub fn read(list: &str) -> Vec<(Kind, u64)> {
    let lines = list.lines().filter_map(|line| line.split('#').next());
    let seed = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [number] => Some((Kind::Routing, number.parse().ok()?)),
        [kind, number] => Some((Kind::named(kind)?, number.parse().ok()?)),
        _ => None,
    };
    lines.filter_map(seed).collect()
}

/// Plays a seed; a panic of a shard is a failure like any other.
pub fn play(kind: Kind, seed: u64, shards: Option<usize>, show: Show) -> Result<Outcome, Failure> {
    let played = caught(|| match kind {
        Kind::Routing => scenario::play(seed, shards, Sabotage::None, show),
        Kind::Objects => objects::play(seed, shards, Sabotage::None, show),
        Kind::Store => stored::play(seed, Lie::None, show),
        Kind::Database => database::play(seed, shards, Sabotage::None, show),
        Kind::Clients => clients::play(seed, shards, Sabotage::None, show),
        Kind::Park => clients::play_park(seed, shards, Sabotage::None, show),
    });
    let failure = |rule: &str, what| Failure { kind, seed, shards, rule: rule.into(), what };
    let mut outcome = played.map_err(|what| failure("no panic", what))?;
    match outcome.violation.take() {
        Some(broken) => Err(failure(broken.rule, broken.what)),
        None => Ok(outcome),
    }
}

/// Plays a seed, now and then twice: the trace must be the same.
pub fn check(kind: Kind, seed: u64, shards: Option<usize>) -> Result<Outcome, Failure> {
    let outcome = play(kind, seed, shards, Show::Nothing)?;
    if (seed / KINDS.len() as u64).is_multiple_of(TWICE_ONE_IN)
        && play(kind, seed, shards, Show::Nothing)?.hash != outcome.hash
    {
        let what = "two runs have two traces".into();
        return Err(Failure { kind, seed, shards, rule: "one seed, one schedule".into(), what });
    }
    Ok(outcome)
}

/// What many seeds are to be played.
#[derive(Clone, Copy, Debug)]
pub struct Many {
    /// What they are about; `None`: all kinds in turn.
    pub kind: Option<Kind>,
    /// The first one.
    pub from: u64,
    /// How many.
    pub count: u64,
    /// When to stop, if not all are done.
    pub time: Option<Duration>,
    /// The shards of every daemon, if not what the seed says.
    pub shards: Option<usize>,
    /// Failures after which to stop.
    pub failures_max: usize,
    /// Whether to print how far it is.
    pub progress: bool,
}

/// What came of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// Seeds played.
    pub seeds: u64,
    /// Things that happened in them.
    pub steps: u64,
    /// Frames that observers heard, or objects that were compared.
    pub heard: u64,
    /// What failed, by seed.
    pub failures: Vec<Failure>,
}

/// Plays many seeds on all cores.
pub fn play_many(many: Many) -> Played {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let (next, done, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let begin = Instant::now();
    let mut all = Played::default();
    std::thread::scope(|scope| {
        let worker = || work(&many, begin, &next, &done, &stop);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        if many.progress {
            report(&many, begin, &done, || workers.iter().all(|worker| worker.is_finished()));
        }
        for worker in workers {
            let part = worker.join().expect("a worker catches the panics of its seeds");
            all.seeds += part.seeds;
            all.steps += part.steps;
            all.heard += part.heard;
            all.failures.extend(part.failures);
        }
    });
    all.failures.sort_by_key(|failure| failure.seed);
    all
}

/// Plays seeds of a kind for a test, for so many seconds at most: panics with the line of each that
/// fails, and if nobody heard anything.
pub fn must_pass(kind: Kind, shards: Option<usize>, from: u64, count: u64, seconds: u64) {
    let time = Some(Duration::from_secs(seconds));
    let kind = Some(kind);
    let many = Many { kind, from, count, time, shards, failures_max: 3, progress: false };
    let played = play_many(many);
    let failures: Vec<String> = played.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
    assert!(played.heard > 0, "nobody heard anything");
}

fn work(
    many: &Many,
    begin: Instant,
    next: &AtomicU64,
    done: &AtomicU64,
    stop: &AtomicBool,
) -> Played {
    let mut played = Played::default();
    while !stop.load(Ordering::Relaxed) && many.time.is_none_or(|time| begin.elapsed() < time) {
        let at = next.fetch_add(1, Ordering::Relaxed);
        if at >= many.count {
            break;
        }
        let seed = many.from + at;
        match check(many.kind.unwrap_or(Kind::of(seed)), seed, many.shards) {
            Ok(outcome) => {
                played.steps += outcome.steps;
                played.heard += outcome.heard;
            }
            Err(failure) => {
                if many.progress {
                    println!("{failure}");
                }
                played.failures.push(failure);
                stop.fetch_or(played.failures.len() >= many.failures_max, Ordering::Relaxed);
            }
        }
        played.seeds += 1;
        done.fetch_add(1, Ordering::Relaxed);
    }
    played
}

fn report(many: &Many, begin: Instant, done: &AtomicU64, finished: impl Fn() -> bool) {
    let mut last = Instant::now();
    while !finished() {
        std::thread::sleep(Duration::from_millis(50));
        if last.elapsed() >= Duration::from_secs(5) {
            last = Instant::now();
            let (seeds, seconds) = (done.load(Ordering::Relaxed), begin.elapsed().as_secs_f64());
            println!(
                "sim: {seeds} of {} seeds, {:.0} per second",
                many.count,
                seeds as f64 / seconds
            );
        }
    }
}

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    static CAUGHT: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs `part`; a panic becomes an error that says where and why.
pub fn caught<T>(part: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CAUGHT.with_borrow(|caught| *caught) {
                PANIC.set(Some(info.to_string()));
            } else {
                usual(info);
            }
        }));
    });
    let before = CAUGHT.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(part));
    CAUGHT.set(before);
    result.map_err(|_| PANIC.take().unwrap_or_default())
}
