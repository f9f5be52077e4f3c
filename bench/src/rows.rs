//! What is measured: one row per line of the table of targets.

use crate::contender::{Contender, Running};
use loadtest::{Length, Load, Outcome, Pattern, Plan};
use std::time::Duration;

/// How much is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scale {
    /// What the figures in the README come from.
    Full,
    /// The same, shorter: for a look.
    Quick,
    /// Everything for a moment with small numbers: whether it still works.
    Tiny,
}

impl Scale {
    /// Rounds over all contenders; the table shows medians.
    pub fn rounds(self) -> usize {
        match self {
            Scale::Full => 5,
            Scale::Quick => 3,
            Scale::Tiny => 1,
        }
    }

    /// Warm-up and measured part.
    fn times(self) -> [Duration; 2] {
        match self {
            Scale::Full => [1000, 3000],
            Scale::Quick => [300, 1000],
            Scale::Tiny => [20, 100],
        }
        .map(Duration::from_millis)
    }

    /// `full`, or a hundredth of it, but no less than `least`, when tiny.
    fn of(self, full: u32, least: u32) -> u32 {
        if self == Scale::Tiny { (full / 100).max(least) } else { full }
    }
}

/// A figure of a run. Less is better in all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Server CPU time per message sent, in ns.
    CpuPerMessage,
    /// Server CPU time per delivery, in ns.
    CpuPerDelivery,
    /// Server CPU time per subscription change, in ns.
    CpuPerChange,
    /// Server memory per idle connection, in bytes.
    MemoryPerConnection,
    /// Server memory per subscription, in bytes.
    MemoryPerSubscription,
    /// Latency that half of the messages keep, in ns.
    LatencyMedian,
    /// Latency that 99 % of the messages keep, in ns.
    Latency99,
}

impl Measure {
    /// Its figure in `outcome`, with what was done per second.
    pub fn of(self, outcome: &Outcome) -> Sample {
        let server = outcome.server.unwrap_or_default();
        let quantile = |wanted: f64| outcome.latency.value_at_quantile(wanted) as f64;
        let (value, per_second) = match self {
            Measure::CpuPerMessage => (server.cpu_ns_per_message, outcome.sent_per_second),
            Measure::CpuPerDelivery => (server.cpu_ns_per_delivery, outcome.delivered_per_second),
            Measure::CpuPerChange => (server.cpu_ns_per_change, outcome.changes_per_second),
            Measure::MemoryPerConnection => (server.bytes_per_idle_connection, 0.0),
            Measure::MemoryPerSubscription => (server.bytes_per_subscription, 0.0),
            Measure::LatencyMedian => (quantile(0.5), outcome.delivered_per_second),
            Measure::Latency99 => (quantile(0.99), outcome.delivered_per_second),
        };
        Sample { value, per_second }
    }

    /// Its unit.
    pub fn unit(self) -> &'static str {
        match self {
            Measure::CpuPerMessage => "CPU ns/message",
            Measure::CpuPerDelivery => "CPU ns/delivery",
            Measure::CpuPerChange => "CPU ns/change",
            Measure::MemoryPerConnection => "bytes/connection",
            Measure::MemoryPerSubscription => "bytes/subscription",
            Measure::LatencyMedian => "p50 ns",
            Measure::Latency99 => "p99 ns",
        }
    }
}

/// One measurement.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct Sample {
    /// The measure's figure.
    pub value: f64,
    /// What was done per second of wall-clock time; 0 where that is not the question.
    pub per_second: f64,
}

/// What ours must reach.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Throughput per CPU second: this share of the floor's.
    ShareOfFloor(f64),
    /// Throughput per CPU second: this many times the best of the others that are installed.
    TimesOthers(f64),
    /// The figure: at most this many times the floor's.
    AtMostFloorTimes(f64),
    /// The figure with two shards: at most this many times that with one.
    AtMostOneShardTimes(f64),
    /// The figure: at most this.
    AtMost(f64),
}

/// One pattern, with those who are measured on it.
pub struct Row {
    /// What `--only` and the JSON file call it.
    pub name: &'static str,
    /// What the table says.
    pub title: &'static str,
    /// Who is measured, in turn.
    pub contenders: &'static [Contender],
    /// What is taken from each run, and what it must be.
    pub measures: &'static [(Measure, &'static [Target])],
    shape: Shape,
}

/// The part of a plan that the rows differ in; see [`Row::plan`].
struct Shape {
    pattern: Pattern,
    senders: u32,
    receivers: u32,
    /// Messages under way per sender; None: 40,000 messages per second in all.
    window: Option<u32>,
    idle: u32,
    preload: u64,
}

const OPEN_LOOP_RATE: f64 = 40_000.0;

