//! What a run found out.

use super::measures::{Counts, Latencies};
use super::timeline::Moment;
use super::visit::Findings;
use crate::faults::Faults;
use crate::outcome::{Quantile, quantiles};
use crate::run::per;
use hdrhistogram::Histogram;
use serde::Serialize;

/// What a run found out.
#[derive(Clone, Debug, Serialize)]
pub struct ParkOutcome {
    /// The dialect.
    pub protocol: String,
    /// Visitors.
    pub visitors: u64,
    /// Zones.
    pub zones: u64,
    /// NPCs.
    pub npcs: u64,
    /// Processes of the tester.
    pub processes: u32,
    /// How long it took until all were in, in s.
    pub arriving_seconds: f64,
    /// Visitors let in per second until then.
    pub arrivals_per_second: f64,
    /// How long they walked about, in s: what is counted and timed.
    pub seconds: f64,
    /// What happened in that time.
    pub counts: Counts,
    /// Objects that all saw at the end, each counted.
    pub seen: u64,
    /// From connecting to being in the park; of all logins.
    pub login_ns: Vec<Quantile>,
    /// From asking for zones to the end of the answer.
    pub interest_ns: Vec<Quantile>,
    /// From the intended sending of an update to each who sees it.
    pub update_ns: Vec<Quantile>,
    /// CPU time of the tester while they walked about, in ns. Near the measured time for each
    /// process it is the tester that limits what is measured.
    pub generator_cpu_ns: u64,
    /// What the server used, if its process is known.
    pub server: Option<ParkServerUse>,
    /// How it went, second by second.
    pub timeline: Vec<Moment>,
    /// What is wrong.
    pub faults: Faults,
    /// All latencies, in ns, by name.
    #[serde(skip)]
    pub latencies: Vec<(String, Histogram<u64>)>,
}

/// What the server's process used while visitors walked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ParkServerUse {
    /// Its number.
    pub pid: u32,
    /// CPU time of all its threads, in ns.
    pub cpu_ns: u64,
    /// ... per update or word that somebody saw.
    pub cpu_ns_per_delivery: f64,
    /// Its resident memory before the first visitor, in bytes.
    pub rss_before: u64,
    /// ... and when all were in.
    pub rss_present: u64,
}

impl ParkOutcome {
    pub(crate) fn new(
        protocol: &str,
        visitors: u64,
        zones: u64,
        parts: Vec<Findings>,
    ) -> ParkOutcome {
        let processes = parts.len() as u32;
        let mut parts = parts.into_iter();
        let first = parts.next().expect("a run has a part");
        let whole = parts.fold(first, Findings::and);
        let Findings { seconds, counts, arriving_seconds, .. } = whole;
        let Latencies { login, interest, update } = whole.latencies;
        let points = |latency: &Histogram<u64>| match latency.is_empty() {
            true => Vec::new(),
            false => quantiles(latency),
        };
        ParkOutcome {
            protocol: protocol.to_owned(),
            visitors,
            zones,
            npcs: whole.npcs,
            processes,
            arriving_seconds,
            arrivals_per_second: whole.arrived as f64 / arriving_seconds.max(1e-9),
            seconds,
            counts,
            seen: whole.seen,
            login_ns: points(&login),
            interest_ns: points(&interest),
            update_ns: points(&update),
            generator_cpu_ns: whole.generator_cpu_ns,
            server: None,
            timeline: Vec::new(),
            faults: whole.faults,
            latencies: [("login", login), ("interest", interest), ("update", update)]
                .map(|(name, latency)| (name.to_owned(), latency))
                .into(),
        }
    }

    pub(crate) fn server_use(&self, pid: u32, cpu_ns: u64, rss: (u64, u64)) -> ParkServerUse {
        let (rss_before, rss_present) = rss;
        let cpu_ns_per_delivery = per(cpu_ns, self.counts.deliveries);
        ParkServerUse { pid, cpu_ns, cpu_ns_per_delivery, rss_before, rss_present }
    }

    /// Everybody saw what he should, once and in order.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    /// What is wrong, one line each.
    pub fn complaints(&self) -> Vec<String> {
        self.faults.complaints()
    }
}

impl Findings {
    fn and(mut self, other: Findings) -> Findings {
        self.seconds = self.seconds.max(other.seconds);
        self.counts = self.counts.and(&other.counts);
        self.generator_cpu_ns += other.generator_cpu_ns;
        self.arriving_seconds = self.arriving_seconds.max(other.arriving_seconds);
        self.arrived += other.arrived;
        self.npcs += other.npcs;
        self.seen += other.seen;
        self.latencies.login += other.latencies.login;
        self.latencies.interest += other.latencies.interest;
        self.latencies.update += other.latencies.update;
        self.faults.add(other.faults);
        self
    }
}
