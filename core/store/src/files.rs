//! The real disk: a directory of segment files.
//!
//! ```text
//! LOCK                the server that has the directory holds a lock on it; says its process id
//! ferriswheel.store   the marker: what this directory is, and its format
//! 00000001.segment    segments; `.new` behind it while one is being made, `.spare` behind one that was
//!                     removed and is kept to become another
//! damaged/            what repair has set aside
//! ```
//! A directory that is something else, or another server's, is refused before anything is touched.

mod directory;
mod frozen;
mod interrupts;
mod map;
mod spares;

pub use directory::{Access, FilesError, LOCK, MARKER};
pub use frozen::Frozen;

use crate::disk::{Disk, DiskError, SegmentBytes};
use crate::ids::SegmentId;
use directory::Directory;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use spares::Spares;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// How much is written at once where a segment is filled. From larger pieces the page cache makes
/// larger units, in which a small write is slower.
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
/// How much of it is made durable at once, so that no commit has to wait for much.
const FILLED_BYTES: u32 = 256 << 10;
/// Between two of these where nobody waits for the file: without it a commit that has waited for one
/// mostly waits for the next one too.
const FILL_PAUSE: Duration = Duration::from_micros(150);

/// The segments in a directory.
#[derive(Debug)]
pub struct Files {
    directory: Directory,
    /// Files of segments that are written to, and of those that are mapped: they stay open, so that
    /// neither a write nor a read needs a descriptor that there may not be.
    open: Mutex<HashMap<SegmentId, Arc<File>, ahash::RandomState>>,
    spares: Spares,
}

impl Files {
    /// Opens a directory, which is made if there is none and `access` allows it.
    pub fn open(path: &Path, access: Access) -> Result<Arc<Files>, FilesError> {
        raise_descriptors();
        let directory = Directory::open(path, access)?;
        // Segment numbers are no input of strangers.
        let open = Mutex::new(HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4)));
        Ok(Arc::new(Files { directory, open, spares: Spares::default() }))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Keeps bytes below `damaged/`, durably.
    pub fn set_aside(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let what = || format!("damaged/{name}");
        self.directory.check_writable(&what())?;
        self.directory.set_aside(name, bytes).map_err(|why| failed(what(), why))
    }

    fn name(segment: SegmentId) -> String {
        format!("{:08}.segment", segment.0)
    }

    fn open_segment(&self, segment: SegmentId) -> io::Result<File> {
        let write = self.directory.is_writable();
        let path = self.directory.path().join(Files::name(segment));
        File::options().read(true).write(write).open(path)
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<SegmentId, Arc<File>, ahash::RandomState>> {
        self.open.lock().expect("no holder of this lock panics")
    }

    /// The segment's file, which stays open for writing.
    fn for_writing(&self, segment: SegmentId) -> Result<Arc<File>, DiskError> {
        self.directory.check_writable(&Files::name(segment))?;
        self.keep_open(segment).map_err(|why| failed(Files::name(segment), why))
    }

    fn keep_open(&self, segment: SegmentId) -> io::Result<Arc<File>> {
        let mut open = self.opened();
        if let Some(file) = open.get(&segment) {
            return Ok(file.clone());
        }
        let file = Arc::new(self.open_segment(segment)?);
        open.insert(segment, file.clone());
        Ok(file)
    }

    fn for_reading(&self, segment: SegmentId) -> io::Result<Arc<File>> {
        let kept = self.opened().get(&segment).cloned();
        kept.map_or_else(|| self.open_segment(segment).map(Arc::new), Ok)
    }

    fn forget(&self, segment: SegmentId) {
        self.opened().remove(&segment);
    }

    /// Makes the file under another name, so that it is there as a whole or not at all. One that was
    /// removed is taken where there is one: its space is written to already, and to give that back
    /// and reserve as much anew would be work for the disk that commits have to wait for. `fills` says
    /// whether what was never written to is filled.
    fn make(
        &self,
        segment: SegmentId,
        head: &[u8],
        bytes: u32,
        fills: bool,
    ) -> io::Result<Arc<File>> {
        let name = Files::name(segment);
        let new = self.directory.path().join(format!("{name}.new"));
        let begun = match self.spares.take(&new) {
            Some(file) => spares::renew(&file, head, bytes, fills).map(|()| file),
            None => begin(&new, head, bytes, fills).map(Arc::new),
        };
        let made = begun.and_then(|file| {
            std::fs::rename(&new, self.directory.path().join(&name))?;
            self.directory.sync()?;
            Ok(file)
        });
        if made.is_err() && new.exists() {
            std::fs::remove_file(&new)?;
        }
        made
    }

    fn create_with(
        &self,
        segment: SegmentId,
        head: &[u8],
        bytes: u32,
        fills: bool,
    ) -> Result<(), DiskError> {
        self.directory.check_writable(&Files::name(segment))?;
        self.forget(segment);
        let made = self.make(segment, head, bytes, fills);
        let file = made.map_err(|why| failed(Files::name(segment), why))?;
        self.opened().insert(segment, file);
        Ok(())
    }

    /// Takes a segment's name away, durably.
    fn take_away(&self, segment: SegmentId) -> io::Result<()> {
        let path = self.path().join(Files::name(segment));
        let sync = || self.directory.sync();
        let kept = self.opened().get(&segment).cloned();
        let taken = match kept {
            Some(file) => self.spares.keep(&path, file, sync),
            None => std::fs::remove_file(path).and_then(|()| sync()),
        };
        // Until now whoever reads it finds the file that is held, and holds it too.
        self.forget(segment);
        taken
    }
}

