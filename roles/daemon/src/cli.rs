//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use tracing::Level;

/// A Message Director on every core, for the openotp and the astron dialect.
///
/// Without a command it runs etc/park.yml.
/// Exit codes: 0 in order, 1 failure while running, 2 bad command line or configuration.
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to log.
    #[command(flatten)]
    pub log: Log,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Run a configuration until SIGTERM or SIGINT
    Run {
        /// The configuration; etc/park.yml if not given
        config: Option<PathBuf>,
    },
    /// Say what is wrong with a configuration, and start nothing
    Check {
        /// The configuration
        config: PathBuf,
    },
}

/// What to log, and how. Logs go to standard error.
#[derive(Args)]
pub struct Log {
    /// The least important messages to log
    #[arg(long, global = true, value_enum, default_value_t = LogLevel::Info)]
    pub log_level: LogLevel,
    /// How a message looks
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// How important a message is.
#[derive(Clone, Copy, ValueEnum)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How a message looks.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Level {
        match level {
            LogLevel::Error => Level::ERROR,
            LogLevel::Warn => Level::WARN,
            LogLevel::Info => Level::INFO,
            LogLevel::Debug => Level::DEBUG,
            LogLevel::Trace => Level::TRACE,
        }
    }
}
