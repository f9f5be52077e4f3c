//! The table, and all samples as JSON.

use crate::engine::Kind;
use crate::figures::{Figures, Row, Target};
use bench::report::{self, Style};

/// All rows as one table. `is_claim`: whether it may say that a target is reached.
pub fn table(figures: &Figures, kinds: &[Kind], style: Style, is_claim: bool) -> String {
    let mut heads = vec!["row".to_owned(), "unit".to_owned()];
    heads.extend(kinds.iter().map(|kind| kind.name().to_owned()));
    heads.push("target".to_owned());
    let mut rows = vec![heads];
    for row in figures.rows() {
        let mut cells = vec![row.title().to_owned(), row.unit().to_owned()];
        cells.extend(kinds.iter().map(|kind| cell(figures, row, *kind)));
        cells.push(row.target().map_or_else(String::new, |t| judged(figures, row, t, is_claim)));
        rows.push(cells);
    }
    report::grid(&rows, style)
}

/// The figure, and what the floor took meanwhile.
fn cell(figures: &Figures, row: Row, kind: Kind) -> String {
    let Some(value) = figures.median(row, kind) else { return "-".to_owned() };
    match figures.floor(row, kind) {
        Some(floor) => format!("{} (floor {})", short(value), short(floor)),
        None => short(value),
    }
}

fn short(value: f64) -> String {
    match value {
        millions if millions >= 1e6 => format!("{:.2} M", millions / 1e6),
        thousands if thousands >= 1e4 => format!("{:.0} k", thousands / 1e3),
        small if small < 10.0 => format!("{small:.1}"),
        other => format!("{other:.0}"),
    }
}

fn judged(figures: &Figures, row: Row, target: Target, is_claim: bool) -> String {
    let found = figures.found(row, target);
    let wanted = match target {
        Target::TimesBestPeer(times) => format!("{times} x the best peer"),
        Target::ShareOfFloor(share) => format!("{share} of the floor"),
        Target::AtMost(most) => format!("at most {most}"),
        Target::AboveFloor(most) => format!("at most {most} above the floor"),
        Target::TimesFresh(times) => format!("at most {times} x fresh"),
    };
    let Some(found) = found else { return format!("{wanted}: not judged") };
    let verdict = match target.is_reached(found) {
        _ if !is_claim => "",
        true => ": reached",
        false => ": NOT REACHED",
    };
    format!("{wanted}, is {found:.2}{verdict}")
}

/// All samples, with targets and findings.
pub fn json(figures: &Figures, kinds: &[Kind]) -> serde_json::Value {
    let line = |row: Row| {
        let samples = kinds.iter().map(|kind| {
            let samples = figures.samples(row, *kind);
            (kind.name().to_owned(), serde_json::json!(samples))
        });
        let target = row.target();
        serde_json::json!({
            "row": row,
            "title": row.title(),
            "unit": row.unit(),
            "samples": samples.collect::<serde_json::Map<_, _>>(),
            "target": target,
            "found": target.and_then(|target| figures.found(row, target)),
        })
    };
    figures.rows().map(line).collect()
}
