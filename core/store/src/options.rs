//! How a store is opened, what was found then, and why it could not be opened.

use crate::catalog::{Catalog, CatalogFull};
use crate::disk::DiskError;
use crate::ids::SegmentId;
use crate::segment::FORMAT;
use alloc::string::String;
use alloc::vec::Vec;
use wire::ids::DoId;

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many parts there are. May change between runs.
    pub parts: usize,
    /// Which part an object belongs to, of so many.
    pub place: fn(DoId, usize) -> usize,
    /// How long a segment is. A record that is longer still finds room in one of its own.
    pub segment_bytes: u32,
    /// The names that will be used. Names of the store that are not here stay.
    pub catalog: Catalog,
    /// Seeds of all hashes and of the segments' salts: random in production, fixed in tests.
    pub hash_seeds: [u64; 4],
    /// Whether the records of all sealed segments are checked once, when there is nothing else to
    /// do.
    pub scrub: bool,
}

/// The default length of a segment.
pub const SEGMENT_BYTES: u32 = 32 << 20;

impl Default for Options {
    fn default() -> Options {
        Options {
            parts: 1,
            place: |_, _| 0,
            segment_bytes: SEGMENT_BYTES,
            catalog: Catalog::default(),
            hash_seeds: [0; 4],
            scrub: true,
        }
    }
}

/// What was found at open.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Report {
    /// Greater than every id that the store has ever seen. `u32::MAX` may have been used.
    pub next_do_id: DoId,
    /// How many objects there are.
    pub objects: u64,
    /// How many segments hold records.
    pub segments: usize,
    /// The end of the log that a crash left unfinished, and that was cut off: nobody was told that
    /// it was durable.
    pub cut: Option<Cut>,
    /// Segments whose footer was damaged and was written anew from their records.
    pub footers_rebuilt: Vec<SegmentId>,
}

/// What was cut off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// In which segment.
    pub segment: SegmentId,
    /// Where what was kept ends.
    pub offset: u32,
    /// How many whole records of an unfinished commit were dropped.
    pub records: usize,
}

/// Why a store was not opened. No object of it was changed or lost: what is damaged, or of another
/// format, or has too many names, is found before anything is written. Where the disk refused,
/// segments may have been sealed already and empty ones removed, as the next open would do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// Something that was durable cannot be read, where leaving it out would lose what came after.
    #[error("segment {segment} is damaged at offset {offset}: {what}; run `ferriswheel db repair`")]
    Damaged {
        /// Which segment.
        segment: SegmentId,
        /// Where in it.
        offset: u32,
        /// What is wrong there.
        what: String,
    },
    /// It was written in a format that this version does not know.
    #[error("segment {segment} is of format {format}, this version reads format {FORMAT}")]
    Format {
        /// Which segment.
        segment: SegmentId,
        /// Its format.
        format: u32,
    },
    /// There are too many names.
    #[error(transparent)]
    Catalog(#[from] CatalogFull),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}
