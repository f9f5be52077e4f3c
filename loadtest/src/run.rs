//! Carries out a plan: connections, subscriptions, traffic, accounting, in this order.

use crate::generator::{Gauge, Generator, Mark};
use crate::holder::{IdleConnections, raise_descriptors};
use crate::outcome::{Outcome, Part, ServerUse};
use crate::plan::Plan;
use crate::server::ServerProcess;
use anyhow::{Context, Result, anyhow};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Between two reports of progress.
const PROGRESS_STEP: Duration = Duration::from_secs(1);

/// How far a run is; reported once per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Since the traffic began, in s.
    pub seconds: f64,
    /// Whether the warm-up is over.
    pub is_measured: bool,
    /// Messages sent per second, in the last second.
    pub sent_per_second: f64,
    /// Deliveries per second, in the last second.
    pub delivered_per_second: f64,
    /// Subscription changes per second, in the last second.
    pub changes_per_second: f64,
}

/// Carries out `plan`, reporting progress once per second.
///
/// An error is a run that could not be carried out; what the run found wrong with the server's
/// deliveries stands in the outcome.
pub fn run(plan: &Plan, progress: &mut dyn FnMut(Progress)) -> Result<Outcome> {
    plan.check()?;
    raise_descriptors()?;
    let cpus = sched_getaffinity(None).context("the cpus of this thread")?;
    pin(plan.cpu)?;
    let outcome = carry_out(plan, progress);
    sched_setaffinity(None, &cpus).context("giving this thread its cpus back")?;
    outcome
}

fn carry_out(plan: &Plan, progress: &mut dyn FnMut(Progress)) -> Result<Outcome> {
    let server = plan.server_pid.map(|pid| ServerProcess { pid });
    let rss = |settled: bool| match server {
        Some(server) if settled => server.settled_rss(),
        Some(server) => server.rss(),
        None => Ok(0),
    };
    let rss_before = rss(true)?;
    let clock = Instant::now();
    let prepare = |part| Generator::prepare(plan, part, run_mark(), clock);
    let mut generators = (0..plan.threads).map(prepare).collect::<Result<Vec<_>>>()?;
    let rss_active = rss(plan.idle > 0)?;
    let active = u64::from(plan.senders + plan.receivers);
    let idle = IdleConnections::open(plan, active)?;
    let rss_connected = rss(plan.idle > 0)?;
    let preloaded = generators.iter_mut().map(Generator::preload).sum::<Result<u64>>()?;
    let rss_preloaded = rss(preloaded > 0)?;
    let traffic = Traffic { plan, server, clock };
    let (parts, CpuTime { server_ns: cpu_ns, generator_ns }) = traffic.run(generators, progress)?;
    let mut outcome = Outcome::of_parts(plan.protocol.name(), parts);
    outcome.generator_cpu_ns = generator_ns;
    let closed = idle.close()?;
    if closed > 0 {
        outcome.broken.push(format!("{closed} idle connections were closed by the server"));
    }
    (outcome.connections, outcome.idle) = (active, u64::from(plan.idle));
    outcome.preloaded = preloaded;
    if server.is_some() {
        outcome.server = Some(ServerUse {
            cpu_ns,
            cpu_ns_per_message: per(cpu_ns, outcome.sent),
            cpu_ns_per_delivery: per(cpu_ns, outcome.delivered),
            cpu_ns_per_change: per(cpu_ns, outcome.changes),
            rss_before,
            rss_connected,
            rss_after: rss(false)?,
            bytes_per_idle_connection: per(rss_connected.saturating_sub(rss_active), outcome.idle),
            bytes_per_subscription: per(rss_preloaded.saturating_sub(rss_connected), preloaded),
        });
    }
    Ok(outcome)
}

pub(crate) fn per(amount: u64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { amount as f64 / count as f64 }
}

pub(crate) fn pin(cpu: Option<u32>) -> Result<()> {
    let Some(cpu) = cpu else { return Ok(()) };
    let mut set = CpuSet::new();
    set.set(cpu as usize);
    sched_setaffinity(None, &set).with_context(|| format!("pinning to cpu {cpu}"))
}

/// Tells the messages of this run from those of others.
pub(crate) fn run_mark() -> u64 {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    (time.as_nanos() as u64) ^ u64::from(std::process::id()) << 44
}

/// CPU time used so far, or in the measured part, in ns.
#[derive(Clone, Copy, Default)]
pub(crate) struct CpuTime {
    pub(crate) server_ns: u64,
    pub(crate) generator_ns: u64,
}

