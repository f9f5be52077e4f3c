//! What a store has promised: which values must be there after whatever happens, and which may.
//!
//! Fed with what parts ask and what the log answers, in the moment in which it answers; what parts
//! make of the answers is [`views`](super::views)'s. Stupid on purpose.

use super::body::{Content, brief};
use crate::ledger::Violation;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use store::{Append, Purpose, Reply};

/// What is promised of all objects.
#[derive(Clone, Debug, Default)]
pub struct Promises {
    /// The last value reported durable.
    durable: BTreeMap<u32, Content>,
    /// Values that were asked for and not answered, by part, in the order asked for.
    asked: Vec<VecDeque<Asked>>,
    /// What the log has to answer, by part, in order.
    unanswered: Vec<VecDeque<Unanswered>>,
    /// Counts what was handed to the log.
    order: u64,
    /// What may or may not be there, in the order in which the log got it.
    uncertain: Vec<(u64, u32, Content)>,
    /// Whether some of `uncertain` can have been refused without a word.
    has_refused: bool,
    /// What is there when the store is opened next is taken as it is.
    is_new: bool,
    /// The highest id that was reported durable; 0: none.
    pub highest_durable: u32,
    /// The highest id that was asked for; 0: none.
    pub highest_asked: u32,
}

#[derive(Clone, Debug)]
struct Asked {
    do_id: u32,
    content: Content,
}

#[derive(Clone, Debug)]
struct Unanswered {
    order: u64,
    write: Option<Asked>,
}

impl Promises {
    /// Nothing is known of a store before it is opened.
    pub fn unknown() -> Promises {
        Promises { is_new: true, ..Promises::default() }
    }

    /// A store was opened, with so many parts; `found` is all that is there.
    pub fn opened(
        &mut self,
        parts: usize,
        found: &BTreeMap<u32, Content>,
    ) -> Result<(), Violation> {
        if std::mem::take(&mut self.is_new) {
            self.durable.clone_from(found);
        }
        let touched: BTreeSet<u32> = self.uncertain.iter().map(|&(_, do_id, _)| do_id).collect();
        let all: BTreeSet<u32> = self.durable.keys().chain(found.keys()).copied().collect();
        for do_id in all.difference(&touched) {
            let (must, is) = (get(&self.durable, *do_id), get(found, *do_id));
            if must != is {
                return Err(differs(*do_id, &must, &is));
            }
        }
        self.settle_uncertain(&touched, found)?;
        for do_id in touched {
            self.durable.insert(do_id, get(found, do_id));
        }
        self.uncertain.clear();
        let lives = |(&do_id, content): (&u32, &Content)| content.is_some().then_some(do_id);
        let highest = self.durable.iter().filter_map(lives).max().unwrap_or(0);
        self.highest_durable = self.highest_durable.max(highest);
        self.has_refused = false;
        self.asked = (0..parts).map(|_| VecDeque::new()).collect();
        self.unanswered = (0..parts).map(|_| VecDeque::new()).collect();
        Ok(())
    }

    /// What the log got last is lost first: what is there is what a beginning of it makes.
    fn settle_uncertain(
        &self,
        touched: &BTreeSet<u32>,
        found: &BTreeMap<u32, Content>,
    ) -> Result<(), Violation> {
        if self.has_refused {
            return touched.iter().try_for_each(|&do_id| self.is_one_of(do_id, &get(found, do_id)));
        }
        let mut state: BTreeMap<u32, Content> =
            touched.iter().map(|&do_id| (do_id, get(&self.durable, do_id))).collect();
        let is_found = |state: &BTreeMap<u32, Content>| {
            state.iter().all(|(&do_id, content)| *content == get(found, do_id))
        };
        if is_found(&state) {
            return Ok(());
        }
        for (_, do_id, content) in &self.uncertain {
            state.insert(*do_id, content.clone());
            if is_found(&state) {
                return Ok(());
            }
        }
        touched.iter().try_for_each(|&do_id| self.is_one_of(do_id, &get(found, do_id)))?;
        let what = format!("no beginning of {} writes in flight gives it", self.uncertain.len());
        Err(Violation::new("what came later is lost first", what))
    }

