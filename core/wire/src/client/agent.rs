//! What the cluster says to a client's channel, and what a Client Agent answers.

use super::{AgentAnswer, AgentMessage, Fields, MessageError, Zones};
use crate::dialect::{ClientChannel as Row, ClientNotice, Dialect, Inbox};
use crate::ids::MsgType;
use crate::message;
use crate::reader::{DecodeError, Reader};
use crate::writer::Writer;
use alloc::vec::Vec;

impl<'a> AgentMessage<'a> {
    /// Reads a message from what follows its number.
    #[inline]
    pub fn decode(
        dialect: Dialect,
        msgtype: MsgType,
        payload: &'a [u8],
    ) -> Result<AgentMessage<'a>, MessageError> {
        message::decode(dialect, msgtype, payload, Self::arguments)
    }

    /// Whether a number is that of such a message; others at the same channel are of objects.
    #[inline]
    pub fn is_number(dialect: Dialect, msgtype: MsgType) -> bool {
        Row::from_number(dialect, msgtype).is_some()
    }

    fn arguments(
        dialect: Dialect,
        row: Row,
        r: &mut Reader<'a>,
    ) -> Result<AgentMessage<'a>, DecodeError> {
        let openotp = dialect == Dialect::OpenOtp;
        Ok(match row {
            Row::SetState => Self::SetState { state: r.u16()? },
            Row::SetClientId => Self::SetClientId { channel: r.channel()? },
            Row::SendDatagram => Self::SendDatagram { datagram: r.blob()? },
            Row::Eject => Self::Eject { code: r.u16()?, reason: r.blob()? },
            Row::Drop => Self::Drop,
            Row::GetNetworkAddress => Self::GetNetworkAddress { context: r.u32()? },
            Row::DeclareObject => Self::DeclareObject { do_id: r.do_id()?, dclass: r.class()? },
            Row::UndeclareObject => Self::UndeclareObject { do_id: r.do_id()? },
            Row::AddSessionObject => Self::AddSessionObject { do_id: r.do_id()? },
            Row::RemoveSessionObject => Self::RemoveSessionObject { do_id: r.do_id()? },
            Row::SetFieldsSendable => {
                let do_id = r.do_id()?;
                let fields = if openotp { Fields::read_to_end(r)? } else { Fields::read(r)? };
                Self::SetFieldsSendable { do_id, fields }
            }
            Row::GetTlvs => Self::GetTlvs { context: r.u32()? },
            Row::OpenChannel => Self::OpenChannel { channel: r.channel()? },
            Row::CloseChannel => Self::CloseChannel { channel: r.channel()? },
            Row::AddPostRemove => Self::AddPostRemove { message: r.blob()? },
            Row::ClearPostRemoves => Self::ClearPostRemoves,
            Row::AddInterest => {
                let (interest, parent) = (r.u16()?, r.do_id()?);
                let zones = if openotp { Zones::read_to_end(r)? } else { Zones::read_one(r)? };
                Self::AddInterest { interest, parent, zones }
            }
            Row::AddInterestMultiple => {
                Self::AddInterest { interest: r.u16()?, parent: r.do_id()?, zones: Zones::read(r)? }
            }
            Row::RemoveInterest => Self::RemoveInterest { interest: r.u16()? },
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
    pub fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        let openotp = dialect == Dialect::OpenOtp;
        let mut writer = Writer(out);
        let w = &mut writer;
        match *self {
            Self::SetState { state } => w.u16(state),
            Self::SetClientId { channel }
            | Self::OpenChannel { channel }
            | Self::CloseChannel { channel } => w.channel(channel),
            Self::SendDatagram { datagram } => w.blob(datagram),
            Self::Eject { code, reason } => w.u16(code).blob(reason),
            Self::Drop | Self::ClearPostRemoves => w,
            Self::GetNetworkAddress { context } | Self::GetTlvs { context } => w.u32(context),
            Self::DeclareObject { do_id, dclass } => w.do_id(do_id).class(dclass),
            Self::UndeclareObject { do_id }
            | Self::AddSessionObject { do_id }
            | Self::RemoveSessionObject { do_id } => w.do_id(do_id),
            Self::SetFieldsSendable { do_id, fields } if openotp => {
                w.do_id(do_id).fields_to_end(fields)
            }
            Self::SetFieldsSendable { do_id, fields } => w.do_id(do_id).fields(fields),
            Self::AddPostRemove { message } => w.blob(message),
            Self::AddInterest { interest, parent, zones } => {
                w.u16(interest).do_id(parent).zones_of(dialect, zones)
            }
            Self::RemoveInterest { interest } => w.u16(interest),
        };
    }

    fn row(&self, dialect: Dialect) -> Row {
        match self {
            Self::SetState { .. } => Row::SetState,
            Self::SetClientId { .. } => Row::SetClientId,
            Self::SendDatagram { .. } => Row::SendDatagram,
            Self::Eject { .. } => Row::Eject,
            Self::Drop => Row::Drop,
            Self::GetNetworkAddress { .. } => Row::GetNetworkAddress,
            Self::DeclareObject { .. } => Row::DeclareObject,
            Self::UndeclareObject { .. } => Row::UndeclareObject,
            Self::AddSessionObject { .. } => Row::AddSessionObject,
            Self::RemoveSessionObject { .. } => Row::RemoveSessionObject,
            Self::SetFieldsSendable { .. } => Row::SetFieldsSendable,
            Self::GetTlvs { .. } => Row::GetTlvs,
            Self::OpenChannel { .. } => Row::OpenChannel,
            Self::CloseChannel { .. } => Row::CloseChannel,
            Self::AddPostRemove { .. } => Row::AddPostRemove,
            Self::ClearPostRemoves => Row::ClearPostRemoves,
            Self::AddInterest { zones, .. } => match is_multiple(dialect, *zones) {
                true => Row::AddInterestMultiple,
                false => Row::AddInterest,
            },
            Self::RemoveInterest { .. } => Row::RemoveInterest,
        }
    }
}

