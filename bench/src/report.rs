//! The table: never a time alone, always beside what it is to be compared with.

use crate::contender::Contender;
use crate::rows::{Measure, Target};
use crate::verdict::{Finding, Line};

const OURS: Contender = Contender::Ours(1);
const HEADS: [&str; 9] = [
    "row",
    "unit",
    "floor",
    "ours",
    "nats",
    "redis",
    "ours : floor",
    "ours : best other",
    "target",
];

/// How a table is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Columns of equal width.
    Text,
    /// For the README.
    Markdown,
}

/// All lines as one table. `is_claim`: whether it may say that a target is reached.
pub fn table(lines: &[Line], style: Style, is_claim: bool) -> String {
    let mut rows = vec![HEADS.map(str::to_owned)];
    rows.extend(lines.iter().map(|line| cells(line, is_claim)));
    grid(&rows, style)
}

/// Rows of as many cells each, the first one being their heads.
pub fn grid<Row: AsRef<[String]>>(rows: &[Row], style: Style) -> String {
    let columns = rows.first().map_or(0, |heads| heads.as_ref().len());
    let cells = |column: usize| rows.iter().map(move |row| row.as_ref()[column].chars().count());
    let widths: Vec<usize> = (0..columns).map(|column| cells(column).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells = row.as_ref().iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let cells: Vec<String> = cells.collect();
        match style {
            Style::Text => out.push_str(cells.join("  ").trim_end()),
            Style::Markdown => out.push_str(&format!("| {} |", cells.join(" | "))),
        }
        out.push('\n');
        if number == 0 && style == Style::Markdown {
            out.push_str(&format!("|{}\n", " --- |".repeat(columns)));
        }
    }
    out
}

fn cells(line: &Line, is_claim: bool) -> [String; 9] {
    let figure = |contender| match line.median(contender) {
        None => "-".to_owned(),
        Some(value) => with_rate(value, line.median_rate(contender).unwrap_or(0.0)),
    };
    let is_throughput = matches!(
        line.measure,
        Measure::CpuPerMessage | Measure::CpuPerDelivery | Measure::CpuPerChange
    );
    let share = if is_throughput {
        line.ratio(Contender::Floor, OURS).map(|share| format!("{:.0} %", 100.0 * share))
    } else {
        line.ratio(OURS, Contender::Floor).map(|times| format!("{times:.2} x"))
    };
    let others = [Contender::Nats, Contender::Redis];
    let best = others.iter().filter_map(|other| line.ratio(*other, OURS)).reduce(f64::min);
    let findings: Vec<String> =
        line.findings.iter().map(|finding| judged(finding, is_claim)).collect();
    [
        line.title.to_owned(),
        line.measure.unit().to_owned(),
        figure(Contender::Floor),
        ours(line),
        figure(Contender::Nats),
        figure(Contender::Redis),
        share.unwrap_or_else(|| "-".to_owned()),
        best.map_or_else(|| "-".to_owned(), |times| format!("{times:.1} x")),
        findings.join("; "),
    ]
}

/// Ours, with one shard and with more.
fn ours(line: &Line) -> String {
    let shards = |contender: &Contender| match contender {
        Contender::Ours(shards) => Some(*shards),
        Contender::Floor | Contender::Nats | Contender::Redis => None,
    };
    let all: Vec<u16> = line.samples.keys().filter_map(shards).collect();
    let figure = |shards: &u16| {
        let contender = Contender::Ours(*shards);
        let value = line.median(contender)?;
        let figure = with_rate(value, line.median_rate(contender).unwrap_or(0.0));
        Some(if all.len() > 1 { format!("{shards}: {figure}") } else { figure })
    };
    let figures: Vec<String> = all.iter().filter_map(figure).collect();
    if figures.is_empty() { "-".to_owned() } else { figures.join(", ") }
}

fn with_rate(value: f64, per_second: f64) -> String {
    let rate = match per_second {
        none if none <= 0.0 => String::new(),
        millions if millions >= 1e6 => format!(" ({:.2} M/s)", millions / 1e6),
        thousands => format!(" ({:.0} k/s)", thousands / 1e3),
    };
    if value < 100.0 { format!("{value:.1}{rate}") } else { format!("{value:.0}{rate}") }
}

fn judged(finding: &Finding, is_claim: bool) -> String {
    let wanted = match finding.target {
        Target::ShareOfFloor(share) => format!("{:.0} % of the floor", 100.0 * share),
        Target::TimesOthers(times) => format!("{times} x the others"),
        Target::AtMostFloorTimes(times) => format!("at most {times} x the floor"),
        Target::AtMostOneShardTimes(times) => format!("at most {times} x one shard"),
        Target::AtMost(most) => format!("at most {most}"),
    };
    let times = match (finding.target, finding.found) {
        (Target::AtMostOneShardTimes(_), Some(found)) => format!(", is {found:.2} x"),
        _ => String::new(),
    };
    let verdict = match finding.is_reached().filter(|_| is_claim) {
        Some(true) => ": reached",
        Some(false) => ": NOT REACHED",
        None => ": not judged",
    };
    format!("{wanted}{times}{verdict}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Sample;

    #[test]
    fn a_line_says_what_it_is_compared_with() {
        let sample = |value| vec![Sample { value, per_second: 2e6 }];
        let samples = [(Contender::Floor, sample(90.0)), (OURS, sample(120.0))];
        let targets = [Target::ShareOfFloor(0.85), Target::TimesOthers(3.0)];
        let measure = (Measure::CpuPerMessage, &targets[..]);
        let line = Line::new(("p2p", "p2p"), measure, samples.into());
        let text = table(std::slice::from_ref(&line), Style::Text, true);
        assert!(text.contains("90.0 (2.00 M/s)") && text.contains("75 %"), "{text}");
        assert!(text.contains("85 % of the floor: NOT REACHED"), "{text}");
        assert!(text.contains("3 x the others: not judged"), "{text}");
        let markdown = table(&[line], Style::Markdown, false);
        assert!(markdown.lines().nth(1).is_some_and(|rule| rule.matches("---").count() == 9));
        assert!(!markdown.contains("NOT REACHED"), "{markdown}");
    }
}
