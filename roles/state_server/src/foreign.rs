//! Children that live in other State Servers, below parents of this one.
//!
//! A parent knows its children here by itself, and those elsewhere by what they say: they tell it
//! of every move, and when they are deleted, and answer when it asks its children channel. What one
//! has said is believed until it says otherwise, or is out of reach for long ([`crate::relay`]).

use crate::refusal::Refusal;
use crate::refuse;
use crate::voice::To;
use crate::{Mail, StateServer};
use alloc::collections::{BTreeMap, BTreeSet};
use runtime::{Now, Outbox};
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, Zone};
use wire::state_server::{Location, ObjectMessage, Zones};

/// A child that lives elsewhere.
struct Child {
    zone: Zone,
    /// A query has waited for it in vain, and it has said nothing since.
    silent_since: Option<Now>,
}

/// The foreign children of the parents of this shard.
#[derive(Default)]
pub struct Foreign {
    below: BTreeMap<DoId, BTreeMap<DoId, Child>>,
    len: usize,
}

impl Foreign {
    fn put(&mut self, parent: DoId, child: DoId, zone: Zone, max: usize) -> bool {
        let known = self.below.get(&parent).is_some_and(|all| all.contains_key(&child));
        if self.len >= max && !known {
            return false;
        }
        let here = Child { zone, silent_since: None };
        if self.below.entry(parent).or_default().insert(child, here).is_none() {
            self.len += 1;
        }
        true
    }

    /// Whether a child was said to be in this zone.
    fn is_in(&self, parent: DoId, child: DoId, zone: Zone) -> bool {
        let known = self.below.get(&parent).and_then(|children| children.get(&child));
        known.is_some_and(|child| child.zone == zone)
    }

    /// A query that has begun at `began` waited for a child in vain until now. One that was silent
    /// before that is forgotten. Whether it has just fallen silent.
    pub fn did_not_answer(&mut self, parent: DoId, child: DoId, began: Now, now: Now) -> bool {
        let Some(known) = self.get_mut(parent, child) else { return false };
        let before = *known.silent_since.get_or_insert(now);
        if before <= began {
            self.forget(parent, child);
        }
        before == now
    }

    /// A child has said something.
    pub fn speaks(&mut self, parent: DoId, child: DoId) {
        if let Some(known) = self.get_mut(parent, child) {
            known.silent_since = None;
        }
    }

    fn get_mut(&mut self, parent: DoId, child: DoId) -> Option<&mut Child> {
        self.below.get_mut(&parent)?.get_mut(&child)
    }

    /// A child is not there any more.
    pub fn forget(&mut self, parent: DoId, child: DoId) {
        let Some(children) = self.below.get_mut(&parent) else { return };
        if children.remove(&child).is_some() {
            self.len -= 1;
        }
        if children.is_empty() {
            self.below.remove(&parent);
        }
    }

    /// A parent is gone.
    pub fn forget_parent(&mut self, parent: DoId) {
        if !self.below.is_empty() {
            self.len -= self.below.remove(&parent).map_or(0, |children| children.len());
        }
    }

    /// The children of a parent: all, or those in some zones.
    pub fn below(&self, parent: DoId, zones: Option<Zones<'_>>) -> BTreeSet<DoId> {
        let Some(children) = self.below.get(&parent) else { return BTreeSet::new() };
        let zones = zones.map(|zones| zones.iter().collect::<BTreeSet<Zone>>());
        let within = |zone: &Zone| zones.as_ref().is_none_or(|zones| zones.contains(zone));
        let there = children.iter().filter(|(_, child)| within(&child.zone));
        there.map(|(&do_id, _)| do_id).collect()
    }

    /// The zones of a parent that have some.
    pub fn zones(&self, parent: DoId) -> impl Iterator<Item = Zone> {
        let children = self.below.get(&parent).into_iter().flat_map(|children| children.values());
        children.map(|child| child.zone)
    }
}

impl StateServer {
    /// A child that lives elsewhere tells its old or new parent that it has moved, or answers where it
    /// is: here, or not.
    pub(crate) fn child_moved(
        &mut self,
        parent: DoId,
        child: DoId,
        to: Location,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        let zone = (to.parent == parent).then_some(to.zone);
        self.follow_child(parent, child, zone, out);
        if zone.is_none() {
            return self.foreign.forget(parent, child);
        }
        let was_here = self.foreign.is_in(parent, child, to.zone);
        let max = self.limits.foreign_children_max;
        if !self.foreign.put(parent, child, to.zone, max) {
            let full = Refusal::Full { what: "children elsewhere", max };
            return refuse(full, "move of a child", parent, Channel::object(child), out);
        }
        if !was_here && !mail.local {
            self.ask_latecomer(child, to, out);
        }
        if out.dialect() == Dialect::Astron {
            let noted = ObjectMessage::LocationAck { location: to };
            self.request(&To::object(child), Channel::object(parent), &noted, out);
        }
    }
}
