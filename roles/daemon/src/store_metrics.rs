//! The part of `/metrics` that is about stores: what each holds and has done, by directory.

use crate::figures::{self, Row};
use engine::StoreStats;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use runtime::counts::MetricKind::{Counter, Gauge};
use std::fmt;
use store::Stats;

const ROWS: [Row<Stats>; 15] = [
    ("store_objects", "Objects that are durable.", Gauge, |stats| stats.objects),
    ("store_live_bytes", "Bytes of their newest versions.", Gauge, |stats| stats.live_bytes),
    ("store_dead_bytes", "Bytes of what was replaced or deleted.", Gauge, |stats| stats.dead_bytes),
    ("store_tombstone_bytes", "Bytes of the notes that an object is gone.", Gauge, |stats| {
        stats.tombstone_bytes
    }),
    ("store_segments", "Segments with records.", Gauge, |stats| stats.segments),
    ("store_disk_bytes", "Bytes of all files, reserved space included.", Gauge, |stats| {
        stats.disk_bytes
    }),
    ("store_commits", "Groups of writes that were made durable together.", Counter, |stats| {
        stats.commits
    }),
    ("store_appends", "Writes and deletions asked for.", Counter, |stats| stats.appends),
    ("store_written_bytes", "Bytes written, those that were moved included.", Counter, |stats| {
        stats.written_bytes
    }),
    ("store_swept_segments", "Segments that compaction freed.", Counter, |stats| stats.swept),
    ("store_moved_bytes", "Bytes that compaction moved.", Counter, |stats| stats.moved_bytes),
    ("store_refused_writes", "Writes refused because the disk was full.", Counter, |stats| {
        stats.refused
    }),
    ("store_damaged_records", "Damaged records that the scrub has found.", Counter, |stats| {
        stats.damaged
    }),
    (
        "store_full",
        "Whether writes are refused because the disk is full: 1 or 0.",
        Gauge,
        |stats| u64::from(stats.full),
    ),
    ("store_read_only", "Whether the disk has failed: 1 or 0.", Gauge, |stats| {
        u64::from(stats.read_only)
    }),
];

/// The stores of a daemon, with the directory of each.
pub struct Stores {
    /// Their figures.
    pub stats: StoreStats,
    /// Their directories, in the same order.
    pub directories: Vec<String>,
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stores")
    }
}

impl Collector for Stores {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.stats.snapshot();
        let things: Vec<(&str, &Stats)> =
            self.directories.iter().map(String::as_str).zip(&stats).collect();
        figures::encode(&mut encoder, &ROWS, "directory", &things)
    }
}
