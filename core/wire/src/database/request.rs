//! Messages to a database's control channel.

use super::{DatabaseMessage, DatabaseNotice, DoIds, Fields, MessageError, Outcome, ret_code};
use crate::dialect::{BAD_DO_ID, Database, Dialect, Inbox};
use crate::ids::{DoId, MsgType};
use crate::message;
use crate::reader::{DecodeError, Reader};
use crate::writer::Writer;
use alloc::vec::Vec;

/// Whose instance reads a message to a control channel: that of the object, of id 0 for a Create
/// and for what cannot be read, and all of them (`None`) for a query by class.
#[inline]
pub fn split(dialect: Dialect, msgtype: MsgType, payload: &[u8]) -> Option<DoId> {
    match DatabaseMessage::decode(dialect, msgtype, payload) {
        Ok(message) => message.object(),
        Err(_) => Some(DoId(0)),
    }
}

/// The answer that a request which cannot be read gets: its failure, if it has an answer and the
/// context can be read.
pub fn refusal(
    dialect: Dialect,
    msgtype: MsgType,
    payload: &[u8],
) -> Option<DatabaseNotice<'static>> {
    let row = Database::from_number(dialect, msgtype)?;
    let (first, _) = row.shape(dialect)?.layout.first()?;
    let context = (*first == "context").then(|| Reader::new(payload).u32().ok())??;
    failure(dialect, row, context, ret_code::INVALID)
}

/// The answer of a failure, if the request has an answer. Of why, only `openotp` speaks, and only
/// of an UpdateIfEquals.
fn failure(
    dialect: Dialect,
    row: Database,
    context: u32,
    ret_code: u8,
) -> Option<DatabaseNotice<'static>> {
    let ret_code = if dialect == Dialect::OpenOtp { ret_code } else { 0 };
    let outcome = Outcome::Failed { ret_code };
    match row {
        Database::Create => Some(DatabaseNotice::CreateResp { context, do_id: BAD_DO_ID }),
        Database::SelectField => Some(DatabaseNotice::SelectFieldResp { context, value: None }),
        Database::Select => Some(DatabaseNotice::SelectResp { context, fields: None }),
        Database::SelectAll => Some(DatabaseNotice::SelectAllResp { context, object: None }),
        Database::SelectQuery => {
            Some(DatabaseNotice::SelectQueryResp { context, do_ids: DoIds(&[]) })
        }
        Database::UpdateFieldIfEquals => {
            let outcome = Outcome::Failed { ret_code: 0 };
            Some(DatabaseNotice::UpdateFieldIfEqualsResp { context, outcome })
        }
        Database::UpdateIfEquals => Some(DatabaseNotice::UpdateIfEqualsResp { context, outcome }),
        Database::UpdateFieldIfEmpty => {
            let outcome = Outcome::Failed { ret_code: 0 };
            Some(DatabaseNotice::UpdateFieldIfEmptyResp { context, outcome })
        }
        Database::Delete
        | Database::DeleteQuery
        | Database::UpdateField
        | Database::Update
        | Database::UpdateQuery
        | Database::DeleteField
        | Database::DeleteFields => None,
    }
}

