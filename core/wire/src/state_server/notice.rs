//! What objects send to those who asked, and to locations, AIs, owners and parents.

use super::entry::Order;
use super::{Entry, Fields, Location, MessageError, ObjectNotice, Zones};
use crate::dialect::{Dialect, Inbox, ObjectNotice as Row};
use crate::ids::{Channel, DoId, FieldId, MsgType};
use crate::message;
use crate::reader::{DecodeError, Reader};
use crate::writer::Writer;
use alloc::vec::Vec;

impl<'a> ObjectNotice<'a> {
    /// Reads a message from what follows its number.
    #[inline]
    pub fn decode(
        dialect: Dialect,
        msgtype: MsgType,
        payload: &'a [u8],
    ) -> Result<ObjectNotice<'a>, MessageError> {
        message::decode(dialect, msgtype, payload, Self::arguments)
    }

    #[inline]
    fn arguments(
        dialect: Dialect,
        row: Row,
        r: &mut Reader<'a>,
    ) -> Result<ObjectNotice<'a>, DecodeError> {
        let (zone, usual) = (Order::entering_zone(dialect), Order::usual(dialect));
        Ok(match row {
            Row::UpdateField => {
                Self::UpdateField { do_id: r.do_id()?, field: r.field()?, value: r.rest() }
            }
            Row::UpdateFieldMultiple => {
                Self::UpdateFieldMultiple { do_id: r.do_id()?, count: r.u16()?, fields: r.rest() }
            }
            Row::DeleteFieldRam => Self::DeleteFieldRam { do_id: r.do_id()?, field: r.field()? },
            Row::DeleteFieldsRam => {
                Self::DeleteFieldsRam { do_id: r.do_id()?, fields: Fields::read(r)? }
            }
            Row::DeleteRam => Self::DeleteRam { do_id: r.do_id()? },
            Row::DeleteDisk => Self::DeleteDisk { do_id: r.do_id()? },
            Row::ChangeZone => Self::ChangeZone {
                do_id: r.do_id()?,
                new: Location::read(r)?,
                old: Location::read(r)?,
            },
            Row::EnterZoneWithRequired => Self::EnterZone(Entry::read(zone, false, r)?),
            Row::EnterZoneWithRequiredOther => Self::EnterZone(Entry::read(zone, true, r)?),
            Row::EnterInterestWithRequired => {
                Self::EnterInterest { context: r.u32()?, entry: Entry::read(usual, false, r)? }
            }
            Row::EnterInterestWithRequiredOther => {
                Self::EnterInterest { context: r.u32()?, entry: Entry::read(usual, true, r)? }
            }
            Row::EnterAiWithRequired => Self::EnterAi(Entry::read(usual, false, r)?),
            Row::EnterAiWithRequiredOther => Self::EnterAi(Entry::read(usual, true, r)?),
            Row::EnterOwnerWithRequired => Self::EnterOwner(Entry::read(usual, false, r)?),
            Row::EnterOwnerWithRequiredOther => Self::EnterOwner(Entry::read(usual, true, r)?),
            Row::LocateResp => Self::LocateResp {
                context: r.u32()?,
                do_id: r.do_id()?,
                location: Location::read(r)?,
            },
            Row::QueryAllResp => {
                Self::QueryAllResp { context: r.u32()?, entry: Entry::read(usual, true, r)? }
            }
            Row::QueryFieldResp => Self::field_answer(dialect, r)?,
            Row::QueryFieldsResp => Self::fields_answer(dialect, r)?,
            Row::QueryZoneDone => {
                Self::QueryZoneDone { parent: r.do_id()?, zones: Zones::read(r)? }
            }
            Row::CountZoneResp => Self::CountZoneResp { context: r.u32()?, count: r.u32()? },
            Row::CountZonesResp => Self::CountZonesResp { context: r.u32()?, count: r.u32()? },
            Row::CountChildrenResp => {
                Self::CountChildrenResp { context: r.u32()?, count: r.u32()? }
            }
            Row::ActiveZonesResp => {
                Self::ActiveZonesResp { context: r.u32()?, zones: Zones::read(r)? }
            }
            Row::LeavingAiInterest => Self::leaving_ai_interest(dialect, r)?,
            Row::ManagingAiResp => {
                Self::ManagingAiResp { context: r.u32()?, do_id: r.do_id()?, ai: r.channel()? }
            }
            Row::ChangeOwner => {
                Self::ChangeOwner { do_id: r.do_id()?, new: r.channel()?, old: r.channel()? }
            }
        })
    }

    /// Nothing follows a failure.
    fn field_answer(dialect: Dialect, r: &mut Reader<'a>) -> Result<ObjectNotice<'a>, DecodeError> {
        Ok(match dialect {
            Dialect::OpenOtp => Self::QueryFieldResp {
                do_id: r.do_id()?,
                field: r.field()?,
                context: r.u32()?,
                value: r.bool()?.then(|| r.rest()),
            },
            Dialect::Astron => {
                let (context, success) = (r.u32()?, r.bool()?);
                let (field, value) =
                    if success { (r.field()?, Some(r.rest())) } else { (FieldId(0), None) };
                Self::QueryFieldResp { context, do_id: DoId(0), field, value }
            }
        })
    }

    /// Nothing follows a failure.
    fn fields_answer(
        dialect: Dialect,
        r: &mut Reader<'a>,
    ) -> Result<ObjectNotice<'a>, DecodeError> {
        Ok(match dialect {
            Dialect::OpenOtp => Self::QueryFieldsResp {
                do_id: r.do_id()?,
                context: r.u32()?,
                fields: r.bool()?.then(|| (0, r.rest())),
            },
            Dialect::Astron => {
                let (context, success) = (r.u32()?, r.bool()?);
                let fields = if success { Some((r.u16()?, r.rest())) } else { None };
                Self::QueryFieldsResp { context, do_id: DoId(0), fields }
            }
        })
    }

    fn leaving_ai_interest(
        dialect: Dialect,
        r: &mut Reader<'a>,
    ) -> Result<ObjectNotice<'a>, DecodeError> {
        let do_id = r.do_id()?;
        let (new, old) = match dialect {
            Dialect::OpenOtp => (Channel(0), Channel(0)),
            Dialect::Astron => (r.channel()?, r.channel()?),
        };
        Ok(Self::LeavingAiInterest { do_id, new, old })
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
        let astron = dialect == Dialect::Astron;
        let usual = Order::usual(dialect);
        let mut writer = Writer(out);
        let w = &mut writer;
        match *self {
            Self::UpdateField { do_id, field, value } => w.do_id(do_id).field(field).bytes(value),
            Self::UpdateFieldMultiple { do_id, count, fields } => {
                w.do_id(do_id).u16(count).bytes(fields)
            }
            Self::DeleteFieldRam { do_id, field } => w.do_id(do_id).field(field),
            Self::DeleteFieldsRam { do_id, fields } => w.do_id(do_id).fields(fields),
            Self::DeleteRam { do_id } | Self::DeleteDisk { do_id } => w.do_id(do_id),
            Self::ChangeZone { do_id, new, old } => w.do_id(do_id).location(new).location(old),
            Self::EnterZone(ref entry) => w.entry(Order::entering_zone(dialect), entry),
            Self::EnterAi(ref entry) | Self::EnterOwner(ref entry) => w.entry(usual, entry),
            Self::EnterInterest { context, ref entry } => w.u32(context).entry(usual, entry),
            Self::QueryAllResp { context, ref entry } => {
                debug_assert!(entry.has_other, "QueryAllResp always has an OTHER block");
                w.u32(context).entry(usual, entry)
            }
            Self::LocateResp { context, do_id, location } => {
                w.u32(context).do_id(do_id).location(location)
            }
            Self::QueryFieldResp { context, do_id, field, value } => {
                w.field_answer(dialect, context, (do_id, field), value)
            }
            Self::QueryFieldsResp { context, do_id, fields } => {
                w.fields_answer(dialect, context, do_id, fields)
            }
            Self::QueryZoneDone { parent, zones } => w.do_id(parent).zones(zones),
            Self::CountZoneResp { context, count }
            | Self::CountZonesResp { context, count }
            | Self::CountChildrenResp { context, count } => w.u32(context).u32(count),
            Self::ActiveZonesResp { context, zones } => w.u32(context).zones(zones),
            Self::LeavingAiInterest { do_id, new, old } => {
                w.do_id(do_id).channel_if(astron, new).channel_if(astron, old)
            }
            Self::ManagingAiResp { context, do_id, ai } => w.u32(context).do_id(do_id).channel(ai),
            Self::ChangeOwner { do_id, new, old } => w.do_id(do_id).channel(new).channel(old),
        };
    }

    fn row(&self) -> Row {
        match self {
            Self::UpdateField { .. } => Row::UpdateField,
            Self::UpdateFieldMultiple { .. } => Row::UpdateFieldMultiple,
            Self::DeleteFieldRam { .. } => Row::DeleteFieldRam,
            Self::DeleteFieldsRam { .. } => Row::DeleteFieldsRam,
            Self::DeleteRam { .. } => Row::DeleteRam,
            Self::DeleteDisk { .. } => Row::DeleteDisk,
            Self::ChangeZone { .. } => Row::ChangeZone,
            Self::EnterZone(Entry { has_other: false, .. }) => Row::EnterZoneWithRequired,
            Self::EnterZone(Entry { has_other: true, .. }) => Row::EnterZoneWithRequiredOther,
            Self::EnterInterest { entry: Entry { has_other: false, .. }, .. } => {
                Row::EnterInterestWithRequired
            }
            Self::EnterInterest { entry: Entry { has_other: true, .. }, .. } => {
                Row::EnterInterestWithRequiredOther
            }
            Self::EnterAi(Entry { has_other: false, .. }) => Row::EnterAiWithRequired,
            Self::EnterAi(Entry { has_other: true, .. }) => Row::EnterAiWithRequiredOther,
            Self::EnterOwner(Entry { has_other: false, .. }) => Row::EnterOwnerWithRequired,
            Self::EnterOwner(Entry { has_other: true, .. }) => Row::EnterOwnerWithRequiredOther,
            Self::LocateResp { .. } => Row::LocateResp,
            Self::QueryAllResp { .. } => Row::QueryAllResp,
            Self::QueryFieldResp { .. } => Row::QueryFieldResp,
            Self::QueryFieldsResp { .. } => Row::QueryFieldsResp,
            Self::QueryZoneDone { .. } => Row::QueryZoneDone,
            Self::CountZoneResp { .. } => Row::CountZoneResp,
            Self::CountZonesResp { .. } => Row::CountZonesResp,
            Self::CountChildrenResp { .. } => Row::CountChildrenResp,
            Self::ActiveZonesResp { .. } => Row::ActiveZonesResp,
            Self::LeavingAiInterest { .. } => Row::LeavingAiInterest,
            Self::ManagingAiResp { .. } => Row::ManagingAiResp,
            Self::ChangeOwner { .. } => Row::ChangeOwner,
        }
    }
}

