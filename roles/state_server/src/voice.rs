//! How objects speak: who gets a message, in whose name, and what of an object it brings along.

use crate::StateServer;
use crate::classes::{ClassPlan, Traits};
use alloc::vec::Vec;
use dc::Schema;
use runtime::{Outbox, RoleId};
use smallvec::SmallVec;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId};
use wire::state_server::{Entry, Location, ObjectMessage, ObjectNotice};

/// The recipients of one datagram: each once, and none that is 0.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct To(SmallVec<[Channel; 6]>);

impl To {
    /// Just this one.
    pub fn one(channel: Channel) -> To {
        To::default().and(channel)
    }

    /// The object with this id.
    pub fn object(do_id: DoId) -> To {
        To::one(Channel::object(do_id))
    }

    /// Those of a location; nobody, if it is nowhere.
    pub fn location(location: Location) -> To {
        To::default().and_some(location.channel())
    }

    /// And this one.
    pub fn and(mut self, channel: Channel) -> To {
        if channel != Channel(0) && !self.0.contains(&channel) {
            self.0.push(channel);
        }
        self
    }

    /// And this one, if there is one.
    pub fn and_some(self, channel: Option<Channel>) -> To {
        self.and(channel.unwrap_or_default())
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// In which message an object is shown, and so to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Showing {
    /// To those who see its location, or to somebody as if to them.
    EnterZone,
    /// To somebody who has asked for those in its zone.
    EnterInterest(u32),
    /// To its owner.
    EnterOwner,
    /// To its AI.
    EnterAi,
    /// To somebody who has asked for all of it.
    QueryAll(u32),
}

impl Showing {
    /// The traits of which a field must have one to be shown; `None`: all fields are.
    fn filter(self, dialect: Dialect) -> Option<Traits> {
        match (dialect, self) {
            (Dialect::OpenOtp, _) | (Dialect::Astron, Showing::EnterAi | Showing::QueryAll(_)) => {
                None
            }
            (Dialect::Astron, Showing::EnterZone | Showing::EnterInterest(_)) => {
                Some(Traits::BROADCAST.or(Traits::CLRECV))
            }
            (Dialect::Astron, Showing::EnterOwner) => {
                Some(Traits::BROADCAST.or(Traits::CLRECV).or(Traits::OWNRECV))
            }
        }
    }

    /// Whether there is an OTHER block even if it is empty.
    fn has_other_always(self, dialect: Dialect) -> bool {
        match self {
            Showing::QueryAll(_) => true,
            Showing::EnterOwner | Showing::EnterAi => dialect == Dialect::OpenOtp,
            Showing::EnterZone | Showing::EnterInterest(_) => false,
        }
    }

    fn notice(self, entry: Entry<'_>) -> ObjectNotice<'_> {
        match self {
            Showing::EnterZone => ObjectNotice::EnterZone(entry),
            Showing::EnterInterest(context) => ObjectNotice::EnterInterest { context, entry },
            Showing::EnterOwner => ObjectNotice::EnterOwner(entry),
            Showing::EnterAi => ObjectNotice::EnterAi(entry),
            Showing::QueryAll(context) => ObjectNotice::QueryAllResp { context, entry },
        }
    }
}

/// Sends what objects of this State Server ignore, so that it need not be brought to them: notices,
/// and that an object has moved, which their instances know of themselves.
pub fn notify(me: RoleId, to: &To, sender: Channel, notice: &ObjectNotice<'_>, out: &mut Outbox) {
    let dialect = out.dialect();
    if let (false, Some(msgtype)) = (to.is_empty(), notice.msgtype(dialect)) {
        let write = |out: &mut Vec<u8>| notice.write(dialect, out);
        out.notify(me, &to.0, sender, msgtype, write).expect("an object fits in a datagram");
    }
}

/// Sends to whoever asked, or to a parent: that may be an object.
pub fn send(me: RoleId, to: &To, sender: Channel, notice: &ObjectNotice<'_>, out: &mut Outbox) {
    let dialect = out.dialect();
    if let (false, Some(msgtype)) = (to.is_empty(), notice.msgtype(dialect)) {
        let write = |out: &mut Vec<u8>| notice.write(dialect, out);
        out.send(me, &to.0, sender, msgtype, write).expect("an object fits in a datagram");
    }
}

impl StateServer {
    pub(crate) fn notify(
        &self,
        to: &To,
        sender: Channel,
        notice: &ObjectNotice<'_>,
        out: &mut Outbox,
    ) {
        notify(self.me, to, sender, notice, out);
    }

