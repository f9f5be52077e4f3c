//! What the user sees of a run against a State Server.

use super::{amount, latency_rows, lines, mib, short};
use anyhow::Result;
use loadtest::{Faults, Load, ObjectsOutcome, ObjectsPlan, ObjectsProgress, Phase, PhaseOutcome};

pub(crate) fn progress_line(progress: &ObjectsProgress) -> String {
    format!(
        "{:6.1} s {:6}  {} done  operations {}/s  heard {}/s",
        progress.seconds,
        progress.phase.map_or("check", Phase::name),
        progress.operations,
        short(progress.operations_per_second),
        short(progress.messages_per_second),
    )
}

pub(crate) fn title(plan: &ObjectsPlan) -> String {
    let load = match plan.load() {
        Load::Closed { window } => format!("window {window}"),
        Load::Open { rate } => format!("{}/s", short(rate)),
    };
    let (objects, zones, listeners) = (plan.objects, plan.zones, plan.listeners);
    format!("{objects} objects in {zones} zones, {listeners} listeners each, {load}")
}

pub(crate) fn table(outcome: &ObjectsOutcome) -> String {
    let ObjectsOutcome { class, field, object_bytes, ais, listeners, .. } = outcome;
    let mut rows: Vec<(String, String)> = vec![
        ("protocol".into(), outcome.protocol.clone()),
        ("objects".into(), format!("{class} of {object_bytes} bytes, updates of {field}")),
        ("connections".into(), format!("{ais} AIs + {listeners} listeners")),
    ];
    outcome.phases.iter().for_each(|phase| rows.extend(phase_rows(phase)));
    let Faults { lost, doubled, out_of_order, unexpected, .. } = &outcome.faults;
    let wrong = format!("{lost} / {doubled} / {out_of_order} / {unexpected}");
    rows.push(("lost / doubled / out of order / unexpected".into(), wrong));
    lines(&rows)
}

fn phase_rows(phase: &PhaseOutcome) -> Vec<(String, String)> {
    let row = |name: &str, value: String| (format!("  {name}"), value);
    let mut rows = vec![(phase.phase.name().to_owned(), format!("{:.3} s", phase.seconds))];
    if phase.phase == Phase::Update {
        rows.push(row("updates", amount(phase.updates, phase.updates_per_second)));
        rows.push(row("moves", amount(phase.moves, phase.moves_per_second)));
    } else {
        rows.push(row("objects", amount(phase.operations, phase.operations_per_second)));
    }
    if phase.deliveries > 0 {
        rows.push(row("deliveries", amount(phase.deliveries, phase.deliveries_per_second)));
    }
    let latency = latency_rows(&phase.latency_ns);
    rows.extend(latency.into_iter().map(|(name, value)| row(&name, value)));
    let share =
        |cpu_ns: u64| format!("{:.1} %", cpu_ns as f64 / 1e9 / phase.seconds.max(1e-9) * 100.0);
    rows.push(row("generator cpu", share(phase.generator_cpu_ns)));
    let Some(server) = &phase.server else { return rows };
    rows.push(row("server cpu", share(server.cpu_ns)));
    let each = if phase.phase == Phase::Update { "update or move" } else { "object" };
    let ns = |ns: f64| format!("{ns:.1} ns");
    rows.push(row(&format!("... per {each}"), ns(server.cpu_ns_per_operation)));
    if phase.deliveries > 0 {
        rows.push(row("... per delivery", ns(server.cpu_ns_per_delivery)));
    }
    let (before, after) = (mib(server.rss_before), mib(server.rss_after));
    rows.push(row("server memory before / after", format!("{before} / {after} MiB")));
    if phase.phase == Phase::Create {
        rows.push(row("... per object", format!("{:.0} bytes", server.bytes_per_object)));
    }
    rows
}

/// The plan and the outcome as one JSON object.
pub(crate) fn json(plan: &ObjectsPlan, outcome: &ObjectsOutcome) -> Result<String> {
    let plan = serde_json::json!({
        "objects": plan.objects,
        "zones": plan.zones,
        "ais": plan.ais,
        "listeners": plan.listeners,
        "groups": plan.groups,
        "value_bytes": plan.value_bytes,
        "object_bytes": plan.object_bytes,
        "phases": plan.phases,
        "window": plan.window,
        "load": plan.load(),
        "duration": plan.duration.as_secs_f64(),
        "moves": plan.moves,
        "seed": plan.seed,
    });
    let whole = serde_json::json!({ "plan": plan, "outcome": outcome });
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}
