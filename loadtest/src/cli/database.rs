//! `loadtest database`

use super::{DialectName, load, resolve, seconds};
use anyhow::Result;
use clap::{Args, ValueEnum};
use loadtest::{DatabasePhase, DatabasePlan};
use std::path::PathBuf;
use std::sync::Arc;
use wire::ids::Channel;

/// Drive a Database
///
/// Exit code: 0 when every answer was what it should be, 1 when not, 2 when the run could not be
/// carried out.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Database {
    /// Where a daemon of the cluster listens (HOST:PORT); given several times, connections are
    /// spread over them
    #[arg(default_value = "127.0.0.1:7199")]
    addr: Vec<String>,
    /// The dialect that it speaks
    #[arg(long, value_enum, default_value = "openotp")]
    dialect: DialectName,
    /// The Database's control channel
    #[arg(long, default_value_t = 4003)]
    control: u64,
    /// The DC files that it has read, in the same order
    #[arg(long, required = true)]
    dc: Vec<PathBuf>,
    /// The class of the objects [default: the first one that suits]
    #[arg(long)]
    class: Option<String>,
    /// Objects, at least two per client
    #[arg(long, short = 'n', default_value_t = 10_000)]
    objects: u32,
    /// Clients: each asks when its last question is answered
    #[arg(long, short = 'w', default_value_t = 64)]
    clients: u32,
    /// Connections that the clients share
    #[arg(long, default_value_t = 4)]
    connections: u32,
    /// Bytes of the string or blob that is updated, at least 24
    #[arg(long, default_value_t = 32)]
    value_bytes: usize,
    /// Bytes of an object, at least: one of its values is padded
    #[arg(long, default_value_t = 300)]
    object_bytes: usize,
    /// What is done to them, in the order of the list below [default: all that the dialect has]
    #[arg(long, value_enum, value_delimiter = ',')]
    phases: Vec<PhaseName>,
    /// How long each phase between create and delete lasts, in seconds
    #[arg(long, default_value_t = 5.0)]
    duration: f64,
    /// A listener hears what the Database announces of the objects; updates and deletions are done
    /// when it does, and no read follows them
    #[arg(long)]
    listen: bool,
    /// Append to a bare file in this folder and sync it, between the slices of durable phases
    #[arg(long, value_name = "FOLDER")]
    floor: Option<PathBuf>,
    /// How long to wait, in seconds without hearing anything, for what has not been heard
    #[arg(long, default_value_t = 5.0)]
    patience: f64,
    /// Which random objects and questions
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// CPU of the load tester
    #[arg(long)]
    cpu: Option<u32>,
    /// The server's process, for its CPU time and memory
    #[arg(long)]
    server_pid: Option<u32>,
    /// Write all results to this file
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Draw latency by percentile into this SVG file
    #[arg(long)]
    pub(crate) plot: Option<PathBuf>,
    /// Show progress even if stderr is not a terminal
    #[arg(long)]
    pub(crate) progress: bool,
}

const AFTER_HELP: &str = "\
Phases:
  create      all objects; the id that is answered must be a new one
  update      random ones get a new value, and are read at once: the answer must be the new value
  compare     update-if-equals on one field; an eighth of the old values is wrong, and must be
              answered with the present one
  select      one field of random ones is read
  select-all  random ones are read as a whole
  query       random ones are looked for by their value, a quarter by one that none has (openotp)
  delete      all objects, and each is read at once: it must be gone

Every value names its object and its number, and nothing is done to an object twice at a time, so
each answer must be exactly one thing. Before `delete`, or at the end, every object is read once
more. The run ends with the phase after which something is wrong. Without `delete` the objects stay.

Floor: clients pause every second, for a tenth of one, in which a bare file gets as many bytes as an
object has and is synced, again and again.";

#[derive(Clone, Copy, ValueEnum)]
enum PhaseName {
    Create,
    Update,
    Compare,
    Select,
    SelectAll,
    Query,
    Delete,
}

impl Database {
    pub(crate) fn plan(&self) -> Result<DatabasePlan> {
        let addrs = self.addr.iter().map(|addr| resolve(addr)).collect::<Result<Vec<_>>>()?;
        let schema = Arc::new(load(&self.dc)?);
        let mut plan = DatabasePlan::new(addrs[0], self.dialect.dialect(), schema);
        plan.control = Channel(self.control);
        (plan.addrs, plan.class) = (addrs, self.class.clone());
        (plan.objects, plan.clients) = (self.objects, self.clients);
        plan.connections = self.connections;
        (plan.value_bytes, plan.object_bytes) = (self.value_bytes, self.object_bytes);
        if !self.phases.is_empty() {
            plan.phases = self.phases.iter().map(|phase| phase.phase()).collect();
        }
        plan.duration = seconds(self.duration)?;
        (plan.has_listener, plan.floor) = (self.listen, self.floor.clone());
        plan.patience = seconds(self.patience)?;
        (plan.seed, plan.cpu, plan.server_pid) = (self.seed, self.cpu, self.server_pid);
        Ok(plan)
    }
}

impl PhaseName {
    fn phase(self) -> DatabasePhase {
        match self {
            PhaseName::Create => DatabasePhase::Create,
            PhaseName::Update => DatabasePhase::Update,
            PhaseName::Compare => DatabasePhase::Compare,
            PhaseName::Select => DatabasePhase::Select,
            PhaseName::SelectAll => DatabasePhase::SelectAll,
            PhaseName::Query => DatabasePhase::Query,
            PhaseName::Delete => DatabasePhase::Delete,
        }
    }
}
