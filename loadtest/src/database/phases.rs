//! The phases: clients that each ask their next question when the one before is answered, in
//! slices between which the floor is measured.

use super::floor::Floor;
use super::model::Operation;
use super::outcome::{DatabasePhaseOutcome, DatabaseServerUse};
use super::plan::DatabasePhase;
use super::session::{Patience, Session};
use crate::faults::Fault;
use crate::outcome::quantiles;
use crate::run::{CpuTime, per};
use crate::server::ServerProcess;
use anyhow::Result;
use std::time::{Duration, Instant};

/// How long clients ask before the floor is measured again.
const SLICE: Duration = Duration::from_secs(1);
/// The share of conditions that are false.
const FALSE_CONDITIONS: f64 = 0.125;
/// The share of queries for what is not there.
const VAIN_QUERIES: f64 = 0.25;

/// What is done next; None: there is no more.
type Step<'s> = &'s mut dyn FnMut(&mut Session<'_>) -> Option<(u32, Operation)>;

impl Session<'_> {
    /// Carries a phase out. What does not come is noted as a loss.
    pub(crate) fn phase(&mut self, phase: DatabasePhase) -> Result<DatabasePhaseOutcome> {
        let server = self.plan.server_pid.map(|pid| ServerProcess { pid });
        let rss = || server.map_or(Ok(0), ServerProcess::settled_rss);
        let rss_before = rss()?;
        let folder = self.plan.floor.as_ref().filter(|_| phase.is_durable());
        let bytes = self.hearing.blueprint.created.len();
        let mut floor = folder.map(|folder| Floor::new(folder, bytes)).transpose()?;
        self.announce(Some(phase));
        self.hearing.latency.reset();
        let (cpu, before) = (CpuTime::now(server)?, self.hearing.done);
        let seconds = self.slices(phase, &mut floor)?.as_secs_f64();
        let cpu = CpuTime::now(server)?.since(cpu);
        self.announce(None);
        if phase == DatabasePhase::Create && self.plan.has_listener {
            self.listen()?;
        }
        let operations = self.hearing.done - before;
        let latency = self.hearing.latency.clone();
        Ok(DatabasePhaseOutcome {
            phase,
            seconds,
            operations,
            operations_per_second: operations as f64 / seconds.max(1e-9),
            latency_ns: if latency.is_empty() { Vec::new() } else { quantiles(&latency) },
            latency_mean_ns: latency.mean(),
            floor: floor.as_mut().map(Floor::take),
            generator_cpu_ns: cpu.generator_ns,
            server: match server {
                Some(_) => Some(used(cpu.server_ns, operations, (rss_before, rss()?))),
                None => None,
            },
            latency,
        })
    }

    /// Returns how long clients asked.
    fn slices(&mut self, phase: DatabasePhase, floor: &mut Option<Floor>) -> Result<Duration> {
        let mut asked = Duration::ZERO;
        let (mut next, mut is_over) = (0, false);
        while !is_over && self.hearing.faults.is_empty() {
            floor.as_mut().map_or(Ok(()), Floor::burst)?;
            let left = self.plan.duration.saturating_sub(asked);
            let length = match (phase.is_of_all(), &floor) {
                (true, None) => Duration::MAX,
                (true, Some(_)) => SLICE,
                (false, None) => left,
                (false, Some(_)) => left.min(SLICE),
            };
            let (began, began_ns) = (Instant::now(), self.now());
            self.drive(&mut |session| {
                is_over |= phase.is_of_all() && next == session.plan.objects;
                let is_sound = session.hearing.faults.is_empty();
                if is_over || !is_sound || began.elapsed() >= length {
                    return None;
                }
                next += 1;
                Some(session.choose(phase, next - 1))
            })?;
            self.drain()?;
            asked += Duration::from_nanos(self.hearing.heard_ns.saturating_sub(began_ns));
            is_over |= !phase.is_of_all() && left <= length;
        }
        floor.as_mut().map_or(Ok(()), Floor::burst)?;
        Ok(asked)
    }

    /// What is done to which object; phases of all objects take number `next`.
    fn choose(&mut self, phase: DatabasePhase, next: u32) -> (u32, Operation) {
        let model = &mut self.hearing.model;
        match phase {
            DatabasePhase::Create => (next, Operation::Create),
            DatabasePhase::Delete => (next, Operation::Delete),
            DatabasePhase::Update => (model.pick(), Operation::Update),
            DatabasePhase::Select => (model.pick(), Operation::Select),
            DatabasePhase::SelectAll => (model.pick(), Operation::SelectAll),
            DatabasePhase::Compare => {
                let is_true = !model.is_among(FALSE_CONDITIONS);
                (model.pick(), Operation::Compare { is_true })
            }
            DatabasePhase::Query => {
                let is_there = !model.is_among(VAIN_QUERIES);
                (model.pick(), Operation::Query { is_there })
            }
        }
    }

    /// Reads every object of the run, so that what was written and not read since is seen.
    pub(crate) fn read_all_back(&mut self) -> Result<()> {
        let mut next = 0;
        self.drive(&mut |session| {
            let object = next;
            next += 1;
            (object < session.plan.objects).then_some((object, Operation::SelectAll))
        })?;
        self.drain()
    }

    /// Lets every client do what `step` says next, until there is no more or nothing is heard any
    /// more.
    fn drive(&mut self, step: Step<'_>) -> Result<()> {
        let mut patience = Patience::new(self);
        loop {
            let began = Instant::now();
            while self.hearing.in_flight < self.plan.clients {
                let Some((object, operation)) = step(self) else { return Ok(()) };
                self.begin(object, operation);
            }
            self.turn()?;
            if patience.is_over(self, began.elapsed()) {
                return Ok(());
            }
        }
    }

    /// Waits until nothing is in flight; what does not come is a loss.
    fn drain(&mut self) -> Result<()> {
        if self.wait(|session| session.hearing.in_flight == 0)? {
            return Ok(());
        }
        let hearing = &mut self.hearing;
        let lost = (0..).zip(&hearing.model.objects).filter_map(|(i, o)| Some((i, o.doing?)));
        let lost: Vec<_> = lost.collect();
        for (object, doing) in lost {
            let what = if doing.awaits_answer { "answer" } else { "announcement" };
            let sentence = format!("{}: no {what} came", hearing.name(object, doing));
            hearing.faults.note(Fault::Lost, 1, || sentence);
        }
        for why in &self.sockets.broken {
            hearing.faults.say(why.to_string());
        }
        let seconds = self.plan.patience.as_secs_f64();
        if self.sockets.broken.is_empty() {
            hearing.faults.say(format!("nothing more was heard for {seconds:.1} s"));
        }
        Ok(())
    }
}

fn used(cpu_ns: u64, operations: u64, rss: (u64, u64)) -> DatabaseServerUse {
    let (rss_before, rss_after) = rss;
    let cpu_ns_per_operation = per(cpu_ns, operations);
    DatabaseServerUse {
        cpu_ns,
        cpu_ns_per_operation,
        operations_per_cpu_second: 1e9 / cpu_ns_per_operation.max(1.0),
        rss_before,
        rss_after,
    }
}
