//! Messages to a State Server's control channel.

use super::entry::Order;
use super::{Entry, MessageError, StateServerMessage};
use crate::dialect::{Dialect, Inbox, StateServer};
use crate::ids::{DoId, MsgType};
use crate::message;
use crate::reader::{DecodeError, Reader};
use crate::writer::Writer;
use alloc::vec::Vec;

/// The id of the object that a message to a control channel creates, read at its place and nothing
/// else: it decides who reads the rest. `None`: another message, or one that ends before the id.
#[inline]
pub fn generated_do_id(dialect: Dialect, msgtype: MsgType, payload: &[u8]) -> Option<DoId> {
    match StateServer::from_number(dialect, msgtype)? {
        StateServer::GenerateWithRequired | StateServer::GenerateWithRequiredOther => {
            let bytes = payload.get(Order::usual(dialect).do_id_at()..)?.first_chunk()?;
            Some(DoId(u32::from_le_bytes(*bytes)))
        }
        StateServer::ShardReset => None,
    }
}

impl<'a> StateServerMessage<'a> {
    /// Reads a message from what follows its number.
    #[inline]
    pub fn decode(
        dialect: Dialect,
        msgtype: MsgType,
        payload: &'a [u8],
    ) -> Result<StateServerMessage<'a>, MessageError> {
        message::decode(dialect, msgtype, payload, Self::arguments)
    }

    #[inline]
    fn arguments(
        dialect: Dialect,
        row: StateServer,
        r: &mut Reader<'a>,
    ) -> Result<StateServerMessage<'a>, DecodeError> {
        let order = Order::usual(dialect);
        Ok(match row {
            StateServer::GenerateWithRequired => Self::Generate(Entry::read(order, false, r)?),
            StateServer::GenerateWithRequiredOther => Self::Generate(Entry::read(order, true, r)?),
            StateServer::ShardReset => Self::ShardReset { ai: r.channel()? },
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

    /// Appends what follows its number.
    pub fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        let mut w = Writer(out);
        match self {
            Self::Generate(entry) => w.entry(Order::usual(dialect), entry),
            Self::ShardReset { ai } => w.channel(*ai),
        };
    }

    fn row(&self) -> StateServer {
        match self {
            Self::Generate(Entry { has_other: false, .. }) => StateServer::GenerateWithRequired,
            Self::Generate(Entry { has_other: true, .. }) => StateServer::GenerateWithRequiredOther,
            Self::ShardReset { .. } => StateServer::ShardReset,
        }
    }
}
