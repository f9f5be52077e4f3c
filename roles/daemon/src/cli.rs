//! The command line.

use crate::db::Db;
use clap::{Args, Parser, Subcommand, ValueEnum};
use dc::{Rules, TextPolicy};
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
    /// Check, hash, list, try out, format and compare DC files
    #[command(subcommand)]
    Dc(Dc),
    /// Count, check, repair, copy, read and write the objects of a database
    #[command(subcommand)]
    Db(Db),
}

/// What to do with DC files.
#[derive(Subcommand)]
pub enum Dc {
    /// Say all that is wrong with DC files
    Check(Files),
    /// Say their hashes
    Hash(Files),
    /// List classes, fields, numbers and keywords
    List {
        /// The files
        #[command(flatten)]
        files: Files,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Turn a value into the bytes that go over the wire, in hex
    ///
    /// ferriswheel dc pack world.dc -- DistributedChair.setPos '(1, 2.5)'
    Pack(ValueOf),
    /// Turn bytes in hex into a value
    ///
    /// ferriswheel dc unpack world.dc -- DistributedChair.setPos 0a001900
    Unpack(ValueOf),
    /// Rewrite DC files in the usual layout
    Fmt {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Change nothing, and fail if something would change
        #[arg(long)]
        check: bool,
    },
    /// Say what someone with the old files would misread
    ///
    /// Exit code 1 if something would be misread.
    Diff {
        /// The old file
        old: PathBuf,
        /// The new file
        new: PathBuf,
        /// By which rules they are read
        #[arg(long, value_enum, default_value_t = DcRules::Modern)]
        rules: DcRules,
    },
}

/// DC files that are read together, in order.
#[derive(Args)]
pub struct Files {
    /// The files, in order
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// By which rules they are read
    #[arg(long, value_enum, default_value_t = DcRules::Modern)]
    pub rules: DcRules,
    /// What a string may contain
    #[arg(long, value_enum, default_value_t = DcStrings::Utf8)]
    pub strings: DcStrings,
}

/// A field and a value of it.
#[derive(Args)]
pub struct ValueOf {
    /// The files
    #[command(flatten)]
    pub files: Files,
    /// CLASS.FIELD
    #[arg(last = true, num_args = 2, value_names = ["CLASS.FIELD", "VALUE"], required = true)]
    pub field_and_value: Vec<String>,
}

/// By which rules DC files are read.
#[derive(Clone, Copy, ValueEnum)]
pub enum DcRules {
    /// As Panda3D and Astron read them
    Modern,
    /// The same with single inheritance: field numbers go on after the parent's
    Single,
    /// As in 2003: no structs, numbers that go on after the parent's, the hash of then
    Classic,
}

/// What a string may contain.
#[derive(Clone, Copy, ValueEnum)]
pub enum DcStrings {
    /// 7-bit characters, as Astron has it
    Ascii,
    /// UTF-8
    Utf8,
    /// Any bytes, as Panda3D has it
    Bytes,
}

impl From<DcRules> for Rules {
    fn from(rules: DcRules) -> Rules {
        match rules {
            DcRules::Modern => Rules::Modern,
            DcRules::Single => Rules::SingleInheritance,
            DcRules::Classic => Rules::Classic,
        }
    }
}

impl From<DcStrings> for TextPolicy {
    fn from(strings: DcStrings) -> TextPolicy {
        match strings {
            DcStrings::Ascii => TextPolicy::Ascii,
            DcStrings::Utf8 => TextPolicy::Utf8,
            DcStrings::Bytes => TextPolicy::Bytes,
        }
    }
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
