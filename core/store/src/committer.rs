//! Who carries out what parts ask for: the log, or, in a crate of its own, a folder of YAML files.
//!
//! One thread calls [`Committer::commit`] with all that has gathered meanwhile; chores, which take
//! long, are run by another one, so that no commit waits for them.

use crate::ids::PartId;
use crate::request::{Reply, Request};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

/// Writes what parts ask for, and answers them.
pub trait Committer: Send {
    /// Carries out `asked`, in order, and takes it all out. What is durable is said in `answers`;
    /// blocks until it is.
    fn commit(&mut self, asked: &mut Vec<(PartId, Request)>, answers: &mut Vec<(PartId, Reply)>);

    /// Something to be done beside the commits, if there is anything. Several may be out at once.
    /// `again`: about a second has passed since it was last said so: what could not be done, as the
    /// disk was full, is tried again, and the scrub goes on.
    fn next_chore(&mut self, again: bool) -> Option<Chore>;

    /// A chore has been run.
    fn chored(&mut self, done: Chored, answers: &mut Vec<(PartId, Reply)>);

    /// What it holds and has done.
    fn stats(&self) -> Stats;

    /// The server stops in order: what makes the next start fast may be written. All chores that
    /// were handed out have been run.
    fn close(&mut self);
}

/// Something to be done on another thread than the commits; see [`Committer::next_chore`].
pub struct Chore(Box<dyn FnOnce() -> Chored + Send>);

/// What a chore came to; to be given to [`Committer::chored`] of the one it came from.
pub struct Chored(Box<dyn Any + Send>);

impl Chore {
    /// Something to be done, with its result.
    pub fn new<T: Any + Send>(work: impl FnOnce() -> T + Send + 'static) -> Chore {
        Chore(Box::new(move || Chored(Box::new(work()))))
    }

    /// Does it. Blocks on the disk.
    pub fn run(self) -> Chored {
        (self.0)()
    }
}

impl Chored {
    /// The result, as the one that made the chore has it; panics if it is another's.
    pub fn into_result<T: Any>(self) -> T {
        let result = self.0.downcast::<T>();
        *result.expect("a chore comes back to the committer that made it")
    }
}

impl fmt::Debug for Chore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chore")
    }
}

impl fmt::Debug for Chored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chored")
    }
}

/// What a store holds and has done since it was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Files on the disk that hold records.
    pub segments: u64,
    /// Bytes that they take on the disk.
    pub disk_bytes: u64,
    /// Bytes of records that are the newest of their object.
    pub live_bytes: u64,
    /// Bytes of records that others have taken the place of.
    pub dead_bytes: u64,
    /// Bytes of records which say that an object is gone.
    pub tombstone_bytes: u64,
    /// Groups of writes that were made durable together.
    pub commits: u64,
    /// Records written.
    pub appends: u64,
    /// Bytes written, those that compaction moved included.
    pub written_bytes: u64,
    /// Records moved by compaction.
    pub moves: u64,
    /// Segments emptied and removed.
    pub sweeps: u64,
    /// Writes that were refused as the disk was full.
    pub refused: u64,
    /// Records known to be unreadable.
    pub damaged: u64,
    /// Whether it takes no more writes because the disk failed.
    pub is_read_only: bool,
    /// Whether writes are refused now because the disk is full.
    pub is_full: bool,
}