    pub(crate) fn send(
        &self,
        to: &To,
        sender: Channel,
        notice: &ObjectNotice<'_>,
        out: &mut Outbox,
    ) {
        send(self.me, to, sender, notice, out);
    }

    /// Asks other objects for something, or tells them.
    pub(crate) fn request(
        &self,
        to: &To,
        sender: Channel,
        message: &ObjectMessage<'_>,
        out: &mut Outbox,
    ) {
        let dialect = out.dialect();
        if let (false, Some(msgtype)) = (to.is_empty(), message.msgtype(dialect)) {
            let write = |out: &mut Vec<u8>| message.write(dialect, out);
            out.send(self.me, &to.0, sender, msgtype, write).expect("requests are short");
        }
    }

    /// Asks or tells objects elsewhere: those of this State Server are told by their instances.
    pub(crate) fn request_others(
        &self,
        to: &To,
        sender: Channel,
        message: &ObjectMessage<'_>,
        out: &mut Outbox,
    ) {
        let dialect = out.dialect();
        if let (false, Some(msgtype)) = (to.is_empty(), message.msgtype(dialect)) {
            let write = |out: &mut Vec<u8>| message.write(dialect, out);
            out.notify(self.me, &to.0, sender, msgtype, write).expect("requests are short");
        }
    }

    /// In whose name an object announces what `sender` asked it to do.
    pub(crate) fn announcer(&self, do_id: DoId, sender: Channel, dialect: Dialect) -> Channel {
        match dialect {
            Dialect::OpenOtp => Channel::object(do_id),
            Dialect::Astron => sender,
        }
    }

    /// Shows an object, with those of its fields that are to be seen.
    pub(crate) fn show(&mut self, at: u32, showing: Showing, to: &To, out: &mut Outbox) {
        let dialect = out.dialect();
        let object = self.objects.get(at);
        let class = self.classes.of(object.dclass);
        let has_other = object.fields.has_other() || showing.has_other_always(dialect);
        let filter = showing.filter(dialect);
        let all = filter.is_none_or(|any| !has_other && class.all_required_have(any));
        let fields = match filter {
            Some(any) if !all => {
                let (fields, schema) = (&object.fields, &*self.classes.schema);
                self.scratch.clear();
                fields.filtered(schema, class, any, has_other, &mut self.scratch);
                &self.scratch
            }
            _ if has_other => object.fields.required_other(),
            _ => object.fields.required(),
        };
        let location = self.objects.location(at);
        let (do_id, dclass) = (object.do_id, object.dclass);
        let notice = showing.notice(Entry { do_id, location, dclass, has_other, fields });
        match showing {
            Showing::EnterOwner | Showing::EnterAi => {
                notify(self.me, to, Channel::object(do_id), &notice, out);
            }
            Showing::EnterZone | Showing::EnterInterest(_) | Showing::QueryAll(_) => {
                send(self.me, to, Channel::object(do_id), &notice, out);
            }
        }
    }
}

impl crate::fields::Packed {
    /// Appends the fields that have one of the traits `any`, required ones and then, if `has_other`,
    /// an OTHER block.
    fn filtered(
        &self,
        schema: &Schema,
        class: &ClassPlan,
        any: Traits,
        has_other: bool,
        out: &mut Vec<u8>,
    ) {
        for (field, value) in self.required_values(schema, class) {
            if field.traits.any(any) {
                out.extend_from_slice(value);
            }
        }
        if !has_other {
            return;
        }
        let at = out.len();
        out.extend_from_slice(&[0; 2]);
        let mut count: u16 = 0;
        for (field, value) in self.others(schema, class).filter(|(field, _)| field.traits.any(any))
        {
            out.extend_from_slice(&field.number.0.to_le_bytes());
            out.extend_from_slice(value);
            count += 1;
        }
        out[at..at + 2].copy_from_slice(&count.to_le_bytes());
    }
}
