//! The object store: what the Database role keeps, safe from a loss of power.
//!
//! An append-only log of checksummed records in segments, written by one [`Committer`] for all
//! shards; a [`Part`] per shard, which holds the index of its objects and reads their records in
//! place. Pure, over a [`Disk`]: the simulator crashes the same code that runs in production. The
//! real disk stands beside it, behind the feature `files`.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod catalog;
mod committer;
mod disk;
#[cfg(feature = "files")]
mod files;
mod ids;
pub mod inspect;
mod log;
#[cfg(feature = "std")]
mod memory_disk;
mod object;
mod options;
mod pace;
mod part;
mod record;
mod recovery;
mod request;
mod segment;
mod stats;
mod survey;
mod together;

pub use catalog::{Catalog, CatalogFull};
pub use committer::{Chore, Chored, Committer};
pub use disk::{Disk, DiskError, SegmentBytes};
#[cfg(feature = "files")]
pub use files::{Access, Files, FilesError, LOCK, MARKER};
pub use ids::{ClassKey, FieldKey, PartId, Place, SegmentId, Ticket};
pub use log::{Log, Opened};
#[cfg(feature = "std")]
pub use memory_disk::MemoryDisk;
pub use object::Object;
pub use options::{Cut, OpenError, Options, Report, SEGMENT_BYTES};
pub use pace::{HOLD_NS, Look, Pace};
pub use part::{Found, Heard, Part, WriteError};
pub use record::Record;
pub use request::{Append, Purpose, Reply, Request};
pub use segment::FORMAT;
pub use stats::Stats;
pub use together::Together;
