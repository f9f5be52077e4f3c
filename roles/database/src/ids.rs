//! Ids of new objects: given out one after the other by the instance on the shard of id 0.

use alloc::collections::BTreeSet;
use wire::dialect::Dialect;
use wire::ids::DoId;

/// The ids that are left.
pub struct Ids {
    /// The lowest that was never given out; `None`: there is none.
    next: Option<DoId>,
    max: DoId,
    /// Those of objects that did not begin after all. Nobody has heard of them.
    returned: BTreeSet<DoId>,
}

impl Ids {
    /// Of the ids from `min` to `max` those from `next` on are left.
    pub fn new((min, max): (DoId, DoId), next: DoId) -> Ids {
        let first = min.max(next).max(DoId(1));
        // There is no id behind the last one: the store says the same whether it was given or not.
        let is_left = first <= max && next != DoId(u32::MAX);
        Ids { next: is_left.then_some(first), max, returned: BTreeSet::new() }
    }

    /// Takes the next one that is not `taken` for something else.
    pub fn take(&mut self, dialect: Dialect, taken: impl Fn(DoId) -> bool) -> Option<DoId> {
        if let Some(do_id) = self.returned.pop_first() {
            return Some(do_id);
        }
        while let Some(do_id) = self.next {
            self.next = do_id.0.checked_add(1).map(DoId).filter(|&next| next <= self.max);
            if !dialect.is_reserved_do_id(do_id) && !taken(do_id) {
                return Some(do_id);
            }
        }
        None
    }

    /// An object did not begin.
    pub fn give_back(&mut self, do_id: DoId) {
        self.returned.insert(do_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(mut ids: Ids, dialect: Dialect) -> alloc::vec::Vec<u32> {
        core::iter::from_fn(|| ids.take(dialect, |id| id == DoId(4002))).map(|id| id.0).collect()
    }

    #[test]
    fn ids_ascend_and_leave_out_what_is_taken() {
        let range = (DoId(4000), DoId(4004));
        assert_eq!(ids(Ids::new(range, DoId(0)), Dialect::Astron), [4000, 4001, 4003, 4004]);
        assert_eq!(ids(Ids::new(range, DoId(4003)), Dialect::Astron), [4003, 4004]);
        assert!(ids(Ids::new(range, DoId(4005)), Dialect::Astron).is_empty());
        let range = (DoId(4029), DoId(4031));
        assert_eq!(ids(Ids::new(range, DoId(0)), Dialect::OpenOtp), [4029, 4031]);
        let range = (DoId(u32::MAX - 1), DoId(u32::MAX));
        assert_eq!(ids(Ids::new(range, DoId(0)), Dialect::Astron), [u32::MAX - 1, u32::MAX]);
        assert!(ids(Ids::new(range, DoId(u32::MAX)), Dialect::Astron).is_empty());
        assert_eq!(ids(Ids::new((DoId(0), DoId(1001)), DoId(0)), Dialect::Astron), [1000, 1001]);
    }

    #[test]
    fn what_did_not_begin_is_given_again() {
        let mut ids = Ids::new((DoId(2000), DoId(2001)), DoId(0));
        let take = |ids: &mut Ids| ids.take(Dialect::Astron, |_| false);
        assert_eq!((take(&mut ids), take(&mut ids)), (Some(DoId(2000)), Some(DoId(2001))));
        ids.give_back(DoId(2000));
        assert_eq!((take(&mut ids), take(&mut ids)), (Some(DoId(2000)), None));
    }
}
