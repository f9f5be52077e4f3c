//! `loadtest objects`

use super::{DialectName, load, resolve, seconds};
use anyhow::Result;
use clap::{Args, ValueEnum};
use loadtest::{ObjectsPlan, Phase};
use std::path::PathBuf;
use std::sync::Arc;
use wire::ids::Channel;

/// Drive a State Server
///
/// Exit code: 0 when all was heard once, in order and as it should be, 1 when not, 2 when the run
/// could not be carried out.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Objects {
    /// Where a daemon of the cluster listens (HOST:PORT); given several times, connections are
    /// spread over them
    #[arg(default_value = "127.0.0.1:7199")]
    addr: Vec<String>,
    /// The dialect that it speaks
    #[arg(long, value_enum, default_value = "openotp")]
    dialect: DialectName,
    /// The State Server's control channel
    #[arg(long, default_value_t = 4002)]
    control: u64,
    /// The DC files that it has read, in the same order
    #[arg(long, required = true)]
    dc: Vec<PathBuf>,
    /// The class of the objects [default: the first one that suits]
    #[arg(long)]
    class: Option<String>,
    /// Objects
    #[arg(long, short = 'n', default_value_t = 1000)]
    objects: u32,
    /// Zones below their parent
    #[arg(long, default_value_t = 20)]
    zones: u32,
    /// Connections that create, update, move and delete; each object belongs to one of them
    #[arg(long, default_value_t = 2)]
    ais: u32,
    /// Connections that hear each location
    #[arg(long, default_value_t = 5)]
    listeners: u32,
    /// The zones are dealt out to so many groups of listeners [default: 2, if there are two zones]
    #[arg(long)]
    groups: Option<u32>,
    /// Bytes of the string or blob that is updated, at least 24
    #[arg(long, default_value_t = 32)]
    value_bytes: usize,
    /// Bytes of an object, at least: one of its values is padded
    #[arg(long, default_value_t = 300)]
    object_bytes: usize,
    /// What is done to them: create, then update, then delete
    #[arg(long, value_enum, value_delimiter = ',', default_value = "create,update,delete")]
    phases: Vec<PhaseName>,
    /// Operations in flight, in all
    #[arg(long, short = 'w', default_value_t = 1024)]
    window: u32,
    /// Updates and moves per second in an open loop, instead of the window
    #[arg(long)]
    rate: Option<f64>,
    /// How long objects are updated, in seconds
    #[arg(long, default_value_t = 5.0)]
    duration: f64,
    /// The share of moves to another zone among the updates [default: 0.1, if there are two zones]
    #[arg(long)]
    moves: Option<f64>,
    /// How long to wait, in seconds without hearing anything, for what has not been heard
    #[arg(long, default_value_t = 5.0)]
    patience: f64,
    /// Which random objects, zones and moves
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The id of the parent; those of the objects follow it
    #[arg(long, default_value_t = 1_000_000)]
    do_id_base: u32,
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
  create   all objects, below one parent, in a window; each listener of its zone must see each
           enter, whole
  update   for --duration: random objects get new values, or move. Every value names its object
           and its number: each listener must hear each once, in order, from the object's own AI
           and no other; of a move those of the old zone hear CHANGE_ZONE, those of the new one
           ENTERZONE with the value that was set last
  delete   all objects; each listener must hear of each

After each phase every zone is queried, and what is there is compared with what should be. The run
ends with the phase after which something is wrong. Without `delete` the objects stay there.

Window: an operation is done when all its listeners have heard of it.
Rate: latency counts from when an operation was to be sent, however late it was.
Without listeners (--listeners 0, no updates then) AIs ask objects of the tester's own, after every
few operations, where they are; the queries of zones show that nothing is missing.

Sixteen objects per group of listeners are created besides and not counted, and a parent.";

#[derive(Clone, Copy, ValueEnum)]
enum PhaseName {
    Create,
    Update,
    Delete,
}

impl Objects {
    pub(crate) fn plan(&self) -> Result<ObjectsPlan> {
        let addrs = self.addr.iter().map(|addr| resolve(addr)).collect::<Result<Vec<_>>>()?;
        let schema = Arc::new(load(&self.dc)?);
        let mut plan = ObjectsPlan::new(addrs[0], self.dialect.dialect(), schema);
        plan.control = Channel(self.control);
        (plan.addrs, plan.class) = (addrs, self.class.clone());
        (plan.objects, plan.zones, plan.ais) = (self.objects, self.zones, self.ais);
        let has_two_zones = self.zones > 1;
        let groups = if has_two_zones { plan.groups } else { 1 };
        (plan.listeners, plan.groups) = (self.listeners, self.groups.unwrap_or(groups));
        (plan.value_bytes, plan.object_bytes) = (self.value_bytes, self.object_bytes);
        plan.phases = self.phases.iter().map(|phase| phase.phase()).collect();
        (plan.window, plan.rate) = (self.window, self.rate);
        plan.duration = seconds(self.duration)?;
        plan.moves = self.moves.unwrap_or(if has_two_zones { plan.moves } else { 0.0 });
        plan.patience = seconds(self.patience)?;
        (plan.seed, plan.do_id_base) = (self.seed, self.do_id_base);
        (plan.cpu, plan.server_pid) = (self.cpu, self.server_pid);
        Ok(plan)
    }
}

impl PhaseName {
    fn phase(self) -> Phase {
        match self {
            PhaseName::Create => Phase::Create,
            PhaseName::Update => Phase::Update,
            PhaseName::Delete => Phase::Delete,
        }
    }
}
