//! What the user sees of workloads: a row of a Markdown table for each.

use super::{short, time};
use loadtest::WorkloadRow;

/// The head of the table.
pub(crate) const HEAD: &str = "\
| What | Per second of the server's CPU time, or bytes each | p50 / p99 | in all | tester's CPU to the server's |
| --- | --- | --- | --- | --- |
";

pub(crate) fn line(row: &WorkloadRow) -> String {
    let WorkloadRow { what, unit, count, seconds, .. } = row;
    let is_of_memory = row.server_cpu_ns == 0 && row.seconds == 0.0;
    if is_of_memory {
        return format!("| {what} | {:.0} B | | | |\n", row.bytes_each);
    }
    let at = |quantile: f64| {
        let point = row.latency_ns.iter().find(|point| point.quantile == quantile);
        point.map_or(String::new(), |point| time(point.ns))
    };
    let latency = match row.latency_ns.is_empty() {
        true => String::new(),
        false => format!("{} / {}", at(0.5), at(0.99)),
    };
    let each = short(row.per_cpu_second);
    let share = row.generator_cpu_ns as f64 / (row.server_cpu_ns.max(1)) as f64;
    format!("| {what} | {each} {unit}/s | {latency} | {count} in {seconds:.1} s | {share:.2} |\n")
}
