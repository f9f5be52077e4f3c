//! What is measured: the rows, their targets, and the samples of each.

use crate::engine::Kind;
use bench::verdict::median;
use serde::Serialize;
use std::collections::BTreeMap;

/// A line of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    Creates,
    CommitMedian,
    Commit99,
    DiskFresh,
    Reads,
    Single,
    SingleAlone,
    Open,
    OpenKilled,
    Updates,
    UpdateMedian,
    Update99,
    UpdateMost,
    CreatesAmongUpdates,
    DiskAfter,
    ReadsAfter,
    OpenAfter,
    OpenKilledAfter,
}

/// What ours must reach.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// This many times the best peer's figure.
    TimesBestPeer(f64),
    /// The floor's time divided by ours: at least this.
    ShareOfFloor(f64),
    /// The figure: at most this.
    AtMost(f64),
    /// The figure: at most so much more than the floor's.
    AboveFloor(f64),
    /// The figure: at most this many times that of [`Row::DiskFresh`].
    TimesFresh(f64),
}

impl Row {
    pub const fn title(self) -> &'static str {
        match self {
            Row::Creates => "durable creates, 64 per commit",
            Row::CommitMedian => "... a commit, half within",
            Row::Commit99 => "... a commit, 99 % within",
            Row::DiskFresh => "disk, fresh",
            Row::Reads => "random reads by id, one core",
            Row::Single => "durable commit of one object",
            Row::SingleAlone => "... without the log's thread",
            Row::Open => "open, after it was closed",
            Row::OpenKilled => "open, after a kill",
            Row::Updates => "random updates, 64 per commit",
            Row::UpdateMedian => "... a commit, half within",
            Row::Update99 => "... a commit, 99 % within",
            Row::UpdateMost => "... a commit, the slowest",
            Row::CreatesAmongUpdates => "creates between such updates",
            Row::DiskAfter => "disk after the updates",
            Row::ReadsAfter => "random reads after the updates",
            Row::OpenAfter => "open after them, closed",
            Row::OpenKilledAfter => "open after them, killed",
        }
    }

    pub const fn unit(self) -> &'static str {
        match self {
            Row::Creates | Row::Updates | Row::CreatesAmongUpdates => "objects/s",
            Row::Reads | Row::ReadsAfter => "reads/s",
            Row::CommitMedian
            | Row::Commit99
            | Row::Single
            | Row::SingleAlone
            | Row::UpdateMedian
            | Row::Update99
            | Row::UpdateMost => "us",
            Row::Open | Row::OpenKilled | Row::OpenAfter | Row::OpenKilledAfter => "ms",
            Row::DiskFresh | Row::DiskAfter => "bytes/object",
        }
    }

    pub const fn target(self) -> Option<Target> {
        match self {
            Row::Creates | Row::CreatesAmongUpdates | Row::Reads => {
                Some(Target::TimesBestPeer(1.5))
            }
            Row::Single | Row::SingleAlone => Some(Target::ShareOfFloor(0.9)),
            Row::Open | Row::OpenKilled => Some(Target::AtMost(300.0)),
            Row::DiskFresh => Some(Target::AtMost(360.0)),
            Row::DiskAfter => Some(Target::TimesFresh(2.0)),
            Row::UpdateMost => Some(Target::AboveFloor(5000.0)),
            Row::CommitMedian
            | Row::Commit99
            | Row::Updates
            | Row::UpdateMedian
            | Row::Update99
            | Row::ReadsAfter
            | Row::OpenAfter
            | Row::OpenKilledAfter => None,
        }
    }
}

/// One measurement.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Sample {
    /// In the row's unit.
    pub value: f64,
    /// The floor's, taken in between; the same unit.
    pub floor: Option<f64>,
}

/// All samples.
#[derive(Default)]
pub struct Figures {
    samples: BTreeMap<Row, BTreeMap<Kind, Vec<Sample>>>,
}

impl Figures {
    pub fn add(&mut self, row: Row, kind: Kind, value: f64, floor: Option<f64>) {
        let samples = self.samples.entry(row).or_default().entry(kind).or_default();
        samples.push(Sample { value, floor });
    }

