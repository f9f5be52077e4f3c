//! A whole run as it goes on: its phase, its timeline, and what the server has used when phases
//! began. In one process and in several alike.

use super::stamp::now_ns;
use super::timeline::{Level, Moment, Timeline};
use super::visit::Phase;
use crate::server::ServerProcess;

pub(crate) struct Overview<'a> {
    timeline: Timeline<'a>,
    phase: Phase,
    server: Option<ServerProcess>,
    /// CPU time, in ns, and resident memory, in bytes.
    walking: Option<(u64, u64)>,
    checking: Option<u64>,
}

impl<'a> Overview<'a> {
    pub(crate) fn new(
        server: Option<ServerProcess>,
        progress: &'a mut dyn FnMut(Moment),
    ) -> Overview<'a> {
        Overview {
            timeline: Timeline::new(server, now_ns(), progress),
            phase: Phase::Arriving,
            server,
            walking: None,
            checking: None,
        }
    }

    #[inline]
    pub(crate) fn look(&mut self, now: u64, level: impl FnOnce() -> Level) {
        self.timeline.look(now, self.phase, level);
    }

    /// A phase begins, for all.
    pub(crate) fn begin(&mut self, next: Phase) {
        self.phase = next;
        let Some(server) = self.server else { return };
        // A server that is gone is noticed by its connections.
        let cpu_ns = server.cpu_ns().unwrap_or_default();
        match next {
            Phase::Walking => self.walking = Some((cpu_ns, server.rss().unwrap_or_default())),
            Phase::Checking => self.checking = Some(cpu_ns),
            Phase::Arriving | Phase::Leaving => (),
        }
    }

    /// CPU time while visitors walked about, memory when that began, and how it all went.
    pub(crate) fn end(self) -> (u64, u64, Vec<Moment>) {
        let (began_ns, rss) = self.walking.unwrap_or_default();
        let cpu_ns = self.checking.unwrap_or(began_ns).saturating_sub(began_ns);
        (cpu_ns, rss, self.timeline.moments)
    }
}
