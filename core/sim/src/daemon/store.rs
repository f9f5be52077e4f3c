//! The store of a simulated daemon: a disk that outlives it, and a log that does not.
//!
//! Commits and chores happen at moments of chance after they were asked for; so do a crash before
//! them, or after them and before anybody has heard of it.

use std::collections::{BTreeMap, BTreeSet};
use store::{Chore, Committer, PartId, Place, Reply, Request, SegmentId};

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
    /// Broken on purpose: what is refused is answered as if it had been done.
    pub keeps_refused: bool,
    /// Where that is said to stand.
    nowhere: BTreeSet<Place>,
}

/// Where nothing stands: behind the end of any segment.
const NOWHERE: u32 = 1 << 30;

impl Store {
    /// Of a log that was opened.
    pub fn new(committer: Box<dyn Committer>) -> Store {
        Store {
            committer,
            asked: Vec::new(),
            chores: BTreeMap::new(),
            handed_out: 0,
            scheduled: false,
            answered_at: 0,
            keeps_refused: false,
            nowhere: BTreeSet::new(),
        }
    }

    /// A shard asks for something.
    pub fn ask(&mut self, part: PartId, request: Request) {
        if !matches!(&request, Request::Dead(place) if self.nowhere.contains(place)) {
            self.asked.push((part, request));
        }
    }

    /// Commits what has gathered.
    pub fn commit(&mut self) -> Vec<(PartId, Reply)> {
        self.scheduled = false;
        let mut answers = Vec::new();
        self.committer.commit(&mut self.asked, &mut answers);
        if self.keeps_refused {
            answers.iter_mut().for_each(|(_, reply)| self.keep_refused(reply));
        }
        answers
    }

    fn keep_refused(&mut self, reply: &mut Reply) {
        if matches!(reply, Reply::Refused) {
            let offset = NOWHERE + 8 * self.nowhere.len() as u32;
            let place = Place { segment: SegmentId(1), offset, bytes: 8 };
            self.nowhere.insert(place);
            *reply = Reply::Durable(vec![place]);
        }
    }

    /// The chores that there are now, by number, and whether they are patient, for the world to run
    /// some time.
    pub fn take_chores(&mut self) -> Vec<(u64, bool)> {
        let mut numbers = Vec::new();
        while let Some(chore) = self.committer.next_chore() {
            self.handed_out += 1;
            numbers.push((self.handed_out, chore.is_patient()));
            self.chores.insert(self.handed_out, chore);
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
