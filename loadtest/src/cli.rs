//! The command line.

mod database;
mod objects;
mod park;

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
pub(crate) use database::Database;
use dc::source::FILE_BYTES_MAX;
use dc::{Options, Schema, Source};
use loadtest::{Dialect, Ferris, Length, Load, Pattern, Plan};
pub(crate) use objects::Objects;
pub(crate) use park::Park;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Drives a running server over TCP and checks that nothing is lost, doubled or out of order.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Md(Box<Md>),
    Objects(Box<Objects>),
    Database(Box<Database>),
    Park(Box<Park>),
}

/// Drive a Message Director
///
/// Exit code: 0 when all arrived once and in order, 1 when not, 2 when the run could not be
/// carried out.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Md {
    /// Where it listens (HOST:PORT); given several times, connections are spread over them
    #[arg(default_value = "127.0.0.1:7199")]
    addr: Vec<String>,
    /// The dialect that it speaks
    #[arg(long, value_enum, default_value = "openotp")]
    dialect: DialectName,
    /// Who sends to whom
    #[arg(long, value_enum, default_value = "p2p")]
    pattern: PatternName,
    /// Connections that send; without --receivers they receive as well
    /// [default: 64; fan-out: 1; idle: 2]
    #[arg(long, short = 'n', visible_alias = "connections")]
    senders: Option<u32>,
    /// Connections that only receive [default: 0; fan-out: 100]
    #[arg(long, short = 'm')]
    receivers: Option<u32>,
    /// Channels of each receiver; fan-out: in all
    #[arg(long, short = 'k', default_value_t = 1)]
    channels: u32,
    /// Recipients of a message (multi), 1 to 255
    #[arg(long, short = 'r', default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..))]
    recipients: u8,
    /// Subscription changes per marker message (churn), even
    #[arg(long, default_value_t = 64)]
    changes: u32,
    /// Connections besides, that say nothing [default: 0; idle: 1000]
    #[arg(long)]
    idle: Option<u32>,
    /// Subscriptions present before the traffic, spread over the senders
    #[arg(long, default_value_t = 0)]
    preload: u64,
    /// Bytes of a payload, at least 24
    #[arg(long, default_value_t = 64)]
    payload: usize,
    /// Closed loop: messages per sender that have not arrived everywhere [default: 64]
    #[arg(long, short = 'w', conflicts_with = "rate")]
    window: Option<u32>,
    /// Open loop: messages per second, of all senders together [default for idle: 1000]
    #[arg(long)]
    rate: Option<f64>,
    /// Traffic before the measured part, in seconds [default: 2; 0 with --messages]
    #[arg(long)]
    warmup: Option<f64>,
    /// The measured part, in seconds
    #[arg(long, default_value_t = 5.0)]
    duration: f64,
    /// The measured part in messages instead
    #[arg(long, conflicts_with = "duration")]
    messages: Option<u64>,
    /// How long to wait, in seconds without any progress, for what has not arrived
    #[arg(long, default_value_t = 5.0)]
    patience: f64,
    /// Generator threads, each with its share of the connections
    #[arg(long, default_value_t = 1)]
    threads: u32,
    /// CPU of the first thread; the others take the following ones
    #[arg(long)]
    cpu: Option<u32>,
    /// The server's process, for its CPU time and memory
    #[arg(long)]
    server_pid: Option<u32>,
    /// Connections that one process may have, if fewer than its descriptors allow
    #[arg(long)]
    connections_per_process: Option<u32>,
    /// The lowest channel that is used
    #[arg(long, default_value_t = 1_000_000)]
    channel_base: u64,
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
Patterns:
  p2p      sender i sends to the channels of the connections after it
  fan-out  every receiver hears all channels; the senders send to these
  multi    every message has --recipients recipients, on different connections
  churn    each sender adds fresh channels and removes its oldest ones; after --changes changes
           a message to the next connection marks that they are done; the number of
           subscriptions stays at --preload, at least 64 per sender
  idle     p2p at a slow rate among a few connections, beside --idle silent ones

