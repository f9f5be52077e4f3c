//! Files of removed segments that are kept to become others.
//!
//! What stands in them stays there until it is written over. No record of it passes for one of the
//! segment that the file becomes, as their checksums begin with the salt and the number of a segment
//! (see [`crate::record`]).

use super::{FILL_PAUSE, fill, reserve};
use rustix::fs::FlockOperation;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

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
    /// Takes the name of a segment away, durably by `sync`, and keeps its file if there are not enough.
    pub fn keep(
        &self,
        path: &Path,
        file: Arc<File>,
        sync: impl Fn() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut name = OsString::from(path);
        name.push(".spare");
        let is_wanted = self.files().len() < SPARES_MAX;
        // On a full disk there may be no room for a longer name.
        if !is_wanted || std::fs::rename(path, &name).is_err() {
            std::fs::remove_file(path)?;
            return sync();
        }
        // Not before: if the power went, the segment would be there again, with what is written to it.
        sync()?;
        self.files().push(Spare { path: name.into(), file });
        Ok(())
    }

    /// Gives a file that nobody else reads, nor has a name for, this name, if there is one.
    pub fn take(&self, name: &Path) -> Option<Arc<File>> {
        let (mut files, mut at) = (self.files(), 0);
        while let Some(spare) = files.get_mut(at) {
            // A map of the file holds it too.
            if Arc::get_mut(&mut spare.file).is_none() {
                at += 1;
                continue;
            }
            let Spare { path, file } = files.swap_remove(at);
            if is_nobody_elses(&file) && std::fs::rename(&path, name).is_ok() {
                return Some(file);
            }
            if let Err(why) = remove(&path) {
                tracing::warn!(path = %path.display(), %why, "a file that is of no use stays");
            }
        }
        None
    }

    /// Removes them all.
    pub fn let_go(&self) -> io::Result<()> {
        let removed: Vec<_> = self.files().drain(..).map(|spare| remove(&spare.path)).collect();
        removed.into_iter().collect()
    }

    fn files(&self) -> MutexGuard<'_, Vec<Spare>> {
        self.files.lock().expect("no holder of this lock panics")
    }
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether no other process reads it, such as a backup (see [`super::Frozen`]), and nobody has given
/// it another name to keep it.
fn is_nobody_elses(file: &File) -> bool {
    let locked = rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive);
    let is_read = locked.and_then(|()| rustix::fs::flock(file, FlockOperation::Unlock)).is_err();
    !is_read && file.metadata().is_ok_and(|it| it.nlink() == 1)
}

/// Makes a segment that begins with `head` and has so many bytes of a file that was one. Where it was
/// shorter the rest is only reserved, unless it `fills` it.
pub(super) fn renew(file: &File, head: &[u8], bytes: u32, fills: bool) -> io::Result<()> {
    let before = file.metadata()?.len().min(u64::from(u32::MAX)) as u32;
    let end = bytes.saturating_sub(END_BYTES);
    if before > bytes {
        file.set_len(bytes.into())?;
    } else {
        reserve(file, bytes)?;
    }
    if fills || before > end {
        let pause = if fills { FILL_PAUSE } else { Duration::ZERO };
        fill(file, before.min(end)..bytes, pause)?;
    }
    file.write_all_at(head, 0)?;
    file.sync_all()
}
