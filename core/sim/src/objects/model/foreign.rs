//! Parents and children that live on other State Servers.

use super::delete::is_listed;
use super::snapshot::{Sight, entry};
use super::{Done, ForeignAnswer, Model, Object};
use crate::objects::datagram::Dg;
use std::collections::BTreeMap;
use wire::dialect::Dialect;
use wire::ids::DoId;
use wire::state_server::{Location, ObjectMessage, ObjectNotice, Zones};

impl Model {
    /// CHANGE_ZONE or LOCATE_RESP of a child that lives elsewhere.
    pub(super) fn child_is_at(&mut self, id: u32, child: u32, location: Location) -> Done {
        if location.parent != DoId(id) {
            self.object_mut(id).foreign.remove(&child);
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

    /// `openotp`: the children elsewhere are asked, and what they answer is passed on.
    pub(super) fn ask_foreign(&mut self, id: u32, asker: u64, zones: Zones<'_>) {
        let asked = self.foreign_in(id, zones);
        let ask = ObjectMessage::QueryZones { context: 0, parent: DoId(id), zones };
        let to: Vec<u64> = asked.iter().map(|&child| child.into()).collect();
        self.message(id, &to, id.into(), &ask);
        let before = self.outcome.said.len();
        for child in asked {
            let answer = self.foreign_answers.get(&child).cloned();
            let is_for = |answer: &ForeignAnswer| {
                let listed = |zone: u32| zones.iter().any(|listed| listed.0 == zone);
                answer.to.is_none_or(|(parent, zone)| parent == id && listed(zone))
            };
            match answer.filter(is_for) {
                Some(answer) => {
                    let msgtype = wire::ids::MsgType(answer.msgtype);
                    self.say(child, &[asker], child.into(), msgtype, answer.payload);
                }
                // Who does not answer is not asked again.
                None => {
                    self.object_mut(id).foreign.remove(&child);
                }
            }
        }
        self.rank(before, 0);
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
        if self.dialect == Dialect::Astron && object.acked {
            self.enter_interest(id, &[dg.sender], context);
        } else {
            self.enter_zone(id, &[dg.sender]);
        }
        Done::Yes
    }

    /// What each object would answer to a parent that lives elsewhere.
    pub fn answers_of_children(&self) -> BTreeMap<u32, ForeignAnswer> {
        let answer = |(&id, object): (&u32, &Object)| {
            let packed = self.packed(object, Sight::Zone, false);
            let notice = ObjectNotice::EnterZone(entry(id, object, &packed));
            let msgtype = notice.msgtype(self.dialect).expect("both dialects have it").0;
            let mut payload = Vec::new();
            notice.write(self.dialect, &mut payload);
            (id, ForeignAnswer { to: Some((object.parent, object.zone)), msgtype, payload })
        };
        self.objects.iter().map(answer).collect()
    }

    /// Children elsewhere would answer this now.
    pub fn know_answers(&mut self, answers: BTreeMap<u32, ForeignAnswer>) {
        self.foreign_answers.retain(|_, answer| answer.to.is_none());
        self.foreign_answers.extend(answers);
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
