//! Children that live in other State Servers, below parents of this one.
//!
//! A parent knows its children here by itself, and those elsewhere by what they say: they tell it
//! of every move, and answer when it asks its children channel. What one that is gone has said is
//! believed until it says otherwise or does not answer.

use crate::StateServer;
use crate::refusal::Refusal;
use crate::refuse;
use crate::voice::To;
use alloc::collections::{BTreeMap, BTreeSet};
use runtime::Outbox;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, Zone};
use wire::state_server::{Location, ObjectMessage, Zones};

/// The foreign children of the parents of this shard.
#[derive(Default)]
pub struct Foreign {
    zones: BTreeMap<DoId, BTreeMap<DoId, Zone>>,
    len: usize,
}

impl Foreign {
    fn put(&mut self, parent: DoId, child: DoId, zone: Zone, max: usize) -> bool {
        let known = self.zones.get(&parent).is_some_and(|all| all.contains_key(&child));
        if self.len >= max && !known {
            return false;
        }
        if self.zones.entry(parent).or_default().insert(child, zone).is_none() {
            self.len += 1;
        }
        true
    }

    /// A child is not there any more.
    pub fn forget(&mut self, parent: DoId, child: DoId) {
        let Some(children) = self.zones.get_mut(&parent) else { return };
        if children.remove(&child).is_some() {
            self.len -= 1;
        }
        if children.is_empty() {
            self.zones.remove(&parent);
        }
    }

    /// A parent is gone.
    pub fn forget_parent(&mut self, parent: DoId) {
        if !self.zones.is_empty() {
            self.len -= self.zones.remove(&parent).map_or(0, |children| children.len());
        }
    }

    /// The children of a parent: all, or those in some zones.
    pub fn below(&self, parent: DoId, zones: Option<Zones<'_>>) -> BTreeSet<DoId> {
        let Some(children) = self.zones.get(&parent) else { return BTreeSet::new() };
        let zones = zones.map(|zones| zones.iter().collect::<BTreeSet<Zone>>());
        let within = |zone: &Zone| zones.as_ref().is_none_or(|zones| zones.contains(zone));
        children.iter().filter(|(_, zone)| within(zone)).map(|(&child, _)| child).collect()
    }

    /// The zones of a parent that have some.
    pub fn zones(&self, parent: DoId) -> impl Iterator<Item = Zone> {
        self.zones.get(&parent).into_iter().flat_map(|children| children.values().copied())
    }
}

impl StateServer {
    /// A child that lives elsewhere tells its old or new parent that it has moved.
    pub(crate) fn child_moved(
        &mut self,
        parent: DoId,
        child: DoId,
        to: Location,
        out: &mut Outbox,
    ) {
        if to.parent != parent {
            return self.foreign.forget(parent, child);
        }
        let max = self.limits.foreign_children_max;
        if !self.foreign.put(parent, child, to.zone, max) {
            let full = Refusal::Full { what: "children elsewhere", max };
            return refuse(full, "move of a child", parent, Channel::object(child), out);
        }
        if out.dialect() == Dialect::Astron {
            let noted = ObjectMessage::LocationAck { location: to };
            self.request(&To::object(child), Channel::object(parent), &noted, out);
        }
    }

    /// A child that lives elsewhere answers where it is: here, or not.
    pub(crate) fn child_located(
        &mut self,
        parent: DoId,
        child: DoId,
        location: Location,
        out: &mut Outbox,
    ) {
        self.child_moved(parent, child, location, out);
    }
}
