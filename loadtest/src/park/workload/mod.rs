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
use watching::{By, Pace, watch};

/// What is to be measured. Clients are rounded up to whole zones.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Workload {
    /// Clients in zones of 25 see the updates of an AI.
    AiUpdates {
        /// Updates that have not been seen by all.
        window: u32,
        /// How many.
        clients: u32,
    },
    /// Clients in zones of 26 see each other's updates.
    ClientUpdates {
        /// Updates that have not been seen by all.
        window: u32,
        /// How many.
        clients: u32,
    },
    /// Clients come in and are cut off.
    Login {
        /// That come by turns.
        clients: u32,
    },
    /// Clients open and close zones of 50 objects.
    Interest {
        /// How many.
        clients: u32,
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

/// How large the workloads of a table are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// Clients that see updates.
    pub watchers: u32,
    /// Clients that come in by turns.
    pub comers: u32,
    /// Clients that open and close zones.
    pub lookers: u32,
    /// Objects below their parent: few and many.
    pub children: [u32; 2],
    /// Clients that do nothing.
    pub idle: u32,
    /// Clients that walk.
    pub walkers: u32,
}

impl Sizes {
    /// Those of the published table.
    pub const USUAL: Sizes = Sizes {
        watchers: 500,
        comers: 2000,
        lookers: 64,
        children: [1000, 100_000],
        idle: 10_000,
        walkers: 10_000,
    };
    /// Only to see whether all works.
    pub const TINY: Sizes =
        Sizes { watchers: 50, comers: 50, lookers: 4, children: [100, 500], idle: 50, walkers: 42 };
}

/// Who sees an update in a zone.
const WATCHERS: u32 = 25;
/// Who sees a walker.
const WALKERS: u32 = 20;
/// Descriptors for all that is not a client.
const DESCRIPTORS: u64 = 128;

impl Workload {
    /// All that stand in the table of a server.
    pub fn table(sizes: Sizes) -> Vec<Workload> {
        let Sizes { watchers: clients, comers, lookers, children: [few, many], .. } = sizes;
        vec![
            Workload::AiUpdates { window: 64, clients },
            Workload::AiUpdates { window: 4096, clients },
            Workload::ClientUpdates { window: 64, clients },
            Workload::ClientUpdates { window: 4096, clients },
            Workload::Login { clients: comers },
            Workload::Interest { clients: lookers, children: few },
            Workload::Interest { clients: lookers, children: many },
            Workload::Memory { clients: sizes.idle },
            Workload::Walk { clients: sizes.walkers },
        ]
    }

    /// Clients of one zone.
    fn to_each(self) -> u32 {
        match self {
            Workload::AiUpdates { .. } => WATCHERS,
            Workload::ClientUpdates { .. } => WATCHERS + 1,
            Workload::Walk { .. } => WALKERS + 1,
            Workload::Login { .. } | Workload::Interest { .. } | Workload::Memory { .. } => 1,
        }
    }

    fn clients(self) -> u32 {
        let (Workload::AiUpdates { clients, .. }
        | Workload::ClientUpdates { clients, .. }
        | Workload::Login { clients }
        | Workload::Interest { clients, .. }
        | Workload::Memory { clients }
        | Workload::Walk { clients }) = self;
        clients.div_ceil(self.to_each()) * self.to_each()
    }

    fn avatars(self, first: u32) -> Avatars {
        match self {
            Workload::AiUpdates { .. }
            | Workload::ClientUpdates { .. }
            | Workload::Walk { .. }
            | Workload::Login { .. } => Avatars::Dealt { first, to_each: self.to_each() },
            Workload::Interest { .. } | Workload::Memory { .. } => Avatars::None,
        }
    }

    fn carry_out(self, stage: &mut Stage<'_>) -> Result<Vec<WorkloadRow>> {
        let tls = if stage.plan.tls.is_some() { ", TLS" } else { "" };
        let (clients, to_each) = (self.clients(), self.to_each());
        let row = |what: String, unit: &str, measured| {
            vec![WorkloadRow::of_time(format!("{what}{tls}"), unit, measured)]
        };
        Ok(match self {
            Workload::AiUpdates { window, .. } => {
                let measured = watch(stage, By::Ai, to_each, Pace::Window(window))?;
                let what = format!("updates by an AI, {WATCHERS} see each, window {window}");
                row(what, "deliveries", measured)
            }
            Workload::ClientUpdates { window, .. } => {
                let measured = watch(stage, By::Clients, to_each, Pace::Window(window))?;
                let what = format!("updates by clients, {WATCHERS} see each, window {window}");
                row(what, "deliveries", measured)
            }
            Workload::Login { .. } => row("logins".into(), "logins", logins::log_in(stage)?),
            Workload::Interest { children, .. } => {
                let each = interests::TO_EACH_ZONE;
                let what =
                    format!("interests in a zone of {each}, parent with {children} children");
                row(what, "interests", interests::look(stage, children)?)
            }
            Workload::Memory { .. } => {
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
                let pace = Pace::Rate(clients.into());
                let measured = watch(stage, By::Clients, to_each, pace)?;
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
