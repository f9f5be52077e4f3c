//! Databases, opened: for this process alone, or to look at while a server uses them.

use super::desk::Desk;
use super::ending::{Failure, question};
use super::place::Kind;
use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use store::inspect::{Frozen, Snapshot};
use store::{Access, Catalog, Disk, Files, FilesError, LOCK};
use yaml_folder::{Folder, FolderError};

/// The segments of a store, for this process alone.
pub fn files(directory: &Path) -> Result<Arc<Files>, Failure> {
    Files::open(directory, Access::Serve).map_err(refused)
}

/// A store for this process alone; `catalog` has the names that will be written.
pub fn alone(directory: &Path, catalog: Catalog) -> Result<Desk, Failure> {
    let files: Arc<dyn Disk> = files(directory)?;
    Ok(Desk::open(files, catalog).with_context(|| directory.display().to_string())?)
}

/// A store as it is at this moment, be it in use or not.
pub fn snapshot(directory: &Path) -> Result<Snapshot, Failure> {
    let snapshot = Snapshot::of(frozen(directory)?);
    Ok(snapshot.with_context(|| directory.display().to_string())?)
}

/// The segments of a store, held open to be read.
pub fn frozen(directory: &Path) -> Result<Arc<Frozen>, Failure> {
    Frozen::open(directory).map_err(refused)
}

/// A folder of YAML files, to be read whoever uses it.
pub fn folder(path: &Path) -> Result<Folder, Failure> {
    match Folder::look(path) {
        Ok(folder) => Ok(folder),
        Err(error @ (FolderError::InUse(_) | FolderError::Failed { .. })) => {
            question(error.to_string())
        }
    }
}

/// Whether a server has a database.
pub fn is_in_use(directory: &Path, kind: Kind) -> Result<bool, Failure> {
    let path = match kind {
        Kind::Store => directory.join(LOCK),
        Kind::Yaml | Kind::Nothing => directory.to_owned(),
    };
    if !path.exists() {
        return Ok(false);
    }
    let file = File::open(&path).with_context(|| path.display().to_string())?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(errno) => Err(errno).with_context(|| path.display().to_string())?,
    }
}

/// How many bytes the segments of a store take on the disk, reserved ones included; without removed
/// ones that a server keeps to make others of.
pub fn disk_bytes(directory: &Path) -> Result<u64, Failure> {
    let shown = || directory.display().to_string();
    let mut bytes = 0;
    for entry in fs::read_dir(directory).with_context(shown)? {
        let path = entry.with_context(shown)?.path();
        if path.extension().is_some_and(|extension| extension == "segment") {
            // It may have been removed meanwhile.
            bytes += path.metadata().map_or(0, |metadata| metadata.len());
        }
    }
    Ok(bytes)
}

fn refused(error: FilesError) -> Failure {
    match error {
        FilesError::Missing(_)
        | FilesError::NotADirectory(_)
        | FilesError::Foreign(_)
        | FilesError::Newer { .. }
        | FilesError::InUse { .. }
        | FilesError::NoPermission(_) => Failure::Question(error.to_string()),
        FilesError::Failed { .. } => Failure::Failed(error.into()),
    }
}
