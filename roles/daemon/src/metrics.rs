//! `/metrics`: what all shards have counted, in the text format of Prometheus.
//!
//! Every metric stands there twice, under names that do not mix: `ferriswheel_x` for the whole
//! daemon, `ferriswheel_shard_x` with a label for each shard. The numbers are read from the
//! shards' own counters at the time of the request.

use crate::figures::{counter, gauge};
use engine::counters::{Counters, EngineCounts, ShardSnapshot, TURN_NS_BOUNDS};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use runtime::Counts;
use runtime::counts::{Metric, MetricKind};
use std::fmt;

type Label = (&'static str, String);

/// The registry of one daemon: its shards, and `figures` of what else it has.
pub fn registry(counters: Counters, figures: Vec<Box<dyn Collector>>) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Shards(counters)));
    figures.into_iter().for_each(|figures| registry.register_collector(figures));
    registry
}

/// The whole page.
pub fn page(registry: &Registry) -> Result<String, fmt::Error> {
    let mut page = String::new();
    text::encode(&mut page, registry)?;
    Ok(page)
}

/// One metric with its value on each shard.
struct Series {
    metric: Metric,
    values: Vec<u64>,
}

/// Reads one figure.
type Count = fn(&EngineCounts) -> u64;

/// What the engine counts, beside the turn times.
const ENGINE: [(Metric, Count); 15] = [
    (counter("turns", "Turns taken."), |counts| counts.turns),
    (counter("parks", "Times that a shard slept."), |counts| counts.parks),
    (gauge("inbox_depth", "Batches of other shards at the last turn."), |counts| {
        counts.inbox_depth
    }),
    (
        counter(
            "choked_turns",
            "Turns without reading sockets, since an inbox was over its limit.",
        ),
        { |counts| counts.choked_turns },
    ),
    (counter("connections_accepted", "Connections accepted."), |counts| counts.accepted),
    (counter("accept_failures", "Accepts that failed."), |counts| counts.accept_failures),
    (counter("receives_without_buffer", "Receives that ended because no buffer was free."), {
        |counts| counts.out_of_buffers
    }),
    (counter("events_lost", "Events that could not be sent to the event logger."), {
        |counts| counts.events_lost
    }),
    (counter("handshakes", "TLS handshakes done."), |counts| counts.handshakes_done),
    (counter("handshakes_resumed", "TLS handshakes that rested on an earlier one."), {
        |counts| counts.handshakes_resumed
    }),
    (counter("handshakes_failed", "TLS handshakes that were begun and not done."), {
        |counts| counts.handshakes_failed
    }),
    (gauge("handshakes_in_flight", "TLS handshakes under way now."), |counts| {
        counts.handshakes_in_flight
    }),
    (
        gauge(
            "handshakes_queued",
            "Flights of TLS handshakes at a worker, or waiting for one, now.",
        ),
        { |counts| counts.handshakes_queued },
    ),
    (counter("left_early", "Connections that went without a word before they were in."), {
        |counts| counts.left_early
    }),
    (gauge("lingering", "Connections that are over and have time to hear why."), |counts| {
        counts.lingering
    }),
];

struct Shards(Counters);

impl fmt::Debug for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shards")
    }
}

impl Collector for Shards {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let shards = self.0.snapshot();
        let count = gauge("shards", "Shards of this daemon.");
        begin(&mut encoder, "ferriswheel_shards", &count)?.encode_gauge(&(shards.len() as i64))?;
        for family in series(&shards).chunk_by(|one, next| one.metric.name == next.metric.name) {
            encode_family(&mut encoder, family)?;
        }
        encode_turn_times(&mut encoder, &shards)
    }
}

fn series(shards: &[ShardSnapshot]) -> Vec<Series> {
    let roles = Counts::METRICS.into_iter().enumerate().map(|(at, metric)| {
        let values = shards.iter().map(|snapshot| snapshot.shard[at]).collect();
        Series { metric, values }
    });
    let engine = ENGINE.into_iter().map(|(metric, of)| {
        let values = shards.iter().map(|snapshot| of(&snapshot.engine)).collect();
        Series { metric, values }
    });
    roles.chain(engine).collect()
}

/// Metrics of one name, which differ in a label.
fn encode_family(encoder: &mut DescriptorEncoder<'_>, family: &[Series]) -> fmt::Result {
    let Some(Series { metric, .. }) = family.first() else { return Ok(()) };
    let name = format!("ferriswheel_{}", metric.name);
    let mut all = begin(encoder, &name, metric)?;
    for series in family {
        let labels = Vec::from_iter(label(series));
        encode_value(&mut all, &labels, series, series.values.iter().sum())?;
    }
    let name = format!("ferriswheel_shard_{}", metric.name);
    let mut each = begin(encoder, &name, metric)?;
    for series in family {
        for (shard, value) in series.values.iter().enumerate() {
            let labels: Vec<Label> =
                [("shard", shard.to_string())].into_iter().chain(label(series)).collect();
            encode_value(&mut each, &labels, series, *value)?;
        }
    }
    Ok(())
}

fn label(series: &Series) -> Option<Label> {
    series.metric.label.map(|(key, value)| (key, value.to_owned()))
}

fn begin<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    name: &'a str,
    metric: &Metric,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    let kind = match metric.kind {
        MetricKind::Counter => MetricType::Counter,
        MetricKind::Gauge => MetricType::Gauge,
    };
    encoder.encode_descriptor(name, metric.help, None, kind)
}

fn encode_value(
    encoder: &mut MetricEncoder<'_>,
    labels: &Vec<Label>,
    series: &Series,
    value: u64,
) -> fmt::Result {
    let mut encoder = encoder.encode_family(labels)?;
    match series.metric.kind {
        MetricKind::Counter => encoder.encode_counter::<NoLabelSet, u64, u64>(&value, None),
        MetricKind::Gauge => encoder.encode_gauge(&(value as i64)),
    }
}

fn encode_turn_times(encoder: &mut DescriptorEncoder<'_>, shards: &[ShardSnapshot]) -> fmt::Result {
    const HELP: &str = "How long turns took, sleep excluded.";
    let (name, kind) = ("ferriswheel_shard_turn_seconds", MetricType::Histogram);
    let mut metric = encoder.encode_descriptor(name, HELP, None, kind)?;
    for (shard, ShardSnapshot { engine, .. }) in shards.iter().enumerate() {
        let bounds = TURN_NS_BOUNDS.iter().map(|ns| *ns as f64 / 1e9).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(engine.turns_by_ns).collect();
        let (seconds, labels) = (engine.turn_ns as f64 / 1e9, [("shard", shard.to_string())]);
        let mut encoder = metric.encode_family(&labels)?;
        encoder.encode_histogram::<NoLabelSet>(seconds, engine.turns, &buckets, None)?;
    }
    Ok(())
}
