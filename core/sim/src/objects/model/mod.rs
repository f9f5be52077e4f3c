//! The reference model: what a State Server holds, and what it says to a request, to the byte.
//!
//! A plain map that one request after the other changes; where it is slow it is stupid on purpose.
//! It knows nothing of shards, of pages, of how the role does it.

mod ai;
mod answers;
mod create;
mod delete;
mod fields;
mod foreign;
mod location;
mod snapshot;
#[cfg(test)]
mod tests;
mod update;

use crate::objects::datagram::Dg;
use crate::objects::schema::Words;
use dc::Schema;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, FieldId, MsgType, Zone};
use wire::state_server::{Location, ObjectMessage, ObjectNotice, StateServerMessage};

/// An object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Object {
    /// Its class.
    pub class: u16,
    /// What is stored and set, by number.
    pub fields: BTreeMap<u16, Vec<u8>>,
    /// Its parent; 0: nowhere.
    pub parent: u32,
    /// Its zone.
    pub zone: u32,
    /// Its AI, its own or its parent's; 0: none.
    pub ai: u64,
    /// Whether it is its own.
    pub explicit: bool,
    /// Its owner; 0: none.
    pub owner: u64,
    /// Where its foreign parent has said that it knows it to be.
    pub acked: bool,
    /// The children that live elsewhere, and their zones.
    pub foreign: BTreeMap<u32, u32>,
    /// Those that have not answered a zone query, and have said nothing since.
    pub silent: BTreeSet<u32>,
}

impl Object {
    /// Where it is.
    pub fn location(&self) -> Location {
        Location { parent: DoId(self.parent), zone: Zone(self.zone) }
    }

    /// The channel of where it is; 0 nowhere.
    pub fn location_channel(&self) -> u64 {
        self.location().channel().map_or(0, |channel| channel.0)
    }

    fn forget(&mut self, child: u32) {
        self.foreign.remove(&child);
        self.silent.remove(&child);
    }
}

/// Something that the State Server says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// The datagram.
    pub dg: Dg,
    /// The object that says it: it says things in order.
    pub by: u32,
    /// The object that was asked first, of which this is a consequence.
    pub root: u32,
    /// Nothing of a lower rank comes later at anybody who was asked for it.
    pub rank: Option<u8>,
    /// Whether it may also be left out.
    pub optional: bool,
}

/// What comes of a datagram.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// What is said.
    pub said: Vec<Said>,
    /// Requests counted as refused, at least and at most.
    pub refused: (u64, u64),
}

/// Who may refuse, as a request is carried out.
pub(crate) enum Done {
    /// It was carried out.
    Yes,
    /// It was refused and counted.
    Refused,
    /// It was for somebody else, or nobody says whether it counts.
    Ignored,
}

/// The State Server as it should be.
#[derive(Clone, Debug)]
pub struct Model {
    /// The dialect.
    pub dialect: Dialect,
    /// The DC file.
    pub schema: Arc<Schema>,
    /// Its control channel.
    pub control: u64,
    /// The objects.
    pub objects: BTreeMap<u32, Object>,
    /// Objects ever created and deleted.
    pub created: u64,
    /// Objects ever deleted.
    pub deleted: u64,
    /// The children elsewhere that answer zone queries: if of their place, which that is.
    pub answering: BTreeMap<u32, Option<(u32, u32)>>,
    words: Words,
    outcome: Outcome,
    root: u32,
}

impl Model {
    /// Without objects.
    pub fn new(dialect: Dialect, schema: Arc<Schema>, control: u64) -> Model {
        let words = Words::new(&schema);
        Model {
            dialect,
            schema,
            control,
            objects: BTreeMap::new(),
            created: 0,
            deleted: 0,
            answering: BTreeMap::new(),
            words,
            outcome: Outcome::default(),
            root: 0,
        }
    }

    /// The State Server hears `dg`.
    pub fn hear(&mut self, dg: &Dg) -> Outcome {
        let mut to = dg.to.clone();
        to.sort_unstable();
        to.dedup();
        for channel in to {
            let before = self.outcome.clone();
            let done = self.hear_at(channel, dg);
            let (low, high) = &mut self.outcome.refused;
            match done {
                Done::Yes => (),
                Done::Refused => (*low, *high) = (*low + 1, *high + 1),
                Done::Ignored => {
                    assert_eq!(before.said, self.outcome.said, "who ignores says nothing");
                    // On a channel of several objects each shard may count it.
                    *high += if channel > u64::from(u32::MAX) { 64 } else { 1 };
                }
            }
        }
        std::mem::take(&mut self.outcome)
    }

