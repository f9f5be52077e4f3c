//! Looking at a store from outside: what it holds, whether all of it can be read, repairing it,
//! copying it. Nothing here serves.
//!
//! A [`Snapshot`] is taken of a disk that nobody writes to, or of [`Frozen`] files of a directory
//! that a server has. Segments are read from the newest to the oldest: by the time a segment has a
//! record, all before it are complete, so what is read is the log up to some moment.

mod backup;
mod next_id;
mod repair;
mod snapshot;
mod verify;

#[cfg(feature = "files")]
pub use crate::files::Frozen;
pub use backup::{BackupError, backup};
pub use repair::{Repair, RepairError, repair};
pub use snapshot::{ReadError, Snapshot};
pub use verify::{Fault, Finding, Verified, verify};

/// How far it is: so many bytes of so many.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);
