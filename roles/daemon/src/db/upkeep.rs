//! `compact` and `repair`: what is done to a store at rest.

use super::cli::Place;
use super::ending::{Done, Ending, count, question, size};
use super::open;
use super::place::{Database, Kind};
use super::progress::Progress;
use anyhow::Context;
use std::io::{self, Write};
use store::{Catalog, inspect};

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
    let files = open::files(&database.directory)?;
    let mut progress = Progress::new("repairing");
    let repaired = inspect::repair(
        &*files,
        &mut |name, bytes| files.set_aside(name, bytes),
        &mut |done, of| progress.at(done, of, "segments"),
    );
    drop(progress);
    let repaired = repaired.with_context(|| shown.to_string())?;
    if repaired.is_empty() {
        return Ok(Ending::in_order(format!("{shown}: there is nothing to repair.")));
    }
    let mut out = io::stdout().lock();
    repaired.iter().try_for_each(|repair| writeln!(out, "{repair}"))?;
    let done = count(repaired.len() as u64, "repair");
    Ok(Ending::in_order(format!(
        "{shown}: {done}, named above; a server can use it, and what was taken out lies in {}.",
        database.directory.join("damaged").display()
    )))
}
