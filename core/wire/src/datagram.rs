//! The envelope of a message, read in place (seed protocol section 1, `astron` section 1).
//!
//! ```text
//! +-------+-----------------+-----------------+--------------+-------------+---------+
//! | n: u8 | n x u64 channel | sender: u64     | msgtype: u16 | payload ...           |
//! +-------+-----------------+-----------------+--------------+-------------+---------+
//! a control message has exactly one recipient, the control channel, and no sender:
//! +-------+-----------------+--------------+-----------------------+
//! | 1: u8 | control: u64    | msgtype: u16 | arguments ...         |
//! +-------+-----------------+--------------+-----------------------+
//! ```

use crate::framing::{self, BodyTooLong};
use crate::ids::{Channel, MsgType};
use alloc::vec::Vec;

/// A datagram whose envelope was checked to be whole. Borrows its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    recipients: &'a [[u8; 8]],
    sender: Channel,
    msgtype: MsgType,
    payload: &'a [u8],
}

/// An envelope that ends too early: its recipient count lies, or the body was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a datagram of {bytes} bytes that says it has {recipients} recipients")]
pub struct TruncatedEnvelope {
    /// Length of the body, in bytes.
    pub bytes: usize,
    /// The recipient count that it claims (0 for an empty body).
    pub recipients: u8,
}

impl<'a> Datagram<'a> {
    /// Reads the envelope of `body` (a frame without its length tag).
    #[inline]
    pub fn parse(body: &'a [u8]) -> Result<Datagram<'a>, TruncatedEnvelope> {
        Self::parse_whole(body).ok_or(TruncatedEnvelope {
            bytes: body.len(),
            recipients: body.first().copied().unwrap_or(0),
        })
    }

    #[inline]
    fn parse_whole(body: &'a [u8]) -> Option<Datagram<'a>> {
        let (&count, rest) = body.split_first()?;
        let (recipients, rest) = rest.split_at_checked(8 * count as usize)?;
        let (sender, rest) = rest.split_first_chunk::<8>()?;
        let (msgtype, payload) = rest.split_first_chunk::<2>()?;
        Some(Datagram {
            recipients: recipients.as_chunks::<8>().0,
            sender: Channel(u64::from_le_bytes(*sender)),
            msgtype: MsgType(u16::from_le_bytes(*msgtype)),
            payload,
        })
    }

    /// The recipients in the order written, duplicates included.
    #[inline]
    pub fn recipients(&self) -> impl ExactSizeIterator<Item = Channel> + Clone + 'a {
        self.recipients.iter().map(|bytes| Channel(u64::from_le_bytes(*bytes)))
    }

    /// The recipients as they are written, each a little-endian number.
    #[inline]
    pub fn recipients_written(&self) -> &'a [[u8; 8]] {
        self.recipients
    }

    /// The channel that the sender says it has.
    pub fn sender(&self) -> Channel {
        self.sender
    }

    /// The message number; its meaning is the receiving inbox's business.
    pub fn msgtype(&self) -> MsgType {
        self.msgtype
    }

    /// What follows the message number.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// If `body` is a control message (one recipient, `control`): what follows that recipient.
#[inline]
pub fn control_message(body: &[u8], control: Channel) -> Option<&[u8]> {
    let (envelope, rest) = body.split_first_chunk::<9>()?;
    let [1, channel @ ..] = envelope else { return None };
    (u64::from_le_bytes(*channel) == control.0).then_some(rest)
}

/// Appends the frame of a datagram to `out`; `payload` writes what follows the message number.
///
/// On error nothing is left behind. At most 255 recipients.
pub fn write_datagram(
    out: &mut Vec<u8>,
    recipients: &[Channel],
    sender: Channel,
    msgtype: MsgType,
    payload: impl FnOnce(&mut Vec<u8>),
) -> Result<(), BodyTooLong> {
    assert!(recipients.len() <= 255, "the recipient count is one byte");
    let start = framing::begin_frame(out);
    out.push(recipients.len() as u8);
    recipients.iter().for_each(|channel| out.extend_from_slice(&channel.0.to_le_bytes()));
    out.extend_from_slice(&sender.0.to_le_bytes());
    out.extend_from_slice(&msgtype.0.to_le_bytes());
    payload(out);
    framing::finish_frame(out, start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// The example of the seed protocol's section 1, to the byte.
    const EXAMPLE: [u8; 28] = [
        0x1a, 0x00, 0x01, 0xd2, 0x04, 0, 0, 0, 0, 0, 0, 0xe1, 0x10, 0, 0, 0, 0, 0, 0, 0x39, 0x05,
        0x05, 0x00, 0x48, 0x45, 0x4c, 0x4c, 0x4f,
    ];

    #[test]
    fn the_example_of_the_seed() {
        let dg = Datagram::parse(framing::body(&EXAMPLE)).unwrap();
        assert_eq!(dg.recipients().collect::<Vec<_>>(), [Channel(1234)]);
        assert_eq!(dg.sender(), Channel(4321));
        assert_eq!(dg.msgtype(), MsgType(1337));
        assert_eq!(dg.payload(), b"\x05\0HELLO");
        let mut out = vec![];
        let hello = |out: &mut Vec<u8>| out.extend_from_slice(b"\x05\0HELLO");
        write_datagram(&mut out, &[Channel(1234)], Channel(4321), MsgType(1337), hello).unwrap();
        assert_eq!(out, EXAMPLE);
    }

    #[test]
    fn every_prefix_of_an_envelope_is_an_error() {
        for recipients in [0, 1, 2, 255] {
            let mut out = vec![];
            let to: Vec<Channel> = (0..recipients).map(Channel).collect();
            write_datagram(&mut out, &to, Channel(9), MsgType(7), |_| ()).unwrap();
            let body = framing::body(&out);
            assert!(Datagram::parse(body).is_ok());
            for end in 0..body.len() {
                let error = Datagram::parse(&body[..end]).unwrap_err();
                assert_eq!(error.bytes, end);
            }
        }
    }

    #[test]
    fn a_control_message_has_the_control_channel_alone() {
        let body = [&[1u8][..], &4001u64.to_le_bytes(), &[9, 9]].concat();
        assert_eq!(control_message(&body, Channel(4001)), Some(&[9u8, 9][..]));
        assert_eq!(control_message(&body, Channel(1)), None);
        assert_eq!(control_message(&body[..8], Channel(4001)), None);
        let two = [&[2u8][..], &4001u64.to_le_bytes(), &4001u64.to_le_bytes()].concat();
        assert_eq!(control_message(&two, Channel(4001)), None);
    }
}