impl<'a> DatabaseMessage<'a> {
    /// Reads a message from what follows its number.
    #[inline]
    pub fn decode(
        dialect: Dialect,
        msgtype: MsgType,
        payload: &'a [u8],
    ) -> Result<DatabaseMessage<'a>, MessageError> {
        message::decode(dialect, msgtype, payload, Self::arguments)
    }

    #[inline]
    fn arguments(
        dialect: Dialect,
        row: Database,
        r: &mut Reader<'a>,
    ) -> Result<DatabaseMessage<'a>, DecodeError> {
        let is_openotp = dialect == Dialect::OpenOtp;
        Ok(match row {
            Database::Create => Self::Create {
                context: r.u32()?,
                dclass: r.class()?,
                count: r.u16()?,
                fields: r.rest(),
            },
            Database::Delete => {
                let verify_code = if is_openotp { Some(r.u32()?) } else { None };
                Self::Delete { do_id: r.do_id()?, verify_code }
            }
            Database::DeleteQuery => Self::DeleteQuery {
                verify_code: r.u32()?,
                dclass: r.class()?,
                count: r.u16()?,
                comparisons: r.rest(),
            },
            Database::SelectField => {
                Self::SelectField { context: r.u32()?, do_id: r.do_id()?, field: r.field()? }
            }
            Database::Select => {
                Self::Select { context: r.u32()?, do_id: r.do_id()?, fields: Fields::read(r)? }
            }
            Database::SelectAll => Self::SelectAll { context: r.u32()?, do_id: r.do_id()? },
            Database::SelectQuery => Self::SelectQuery {
                context: r.u32()?,
                dclass: r.u32()?,
                count: r.u16()?,
                comparisons: r.rest(),
            },
            Database::UpdateField => {
                Self::UpdateField { do_id: r.do_id()?, field: r.field()?, value: r.rest() }
            }
            Database::Update => {
                let context = if is_openotp { Some(r.u32()?) } else { None };
                Self::Update { context, do_id: r.do_id()?, count: r.u16()?, fields: r.rest() }
            }
            Database::UpdateQuery => Self::UpdateQuery {
                dclass: r.u32()?,
                count: r.u16()?,
                comparisons_and_fields: r.rest(),
            },
            Database::UpdateFieldIfEquals => Self::UpdateFieldIfEquals {
                context: r.u32()?,
                do_id: r.do_id()?,
                field: r.field()?,
                old_and_new: r.rest(),
            },
            Database::UpdateIfEquals => Self::UpdateIfEquals {
                context: r.u32()?,
                do_id: r.do_id()?,
                count: r.u16()?,
                conditions: r.rest(),
            },
            Database::UpdateFieldIfEmpty => Self::UpdateFieldIfEmpty {
                context: r.u32()?,
                do_id: r.do_id()?,
                field: r.field()?,
                value: r.rest(),
            },
            Database::DeleteField => Self::DeleteField { do_id: r.do_id()?, field: r.field()? },
            Database::DeleteFields => {
                Self::DeleteFields { do_id: r.do_id()?, fields: Fields::read(r)? }
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

    /// What the one who asked is waiting to hear again; `openotp` has one in an Update too, which
    /// has no answer.
    pub fn context(&self) -> Option<u32> {
        match *self {
            Self::Create { context, .. }
            | Self::SelectField { context, .. }
            | Self::Select { context, .. }
            | Self::SelectAll { context, .. }
            | Self::SelectQuery { context, .. }
            | Self::UpdateFieldIfEquals { context, .. }
            | Self::UpdateIfEquals { context, .. }
            | Self::UpdateFieldIfEmpty { context, .. } => Some(context),
            Self::Update { context, .. } => context,
            Self::Delete { .. }
            | Self::DeleteQuery { .. }
            | Self::UpdateField { .. }
            | Self::UpdateQuery { .. }
            | Self::DeleteField { .. }
            | Self::DeleteFields { .. } => None,
        }
    }

    /// The answer that says it failed, if it has an answer. `ret_code` is said in `openotp` of an
    /// UpdateIfEquals, and nowhere else.
    pub fn failure(&self, dialect: Dialect, ret_code: u8) -> Option<DatabaseNotice<'static>> {
        failure(dialect, self.row(), self.context()?, ret_code)
    }

    /// The object that it is about: 0 for one that is not yet, `None` for all of a class.
    pub fn object(&self) -> Option<DoId> {
        match *self {
            Self::Create { .. } => Some(DoId(0)),
            Self::DeleteQuery { .. } | Self::SelectQuery { .. } | Self::UpdateQuery { .. } => None,
            Self::Delete { do_id, .. }
            | Self::SelectField { do_id, .. }
            | Self::Select { do_id, .. }
            | Self::SelectAll { do_id, .. }
            | Self::UpdateField { do_id, .. }
            | Self::Update { do_id, .. }
            | Self::UpdateFieldIfEquals { do_id, .. }
            | Self::UpdateIfEquals { do_id, .. }
            | Self::UpdateFieldIfEmpty { do_id, .. }
            | Self::DeleteField { do_id, .. }
            | Self::DeleteFields { do_id, .. } => Some(do_id),
        }
    }

    /// Appends what follows its number. The dialect must have it.
    #[inline]
    pub fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        debug_assert!(self.msgtype(dialect).is_some(), "{} has no {self:?}", dialect.name());
        let is_openotp = dialect == Dialect::OpenOtp;
        let mut writer = Writer(out);
        let w = &mut writer;
        match *self {
            Self::Create { context, dclass, count, fields } => {
                w.u32(context).class(dclass).u16(count).bytes(fields)
            }
            Self::Delete { do_id, verify_code } => w.u32_sent(is_openotp, verify_code).do_id(do_id),
            Self::DeleteQuery { verify_code, dclass, count, comparisons } => {
                w.u32(verify_code).class(dclass).u16(count).bytes(comparisons)
            }
            Self::SelectField { context, do_id, field } => w.u32(context).do_id(do_id).field(field),
            Self::Select { context, do_id, fields } => w.u32(context).do_id(do_id).fields(fields),
            Self::SelectAll { context, do_id } => w.u32(context).do_id(do_id),
            Self::SelectQuery { context, dclass, count, comparisons } => {
                w.u32(context).u32(dclass).u16(count).bytes(comparisons)
            }
            Self::UpdateField { do_id, field, value } => w.do_id(do_id).field(field).bytes(value),
            Self::Update { context, do_id, count, fields } => {
                w.u32_sent(is_openotp, context).do_id(do_id).u16(count).bytes(fields)
            }
            Self::UpdateQuery { dclass, count, comparisons_and_fields } => {
                w.u32(dclass).u16(count).bytes(comparisons_and_fields)
            }
            Self::UpdateFieldIfEquals { context, do_id, field, old_and_new: packed }
            | Self::UpdateFieldIfEmpty { context, do_id, field, value: packed } => {
                w.u32(context).do_id(do_id).field(field).bytes(packed)
            }
            Self::UpdateIfEquals { context, do_id, count, conditions } => {
                w.u32(context).do_id(do_id).u16(count).bytes(conditions)
            }
            Self::DeleteField { do_id, field } => w.do_id(do_id).field(field),
            Self::DeleteFields { do_id, fields } => w.do_id(do_id).fields(fields),
        };
    }

    fn row(&self) -> Database {
        match self {
            Self::Create { .. } => Database::Create,
            Self::Delete { .. } => Database::Delete,
            Self::DeleteQuery { .. } => Database::DeleteQuery,
            Self::SelectField { .. } => Database::SelectField,
            Self::Select { .. } => Database::Select,
            Self::SelectAll { .. } => Database::SelectAll,
            Self::SelectQuery { .. } => Database::SelectQuery,
            Self::UpdateField { .. } => Database::UpdateField,
            Self::Update { .. } => Database::Update,
            Self::UpdateQuery { .. } => Database::UpdateQuery,
            Self::UpdateFieldIfEquals { .. } => Database::UpdateFieldIfEquals,
            Self::UpdateIfEquals { .. } => Database::UpdateIfEquals,
            Self::UpdateFieldIfEmpty { .. } => Database::UpdateFieldIfEmpty,
            Self::DeleteField { .. } => Database::DeleteField,
            Self::DeleteFields { .. } => Database::DeleteFields,
        }
    }
}
