//! The wire format of the server under load, and ours.

use std::ops::Range;
use wire::control::ControlMessage;
use wire::datagram::{control_message, write_datagram};
use wire::dialect::Dialect;
use wire::framing::{self, LENGTH_BYTES};
use wire::ids::{Channel, MsgType};

/// Where a delivered payload stands in the parsed bytes.
pub type Found = Range<u32>;

/// Bytes from the server that are not its wire format; the connection is given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

/// A publish-subscribe server's wire format. Nothing here is called per message but `parse`,
/// which is called once per block of received bytes.
pub trait Protocol: Send + Sync {
    /// Its name, for reports.
    fn name(&self) -> &'static str;

    /// What a connection says first.
    fn greeting(&self) -> &[u8] {
        &[]
    }

    /// How many recipients one message can have.
    fn recipients_max(&self) -> u8 {
        1
    }

    /// Appends the subscription of `channel`.
    fn subscribe(&self, channel: Channel, out: &mut Vec<u8>);

    /// Appends the end of the subscription of `channel`.
    fn unsubscribe(&self, channel: Channel, out: &mut Vec<u8>);

    /// Appends a message in which `payload` stands verbatim and returns where in `out` it does.
    /// The caller has checked the number of recipients. None: too long for the format.
    fn publish(
        &self,
        sender: Channel,
        recipients: &[Channel],
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<usize>;

    /// Appends the payloads of all whole messages in `bytes` to `found` and returns how many
    /// bytes these messages (and whatever else stood between them) took. The rest is presented
    /// again, with more bytes behind it. At most 64 KiB may be left over.
    fn parse(&self, bytes: &[u8], found: &mut Vec<Found>) -> Result<usize, Malformed>;
}

/// Ours, in either dialect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ferris {
    /// The dialect that the server speaks.
    pub dialect: Dialect,
}

/// Any number does: a Message Director does not look at it.
const MSGTYPE: MsgType = MsgType(0x4c54);

impl Ferris {
    fn control(&self, message: ControlMessage<'_>, out: &mut Vec<u8>) {
        message.encode(self.dialect, out).expect("both dialects have it, and it is short");
    }
}

impl Protocol for Ferris {
    fn name(&self) -> &'static str {
        self.dialect.name()
    }

    fn recipients_max(&self) -> u8 {
        u8::MAX
    }

    fn subscribe(&self, channel: Channel, out: &mut Vec<u8>) {
        self.control(ControlMessage::AddChannel(channel), out);
    }

    fn unsubscribe(&self, channel: Channel, out: &mut Vec<u8>) {
        self.control(ControlMessage::RemoveChannel(channel), out);
    }

    fn publish(
        &self,
        sender: Channel,
        recipients: &[Channel],
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let write = |out: &mut Vec<u8>| out.extend_from_slice(payload);
        write_datagram(out, recipients, sender, MSGTYPE, write).ok()?;
        Some(out.len() - payload.len())
    }

    fn parse(&self, bytes: &[u8], found: &mut Vec<Found>) -> Result<usize, Malformed> {
        let mut at = 0;
        while let Some((frame, _)) = framing::split_frame(&bytes[at..]) {
            let body = framing::body(frame);
            let &count = body.first().ok_or(Malformed)?;
            let envelope = 1 + 8 * count as usize + 8 + 2;
            let end = at + frame.len();
            if envelope <= body.len() {
                found.push((at + LENGTH_BYTES + envelope) as u32..end as u32);
            } else if control_message(body, self.dialect.control_channel()).is_none() {
                return Err(Malformed);
            }
            at = end;
        }
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Ferris; 2] =
        [Ferris { dialect: Dialect::OpenOtp }, Ferris { dialect: Dialect::Astron }];

    #[test]
    fn what_is_published_is_found_again() {
        for ferris in BOTH {
            let mut out = vec![];
            let mut wanted = vec![];
            for recipients in [0, 1, 8, 255] {
                let to: Vec<Channel> = (100..100 + recipients).map(Channel).collect();
                let at = ferris.publish(Channel(5), &to, &[recipients as u8; 40], &mut out);
                wanted.push(at.unwrap() as u32..out.len() as u32);
            }
            for cut in 0..out.len() {
                let mut found = vec![];
                let taken = ferris.parse(&out[..cut], &mut found).unwrap();
                assert!(taken <= cut && found.iter().all(|piece| piece.end as usize <= taken));
            }
            let mut found = vec![];
            assert_eq!(ferris.parse(&out, &mut found), Ok(out.len()));
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn a_lying_envelope_is_malformed() {
        let lying = [3, 0, 200, 1, 1];
        assert_eq!(BOTH[0].parse(&lying, &mut vec![]), Err(Malformed));
        assert_eq!(BOTH[0].parse(&[0, 0], &mut vec![]), Err(Malformed));
    }

    #[test]
    fn subscriptions_are_control_messages() {
        let (mut add, mut remove) = (vec![], vec![]);
        BOTH[0].subscribe(Channel(0x0102), &mut add);
        BOTH[1].unsubscribe(Channel(0x0102), &mut remove);
        let wanted = [&[19, 0, 1, 0xa1, 0x0f, 0, 0, 0, 0, 0, 0, 0xd1, 0x07, 2, 1][..], &[0; 6]];
        assert_eq!(add, wanted.concat());
        let wanted = [&[19, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0x29, 0x23, 2, 1][..], &[0; 6]];
        assert_eq!(remove, wanted.concat());
    }
}
