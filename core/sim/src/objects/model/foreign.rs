//! Parents and children that live on other State Servers.

use super::{Done, Model};
use crate::objects::datagram::Dg;
use wire::dialect::Dialect;
use wire::ids::DoId;
use wire::state_server::{Location, ObjectMessage, Zones};

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
        for &child in &asked {
            self.message(id, &[child.into()], id.into(), &ask);
        }
        let before = self.outcome.said.len();
        for child in asked {
            match self.foreign_answers.get(&child).cloned() {
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
        zones: Zones<'_>,
    ) -> Done {
        let object = self.object(id);
        if !zones.iter().any(|listed| listed.0 == object.zone) {
            return Done::Yes;
        }
        if self.dialect == Dialect::Astron && object.acked {
            self.enter_interest(id, &[dg.sender], context);
        } else {
            self.enter_zone(id, &[dg.sender]);
        }
        Done::Yes
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
                self.enter_for_parent(child, dg, context, zones);
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
