//! What a database sends to those who asked, and (`astron`) says of its objects.
//!
//! Answers end early where they are failures:
//!
//! ```text
//! openotp  SelectResp             context [values]
//!          SelectAllResp          context dclass [required, fields]; dclass 0xffff: nothing more
//!          UpdateIfEqualsResp     context ret_code [values]; 1 alone has values
//! astron   SelectFieldResp        context success [field, value]
//!          SelectResp             context success [fields]
//!          SelectAllResp          context success [dclass, fields]
//!          Update...IfEqualsResp  context success, or context 0 [what there is]
//!          UpdateFieldIfEmptyResp the same
//! ```

use super::{DatabaseNotice, DoIds, Fields, MessageError, Outcome, StoredObject, ret_code};
use crate::dialect::{DatabaseNotice as Row, Dialect, Inbox};
use crate::ids::{ClassId, FieldId, MsgType};
use crate::message;
use crate::reader::{DecodeError, Reader};
use crate::writer::Writer;
use alloc::vec::Vec;

/// The class of no object.
const NO_CLASS: ClassId = ClassId(0xffff);
/// Fields have at least their count.
const COUNT_BYTES: usize = 2;

impl<'a> DatabaseNotice<'a> {
    /// Reads a message from what follows its number.
    #[inline]
    pub fn decode(
        dialect: Dialect,
        msgtype: MsgType,
        payload: &'a [u8],
    ) -> Result<DatabaseNotice<'a>, MessageError> {
        message::decode(dialect, msgtype, payload, Self::arguments)
    }

    #[inline]
    fn arguments(
        dialect: Dialect,
        row: Row,
        r: &mut Reader<'a>,
    ) -> Result<DatabaseNotice<'a>, DecodeError> {
        Ok(match row {
            Row::CreateResp => Self::CreateResp { context: r.u32()?, do_id: r.do_id()? },
            Row::SelectFieldResp => {
                let context = r.u32()?;
                let value = if r.bool()? { Some(field(r)?) } else { None };
                Self::SelectFieldResp { context, value }
            }
            Row::SelectResp => {
                Self::SelectResp { context: r.u32()?, fields: read_fields(dialect, r)? }
            }
            Row::SelectAllResp => {
                Self::SelectAllResp { context: r.u32()?, object: StoredObject::read(dialect, r)? }
            }
            Row::SelectQueryResp => {
                Self::SelectQueryResp { context: r.u32()?, do_ids: DoIds::read(r)? }
            }
            Row::UpdateFieldIfEqualsResp => {
                Self::UpdateFieldIfEqualsResp { context: r.u32()?, outcome: outcome(r, field)? }
            }
            Row::UpdateIfEqualsResp => {
                let context = r.u32()?;
                let outcome = match dialect {
                    Dialect::OpenOtp => told_outcome(r)?,
                    Dialect::Astron => outcome(r, fields)?,
                };
                Self::UpdateIfEqualsResp { context, outcome }
            }
            Row::UpdateFieldIfEmptyResp => {
                Self::UpdateFieldIfEmptyResp { context: r.u32()?, outcome: outcome(r, field)? }
            }
            Row::UpdateField => {
                Self::UpdateField { do_id: r.do_id()?, field: r.field()?, value: r.rest() }
            }
            Row::Update => Self::Update { do_id: r.do_id()?, count: r.u16()?, fields: r.rest() },
            Row::DeleteField => Self::DeleteField { do_id: r.do_id()?, field: r.field()? },
            Row::DeleteFields => Self::DeleteFields { do_id: r.do_id()?, fields: Fields::read(r)? },
            Row::Delete => Self::Delete { do_id: r.do_id()? },
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
    #[inline]
    pub fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        debug_assert!(self.msgtype(dialect).is_some(), "{} has no {self:?}", dialect.name());
        let mut writer = Writer(out);
        let w = &mut writer;
        match *self {
            Self::CreateResp { context, do_id } => w.u32(context).do_id(do_id),
            Self::SelectFieldResp { context, value } => {
                w.u32(context).bool(value.is_some()).field_and_value(value)
            }
            Self::SelectResp { context, fields } => match dialect {
                Dialect::OpenOtp => w.u32(context).bytes(fields.map_or(&[], |(_, values)| values)),
                Dialect::Astron => w.u32(context).bool(fields.is_some()).counted(fields),
            },
            Self::SelectAllResp { context, object } => w.u32(context).object(dialect, object),
            Self::SelectQueryResp { context, do_ids } => w.u32(context).do_ids(do_ids),
            Self::UpdateFieldIfEqualsResp { context, outcome }
            | Self::UpdateFieldIfEmptyResp { context, outcome } => {
                w.u32(context).bool(outcome == Outcome::Done).field_and_value(outcome.differing())
            }
            Self::UpdateIfEqualsResp { context, outcome } => match dialect {
                Dialect::OpenOtp => w.u32(context).told_outcome(outcome),
                Dialect::Astron => {
                    w.u32(context).bool(outcome == Outcome::Done).counted(outcome.differing())
                }
            },
            Self::UpdateField { do_id, field, value } => w.do_id(do_id).field(field).bytes(value),
            Self::Update { do_id, count, fields } => w.do_id(do_id).u16(count).bytes(fields),
            Self::DeleteField { do_id, field } => w.do_id(do_id).field(field),
            Self::DeleteFields { do_id, fields } => w.do_id(do_id).fields(fields),
            Self::Delete { do_id } => w.do_id(do_id),
        };
    }

    fn row(&self) -> Row {
        match self {
            Self::CreateResp { .. } => Row::CreateResp,
            Self::SelectFieldResp { .. } => Row::SelectFieldResp,
            Self::SelectResp { .. } => Row::SelectResp,
            Self::SelectAllResp { .. } => Row::SelectAllResp,
            Self::SelectQueryResp { .. } => Row::SelectQueryResp,
            Self::UpdateFieldIfEqualsResp { .. } => Row::UpdateFieldIfEqualsResp,
            Self::UpdateIfEqualsResp { .. } => Row::UpdateIfEqualsResp,
            Self::UpdateFieldIfEmptyResp { .. } => Row::UpdateFieldIfEmptyResp,
            Self::UpdateField { .. } => Row::UpdateField,
            Self::Update { .. } => Row::Update,
            Self::DeleteField { .. } => Row::DeleteField,
            Self::DeleteFields { .. } => Row::DeleteFields,
            Self::Delete { .. } => Row::Delete,
        }
    }
}

