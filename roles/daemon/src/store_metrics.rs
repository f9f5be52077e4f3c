//! The part of `/metrics` that is about stores: what each holds and has done, by directory.

use crate::figures::{self, Row, Thing, counter, gauge};
use engine::StoreStats;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;
use store::Stats;

const ROWS: [Row<Stats>; 15] = [
    (gauge("store_objects", "Objects that are durable."), |stats| stats.objects),
    (gauge("store_live_bytes", "Bytes of their newest versions."), |stats| stats.live_bytes),
    (gauge("store_dead_bytes", "Bytes of what was replaced or deleted."), |stats| stats.dead_bytes),
    (gauge("store_tombstone_bytes", "Bytes of the notes that an object is gone."), |stats| {
        stats.tombstone_bytes
    }),
    (gauge("store_segments", "Segments with records."), |stats| stats.segments),
    (gauge("store_disk_bytes", "Bytes of all files, reserved space included."), |stats| {
        stats.disk_bytes
    }),
    (counter("store_commits", "Groups of writes that were made durable together."), |stats| {
        stats.commits
    }),
    (counter("store_appends", "Writes and deletions asked for."), |stats| stats.appends),
    (counter("store_written_bytes", "Bytes written, those that were moved included."), |stats| {
        stats.written_bytes
    }),
    (counter("store_swept_segments", "Segments that compaction freed."), |stats| stats.swept),
    (counter("store_moved_bytes", "Bytes that compaction moved."), |stats| stats.moved_bytes),
    (counter("store_refused_writes", "Writes refused because the disk was full."), |stats| {
        stats.refused
    }),
    (counter("store_damaged_records", "Damaged records that the scrub has found."), |stats| {
        stats.damaged
    }),
    (
        gauge("store_full", "Whether writes are refused because the disk is full: 1 or 0."),
        |stats| u64::from(stats.full),
    ),
    (gauge("store_read_only", "Whether the disk has failed: 1 or 0."), |stats| {
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
        let stores = self.directories.iter().zip(&stats);
        let things: Vec<Thing> =
            stores.map(|(directory, stats)| Thing::read(directory, &ROWS, stats)).collect();
        let metrics = ROWS.into_iter().map(|(metric, _)| metric);
        figures::encode(&mut encoder, metrics, "directory", &things)
    }
}