Open loop (--rate): latency counts from when a message was to be sent, however late it was.
Closed loop (--window): a sender goes on as its messages arrive.
With several threads each is a closed circle: who sends to whom stays within a thread.

When the process has too few descriptors (the soft limit is raised to the hard one first), idle
connections move to further processes. On loopback each process takes source addresses of its own
when it has many connections. Active connections always stay in the main process.";

#[derive(Clone, Copy, ValueEnum)]
enum DialectName {
    Openotp,
    Astron,
}

impl DialectName {
    fn dialect(self) -> Dialect {
        match self {
            DialectName::Openotp => Dialect::OpenOtp,
            DialectName::Astron => Dialect::Astron,
        }
    }
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum PatternName {
    P2p,
    FanOut,
    Multi,
    Churn,
    Idle,
}

impl Md {
    pub(crate) fn plan(&self) -> Result<Plan> {
        let addrs = self.addr.iter().map(|addr| resolve(addr)).collect::<Result<Vec<_>>>()?;
        let dialect = self.dialect.dialect();
        let pattern = match self.pattern {
            PatternName::P2p | PatternName::Idle => Pattern::P2p,
            PatternName::FanOut => Pattern::FanOut,
            PatternName::Multi => Pattern::Multi { recipients: self.recipients },
            PatternName::Churn => Pattern::Churn { changes: self.changes },
        };
        let is_idle = self.pattern == PatternName::Idle;
        let mut plan = Plan::new(Arc::new(Ferris { dialect }), addrs[0], pattern);
        plan.senders = self.senders.unwrap_or(if is_idle { 2 } else { plan.senders });
        plan.receivers = self.receivers.unwrap_or(plan.receivers);
        plan.idle = self.idle.unwrap_or(if is_idle { 1000 } else { 0 });
        plan.load = self.load(is_idle);
        if let Some(messages) = self.messages {
            (plan.length, plan.warmup) = (Length::Messages(messages), Duration::ZERO);
        } else {
            plan.length = Length::Time(seconds(self.duration)?);
        }
        plan.warmup = self.warmup.map_or(Ok(plan.warmup), seconds)?;
        plan.patience = seconds(self.patience)?;
        (plan.channels, plan.preload) = (self.channels, self.preload);
        (plan.payload_bytes, plan.channel_base) = (self.payload, self.channel_base);
        (plan.threads, plan.cpu, plan.server_pid) = (self.threads, self.cpu, self.server_pid);
        Ok(Plan { addrs, connections_per_process: self.connections_per_process, ..plan })
    }

    fn load(&self, is_idle: bool) -> Load {
        match (self.rate, self.window) {
            (Some(rate), _) => Load::Open { rate },
            (None, Some(window)) => Load::Closed { window },
            (None, None) if is_idle => Load::Open { rate: 1000.0 },
            (None, None) => Load::Closed { window: 64 },
        }
    }
}

fn seconds(value: f64) -> Result<Duration> {
    let seconds = Duration::try_from_secs_f64(value);
    let seconds = seconds.with_context(|| format!("{value} is no number of seconds"))?;
    ensure!(seconds.as_secs() < 1_000_000, "{value} s is too long");
    Ok(seconds)
}

fn resolve(addr: &str) -> Result<SocketAddr> {
    let mut found = addr.to_socket_addrs().with_context(|| format!("{addr} is no HOST:PORT"))?;
    found.next().with_context(|| format!("{addr} has no address"))
}

/// The schema of these DC files.
fn load(files: &[PathBuf]) -> Result<Schema> {
    let sources = files.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
    Schema::load(&sources, Options::default())
        .map_err(|diagnostics| anyhow!("{}", diagnostics.lines(&sources)))
}

fn read(path: &Path) -> Result<Source> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
    ensure!(text.len() <= FILE_BYTES_MAX, "{name}: a DC file has at most {FILE_BYTES_MAX} bytes");
    Ok(Source { name, text })
}
