//! Fixed workloads: what a server does with a second of CPU time, or how much memory a client
//! takes. Each makes its own park, lets its own clients in, and clears all away.

mod cast;
mod interests;
mod logins;
mod memory;
mod result;
mod stage;
mod watching;

pub use result::WorkloadRow;

use super::plan::ParkPlan;
use crate::holder::raise_descriptors;
use crate::run::pin;
use anyhow::{Context, Result, ensure};
use cast::Avatars;
use rustix::thread::{sched_getaffinity, sched_setaffinity};
use stage::Stage;
use watching::{By, Pace, avatars, watch};

/// What is to be measured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Workload {
    /// 500 clients in zones of 25 see the updates of an AI.
    AiUpdates {
        /// Updates that have not been seen by all.
        window: u32,
    },
    /// 520 clients in zones of 26 see each other's updates.
    ClientUpdates {
        /// Updates that have not been seen by all.
        window: u32,
    },
    /// Clients come in and are cut off.
    Login,
    /// 64 clients open and close zones of 50 objects.
    Interest {
        /// Objects below the parent, in all.
        children: u32,
    },
    /// Clients come in and do nothing.
    Memory {
        /// How many.
        clients: u32,
    },
    /// Clients in zones of 21 update their avatars once per second each.
    Walk {
        /// How many.
        clients: u32,
    },
}

/// Who sees an update in a zone.
const WATCHERS: u32 = 25;
/// Zones in which they do.
const ZONES: u32 = 20;
/// Who sees a walker.
const WALKERS: u32 = 20;
/// Clients that come in by turns.
const COMERS: u32 = 2000;
/// Clients that open and close zones.
const LOOKERS: u32 = 64;
/// Descriptors for all that is not a client.
const DESCRIPTORS: u64 = 128;

impl Workload {
    /// All that stand in the table of a server, with so many clients for memory and for walking.
    pub fn table(idle: u32, walkers: u32) -> Vec<Workload> {
        vec![
            Workload::AiUpdates { window: 64 },
            Workload::AiUpdates { window: 4096 },
            Workload::ClientUpdates { window: 64 },
            Workload::ClientUpdates { window: 4096 },
            Workload::Login,
            Workload::Interest { children: 1000 },
            Workload::Interest { children: 100_000 },
            Workload::Memory { clients: idle },
            Workload::Walk { clients: walkers },
        ]
    }

    fn clients(self) -> u32 {
        match self {
            Workload::AiUpdates { .. } => ZONES * WATCHERS,
            Workload::ClientUpdates { .. } => ZONES * (WATCHERS + 1),
            Workload::Login => COMERS,
            Workload::Interest { .. } => LOOKERS,
            Workload::Memory { clients } => clients,
            Workload::Walk { clients } => clients.next_multiple_of(WALKERS + 1),
        }
    }

    fn avatars(self, first: u32) -> Avatars {
        match self {
            Workload::AiUpdates { .. } => avatars(first, WATCHERS),
            Workload::ClientUpdates { .. } => avatars(first, WATCHERS + 1),
            // Where nobody looks.
            Workload::Login => avatars(1, 1),
            Workload::Interest { .. } | Workload::Memory { .. } => Avatars::None,
            Workload::Walk { .. } => avatars(first, WALKERS + 1),
        }
    }

    fn carry_out(self, stage: &mut Stage<'_>) -> Result<Vec<WorkloadRow>> {
        let tls = if stage.plan.tls.is_some() { ", TLS" } else { "" };
        let clients = self.clients();
        let row = |what: String, unit: &str, measured| {
            vec![WorkloadRow::of_time(format!("{what}{tls}"), unit, measured)]
        };
        Ok(match self {
            Workload::AiUpdates { window } => {
                let measured = watch(stage, By::Ai, ZONES, WATCHERS, Pace::Window(window))?;
                let what = format!("updates by an AI, {WATCHERS} see each, window {window}");
                row(what, "deliveries", measured)
            }
            Workload::ClientUpdates { window } => {
                let to_each = WATCHERS + 1;
                let measured = watch(stage, By::Clients, ZONES, to_each, Pace::Window(window))?;
                let what = format!("updates by clients, {WATCHERS} see each, window {window}");
                row(what, "deliveries", measured)
            }
            Workload::Login => row("logins".into(), "logins", logins::log_in(stage)?),
            Workload::Interest { children } => {
                let each = interests::TO_EACH_ZONE;
                let what =
                    format!("interests in a zone of {each}, parent with {children} children");
                row(what, "interests", interests::look(stage, children)?)
            }
            Workload::Memory { clients } => {
                let memory::Growth { inside, seeing } = memory::idle(stage)?;
                let row = |what: String, bytes| {
                    WorkloadRow::of_memory(format!("{what}{tls}"), clients.into(), bytes)
                };
                let each = interests::TO_EACH_ZONE;
                vec![
                    row(format!("memory of a client after login ({clients} of them)"), inside),
                    row(format!("... with a zone of {each} objects open"), seeing),
                ]
            }
            Workload::Walk { .. } => {
                let (zones, rate) = (clients / (WALKERS + 1), f64::from(clients));
                let to_each = WALKERS + 1;
                let measured = watch(stage, By::Clients, zones, to_each, Pace::Rate(rate))?;
                let what =
                    format!("{clients} clients walk, an update per second each, {WALKERS} see it");
                row(what, "deliveries", measured)
            }
        })
    }
}

/// Carries one workload out; what it finds wrong with the server is an error.
pub fn run_workload(plan: &ParkPlan, workload: Workload) -> Result<Vec<WorkloadRow>> {
    plan.check()?;
    let room = raise_descriptors()?.saturating_sub(DESCRIPTORS);
    let clients = workload.clients();
    ensure!(u64::from(clients) <= room, "{clients} clients in one process, {room} at most");
    let cpus = sched_getaffinity(None).context("the cpus of this thread")?;
    pin(plan.cpu)?;
    let rows = on_stage(plan, workload);
    sched_setaffinity(None, &cpus).context("giving this thread its cpus back")?;
    rows
}

fn on_stage(plan: &ParkPlan, workload: Workload) -> Result<Vec<WorkloadRow>> {
    let avatars = workload.avatars(plan.scenario.first_zone);
    let mut stage = Stage::new(plan, workload.clients(), avatars)?;
    let rows = workload.carry_out(&mut stage);
    // Also after a failure: what was made is in the way of the next one.
    let cleared = stage.clear();
    let rows = rows?;
    cleared.map(|()| rows)
}
