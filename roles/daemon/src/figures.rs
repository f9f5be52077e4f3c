//! Metrics of what a daemon has a few of, such as stores: one name for all, and a label that says
//! which of them a value is of.

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use runtime::counts::{Metric, MetricKind};
use std::fmt;

/// A metric and how to read it.
pub type Row<T> = (Metric, fn(&T) -> u64);

/// One of those things: what the label says of it, and its values.
pub struct Thing {
    /// Which it is.
    pub which: String,
    /// In the order of the metrics.
    pub values: Vec<u64>,
}

impl Thing {
    /// The values of `rows`.
    pub fn read<T>(which: impl Into<String>, rows: &[Row<T>], of: &T) -> Thing {
        Thing { which: which.into(), values: rows.iter().map(|(_, value)| value(of)).collect() }
    }
}

/// A number that only grows.
pub const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, help, kind: MetricKind::Counter, label: None }
}

/// A number that comes and goes.
pub const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, help, kind: MetricKind::Gauge, label: None }
}

/// Writes all `metrics` of all `things`, each of which `label` names.
pub fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    metrics: impl Iterator<Item = Metric>,
    label: &'static str,
    things: &[Thing],
) -> fmt::Result {
    if things.is_empty() {
        return Ok(());
    }
    for (at, Metric { name, help, kind, .. }) in metrics.enumerate() {
        let name = format!("ferriswheel_{name}");
        let of = match kind {
            MetricKind::Counter => MetricType::Counter,
            MetricKind::Gauge => MetricType::Gauge,
        };
        let mut metric = encoder.encode_descriptor(&name, help, None, of)?;
        for Thing { which, values } in things {
            let labels = [(label, which.as_str())];
            let mut one = metric.encode_family(&labels)?;
            match kind {
                MetricKind::Counter => {
                    one.encode_counter::<NoLabelSet, u64, u64>(&values[at], None)?;
                }
                MetricKind::Gauge => one.encode_gauge(&(values[at] as i64))?,
            }
        }
    }
    Ok(())
}
