//! What a game client hears.

use super::agent::is_multiple;
use super::from_client::asked;
use super::{Entry, Location, MessageError, ToClient, Zones};
use crate::dialect::{Dialect, Inbox, ToClient as Row};
use crate::framing::{self, BodyTooLong};
use crate::ids::MsgType;
use crate::message;
use crate::reader::{DecodeError, Reader};
use crate::state_server::Order;
use crate::writer::Writer;
use alloc::vec::Vec;

impl<'a> ToClient<'a> {
    /// Reads a message from what follows its number.
    #[inline]
    pub fn decode(
        dialect: Dialect,
        msgtype: MsgType,
        payload: &'a [u8],
    ) -> Result<ToClient<'a>, MessageError> {
        message::decode(dialect, msgtype, payload, Self::arguments)
    }

    fn arguments(
        dialect: Dialect,
        row: Row,
        r: &mut Reader<'a>,
    ) -> Result<ToClient<'a>, DecodeError> {
        let order = Order::usual(dialect);
        Ok(match row {
            Row::HelloResp => Self::HelloResp,
            Row::Eject => Self::Eject { code: r.u16()?, reason: r.blob()? },
            Row::UpdateField => {
                Self::UpdateField { do_id: r.do_id()?, field: r.field()?, value: r.rest() }
            }
            Row::UpdateFieldMultiple => {
                Self::UpdateFieldMultiple { do_id: r.do_id()?, count: r.u16()?, fields: r.rest() }
            }
            Row::Leaving => Self::Leaving { do_id: r.do_id()? },
            Row::LeavingOwner => Self::LeavingOwner { do_id: r.do_id()? },
            Row::Location => Self::Location { do_id: r.do_id()?, location: Location::read(r)? },
            Row::EnterRequired => Self::Enter(Entry::read(order, false, r)?),
            Row::EnterRequiredOther => Self::Enter(Entry::read(order, true, r)?),
            Row::EnterOwnerRequired => Self::EnterOwner(Entry::read(order, false, r)?),
            Row::EnterOwnerRequiredOther => Self::EnterOwner(Entry::read(order, true, r)?),
            Row::AddInterest => {
                let (context, interest) = asked(dialect, r)?;
                let (parent, zones) = (r.do_id()?, Zones::read_one(r)?);
                Self::AddInterest { context, interest, parent, zones }
            }
            Row::AddInterestMultiple => {
                let (context, interest) = asked(dialect, r)?;
                let (parent, zones) = (r.do_id()?, Zones::read(r)?);
                Self::AddInterest { context, interest, parent, zones }
            }
            Row::RemoveInterest => {
                let (context, interest) = asked(dialect, r)?;
                Self::RemoveInterest { context, interest }
            }
            Row::DoneInterestResp => {
                let (context, interest) = asked(dialect, r)?;
                Self::DoneInterestResp { context, interest }
            }
        })
    }

    /// Its number, if the dialect has it.
    pub fn msgtype(&self, dialect: Dialect) -> Option<MsgType> {
        self.row(dialect).number(dialect)
    }

    /// Its name in the dialect tables.
    pub fn name(&self, dialect: Dialect) -> &'static str {
        self.row(dialect).name()
    }

    /// Appends what follows its number. The dialect must have it.
    #[inline]
    pub fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        let order = Order::usual(dialect);
        let mut writer = Writer(out);
        let w = &mut writer;
        match *self {
            Self::HelloResp => w,
            Self::Eject { code, reason } => w.u16(code).blob(reason),
            Self::UpdateField { do_id, field, value } => w.do_id(do_id).field(field).bytes(value),
            Self::UpdateFieldMultiple { do_id, count, fields } => {
                w.do_id(do_id).u16(count).bytes(fields)
            }
            Self::Leaving { do_id } | Self::LeavingOwner { do_id } => w.do_id(do_id),
            Self::Location { do_id, location } => w.do_id(do_id).location(location),
            Self::Enter(ref entry) | Self::EnterOwner(ref entry) => w.entry(order, entry),
            Self::AddInterest { context, interest, parent, zones } => {
                w.asked(dialect, context, interest).do_id(parent).zones_of(dialect, zones)
            }
            Self::RemoveInterest { context, interest }
            | Self::DoneInterestResp { context, interest } => w.asked(dialect, context, interest),
        };
    }

    /// Appends its frame. The dialect must have it. On error nothing is left behind.
    #[inline]
    pub fn encode(&self, dialect: Dialect, out: &mut Vec<u8>) -> Result<(), BodyTooLong> {
        let msgtype = self.msgtype(dialect).expect("only what the dialect has is said");
        let start = framing::begin_frame(out);
        out.extend_from_slice(&msgtype.0.to_le_bytes());
        self.write(dialect, out);
        framing::finish_frame(out, start)
    }

    fn row(&self, dialect: Dialect) -> Row {
        match self {
            Self::HelloResp => Row::HelloResp,
            Self::Eject { .. } => Row::Eject,
            Self::UpdateField { .. } => Row::UpdateField,
            Self::UpdateFieldMultiple { .. } => Row::UpdateFieldMultiple,
            Self::Leaving { .. } => Row::Leaving,
            Self::LeavingOwner { .. } => Row::LeavingOwner,
            Self::Location { .. } => Row::Location,
            Self::Enter(Entry { has_other: false, .. }) => Row::EnterRequired,
            Self::Enter(Entry { has_other: true, .. }) => Row::EnterRequiredOther,
            Self::EnterOwner(Entry { has_other: false, .. }) => Row::EnterOwnerRequired,
            Self::EnterOwner(Entry { has_other: true, .. }) => Row::EnterOwnerRequiredOther,
            Self::AddInterest { zones, .. } => match is_multiple(dialect, *zones) {
                true => Row::AddInterestMultiple,
                false => Row::AddInterest,
            },
            Self::RemoveInterest { .. } => Row::RemoveInterest,
            Self::DoneInterestResp { .. } => Row::DoneInterestResp,
        }
    }
}
