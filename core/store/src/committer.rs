//! What the engine's committer thread drives: the log, or another way to keep objects.

use crate::disk::DiskError;
use crate::ids::PartId;
use crate::request::{Reply, Request};
use crate::stats::Stats;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::Any;

/// One owner of all that is written: it makes batches durable, one after the other.
pub trait Committer: Send {
    /// Makes the appends of a batch durable, then answers. Requests of a part are in its order, and
    /// so are the replies. Takes all of the batch.
    fn commit(&mut self, batch: &mut Vec<(PartId, Request)>, out: &mut Vec<(PartId, Reply)>);

    /// Work that would delay a commit, to be run elsewhere; None: nothing now. To be asked after
    /// every commit and after every chore, until there is none. Several may be run at once.
    fn next_chore(&mut self) -> Option<Chore>;

    /// A chore is done.
    fn chored(&mut self, done: Chored, out: &mut Vec<(PartId, Reply)>);

    /// What the store holds.
    fn stats(&self) -> Stats;

    /// The cores on which it commits soonest, best first; none if that is not known.
    fn cores(&self) -> Vec<usize> {
        Vec::new()
    }

    /// Puts everything in order, so that the next open is quick. Nothing is asked of it afterwards;
    /// all chores have been handed back before. Without it nothing is lost either.
    fn close(&mut self) -> Result<(), DiskError>;
}

/// Work on the disk, to be run on a thread that may wait.
pub struct Chore {
    patient: bool,
    run: Box<dyn FnOnce() -> Chored + Send>,
}

/// What became of a chore; goes back to the committer that handed it out.
pub struct Chored(Box<dyn Any + Send>);

impl Chore {
    /// A chore; the committer that made it gets `T` back.
    pub fn new<T: Any + Send>(patient: bool, run: impl FnOnce() -> T + Send + 'static) -> Chore {
        Chore { patient, run: Box::new(move || Chored(Box::new(run()))) }
    }

    /// Whether it is to be run at leisure: no more than some ten per second, and never in a row.
    pub fn is_patient(&self) -> bool {
        self.patient
    }

    /// Does it. Blocks.
    pub fn run(self) -> Chored {
        (self.run)()
    }
}

impl Chored {
    /// What the chore returned. Panics if another kind of committer made it.
    pub fn result<T: Any>(self) -> T {
        *self.0.downcast().expect("a chore is handed back to the committer that made it")
    }
}

impl core::fmt::Debug for Chore {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Chore").field("patient", &self.patient).finish_non_exhaustive()
    }
}
