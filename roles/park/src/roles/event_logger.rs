//! `type: eventlogger`

use super::{Cluster, Kind};
use crate::address::{EVENT_PORT, resolved};
use crate::document::Node;
use crate::problem::Place;
use crate::section::Section;
use crate::value::scalar;
use event_logger::{Config, Pattern};
use std::time::Duration;

pub const KIND: Kind = Kind { name: "eventlogger", check };

/// A file for each century is as good as one for all time.
const SECONDS_MAX: u64 = 100 * 366 * 86_400;
const BYTES_MAX: u64 = 1 << 50;

/// An Event Logger, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLogger {
    /// What it is to do.
    pub config: Config,
    /// Where its address stands, for the message should it be taken.
    pub bind_place: Place,
    /// Where its files stand, for the message should they be unusable.
    pub output_place: Place,
}

fn check(section: &mut Section<'_>, cluster: &mut Cluster<'_>) {
    let bind = section.get("bind", resolved(cluster.outside, EVENT_PORT));
    let output = |node: &Node| {
        let text = scalar(node, "the path of a file")?;
        text.parse::<Pattern>().map_err(|error| format!("`{text}` cannot be a file: {error}"))
    };
    let output = section.get("output", output).unwrap_or_default();
    let interval = section.get("rotate_interval", seconds).filter(|seconds| *seconds > 0);
    let config = Config {
        bind: bind.unwrap_or_else(|| ([0, 0, 0, 0], EVENT_PORT).into()),
        folder: cluster.folder.into(),
        output,
        rotate_interval: interval.map(Duration::from_secs),
        rotate_bytes: section.get("rotate_bytes", bytes).filter(|bytes| *bytes > 0),
    };
    if cluster.general.eventlogger.is_none() {
        let what = "without general.eventlogger this daemon itself has nothing written down";
        section.warning_at("type", what);
    }
    let others = &cluster.read.event_loggers;
    if others.iter().any(|other| other.config.output == config.output) {
        return section.error_at("output", "another Event Logger writes there already");
    }
    let (bind_place, output_place) = (section.place_of("bind"), section.place_of("output"));
    cluster.read.event_loggers.push(EventLogger { config, bind_place, output_place });
}

/// A duration such as `1d`, `12h`, `30m`, `90s`, or a number of seconds.
fn seconds(node: &Node) -> Result<u64, String> {
    const UNITS: [(&str, u64); 5] = [("", 1), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    measured(node, "a time such as 1d, 12h, 30m or a number of seconds", &UNITS, SECONDS_MAX)
}

/// A size such as `100MiB`, or a number of bytes.
fn bytes(node: &Node) -> Result<u64, String> {
    const UNITS: [(&str, u64); 4] = [("", 1), ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30)];
    measured(node, "a size such as 100MiB or a number of bytes", &UNITS, BYTES_MAX)
}

fn measured(node: &Node, expected: &str, units: &[(&str, u64)], most: u64) -> Result<u64, String> {
    let text = scalar(node, expected)?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start().to_ascii_lowercase();
    let factor = units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let number: Option<u64> = number.parse().ok();
    let value = number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    value
        .filter(|value| *value <= most)
        .ok_or_else(|| format!("expected {expected}, found `{text}`"))
}
