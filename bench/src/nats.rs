//! NATS's wire format, as far as the generator needs it: lines, and payloads of a given length.
//!
//! ```text
//! > SUB <subject> <sid>            < MSG <subject> <sid> <bytes>
//! > UNSUB <sid>                    < <payload>
//! > PUB <subject> <bytes>          < INFO .. | PING | +OK      (skipped)
//! > <payload>                      < -ERR ..                   (the connection is given up)
//! ```
//! A channel's number is both its subject and the id of its subscription.

use loadtest::{Found, Malformed, Protocol};
use std::io::Write;
use wire::ids::Channel;

/// `nats-server`.
#[derive(Clone, Copy, Debug)]
pub struct Nats;

impl Protocol for Nats {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn greeting(&self) -> &[u8] {
        b"CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\n"
    }

    fn subscribe(&self, channel: Channel, out: &mut Vec<u8>) {
        line(out, format_args!("SUB {channel} {channel}"));
    }

    fn unsubscribe(&self, channel: Channel, out: &mut Vec<u8>) {
        line(out, format_args!("UNSUB {channel}"));
    }

    fn publish(
        &self,
        _sender: Channel,
        recipients: &[Channel],
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let [channel] = recipients else { return None };
        line(out, format_args!("PUB {channel} {}", payload.len()));
        let at = out.len();
        out.extend_from_slice(payload);
        out.extend_from_slice(b"\r\n");
        Some(at)
    }

    fn parse(&self, bytes: &[u8], found: &mut Vec<Found>) -> Result<usize, Malformed> {
        let mut at = 0;
        while let Some(length) = bytes[at..].iter().position(|byte| *byte == b'\n') {
            let (line, next) = (&bytes[at..at + length], at + length + 1);
            if line.starts_with(b"MSG ") {
                let end = next + payload_bytes(line).ok_or(Malformed)?;
                if bytes.len() < end + 2 {
                    break;
                }
                found.push(next as u32..end as u32);
                at = end + 2;
            } else if line.starts_with(b"-ERR") {
                return Err(Malformed);
            } else {
                at = next;
            }
        }
        Ok(at)
    }
}

fn line(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    write!(out, "{text}\r\n").expect("a vector takes everything");
}

/// The last word of a MSG line.
fn payload_bytes(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"\r")?;
    let word = line.rsplit(|byte| *byte == b' ').next()?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_found_at_every_cut() {
        let stream = b"INFO {}\r\nMSG 12 12 5\r\na\r\nb!\r\nPING\r\nMSG 7 7 0\r\n\r\n";
        for cut in 0..stream.len() {
            let mut found = vec![];
            let taken = Nats.parse(&stream[..cut], &mut found).unwrap();
            Nats.parse(&stream[taken..], &mut vec![]).unwrap();
            assert!(taken <= cut && found.iter().all(|piece| piece.end as usize <= taken));
        }
        let mut found = vec![];
        assert_eq!(Nats.parse(stream, &mut found), Ok(stream.len()));
        let payload = |piece: &Found| &stream[piece.start as usize..piece.end as usize];
        assert_eq!(found.iter().map(payload).collect::<Vec<_>>(), [&b"a\r\nb!"[..], b""]);
        assert_eq!(Nats.parse(b"-ERR 'x'\r\n", &mut vec![]), Err(Malformed));
    }

    #[test]
    fn a_message_has_one_recipient() {
        let mut out = vec![];
        let at = Nats.publish(Channel(1), &[Channel(9)], b"hello", &mut out);
        assert_eq!((at, &out[..]), (Some(9), &b"PUB 9 5\r\nhello\r\n"[..]));
        assert_eq!(Nats.publish(Channel(1), &[Channel(9); 2], b"", &mut out), None);
    }
}
