//! `loadtest park`

use super::{DialectName, load, resolve, seconds};
use anyhow::Result;
use clap::{Args, ValueEnum};
use loadtest::{Login, Mover, ParkPlan, Scenario};
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
    /// The dialect that they speak
    #[arg(long, value_enum, default_value = "openotp")]
    dialect: DialectName,
    /// The DC files that the server has read, in the same order
    #[arg(long, default_value = "etc/park.dc")]
    dc: Vec<PathBuf>,
    /// What visitors and NPCs do (YAML)
    #[arg(long, default_value = "etc/visitors.yml")]
    scenario: PathBuf,
    /// Visitors
    #[arg(long, short = 'n', default_value_t = 1000)]
    visitors: u32,
    /// How long they walk about, in seconds
    #[arg(long, default_value_t = 30.0)]
    seconds: f64,
    /// Who lets them in [default: park; astron: own]
    #[arg(long, value_enum)]
    login: Option<LoginName>,
    /// Who moves avatars to another zone
    #[arg(long, value_enum, default_value = "client")]
    mover: MoverName,
    /// AI connections
    #[arg(long, default_value_t = 1)]
    ais: u32,
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
with or without a word, is gone for all; an object shows what a client may see and nothing else.";

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

impl Park {
    pub(crate) fn plan(&self) -> Result<ParkPlan> {
        let schema = Arc::new(load(&self.dc)?);
        let (agent, md) = (resolve(&self.agent)?, resolve(&self.md)?);
        let mut plan = ParkPlan::new(agent, md, self.dialect.dialect(), schema);
        plan.scenario = Scenario::open(&self.scenario)?;
        (plan.visitors, plan.ais) = (self.visitors, self.ais);
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
        (plan.duration, plan.patience) = (seconds(self.seconds)?, seconds(self.patience)?);
        (plan.seed, plan.cpu) = (self.seed, self.cpu);
        plan.server_pid = self.pid.or_else(|| loadtest::listener_at(plan.agent));
        Ok(plan)
    }
}
