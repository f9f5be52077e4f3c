//! What a game client says.

use super::agent::is_multiple;
use super::{FromClient, Location, MessageError, Zones};
use crate::dialect::{Dialect, FromClient as Row, Inbox};
use crate::framing::{self, BodyTooLong};
use crate::ids::MsgType;
use crate::message;
use crate::reader::{DecodeError, Reader};
use crate::writer::Writer;
use alloc::vec::Vec;

impl<'a> FromClient<'a> {
    /// Reads a message from what follows its number.
    #[inline]
    pub fn decode(
        dialect: Dialect,
        msgtype: MsgType,
        payload: &'a [u8],
    ) -> Result<FromClient<'a>, MessageError> {
        message::decode(dialect, msgtype, payload, Self::arguments)
    }

    #[inline]
    fn arguments(
        dialect: Dialect,
        row: Row,
        r: &mut Reader<'a>,
    ) -> Result<FromClient<'a>, DecodeError> {
        Ok(match row {
            Row::Hello => Self::Hello { dc_hash: r.u32()?, version: r.blob()? },
            Row::Disconnect => Self::Disconnect,
            Row::Heartbeat => Self::Heartbeat,
            Row::UpdateField => {
                Self::UpdateField { do_id: r.do_id()?, field: r.field()?, value: r.rest() }
            }
            Row::Location => Self::Location { do_id: r.do_id()?, location: Location::read(r)? },
            Row::AddInterest => {
                let (context, interest) = asked(dialect, r)?;
                let parent = r.do_id()?;
                let zones = match dialect {
                    Dialect::OpenOtp => Zones::read_to_end(r)?,
                    Dialect::Astron => Zones::read_one(r)?,
                };
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
        })
    }

    /// Its number.
    pub fn msgtype(&self, dialect: Dialect) -> Option<MsgType> {
        let row = match self {
            Self::Hello { .. } => Row::Hello,
            Self::Disconnect => Row::Disconnect,
            Self::Heartbeat => Row::Heartbeat,
            Self::UpdateField { .. } => Row::UpdateField,
            Self::Location { .. } => Row::Location,
            Self::AddInterest { zones, .. } if is_multiple(dialect, *zones) => {
                Row::AddInterestMultiple
            }
            Self::AddInterest { .. } => Row::AddInterest,
            Self::RemoveInterest { .. } => Row::RemoveInterest,
        };
        row.number(dialect)
    }

    /// Appends what follows its number.
    pub fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        let mut writer = Writer(out);
        let w = &mut writer;
        match *self {
            Self::Hello { dc_hash, version } => w.u32(dc_hash).blob(version),
            Self::Disconnect | Self::Heartbeat => w,
            Self::UpdateField { do_id, field, value } => w.do_id(do_id).field(field).bytes(value),
            Self::Location { do_id, location } => w.do_id(do_id).location(location),
            Self::AddInterest { context, interest, parent, zones } => {
                w.asked(dialect, context, interest).do_id(parent).zones_of(dialect, zones)
            }
            Self::RemoveInterest { context, interest } => w.asked(dialect, context, interest),
        };
    }

    /// Appends its frame.
    pub fn encode(&self, dialect: Dialect, out: &mut Vec<u8>) -> Result<(), BodyTooLong> {
        let msgtype = self.msgtype(dialect).expect("both dialects have all that a client says");
        let start = framing::begin_frame(out);
        out.extend_from_slice(&msgtype.0.to_le_bytes());
        self.write(dialect, out);
        framing::finish_frame(out, start)
    }
}

/// The context and the interest of a request, which come in another order in each dialect.
pub(super) fn asked(dialect: Dialect, r: &mut Reader<'_>) -> Result<(u32, u16), DecodeError> {
    Ok(match dialect {
        Dialect::OpenOtp => {
            let interest = r.u16()?;
            (r.u32()?, interest)
        }
        Dialect::Astron => (r.u32()?, r.u16()?),
    })
}

impl Writer<'_> {
    /// The context and the interest of a request or an answer.
    pub(super) fn asked(&mut self, dialect: Dialect, context: u32, interest: u16) -> &mut Self {
        match dialect {
            Dialect::OpenOtp => self.u16(interest).u32(context),
            Dialect::Astron => self.u32(context).u16(interest),
        }
    }
}
