//! What all typed messages have in common: how one is read, and why bytes are none.

use crate::dialect::{Dialect, Inbox};
use crate::ids::MsgType;
use crate::reader::{DecodeError, Reader};

/// A payload that is no message of its inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// A number that this dialect does not have at the inbox.
    #[error("unknown message {0}")]
    Unknown(MsgType),
    /// Its arguments are not those of its number.
    #[error("{name}: {error}")]
    Arguments {
        /// The message.
        name: &'static str,
        /// What is wrong.
        error: DecodeError,
    },
}

/// Reads a message of the inbox `I`, to its end.
#[inline]
pub(crate) fn decode<'a, I: Inbox, M>(
    dialect: Dialect,
    msgtype: MsgType,
    payload: &'a [u8],
    arguments: impl FnOnce(Dialect, I, &mut Reader<'a>) -> Result<M, DecodeError>,
) -> Result<M, MessageError> {
    let row = I::from_number(dialect, msgtype).ok_or(MessageError::Unknown(msgtype))?;
    let mut reader = Reader::new(payload);
    arguments(dialect, row, &mut reader)
        .and_then(|message| reader.end().map(|()| message))
        .map_err(|error| MessageError::Arguments { name: row.name(), error })
}
