//! The command line of `ferriswheel db`.

use crate::cli::DcStrings;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What to do with a database.
#[derive(Subcommand)]
pub enum Db {
    /// Count objects by class, segments and bytes; say whether a server uses it
    Stat {
        /// The database
        #[command(flatten)]
        place: Place,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Read everything, check all checksums and values, and name what is damaged
    ///
    /// Exit code 1 if something is damaged.
    Verify {
        /// The database
        #[command(flatten)]
        place: Place,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Set damaged parts aside, so that the rest can be served again
    ///
    /// No server may be using the database.
    Repair {
        /// The database
        #[command(flatten)]
        place: Place,
    },
    /// Copy the database, also while a server uses it, and verify the copy
    ///
    /// ferriswheel db backup backups/today
    Backup {
        /// Where the copy goes: a directory that is empty or not there
        destination: PathBuf,
        /// The database
        #[command(flatten)]
        place: ChosenPlace,
    },
    /// Make a database from a backup
    Restore {
        /// The backup
        source: PathBuf,
        /// Where the database goes: a directory that is empty or not there
        directory: PathBuf,
    },
    /// Write all objects as lines of JSON
    ///
    /// {"id":7,"class":"Account","fields":{"setName":"(\"Anna\")"}}
    #[command(verbatim_doc_comment)]
    Dump {
        /// The database
        #[command(flatten)]
        place: Place,
        /// Only objects of this class
        #[arg(long)]
        class: Option<String>,
        /// The file to write; standard output if not given
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
    /// Read objects from a folder of YAML files, as Astron has it, or from a dump
    ///
    /// No server may be using the database.
    Import {
        /// The folder, or the file of the dump
        source: PathBuf,
        /// The database
        #[command(flatten)]
        place: ChosenPlace,
        /// Into a database that has objects already: those with the same id are replaced
        #[arg(long)]
        merge: bool,
        /// Leave out what cannot be read, and say so, instead of importing nothing
        #[arg(long)]
        skip_unreadable: bool,
    },
    /// Write all objects into a folder of YAML files that Astron reads
    Export {
        /// The folder: empty or not there
        destination: PathBuf,
        /// The database
        #[command(flatten)]
        place: ChosenPlace,
    },
    /// Give all unused space back
    ///
    /// A running server does this by itself, a little at a time; this is for a database at rest.
    Compact {
        /// The database
        #[command(flatten)]
        place: Place,
    },
}

/// Which database.
#[derive(Args)]
pub struct Place {
    /// The directory of the database; the one of the configuration if not given
    pub directory: Option<PathBuf>,
    /// Where its directory and its classes stand.
    #[command(flatten)]
    pub named: Named,
}

/// Which database, where another path is asked for first.
#[derive(Args)]
pub struct ChosenPlace {
    /// The directory of the database; the one of the configuration if not given
    #[arg(long, short)]
    pub directory: Option<PathBuf>,
    /// Where its directory and its classes stand.
    #[command(flatten)]
    pub named: Named,
}

/// What says where a database is and which classes it has.
#[derive(Args)]
pub struct Named {
    /// The configuration of the server; etc/park.yml if not given
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// DC files, instead of those of the configuration
    #[arg(long, num_args = 1..)]
    pub dc: Vec<PathBuf>,
    /// What a string of these may contain; as the configuration says, or else utf8, if not given
    #[arg(long, value_enum, requires = "dc")]
    pub strings: Option<DcStrings>,
}
