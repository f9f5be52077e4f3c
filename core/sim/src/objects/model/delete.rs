//! Deletions, of one object and of many.

use super::{Done, Model};
use crate::objects::datagram::Dg;
use std::collections::BTreeSet;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId};
use wire::state_server::{Location, ObjectMessage, ObjectNotice, Zones};

/// Whether the parent of what is deleted hears of it (`astron`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parent {
    Told,
    NotTold,
    /// It is deleted by the same request, before or after.
    Perhaps,
}

impl Model {
    pub(super) fn delete_asked(&mut self, id: u32, orig: u64) -> Done {
        self.delete(id, orig, Parent::Told);
        Done::Yes
    }

    fn delete(&mut self, id: u32, orig: u64, parent: Parent) {
        let Some(object) = self.objects.remove(&id) else { return };
        self.deleted += 1;
        let (location, ai, owner) = (object.location_channel(), object.ai, object.owner);
        let do_id = DoId(id);
        let deleted = ObjectNotice::DeleteRam { do_id };
        match self.dialect {
            Dialect::OpenOtp => {
                self.notice(id, &[location, owner], id.into(), &deleted);
                let gone = ObjectNotice::ChangeZone {
                    do_id,
                    new: Location::NOWHERE,
                    old: object.location(),
                };
                self.notice(id, &[object.parent.into()], id.into(), &gone);
                let none = Channel(0);
                let leaving = ObjectNotice::LeavingAiInterest { do_id, new: none, old: none };
                self.notice(id, &[ai], id.into(), &leaving);
            }
            Dialect::Astron => {
                self.notice(id, &[location, ai, owner], orig, &deleted);
                if parent != Parent::NotTold && orig != u64::from(object.parent) {
                    let (new, old) = (Location::NOWHERE, object.location());
                    let said = self.outcome.said.len();
                    let changed = ObjectNotice::ChangeZone { do_id, new, old };
                    self.notice(id, &[object.parent.into()], orig, &changed);
                    let is_optional = parent == Parent::Perhaps;
                    let said = self.outcome.said[said..].iter_mut();
                    said.for_each(|said| said.optional = is_optional);
                }
                let children = self.children_channel(id);
                let message = ObjectMessage::DeleteChildren { parent: do_id };
                self.message(id, &[children], orig, &message);
                for child in self.children(id) {
                    self.delete(child, orig, Parent::NotTold);
                }
            }
        }
    }

    /// SHARD_RESET.
    pub(super) fn reset(&mut self, dg: &Dg, ai: u64) -> Done {
        if ai == 0 {
            return Done::Yes;
        }
        let own = self.dialect == Dialect::Astron;
        let doomed: Vec<u32> = self
            .objects
            .iter()
            .filter(|(_, object)| object.ai == ai && (!own || object.explicit))
            .map(|(&id, _)| id)
            .collect();
        let mut below: BTreeSet<u32> = BTreeSet::new();
        for &id in &doomed {
            let others = doomed.iter().filter(|&&other| other != id);
            if others.into_iter().any(|&other| self.is_above(other, self.object(id).parent)) {
                below.insert(id);
            }
        }
        // Each before what it is below of, so that it is not taken for a mere child of that.
        let mut nested: Vec<u32> = below.iter().copied().collect();
        nested.sort_by_key(|&id| {
            let above =
                doomed.iter().filter(|&&other| self.is_above(other, self.object(id).parent));
            std::cmp::Reverse(above.count())
        });
        for id in nested.into_iter().chain(doomed) {
            self.root = id;
            let may = below.contains(&id);
            self.delete(id, dg.sender, if may { Parent::Perhaps } else { Parent::Told });
        }
        Done::Yes
    }

    /// DELETE_CHILDREN, DELETE_ZONE, DELETE_ZONES at a parent, or at the channel of its children.
    pub(super) fn delete_below(
        &mut self,
        parent: u32,
        orig: u64,
        of: DoId,
        zones: Option<Zones<'_>>,
    ) -> Done {
        if of.0 != parent {
            return Done::Ignored;
        }
        if self.objects.contains_key(&parent) {
            self.relay_deletion(parent, orig, zones);
        }
        for child in self.below(parent, zones) {
            self.delete(child, orig, Parent::NotTold);
        }
        Done::Yes
    }

    /// A parent passes on to children elsewhere what it was asked.
    fn relay_deletion(&mut self, id: u32, orig: u64, zones: Option<Zones<'_>>) {
        let (parent, children) = (DoId(id), self.children_channel(id));
        let message = match zones {
            Some(zones) => ObjectMessage::DeleteZones { parent, zones },
            None => ObjectMessage::DeleteChildren { parent },
        };
        self.message(id, &[children], orig, &message);
    }

    /// The children of `parent` in some zones, or all.
    pub(super) fn below(&self, parent: u32, zones: Option<Zones<'_>>) -> Vec<u32> {
        let mut children = self.children(parent);
        children.retain(|&child| is_listed(zones, self.object(child).zone));
        children
    }
}

/// Whether a zone is among those that are meant.
pub(super) fn is_listed(zones: Option<Zones<'_>>, zone: u32) -> bool {
    zones.is_none_or(|zones| zones.iter().any(|listed| listed.0 == zone))
}
