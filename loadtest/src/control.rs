//! Stand-in for the control messages of the wire crate until these are there.

use wire::ids::Channel;

/// The dialect that a server speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// The 2013 document.
    OpenOtp,
    /// Astron's.
    Astron,
}

impl Dialect {
    pub(crate) fn control_channel(self) -> Channel {
        Channel(if self == Dialect::OpenOtp { 4001 } else { 1 })
    }
}

pub(crate) enum ControlMessage {
    AddChannel(Channel),
    RemoveChannel(Channel),
}

impl ControlMessage {
    pub(crate) fn encode(&self, dialect: Dialect, out: &mut Vec<u8>) {
        let (channel, number) = match (self, dialect) {
            (ControlMessage::AddChannel(channel), Dialect::OpenOtp) => (channel, 2001u16),
            (ControlMessage::RemoveChannel(channel), Dialect::OpenOtp) => (channel, 2002),
            (ControlMessage::AddChannel(channel), Dialect::Astron) => (channel, 9000),
            (ControlMessage::RemoveChannel(channel), Dialect::Astron) => (channel, 9001),
        };
        out.extend_from_slice(&[19, 0, 1]);
        out.extend_from_slice(&dialect.control_channel().0.to_le_bytes());
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&channel.0.to_le_bytes());
    }
}