impl CpuTime {
    pub(crate) fn now(server: Option<ServerProcess>) -> Result<CpuTime> {
        // The process's clock: threads that have ended are in it, in /proc they are not.
        let ours = clock_gettime(ClockId::ProcessCPUTime);
        Ok(CpuTime {
            server_ns: server.map_or(Ok(0), ServerProcess::cpu_ns)?,
            generator_ns: ours.tv_sec as u64 * 1_000_000_000 + ours.tv_nsec as u64,
        })
    }

    pub(crate) fn since(self, began: CpuTime) -> CpuTime {
        CpuTime {
            server_ns: self.server_ns.saturating_sub(began.server_ns),
            generator_ns: self.generator_ns.saturating_sub(began.generator_ns),
        }
    }
}

struct Traffic<'a> {
    plan: &'a Plan,
    server: Option<ServerProcess>,
    clock: Instant,
}

impl Traffic<'_> {
    /// Lets every generator run in a thread of its own; returns what they found and the CPU
    /// time that the measured part took.
    fn run(
        &self,
        generators: Vec<Generator>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Vec<Part>, CpuTime)> {
        let gauges: Vec<Gauge> = generators.iter().map(|_| Gauge::default()).collect();
        let (marks, from_threads) = mpsc::channel();
        let start_ns = self.clock.elapsed().as_nanos() as u64;
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for ((number, generator), gauge) in (0..).zip(generators).zip(&gauges) {
                let (marks, cpu) = (marks.clone(), self.plan.cpu.map(|cpu| cpu + number));
                threads.push(scope.spawn(move || {
                    pin(cpu)?;
                    // Nobody listens only if the watcher has failed, which is reported.
                    let tell = |mark| marks.send(mark).unwrap_or_default();
                    generator.run(start_ns, gauge, tell)
                }));
            }
            drop(marks);
            let cpu_ns = self.watch(&gauges, &from_threads, progress)?;
            let join = |thread: thread::ScopedJoinHandle<'_, Result<Part>>| {
                thread.join().map_err(|_| anyhow!("a generator thread panicked"))?
            };
            Ok((threads.into_iter().map(join).collect::<Result<Vec<_>>>()?, cpu_ns))
        })
    }

    /// Until all threads are done: reports progress and reads the CPU times when the
    /// first thread begins to measure and when the last one ends.
    fn watch(
        &self,
        gauges: &[Gauge],
        marks: &mpsc::Receiver<Mark>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<CpuTime> {
        let (mut began, mut cpu_began) = (false, CpuTime::default());
        let mut cpu_ended = CpuTime::default();
        let mut pulse = Pulse::new();
        loop {
            match marks.recv_timeout(pulse.left()) {
                Ok(Mark::Began) if began => (),
                Ok(Mark::Began) => (began, cpu_began) = (true, CpuTime::now(self.server)?),
                Ok(Mark::Ended) => cpu_ended = CpuTime::now(self.server)?,
                Err(RecvTimeoutError::Timeout) => progress(pulse.beat(gauges, began)),
                Err(RecvTimeoutError::Disconnected) => return Ok(cpu_ended.since(cpu_began)),
            }
        }
    }
}

/// Once per second: what the counters did since.
struct Pulse {
    began: Instant,
    last: Instant,
    counts: [u64; 3],
}

impl Pulse {
    fn new() -> Pulse {
        let now = Instant::now();
        Pulse { began: now, last: now, counts: [0; 3] }
    }

    fn left(&self) -> Duration {
        PROGRESS_STEP.saturating_sub(self.last.elapsed())
    }

    fn beat(&mut self, gauges: &[Gauge], is_measured: bool) -> Progress {
        let sum = |count: fn(&Gauge) -> &AtomicU64| -> u64 {
            gauges.iter().map(|gauge| count(gauge).load(Relaxed)).sum()
        };
        let now = [sum(|g| &g.sent), sum(|g| &g.delivered), sum(|g| &g.changes)];
        let seconds = self.last.elapsed().as_secs_f64();
        let [sent, delivered, changes] =
            [0, 1, 2].map(|i| (now[i] - self.counts[i]) as f64 / seconds);
        (self.last, self.counts) = (Instant::now(), now);
        Progress {
            seconds: self.began.elapsed().as_secs_f64(),
            is_measured,
            sent_per_second: sent,
            delivered_per_second: delivered,
            changes_per_second: changes,
        }
    }
}
