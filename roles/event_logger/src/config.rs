//! What the configuration says of this role.

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// An Event Logger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Where packets arrive.
    pub bind: SocketAddr,
    /// The folder that a relative `output` starts from: the one of the configuration.
    pub folder: PathBuf,
    /// The path of the files.
    pub output: Pattern,
    /// How long events go to the same file; the first one after that goes to a new one. It is
    /// counted in local time from a Monday's midnight: a day ends at midnight, an hour when the next
    /// one strikes. `None`: for ever. At least a second.
    pub rotate_interval: Option<Duration>,
    /// Events go to a new file before one would grow beyond so many bytes; it may do so by its first
    /// line and one event. `None`: it may grow for ever.
    pub rotate_bytes: Option<u64>,
}

/// The path of a file with the time in it, as `strftime` writes it: `log/events-%Y%m%d.csv`. The
/// time is the local one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern(String);

/// Why a text is no [`Pattern`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatternError {
    /// It names no file.
    #[error("it must name a file")]
    NoFile,
    /// A byte 0 stands in it.
    #[error("a path holds no byte 0")]
    Zero,
    /// `%` and what follows is no part of a time.
    #[error("{0}; %% stands for a percent sign")]
    Time(String),
}

impl Pattern {
    /// The path of a file that is begun at `now`.
    pub(crate) fn at(&self, now: &Zoned) -> String {
        strtime::format(&self.0, now).expect("a pattern has written another time before")
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Pattern, PatternError> {
        let pattern = Pattern(text.to_owned());
        let path = strtime::format(text, &Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC));
        let path = path.map_err(|error| PatternError::Time(error.to_string()))?;
        if path.contains('\0') {
            return Err(PatternError::Zero);
        }
        match path.rsplit('/').next() {
            None | Some("" | "." | "..") => Err(PatternError::NoFile),
            Some(_) => Ok(pattern),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Pattern {
    /// Astron's.
    fn default() -> Self {
        Pattern("events-%Y%m%d-%H%M%S.log".into())
    }
}
