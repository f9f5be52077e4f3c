//! What the user sees: progress, the table, the JSON file.

pub(crate) mod database;
pub(crate) mod objects;
pub(crate) mod park;
pub(crate) mod workload;

use anyhow::Result;
use loadtest::{Load, Outcome, Pattern, Plan, Progress, Quantile};
use std::fmt::Write;

pub(crate) fn progress_line(progress: &Progress) -> String {
    let changes = progress.changes_per_second;
    let changes = match changes > 0.0 {
        true => format!("  changes {}/s", short(changes)),
        false => String::new(),
    };
    format!(
        "{:6.1} s {}  sent {}/s  delivered {}/s{changes}",
        progress.seconds,
        if progress.is_measured { "measured" } else { "warm-up " },
        short(progress.sent_per_second),
        short(progress.delivered_per_second),
    )
}

pub(crate) fn title(plan: &Plan) -> String {
    let pattern = match plan.pattern {
        Pattern::P2p => "p2p".to_owned(),
        Pattern::FanOut => format!("fan-out to {}", plan.receivers),
        Pattern::Multi { recipients } => format!("{recipients} recipients"),
        Pattern::Churn { changes } => format!("churn, {changes} changes per marker"),
    };
    let load = match plan.load {
        Load::Closed { window } => format!("window {window}"),
        Load::Open { rate } => format!("{}/s", short(rate)),
    };
    let active = plan.senders + plan.receivers;
    format!("{pattern}, {active} connections, {} bytes, {load}", plan.payload_bytes)
}

pub(crate) fn table(outcome: &Outcome) -> String {
    let mut rows: Vec<(String, String)> = vec![
        ("protocol".into(), outcome.protocol.clone()),
        ("connections".into(), format!("{} + {} idle", outcome.connections, outcome.idle)),
        ("measured".into(), format!("{:.3} s", outcome.seconds)),
        ("sent".into(), amount(outcome.sent, outcome.sent_per_second)),
        ("delivered".into(), amount(outcome.delivered, outcome.delivered_per_second)),
    ];
    if outcome.changes > 0 {
        let changes = amount(outcome.changes, outcome.changes_per_second);
        rows.push(("subscription changes".into(), changes));
    }
    for point in &outcome.latency_ns {
        rows.push((format!("latency {}", point_name(point)), time(point.ns)));
    }
    let busy = outcome.generator_cpu_ns as f64 / 1e9 / outcome.seconds.max(1e-9) * 100.0;
    rows.push(("generator cpu".into(), format!("{busy:.1} %")));
    rows.extend(server_rows(outcome));
    let wrong = [outcome.lost, outcome.doubled, outcome.out_of_order, outcome.stray];
    let [lost, doubled, out_of_order, stray] = wrong;
    let wrong = format!("{lost} / {doubled} / {out_of_order} / {stray}");
    rows.push(("lost / doubled / out of order / stray".into(), wrong));
    rows.push(("connections broken".into(), outcome.broken.len().to_string()));
    lines(&rows)
}

fn point_name(point: &Quantile) -> String {
    match point.quantile {
        0.0 => "min".to_owned(),
        1.0 => "max".to_owned(),
        quantile => format!("p{}", (quantile * 1e7).round() / 1e5),
    }
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1048576.0)
}

fn server_rows(outcome: &Outcome) -> Vec<(String, String)> {
    let Some(server) = &outcome.server else { return Vec::new() };
    let share = server.cpu_ns as f64 / 1e9 / outcome.seconds.max(1e-9) * 100.0;
    let [before, connected, after] =
        [server.rss_before, server.rss_connected, server.rss_after].map(mib);
    let mut rows = vec![
        ("server cpu".to_owned(), format!("{share:.1} %")),
        ("... per message".to_owned(), format!("{:.1} ns", server.cpu_ns_per_message)),
        ("... per delivery".to_owned(), format!("{:.1} ns", server.cpu_ns_per_delivery)),
    ];
    if outcome.changes > 0 {
        rows.push(("... per change".into(), format!("{:.1} ns", server.cpu_ns_per_change)));
    }
    rows.push((
        "server memory before / connected / after".into(),
        format!("{before} / {connected} / {after} MiB"),
    ));
    if outcome.idle > 0 {
        let bytes = format!("{:.0} bytes", server.bytes_per_idle_connection);
        rows.push(("... per idle connection".into(), bytes));
    }
    if outcome.preloaded > 0 {
        let bytes = format!("{:.1} bytes", server.bytes_per_subscription);
        rows.push((format!("... per subscription ({})", outcome.preloaded), bytes));
    }
    rows
}

fn lines(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter().fold(String::new(), |mut out, (name, value)| {
        writeln!(out, "{name:width$}  {value}").expect("a string takes all");
        out
    })
}

/// The plan and the outcome as one JSON object.
pub(crate) fn json(plan: &Plan, outcome: &Outcome) -> Result<String> {
    let plan = serde_json::json!({
        "pattern": plan.pattern,
        "senders": plan.senders,
        "receivers": plan.receivers,
        "channels": plan.channels,
        "idle": plan.idle,
        "preload": plan.preload,
        "payload_bytes": plan.payload_bytes,
        "load": plan.load,
        "warmup": plan.warmup.as_secs_f64(),
        "length": plan.length,
        "threads": plan.threads,
    });
    let whole = serde_json::json!({ "plan": plan, "outcome": outcome });
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}

fn amount(count: u64, per_second: f64) -> String {
    format!("{count} ({}/s)", short(per_second))
}

/// A number of three or four digits and a unit.
fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.2} M", v / 1e6),
        v if v >= 1e4 => format!("{:.1} k", v / 1e3),
        v => format!("{v:.0}"),
    }
}

fn time(ns: u64) -> String {
    match ns as f64 {
        ns if ns >= 1e9 => format!("{:.3} s", ns / 1e9),
        ns if ns >= 1e6 => format!("{:.3} ms", ns / 1e6),
        ns => format!("{:.1} µs", ns / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([1e7, 123_456.0, 999.4].map(short), ["10.00 M", "123.5 k", "999"]);
        assert_eq!([1_500, 2_000_000, 3_250_000_000].map(time), ["1.5 µs", "2.000 ms", "3.250 s"]);
    }
}
