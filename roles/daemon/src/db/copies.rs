//! `backup` and `restore`: a store as a whole, elsewhere.

use super::cli::ChosenPlace;
use super::ending::{Done, Ending, Failure, count, question, size};
use super::open;
use super::place::{Database, Kind};
use super::progress::Progress;
use anyhow::Context;
use std::fs;
use std::path::Path;
use store::inspect;

/// Copies a database, be it in use or not, and verifies the copy.
pub fn backup(destination: &Path, place: &ChosenPlace) -> Done {
    let database = Database::chosen(place)?;
    let shown = database.directory.display();
    if database.kind == Kind::Yaml {
        return question(format!(
            "{shown}: is a folder of YAML files: copy it, each file is whole"
        ));
    }
    let objects = copy(&database.directory, destination, "backing up")?;
    Ok(Ending::in_order(format!(
        "{} of {shown} backed up to {} ({}), and the copy was verified.",
        count(objects, "object"),
        destination.display(),
        size(open::disk_bytes(destination)?)
    )))
}

/// Makes a database from a backup, and verifies it.
pub fn restore(source: &Path, directory: &Path) -> Done {
    let objects = copy(source, directory, "restoring")?;
    Ok(Ending::in_order(format!(
        "{} restored from {} to {}, and verified: a server can use it.",
        count(objects, "object"),
        source.display(),
        directory.display()
    )))
}

/// Copies and verifies a store; how many objects it has.
fn copy(source: &Path, destination: &Path, doing: &'static str) -> Result<u64, Failure> {
    let is_empty = match fs::read_dir(destination) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !destination.exists(),
    };
    if !is_empty {
        return question(format!("{}: is not empty, and stays as it is", destination.display()));
    }
    let snapshot = open::snapshot(source)?;
    let files = open::files(destination)?;
    let mut progress = Progress::new(doing);
    let copied =
        inspect::backup(&snapshot, &*files, &mut |done, of| progress.at(done, of, "bytes"));
    drop(progress);
    Ok(copied.with_context(|| format!("{} to {}", source.display(), destination.display()))?)
}
