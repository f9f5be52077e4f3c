//! A committer and its parts, driven by hand in one thread: what the engine does with threads. For
//! tests, tools and the simulator.

use crate::committer::Committer;
use crate::disk::Disk;
use crate::ids::PartId;
use crate::log::{Log, Opened};
use crate::options::{OpenError, Options, Report};
use crate::part::{Heard, Part};
use crate::request::{Reply, Request};
use alloc::sync::Arc;
use alloc::vec::Vec;
use wire::ids::DoId;

/// A store in one piece.
pub struct Together<C = Log> {
    /// The committer.
    pub committer: C,
    /// Its parts, in order.
    pub parts: Vec<Part>,
    /// What the parts heard that somebody may wait for, oldest first; to be drained.
    pub heard: Vec<(PartId, Heard)>,
    batch: Vec<(PartId, Request)>,
    replies: Vec<(PartId, Reply)>,
}

impl Together {
    /// Opens the store on a disk.
    pub fn open(disk: Arc<dyn Disk>, options: &Options) -> Result<(Together, Report), OpenError> {
        let Opened { log, parts, report } = Log::open(disk, options)?;
        Ok((Together::new(log, parts), report))
    }
}

impl<C: Committer> Together<C> {
    /// Of a committer and its parts.
    pub fn new(committer: C, parts: Vec<Part>) -> Together<C> {
        Together { committer, parts, heard: Vec::new(), batch: Vec::new(), replies: Vec::new() }
    }

    /// The part with this number.
    pub fn part(&mut self, part: usize) -> &mut Part {
        &mut self.parts[part]
    }

    /// The part that an object belongs to, as the options of the store say.
    pub fn part_of(&mut self, do_id: DoId, options: &Options) -> &mut Part {
        &mut self.parts[(options.place)(do_id, options.parts)]
    }

    /// Commits what the parts have asked for, once; whether there was anything.
    pub fn commit(&mut self) -> bool {
        for part in &mut self.parts {
            let id = part.id();
            self.batch.extend(part.take_requests().map(|request| (id, request)));
        }
        let any = !self.batch.is_empty();
        self.committer.commit(&mut self.batch, &mut self.replies);
        self.hear();
        any
    }

    /// Runs one chore, if there is one; whether one was run that had to be run at once.
    pub fn chore(&mut self) -> bool {
        let Some(chore) = self.committer.next_chore() else { return false };
        let urgent = !chore.is_patient();
        self.committer.chored(chore.run(), &mut self.replies);
        self.hear();
        urgent
    }

    /// Lets every part do a slice of its work; whether one had any.
    pub fn work(&mut self) -> bool {
        let working = self.parts.iter_mut().filter(|part| part.has_work());
        working.map(Part::work).count() > 0
    }

    /// Goes on until there is nothing left to do but what may be done at leisure.
    pub fn settle(&mut self) {
        while self.work() | self.commit() | self.chore() {}
    }

    fn hear(&mut self) {
        for (part, reply) in self.replies.drain(..) {
            let heard = self.parts[usize::from(part.0)].hear(reply);
            if heard != Heard::Nothing {
                self.heard.push((part, heard));
            }
        }
    }
}
