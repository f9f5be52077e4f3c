//! What the user sees of a run against a park.

use super::{amount, lines, mib, point_name, short, time};
use anyhow::Result;
use loadtest::{Faults, Moment, ParkOutcome, ParkPlan, Quantile};

pub(crate) fn progress_line(moment: &Moment) -> String {
    let wrong = match moment.faults {
        0 => String::new(),
        faults => format!("  {faults} WRONG"),
    };
    format!(
        "{:6.1} s {:8}  {} visitors  logins {}/s  updates {}/s  seen {}/s  server {:.0} % {} MiB{wrong}",
        moment.seconds,
        moment.phase.name(),
        moment.present,
        short(moment.logins_per_second),
        short(moment.updates_per_second),
        short(moment.deliveries_per_second),
        moment.server_cpu * 100.0,
        mib(moment.server_rss),
    )
}

pub(crate) fn title(plan: &ParkPlan) -> String {
    format!("{} visitors for {:.0} s", plan.visitors, plan.duration.as_secs_f64())
}

pub(crate) fn table(outcome: &ParkOutcome) -> String {
    let per_second = |count: u64| count as f64 / outcome.seconds.max(1e-9);
    let counted = |count: u64| amount(count, per_second(count));
    let counts = &outcome.counts;
    let (visitors, zones, npcs) = (outcome.visitors, outcome.zones, outcome.npcs);
    let mut rows: Vec<(String, String)> = vec![
        ("protocol".into(), outcome.protocol.clone()),
        ("visitors".into(), format!("{visitors} in {zones} zones, beside {npcs} NPCs")),
        (
            "all were in".into(),
            format!(
                "after {:.1} s ({}/s)",
                outcome.arriving_seconds,
                short(outcome.arrivals_per_second)
            ),
        ),
        ("walked about".into(), format!("{:.1} s", outcome.seconds)),
        ("  logins".into(), counted(counts.logins)),
        ("  interests".into(), counted(counts.interests)),
        ("  updates by visitors".into(), counted(counts.updates)),
        ("  ... by AIs".into(), counted(counts.npc_updates)),
        ("  words".into(), counted(counts.says)),
        ("  walks of visitors".into(), counted(counts.walks)),
        ("  ... of NPCs".into(), counted(counts.npc_walks)),
        ("  updates and words seen".into(), counted(counts.deliveries)),
        ("  objects entered / left".into(), format!("{} / {}", counts.entries, counts.leavings)),
        ("  goodbyes / crashes".into(), format!("{} / {}", counts.goodbyes, counts.crashes)),
        ("seen by all at the end".into(), format!("{} objects", outcome.seen)),
    ];
    rows.extend(latency("login", &outcome.login_ns));
    rows.extend(latency("interest", &outcome.interest_ns));
    rows.extend(latency("update seen", &outcome.update_ns));
    rows.extend(cpu_rows(outcome));
    let Faults { lost, doubled, out_of_order, unexpected, .. } = &outcome.faults;
    let wrong = format!("{lost} / {doubled} / {out_of_order} / {unexpected}");
    rows.push(("lost / doubled / out of order / unexpected".into(), wrong));
    lines(&rows)
}

fn cpu_rows(outcome: &ParkOutcome) -> Vec<(String, String)> {
    let share =
        |cpu_ns: u64| format!("{:.1} %", cpu_ns as f64 / 1e9 / outcome.seconds.max(1e-9) * 100.0);
    let mut rows = vec![("generator cpu".to_owned(), share(outcome.generator_cpu_ns))];
    let Some(server) = &outcome.server else { return rows };
    rows.push((format!("server cpu (process {})", server.pid), share(server.cpu_ns)));
    let each = format!("{:.0} ns", server.cpu_ns_per_delivery);
    rows.push(("... per update seen, all else included".into(), each));
    let (before, present) = (mib(server.rss_before), mib(server.rss_present));
    rows.push(("server memory before / all in".into(), format!("{before} / {present} MiB")));
    rows
}

/// The points of the distribution of latencies that the table shows.
const SHOWN: [f64; 4] = [0.5, 0.99, 0.999, 1.0];

fn latency(name: &str, points: &[Quantile]) -> Option<(String, String)> {
    let shown = points.iter().filter(|point| SHOWN.contains(&point.quantile));
    let (names, times): (Vec<_>, Vec<_>) =
        shown.map(|point| (point_name(point), time(point.ns))).unzip();
    (!times.is_empty()).then(|| (format!("{name} {}", names.join(" / ")), times.join(" / ")))
}

/// The plan and the outcome as one JSON object.
pub(crate) fn json(plan: &ParkPlan, outcome: &ParkOutcome) -> Result<String> {
    let plan = serde_json::json!({
        "visitors": plan.visitors,
        "seconds": plan.duration.as_secs_f64(),
        "login": plan.login,
        "mover": plan.mover,
        "ais": plan.ais,
        "seed": plan.seed,
        "scenario": plan.scenario,
    });
    let whole = serde_json::json!({ "plan": plan, "outcome": outcome });
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}
