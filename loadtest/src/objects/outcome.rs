//! What a run found out.

use super::plan::Phase;
use crate::faults::Faults;
use crate::outcome::{Quantile, quantiles};
use crate::run::per;
use hdrhistogram::Histogram;
use serde::Serialize;

/// What a run found out.
#[derive(Clone, Debug, Serialize)]
pub struct ObjectsOutcome {
    /// The dialect.
    pub protocol: String,
    /// The class of the objects.
    pub class: String,
    /// The field that was updated.
    pub field: String,
    /// Bytes of an object's values as created, OTHER block included.
    pub object_bytes: usize,
    /// Connections that create, update, move and delete.
    pub ais: u64,
    /// Connections that listen.
    pub listeners: u64,
    /// The phases that were begun, in order.
    pub phases: Vec<PhaseOutcome>,
    /// What is wrong.
    pub faults: Faults,
}

/// What one phase took.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseOutcome {
    /// Which.
    pub phase: Phase,
    /// From the first operation to the last that was heard of, in s.
    pub seconds: f64,
    /// Objects created or deleted; updates and moves.
    pub operations: u64,
    /// Updates.
    pub updates: u64,
    /// Moves.
    pub moves: u64,
    /// What listeners heard, each counted.
    pub deliveries: u64,
    /// Operations per second.
    pub operations_per_second: f64,
    /// Updates per second.
    pub updates_per_second: f64,
    /// Moves per second.
    pub moves_per_second: f64,
    /// Deliveries per second.
    pub deliveries_per_second: f64,
    /// From the intended sending to each delivery, in ns; empty without listeners.
    pub latency_ns: Vec<Quantile>,
    /// The mean of it, in ns.
    pub latency_mean_ns: f64,
    /// CPU time of the generator, in ns. Near the time that the phase took it is the generator
    /// that limits what is measured.
    pub generator_cpu_ns: u64,
    /// What the server used, if its process is known.
    pub server: Option<PhaseServerUse>,
    /// All latencies, in ns.
    #[serde(skip)]
    pub latency: Histogram<u64>,
}

/// What the server's process used in a phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PhaseServerUse {
    /// CPU time of all its threads, in ns.
    pub cpu_ns: u64,
    /// ... per operation.
    pub cpu_ns_per_operation: f64,
    /// ... per delivery; 0 where there were none.
    pub cpu_ns_per_delivery: f64,
    /// Its resident memory before the phase, in bytes.
    pub rss_before: u64,
    /// ... and after it.
    pub rss_after: u64,
    /// Growth per object (create); 0 in the other phases.
    pub bytes_per_object: f64,
}

/// What was counted in a phase.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) operations: u64,
    pub(crate) moves: u64,
    pub(crate) deliveries: u64,
}

impl PhaseOutcome {
    pub(crate) fn new(
        phase: Phase,
        seconds: f64,
        counts: Counts,
        latency: Histogram<u64>,
    ) -> PhaseOutcome {
        let Counts { operations, moves, deliveries } = counts;
        let updates = if phase == Phase::Update { operations - moves } else { 0 };
        let per_second = |count: u64| count as f64 / seconds.max(1e-9);
        PhaseOutcome {
            phase,
            seconds,
            operations,
            updates,
            moves,
            deliveries,
            operations_per_second: per_second(operations),
            updates_per_second: per_second(updates),
            moves_per_second: per_second(moves),
            deliveries_per_second: per_second(deliveries),
            latency_ns: if latency.is_empty() { Vec::new() } else { quantiles(&latency) },
            latency_mean_ns: latency.mean(),
            generator_cpu_ns: 0,
            server: None,
            latency,
        }
    }

    pub(crate) fn server_use(&self, cpu_ns: u64, rss: (u64, u64)) -> PhaseServerUse {
        let (rss_before, rss_after) = rss;
        let growth = match self.phase {
            Phase::Create => rss_after.saturating_sub(rss_before),
            Phase::Update | Phase::Delete => 0,
        };
        PhaseServerUse {
            cpu_ns,
            cpu_ns_per_operation: per(cpu_ns, self.operations),
            cpu_ns_per_delivery: per(cpu_ns, self.deliveries),
            rss_before,
            rss_after,
            bytes_per_object: per(growth, self.operations),
        }
    }
}

impl ObjectsOutcome {
    /// Everything was heard once, in order and as it should be.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    /// What is wrong, one line each.
    pub fn complaints(&self) -> Vec<String> {
        self.faults.complaints()
    }

    /// The phase of this kind, if it was begun.
    pub fn phase(&self, phase: Phase) -> Option<&PhaseOutcome> {
        self.phases.iter().find(|outcome| outcome.phase == phase)
    }
}
