//! Parents and children that live on other State Servers.

use super::delete::is_listed;
use super::{Done, Model, Object};
use crate::objects::datagram::Dg;
use std::collections::BTreeMap;
use wire::dialect::Dialect;
use wire::ids::DoId;
use wire::state_server::{Location, ObjectMessage, Zones};

impl Model {
    /// CHANGE_ZONE or LOCATE_RESP of a child that lives elsewhere.
    pub(super) fn child_is_at(&mut self, id: u32, child: u32, location: Location) -> Done {
        self.object_mut(id).forget(child);
        if location.parent != DoId(id) {
            return Done::Yes;
        }
        self.object_mut(id).foreign.insert(child, location.zone.0);
        if self.dialect == Dialect::Astron {
            let ack = ObjectMessage::LocationAck { location };
            self.message(id, &[child.into()], id.into(), &ack);
        }
        Done::Yes
    }

    /// LOCATION_ACK of a parent that lives elsewhere.
    pub(super) fn acknowledged(&mut self, id: u32, location: Location) -> Done {
        let object = self.object_mut(id);
        object.acked |= object.location() == location;
        Done::Yes
    }

    /// `openotp`: the children elsewhere are asked in the name of who asked, and answer.
    pub(super) fn ask_foreign(&mut self, id: u32, asker: u64, zones: Zones<'_>) {
        // Nobody would hear what is said to channel 0.
        if asker == 0 {
            return;
        }
        let asked = self.foreign_in(id, zones);
        let ask = ObjectMessage::QueryZones { context: 0, parent: DoId(id), zones };
        let to: Vec<u64> = asked.iter().map(|&child| child.into()).collect();
        self.message(id, &to, asker, &ask);
        let mut silent = asked;
        silent.retain(|child| {
            let place = self.answering.get(child);
            let is_asked =
                |&(parent, zone): &(u32, u32)| parent == id && is_listed(Some(zones), zone);
            !place.is_some_and(|place| place.as_ref().is_none_or(is_asked))
        });
        let was_silent = |child: &u32| self.object(id).silent.contains(child);
        let (twice, once): (Vec<u32>, Vec<u32>) = silent.into_iter().partition(was_silent);
        let object = self.object_mut(id);
        twice.iter().for_each(|child| object.forget(*child));
        object.silent.extend(&once);
        // Who does not answer is asked where it is.
        if !once.is_empty() {
            let locate = ObjectMessage::Locate { context: 1001 };
            self.message(id, &[self.children_channel(id)], id.into(), &locate);
        }
    }

    /// `astron`: the children elsewhere answer the asker themselves.
    pub(super) fn relay_to_foreign(&mut self, id: u32, dg: &Dg, context: u32, zones: Zones<'_>) {
        if self.foreign_in(id, zones).is_empty() {
            return;
        }
        let relay = ObjectMessage::QueryZones { context, parent: DoId(id), zones };
        let children = self.children_channel(id);
        self.message(id, &[children], dg.sender, &relay);
    }

    fn foreign_in(&self, id: u32, zones: Zones<'_>) -> Vec<u32> {
        let listed = |zone: u32| zones.iter().any(|listed| listed.0 == zone);
        let foreign = self.object(id).foreign.iter();
        foreign.filter(|&(_, &zone)| listed(zone)).map(|(&child, _)| child).collect()
    }

    /// A parent elsewhere asks what is in its zones.
    pub(super) fn enter_for_parent(
        &mut self,
        id: u32,
        dg: &Dg,
        context: u32,
        zones: Option<Zones<'_>>,
    ) -> Done {
        let object = self.object(id);
        if !is_listed(zones, object.zone) {
            return Done::Yes;
        }
        let (parent, before) = (object.parent, self.outcome.said.len());
        if self.dialect == Dialect::OpenOtp {
            self.enter_zone(id, &[dg.sender, parent.into()]);
            self.rank(before, 0);
        } else if object.acked {
            self.enter_interest(id, &[dg.sender], context);
        } else {
            self.enter_zone(id, &[dg.sender]);
        }
        Done::Yes
    }

    /// Where each object is, so that it is known whether it answers a parent that lives elsewhere.
    pub fn places(&self) -> BTreeMap<u32, (u32, u32)> {
        let place = |(&id, object): (&u32, &Object)| (id, (object.parent, object.zone));
        self.objects.iter().map(place).collect()
    }

    /// These objects elsewhere answer.
    pub fn know_places(&mut self, places: BTreeMap<u32, (u32, u32)>) {
        self.answering.retain(|_, place| place.is_none());
        self.answering.extend(places.into_iter().map(|(id, place)| (id, Some(place))));
    }

    /// What comes on the channel of the children of `parent`.
    pub(super) fn hear_at_children(
        &mut self,
        parent: u32,
        dg: &Dg,
        message: ObjectMessage<'_>,
    ) -> Done {
        let children = self.children(parent);
        self.root = parent;
        if let ObjectMessage::Locate { context } = message {
            for child in children {
                self.locate(child, dg.sender, context);
            }
        } else if let ObjectMessage::QueryZones { context, parent: of, zones } = message
            && of.0 == parent
        {
            for child in children {
                self.enter_for_parent(child, dg, context, Some(zones));
            }
        } else if let ObjectMessage::QueryChildren { context, parent: of } = message
            && of.0 == parent
        {
            for child in children {
                self.enter_for_parent(child, dg, context, None);
            }
        } else if let ObjectMessage::NotifyManagingAi { parent: of, ai, .. } = message {
            for child in children {
                self.parent_has_ai(child, of.0, ai.0, dg.sender);
            }
        } else if let ObjectMessage::DeleteZones { parent: of, zones } = message {
            return self.delete_below(parent, dg.sender, of, Some(zones));
        } else if let ObjectMessage::DeleteChildren { parent: of } = message {
            return self.delete_below(parent, dg.sender, of, None);
        } else {
            return Done::Ignored;
        }
        Done::Yes
    }
}