/// Whether an interest in these zones is said by the message of its own for several.
pub(super) fn is_multiple(dialect: Dialect, zones: Zones<'_>) -> bool {
    dialect == Dialect::Astron && zones.0.len() != 1
}

impl Writer<'_> {
    /// The zones of an interest.
    pub(super) fn zones_of(&mut self, dialect: Dialect, zones: Zones<'_>) -> &mut Self {
        match is_multiple(dialect, zones) {
            true => self.zones(zones),
            false => self.zones_to_end(zones),
        }
    }
}

impl<'a> AgentAnswer<'a> {
    /// Reads a message from what follows its number.
    pub fn decode(
        dialect: Dialect,
        msgtype: MsgType,
        payload: &'a [u8],
    ) -> Result<AgentAnswer<'a>, MessageError> {
        message::decode(dialect, msgtype, payload, |_, row, r| {
            Ok(match row {
                ClientNotice::GetNetworkAddressResp => Self::GetNetworkAddressResp {
                    context: r.u32()?,
                    remote: r.blob()?,
                    remote_port: r.u16()?,
                    local: r.blob()?,
                    local_port: r.u16()?,
                },
                ClientNotice::GetTlvsResp => {
                    Self::GetTlvsResp { context: r.u32()?, tlvs: r.blob()? }
                }
                ClientNotice::DoneInterestResp => {
                    Self::DoneInterestResp { client: r.channel()?, interest: r.u16()? }
                }
            })
        })
    }

    /// Its number, if the dialect has it.
    pub fn msgtype(&self, dialect: Dialect) -> Option<MsgType> {
        let row = match self {
            Self::GetNetworkAddressResp { .. } => ClientNotice::GetNetworkAddressResp,
            Self::GetTlvsResp { .. } => ClientNotice::GetTlvsResp,
            Self::DoneInterestResp { .. } => ClientNotice::DoneInterestResp,
        };
        row.number(dialect)
    }

    /// Appends what follows its number. The dialect must have it.
    pub fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        debug_assert!(self.msgtype(dialect).is_some(), "{} has no {self:?}", dialect.name());
        let mut w = Writer(out);
        match *self {
            Self::GetNetworkAddressResp { context, remote, remote_port, local, local_port } => {
                w.u32(context).blob(remote).u16(remote_port).blob(local).u16(local_port)
            }
            Self::GetTlvsResp { context, tlvs } => w.u32(context).blob(tlvs),
            Self::DoneInterestResp { client, interest } => w.channel(client).u16(interest),
        };
    }
}
