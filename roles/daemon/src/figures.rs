//! Metrics of what a daemon has a few of, such as stores: one name for all, and a label that says
//! which of them a value is of.

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use runtime::counts::MetricKind::{self, Counter, Gauge};
use std::fmt;

/// A metric: its name, what it means, its kind, and how to read it.
pub type Row<T> = (&'static str, &'static str, MetricKind, fn(&T) -> u64);

/// Writes all `rows` of all `things`, each of which `label` names.
pub fn encode<T>(
    encoder: &mut DescriptorEncoder<'_>,
    rows: &[Row<T>],
    label: &'static str,
    things: &[(&str, &T)],
) -> fmt::Result {
    if things.is_empty() {
        return Ok(());
    }
    for (name, help, kind, figure) in rows {
        let name = format!("ferriswheel_{name}");
        let of = match kind {
            Counter => MetricType::Counter,
            Gauge => MetricType::Gauge,
        };
        let mut metric = encoder.encode_descriptor(&name, help, None, of)?;
        for (which, thing) in things {
            let labels = [(label, *which)];
            let mut one = metric.encode_family(&labels)?;
            match kind {
                Counter => one.encode_counter::<NoLabelSet, u64, u64>(&figure(thing), None)?,
                Gauge => one.encode_gauge(&(figure(thing) as i64))?,
            }
        }
    }
    Ok(())
}
