//! Drives a Database: creates objects, updates them with and without a condition, reads them, looks
//! for them by a value, deletes them, and compares every answer with what was written.
//!
//! Nothing is done to an object twice at a time, so a model knows what each answer must be. What
//! nothing answers is done when a read after it, or an announcement, shows that it is.

mod blueprint;
mod floor;
mod hearing;
mod judgement;
mod model;
mod outcome;
mod phases;
mod plan;
mod requests;
mod session;

pub use floor::FloorTimes;
pub use outcome::{DatabaseOutcome, DatabasePhaseOutcome, DatabaseServerUse};
pub use plan::{DatabasePhase, DatabasePlan};
pub use session::DatabaseProgress;

use crate::holder::raise_descriptors;
use crate::run::pin;
use anyhow::{Context, Result};
use rustix::thread::{sched_getaffinity, sched_setaffinity};
use session::Session;

/// Carries `plan` out, reporting progress once per second.
///
/// An error is a run that could not be carried out; what the run found wrong stands in the
/// outcome. A phase after which something is wrong is the last one.
pub fn run_database(
    plan: &DatabasePlan,
    progress: &mut dyn FnMut(DatabaseProgress),
) -> Result<DatabaseOutcome> {
    plan.check()?;
    raise_descriptors()?;
    let cpus = sched_getaffinity(None).context("the cpus of this thread")?;
    pin(plan.cpu)?;
    let outcome = carry_out(plan, progress);
    sched_setaffinity(None, &cpus).context("giving this thread its cpus back")?;
    outcome
}

fn carry_out(
    plan: &DatabasePlan,
    progress: &mut dyn FnMut(DatabaseProgress),
) -> Result<DatabaseOutcome> {
    let mut session = Session::connect(plan, progress)?;
    session.set_up()?;
    let mut phases = Vec::new();
    let mut is_read_back = false;
    for &phase in &plan.phases {
        if phase == DatabasePhase::Delete {
            is_read_back = true;
            session.read_all_back()?;
        }
        if !session.hearing.faults.is_empty() {
            break;
        }
        phases.push(session.phase(phase)?);
    }
    if session.hearing.faults.is_empty() && !is_read_back {
        session.read_all_back()?;
    }
    if let Some(next) = plan.phases.get(phases.len()) {
        let sentence = format!("the {} phase was not begun", next.name());
        session.hearing.faults.say(sentence);
    }
    let blueprint = &mut session.hearing.blueprint;
    Ok(DatabaseOutcome {
        protocol: plan.dialect.name().to_owned(),
        class: blueprint.class_name.clone(),
        field: blueprint.field_name.clone(),
        object_bytes: blueprint.created.len(),
        phases,
        faults: std::mem::take(&mut session.hearing.faults),
    })
}
