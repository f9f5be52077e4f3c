//! What a run is to do, and whether it can be done.

use super::scenario::Scenario;
use crate::sockets::Tls;
use anyhow::{Result, ensure};
use dc::Schema;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId};

/// Who lets visitors in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// The server's own login role, by name and password.
    Park,
    /// The tester, as an UberDOG over the Message Director; avatars are made on the State Server.
    Own,
}

/// Who moves avatars to another zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mover {
    /// The visitor himself, where the Client Agent lets him (`relocate`).
    Client,
    /// The AI, once it has heard from where he goes.
    Ai,
}

/// One run against a park.
#[derive(Clone, Debug)]
pub struct ParkPlan {
    /// Where the Client Agent listens.
    pub agent: SocketAddr,
    /// Where the Message Director listens.
    pub md: SocketAddr,
    /// Whom clients trust, if they speak TLS.
    pub tls: Option<Tls>,
    /// The dialect that both speak.
    pub dialect: Dialect,
    /// The DC files that the server has read.
    pub schema: Arc<Schema>,
    /// The hash of them that clients say. None: as the dialect computes it.
    pub hash: Option<u32>,
    /// The version that clients say.
    pub version: String,
    /// Who lets visitors in.
    pub login: Login,
    /// Who moves avatars.
    pub mover: Mover,
    /// The UberDOG that visitors log in at.
    pub gate: DoId,
    /// The object below which all zones are.
    pub park: DoId,
    /// The State Server's control channel.
    pub control: Channel,
    /// The id of the first object that the tester makes.
    pub do_id_base: u32,
    /// The class of the park.
    pub park_class: String,
    /// ... of visitors.
    pub visitor_class: String,
    /// ... and of NPCs.
    pub npc_class: String,
    /// What visitors and NPCs do.
    pub scenario: Scenario,
    /// How many visitors.
    pub visitors: u32,
    /// AI connections of each process.
    pub ais: u32,
    /// Processes of the tester. With several each is a program that was started with
    /// [`ParkPlan::arguments`], and `--part I/N`, to call [`crate::serve_park_part`] with the same plan.
    pub processes: u32,
    /// That program. None: this one.
    pub program: Option<PathBuf>,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// How long they walk about, from when all are in.
    pub duration: Duration,
    /// How long to wait, without hearing anything, for what has not been heard.
    pub patience: Duration,
    /// Which random numbers.
    pub seed: u64,
    /// The server's process, for its CPU time and memory. None: whoever listens at `agent`.
    pub server_pid: Option<u32>,
    /// CPU of the tester.
    pub cpu: Option<u32>,
}

/// Ids below are somebody's in one dialect or the other.
const DO_ID_BASE_MIN: u32 = 10_000;
/// The most processes of one run: each has ids of its own below those of a Database.
const PROCESSES_MAX: u32 = 16;
/// Ids and zones that no workload needs more of.
const IDS_PER_ROUND: u32 = 6_000_000;
const ZONES_PER_ROUND: u32 = 1_000_000;
/// The longest time before a workload is measured.
const WARM_UP_MAX: Duration = Duration::from_secs(2);
/// The most visitors of one run.
const VISITORS_MAX: u32 = 1 << 20;

impl ParkPlan {
    /// A plan with the usual values.
    pub fn new(
        agent: SocketAddr,
        md: SocketAddr,
        dialect: Dialect,
        schema: Arc<Schema>,
    ) -> ParkPlan {
        ParkPlan {
            agent,
            md,
            tls: None,
            dialect,
            schema,
            hash: None,
            version: "park-1".into(),
            login: match dialect {
                Dialect::OpenOtp => Login::Park,
                Dialect::Astron => Login::Own,
            },
            mover: Mover::Client,
            gate: DoId(4665),
            park: DoId(5000),
            control: Channel(4002),
            do_id_base: 10_000_000,
            park_class: "DistributedPark".into(),
            visitor_class: "Visitor".into(),
            npc_class: "DistributedBoat".into(),
            scenario: Scenario::default(),
            visitors: 1000,
            ais: 1,
            processes: 1,
            program: None,
            arguments: Vec::new(),
            duration: Duration::from_secs(30),
            patience: Duration::from_secs(10),
            seed: 1,
            server_pid: None,
            cpu: None,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        self.scenario.check()?;
        ensure!((1..=VISITORS_MAX).contains(&self.visitors), "1 to {VISITORS_MAX} visitors");
        ensure!((1..=64).contains(&self.ais), "1 to 64 AI connections");
        let processes = 1..=PROCESSES_MAX.min(self.visitors);
        ensure!(processes.contains(&self.processes), "1 to {PROCESSES_MAX} processes");
        ensure!(self.do_id_base >= DO_ID_BASE_MIN, "the lowest id is {DO_ID_BASE_MIN}");
        ensure!(!self.patience.is_zero(), "no patience at all");
        let taken = [u64::from(self.park.0), u64::from(self.gate.0), self.control.0];
        let is_clear = taken.iter().all(|id| *id < u64::from(self.do_id_base));
        ensure!(
            is_clear,
            "the park, the gate and the control channel have ids below those of objects"
        );
        Ok(())
    }

    /// The same, with ids and zones of its own: for one of several workloads, one after the other in
    /// the same park. Clients of the one before may still be leaving.
    pub fn for_round(&self, round: u32) -> ParkPlan {
        let mut plan = self.clone();
        plan.do_id_base += round * IDS_PER_ROUND;
        plan.scenario.first_zone += round * ZONES_PER_ROUND;
        plan
    }

    /// How long a workload goes on before it is measured.
    pub(crate) fn warm_up(&self) -> Duration {
        (self.duration / 4).min(WARM_UP_MAX)
    }

    /// How many zones there are for so many visitors.
    pub(crate) fn zones(&self, visitors: u32) -> u32 {
        let zones = visitors.div_ceil(self.scenario.per_zone);
        // Whoever walks needs somewhere to go that he does not see yet.
        zones.max(2 * self.scenario.sees + 2)
    }
}