    fn hear_at(&mut self, channel: u64, dg: &Dg) -> Done {
        let all_state_servers = self.dialect == Dialect::Astron && channel == 12;
        if channel == self.control || all_state_servers {
            let message = StateServerMessage::decode(self.dialect, dg.msgtype, &dg.payload);
            return match message {
                Ok(StateServerMessage::Generate(entry)) => self.create(dg, &entry),
                Ok(StateServerMessage::ShardReset { ai }) => self.reset(dg, ai.0),
                Err(_) => Done::Refused,
            };
        }
        let message = || ObjectMessage::decode(self.dialect, dg.msgtype, &dg.payload);
        if let Ok(id) = u32::try_from(channel) {
            if !self.objects.contains_key(&id) {
                return Done::Ignored;
            }
            self.root = id;
            return match message() {
                Ok(message) => self.hear_at_object(id, dg, message),
                Err(_) => Done::Refused,
            };
        }
        match (self.parent_of_children(channel), message()) {
            (Some(parent), Ok(message)) => self.hear_at_children(parent, dg, message),
            (Some(_), Err(_)) | (None, _) => Done::Ignored,
        }
    }

    fn hear_at_object(&mut self, id: u32, dg: &Dg, message: ObjectMessage<'_>) -> Done {
        if names_another(&message, id) {
            return Done::Ignored;
        }
        let asker = dg.sender;
        match message {
            ObjectMessage::UpdateField { field, value, .. } => self.update(id, dg, field.0, value),
            ObjectMessage::UpdateFieldMultiple { count, fields, .. } => {
                self.updates(id, dg, count, fields)
            }
            ObjectMessage::DeleteFieldRam { field, .. } => self.unset(id, dg, &[field.0]),
            ObjectMessage::DeleteFieldsRam { fields, .. } => {
                self.unset(id, dg, &fields.iter().map(|field| field.0).collect::<Vec<_>>())
            }
            ObjectMessage::DeleteRam { .. } => self.delete_asked(id, asker),
            ObjectMessage::SetZone { location } => self.set_zone(id, dg, location),
            ObjectMessage::ChangeZone { do_id, new, .. } => self.child_is_at(id, do_id.0, new),
            ObjectMessage::LocateResp { do_id, location, .. } => {
                self.child_is_at(id, do_id.0, location)
            }
            ObjectMessage::Locate { context } => self.locate(id, asker, context),
            ObjectMessage::LocationAck { location } => self.acknowledged(id, location),
            ObjectMessage::QueryAll { context, .. } => self.query_all(id, asker, context),
            ObjectMessage::QueryField { field, context, .. } => {
                self.query_field(id, dg, context, field.0)
            }
            ObjectMessage::QueryFields { context, fields, .. } => {
                let fields: Vec<u16> = fields.iter().map(|field| field.0).collect();
                self.query_fields(id, dg, context, &fields)
            }
            ObjectMessage::SetAi { ai, .. } => self.set_ai(id, asker, ai.0),
            ObjectMessage::QueryManagingAi { context } => self.tell_ai(id, asker, context),
            ObjectMessage::NotifyManagingAi { parent, ai, .. } => match self.dialect {
                Dialect::OpenOtp => self.parent_has_ai(id, parent.0, ai.0, asker),
                Dialect::Astron => Done::Ignored,
            },
            ObjectMessage::ManagingAiResp { parent, ai, .. } => {
                self.parent_has_ai(id, parent.0, ai.0, asker)
            }
            ObjectMessage::SetOwner { owner } => self.set_owner(id, asker, owner.0),
            ObjectMessage::QueryZones { context, parent, zones } => {
                self.zones_asked(id, dg, context, parent, zones)
            }
            ObjectMessage::QueryChildren { context, .. } => self.query_children(id, asker, context),
            ObjectMessage::CountZone { context, zone, .. } => {
                self.count_zone(id, asker, context, zone.0)
            }
            ObjectMessage::CountZones { context, zones, .. } => {
                self.count_zones(id, asker, context, zones)
            }
            ObjectMessage::CountChildren { context, .. } => self.count_children(id, asker, context),
            ObjectMessage::QueryActiveZones { context } => self.active_zones(id, asker, context),
            ObjectMessage::DeleteZones { parent, zones } => {
                self.delete_below(id, asker, parent, Some(zones))
            }
            ObjectMessage::DeleteChildren { parent } => self.delete_below(id, asker, parent, None),
            ObjectMessage::EnterZone(_) | ObjectMessage::DeleteDisk { .. } => Done::Ignored,
        }
    }

    /// The parent of whose children this is the channel.
    fn parent_of_children(&self, channel: u64) -> Option<u32> {
        (channel >> 32 == self.children_channel(0) >> 32).then_some(channel as u32)
    }

