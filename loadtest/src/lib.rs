//! The load tester: drives a running server over TCP and checks what comes back.
//!
//! A [`Plan`] says who sends what to whom and how fast; [`run`] carries it out and returns an
//! [`Outcome`]. What is specific to a server's wire format stands behind [`Protocol`], so that
//! several servers can be measured by the same generator with the same patterns.
//!
//! An [`ObjectsPlan`] says what is to be done to the objects of a State Server; [`run_objects`]
//! carries that out. A [`DatabasePlan`] says what is to be done to what a Database keeps;
//! [`run_database`] carries that out. A [`ParkPlan`] says who comes to a whole park and what they do
//! there; [`run_park`] lets them.
//!
//! Every thread drives connections of its own and shares nothing with the others: whoever sends
//! and whoever hears it are driven by the same thread, so that order, loss and the window of the
//! closed loop are plain arrays.

mod chance;
mod checker;
mod database;
mod faults;
mod fill;
mod generator;
pub mod holder;
mod ledger;
mod objects;
mod outcome;
mod outgoing;
mod park;
mod payload;
mod plan;
mod plot;
mod protocol;
mod run;
mod server;
mod sockets;
mod stamp;
mod template;
mod topology;

pub use database::{
    DatabaseOutcome, DatabasePhase, DatabasePhaseOutcome, DatabasePlan, DatabaseProgress,
    DatabaseServerUse, FloorTimes, run_database,
};
pub use faults::Faults;
pub use objects::{
    ObjectsOutcome, ObjectsPlan, ObjectsProgress, Phase, PhaseOutcome, PhaseServerUse, run_objects,
};
pub use outcome::{Outcome, Quantile, ServerUse};
pub use park::{
    Counts, Habits, Login, Moment, Mover, Npcs, ParkOutcome, ParkPhase, ParkPlan, ParkServerUse,
    Part, Scenario, Sizes, Workload, WorkloadRow, run_park, run_workload, serve_park_part,
    visitors_per_process,
};
pub use plan::{Length, Load, Pattern, Plan};
pub use plot::{plot, plot_park};
pub use protocol::{Ferris, Found, Malformed, Protocol};
pub use run::{Progress, run};
pub use server::{ServerProcess, listener_at};
pub use sockets::Tls;
pub use wire::dialect::Dialect;
