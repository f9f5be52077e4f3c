//! Drives a whole park through its Client Agent: visitors who log in, open interests, walk, update
//! their avatars, talk, leave and crash, beside an AI that updates and moves NPCs; and checks that
//! each of them sees what he should, once and in order.
//!
//! All that is done to one object is done by one connection, so that its order is known; a model
//! says what there is, and what each visitor hears takes him on in it.

mod agenda;
mod classes;
mod cluster;
mod crowd;
mod ground;
mod measures;
mod model;
mod outbox;
mod outcome;
mod part;
mod plan;
mod scenario;
mod session;
mod sight;
mod stamp;
mod thing;
mod timeline;
mod visit;
mod workload;

pub use measures::Counts;
pub use outcome::{ParkOutcome, ParkServerUse};
pub use part::Part;
pub use plan::{Login, Mover, ParkPlan};
pub use scenario::{Habits, Npcs, Scenario};
pub use timeline::Moment;
pub use visit::Phase as ParkPhase;
pub use workload::{Workload, WorkloadRow, run_workload};

use crate::holder::raise_descriptors;
use crate::run::pin;
use crate::server::ServerProcess;
use anyhow::{Context, Result, ensure};
use classes::Classes;
use crowd::Crowd;
use ground::Ground;
use rustix::thread::{sched_getaffinity, sched_setaffinity};
use session::Session;
use stamp::now_ns;
use std::cell::Cell;
use timeline::{Level, Timeline};
use visit::{Phase, visit};

/// Descriptors for all that is not a visitor.
const DESCRIPTORS: u64 = 128;

/// Carries `plan` out, reporting progress once per second.
///
/// An error is a run that could not be carried out; what the run found wrong stands in the
/// outcome.
pub fn run_park(plan: &ParkPlan, progress: &mut dyn FnMut(Moment)) -> Result<ParkOutcome> {
    plan.check()?;
    let room = raise_descriptors()?.saturating_sub(DESCRIPTORS);
    let visitors = u64::from(plan.visitors);
    ensure!(visitors <= room, "{visitors} visitors in one process, {room} at most: --processes");
    let cpus = sched_getaffinity(None).context("the cpus of this thread")?;
    pin(plan.cpu)?;
    let outcome = carry_out(plan, progress);
    sched_setaffinity(None, &cpus).context("giving this thread its cpus back")?;
    outcome
}

fn carry_out(plan: &ParkPlan, progress: &mut dyn FnMut(Moment)) -> Result<ParkOutcome> {
    let server = plan.server_pid.map(|pid| ServerProcess { pid });
    let names = (&plan.park_class, &plan.visitor_class, &plan.npc_class);
    let classes = Classes::new(plan.schema.clone(), names.0, names.1, names.2)?;
    let mut ground = Ground::connect(plan)?;
    ground.prepare(plan, &classes.park)?;
    let rss_before = server.map_or(Ok(0), ServerProcess::settled_rss)?;
    let phase = Cell::new(Phase::Arriving);
    let mut used = Used::new(server);
    let mut timeline = Timeline::new(server, now_ns(), progress);
    let mut watch = |crowd: &Crowd, now: u64| timeline.look(now, phase.get(), || level(crowd));
    let mut session = Session::connect(plan, Part::WHOLE, &mut watch)?;
    let findings = visit(&mut session, &mut |next| {
        phase.set(next);
        used.mark(next);
        true
    })?;
    drop(session);
    let moments = timeline.moments;
    ground.clear()?;
    let zones = u64::from(Part::WHOLE.zones(plan).count);
    let (protocol, visitors) = (plan.dialect.name(), u64::from(plan.visitors));
    let mut outcome = ParkOutcome::new(protocol, visitors, zones, vec![findings]);
    outcome.timeline = moments;
    if let Some(pid) = plan.server_pid {
        let (cpu_ns, rss_present) = used.while_walking();
        outcome.server = Some(outcome.server_use(pid, cpu_ns, (rss_before, rss_present)));
    }
    Ok(outcome)
}

fn level(crowd: &Crowd) -> Level {
    let counts = &crowd.counts;
    Level {
        present: crowd.present.into(),
        logins: counts.logins,
        updates: counts.updates + counts.says + counts.npc_updates,
        deliveries: counts.deliveries,
        faults: crowd.faults.count(),
    }
}

/// What the server has used when phases began.
struct Used {
    server: Option<ServerProcess>,
    walking: Option<(u64, u64)>,
    checking: Option<u64>,
}

impl Used {
    fn new(server: Option<ServerProcess>) -> Used {
        Used { server, walking: None, checking: None }
    }

    fn mark(&mut self, next: Phase) {
        let Some(server) = self.server else { return };
        let cpu_ns = server.cpu_ns().unwrap_or_default();
        match next {
            Phase::Walking => self.walking = Some((cpu_ns, server.rss().unwrap_or_default())),
            Phase::Checking => self.checking = Some(cpu_ns),
            Phase::Arriving | Phase::Leaving => (),
        }
    }

    /// CPU time while visitors walked about, and memory when that began.
    fn while_walking(&self) -> (u64, u64) {
        let (began_ns, rss) = self.walking.unwrap_or_default();
        (self.checking.unwrap_or(began_ns).saturating_sub(began_ns), rss)
    }
}
