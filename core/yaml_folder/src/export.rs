//! A new folder, written as a whole.

use crate::files::{Files, Folder, FolderError};
use crate::info_file;
use crate::object_file::{self, file_name};
use crate::text_object::TextObject;
use std::fs;
use std::path::Path;
use store::DiskError;

/// A folder that is being written.
///
/// All is made durable together, by [`Export::finish`]: one sync instead of one for every file.
/// `info.yaml` comes last, so a folder without it was not finished.
#[derive(Debug)]
pub struct Export {
    folder: Folder,
}

/// Why a folder cannot be exported to.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There are files in it.
    #[error("{0}: is not empty")]
    NotEmpty(String),
    /// It cannot be had.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// It cannot be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Export {
    /// Into a folder that is empty or not there.
    pub fn new(path: &Path) -> Result<Export, ExportError> {
        if fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(ExportError::NotEmpty(path.display().to_string()));
        }
        Ok(Export { folder: Folder::create(path)? })
    }

    /// Adds an object.
    pub fn put(&self, object: &TextObject) -> Result<(), DiskError> {
        let text = object_file::write(object);
        self.folder.write_loosely(&file_name(object.do_id), text.as_bytes())
    }

    /// Ends with the id that comes next, and makes everything durable.
    pub fn finish(self, next: u32, free: &[u32]) -> Result<(), DiskError> {
        self.folder.sync_all()?;
        self.folder.prepare(info_file::FILE_NAME, info_file::write(next, free).as_bytes())?;
        self.folder.publish(info_file::FILE_NAME)?;
        self.folder.sync()
    }
}
