//! Visitors of whom it is not certain that they are in the park: those that have just been sent there,
//! and, after a lost link, all of them, until they say where they are.

use std::collections::BTreeMap;
use wire::ids::DoId;

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
}

#[derive(Debug, Default)]
pub(crate) struct Presence(BTreeMap<DoId, Wait>);

impl Presence {
    /// A visitor was sent into the park, and asked where it is.
    pub(crate) fn enters(&mut self, visitor: DoId, until_ms: u64) {
        self.0.insert(visitor, Wait { why: Waited::Entering, until_ms: Some(until_ms) });
    }

    /// These may have left, and nobody else is there; they are yet to be asked.
    pub(crate) fn doubt(&mut self, visitors: impl Iterator<Item = DoId>) {
        let doubted = |visitor| (visitor, Wait { why: Waited::Doubted, until_ms: None });
        self.0 = visitors.map(doubted).collect();
    }

    /// Those that are to be asked now.
    pub(crate) fn ask(&mut self, until_ms: u64) -> Vec<DoId> {
        let unasked = self.0.iter_mut().filter(|(_, wait)| wait.until_ms.is_none());
        let ask = |(visitor, wait): (&DoId, &mut Wait)| {
            wait.until_ms = Some(until_ms);
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

    /// Those that were to answer by now; they are waited for no longer.
    pub(crate) fn take_late(&mut self, now_ms: u64) -> Vec<(DoId, Waited)> {
        let is_late = |wait: &Wait| wait.until_ms.is_some_and(|until_ms| until_ms <= now_ms);
        let late = self.0.iter().filter(|(_, wait)| is_late(wait));
        let late: Vec<(DoId, Waited)> = late.map(|(visitor, wait)| (*visitor, wait.why)).collect();
        late.iter().for_each(|(visitor, _)| self.is_certain(*visitor));
        late
    }
}
