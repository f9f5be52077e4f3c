//! `loadtest park`

use super::{DialectName, load, resolve, seconds};
use anyhow::Result;
use clap::{Args, ValueEnum};
use loadtest::{
    Login, Mover, ParkPlan, Part, Scenario, Sizes, Tls, Workload, visitors_per_process,
};
use std::path::PathBuf;
use std::sync::Arc;
use wire::ids::{Channel, DoId};

/// Drive a whole park: visitors who log in, look around, walk, talk, leave and crash
///
/// Exit code: 0 when everybody saw what he should, once and in order, 1 when not, 2 when the run
/// could not be carried out.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Park {
    /// Where the Client Agent listens (HOST:PORT)
    #[arg(default_value = "127.0.0.1:7198")]
    agent: String,
    /// Where the Message Director listens, for the AI
    #[arg(long, default_value = "127.0.0.1:7199")]
    md: String,
    /// Clients speak TLS
    #[arg(long, requires = "ca", conflicts_with = "tls_agent")]
    tls: bool,
    /// The certificates that they trust (PEM)
    #[arg(long)]
    ca: Option<PathBuf>,
    /// The name that the server must prove to have
    #[arg(long, default_value = "localhost")]
    name: String,
    /// The dialect that they speak
    #[arg(long, value_enum, default_value = "openotp")]
    dialect: DialectName,
    /// The DC files that the server has read, in the same order
    #[arg(long, default_value = "etc/park.dc")]
    dc: Vec<PathBuf>,
    /// What visitors and NPCs do (YAML)
    #[arg(long, default_value = "etc/visitors.yml")]
    scenario: PathBuf,
    /// Visitors, or clients of a workload [default: 1000; workloads: as below]
    #[arg(long, short = 'n')]
    visitors: Option<u32>,
    /// How long they walk about, or a workload is measured, in seconds [default: 30; workloads: 5, tiny 0.2]
    #[arg(long)]
    seconds: Option<f64>,
    /// Instead of visitors who do what a scenario says: measure one thing, or all of them
    #[arg(long, value_enum)]
    workload: Option<WorkloadName>,
    /// Updates that have not been seen by all (ai-updates, client-updates)
    #[arg(long, default_value_t = 64)]
    window: u32,
    /// Objects below the parent (interest)
    #[arg(long, default_value_t = 1000)]
    children: u32,
    /// Workloads with small numbers: only to see whether they work
    #[arg(long)]
    tiny: bool,
    /// For the table: where a Client Agent of the same server speaks TLS; needs --ca
    #[arg(long, requires = "ca")]
    tls_agent: Option<String>,
    /// Who lets them in [default: park; astron: own]
    #[arg(long, value_enum)]
    login: Option<LoginName>,
    /// Who moves avatars to another zone
    #[arg(long, value_enum, default_value = "client")]
    mover: MoverName,
    /// AI connections of each process
    #[arg(long, default_value_t = 1)]
    ais: u32,
    /// Processes of the load tester [default: as many as the descriptors ask for]
    #[arg(long)]
    processes: Option<u32>,
    /// Be this part of a run in several processes
    #[arg(long, hide = true, value_parser = part)]
    pub(crate) part: Option<Part>,
    /// The version that clients say
    #[arg(long, default_value = "park-1")]
    client_version: String,
    /// The hash of the DC files that clients say [default: as the dialect computes it]
    #[arg(long)]
    hash: Option<u32>,
    /// The UberDOG that visitors log in at
    #[arg(long, default_value_t = 4665)]
    uberdog: u32,
    /// The object below which all zones are
    #[arg(long, default_value_t = 5000)]
    park: u32,
    /// The State Server's control channel
    #[arg(long, default_value_t = 4002)]
    control: u64,
    /// The lowest id of objects that the tester makes
    #[arg(long, default_value_t = 10_000_000)]
    do_id_base: u32,
    /// How long to wait, in seconds without hearing anything, for what has not been heard
    #[arg(long, default_value_t = 10.0)]
    patience: f64,
    /// Which random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// CPU of the load tester
    #[arg(long)]
    cpu: Option<u32>,
    /// The server's process, for its CPU time and memory [default: whoever listens at AGENT]
    #[arg(long, visible_alias = "server-pid")]
    pid: Option<u32>,
    /// Write all results to this file
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Draw latencies, and the server's CPU time and memory, into this SVG file
    #[arg(long)]
    pub(crate) plot: Option<PathBuf>,
    /// Show progress even if stderr is not a terminal
    #[arg(long)]
    pub(crate) progress: bool,
}

const AFTER_HELP: &str = "\
What happens: all visitors come, as fast as they are let in; they walk about for --seconds, and that
is measured; then all stand still until everybody sees what there is, and leave.

Login:
  park  the login role of the server, by name and password; a name that is new is taken on
  own   the load tester itself, as the UberDOG at the Message Director; it makes the park and, each
        time that somebody comes, a new avatar on the State Server

What is checked: every update carries its number. Nobody sees what is outside of his zones, or hears
of what he was not shown; whoever was there before something was sent hears it once and in order; the
end of an answer comes after all that was there; nobody hears his own updates; whoever has gone,
with or without a word, is gone for all; an object shows what a client may see and nothing else.