impl<T> Outcome<T> {
    /// What there is, if that is why it was not done.
    pub fn differing(self) -> Option<T> {
        match self {
            Outcome::Differs(current) => Some(current),
            Outcome::Done | Outcome::Failed { .. } => None,
        }
    }
}

fn field<'a>(r: &mut Reader<'a>) -> Result<(FieldId, &'a [u8]), DecodeError> {
    Ok((r.field()?, r.rest()))
}

fn fields<'a>(r: &mut Reader<'a>) -> Result<(u16, &'a [u8]), DecodeError> {
    Ok((r.u16()?, r.rest()))
}

fn read_fields<'a>(
    dialect: Dialect,
    r: &mut Reader<'a>,
) -> Result<Option<(u16, &'a [u8])>, DecodeError> {
    match dialect {
        Dialect::OpenOtp => {
            let values = r.rest();
            Ok((!values.is_empty()).then_some((0, values)))
        }
        Dialect::Astron => r.bool()?.then(|| fields(r)).transpose(),
    }
}

/// Success, or not: then what there is, if anything follows.
fn outcome<'a, T>(
    r: &mut Reader<'a>,
    current: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Outcome<T>, DecodeError> {
    if r.bool()? {
        return Ok(Outcome::Done);
    }
    if r.is_empty() {
        return Ok(Outcome::Failed { ret_code: 0 });
    }
    current(r).map(Outcome::Differs)
}

/// As `openotp` tells it.
fn told_outcome<'a>(r: &mut Reader<'a>) -> Result<Outcome<(u16, &'a [u8])>, DecodeError> {
    Ok(match r.u8()? {
        ret_code::DONE => Outcome::Done,
        ret_code::DIFFERS => Outcome::Differs((0, r.rest())),
        ret_code => Outcome::Failed { ret_code },
    })
}

impl<'a> StoredObject<'a> {
    fn read(dialect: Dialect, r: &mut Reader<'a>) -> Result<Option<StoredObject<'a>>, DecodeError> {
        if dialect == Dialect::Astron && !r.bool()? {
            return Ok(None);
        }
        let dclass = r.class()?;
        if dialect == Dialect::OpenOtp && dclass == NO_CLASS {
            return Ok(None);
        }
        let fields = r.rest();
        let is_whole = fields.len() >= COUNT_BYTES;
        if is_whole {
            Ok(Some(StoredObject { dclass, fields }))
        } else {
            Err(DecodeError::Truncated)
        }
    }
}

impl Writer<'_> {
    fn field_and_value(&mut self, value: Option<(FieldId, &[u8])>) -> &mut Self {
        match value {
            Some((field, value)) => self.field(field).bytes(value),
            None => self,
        }
    }

    fn counted(&mut self, fields: Option<(u16, &[u8])>) -> &mut Self {
        match fields {
            Some((count, fields)) => self.u16(count).bytes(fields),
            None => self,
        }
    }

    fn object(&mut self, dialect: Dialect, object: Option<StoredObject<'_>>) -> &mut Self {
        match dialect {
            Dialect::OpenOtp => self.class(object.map_or(NO_CLASS, |object| object.dclass)),
            Dialect::Astron => match object {
                Some(object) => self.bool(true).class(object.dclass),
                None => self.bool(false),
            },
        }
        .bytes(object.map_or(&[], |object| object.fields))
    }

    fn told_outcome(&mut self, outcome: Outcome<(u16, &[u8])>) -> &mut Self {
        match outcome {
            Outcome::Done => self.u8(ret_code::DONE),
            Outcome::Differs((_, values)) => self.u8(ret_code::DIFFERS).bytes(values),
            Outcome::Failed { ret_code } => {
                assert!(ret_code > ret_code::DIFFERS, "{ret_code} is no failure");
                self.u8(ret_code)
            }
        }
    }
}
