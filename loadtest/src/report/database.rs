//! What the user sees of a run against a Database.

use super::{amount, lines, mib, point_name, short, time};
use anyhow::Result;
use loadtest::{
    DatabaseOutcome, DatabasePhase, DatabasePhaseOutcome, DatabasePlan, DatabaseProgress, Faults,
    FloorTimes, Quantile,
};

pub(crate) fn progress_line(progress: &DatabaseProgress) -> String {
    format!(
        "{:6.1} s {:10}  {} done  {}/s",
        progress.seconds,
        progress.phase.map_or("check", DatabasePhase::name),
        progress.operations,
        short(progress.operations_per_second),
    )
}

pub(crate) fn title(plan: &DatabasePlan) -> String {
    let (objects, clients, bytes) = (plan.objects, plan.clients, plan.object_bytes);
    format!("{objects} stored objects of {bytes} bytes, {clients} clients")
}

pub(crate) fn table(outcome: &DatabaseOutcome) -> String {
    let DatabaseOutcome { class, field, object_bytes, .. } = outcome;
    let mut rows: Vec<(String, String)> = vec![
        ("protocol".into(), outcome.protocol.clone()),
        ("objects".into(), format!("{class} of {object_bytes} bytes, updates of {field}")),
    ];
    outcome.phases.iter().for_each(|phase| rows.extend(phase_rows(phase)));
    let Faults { lost, doubled, unexpected, .. } = &outcome.faults;
    let wrong = format!("{lost} / {doubled} / {unexpected}");
    rows.push(("lost / doubled / unexpected".into(), wrong));
    lines(&rows)
}

/// The points of the distribution of latencies that the table shows.
const SHOWN: [f64; 4] = [0.5, 0.99, 0.999, 1.0];

fn phase_rows(phase: &DatabasePhaseOutcome) -> Vec<(String, String)> {
    let row = |name: &str, value: String| (format!("  {name}"), value);
    let mut rows = vec![(phase.phase.name().to_owned(), format!("{:.3} s", phase.seconds))];
    rows.push(row("operations", amount(phase.operations, phase.operations_per_second)));
    rows.extend(latency("  latency", &phase.latency_ns));
    if let Some(FloorTimes { appends, latency_ns }) = &phase.floor {
        rows.extend(latency("  floor", latency_ns));
        rows.push(row("... appends and syncs", appends.to_string()));
    }
    let share =
        |cpu_ns: u64| format!("{:.1} %", cpu_ns as f64 / 1e9 / phase.seconds.max(1e-9) * 100.0);
    rows.push(row("generator cpu", share(phase.generator_cpu_ns)));
    let Some(server) = &phase.server else { return rows };
    rows.push(row("server cpu", share(server.cpu_ns)));
    let each = format!(
        "{:.0} ns, {}/s of its time",
        server.cpu_ns_per_operation,
        short(server.operations_per_cpu_second)
    );
    rows.push(row("... per operation", each));
    let (before, after) = (mib(server.rss_before), mib(server.rss_after));
    rows.push(row("server memory before / after", format!("{before} / {after} MiB")));
    rows
}

fn latency(name: &str, points: &[Quantile]) -> Option<(String, String)> {
    let shown = points.iter().filter(|point| SHOWN.contains(&point.quantile));
    let (names, times): (Vec<_>, Vec<_>) =
        shown.map(|point| (point_name(point), time(point.ns))).unzip();
    let name = format!("{name} {}", names.join(" / "));
    (!times.is_empty()).then(|| (name, times.join(" / ")))
}

/// The plan and the outcome as one JSON object.
pub(crate) fn json(plan: &DatabasePlan, outcome: &DatabaseOutcome) -> Result<String> {
    let plan = serde_json::json!({
        "objects": plan.objects,
        "clients": plan.clients,
        "connections": plan.connections,
        "value_bytes": plan.value_bytes,
        "object_bytes": plan.object_bytes,
        "phases": plan.phases,
        "duration": plan.duration.as_secs_f64(),
        "has_listener": plan.has_listener,
        "seed": plan.seed,
    });
    let whole = serde_json::json!({ "plan": plan, "outcome": outcome });
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}
