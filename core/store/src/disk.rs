//! The disk below a store: segments as files, and what can be relied on.
//!
//! Calls block. What was written is durable only after [`Disk::sync`] of the same segment; until
//! then a crash keeps any part of it, in any order. A segment that has been mapped is never written
//! to and never truncated.

use crate::ids::SegmentId;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use rkyv::util::AlignedVec;

/// Where segments lie.
pub trait Disk: Send + Sync {
    /// All segments, ascending.
    fn list(&self) -> Result<Vec<SegmentId>, DiskError>;
    /// Makes a segment of `bytes` bytes that begins with `head`, with its space reserved. The rest is
    /// zero, or what stood in a segment that was removed since the last [`Disk::tidy`], which had
    /// another number; zero then at the end, where a footer would be. It is there, durable and whole,
    /// or not at all; one that was there is replaced.
    fn create(&self, segment: SegmentId, head: &[u8], bytes: u32) -> Result<(), DiskError>;
    /// The same, where it may take its time: a disk that is quicker to write where something was
    /// written before writes the zeros.
    fn create_filled(&self, segment: SegmentId, head: &[u8], bytes: u32) -> Result<(), DiskError> {
        self.create(segment, head, bytes)
    }
    /// How long it is now.
    fn len(&self, segment: SegmentId) -> Result<u32, DiskError>;
    /// Fills `into` from `offset` on; how many bytes there were.
    fn read(&self, segment: SegmentId, offset: u32, into: &mut [u8]) -> Result<usize, DiskError>;
    /// Writes within the segment, or behind its end.
    fn write(&self, segment: SegmentId, offset: u32, bytes: &[u8]) -> Result<(), DiskError>;
    /// Makes durable what was written to it. If it fails, what was written since the last time may
    /// be lost though a second call would succeed: it is never tried again.
    fn sync(&self, segment: SegmentId) -> Result<(), DiskError>;
    /// Cuts it off; to be followed by [`Disk::sync`].
    fn truncate(&self, segment: SegmentId, bytes: u32) -> Result<(), DiskError>;
    /// Removes it, durably. Maps of it stay readable. A disk may keep a few for segments to come.
    fn remove(&self, segment: SegmentId) -> Result<(), DiskError>;
    /// Lets go of what is kept of removed segments.
    fn tidy(&self) -> Result<(), DiskError> {
        Ok(())
    }
    /// The cores that serve it, the one that does so most first; none if that is not known.
    fn cores(&self) -> Vec<usize> {
        Vec::new()
    }
    /// Its bytes, which do not change any more.
    fn map(&self, segment: SegmentId) -> Result<Arc<dyn SegmentBytes>, DiskError>;
}

/// The bytes of a sealed segment, read in place.
pub trait SegmentBytes: Send + Sync {
    /// All of them.
    fn bytes(&self) -> &[u8];
    /// Whether these are in memory, so that reading them does not wait for the disk.
    fn is_resident(&self, range: Range<usize>) -> bool;
}

impl fmt::Debug for dyn SegmentBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} mapped bytes", self.bytes().len())
    }
}

/// What a disk refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DiskError {
    /// There is no space left.
    #[error("{what}: no space left on the disk")]
    Full {
        /// What was tried, with the name of the file.
        what: String,
    },
    /// The system is short of something else for a while, such as descriptors or memory. Nothing
    /// was changed, and it may go well another time.
    #[error("{what}: {why}")]
    Busy {
        /// What was tried, with the name of the file.
        what: String,
        /// What the system said.
        why: String,
    },
    /// Anything else.
    #[error("{what}: {why}")]
    Failed {
        /// What was tried, with the name of the file.
        what: String,
        /// What the system said.
        why: String,
    },
}

/// The bytes from `from` to `to`, or to the end of the segment, so that records can be read in them.
pub(crate) fn read_aligned(
    disk: &dyn Disk,
    segment: SegmentId,
    from: u32,
    to: u32,
) -> Result<AlignedVec<8>, DiskError> {
    let mut bytes = AlignedVec::new();
    bytes.resize(to.saturating_sub(from) as usize, 0);
    let read = disk.read(segment, from, &mut bytes)?;
    bytes.resize(read, 0);
    Ok(bytes)
}

impl DiskError {
    /// Whether it may go well another time.
    pub(crate) fn passes(&self) -> bool {
        match self {
            DiskError::Full { .. } | DiskError::Busy { .. } => true,
            DiskError::Failed { .. } => false,
        }
    }
}
