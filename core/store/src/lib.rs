//! The object store: what the Database role keeps, safe from a loss of power.
//!
//! An append-only [`log`] of checksummed records in segments, written by one committer for all
//! shards; a part per shard, which holds the index of its objects and reads their records in place.
//! Pure, over a [`Disk`]: the simulator crashes the same code that runs in production. The real
//! disk stands beside it, behind the feature `files`.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod committer;
mod disk;
mod ids;
mod record;
mod request;

pub use committer::{Chore, Chored, Committer, Stats};
pub use disk::{Disk, DiskError, SegmentBytes};
pub use ids::{ClassKey, FieldKey, PartId, Place, SegmentId, Ticket};
pub use record::Record;
pub use request::{Append, Purpose, Reply, Request};
