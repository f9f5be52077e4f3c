//! Files of removed segments that are kept to become others.
//!
//! What stands in them stays there until it is written over. No record of it passes for one of the
//! segment that the file becomes, as their checksums begin with the salt and the number of a segment
//! (see [`crate::record`]).

use super::{fill, reserve};
use rustix::fs::FlockOperation;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// How many there are at most.
const SPARES_MAX: usize = 2;
/// The end of a file is zero, or the footer that stands there would be taken for its own.
const END_BYTES: u32 = 4096;

/// Files that are kept.
#[derive(Default, Debug)]
pub(super) struct Spares {
    files: Mutex<Vec<Spare>>,
}

#[derive(Debug)]
struct Spare {
    path: PathBuf,
    file: Arc<File>,
}

impl Spares {
    /// Takes the name of a segment away, and keeps its file if there are not enough. Durable when
    /// the directory was made so.
    pub fn keep(&self, path: &Path, file: Arc<File>) -> io::Result<()> {
        let mut files = self.files();
        if files.len() >= SPARES_MAX {
            return std::fs::remove_file(path);
        }
        let mut name = OsString::from(path);
        name.push(".spare");
        std::fs::rename(path, &name)?;
        files.push(Spare { path: name.into(), file });
        Ok(())
    }

    /// Gives a file that nobody reads any more this name, if there is one.
    pub fn take(&self, name: &Path) -> io::Result<Option<Arc<File>>> {
        let mut files = self.files();
        // A map of the file holds it too.
        let Some(at) = files.iter().position(|spare| Arc::strong_count(&spare.file) == 1) else {
            return Ok(None);
        };
        let Spare { path, file } = files.swap_remove(at);
        if may_be_read_by_others(&file) {
            std::fs::remove_file(path)?;
            return Ok(None);
        }
        std::fs::rename(path, name)?;
        Ok(Some(file))
    }

    /// Removes them all.
    pub fn let_go(&self) -> io::Result<()> {
        self.files().drain(..).try_for_each(|spare| std::fs::remove_file(spare.path))
    }

    fn files(&self) -> MutexGuard<'_, Vec<Spare>> {
        self.files.lock().expect("no holder of this lock panics")
    }
}

/// Whether another process may read it, such as a backup: see [`super::Frozen`].
fn may_be_read_by_others(file: &File) -> bool {
    let locked = rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive);
    locked.and_then(|()| rustix::fs::flock(file, FlockOperation::Unlock)).is_err()
}

/// Makes a segment that begins with `head` and has so many bytes of a file that was one.
pub(super) fn renew(file: &File, head: &[u8], bytes: u32) -> io::Result<()> {
    let before = file.metadata()?.len();
    match u32::try_from(before) {
        Ok(before) if before <= bytes => {
            reserve(file, bytes)?;
            fill(file, before.min(bytes.saturating_sub(END_BYTES))..bytes)?;
        }
        Ok(_) | Err(_) => {
            file.set_len(bytes.into())?;
            fill(file, bytes.saturating_sub(END_BYTES)..bytes)?;
        }
    }
    file.write_all_at(head, 0)?;
    file.sync_all()
}