impl Writer<'_> {
    fn field_answer(
        &mut self,
        dialect: Dialect,
        context: u32,
        (do_id, field): (DoId, FieldId),
        value: Option<&[u8]>,
    ) -> &mut Self {
        match dialect {
            Dialect::OpenOtp => self.do_id(do_id).field(field).u32(context),
            Dialect::Astron => self.u32(context),
        }
        .bool(value.is_some());
        match (dialect, value) {
            (Dialect::OpenOtp, Some(value)) => self.bytes(value),
            (Dialect::Astron, Some(value)) => self.field(field).bytes(value),
            (Dialect::OpenOtp | Dialect::Astron, None) => self,
        }
    }

    fn fields_answer(
        &mut self,
        dialect: Dialect,
        context: u32,
        do_id: DoId,
        fields: Option<(u16, &[u8])>,
    ) -> &mut Self {
        match dialect {
            Dialect::OpenOtp => self.do_id(do_id).u32(context),
            Dialect::Astron => self.u32(context),
        }
        .bool(fields.is_some());
        match (dialect, fields) {
            (Dialect::OpenOtp, Some((_, fields))) => self.bytes(fields),
            (Dialect::Astron, Some((count, fields))) => self.u16(count).bytes(fields),
            (Dialect::OpenOtp | Dialect::Astron, None) => self,
        }
    }
}
