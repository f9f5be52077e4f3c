//! What a run found wrong with what it heard.

use serde::{Deserialize, Serialize};

/// What is wrong with something that was heard, or was not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    Lost,
    Doubled,
    OutOfOrder,
    Unexpected,
}

/// What a run found wrong, counted, and the first of it described.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// What should have been heard and was not.
    pub lost: u64,
    /// What was heard more than once.
    pub doubled: u64,
    /// What was heard after a later word of the same object.
    pub out_of_order: u64,
    /// What nobody had caused, or not there, or that said something else.
    pub unexpected: u64,
    /// A sentence for each, the first twenty of them.
    pub sentences: Vec<String>,
}

/// So many faults are described one by one.
const SENTENCES_MAX: usize = 20;

impl Faults {
    /// Nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.count() == 0 && self.sentences.is_empty()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.lost + self.doubled + self.out_of_order + self.unexpected
    }

    /// Those of another part of the same run as well.
    pub(crate) fn add(&mut self, other: Faults) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.unexpected += other.unexpected;
        self.sentences.extend(other.sentences);
        self.sentences.truncate(SENTENCES_MAX);
    }

    /// All of it, one line each.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let Faults { lost, doubled, out_of_order, unexpected, sentences } = self;
        let counts = [
            (lost, "lost"),
            (doubled, "doubled"),
            (out_of_order, "out of order"),
            (unexpected, "unexpected"),
        ];
        let counts = counts.iter().filter(|(count, _)| **count > 0);
        let counts = counts.map(|(count, what)| format!("{count} {what}"));
        counts.chain(sentences.iter().cloned()).collect()
    }

    #[cold]
    pub(crate) fn note(&mut self, fault: Fault, count: u64, sentence: impl FnOnce() -> String) {
        *match fault {
            Fault::Lost => &mut self.lost,
            Fault::Doubled => &mut self.doubled,
            Fault::OutOfOrder => &mut self.out_of_order,
            Fault::Unexpected => &mut self.unexpected,
        } += count;
        if self.sentences.len() < SENTENCES_MAX {
            self.sentences.push(sentence());
        }
    }

    /// What is wrong with the run as a whole.
    pub(crate) fn say(&mut self, sentence: String) {
        self.sentences.push(sentence);
    }
}
