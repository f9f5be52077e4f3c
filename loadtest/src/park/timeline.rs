//! How a run goes, second by second: what is shown while it goes on, and drawn afterwards.

use super::visit::Phase;
use crate::server::ServerProcess;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Between two moments.
pub(crate) const STEP: Duration = Duration::from_secs(1);

/// One second of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// Since it began, in s.
    pub seconds: f64,
    /// What was going on.
    pub phase: Phase,
    /// Visitors in the park.
    pub present: u64,
    /// Logins per second.
    pub logins_per_second: f64,
    /// Updates by visitors and AIs per second.
    pub updates_per_second: f64,
    /// Updates and words that somebody saw, per second.
    pub deliveries_per_second: f64,
    /// CPU time of the server per second, 1 for one core; 0 if its process is not known.
    pub server_cpu: f64,
    /// Its resident memory, in bytes; 0 if its process is not known.
    pub server_rss: u64,
    /// What was found wrong so far.
    pub faults: u64,
}

/// How far the whole run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Level {
    pub(crate) present: u64,
    pub(crate) logins: u64,
    pub(crate) updates: u64,
    pub(crate) deliveries: u64,
    pub(crate) faults: u64,
}

impl Level {
    pub(crate) fn and(self, other: Level) -> Level {
        Level {
            present: self.present + other.present,
            logins: self.logins + other.logins,
            updates: self.updates + other.updates,
            deliveries: self.deliveries + other.deliveries,
            faults: self.faults + other.faults,
        }
    }
}

/// Takes moments.
pub(crate) struct Timeline<'a> {
    progress: &'a mut dyn FnMut(Moment),
    server: Option<ServerProcess>,
    began_ns: u64,
    last_ns: u64,
    last: Level,
    last_cpu_ns: u64,
    pub(crate) moments: Vec<Moment>,
}

impl<'a> Timeline<'a> {
    pub(crate) fn new(
        server: Option<ServerProcess>,
        now: u64,
        progress: &'a mut dyn FnMut(Moment),
    ) -> Timeline<'a> {
        Timeline {
            progress,
            server,
            began_ns: now,
            last_ns: now,
            last: Level::default(),
            last_cpu_ns: server.and_then(|server| server.cpu_ns().ok()).unwrap_or(0),
            moments: Vec::new(),
        }
    }

    /// Takes a moment, if it is time.
    #[inline]
    pub(crate) fn look(&mut self, now: u64, phase: Phase, level: impl FnOnce() -> Level) {
        if now.saturating_sub(self.last_ns) >= STEP.as_nanos() as u64 {
            self.take(now, phase, level());
        }
    }

    fn take(&mut self, now: u64, phase: Phase, level: Level) {
        let seconds = (now - self.last_ns) as f64 / 1e9;
        let per_second = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        // A server that is gone is noticed by its connections.
        let cpu_ns = self.server.and_then(|server| server.cpu_ns().ok());
        let cpu_ns = cpu_ns.unwrap_or(self.last_cpu_ns);
        let moment = Moment {
            seconds: (now - self.began_ns) as f64 / 1e9,
            phase,
            present: level.present,
            logins_per_second: per_second(level.logins, self.last.logins),
            updates_per_second: per_second(level.updates, self.last.updates),
            deliveries_per_second: per_second(level.deliveries, self.last.deliveries),
            server_cpu: per_second(cpu_ns, self.last_cpu_ns) / 1e9,
            server_rss: self.server.and_then(|server| server.rss().ok()).unwrap_or(0),
            faults: level.faults,
        };
        (self.last, self.last_ns, self.last_cpu_ns) = (level, now, cpu_ns);
        self.moments.push(moment);
        (self.progress)(moment);
    }
}
