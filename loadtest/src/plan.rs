//! What a run is to do, and whether it can be done.

use crate::payload::PAYLOAD_BYTES_MIN;
use crate::protocol::Protocol;
use anyhow::{Result, ensure};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Who sends to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// Every sender has `channels` streams, each to a channel of one connection.
    P2p,
    /// All receivers hear the same `channels` channels; the senders send to these.
    FanOut,
    /// Every message goes to this many channels (1 to 255) of different connections.
    Multi {
        /// Recipients of one message.
        recipients: u8,
    },
    /// p2p where so many subscription changes precede each message: a subscription to a fresh
    /// channel and the removal of the oldest one in turn. The message marks that they are done.
    Churn {
        /// Subscription changes per message, even.
        changes: u32,
    },
}

/// How fast the senders send.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// At most `window` messages per sender that have not arrived everywhere.
    Closed {
        /// Messages per sender; with several receivers, this many times their deliveries.
        window: u32,
    },
    /// A schedule that does not wait: late messages are sent late and keep their intended time.
    Open {
        /// Messages per second, of all senders together.
        rate: f64,
    },
}

/// How long the measured part lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// This long.
    Time(Duration),
    /// Until so many messages of all senders were sent and have arrived.
    Messages(u64),
}

/// One run.
#[derive(Clone)]
pub struct Plan {
    /// The server's wire format.
    pub protocol: Arc<dyn Protocol>,
    /// Where the server listens; connections are spread over them in turn.
    pub addrs: Vec<SocketAddr>,
    /// Who sends to whom.
    pub pattern: Pattern,
    /// Connections that send. They receive as well where `receivers` is 0.
    pub senders: u32,
    /// Connections that only receive. 0: the senders receive (not for fan-out).
    pub receivers: u32,
    /// Channels: of each receiver (p2p, multi) or in all (fan-out).
    pub channels: u32,
    /// Connections besides, that say nothing.
    pub idle: u32,
    /// Subscriptions present before the traffic begins, spread over the senders.
    pub preload: u64,
    /// Bytes of a payload, at least 24.
    pub payload_bytes: usize,
    /// How fast the senders send.
    pub load: Load,
    /// Traffic before the measured part.
    pub warmup: Duration,
    /// The measured part.
    pub length: Length,
    /// How long to wait, without any progress, for what has not arrived.
    pub patience: Duration,
    /// Generator threads.
    pub threads: u32,
    /// CPU of the first thread; the others take the following ones.
    pub cpu: Option<u32>,
    /// The server, for its CPU time and memory.
    pub server_pid: Option<u32>,
    /// The program that holds idle connections when this process has too few descriptors; its
    /// `main` must begin with [`crate::holder::serve_if_asked`]. None: the running program.
    pub holder: Option<PathBuf>,
    /// Connections that one process may have, if fewer than its descriptors allow.
    pub connections_per_process: Option<u32>,
    /// The lowest channel that is used.
    pub channel_base: u64,
}

impl Plan {
    /// A plan with the usual values: 64 bytes, window 64, 2 s of warm-up, 5 s measured.
    pub fn new(protocol: Arc<dyn Protocol>, addr: SocketAddr, pattern: Pattern) -> Plan {
        let is_fan_out = pattern == Pattern::FanOut;
        Plan {
            protocol,
            addrs: vec![addr],
            pattern,
            senders: if is_fan_out { 1 } else { 64 },
            receivers: if is_fan_out { 100 } else { 0 },
            channels: 1,
            idle: 0,
            preload: 0,
            payload_bytes: 64,
            load: Load::Closed { window: 64 },
            warmup: Duration::from_secs(2),
            length: Length::Time(Duration::from_secs(5)),
            patience: Duration::from_secs(5),
            threads: 1,
            cpu: None,
            server_pid: None,
            holder: None,
            connections_per_process: None,
            channel_base: 1_000_000,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        ensure!(!self.addrs.is_empty(), "no address to connect to");
        ensure!(self.senders > 0 && self.channels > 0, "no senders or no channels");
        ensure!(self.threads > 0, "no threads");
        let least = PAYLOAD_BYTES_MIN;
        ensure!(self.payload_bytes >= least, "a payload has at least {least} bytes");
        let enough = match self.pattern {
            Pattern::FanOut => self.receivers > 0,
            Pattern::P2p | Pattern::Multi { .. } | Pattern::Churn { .. } => {
                self.receivers >= self.threads || self.senders >= 2 * self.threads
            }
        };
        ensure!(enough, "too few receivers: nobody hears what it sends itself");
        ensure!(self.senders >= self.threads, "more threads than senders");
        let is_split = self.threads > 1 && self.pattern == Pattern::FanOut;
        ensure!(!is_split, "fan-out is driven by one thread: all receivers hear every sender");
        self.check_pattern()?;
        self.check_load()
    }

    fn check_pattern(&self) -> Result<()> {
        let (most, name) = (self.protocol.recipients_max(), self.protocol.name());
        match self.pattern {
            Pattern::P2p | Pattern::FanOut => (),
            Pattern::Multi { recipients } => {
                ensure!(recipients > 0, "a message without recipients");
                ensure!(recipients <= most, "{name} has at most {most} recipients per message");
            }
            Pattern::Churn { changes } => {
                ensure!(changes > 0 && changes % 2 == 0, "changes per marker must be even");
            }
        }
        Ok(())
    }

    fn check_load(&self) -> Result<()> {
        match self.load {
            Load::Closed { window } => ensure!(window > 0, "a window of nothing"),
            Load::Open { rate } => ensure!(rate > 0.0 && rate.is_finite(), "a rate of nothing"),
        }
        Ok(())
    }
}
