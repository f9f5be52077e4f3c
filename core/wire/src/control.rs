//! Control messages, typed (seed section 2, `astron` section 2). Numbers and layouts come from the
//! dialect tables.

use crate::dialect::{Control, Dialect, Inbox};
use crate::framing::{self, BodyTooLong};
use crate::ids::{Channel, MsgType};
use crate::reader::{DecodeError, Reader};
use alloc::vec::Vec;

/// A message to a Message Director. Text is bytes: the protocols do not say how it is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ControlMessage<'a> {
    /// Subscribe a channel.
    AddChannel(Channel),
    /// Leave a channel.
    RemoveChannel(Channel),
    /// Subscribe the channels from the first to the second, both included.
    AddRange(Channel, Channel),
    /// Leave the channels from the first to the second, both included.
    RemoveRange(Channel, Channel),
    /// Remember `message`, a datagram without its length tag, for when this link breaks.
    AddPostRemove {
        /// Who clears it. `openotp` does not send it: there it is channel 0.
        sender: Channel,
        /// The datagram.
        message: &'a [u8],
    },
    /// Forget the post-removes of `sender`.
    ClearPostRemoves {
        /// Whose. `openotp` does not send it: there it is channel 0.
        sender: Channel,
    },
    /// What the other end is called.
    SetConName(&'a [u8]),
    /// Where the other end's web page is.
    SetConUrl(&'a [u8]),
    /// An event for the event logger. `astron` only.
    LogMessage(&'a [u8]),
}

/// Bytes that are no control message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// A number that this dialect does not have at its control channel.
    #[error("unknown control message {0}")]
    Unknown(MsgType),
    /// It ends before its message number does.
    #[error("a control message without a number")]
    NoNumber,
    /// Its arguments are not those of its number.
    #[error("{name}: {error}")]
    Arguments {
        /// The message.
        name: &'static str,
        /// What is wrong.
        error: DecodeError,
    },
}

/// A control message that cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The dialect has no such message.
    #[error("the {} dialect has no {name}", dialect.name())]
    NotInDialect {
        /// The message.
        name: &'static str,
        /// The dialect.
        dialect: Dialect,
    },
    /// It is too long for a frame.
    #[error(transparent)]
    TooLong(#[from] BodyTooLong),
}

impl<'a> ControlMessage<'a> {
    /// Reads what [`crate::datagram::control_message`] returns: a message number and arguments.
    #[inline]
    pub fn decode(dialect: Dialect, rest: &'a [u8]) -> Result<ControlMessage<'a>, ControlError> {
        let mut reader = Reader::new(rest);
        let number = MsgType(reader.u16().map_err(|_| ControlError::NoNumber)?);
        let kind = Control::from_number(dialect, number).ok_or(ControlError::Unknown(number))?;
        Self::arguments(dialect, kind, &mut reader)
            .and_then(|message| reader.end().map(|()| message))
            .map_err(|error| ControlError::Arguments { name: kind.name(), error })
    }

    #[inline]
    fn arguments(
        dialect: Dialect,
        kind: Control,
        reader: &mut Reader<'a>,
    ) -> Result<ControlMessage<'a>, DecodeError> {
        let sender = |reader: &mut Reader<'a>| match dialect {
            Dialect::OpenOtp => Ok(Channel(0)),
            Dialect::Astron => reader.channel(),
        };
        Ok(match kind {
            Control::AddChannel => ControlMessage::AddChannel(reader.channel()?),
            Control::RemoveChannel => ControlMessage::RemoveChannel(reader.channel()?),
            Control::AddRange => ControlMessage::AddRange(reader.channel()?, reader.channel()?),
            Control::RemoveRange => {
                ControlMessage::RemoveRange(reader.channel()?, reader.channel()?)
            }
            Control::AddPostRemove => {
                ControlMessage::AddPostRemove { sender: sender(reader)?, message: reader.blob()? }
            }
            Control::ClearPostRemoves => {
                ControlMessage::ClearPostRemoves { sender: sender(reader)? }
            }
            Control::SetConName => ControlMessage::SetConName(reader.blob()?),
            Control::SetConUrl => ControlMessage::SetConUrl(reader.blob()?),
            Control::LogMessage => ControlMessage::LogMessage(reader.blob()?),
        })
    }

    /// Appends the whole frame to `out`; on error nothing is left behind.
    pub fn encode(&self, dialect: Dialect, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let kind = self.kind();
        let number =
            kind.number(dialect).ok_or(EncodeError::NotInDialect { name: kind.name(), dialect })?;
        let start = framing::begin_frame(out);
        out.push(1);
        out.extend_from_slice(&dialect.control_channel().0.to_le_bytes());
        out.extend_from_slice(&number.0.to_le_bytes());
        let mut channel = |channel: Channel| out.extend_from_slice(&channel.0.to_le_bytes());
        let text = match *self {
            ControlMessage::AddChannel(only) | ControlMessage::RemoveChannel(only) => {
                channel(only);
                None
            }
            ControlMessage::AddRange(low, high) | ControlMessage::RemoveRange(low, high) => {
                channel(low);
                channel(high);
                None
            }
            ControlMessage::AddPostRemove { sender, message } => {
                (dialect == Dialect::Astron).then(|| channel(sender));
                Some(message)
            }
            ControlMessage::ClearPostRemoves { sender } => {
                (dialect == Dialect::Astron).then(|| channel(sender));
                None
            }
            ControlMessage::SetConName(text)
            | ControlMessage::SetConUrl(text)
            | ControlMessage::LogMessage(text) => Some(text),
        };
        if let Some(text) = text {
            // A text over 65535 bytes makes the frame too long, which is found below.
            out.extend_from_slice(&(text.len() as u16).to_le_bytes());
            out.extend_from_slice(text);
        }
        Ok(framing::finish_frame(out, start)?)
    }

    fn kind(&self) -> Control {
        match self {
            ControlMessage::AddChannel(_) => Control::AddChannel,
            ControlMessage::RemoveChannel(_) => Control::RemoveChannel,
            ControlMessage::AddRange(..) => Control::AddRange,
            ControlMessage::RemoveRange(..) => Control::RemoveRange,
            ControlMessage::AddPostRemove { .. } => Control::AddPostRemove,
            ControlMessage::ClearPostRemoves { .. } => Control::ClearPostRemoves,
            ControlMessage::SetConName(_) => Control::SetConName,
            ControlMessage::SetConUrl(_) => Control::SetConUrl,
            ControlMessage::LogMessage(_) => Control::LogMessage,
        }
    }
}
