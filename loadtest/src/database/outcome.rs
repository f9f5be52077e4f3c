//! What a run found out.

use super::floor::FloorTimes;
use super::plan::DatabasePhase;
use crate::faults::Faults;
use crate::outcome::Quantile;
use hdrhistogram::Histogram;
use serde::Serialize;

/// What a run found out.
#[derive(Clone, Debug, Serialize)]
pub struct DatabaseOutcome {
    /// The dialect.
    pub protocol: String,
    /// The class of the objects.
    pub class: String,
    /// The field that was updated.
    pub field: String,
    /// Bytes of an object's fields as created, with their numbers.
    pub object_bytes: usize,
    /// The phases that were begun, in order.
    pub phases: Vec<DatabasePhaseOutcome>,
    /// What is wrong.
    pub faults: Faults,
}

/// What one phase took.
#[derive(Clone, Debug, Serialize)]
pub struct DatabasePhaseOutcome {
    /// Which.
    pub phase: DatabasePhase,
    /// From the first request to the last answer, in s, without the slices of the floor.
    pub seconds: f64,
    /// Operations that were done.
    pub operations: u64,
    /// ... per second.
    pub operations_per_second: f64,
    /// From the request to when it was known to be done, in ns.
    pub latency_ns: Vec<Quantile>,
    /// The mean of it, in ns.
    pub latency_mean_ns: f64,
    /// What the floor took meanwhile, if it was asked for and the phase is durable.
    pub floor: Option<FloorTimes>,
    /// CPU time of the generator, in ns. Near the time that the phase took it is the generator
    /// that limits what is measured.
    pub generator_cpu_ns: u64,
    /// What the server used, if its process is known.
    pub server: Option<DatabaseServerUse>,
    /// All latencies, in ns.
    #[serde(skip)]
    pub latency: Histogram<u64>,
}

/// What the server's process used in a phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct DatabaseServerUse {
    /// CPU time of all its threads, in ns.
    pub cpu_ns: u64,
    /// ... per operation.
    pub cpu_ns_per_operation: f64,
    /// Operations per second of that time.
    pub operations_per_cpu_second: f64,
    /// Its resident memory before the phase, in bytes.
    pub rss_before: u64,
    /// ... and after it.
    pub rss_after: u64,
}

impl DatabaseOutcome {
    /// Every answer was what it should be.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    /// What is wrong, one line each.
    pub fn complaints(&self) -> Vec<String> {
        self.faults.complaints()
    }

    /// The phase of this kind, if it was begun.
    pub fn phase(&self, phase: DatabasePhase) -> Option<&DatabasePhaseOutcome> {
        self.phases.iter().find(|outcome| outcome.phase == phase)
    }
}
