//! From samples to ratios: medians over the rounds, and which targets they reach.
//!
//! A ratio is taken within each round, between runs that followed each other, and then its median
//! over the rounds: a machine that is slower for a minute is slower for both sides.

use crate::contender::Contender;
use crate::rows::{Measure, Sample, Target};
use serde::Serialize;
use std::collections::BTreeMap;

/// One measure of one row, for all contenders.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The row.
    pub name: &'static str,
    /// The row, in words.
    pub title: &'static str,
    /// What the figures are.
    pub measure: Measure,
    /// Per contender, one sample per round.
    #[serde(serialize_with = "by_name")]
    pub samples: BTreeMap<Contender, Vec<Sample>>,
    /// What must be reached, and what was.
    pub findings: Vec<Finding>,
}

/// A target and how it went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What must be reached.
    pub target: Target,
    /// What was; None where a side of the ratio is missing.
    pub found: Option<f64>,
}

impl Finding {
    /// Whether it was reached; None where it could not be said.
    pub fn is_reached(&self) -> Option<bool> {
        let found = self.found?;
        Some(match self.target {
            Target::ShareOfFloor(least) | Target::TimesOthers(least) => found >= least,
            Target::AtMostFloorTimes(most)
            | Target::AtMostOneShardTimes(most)
            | Target::AtMost(most) => found <= most,
        })
    }
}

const OURS: Contender = Contender::Ours(1);

impl Line {
    /// A line of `samples` with its findings.
    pub fn new(
        (name, title): (&'static str, &'static str),
        (measure, targets): (Measure, &[Target]),
        samples: BTreeMap<Contender, Vec<Sample>>,
    ) -> Line {
        let mut line = Line { name, title, measure, samples, findings: Vec::new() };
        let finding = |&target: &Target| Finding { target, found: line.found(target) };
        line.findings = targets.iter().map(finding).collect();
        line
    }

    fn found(&self, target: Target) -> Option<f64> {
        match target {
            Target::ShareOfFloor(_) => self.ratio(Contender::Floor, OURS),
            Target::TimesOthers(_) => {
                let others = [Contender::Nats, Contender::Redis];
                others.iter().filter_map(|other| self.ratio(*other, OURS)).reduce(f64::min)
            }
            Target::AtMostFloorTimes(_) => self.ratio(OURS, Contender::Floor),
            Target::AtMostOneShardTimes(_) => self.ratio(Contender::Ours(2), OURS),
            Target::AtMost(_) => self.median(OURS),
        }
    }

    /// The median figure of a contender.
    pub fn median(&self, contender: Contender) -> Option<f64> {
        median(self.samples.get(&contender)?.iter().map(|sample| sample.value))
    }

    /// The median rate of a contender.
    pub fn median_rate(&self, contender: Contender) -> Option<f64> {
        median(self.samples.get(&contender)?.iter().map(|sample| sample.per_second))
    }

    /// The median over the rounds of one figure divided by the other.
    pub fn ratio(&self, upper: Contender, lower: Contender) -> Option<f64> {
        let rounds = self.samples.get(&upper)?.iter().zip(self.samples.get(&lower)?);
        let defined = rounds.filter(|(_, lower)| lower.value > 0.0);
        median(defined.map(|(upper, lower)| upper.value / lower.value))
    }
}

/// The value in the middle; of an even number, between the two.
pub fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

fn by_name<S: serde::Serializer>(
    samples: &BTreeMap<Contender, Vec<Sample>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(samples.iter().map(|(contender, samples)| (contender.name(), samples)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Vec<Sample> {
        values.iter().map(|&value| Sample { value, per_second: 1.0 }).collect()
    }

    fn line(targets: &[Target], samples: BTreeMap<Contender, Vec<Sample>>) -> Line {
        Line::new(("p2p", "p2p"), (Measure::CpuPerMessage, targets), samples)
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let floor = samples(&[100.0, 1000.0, 100.0]);
        let ours = samples(&[110.0, 1100.0, 200.0]);
        let targets = [Target::ShareOfFloor(0.85), Target::AtMostFloorTimes(1.05)];
        let line = line(&targets, [(Contender::Floor, floor), (OURS, ours)].into());
        let reached: Vec<_> = line.findings.iter().map(Finding::is_reached).collect();
        assert_eq!(reached, [Some(true), Some(false)]);
        assert_eq!(line.ratio(OURS, Contender::Floor), Some(1.1));
        assert_eq!(line.median(Contender::Floor), Some(100.0));
    }

    #[test]
    fn the_best_of_the_others_counts() {
        let other = |contender, value| (contender, samples(&[value]));
        let all = [other(OURS, 10.0), other(Contender::Nats, 20.0), other(Contender::Redis, 50.0)];
        let targets = [Target::TimesOthers(3.0), Target::ShareOfFloor(0.85), Target::AtMost(10.0)];
        let line = line(&targets, all.into());
        let found: Vec<_> = line.findings.iter().map(|finding| finding.found).collect();
        assert_eq!(found, [Some(2.0), None, Some(10.0)]);
        let reached: Vec<_> = line.findings.iter().map(Finding::is_reached).collect();
        assert_eq!(reached, [Some(false), None, Some(true)]);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(median([].into_iter()), None);
    }
}
