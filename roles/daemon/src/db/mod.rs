//! `db`: what an operator wants to know of a database and do with it.

mod cli;
mod copies;
mod desk;
mod dump;
mod ending;
mod exchange;
mod import;
mod objects;
mod open;
mod place;
mod progress;
mod stat;
mod upkeep;
mod verify;

pub use cli::Db;

use std::process::ExitCode;

/// Carries a command out. Exit code 0: in order; 1: something is wrong with the data, or it
/// failed; 2: it cannot be done as it was asked for.
pub fn run(command: &Db) -> ExitCode {
    ending::tell(match command {
        Db::Stat { place, json } => stat::stat(place, *json),
        Db::Verify { place, json } => verify::verify(place, *json),
        Db::Repair { place } => upkeep::repair(place),
        Db::Compact { place } => upkeep::compact(place),
        Db::Backup { destination, place } => copies::backup(destination, place),
        Db::Restore { source, directory } => copies::restore(source, directory),
        Db::Dump { place, class, output } => {
            exchange::dump(place, class.as_deref(), output.as_deref())
        }
        Db::Export { destination, place } => exchange::export(destination, place),
        Db::Import { source, place, merge, skip_unreadable } => {
            import::import(source, place, *merge, *skip_unreadable)
        }
    })
}
