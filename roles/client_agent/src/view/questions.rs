//! What was asked of parents and is not answered yet, and the changes of interests that wait for it.
//!
//! A question is about zones of one parent that were opened. A change of an interest waits for all
//! questions about its zones, those that an earlier change put as well; then it is done. Zones that
//! are closed meanwhile do not end a question: its answers still come, and are not looked at.
//!
//! What comes to a zone while it is asked for may have gone on, or changed, before anybody listened
//! there, or have come while the client looked there the last time: it is in doubt until it answers,
//! and then shown anew. If it moves meanwhile it is shown anew where it comes. What has not answered
//! when the question is over is asked itself where it is.
//!
//! `openotp` has no contexts: one question is with a parent at a time, and zones that are opened
//! meanwhile wait and go together in the next one. `astron` asks at once.

use super::By;
use super::zones::{ZoneBytes, below};
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use runtime::Now;
use smallvec::SmallVec;
use wire::client::Zones;
use wire::ids::DoId;
use wire::state_server::Location;

/// Zones of one question, at most: they fit in a datagram.
const ZONES_MAX: usize = 8192;

/// A question about zones of one parent.
pub(super) struct Question {
    /// Never 0; its context in `astron`.
    pub id: u32,
    pub parent: DoId,
    pub zones: Vec<ZoneBytes>,
    /// How long it is waited for, if it has been put.
    pub until: Option<Now>,
    answers: u32,
    answers_expected: Option<u32>,
    /// The changes that wait for it, by number.
    changes: SmallVec<[u32; 2]>,
}

/// A change of an interest that waits to be done.
struct Change {
    number: u32,
    done: Done,
    questions: u32,
}

/// Whom to tell that a change is done.
#[derive(Clone, Copy)]
pub(super) struct Done {
    pub interest: u16,
    pub by: By,
    /// What the client is told it with.
    pub context: u32,
}

/// Questions and changes that wait, each in the order in which they were made.
#[derive(Default)]
pub(super) struct Questions {
    questions: Vec<Question>,
    changes: Vec<Change>,
    /// Objects in doubt that have not been asked yet.
    pub doubted: Vec<DoId>,
    /// Those that have been asked, and until when they are to answer, in that order.
    pub located: VecDeque<(Now, DoId)>,
}

impl Questions {
    /// Whether nothing is asked, and so nothing waits.
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty() && self.located.is_empty()
    }

    /// How many questions or changes there are, whichever are more.
    pub fn len(&self) -> usize {
        self.questions.len().max(self.changes.len())
    }

    pub fn get(&mut self, id: u32) -> Option<&mut Question> {
        self.questions.iter_mut().find(|question| question.id == id)
    }

    /// A parent is to be asked for a zone: in the question that is yet to be put to it, or in a new
    /// one with this id. In which.
    pub fn enqueue(&mut self, parent: DoId, id: u32, zone: ZoneBytes) -> u32 {
        let last = self.questions.iter_mut().rfind(|question| question.parent == parent);
        match last.filter(|last| last.until.is_none() && last.zones.len() < ZONES_MAX) {
            Some(question) => {
                question.zones.push(zone);
                question.id
            }
            None => {
                self.questions.push(Question {
                    id,
                    parent,
                    zones: vec![zone],
                    until: None,
                    answers: 0,
                    answers_expected: None,
                    changes: SmallVec::new(),
                });
                id
            }
        }
    }

    /// Whether a question is with a parent.
    pub fn is_asked(&self, parent: DoId) -> bool {
        self.questions.iter().any(|other| other.parent == parent && other.until.is_some())
    }

    /// The first question to a parent that is yet to be put.
    pub fn first_unasked(&mut self, parent: DoId) -> Option<&mut Question> {
        self.questions.iter_mut().find(|other| other.parent == parent && other.until.is_none())
    }

    /// Questions that are yet to be put leave out the zones that do not belong to them any more.
    pub fn leave_out(&mut self, belongs: impl Fn(u32, Location) -> bool) {
        for question in self.questions.iter_mut().filter(|question| question.until.is_none()) {
            let (id, parent) = (question.id, question.parent);
            question.zones.retain(|&zone| belongs(id, below(parent, zone)));
        }
    }

    /// The question with a parent that is about exactly these zones.
    pub fn echoed(&self, parent: DoId, zones: Zones<'_>) -> Option<u32> {
        let mut asked = self.questions.iter().filter(|question| question.until.is_some());
        let question = asked.find(|other| other.parent == parent && other.zones == zones.0)?;
        Some(question.id)
    }

    /// Until when the first answer is waited for.
    pub fn waits_until(&self) -> Option<Now> {
        let asked = self.questions.iter().filter_map(|question| question.until);
        asked.chain(self.located.front().map(|&(until, _)| until)).min()
    }

    /// The first question that was to be answered by now, and to whom it is.
    pub fn late(&self, now: Now) -> Option<(u32, DoId)> {
        let is_late = |question: &&Question| question.until.is_some_and(|until| until <= now);
        self.questions.iter().find(is_late).map(|question| (question.id, question.parent))
    }

    /// The next object that was to say until now where it is and has not, unless it has been asked
    /// again since.
    pub fn silent(&mut self, now: Now, is_awaited: impl Fn(DoId) -> bool) -> Option<DoId> {
        loop {
            let &(_, do_id) = self.located.front().filter(|(until, _)| *until <= now)?;
            self.located.pop_front();
            if is_awaited(do_id) && self.located.iter().all(|(_, later)| *later != do_id) {
                return Some(do_id);
            }
        }
    }

    pub fn remove(&mut self, id: u32) -> Option<Question> {
        let at = self.questions.iter().position(|question| question.id == id)?;
        Some(self.questions.remove(at))
    }

    /// A change waits for these questions, of which some may be the same. Whether there is any.
    pub fn wait(&mut self, number: u32, done: Done, questions: impl Iterator<Item = u32>) -> bool {
        let mut count = 0;
        for id in questions {
            if let Some(question) = self.get(id).filter(|one| one.changes.last() != Some(&number)) {
                question.changes.push(number);
                count += 1;
            }
        }
        if count > 0 {
            self.changes.push(Change { number, done, questions: count });
        }
        count > 0
    }

    /// A question is over: says what waited for nothing else, in order.
    pub fn settle(&mut self, question: &Question, mut tell: impl FnMut(Done)) {
        for &number in &question.changes {
            let at = self.changes.iter().position(|change| change.number == number);
            // One whose interest was closed has been said.
            let Some(at) = at else { continue };
            self.changes[at].questions -= 1;
            if self.changes[at].questions == 0 {
                tell(self.changes.remove(at).done);
            }
        }
    }

    /// An interest is closed: says its changes, in order.
    pub fn drop_changes(&mut self, interest: u16, mut tell: impl FnMut(Done)) {
        self.changes.retain(|change| {
            let is_of_it = change.done.interest == interest;
            if is_of_it {
                tell(change.done);
            }
            !is_of_it
        });
    }
}

impl Question {
    /// One more object answered.
    pub fn answer(&mut self) {
        self.answers = self.answers.saturating_add(1);
    }

    /// So many objects answer.
    pub fn expect(&mut self, answers: u32) {
        self.answers_expected = Some(answers);
    }

    /// Whether all objects have answered.
    pub fn is_answered(&self) -> bool {
        self.answers_expected.is_some_and(|expected| self.answers >= expected)
    }
}
