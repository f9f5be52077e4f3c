//! What a DBSS alone reads, and answers. `astron` only.

use super::{DbssMessage, DbssNotice, Fields, Location, MessageError};
use crate::dialect::{Dbss, DbssNotice as Row, Dialect, Inbox};
use crate::ids::{DoId, MsgType};
use crate::message;
use crate::reader::{DecodeError, Reader};
use crate::writer::Writer;
use alloc::vec::Vec;

impl<'a> DbssMessage<'a> {
    /// Reads a message from what follows its number.
    #[inline]
    pub fn decode(
        dialect: Dialect,
        msgtype: MsgType,
        payload: &'a [u8],
    ) -> Result<DbssMessage<'a>, MessageError> {
        message::decode(dialect, msgtype, payload, |_, row, r| Self::arguments(row, r))
    }

    fn arguments(row: Dbss, r: &mut Reader<'a>) -> Result<DbssMessage<'a>, DecodeError> {
        Ok(match row {
            Dbss::ActivateWithDefaults => {
                Self::ActivateWithDefaults { do_id: r.do_id()?, location: Location::read(r)? }
            }
            Dbss::ActivateWithDefaultsOther => Self::ActivateWithDefaultsOther {
                do_id: r.do_id()?,
                location: Location::read(r)?,
                dclass: r.class()?,
                count: r.u16()?,
                fields: r.rest(),
            },
            Dbss::QueryActivated => Self::QueryActivated { context: r.u32()?, do_id: r.do_id()? },
            Dbss::DeleteFieldDisk => Self::DeleteFieldDisk { do_id: r.do_id()?, field: r.field()? },
            Dbss::DeleteFieldsDisk => {
                Self::DeleteFieldsDisk { do_id: r.do_id()?, fields: Fields::read(r)? }
            }
        })
    }

    /// The object that it is about.
    pub fn do_id(&self) -> DoId {
        match *self {
            Self::ActivateWithDefaults { do_id, .. }
            | Self::ActivateWithDefaultsOther { do_id, .. }
            | Self::QueryActivated { do_id, .. }
            | Self::DeleteFieldDisk { do_id, .. }
            | Self::DeleteFieldsDisk { do_id, .. } => do_id,
        }
    }

    /// Its number, if the dialect has it.
    pub fn msgtype(&self, dialect: Dialect) -> Option<MsgType> {
        self.row().number(dialect)
    }

    /// Its name in the dialect tables.
    pub fn name(&self) -> &'static str {
        self.row().name()
    }

    /// Appends what follows its number. The dialect must have it.
    pub fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        debug_assert!(self.msgtype(dialect).is_some(), "{} has no {self:?}", dialect.name());
        let mut w = Writer(out);
        match *self {
            Self::ActivateWithDefaults { do_id, location } => w.do_id(do_id).location(location),
            Self::ActivateWithDefaultsOther { do_id, location, dclass, count, fields } => {
                w.do_id(do_id).location(location).class(dclass).u16(count).bytes(fields)
            }
            Self::QueryActivated { context, do_id } => w.u32(context).do_id(do_id),
            Self::DeleteFieldDisk { do_id, field } => w.do_id(do_id).field(field),
            Self::DeleteFieldsDisk { do_id, fields } => w.do_id(do_id).fields(fields),
        };
    }

    fn row(&self) -> Dbss {
        match self {
            Self::ActivateWithDefaults { .. } => Dbss::ActivateWithDefaults,
            Self::ActivateWithDefaultsOther { .. } => Dbss::ActivateWithDefaultsOther,
            Self::QueryActivated { .. } => Dbss::QueryActivated,
            Self::DeleteFieldDisk { .. } => Dbss::DeleteFieldDisk,
            Self::DeleteFieldsDisk { .. } => Dbss::DeleteFieldsDisk,
        }
    }
}

impl DbssNotice {
    /// Reads a message from what follows its number.
    #[inline]
    pub fn decode(
        dialect: Dialect,
        msgtype: MsgType,
        payload: &[u8],
    ) -> Result<DbssNotice, MessageError> {
        message::decode(dialect, msgtype, payload, |_, row, r| match row {
            Row::QueryActivatedResp => {
                let (context, do_id, active) = (r.u32()?, r.do_id()?, r.bool()?);
                Ok(Self::QueryActivatedResp { context, do_id, active })
            }
        })
    }

    /// Its number, if the dialect has it.
    pub fn msgtype(&self, dialect: Dialect) -> Option<MsgType> {
        self.row().number(dialect)
    }

    /// Its name in the dialect tables.
    pub fn name(&self) -> &'static str {
        self.row().name()
    }

    /// Appends what follows its number. The dialect must have it.
    pub fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        debug_assert!(self.msgtype(dialect).is_some(), "{} has no {self:?}", dialect.name());
        let mut w = Writer(out);
        match *self {
            Self::QueryActivatedResp { context, do_id, active } => {
                w.u32(context).do_id(do_id).bool(active)
            }
        };
    }

    fn row(&self) -> Row {
        match self {
            Self::QueryActivatedResp { .. } => Row::QueryActivatedResp,
        }
    }
}
