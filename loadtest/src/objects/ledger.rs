//! What listeners are to hear of each object, and whether they have: once, in order, nothing else.
//!
//! Every operation makes one or two notices, each for one group of listeners. A notice is known by
//! what it says; where it stands in the order of its object and group says the [`Checker`], to
//! which an object at a listener is a slot. An operation is forgotten once all have heard of it.

use super::plan::ObjectsPlan;
use crate::checker::{Checker, Loss};
use crate::ledger::LATENCY_NS_MAX;
use anyhow::Result;
use hdrhistogram::Histogram;
use std::fmt;
use wire::ids::Zone;

/// What a listener hears of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Notice {
    /// ENTERZONE, with the number of the value that it has; None where the value is not stored.
    Entered { zone: Zone, value: Option<u32> },
    /// UPDATE_FIELD.
    Updated { value: u32 },
    /// CHANGE_ZONE.
    Left { from: Zone, to: Zone },
    /// DELETE_RAM.
    Deleted,
}

/// What became of a notice that a listener heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    InOrder,
    /// After a later one of the same object.
    Late,
    Doubled,
    /// Nobody caused it, or not here, or it says something else.
    Unexpected,
}

#[derive(Clone, Copy, Debug)]
struct Due {
    group: u32,
    /// Among the notices of this object for this group.
    number: u32,
    notice: Notice,
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    dues: [Option<Due>; 2],
    intended_ns: u64,
    /// Deliveries that have not arrived.
    lacking: u32,
    /// The next operation of the same object; or in the list of free places.
    next: u32,
}

const NONE: u32 = u32::MAX;

pub(crate) struct Ledger {
    /// Of each group.
    listeners: u32,
    groups: u32,
    objects: u32,
    checker: Checker,
    operations: Vec<Operation>,
    free: u32,
    /// The oldest operation of each object that has not been heard everywhere.
    oldest: Vec<u32>,
    /// Notices so far of each object for each group.
    begun: Vec<u32>,
    /// Operations that have not been heard everywhere.
    pub(crate) in_flight: u32,
    /// Notices that arrived for the first time, at any listener.
    pub(crate) delivered: u64,
    pub(crate) latency: Histogram<u64>,
}

