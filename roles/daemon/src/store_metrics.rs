//! The part of `/metrics` that is about stores: what each holds and has done, by directory.

use engine::StoreStats;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use runtime::counts::MetricKind::{self, Counter, Gauge};
use std::fmt;
use store::Stats;

/// A metric: its name, what it means, its kind, and how to read it.
type Row = (&'static str, &'static str, MetricKind, fn(&Stats) -> u64);

const ROWS: [Row; 15] = [
    ("objects", "Objects that are durable.", Gauge, |stats| stats.objects),
    ("live_bytes", "Bytes of their newest versions.", Gauge, |stats| stats.live_bytes),
    ("dead_bytes", "Bytes of what was replaced or deleted.", Gauge, |stats| stats.dead_bytes),
    ("tombstone_bytes", "Bytes of the notes that an object is gone.", Gauge, |stats| {
        stats.tombstone_bytes
    }),
    ("segments", "Segments with records.", Gauge, |stats| stats.segments),
    ("disk_bytes", "Bytes of all files, reserved space included.", Gauge, |stats| stats.disk_bytes),
    ("commits", "Groups of writes that were made durable together.", Counter, |stats| {
        stats.commits
    }),
    ("appends", "Writes and deletions asked for.", Counter, |stats| stats.appends),
    ("written_bytes", "Bytes written, those that were moved included.", Counter, |stats| {
        stats.written_bytes
    }),
    ("swept_segments", "Segments that compaction freed.", Counter, |stats| stats.swept),
    ("moved_bytes", "Bytes that compaction moved.", Counter, |stats| stats.moved_bytes),
    ("refused_writes", "Writes refused because the disk was full.", Counter, |stats| stats.refused),
    ("damaged_records", "Damaged records that the scrub has found.", Counter, |stats| {
        stats.damaged
    }),
    ("full", "Whether writes are refused because the disk is full: 1 or 0.", Gauge, |stats| {
        u64::from(stats.full)
    }),
    ("read_only", "Whether the disk has failed: 1 or 0.", Gauge, |stats| {
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
        if stats.is_empty() {
            return Ok(());
        }
        for (name, help, kind, figure) in ROWS {
            let name = format!("ferriswheel_store_{name}");
            let of = match kind {
                Counter => MetricType::Counter,
                Gauge => MetricType::Gauge,
            };
            let mut metric = encoder.encode_descriptor(&name, help, None, of)?;
            for (stats, directory) in stats.iter().zip(&self.directories) {
                let labels = [("directory", directory.as_str())];
                let mut one = metric.encode_family(&labels)?;
                match kind {
                    Counter => one.encode_counter::<NoLabelSet, u64, u64>(&figure(stats), None)?,
                    Gauge => one.encode_gauge(&(figure(stats) as i64))?,
                }
            }
        }
        Ok(())
    }
}
