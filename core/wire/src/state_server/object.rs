//! Messages to an object's own channel, and to the channel of a parent's children.

use super::entry::Order;
use super::{Entry, Fields, Location, MessageError, ObjectMessage, Zones};
use crate::dialect::{Dialect, Inbox, Object};
use crate::ids::{Channel, MsgType};
use crate::message;
use crate::reader::{DecodeError, Reader};
use crate::writer::Writer;
use alloc::vec::Vec;

impl<'a> ObjectMessage<'a> {
    /// Reads a message from what follows its number.
    #[inline]
    pub fn decode(
        dialect: Dialect,
        msgtype: MsgType,
        payload: &'a [u8],
    ) -> Result<ObjectMessage<'a>, MessageError> {
        message::decode(dialect, msgtype, payload, Self::arguments)
    }

    #[inline]
    fn arguments(
        dialect: Dialect,
        row: Object,
        r: &mut Reader<'a>,
    ) -> Result<ObjectMessage<'a>, DecodeError> {
        Ok(match row {
            Object::UpdateField => {
                Self::UpdateField { do_id: r.do_id()?, field: r.field()?, value: r.rest() }
            }
            Object::UpdateFieldMultiple => {
                Self::UpdateFieldMultiple { do_id: r.do_id()?, count: r.u16()?, fields: r.rest() }
            }
            Object::DeleteFieldRam => Self::DeleteFieldRam { do_id: r.do_id()?, field: r.field()? },
            Object::DeleteFieldsRam => {
                Self::DeleteFieldsRam { do_id: r.do_id()?, fields: Fields::read(r)? }
            }
            Object::DeleteRam => Self::DeleteRam { do_id: r.do_id()? },
            Object::DeleteDisk => Self::DeleteDisk { do_id: r.do_id()? },
            Object::SetZone => Self::SetZone { location: Location::read(r)? },
            Object::ChangeZone => Self::ChangeZone {
                do_id: r.do_id()?,
                new: Location::read(r)?,
                old: Location::read(r)?,
            },
            Object::Locate => Self::Locate { context: r.u32()? },
            Object::LocateResp => Self::LocateResp {
                context: r.u32()?,
                do_id: r.do_id()?,
                location: Location::read(r)?,
            },
            Object::LocationAck => Self::LocationAck { location: Location::read(r)? },
            Object::EnterZoneWithRequired => {
                Self::EnterZone(Entry::read(Order::entering_zone(dialect), false, r)?)
            }
            Object::EnterZoneWithRequiredOther => {
                Self::EnterZone(Entry::read(Order::entering_zone(dialect), true, r)?)
            }
            Object::QueryAll => Self::QueryAll {
                context: r.u32()?,
                do_id: match dialect {
                    Dialect::OpenOtp => None,
                    Dialect::Astron => Some(r.do_id()?),
                },
            },
            Object::QueryField => match dialect {
                Dialect::OpenOtp => {
                    Self::QueryField { do_id: r.do_id()?, field: r.field()?, context: r.u32()? }
                }
                Dialect::Astron => {
                    Self::QueryField { context: r.u32()?, do_id: r.do_id()?, field: r.field()? }
                }
            },
            Object::QueryFields => match dialect {
                Dialect::OpenOtp => Self::QueryFields {
                    do_id: r.do_id()?,
                    context: r.u32()?,
                    fields: Fields::read_to_end(r)?,
                },
                Dialect::Astron => Self::QueryFields {
                    context: r.u32()?,
                    do_id: r.do_id()?,
                    fields: Fields::read(r)?,
                },
            },
            Object::QueryZone => Self::QueryZones {
                context: r.u32()?,
                parent: r.do_id()?,
                zones: Zones::read_one(r)?,
            },
            Object::QueryZones => Self::QueryZones {
                context: context_of_astron(dialect, r)?,
                parent: r.do_id()?,
                zones: Zones::read(r)?,
            },
            Object::QueryChildren => Self::QueryChildren { context: r.u32()?, parent: r.do_id()? },
            Object::CountZone => {
                Self::CountZone { context: r.u32()?, parent: r.do_id()?, zone: r.zone()? }
            }
            Object::CountZones => {
                Self::CountZones { context: r.u32()?, parent: r.do_id()?, zones: Zones::read(r)? }
            }
            Object::CountChildren => Self::CountChildren { context: r.u32()?, parent: r.do_id()? },
            Object::DeleteZone => {
                Self::DeleteZones { parent: r.do_id()?, zones: Zones::read_one(r)? }
            }
            Object::DeleteZones => Self::DeleteZones { parent: r.do_id()?, zones: Zones::read(r)? },
            Object::DeleteChildren => Self::DeleteChildren { parent: r.do_id()? },
            Object::QueryActiveZones => Self::QueryActiveZones { context: r.u32()? },
            Object::SetAi => Self::SetAi {
                do_id: match dialect {
                    Dialect::OpenOtp => Some(r.do_id()?),
                    Dialect::Astron => None,
                },
                ai: r.channel()?,
            },
            Object::QueryManagingAi => {
                Self::QueryManagingAi { context: context_of_astron(dialect, r)? }
            }
            Object::NotifyManagingAi => Self::NotifyManagingAi {
                parent: r.do_id()?,
                ai: r.channel()?,
                old: match dialect {
                    Dialect::OpenOtp => Channel(0),
                    Dialect::Astron => r.channel()?,
                },
            },
            Object::ManagingAiResp => {
                Self::ManagingAiResp { context: r.u32()?, parent: r.do_id()?, ai: r.channel()? }
            }
            Object::SetOwner => Self::SetOwner { owner: r.channel()? },
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
        let astron = dialect == Dialect::Astron;
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
            Self::SetZone { location } | Self::LocationAck { location } => w.location(location),
            Self::ChangeZone { do_id, new, old } => w.do_id(do_id).location(new).location(old),
            Self::LocateResp { context, do_id, location } => {
                w.u32(context).do_id(do_id).location(location)
            }
            Self::EnterZone(ref entry) => w.entry(Order::entering_zone(dialect), entry),
            Self::Locate { context } | Self::QueryActiveZones { context } => w.u32(context),
            Self::QueryAll { context, do_id } => w.u32(context).do_id_if(astron, do_id),
            Self::QueryField { context, do_id, field } => match dialect {
                Dialect::OpenOtp => w.do_id(do_id).field(field).u32(context),
                Dialect::Astron => w.u32(context).do_id(do_id).field(field),
            },
            Self::QueryFields { context, do_id, fields } => match dialect {
                Dialect::OpenOtp => w.do_id(do_id).u32(context).fields_to_end(fields),
                Dialect::Astron => w.u32(context).do_id(do_id).fields(fields),
            },
            Self::QueryZones { context, parent, zones } => {
                w.u32_if(astron, context).do_id(parent).zones(zones)
            }
            Self::CountZones { context, parent, zones } => {
                w.u32(context).do_id(parent).zones(zones)
            }
            Self::CountZone { context, parent, zone } => w.u32(context).do_id(parent).zone(zone),
            Self::QueryChildren { context, parent } | Self::CountChildren { context, parent } => {
                w.u32(context).do_id(parent)
            }
            Self::DeleteZones { parent, zones } => w.do_id(parent).zones(zones),
            Self::DeleteChildren { parent } => w.do_id(parent),
            Self::SetAi { do_id, ai } => w.do_id_if(!astron, do_id).channel(ai),
            Self::QueryManagingAi { context } => w.u32_if(astron, context),
            Self::NotifyManagingAi { parent, ai, old } => {
                w.do_id(parent).channel(ai).channel_if(astron, old)
            }
            Self::ManagingAiResp { context, parent, ai } => {
                w.u32(context).do_id(parent).channel(ai)
            }
            Self::SetOwner { owner } => w.channel(owner),
        };
    }

    fn row(&self) -> Object {
        match self {
            Self::UpdateField { .. } => Object::UpdateField,
            Self::UpdateFieldMultiple { .. } => Object::UpdateFieldMultiple,
            Self::DeleteFieldRam { .. } => Object::DeleteFieldRam,
            Self::DeleteFieldsRam { .. } => Object::DeleteFieldsRam,
            Self::DeleteRam { .. } => Object::DeleteRam,
            Self::DeleteDisk { .. } => Object::DeleteDisk,
            Self::SetZone { .. } => Object::SetZone,
            Self::ChangeZone { .. } => Object::ChangeZone,
            Self::Locate { .. } => Object::Locate,
            Self::LocateResp { .. } => Object::LocateResp,
            Self::LocationAck { .. } => Object::LocationAck,
            Self::EnterZone(Entry { has_other: false, .. }) => Object::EnterZoneWithRequired,
            Self::EnterZone(Entry { has_other: true, .. }) => Object::EnterZoneWithRequiredOther,
            Self::QueryAll { .. } => Object::QueryAll,
            Self::QueryField { .. } => Object::QueryField,
            Self::QueryFields { .. } => Object::QueryFields,
            Self::QueryZones { .. } => Object::QueryZones,
            Self::QueryChildren { .. } => Object::QueryChildren,
            Self::CountZone { .. } => Object::CountZone,
            Self::CountZones { .. } => Object::CountZones,
            Self::CountChildren { .. } => Object::CountChildren,
            Self::DeleteZones { .. } => Object::DeleteZones,
            Self::DeleteChildren { .. } => Object::DeleteChildren,
            Self::QueryActiveZones { .. } => Object::QueryActiveZones,
            Self::SetAi { .. } => Object::SetAi,
            Self::QueryManagingAi { .. } => Object::QueryManagingAi,
            Self::NotifyManagingAi { .. } => Object::NotifyManagingAi,
            Self::ManagingAiResp { .. } => Object::ManagingAiResp,
            Self::SetOwner { .. } => Object::SetOwner,
        }
    }
}

/// A context that `openotp` does not send.
fn context_of_astron(dialect: Dialect, r: &mut Reader<'_>) -> Result<u32, DecodeError> {
    match dialect {
        Dialect::OpenOtp => Ok(0),
        Dialect::Astron => r.u32(),
    }
}
