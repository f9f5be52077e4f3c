//! The files of a folder, and what can be relied on.
//!
//! Calls block. A file that was written is whole after a crash or not there; that it carries its
//! name, or none any more, is durable after [`Files::sync`].

use rustix::fs::{FlockOperation, flock, syncfs};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use store::DiskError;

/// Behind the name of a file that is being written.
const UNFINISHED: &str = ".unfinished";
/// How long somebody else may hold the lock before the folder is in use, and how often to look.
const LOCKED_WITHIN: Duration = Duration::from_millis(200);
const LOCK_AGAIN: Duration = Duration::from_millis(5);

/// Where files lie.
pub trait Files: Send {
    /// What messages call the file of this name.
    fn path_of(&self, name: &str) -> String;
    /// The names of all files, ascending.
    fn list(&self) -> Result<Vec<String>, DiskError>;
    /// All of a file.
    fn read(&self, name: &str) -> Result<Vec<u8>, DiskError>;
    /// Makes or replaces a file, durably under another name; the old one stays until
    /// [`Files::publish`].
    fn prepare(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError>;
    /// Gives what was prepared its name.
    fn publish(&self, name: &str) -> Result<(), DiskError>;
    /// Drops what was prepared.
    fn discard(&self, name: &str) -> Result<(), DiskError>;
    /// Removes a file; one that is not there is removed.
    fn remove(&self, name: &str) -> Result<(), DiskError>;
    /// Makes names durable. If it fails, it is never tried again.
    fn sync(&self) -> Result<(), DiskError>;
}

/// A folder of the file system.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The folder, open and, unless it is only looked at, locked.
    handle: File,
}

/// Why a folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process has it.
    #[error("{0}: another process uses this folder")]
    InUse(String),
    /// The system refused.
    #[error("{path}: {why}")]
    Failed {
        /// The folder.
        path: String,
        /// What the system said.
        why: io::Error,
    },
}

/// Whoever looks whether a folder is in use holds its lock for a moment.
fn lock_patiently(handle: &File) -> Result<(), Errno> {
    let until = Instant::now() + LOCKED_WITHIN;
    loop {
        match flock(handle, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if Instant::now() < until => std::thread::sleep(LOCK_AGAIN),
            done => return done,
        }
    }
}

impl Folder {
    /// Opens a folder and locks it, against our own kind: Astron asks for no lock.
    pub fn open(path: &Path) -> Result<Folder, FolderError> {
        let failed = |why| FolderError::Failed { path: path.display().to_string(), why };
        let handle = File::open(path).map_err(failed)?;
        match lock_patiently(&handle) {
            Ok(()) => (),
            Err(Errno::WOULDBLOCK) => return Err(FolderError::InUse(path.display().to_string())),
            Err(errno) => return Err(failed(errno.into())),
        }
        let folder = Folder { path: path.to_owned(), handle };
        folder.clean().map_err(failed)?;
        Ok(folder)
    }

    /// Opens a folder to read what is there, whoever else uses it.
    pub fn look(path: &Path) -> Result<Folder, FolderError> {
        let failed = |why| FolderError::Failed { path: path.display().to_string(), why };
        let handle = File::open(path).map_err(failed)?;
        Ok(Folder { path: path.to_owned(), handle })
    }

    /// The same as [`Folder::open`], and makes the folder if it is not there.
    pub fn create(path: &Path) -> Result<Folder, FolderError> {
        let failed = |why| FolderError::Failed { path: path.display().to_string(), why };
        fs::create_dir_all(path).map_err(failed)?;
        Folder::open(path)
    }

    /// Makes or replaces a file that is durable after [`Folder::sync_all`].
    pub(crate) fn write_loosely(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let path = self.path.join(name);
        fs::write(&path, bytes).map_err(|error| failed(&path, &error))
    }

    /// Makes everything durable that was written to the file system of the folder.
    pub(crate) fn sync_all(&self) -> Result<(), DiskError> {
        syncfs(&self.handle).map_err(|errno| failed(&self.path, &errno.into()))
    }

    /// Removes what a crash left unfinished.
    fn clean(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_ours = name.to_str().and_then(|name| name.strip_suffix(UNFINISHED));
            if is_ours.is_some_and(|name| name.ends_with(".yaml")) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn unfinished(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}{UNFINISHED}"))
    }
}

fn failed(path: &Path, error: &io::Error) -> DiskError {
    let what = path.display().to_string();
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT) => DiskError::Full { what },
        _ => DiskError::Failed { what, why: error.to_string() },
    }
}

impl Files for Folder {
    fn path_of(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let names = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(&self.path)? {
                // What is no text is no file of ours.
                names.extend(entry?.file_name().into_string());
            }
            names.sort_unstable();
            Ok(names)
        };
        names().map_err(|error| failed(&self.path, &error))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, DiskError> {
        let path = self.path.join(name);
        fs::read(&path).map_err(|error| failed(&path, &error))
    }

    fn prepare(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let path = self.unfinished(name);
        let write = || -> io::Result<()> {
            let mut file = File::create(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|error| failed(&path, &error))
    }

    fn publish(&self, name: &str) -> Result<(), DiskError> {
        let path = self.path.join(name);
        fs::rename(self.unfinished(name), &path).map_err(|error| failed(&path, &error))
    }

    fn discard(&self, name: &str) -> Result<(), DiskError> {
        remove(&self.unfinished(name))
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        remove(&self.path.join(name))
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.handle.sync_all().map_err(|error| failed(&self.path, &error))
    }
}

fn remove(path: &Path) -> Result<(), DiskError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(path, &error)),
    }
}
