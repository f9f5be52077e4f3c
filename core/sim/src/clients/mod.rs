//! The client world: whole daemons with a State Server and a Client Agent, clients that come and go,
//! and actors of the cluster that let them in and move objects about.
//!
//! [`eyes`] is what a client sees, and the rules that hold all the time; [`person`] is a client,
//! honest or not; [`cluster`] is what the actors of the cluster know to be so; [`watch`] hears what
//! objects are told. Once all is quiet, what clients see must be what objects answer ([`check`]).

mod acts;
mod check;
pub mod cluster;
pub mod eyes;
mod grants;
mod journal;
mod lasting;
mod lies;
pub mod person;
pub mod plan;
mod run;
pub mod schema;
pub mod sessions;
mod things;
pub mod watch;

use crate::chance::Chance;
use crate::ledger::Violation;
use crate::plan::Sabotage;
use crate::scenario::Outcome;
use crate::trace::{Show, Trace};
use run::Run;

/// Plays the run of `seed`: clients, and a State Server.
pub fn play(seed: u64, shards: Option<usize>, sabotage: Sabotage, show: Show) -> Outcome {
    let mut chance = Chance::new(seed);
    let plan = plan::Plan::new(&mut chance, shards, sabotage);
    play_plan(plan, chance, show)
}

/// Plays the run of `seed` in a whole park: with a Database and DBSS too, and power that fails.
pub fn play_park(seed: u64, shards: Option<usize>, sabotage: Sabotage, show: Show) -> Outcome {
    let mut chance = Chance::new(seed);
    let mut plan = plan::Plan::new(&mut chance, shards, sabotage);
    plan.store(&mut chance);
    play_plan(plan, chance, show)
}

fn play_plan(plan: plan::Plan, chance: Chance, show: Show) -> Outcome {
    let mut run = Run::new(plan, chance, Trace::new(show));
    let violation =
        run.play().err().filter(|violation| !is_for_the_one_before(&run.plan, violation));
    if let Some(Violation { rule, what }) = &violation {
        let now = run.world.now();
        run.world.trace.say(now, || format!("BROKEN: {rule}: {what}"));
    }
    Outcome {
        hash: run.world.trace.hash(),
        trace: run.world.trace.text().to_string(),
        steps: run.world.steps(),
        heard: run.heard,
        violation,
    }
}

/// Where channels are few, who gets one hears what the cluster says to the client that had it before,
/// be it to go, and may be taken for it: the protocol cannot tell them apart, and the model does not
/// try. A run in which that shows ends there.
fn is_for_the_one_before(plan: &plan::Plan, violation: &Violation) -> bool {
    const RULES: [&str; 5] = [
        "a post-remove is said once",
        "connections stand",
        "the honest are not ejected",
        "a client says only what it may",
        "secrets are kept",
    ];
    plan.reuses_channels() && RULES.contains(&violation.rule)
}
