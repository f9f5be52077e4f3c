//! What a workload took, and how that is shown.

use super::super::stamp::now_ns;
use crate::outcome::{Quantile, quantiles};
use crate::run::{CpuTime, per};
use crate::server::ServerProcess;
use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

/// Reads CPU times over a while.
pub(crate) struct Meter {
    server: ServerProcess,
    began_ns: u64,
    cpu: CpuTime,
}

/// What was done in a while, and what it took.
pub(crate) struct Measured {
    pub(crate) count: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu: CpuTime,
    pub(crate) latency: Option<Histogram<u64>>,
}

impl Meter {
    pub(crate) fn start(server: ServerProcess) -> Result<Meter> {
        Ok(Meter { server, began_ns: now_ns(), cpu: CpuTime::now(Some(server))? })
    }

    pub(crate) fn stop(self, count: u64) -> Result<Measured> {
        let cpu = CpuTime::now(Some(self.server))?.since(self.cpu);
        let seconds = (now_ns() - self.began_ns) as f64 / 1e9;
        Ok(Measured { count, seconds, cpu, latency: None })
    }
}

/// One row of the table.
#[derive(Clone, Debug, Serialize)]
pub struct WorkloadRow {
    /// What was done.
    pub what: String,
    /// What was counted.
    pub unit: String,
    /// How many of it.
    pub count: u64,
    /// In how long, in s.
    pub seconds: f64,
    /// For each second of the server's CPU time; 0 where memory is measured.
    pub per_cpu_second: f64,
    /// Of the server, in ns.
    pub server_cpu_ns: u64,
    /// Of the tester, in ns.
    pub generator_cpu_ns: u64,
    /// Bytes of the server's memory for each; 0 where CPU time is measured.
    pub bytes_each: f64,
    /// From the intended sending to each who sees it, in ns.
    pub latency_ns: Vec<Quantile>,
}

impl WorkloadRow {
    pub(crate) fn of_time(what: String, unit: &str, measured: Measured) -> WorkloadRow {
        let Measured { count, seconds, cpu, latency } = measured;
        WorkloadRow {
            what,
            unit: unit.to_owned(),
            count,
            seconds,
            per_cpu_second: per(count * 1_000_000_000, cpu.server_ns),
            server_cpu_ns: cpu.server_ns,
            generator_cpu_ns: cpu.generator_ns,
            bytes_each: 0.0,
            latency_ns: latency.as_ref().map(quantiles).unwrap_or_default(),
        }
    }

    pub(crate) fn of_memory(what: String, count: u64, bytes: u64) -> WorkloadRow {
        WorkloadRow {
            what,
            unit: "clients".to_owned(),
            count,
            seconds: 0.0,
            per_cpu_second: 0.0,
            server_cpu_ns: 0,
            generator_cpu_ns: 0,
            bytes_each: per(bytes, count),
            latency_ns: Vec::new(),
        }
    }
}