Workloads (all with --login own; the daemon under test has one shard, on another core than --cpu):
  ai-updates      500 clients, zones of 25: an AI updates, --window updates not yet seen by all
  client-updates  520 clients, zones of 26: the same, made by clients
  login           2,000 clients by turns: connect, HELLO, login, avatar, reset
  interest        64 clients open and close zones of 50 objects below a parent with --children
  memory          10,000 idle clients: server memory for each, without and with a zone open
  walk            10,000 clients in zones of 21, an update per second each
  table           all of them, with windows 64 and 4096, and 1,000 and 100,000 children
Everything is checked here too, more simply; what is wrong ends the workload.";

#[derive(Clone, Copy, ValueEnum)]
enum LoginName {
    Park,
    Own,
}

#[derive(Clone, Copy, ValueEnum)]
enum MoverName {
    Client,
    Ai,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WorkloadName {
    AiUpdates,
    ClientUpdates,
    Login,
    Interest,
    Memory,
    Walk,
    Table,
}

impl Park {
    /// The workloads to measure, each with its plan; None: visitors do what the scenario says.
    pub(crate) fn workloads(&self) -> Result<Option<Vec<(Workload, ParkPlan)>>> {
        let Some(name) = self.workload else { return Ok(None) };
        let plan = ParkPlan { login: Login::Own, ..self.plan()? };
        let sizes = if self.tiny { Sizes::TINY } else { Sizes::USUAL };
        let clients = |usual: u32| self.visitors.unwrap_or(usual);
        let (window, children) = (self.window, self.children);
        let single = match name {
            WorkloadName::AiUpdates => {
                Workload::AiUpdates { window, clients: clients(sizes.watchers) }
            }
            WorkloadName::ClientUpdates => {
                Workload::ClientUpdates { window, clients: clients(sizes.watchers) }
            }
            WorkloadName::Login => Workload::Login { clients: clients(sizes.comers) },
            WorkloadName::Interest => {
                Workload::Interest { children, clients: clients(sizes.lookers) }
            }
            WorkloadName::Memory => Workload::Memory { clients: clients(sizes.idle) },
            WorkloadName::Walk => Workload::Walk { clients: clients(sizes.walkers) },
            WorkloadName::Table => return self.table(plan, sizes).map(Some),
        };
        Ok(Some(vec![(single, plan)]))
    }

    fn table(&self, plan: ParkPlan, sizes: Sizes) -> Result<Vec<(Workload, ParkPlan)>> {
        let table = Workload::table(sizes);
        let mut all: Vec<_> = table.into_iter().map(|row| (row, plan.clone())).collect();
        if let (Some(agent), Some(authority)) = (&self.tls_agent, &self.ca) {
            let tls = Some(Tls::trusting(authority, &self.name)?);
            let secured = ParkPlan { agent: resolve(agent)?, tls, ..plan };
            all.push((Workload::Login { clients: sizes.comers }, secured.clone()));
            all.push((Workload::Memory { clients: sizes.idle }, secured));
        }
        (0..).zip(&mut all).for_each(|(round, (_, plan))| *plan = plan.for_round(round));
        Ok(all)
    }

    pub(crate) fn plan(&self) -> Result<ParkPlan> {
        let schema = Arc::new(load(&self.dc)?);
        let (agent, md) = (resolve(&self.agent)?, resolve(&self.md)?);
        let mut plan = ParkPlan::new(agent, md, self.dialect.dialect(), schema);
        let authority = self.ca.as_ref().filter(|_| self.tls);
        plan.tls = authority.map(|file| Tls::trusting(file, &self.name)).transpose()?;
        plan.scenario = Scenario::open(&self.scenario)?;
        (plan.visitors, plan.ais) = (self.visitors.unwrap_or(plan.visitors), self.ais);
        (plan.version, plan.hash) = (self.client_version.clone(), self.hash);
        plan.login = self.login.map_or(plan.login, |login| match login {
            LoginName::Park => Login::Park,
            LoginName::Own => Login::Own,
        });
        plan.mover = match self.mover {
            MoverName::Client => Mover::Client,
            MoverName::Ai => Mover::Ai,
        };
        (plan.gate, plan.park) = (DoId(self.uberdog), DoId(self.park));
        (plan.control, plan.do_id_base) = (Channel(self.control), self.do_id_base);
        let usual = match self.workload {
            None => 30.0,
            Some(_) if self.tiny => 0.2,
            Some(_) => 5.0,
        };
        plan.duration = seconds(self.seconds.unwrap_or(usual))?;
        plan.patience = seconds(self.patience)?;
        (plan.seed, plan.cpu) = (self.seed, self.cpu);
        plan.processes = match (self.processes, self.part) {
            (Some(processes), _) => processes,
            (None, Some(part)) => part.of,
            (None, None) => u64::from(plan.visitors).div_ceil(visitors_per_process()?) as u32,
        };
        plan.arguments = std::env::args_os().skip(1).collect();
        plan.server_pid = self.pid.or_else(|| loadtest::listener_at(plan.agent));
        Ok(plan)
    }
}

/// `I/N`
fn part(text: &str) -> Result<Part, String> {
    let numbers = text.split_once('/').map(|(index, of)| (index.parse(), of.parse()));
    match numbers {
        Some((Ok(index), Ok(of))) if index < of => Ok(Part { index, of }),
        Some(_) | None => Err("I/N, from 0/N on".into()),
    }
}