impl Ledger {
    pub(crate) fn new(plan: &ObjectsPlan) -> Result<Ledger> {
        let objects = if plan.listeners > 0 { plan.all_objects() } else { 0 };
        Ok(Ledger {
            listeners: plan.listeners,
            groups: plan.groups,
            objects,
            checker: Checker::new((plan.listeners_in_all() * objects) as usize),
            operations: Vec::new(),
            free: NONE,
            oldest: vec![NONE; objects as usize],
            begun: vec![0; (objects * plan.groups) as usize],
            in_flight: 0,
            delivered: 0,
            latency: Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3)?,
        })
    }

    /// An operation on `object` that `notices` will tell of, each for a group of listeners.
    pub(crate) fn begin<const N: usize>(
        &mut self,
        object: u32,
        notices: [(u32, Notice); N],
        intended_ns: u64,
    ) {
        let mut dues = [None; 2];
        for (due, (group, notice)) in dues.iter_mut().zip(notices) {
            let begun = &mut self.begun[(object * self.groups + group) as usize];
            *due = Some(Due { group, number: *begun, notice });
            *begun += 1;
        }
        let lacking = self.listeners * N as u32;
        let index = self.place(Operation { dues, intended_ns, lacking, next: NONE });
        *self.link_to(object, NONE) = index;
        self.in_flight += 1;
    }

    /// What points at operation `index` of an object, or at its end.
    fn link_to(&mut self, object: u32, index: u32) -> &mut u32 {
        let mut before = None;
        let mut at = self.oldest[object as usize];
        while at != index {
            before = Some(at);
            at = self.operations[at as usize].next;
        }
        match before {
            Some(before) => &mut self.operations[before as usize].next,
            None => &mut self.oldest[object as usize],
        }
    }

    fn place(&mut self, operation: Operation) -> u32 {
        let index = self.free;
        if index == NONE {
            self.operations.push(operation);
            return self.operations.len() as u32 - 1;
        }
        let place = &mut self.operations[index as usize];
        self.free = place.next;
        *place = operation;
        index
    }

    /// `listener` (counted over all groups) has heard `notice` of `object`.
    pub(crate) fn heard(
        &mut self,
        listener: u32,
        object: u32,
        notice: Notice,
        now: u64,
    ) -> Arrival {
        let slot = listener * self.objects + object;
        let Some((index, number)) = self.find(listener / self.listeners, object, slot, notice)
        else {
            return Arrival::Unexpected;
        };
        let out_of_order = self.checker.out_of_order;
        if !self.checker.see(slot, number) {
            return Arrival::Doubled;
        }
        let operation = &mut self.operations[index as usize];
        self.delivered += 1;
        self.latency.saturating_record(now.saturating_sub(operation.intended_ns));
        operation.lacking -= 1;
        if operation.lacking == 0 {
            self.remove(object, index);
        }
        let is_late = self.checker.out_of_order > out_of_order;
        if is_late { Arrival::Late } else { Arrival::InOrder }
    }

    /// The operation and the number of a notice: the first after what this slot has heard, else
    /// one that it has missed so far, else any.
    fn find(&self, group: u32, object: u32, slot: u32, notice: Notice) -> Option<(u32, u32)> {
        let mut index = self.oldest[object as usize];
        let (mut missed, mut heard) = (None, None);
        while index != NONE {
            let operation = &self.operations[index as usize];
            let is_it = |due: &&Due| due.group == group && due.notice == notice;
            if let Some(due) = operation.dues.iter().flatten().find(is_it) {
                let found = (index, due.number);
                if due.number >= self.checker.next(slot) {
                    return Some(found);
                }
                let is_missed = self.checker.is_missing(slot, due.number);
                *(if is_missed { &mut missed } else { &mut heard }) = Some(found);
            }
            index = operation.next;
        }
        missed.or(heard)
    }

    fn remove(&mut self, object: u32, index: u32) {
        let next = self.operations[index as usize].next;
        *self.link_to(object, index) = next;
        self.operations[index as usize].next = self.free;
        self.free = index;
        self.in_flight -= 1;
    }

    /// What was to be heard and was not.
    pub(crate) fn losses(&self) -> Vec<Loss> {
        if self.objects == 0 {
            return Vec::new();
        }
        self.checker.losses(|slot| {
            let (object, group) = (slot % self.objects, slot / self.objects / self.listeners);
            self.begun[(object * self.groups + group) as usize]
        })
    }

    /// The listener, the object and the first notice of a loss.
    pub(crate) fn lost(&self, loss: &Loss) -> (u32, u32, Option<Notice>) {
        let (listener, object) = (loss.slot / self.objects, loss.slot % self.objects);
        let group = listener / self.listeners;
        let mut index = self.oldest[object as usize];
        while index != NONE {
            let operation = &self.operations[index as usize];
            let is_it = |due: &&Due| due.group == group && due.number == loss.first_seq;
            if let Some(due) = operation.dues.iter().flatten().find(is_it) {
                return (listener, object, Some(due.notice));
            }
            index = operation.next;
        }
        (listener, object, None)
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Entered { zone, value: Some(value) } => {
                write!(f, "ENTERZONE of zone {zone} with value {value}")
            }
            Notice::Entered { zone, value: None } => write!(f, "ENTERZONE of zone {zone}"),
            Notice::Updated { value } => write!(f, "UPDATE_FIELD with value {value}"),
            Notice::Left { from, to } => write!(f, "CHANGE_ZONE from zone {from} to zone {to}"),
            Notice::Deleted => write!(f, "DELETE_RAM"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dc::{Options, Schema};
    use std::sync::Arc;
    use wire::dialect::Dialect;

    /// Two groups of two listeners, a few objects.
    fn ledger() -> Ledger {
        let schema = Arc::new(Schema::load(&[], Options::default()).unwrap());
        let plan = ObjectsPlan::new(([127, 0, 0, 1], 1).into(), Dialect::OpenOtp, schema);
        Ledger::new(&ObjectsPlan { listeners: 2, objects: 3, ..plan }).unwrap()
    }

    const CREATED: Notice = Notice::Entered { zone: Zone(1), value: Some(0) };
    const LEFT: Notice = Notice::Left { from: Zone(1), to: Zone(2) };
    const ENTERED: Notice = Notice::Entered { zone: Zone(2), value: Some(1) };

    fn updated(value: u32) -> Notice {
        Notice::Updated { value }
    }

    #[test]
    fn what_is_heard_as_it_was_done_is_in_order() {
        let mut ledger = ledger();
        ledger.begin(1, [(0, CREATED)], 5);
        ledger.begin(1, [(0, updated(1))], 5);
        ledger.begin(1, [(0, LEFT), (1, ENTERED)], 5);
        ledger.begin(1, [(1, updated(2))], 5);
        for notice in [CREATED, updated(1), LEFT] {
            assert_eq!([0, 1].map(|l| ledger.heard(l, 1, notice, 9)), [Arrival::InOrder; 2]);
        }
        assert_eq!((ledger.in_flight, ledger.losses().len()), (2, 2));
        for notice in [ENTERED, updated(2)] {
            assert_eq!([2, 3].map(|l| ledger.heard(l, 1, notice, 9)), [Arrival::InOrder; 2]);
        }
        assert_eq!((ledger.in_flight, ledger.delivered), (0, 10));
        assert!(ledger.losses().is_empty());
        assert_eq!((ledger.latency.len(), ledger.latency.max()), (10, 4));
        ledger.begin(1, [(1, Notice::Deleted)], 5);
        assert_eq!(ledger.operations.len(), 4, "places are used again");
    }

    #[test]
    fn what_is_heard_otherwise_is_noticed() {
        let mut ledger = ledger();
        ledger.begin(1, [(0, CREATED)], 0);
        for value in 1..4 {
            ledger.begin(1, [(0, updated(value))], 0);
        }
        let order = [CREATED, updated(2), updated(1), updated(1), updated(4)];
        let arrivals = order.map(|notice| ledger.heard(1, 1, notice, 0));
        use Arrival::{Doubled, InOrder, Late, Unexpected};
        assert_eq!(arrivals, [InOrder, InOrder, Late, Doubled, Unexpected]);
        assert_eq!(ledger.heard(2, 1, CREATED, 0), Unexpected, "not in this group's zones");
        assert_eq!(ledger.heard(0, 0, CREATED, 0), Unexpected, "not this object");
        let other_zone = Notice::Entered { zone: Zone(3), value: Some(0) };
        assert_eq!(ledger.heard(0, 1, other_zone, 0), Unexpected);
        let losses = ledger.losses();
        let lost: Vec<_> = losses.iter().map(|loss| (loss.messages, ledger.lost(loss))).collect();
        assert_eq!(lost, [(4, (0, 1, Some(CREATED))), (1, (1, 1, Some(updated(3))))]);
    }

    #[test]
    fn the_same_move_again_is_another_one() {
        let mut ledger = ledger();
        let back = Notice::Left { from: Zone(2), to: Zone(1) };
        for notice in [LEFT, back, LEFT] {
            ledger.begin(0, [(0, notice)], 0);
        }
        let arrivals = [LEFT, back, LEFT, LEFT].map(|notice| ledger.heard(0, 0, notice, 0));
        use Arrival::{Doubled, InOrder};
        assert_eq!(arrivals, [InOrder, InOrder, InOrder, Doubled]);
        assert_eq!(ledger.in_flight, 3, "the other listener has heard nothing");
    }
}
