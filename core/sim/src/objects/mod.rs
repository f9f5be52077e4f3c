//! The object world: a daemon with a State Server, observers that ask it for things, and a model
//! that says what they must hear.
//!
//! [`model`] says what a State Server says; [`requests`] draws what is asked; [`stage`] is the
//! world and those in it; [`hearing`] compares. A run is of one of three kinds ([`plan::Mode`]).

mod chaos;
pub mod cluster;
pub mod datagram;
pub mod hearing;
pub mod model;
mod parallel;
pub mod plan;
pub mod pools;
pub mod requests;
mod run;
pub mod schema;
pub mod stage;
pub(crate) mod values;
mod views;

use crate::chance::Chance;
use crate::ledger::Violation;
use crate::plan::Sabotage;
use crate::scenario::Outcome;
use crate::trace::{Show, Trace};
use run::Run;
use runtime::Counts;

/// All counters of refused requests.
pub(crate) const REFUSED: [fn(&Counts) -> u64; 10] = [
    |counts| counts.refused_malformed,
    |counts| counts.refused_unknown_class,
    |counts| counts.refused_unknown_field,
    |counts| counts.refused_bad_value,
    |counts| counts.refused_duplicate,
    |counts| counts.refused_reserved_id,
    |counts| counts.refused_no_object,
    |counts| counts.refused_ring,
    |counts| counts.refused_too_big,
    |counts| counts.refused_full,
];

/// Plays the run of `seed`.
pub fn play(seed: u64, shards: Option<usize>, sabotage: Sabotage, show: Show) -> Outcome {
    let mut chance = Chance::new(seed);
    let plan = plan::Plan::new(&mut chance, shards, sabotage);
    let mut run = Run::new(plan, chance, Trace::new(show));
    let violation = run.play().err();
    let stage = &mut run.stage;
    if let Some(Violation { rule, what }) = &violation {
        let now = stage.world.now();
        stage.world.trace.say(now, || format!("BROKEN: {rule}: {what}"));
    }
    Outcome {
        hash: stage.world.trace.hash(),
        trace: stage.world.trace.text().to_string(),
        steps: stage.world.steps(),
        heard: stage.heard,
        violation,
    }
}
