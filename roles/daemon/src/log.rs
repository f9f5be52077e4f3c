//! Where log messages go: standard error, as text or as one JSON object a line.

use crate::cli::{Log, LogFormat};
use std::io::{self, IsTerminal};
use tracing::Level;

/// Logs from here on.
pub fn begin(log: &Log) {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(Level::from(log.log_level))
        .with_target(false);
    match log.log_format {
        LogFormat::Text => subscriber.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
}