    /// Where all children of `parent` are reached.
    pub fn children_channel(&self, parent: u32) -> u64 {
        let prefix = match self.dialect {
            Dialect::OpenOtp => 4030,
            Dialect::Astron => 1,
        };
        prefix << 32 | u64::from(parent)
    }

    /// The children that are objects here.
    pub fn children(&self, parent: u32) -> Vec<u32> {
        let below = self.objects.iter().filter(|(_, object)| object.parent == parent);
        below.map(|(&id, _)| id).collect()
    }

    /// Whether no object may have this id, or be the parent of one.
    pub fn is_reserved(&self, id: u32) -> bool {
        u64::from(id) == self.control
            || match self.dialect {
                Dialect::OpenOtp => id == 4030,
                Dialect::Astron => (1..=999).contains(&id),
            }
    }

    fn object(&self, id: u32) -> &Object {
        self.objects.get(&id).expect("only objects that live are asked")
    }

    fn object_mut(&mut self, id: u32) -> &mut Object {
        self.objects.get_mut(&id).expect("only objects that live are asked")
    }

    /// What announces a request has its sender in `astron`, the object's in `openotp`.
    fn announcer(&self, id: u32, orig: u64) -> u64 {
        match self.dialect {
            Dialect::OpenOtp => id.into(),
            Dialect::Astron => orig,
        }
    }

    /// Object `by` sends one datagram, if there is anybody to get it.
    fn say(&mut self, by: u32, to: &[u64], sender: u64, msgtype: MsgType, payload: Vec<u8>) {
        let mut some = Vec::new();
        for &channel in to {
            if channel != 0 && !some.contains(&channel) {
                some.push(channel);
            }
        }
        if some.is_empty() {
            return;
        }
        let dg = Dg { to: some, sender, msgtype, payload };
        self.outcome.said.push(Said { dg, by, root: self.root, rank: None, optional: false });
    }

    fn notice(&mut self, by: u32, to: &[u64], sender: u64, notice: &ObjectNotice<'_>) {
        let mut payload = Vec::new();
        let msgtype = notice.msgtype(self.dialect).expect("the dialect has it");
        notice.write(self.dialect, &mut payload);
        self.say(by, to, sender, msgtype, payload);
    }

    fn message(&mut self, by: u32, to: &[u64], sender: u64, message: &ObjectMessage<'_>) {
        let mut payload = Vec::new();
        let msgtype = message.msgtype(self.dialect).expect("the dialect has it");
        message.write(self.dialect, &mut payload);
        self.say(by, to, sender, msgtype, payload);
    }

    /// Ranks what has been said since there were `from` things.
    fn rank(&mut self, from: usize, rank: u8) {
        self.outcome.said[from..].iter_mut().for_each(|said| said.rank = Some(rank));
    }
}

/// Whether a request to `id` says that it is for another object.
fn names_another(message: &ObjectMessage<'_>, id: u32) -> bool {
    match *message {
        ObjectMessage::UpdateField { do_id, .. }
        | ObjectMessage::UpdateFieldMultiple { do_id, .. }
        | ObjectMessage::DeleteFieldRam { do_id, .. }
        | ObjectMessage::DeleteFieldsRam { do_id, .. }
        | ObjectMessage::DeleteRam { do_id }
        | ObjectMessage::QueryField { do_id, .. }
        | ObjectMessage::QueryFields { do_id, .. } => do_id.0 != id,
        ObjectMessage::QueryAll { do_id, .. } | ObjectMessage::SetAi { do_id, .. } => {
            do_id.is_some_and(|do_id| do_id.0 != id)
        }
        ObjectMessage::QueryChildren { parent, .. }
        | ObjectMessage::CountZone { parent, .. }
        | ObjectMessage::CountZones { parent, .. }
        | ObjectMessage::CountChildren { parent, .. }
        | ObjectMessage::DeleteZones { parent, .. }
        | ObjectMessage::DeleteChildren { parent } => parent.0 != id,
        ObjectMessage::SetZone { .. }
        | ObjectMessage::ChangeZone { .. }
        | ObjectMessage::Locate { .. }
        | ObjectMessage::LocateResp { .. }
        | ObjectMessage::LocationAck { .. }
        | ObjectMessage::EnterZone(_)
        | ObjectMessage::QueryZones { .. }
        | ObjectMessage::QueryManagingAi { .. }
        | ObjectMessage::NotifyManagingAi { .. }
        | ObjectMessage::ManagingAiResp { .. }
        | ObjectMessage::SetOwner { .. }
        | ObjectMessage::QueryActiveZones { .. }
        | ObjectMessage::DeleteDisk { .. } => false,
    }
}

fn number(field: u16) -> FieldId {
    FieldId(field)
}

fn channel(channel: u64) -> Channel {
    Channel(channel)
}
