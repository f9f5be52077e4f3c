//! A store on a faulty disk, played from one seed and compared with what it has promised.
//!
//! [`run`] opens, uses and ends it; [`session`] carries what is under way while it is open;
//! [`promises`] knows what must be there whatever happened, [`views`] what parts must show;
//! [`reader`] reads the log a second time, from its layout alone.

mod accounts;
pub mod body;
pub mod names;
pub mod plan;
pub mod promises;
pub mod reader;
mod run;
pub mod session;
pub mod views;

use crate::chance::Chance;
use crate::disk::Lie;
use crate::ledger::Violation;
use crate::scenario::Outcome;
use crate::trace::{Show, Trace};
use plan::Plan;
use run::Run;

/// Plays the run of `seed` on a disk that tells this lie.
pub fn play(seed: u64, lie: Lie, show: Show) -> Outcome {
    let mut chance = Chance::new(seed);
    let plan = Plan::new(&mut chance, lie);
    play_plan(plan, chance, show).0
}

/// Plays a run of this plan; how many calls of the disk it took.
pub fn play_plan(plan: Plan, chance: Chance, show: Show) -> (Outcome, u64) {
    let mut run = Run::new(plan, chance, Trace::new(show));
    let violation = run.play().err();
    if let Some(Violation { rule, what }) = &violation {
        let (steps, last) = (run.steps, run.disk.last_calls().join("\n    "));
        run.trace.say(steps, || format!("BROKEN: {rule}: {what}\n    {last}"));
    }
    let outcome = Outcome {
        hash: run.trace.hash(),
        trace: run.trace.text().to_string(),
        steps: run.steps,
        heard: run.compared,
        violation,
    };
    (outcome, run.disk.calls())
}
