//! `messagedirector.limits`: what grows from input, and how far (I7).

use crate::section::Section;
use crate::value::number;

const FLOOD: &str = "flood_bytes_max";
const INFLIGHT: &str = "inflight_bytes_max";
/// Bytes of the length tag of a frame.
const TAG_BYTES: u64 = 2;

/// The limits of every shard, and of what lies between shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What a shard keeps to.
    pub shard: runtime::Limits,
    /// Bytes that may lie in one inbox between shards before sockets are no longer read.
    pub inflight_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { shard: runtime::Limits::default(), inflight_bytes_max: 8 << 20 }
    }
}

/// One key: its name, the least and the most that it may be, where its value goes.
struct Row(&'static str, u64, u64, fn(&mut Limits, u64));

const ROWS: [Row; 14] = [
    Row("participants_max", 1, 1 << 24, |to, n| to.shard.participants_max = n as usize),
    Row("backlog_bytes_max", 256 << 10, 16 << 30, |to, n| to.shard.backlog_bytes_max = n as usize),
    Row("stall_ms", 250, 3_600_000, |to, n| to.shard.stall_ms = n),
    Row(FLOOD, 64 << 10, 16 << 30, |to, n| to.shard.flood_bytes_max = n as usize),
    Row("subscriptions_max", 1, u32::MAX as u64, |to, n| to.shard.subscriptions_max = n as u32),
    Row("ranges_max", 1, 1 << 20, |to, n| to.shard.ranges_max = n as usize),
    Row("range_pieces_max", 16, 1 << 24, |to, n| to.shard.range_pieces_max = n as usize),
    Row("post_removes_max", 1, 1 << 20, |to, n| to.shard.post_removes_max = n as usize),
    Row("post_remove_bytes_max", 1, 1 << 30, |to, n| to.shard.post_remove_bytes_max = n as usize),
    Row("frame_bytes_max", 64, 65_537, |to, n| to.shard.frame_bytes_max = (n - TAG_BYTES) as usize),
    Row("upstream_queue_bytes_max", 0, 16 << 30, |to, n| {
        to.shard.upstream_queue_bytes_max = n as usize;
    }),
    Row("events_per_second", 0, 1 << 20, |to, n| to.shard.events_per_second = n as u32),
    Row("event_burst", 1, 1 << 20, |to, n| to.shard.event_burst = n as u32),
    Row(INFLIGHT, 64 << 10, 1 << 30, |to, n| to.inflight_bytes_max = n as usize),
];

/// Reads the section.
pub fn read(section: &mut Section<'_>) -> Limits {
    let mut limits = Limits::default();
    let (mut says_inflight, mut says_flood) = (false, false);
    for Row(key, low, high, set) in &ROWS {
        if let Some(value) = section.get(key, number(*low..=*high)) {
            set(&mut limits, value);
            says_inflight |= *key == INFLIGHT;
            says_flood |= *key == FLOOD;
        }
    }
    let (flood, backlog) = (limits.shard.flood_bytes_max, limits.shard.backlog_bytes_max);
    if flood > backlog {
        if says_flood {
            let what =
                format!("{flood} is more than backlog_bytes_max ({backlog}): it would never hold");
            section.error_at(FLOOD, what);
        }
        limits.shard.flood_bytes_max = backlog;
    }
    // A pause takes up to three turns to reach a sender: what comes meanwhile must fit into a
    // backlog that is half full.
    let inflight_max = backlog / 8;
    if limits.inflight_bytes_max > inflight_max {
        if says_inflight {
            let what = format!(
                "{} is more than an eighth of backlog_bytes_max ({backlog})",
                limits.inflight_bytes_max
            );
            section.error_at(INFLIGHT, what);
        }
        limits.inflight_bytes_max = inflight_max;
    }
    limits
}
