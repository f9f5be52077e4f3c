//! The database world: a Database on a disk that forgets, clients that ask it for things, and
//! checkers that know what they may hear.
//!
//! [`model`] says what a Database says; [`requests`] draws what is asked; [`stage`] is the world and
//! those in it. One request after the other, all that is heard is known exactly. Of several at once
//! it must be explained by some order for each object ([`history`]), also where daemons crash, where
//! the disk fills up or fails, and where what is stored rots ([`plan::Mode`]).

pub mod history;
pub mod model;
pub mod plan;
pub mod requests;
mod rounds;
mod run;
pub mod schema;
mod search;
pub mod stage;
mod storm;

use crate::chance::Chance;
use crate::ledger::Violation;
use crate::plan::Sabotage;
use crate::scenario::Outcome;
use crate::trace::{Show, Trace};
use run::Run;

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
