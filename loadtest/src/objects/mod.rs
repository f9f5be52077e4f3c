//! Drives a State Server: creates objects, updates and moves them, deletes them, and checks what
//! listeners hear and what the parent says is there.
//!
//! All that is said of one object is said by one AI, so that its order is known. A model knows
//! where each object is and which value it has; a ledger knows who is to hear what of it.

mod blueprint;
mod hearing;
mod inventory;
mod ledger;
mod operations;
mod outcome;
mod phases;
mod plan;
mod questions;
mod session;
mod setup;
mod world;

pub use outcome::{ObjectsOutcome, PhaseOutcome, PhaseServerUse};
pub use plan::{ObjectsPlan, Phase};
pub use session::ObjectsProgress;

use crate::holder::raise_descriptors;
use crate::run::pin;
use anyhow::{Context, Result};
use rustix::thread::{sched_getaffinity, sched_setaffinity};
use session::Session;

/// Carries `plan` out, reporting progress once per second.
///
/// An error is a run that could not be carried out; what the run found wrong stands in the
/// outcome. A phase after which something is wrong is the last one.
pub fn run_objects(
    plan: &ObjectsPlan,
    progress: &mut dyn FnMut(ObjectsProgress),
) -> Result<ObjectsOutcome> {
    plan.check()?;
    raise_descriptors()?;
    let cpus = sched_getaffinity(None).context("the cpus of this thread")?;
    pin(plan.cpu)?;
    let outcome = carry_out(plan, progress);
    sched_setaffinity(None, &cpus).context("giving this thread its cpus back")?;
    outcome
}

fn carry_out(
    plan: &ObjectsPlan,
    progress: &mut dyn FnMut(ObjectsProgress),
) -> Result<ObjectsOutcome> {
    let mut session = Session::connect(plan, progress)?;
    session.set_up()?;
    let mut phases = Vec::new();
    for &phase in &plan.phases {
        phases.push(session.phase(phase)?);
        if !session.faults().is_empty() {
            break;
        }
    }
    if session.faults().is_empty() && plan.phases.contains(&Phase::Delete) {
        session.take_down()?;
    }
    if let Some(next) = plan.phases.get(phases.len()) {
        session.faults().say(format!("the {} phase was not begun", next.name()));
    }
    let blueprint = &session.hearing.blueprint;
    Ok(ObjectsOutcome {
        protocol: plan.dialect.name().to_owned(),
        class: blueprint.class_name.clone(),
        field: blueprint.field_name.clone(),
        object_bytes: blueprint.created.fields.len(),
        ais: u64::from(plan.ais),
        listeners: u64::from(plan.listeners_in_all()),
        phases,
        faults: std::mem::take(session.faults()),
    })
}
