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
mod overview;
mod part;
mod parts;
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
pub use parts::serve_park_part;
pub use plan::{Login, Mover, ParkPlan};
pub use scenario::{Habits, Npcs, Scenario};
pub use timeline::Moment;
pub use visit::Phase as ParkPhase;
pub use workload::{Sizes, Workload, WorkloadRow, run_workload};

use crate::holder::raise_descriptors;
use crate::run::pin;
use crate::server::ServerProcess;
use anyhow::{Context, Result, ensure};
use classes::Classes;
use crowd::Crowd;
use ground::Ground;
use overview::Overview;
use rustix::thread::{sched_getaffinity, sched_setaffinity};
use session::Session;
use std::cell::RefCell;
use visit::{Findings, visit};

/// Descriptors for all that is not a visitor.
const DESCRIPTORS: u64 = 128;

/// How many visitors one process can be.
pub fn visitors_per_process() -> Result<u64> {
    Ok(raise_descriptors()?.saturating_sub(DESCRIPTORS))
}

/// Carries `plan` out, reporting progress once per second.
///
/// An error is a run that could not be carried out; what the run found wrong stands in the
/// outcome.
pub fn run_park(plan: &ParkPlan, progress: &mut dyn FnMut(Moment)) -> Result<ParkOutcome> {
    plan.check()?;
    let (room, visitors) = (visitors_per_process()?, u64::from(plan.visitors));
    let most = room * u64::from(plan.processes);
    ensure!(visitors <= most, "{visitors} visitors, {room} at most in one process: --processes");
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
    let mut overview = Overview::new(server, progress);
    let findings = match plan.processes {
        1 => vec![alone(plan, &mut overview)?],
        _ => parts::all(plan, &mut overview)?,
    };
    let cleared = ground.clear();
    let (cpu_ns, rss_present, moments) = overview.end();
    let parts = (0..plan.processes).map(|index| Part { index, of: plan.processes });
    let zones = parts.map(|part| u64::from(part.zones(plan).count)).sum();
    let (protocol, visitors) = (plan.dialect.name(), u64::from(plan.visitors));
    let mut outcome = ParkOutcome::new(protocol, visitors, zones, findings);
    if outcome.is_sound() {
        cleared?; // else what is wrong has been found already
    }
    outcome.timeline = moments;
    if let Some(pid) = plan.server_pid {
        outcome.server = Some(outcome.server_use(pid, cpu_ns, (rss_before, rss_present)));
    }
    Ok(outcome)
}

/// All in this process.
fn alone(plan: &ParkPlan, overview: &mut Overview<'_>) -> Result<Findings> {
    let overview = RefCell::new(overview);
    let mut watch = |crowd: &Crowd, now: u64| overview.borrow_mut().look(now, || crowd.level());
    let mut session = Session::connect(plan, Part::WHOLE, &mut watch)?;
    visit(&mut session, &mut |next| {
        overview.borrow_mut().begin(next);
        true
    })
}