impl Row {
    /// The plan for a running server.
    pub fn plan(&self, contender: Contender, server: &Running, scale: Scale) -> Plan {
        let shape = &self.shape;
        let mut plan = Plan::new(contender.protocol(), server.addr(), shape.pattern);
        let [warmup, length] = scale.times();
        plan.senders = scale.of(shape.senders, shape.senders.min(8));
        plan.receivers = scale.of(shape.receivers, shape.receivers.min(8));
        plan.idle = scale.of(shape.idle, 0);
        plan.preload = u64::from(scale.of(shape.preload as u32, 0));
        plan.load = match shape.window {
            Some(window) => Load::Closed { window },
            None => Load::Open { rate: f64::from(scale.of(OPEN_LOOP_RATE as u32, 0)) },
        };
        (plan.warmup, plan.length) = (warmup, Length::Time(length));
        plan.cpu = (std::thread::available_parallelism().is_ok_and(|n| n.get() > 1)).then_some(1);
        plan.server_pid = Some(server.pid());
        plan
    }
}

const OURS: Contender = Contender::Ours(1);
const ALL: &[Contender] = &[Contender::Floor, OURS, Contender::Nats, Contender::Redis];
const BOTH: &[Contender] = &[Contender::Floor, OURS];

const P2P: Shape = Shape {
    pattern: Pattern::P2p,
    senders: 64,
    receivers: 0,
    window: Some(64),
    idle: 0,
    preload: 0,
};
const FAN_OUT: Shape = Shape { pattern: Pattern::FanOut, senders: 1, receivers: 100, ..P2P };
/// Little traffic: the row is about memory.
const QUIET: Shape = Shape { senders: 2, window: Some(1), ..P2P };
const SUBSCRIPTIONS: Shape = Shape { preload: 1_000_000, ..QUIET };

/// All rows, in the order of the table. Windows are per sender: 64 senders with 64 each
/// make the 4096 of the table.
pub const ROWS: &[Row] = &[
    Row {
        name: "p2p",
        title: "p2p, 64 connections, window 4096",
        contenders: ALL,
        measures: &[(
            Measure::CpuPerMessage,
            &[Target::ShareOfFloor(0.85), Target::TimesOthers(3.0)],
        )],
        shape: P2P,
    },
    Row {
        name: "wake-64",
        title: "one message per wake-up, 64 connections",
        contenders: BOTH,
        measures: &[(Measure::CpuPerMessage, &[Target::ShareOfFloor(0.90)])],
        shape: Shape { window: Some(1), ..P2P },
    },
    Row {
        name: "wake-1000",
        title: "one message per wake-up, 1,000 connections",
        contenders: BOTH,
        measures: &[(Measure::CpuPerMessage, &[Target::ShareOfFloor(0.90)])],
        shape: Shape { senders: 1000, window: Some(1), ..P2P },
    },
    Row {
        name: "fan-out-100",
        title: "fan-out 1 to 100, window 64",
        contenders: ALL,
        measures: &[(Measure::CpuPerDelivery, &[Target::ShareOfFloor(0.85)])],
        shape: FAN_OUT,
    },
    Row {
        name: "fan-out-1000",
        title: "fan-out 1 to 1,000, window 16",
        contenders: ALL,
        measures: &[(Measure::CpuPerDelivery, &[Target::ShareOfFloor(1.0)])],
        shape: Shape { receivers: 1000, window: Some(16), ..FAN_OUT },
    },
    Row {
        name: "multi-8",
        title: "8 recipients over 32 connections",
        contenders: BOTH,
        measures: &[(Measure::CpuPerDelivery, &[Target::ShareOfFloor(0.85)])],
        shape: Shape { pattern: Pattern::Multi { recipients: 8 }, senders: 32, ..P2P },
    },
    Row {
        name: "two-shards",
        title: "two shards (about half of the traffic crosses) against one",
        contenders: &[OURS, Contender::Ours(2)],
        measures: &[(Measure::CpuPerMessage, &[Target::AtMostOneShardTimes(1.5)])],
        shape: P2P,
    },
    Row {
        name: "churn",
        title: "subscription changes, 1,000,000 subscriptions present",
        contenders: BOTH,
        measures: &[(Measure::CpuPerChange, &[Target::ShareOfFloor(0.80)])],
        shape: Shape {
            pattern: Pattern::Churn { changes: 256 },
            senders: 8,
            window: Some(4),
            preload: 1_000_000,
            ..P2P
        },
    },
    Row {
        name: "idle",
        title: "memory, 10,000 idle connections",
        contenders: BOTH,
        measures: &[(Measure::MemoryPerConnection, &[Target::AtMost(1024.0)])],
        shape: Shape { idle: 10_000, ..QUIET },
    },
    Row {
        name: "subscriptions",
        title: "memory, 1,000,000 subscriptions",
        contenders: BOTH,
        measures: &[(Measure::MemoryPerSubscription, &[Target::AtMost(90.0)])],
        shape: SUBSCRIPTIONS,
    },
    Row {
        name: "subscriptions-shards",
        title: "memory, 1,000,000 subscriptions, more shards",
        contenders: &[OURS, Contender::Ours(2), Contender::Ours(8)],
        measures: &[(Measure::MemoryPerSubscription, &[])],
        shape: SUBSCRIPTIONS,
    },
    Row {
        name: "open-loop",
        title: "40,000 messages/s over 10,000 connections",
        contenders: BOTH,
        measures: &[
            (Measure::LatencyMedian, &[Target::AtMostFloorTimes(1.2)]),
            (Measure::Latency99, &[Target::AtMostFloorTimes(3.0)]),
        ],
        shape: Shape { senders: 10_000, window: None, ..P2P },
    },
];
