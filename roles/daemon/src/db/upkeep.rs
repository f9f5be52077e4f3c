//! `compact` and `repair`: what is done to a store at rest.

use super::cli::Place;
use super::ending::{Done, Ending, Failure, count, question, size};
use super::open;
use super::place::{Database, Kind};
use store::Catalog;

/// Gives all unused space back.
pub fn compact(place: &Place) -> Done {
    let database = Database::named(place)?;
    let shown = database.directory.display();
    if database.kind == Kind::Yaml {
        return question(format!("{shown}: is a folder of YAML files, which has no unused space"));
    }
    if open::is_in_use(&database.directory, database.kind)? {
        return question(format!(
            "{shown}: a server is using it, and compacts it by itself; stop it to have all at once"
        ));
    }
    let before = open::disk_bytes(&database.directory)?;
    let mut desk = open::alone(&database.directory, Catalog::default())?;
    desk.compact()?;
    let objects = count(desk.ids().len() as u64, "object");
    desk.close()?;
    let after = open::disk_bytes(&database.directory)?;
    let (before, after) = (size(before), size(after));
    Ok(Ending::in_order(format!("{shown}: {objects}; {before} on the disk before, {after} now.")))
}

/// Sets aside what cannot be read.
pub fn repair(place: &Place) -> Done {
    let database = Database::named(place)?;
    let shown = database.directory.display();
    if database.kind == Kind::Yaml {
        return question(format!(
            "{shown}: is a folder of YAML files: correct those that `ferriswheel db verify` names"
        ));
    }
    Err(Failure::Question("not yet".into()))
}
