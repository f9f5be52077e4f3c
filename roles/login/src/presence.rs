//! Visitors of whom it is not certain that they are in the park: those that have just been sent there,
//! and, after a lost link, all of them, until they say where they are. These are asked twice: a first
//! answer may be late because many are asked at once, or since nobody had time to hear it.

use std::collections::BTreeMap;
use wire::ids::DoId;

/// How long a visitor in doubt has for each of the two answers. Both together are shorter than a login
/// usually may be, so that a second one of his need not be asked for anew.
const ANSWER_MS: u64 = 6000;

/// Why a visitor is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waited {
    /// It was sent into the park.
    Entering,
    /// Nobody could say whether its client left meanwhile.
    Doubted,
}

#[derive(Debug)]
struct Wait {
    why: Waited,
    /// Until when it has to answer, if it was asked.
    until_ms: Option<u64>,
    /// It is asked no more.
    is_last: bool,
}

/// Those that did not answer in time.
#[derive(Debug, Default)]
pub(crate) struct Late {
    /// They are to be asked again.
    pub ask: Vec<DoId>,
    /// They are waited for no longer.
    pub given_up: Vec<(DoId, Waited)>,
}

#[derive(Debug, Default)]
pub(crate) struct Presence(BTreeMap<DoId, Wait>);

impl Presence {
    /// A visitor was sent into the park, and asked where it is.
    pub(crate) fn enters(&mut self, visitor: DoId, until_ms: u64) {
        let wait = Wait { why: Waited::Entering, until_ms: Some(until_ms), is_last: true };
        self.0.insert(visitor, wait);
    }

    /// These may have left, and nobody else is there; they are yet to be asked.
    pub(crate) fn doubt(&mut self, visitors: impl Iterator<Item = DoId>) {
        let wait = || Wait { why: Waited::Doubted, until_ms: None, is_last: false };
        self.0 = visitors.map(|visitor| (visitor, wait())).collect();
    }

    /// Those that are to be asked now.
    pub(crate) fn ask(&mut self, now_ms: u64) -> Vec<DoId> {
        let unasked = self.0.iter_mut().filter(|(_, wait)| wait.until_ms.is_none());
        let ask = |(visitor, wait): (&DoId, &mut Wait)| {
            wait.until_ms = Some(now_ms + ANSWER_MS);
            *visitor
        };
        unasked.map(ask).collect()
    }

    /// A visitor is in the park, or has left it.
    pub(crate) fn is_certain(&mut self, visitor: DoId) {
        self.0.remove(&visitor);
    }

    pub(crate) fn is_doubted(&self, visitor: DoId) -> bool {
        self.0.get(&visitor).is_some_and(|wait| wait.why == Waited::Doubted)
    }

    /// Those that were to answer by now.
    pub(crate) fn take_late(&mut self, now_ms: u64) -> Late {
        let mut late = Late::default();
        self.0.retain(|visitor, wait| {
            if wait.until_ms.is_none_or(|until_ms| now_ms < until_ms) {
                return true;
            }
            if wait.is_last {
                late.given_up.push((*visitor, wait.why));
                return false;
            }
            (wait.until_ms, wait.is_last) = (Some(now_ms + ANSWER_MS), true);
            late.ask.push(*visitor);
            true
        });
        late
    }
}
