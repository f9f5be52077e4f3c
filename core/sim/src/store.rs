//! The store of a simulated daemon: a disk that outlives it, and a log that does not.
//!
//! Commits and chores happen at moments of chance after they were asked for; so do a crash before
//! them, or after them and before anybody has heard of it.

use std::collections::BTreeMap;
use store::{Chore, Committer, PartId, Reply, Request};

/// A store while its daemon lives.
pub struct Store {
    committer: Box<dyn Committer>,
    asked: Vec<(PartId, Request)>,
    chores: BTreeMap<u64, Chore>,
    handed_out: u64,
    /// Whether a commit is on the world's list.
    pub scheduled: bool,
    /// When its last answers arrive.
    pub answered_at: u64,
}

impl Store {
    /// Of a log that was opened.
    pub fn new(committer: Box<dyn Committer>) -> Store {
        let (asked, chores) = (Vec::new(), BTreeMap::new());
        Store { committer, asked, chores, handed_out: 0, scheduled: false, answered_at: 0 }
    }

    /// A shard asks for something.
    pub fn ask(&mut self, part: PartId, request: Request) {
        self.asked.push((part, request));
    }

    /// Commits what has gathered.
    pub fn commit(&mut self) -> Vec<(PartId, Reply)> {
        self.scheduled = false;
        let mut answers = Vec::new();
        self.committer.commit(&mut self.asked, &mut answers);
        answers
    }

    /// The chores that there are now, by number, for the world to run some time.
    pub fn take_chores(&mut self) -> Vec<u64> {
        let mut numbers = Vec::new();
        while let Some(chore) = self.committer.next_chore() {
            self.handed_out += 1;
            self.chores.insert(self.handed_out, chore);
            numbers.push(self.handed_out);
        }
        numbers
    }

    /// Runs a chore.
    pub fn run(&mut self, number: u64) -> Vec<(PartId, Reply)> {
        let chore = self.chores.remove(&number);
        let done = chore.expect("a chore is run once").run();
        let mut answers = Vec::new();
        self.committer.chored(done, &mut answers);
        answers
    }
}