    fn is_one_of(&self, do_id: u32, is: &Content) -> Result<(), Violation> {
        let must = get(&self.durable, do_id);
        let mut others = self.uncertain.iter().filter(|&&(_, of, _)| of == do_id);
        if *is == must || others.any(|(_, _, content)| content == is) {
            return Ok(());
        }
        Err(differs(do_id, &must, is))
    }

    /// A part took a write of an object, or its deletion.
    pub fn asked(&mut self, part: usize, do_id: u32, content: Content) {
        self.highest_asked = self.highest_asked.max(do_id);
        self.asked[part].push_back(Asked { do_id, content });
    }

    /// An append of a part was handed to the log.
    pub fn sent(&mut self, part: usize, append: &Append) -> Result<(), Violation> {
        let write = match append.purpose {
            Purpose::Move => None,
            Purpose::Write | Purpose::Delete => {
                let Some(write) = self.asked[part].pop_front() else {
                    let what = format!("part {part} appends what nobody asked for");
                    return Err(Violation::new("one append for a write", what));
                };
                Some(write)
            }
        };
        self.order += 1;
        self.unanswered[part].push_back(Unanswered { order: self.order, write });
        Ok(())
    }

    /// The log answered a part; how many of its writes have their fate with that.
    pub fn answered(&mut self, part: usize, reply: &Reply) -> Result<usize, Violation> {
        match reply {
            Reply::Durable(places) => {
                let mut writes = 0;
                for _ in places {
                    if let Some(write) = self.next_unanswered(part)?.write {
                        writes += 1;
                        self.is_durable(write);
                    }
                }
                Ok(writes)
            }
            Reply::Refused => {
                self.has_refused = true;
                Ok(usize::from(self.next_unanswered(part)?.write.is_some()))
            }
            Reply::ReadOnly(_)
            | Reply::Sealed(..)
            | Reply::Sweep(_)
            | Reply::Removed(_)
            | Reply::Fetched(..)
            | Reply::Damaged(..) => Ok(0),
        }
    }

    fn is_durable(&mut self, write: Asked) {
        if write.content.is_some() {
            self.highest_durable = self.highest_durable.max(write.do_id);
        }
        self.durable.insert(write.do_id, write.content);
    }

    fn next_unanswered(&mut self, part: usize) -> Result<Unanswered, Violation> {
        self.unanswered[part].pop_front().ok_or_else(|| {
            let what = format!("part {part} is answered what it did not ask");
            Violation::new("one answer for an append", what)
        })
    }

    /// The log may not write any more: the disk failed, or the process is gone.
    pub fn interrupted(&mut self) {
        let left = self.unanswered.iter_mut().flat_map(|queue| queue.drain(..));
        self.uncertain.extend(left.filter_map(|left| {
            let write = left.write?;
            Some((left.order, write.do_id, write.content))
        }));
        self.uncertain.sort_by_key(|&(order, ..)| order);
        self.asked.iter_mut().for_each(VecDeque::clear);
    }

    /// Whether everything that was handed to the log was answered.
    pub fn all_answered(&self) -> bool {
        self.unanswered.iter().all(VecDeque::is_empty)
    }

    /// The last value of an object that was reported durable.
    pub fn durable(&self, do_id: u32) -> Content {
        get(&self.durable, do_id)
    }

    /// All ids of which something was ever reported durable or seen, with their last value.
    pub fn all(&self) -> impl Iterator<Item = (u32, &Content)> {
        self.durable.iter().map(|(&do_id, content)| (do_id, content))
    }
}

/// What of an object is in `contents`.
pub fn get(contents: &BTreeMap<u32, Content>, do_id: u32) -> Content {
    contents.get(&do_id).cloned().flatten()
}

fn differs(do_id: u32, must: &Content, is: &Content) -> Violation {
    let what = format!("object {do_id} is {}, not {}", brief(is), brief(must));
    let rule = match (must, is) {
        (Some(_), None) => "what was reported durable is there",
        (None, Some(_)) => "nothing comes back and nothing is invented",
        (None, None) | (Some(_), Some(_)) => "no value but the last one",
    };
    Violation::new(rule, what)
}