    pub fn rows(&self) -> impl Iterator<Item = Row> {
        self.samples.keys().copied()
    }

    pub fn samples(&self, row: Row, kind: Kind) -> &[Sample] {
        self.samples.get(&row).and_then(|kinds| kinds.get(&kind)).map_or(&[], Vec::as_slice)
    }

    pub fn median(&self, row: Row, kind: Kind) -> Option<f64> {
        median(self.samples(row, kind).iter().map(|sample| sample.value))
    }

    /// The median of the floor's figures beside this store's.
    pub fn floor(&self, row: Row, kind: Kind) -> Option<f64> {
        median(self.samples(row, kind).iter().filter_map(|sample| sample.floor))
    }

    /// The median over the samples of the floor's figure divided by the store's.
    pub fn share_of_floor(&self, row: Row, kind: Kind) -> Option<f64> {
        let shares = self.samples(row, kind).iter();
        median(shares.filter_map(|sample| Some(sample.floor? / sample.value)))
    }

    /// Ours divided by the best peer's within each round; the median over the rounds.
    fn times_best_peer(&self, row: Row) -> Option<f64> {
        let ours = self.samples(row, Kind::Ours).iter().enumerate();
        median(ours.filter_map(|(round, ours)| {
            let peers = Kind::ALL.iter().filter(|kind| **kind != Kind::Ours);
            let of_round = |kind: &Kind| Some(self.samples(row, *kind).get(round)?.value);
            Some(ours.value / peers.filter_map(of_round).reduce(f64::max)?)
        }))
    }

    /// What was found where the target asks; None where a side is missing.
    pub fn found(&self, row: Row, target: Target) -> Option<f64> {
        let ours = self.median(row, Kind::Ours);
        match target {
            Target::TimesBestPeer(_) => self.times_best_peer(row),
            Target::ShareOfFloor(_) => self.share_of_floor(row, Kind::Ours),
            Target::AtMost(_) => ours,
            // Whatever commit was the slowest, not the median over rounds.
            Target::AboveFloor(_) => {
                let above = |sample: &Sample| Some(sample.value - sample.floor?);
                self.samples(row, Kind::Ours).iter().filter_map(above).reduce(f64::max)
            }
            Target::TimesFresh(_) => Some(ours? / self.median(Row::DiskFresh, Kind::Ours)?),
        }
    }

    /// A target that could be judged and is not reached.
    pub fn is_a_target_missed(&self) -> bool {
        let found = |row: Row| {
            let target = row.target()?;
            Some((target, self.found(row, target)?))
        };
        self.rows().filter_map(found).any(|(target, found)| !target.is_reached(found))
    }
}

impl Target {
    pub fn is_reached(self, found: f64) -> bool {
        match self {
            Target::TimesBestPeer(least) | Target::ShareOfFloor(least) => found >= least,
            Target::AtMost(most) | Target::AboveFloor(most) | Target::TimesFresh(most) => {
                found <= most
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_judged_by_their_own_rounds() {
        let mut figures = Figures::default();
        for (value, floor) in [(100.0, 95.0), (1000.0, 990.0), (100.0, 60.0)] {
            figures.add(Row::Single, Kind::Ours, value, Some(floor));
            figures.add(Row::UpdateMost, Kind::Ours, value, Some(floor));
        }
        figures.add(Row::DiskFresh, Kind::Ours, 350.0, None);
        figures.add(Row::DiskAfter, Kind::Ours, 770.0, None);
        let found = |row: Row| figures.found(row, row.target().expect("it has one"));
        assert_eq!(found(Row::Single), Some(0.95));
        assert_eq!(found(Row::UpdateMost), Some(40.0));
        assert_eq!(found(Row::DiskAfter), Some(2.2));
        assert_eq!(found(Row::Reads), None);
        assert!(figures.is_a_target_missed());
        assert!(Target::TimesFresh(2.2).is_reached(2.2));
        assert!(!Target::ShareOfFloor(0.9).is_reached(0.89));
    }
}
