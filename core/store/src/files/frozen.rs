//! The segments of a directory that a server may have, held open, so that what it removes meanwhile
//! can still be read. Each has a shared lock, which keeps no server from anything but from making
//! another segment of that file. Nothing is changed.

use super::directory::{Access, Directory, FilesError};
use super::{Files, bytes_of, failed, raise_descriptors, read_at};
use crate::disk::{Disk, DiskError, SegmentBytes};
use crate::ids::SegmentId;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// How often the directory is listed anew because a segment went away in between.
const ATTEMPTS: usize = 100;

/// Segments that are only read.
#[derive(Debug)]
pub struct Frozen {
    files: BTreeMap<SegmentId, File>,
}

impl Frozen {
    /// Opens all segments of a directory.
    pub fn open(path: &Path) -> Result<Arc<Frozen>, FilesError> {
        raise_descriptors();
        let directory = Directory::open(path, Access::ReadOnly)?;
        for _ in 0..ATTEMPTS {
            match open_all(&directory) {
                Ok(files) => return Ok(Arc::new(Frozen { files })),
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                Err(why) => return Err(FilesError::of(path, why)),
            }
        }
        let why = "its segments come and go faster than they can be opened".into();
        Err(FilesError::Failed { path: path.into(), why })
    }

    fn file(&self, segment: SegmentId) -> Result<&File, DiskError> {
        let missing = || failed(Files::name(segment), io::ErrorKind::NotFound.into());
        self.files.get(&segment).ok_or_else(missing)
    }
}

fn open_all(directory: &Directory) -> io::Result<BTreeMap<SegmentId, File>> {
    let path = |segment| directory.path().join(Files::name(segment));
    let open = |segment| Ok((segment, hold(&path(segment))?));
    directory.segments()?.into_iter().map(open).collect()
}

/// Opens a segment that stays what it is; not found if it was removed before it was held.
fn hold(path: &Path) -> io::Result<File> {
    let gone = || io::ErrorKind::NotFound.into();
    let file = File::open(path)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(gone()),
        Err(why) => return Err(why.into()),
    }
    let (held, named) = (file.metadata()?, path.metadata()?);
    if (held.dev(), held.ino()) == (named.dev(), named.ino()) { Ok(file) } else { Err(gone()) }
}

fn read_only(segment: SegmentId) -> DiskError {
    let why = "the store was opened for reading only".into();
    DiskError::Failed { what: Files::name(segment), why }
}

impl Disk for Frozen {
    fn list(&self) -> Result<Vec<SegmentId>, DiskError> {
        Ok(self.files.keys().copied().collect())
    }

    fn create(&self, segment: SegmentId, _: &[u8], _: u32) -> Result<(), DiskError> {
        Err(read_only(segment))
    }

    fn len(&self, segment: SegmentId) -> Result<u32, DiskError> {
        bytes_of(self.file(segment)?).map_err(|why| failed(Files::name(segment), why))
    }

    fn read(&self, segment: SegmentId, offset: u32, into: &mut [u8]) -> Result<usize, DiskError> {
        let read = read_at(self.file(segment)?, offset, into);
        read.map_err(|why| failed(Files::name(segment), why))
    }

    fn write(&self, segment: SegmentId, _: u32, _: &[u8]) -> Result<(), DiskError> {
        Err(read_only(segment))
    }

    fn sync(&self, segment: SegmentId) -> Result<(), DiskError> {
        Err(read_only(segment))
    }

    fn truncate(&self, segment: SegmentId, _: u32) -> Result<(), DiskError> {
        Err(read_only(segment))
    }

    fn remove(&self, segment: SegmentId) -> Result<(), DiskError> {
        Err(read_only(segment))
    }

    /// Not for a store that is only looked at: a map of a file that is cut off cannot be read.
    fn map(&self, segment: SegmentId) -> Result<Arc<dyn SegmentBytes>, DiskError> {
        Err(read_only(segment))
    }
}
