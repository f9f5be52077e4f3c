//! `backup` and `restore`: a store as a whole, elsewhere.

use super::cli::ChosenPlace;
use super::ending::{Done, Ending, Failure, count, question, size};
use super::open;
use super::place::{Database, Kind};
use super::progress::Progress;
use anyhow::Context;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use store::inspect;
use store::{Disk, DiskError, Files};

/// What the name of a copy ends with until it is whole. No store that anyone uses has this name,
/// so that what an interrupted copy has left can be removed.
const UNFINISHED: &str = ".unfinished";

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

/// Copies and verifies a store; how many objects it has. Until all is there, verified and durable,
/// the copy has another name: one that was interrupted would look whole, and miss objects.
fn copy(source: &Path, destination: &Path, doing: &'static str) -> Result<u64, Failure> {
    let place = Place::of(destination)?;
    let snapshot = open::snapshot(source)?;
    let files = open::files(&place.unfinished)?;
    let mut progress = Progress::new(doing);
    let copied = (|| {
        place.permit()?;
        clear(&files)?;
        let at = &mut |done, of| progress.at(done, of, "bytes");
        let objects = inspect::backup(&snapshot, &*files, at)?;
        place.take()?;
        anyhow::Ok(objects)
    })();
    drop(progress);
    if copied.is_err() {
        place.give_up();
    }
    Ok(copied.with_context(|| format!("{} to {}", source.display(), destination.display()))?)
}

/// Removes what an interrupted copy has left.
fn clear(files: &Files) -> Result<(), DiskError> {
    files.list()?.into_iter().try_for_each(|segment| files.remove(segment))
}

/// Where a copy goes.
struct Place {
    destination: PathBuf,
    /// Beside it: where it lies before it is whole.
    unfinished: PathBuf,
    parent: PathBuf,
    /// Who may read it, if there is an empty directory already.
    permissions: Option<Permissions>,
}

impl Place {
    fn of(destination: &Path) -> Result<Place, Failure> {
        let shown = destination.display();
        let is_empty = match fs::read_dir(destination) {
            Ok(mut entries) => entries.next().is_none(),
            Err(_) => !destination.exists(),
        };
        if !is_empty {
            return question(format!("{shown}: is not empty, and stays as it is"));
        }
        let (is_there, context) = (destination.exists(), || shown.to_string());
        let whole = match is_there {
            true => fs::canonicalize(destination),
            false => std::path::absolute(destination),
        };
        let whole = whole.with_context(context)?;
        let (Some(parent), Some(name)) = (whole.parent(), whole.file_name()) else {
            return question(format!("{shown}: is no name for a new directory"));
        };
        let there = is_there.then(|| whole.metadata()).transpose().with_context(context)?;
        let above = || parent.metadata().with_context(context);
        if let Some(there) = &there
            && there.dev() != above()?.dev()
        {
            return question(format!("{shown}: is a mount point; name a directory below it"));
        }
        let mut unfinished = name.to_owned();
        unfinished.push(UNFINISHED);
        let (unfinished, parent) = (parent.join(unfinished), parent.to_owned());
        let permissions = there.map(|there| there.permissions());
        Ok(Place { destination: whole, unfinished, parent, permissions })
    }

    /// Lets nobody read the copy who may not read the empty directory that it takes the place of.
    fn permit(&self) -> io::Result<()> {
        let permissions = self.permissions.clone();
        permissions.map_or(Ok(()), |permissions| fs::set_permissions(&self.unfinished, permissions))
    }

    /// Gives the copy its name, durably.
    fn take(&self) -> io::Result<()> {
        File::open(&self.unfinished)?.sync_all()?;
        fs::rename(&self.unfinished, &self.destination)?;
        File::open(&self.parent)?.sync_all()
    }

    /// Takes away what is not whole; the reason has still to be told.
    fn give_up(&self) {
        if let Err(error) = fs::remove_dir_all(&self.unfinished)
            && error.kind() != ErrorKind::NotFound
        {
            eprintln!("{}: could not be removed: {error}", self.unfinished.display());
        }
    }
}
