//! What parents and children that live elsewhere say, and what comes on children channels.

use super::Draw;
use crate::objects::datagram::Dg;
use wire::ids::{Channel, DoId};
use wire::state_server::{Location, ObjectMessage, Zones};

impl Draw<'_> {
    pub(super) fn of_elsewhere(&mut self) -> Dg {
        if self.chance.one_in(2) { self.foreign_child() } else { self.foreign_parent() }
    }

    /// A child elsewhere says where it is, or where it was.
    fn foreign_child(&mut self) -> Dg {
        let id = self.target();
        let child = self.chance.pick(&self.pools.foreign_children).unwrap_or(1);
        let here = Location { parent: DoId(id), zone: self.zone() };
        let away = Location { parent: DoId(0), zone: self.zone() };
        let leaves = self.chance.one_in(4);
        let (new, old) = if leaves { (away, here) } else { (here, away) };
        let do_id = DoId(child);
        self.sender = child.into();
        let message = match self.chance.one_in(2) {
            true => ObjectMessage::ChangeZone { do_id, new, old },
            false => ObjectMessage::LocateResp { context: 1001, do_id, location: new },
        };
        self.ask_object(id, &message)
    }

    /// A parent elsewhere, or somebody, speaks to children.
    fn foreign_parent(&mut self) -> Dg {
        let foreign = self.chance.pick(&self.pools.foreign_parents).unwrap_or(1);
        let context = self.context;
        let any = self.chance.one_in(6);
        if any {
            let parent = self.target();
            return self.ask_children(parent, &ObjectMessage::Locate { context });
        }
        self.sender = foreign.into();
        let parent = DoId(foreign);
        let zones = self.some_zones();
        let zones = Zones(&zones);
        match self.chance.below(if self.is_astron() { 7 } else { 4 }) {
            0 => self.ask_children(foreign, &ObjectMessage::Locate { context }),
            1 => {
                let context = if self.is_astron() { context } else { 0 };
                self.ask_children(foreign, &ObjectMessage::QueryZones { context, parent, zones })
            }
            2 => {
                let (ai, old) = (self.ai(), Channel(0));
                self.ask_children(foreign, &ObjectMessage::NotifyManagingAi { parent, ai, old })
            }
            3 => self.ask_one_child(foreign),
            4 => self.ask_children(foreign, &ObjectMessage::DeleteChildren { parent }),
            5 => self.ask_children(foreign, &ObjectMessage::DeleteZones { parent, zones }),
            _ => self.acknowledge(foreign),
        }
    }

    fn ask_children(&self, parent: u32, message: &ObjectMessage<'_>) -> Dg {
        let to = self.model.children_channel(parent);
        Dg::object(self.dialect(), &[to], self.sender, message)
    }

    /// A child of `foreign`, or anybody.
    fn child_of(&mut self, foreign: u32) -> u32 {
        let children = self.model.children(foreign);
        let other = self.target();
        self.chance.pick(&children).unwrap_or(other)
    }

    fn ask_one_child(&mut self, foreign: u32) -> Dg {
        let (id, ai, context) = (self.child_of(foreign), self.ai(), self.context);
        let parent = DoId(foreign);
        let zones = self.some_zones();
        let zones = Zones(&zones);
        let asks = self.chance.one_in(2);
        let message = match (asks, self.is_astron()) {
            (true, true) => ObjectMessage::QueryZones { context, parent, zones },
            (true, false) => ObjectMessage::QueryZones { context: 0, parent, zones },
            (false, true) => ObjectMessage::ManagingAiResp { context, parent, ai },
            (false, false) => ObjectMessage::NotifyManagingAi { parent, ai, old: Channel(0) },
        };
        self.ask_object(id, &message)
    }

    fn acknowledge(&mut self, foreign: u32) -> Dg {
        let id = self.child_of(foreign);
        let here = self.model.objects.get(&id).map(|object| object.location());
        let elsewhere = Location { parent: DoId(foreign), zone: self.zone() };
        let stale = self.chance.one_in(4);
        let location = if stale { elsewhere } else { here.unwrap_or(elsewhere) };
        self.ask_object(id, &ObjectMessage::LocationAck { location })
    }
}
