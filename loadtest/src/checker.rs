//! Whether every stream arrives whole, once and in order at each of its receivers.
//!
//! A slot is one stream at one receiver. In order, a message costs one comparison; only what is
//! out of order is remembered, as ranges of sequence numbers that are missing so far.

use crate::payload::PROBE_SEQ;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Checker {
    /// The next sequence number of every slot.
    next: Vec<u32>,
    /// `(slot, first)` to the end of a run of sequence numbers that were passed over.
    missing: BTreeMap<(u32, u32), u32>,
    pub(crate) doubled: u64,
    pub(crate) out_of_order: u64,
}

/// A slot that did not get everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) slot: u32,
    pub(crate) first_seq: u32,
    pub(crate) messages: u64,
}

impl Checker {
    pub(crate) fn new(slots: usize) -> Checker {
        Checker { next: vec![0; slots], ..Checker::default() }
    }

    /// Takes note of an arrival; false if it had arrived before.
    #[inline]
    pub(crate) fn see(&mut self, slot: u32, seq: u32) -> bool {
        let next = &mut self.next[slot as usize];
        if *next != seq {
            return self.see_unexpected(slot, seq);
        }
        *next = seq + 1;
        true
    }

    #[cold]
    fn see_unexpected(&mut self, slot: u32, seq: u32) -> bool {
        debug_assert!(seq != PROBE_SEQ);
        let next = self.next[slot as usize];
        if seq > next {
            self.missing.insert((slot, next), seq);
            self.next[slot as usize] = seq + 1;
            return true;
        }
        let is_late = self.fill(slot, seq);
        if is_late {
            self.out_of_order += 1;
        } else {
            self.doubled += 1;
        }
        is_late
    }

    /// The number after the highest that has arrived.
    pub(crate) fn next(&self, slot: u32) -> u32 {
        self.next[slot as usize]
    }

    /// Whether `seq` was passed over and has not arrived so far.
    pub(crate) fn is_missing(&self, slot: u32, seq: u32) -> bool {
        let before = self.missing.range((slot, 0)..=(slot, seq)).next_back();
        before.is_some_and(|(_, &end)| seq < end)
    }

    /// Takes `seq` out of the missing ranges; false if it is not in one.
    fn fill(&mut self, slot: u32, seq: u32) -> bool {
        let before = self.missing.range((slot, 0)..=(slot, seq)).next_back();
        let Some((&(_, first), &end)) = before else { return false };
        if seq >= end {
            return false;
        }
        self.missing.remove(&(slot, first));
        if first < seq {
            self.missing.insert((slot, first), seq);
        }
        if seq + 1 < end {
            self.missing.insert((slot, seq + 1), end);
        }
        true
    }

    /// What has not arrived, where `sent` says how many messages a slot should have got.
    pub(crate) fn losses(&self, sent: impl Fn(u32) -> u32) -> Vec<Loss> {
        let passed = self.missing.iter().map(|(&(slot, first), &end)| (slot, first, end));
        let tail = (0u32..).zip(&self.next).map(|(slot, &next)| (slot, next, sent(slot)));
        let mut losses: BTreeMap<u32, Loss> = BTreeMap::new();
        for (slot, first_seq, end) in passed.chain(tail).filter(|(_, first, end)| first < end) {
            let loss = losses.entry(slot).or_insert(Loss { slot, first_seq, messages: 0 });
            loss.messages += u64::from(end - first_seq);
        }
        losses.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows the checker one slot's arrivals and returns (lost, doubled, out of order).
    fn check(arrivals: &[u32], sent: u32) -> (u64, u64, u64) {
        let mut checker = Checker::new(3);
        let see = |seq: &&u32| {
            let is_fresh = **seq >= checker.next(1) || checker.is_missing(1, **seq);
            assert_eq!(checker.see(1, **seq), is_fresh);
            is_fresh && !checker.is_missing(1, **seq)
        };
        let fresh = arrivals.iter().filter(see).count() as u64;
        let losses = checker.losses(|slot| if slot == 1 { sent } else { 0 });
        assert!(losses.len() <= 1 && losses.iter().all(|loss| loss.slot == 1));
        let lost = losses.first().map_or(0, |loss| loss.messages);
        assert_eq!(fresh + lost, u64::from(sent), "{arrivals:?}");
        (lost, checker.doubled, checker.out_of_order)
    }

    #[test]
    fn in_order_nothing_is_reported() {
        assert_eq!(check(&[0, 1, 2, 3], 4), (0, 0, 0));
        assert_eq!(check(&[], 0), (0, 0, 0));
    }

    #[test]
    fn a_lost_message_is_reported() {
        assert_eq!(check(&[0, 1, 3], 4), (1, 0, 0));
        assert_eq!(check(&[1, 2, 3], 4), (1, 0, 0));
        assert_eq!(check(&[0, 1, 2], 4), (1, 0, 0));
        assert_eq!(check(&[], 4), (4, 0, 0));
        assert_eq!(check(&[5, 9], 12), (10, 0, 0));
    }

    #[test]
    fn a_doubled_message_is_reported() {
        assert_eq!(check(&[0, 1, 1, 2], 3), (0, 1, 0));
        assert_eq!(check(&[0, 1, 2, 0, 1, 2], 3), (0, 3, 0));
    }

    #[test]
    fn swapped_messages_are_reported() {
        assert_eq!(check(&[0, 2, 1, 3], 4), (0, 0, 1));
        assert_eq!(check(&[3, 2, 1, 0], 4), (0, 0, 3));
        assert_eq!(check(&[9, 4, 2, 7, 4], 10), (6, 1, 3));
    }

    #[test]
    fn a_loss_names_its_slot_and_first_number() {
        let mut checker = Checker::new(2);
        checker.see(0, 0);
        checker.see(0, 2);
        let wanted = Loss { slot: 0, first_seq: 1, messages: 1 };
        assert_eq!(checker.losses(|slot| if slot == 0 { 3 } else { 0 }), [wanted]);
    }
}