/// A segment takes a descriptor, so the process is allowed as many as it may have.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(why) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(%why, current = ?limit.current, "the limit of descriptors cannot be raised");
    }
}

fn begin(path: &Path, head: &[u8], bytes: u32, fills: bool) -> io::Result<File> {
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
    reserve(&file, bytes)?;
    if fills {
        fill(&file, 0..bytes, FILL_PAUSE)?;
    }
    file.write_all_at(head, 0)?;
    file.sync_all()?;
    Ok(file)
}

/// Makes sure that so many bytes can be written.
fn reserve(file: &File, bytes: u32) -> io::Result<()> {
    let reserve = || rustix::fs::fallocate(file, FallocateFlags::empty(), 0, u64::from(bytes));
    match rustix::io::retry_on_intr(reserve) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => fill(file, 0..bytes, Duration::ZERO),
        Err(why) => Err(why.into()),
    }
}

/// Writes zeros. Space that is only reserved becomes a part of the file when it is written to first,
/// and that must go through the file system's journal before the write is durable.
fn fill(file: &File, range: Range<u32>, pause: Duration) -> io::Result<()> {
    for at in range.clone().step_by(ZEROS.len()) {
        let piece = ZEROS.len().min((range.end - at) as usize);
        file.write_all_at(&ZEROS[..piece], u64::from(at))?;
        if (at - range.start + piece as u32).is_multiple_of(FILLED_BYTES) {
            file.sync_data()?;
            std::thread::sleep(pause);
        }
    }
    Ok(())
}

/// Reads as much as there is.
fn read_at(file: &File, offset: u32, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match file.read_at(&mut into[done..], u64::from(offset) + done as u64) {
            Ok(0) => break,
            Ok(bytes) => done += bytes,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    Ok(done)
}

fn bytes_of(file: &File) -> io::Result<u32> {
    let bytes = file.metadata()?.len();
    u32::try_from(bytes).map_err(|_| io::Error::other("longer than 4 GiB"))
}

fn failed(what: String, why: io::Error) -> DiskError {
    match Errno::from_io_error(&why) {
        Some(Errno::NOSPC | Errno::DQUOT) => DiskError::Full { what },
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::INTR) => {
            DiskError::Busy { what, why: why.to_string() }
        }
        Some(_) | None => DiskError::Failed { what, why: why.to_string() },
    }
}

impl Disk for Files {
    fn list(&self) -> Result<Vec<SegmentId>, DiskError> {
        let what = || self.path().display().to_string();
        self.directory.segments().map_err(|why| failed(what(), why))
    }

    fn create(&self, segment: SegmentId, head: &[u8], bytes: u32) -> Result<(), DiskError> {
        self.create_with(segment, head, bytes, false)
    }

    fn create_filled(&self, segment: SegmentId, head: &[u8], bytes: u32) -> Result<(), DiskError> {
        self.create_with(segment, head, bytes, true)
    }

    fn len(&self, segment: SegmentId) -> Result<u32, DiskError> {
        let bytes = self.for_reading(segment).and_then(|file| bytes_of(&file));
        bytes.map_err(|why| failed(Files::name(segment), why))
    }

    fn read(&self, segment: SegmentId, offset: u32, into: &mut [u8]) -> Result<usize, DiskError> {
        let what = |why| failed(Files::name(segment), why);
        let file = self.for_reading(segment).map_err(what)?;
        read_at(&file, offset, into).map_err(what)
    }

    fn write(&self, segment: SegmentId, offset: u32, bytes: &[u8]) -> Result<(), DiskError> {
        let written = self.for_writing(segment)?.write_all_at(bytes, u64::from(offset));
        written.map_err(|why| failed(Files::name(segment), why))
    }

    fn sync(&self, segment: SegmentId) -> Result<(), DiskError> {
        let synced = self.for_writing(segment)?.sync_data();
        synced.map_err(|why| failed(Files::name(segment), why))
    }

    fn truncate(&self, segment: SegmentId, bytes: u32) -> Result<(), DiskError> {
        let cut = self.for_writing(segment)?.set_len(u64::from(bytes));
        cut.map_err(|why| failed(Files::name(segment), why))
    }

    fn remove(&self, segment: SegmentId) -> Result<(), DiskError> {
        self.directory.check_writable(&Files::name(segment))?;
        self.take_away(segment).map_err(|why| failed(Files::name(segment), why))
    }

    fn tidy(&self) -> Result<(), DiskError> {
        let what = || self.path().display().to_string();
        self.spares.let_go().map_err(|why| failed(what(), why))
    }

    fn cores(&self) -> Vec<usize> {
        interrupts::cores(self.path())
    }

    fn map(&self, segment: SegmentId) -> Result<Arc<dyn SegmentBytes>, DiskError> {
        // Without the lock another process could cut it off.
        self.directory.check_writable(&Files::name(segment))?;
        let mapped = self.keep_open(segment).and_then(map::Map::of);
        Ok(Arc::new(mapped.map_err(|why| failed(Files::name(segment), why))?))
    }
}
