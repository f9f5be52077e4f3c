//! Redis's wire format (RESP3), as far as the generator needs it. RESP3, because in RESP2 a
//! connection that has subscribed cannot publish.
//!
//! ```text
//! > *2 $9 SUBSCRIBE $n channel              < >3 $7 message $n channel $n payload
//! > *2 $11 UNSUBSCRIBE $n channel           < >3 $9 subscribe ..       (skipped)
//! > *3 $7 PUBLISH $n channel $n payload     < -ERR ..                  (the connection is given up)
//! ```
//! (each item ends with CR LF). Answers to PUBLISH are switched off, in the server's favour.

use loadtest::{Found, Malformed, Protocol};
use std::io::Write;
use wire::ids::Channel;

/// `redis-server`.
#[derive(Clone, Copy, Debug)]
pub struct Resp;

impl Protocol for Resp {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn greeting(&self) -> &[u8] {
        b"HELLO 3\r\nCLIENT REPLY OFF\r\n"
    }

    fn subscribe(&self, channel: Channel, out: &mut Vec<u8>) {
        command(out, "SUBSCRIBE", channel);
    }

    fn unsubscribe(&self, channel: Channel, out: &mut Vec<u8>) {
        command(out, "UNSUBSCRIBE", channel);
    }

    fn publish(
        &self,
        _sender: Channel,
        recipients: &[Channel],
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let [channel] = recipients else { return None };
        out.extend_from_slice(b"*3\r\n$7\r\nPUBLISH\r\n");
        bulk(out, channel.0.to_string().as_bytes());
        bulk(out, payload);
        Some(out.len() - 2 - payload.len())
    }

    fn parse(&self, bytes: &[u8], found: &mut Vec<Found>) -> Result<usize, Malformed> {
        let mut at = 0;
        while let Some(item) = whole_item(bytes, at)? {
            if item.is_message {
                found.push(item.last_bulk);
            }
            at = item.end;
        }
        Ok(at)
    }
}

fn command(out: &mut Vec<u8>, name: &str, channel: Channel) {
    out.extend_from_slice(b"*2\r\n");
    bulk(out, name.as_bytes());
    bulk(out, channel.0.to_string().as_bytes());
}

fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    write!(out, "${}\r\n", bytes.len()).expect("a vector takes everything");
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

struct Item {
    end: usize,
    is_message: bool,
    last_bulk: Found,
}

/// The item at `at` with all that it contains; None while it is not complete.
fn whole_item(bytes: &[u8], at: usize) -> Result<Option<Item>, Malformed> {
    let mut item = Item { end: at, is_message: false, last_bulk: 0..0 };
    let mut open = 1u64;
    while open > 0 {
        let Some(length) = bytes[item.end..].iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let line = &bytes[item.end..item.end + length];
        item.end += length + 1;
        open -= 1;
        match line.first() {
            Some(b'*' | b'>' | b'~') => open += number(line)?,
            Some(b'%') => open += 2 * number(line)?,
            Some(b'$') => {
                let end = item.end + number(line)? as usize;
                if bytes.len() < end + 2 {
                    return Ok(None);
                }
                item.is_message |= item.last_bulk.end == 0 && &bytes[item.end..end] == b"message";
                item.last_bulk = item.end as u32..end as u32;
                item.end = end + 2;
            }
            Some(b':' | b'+' | b'_' | b'#' | b',') => (),
            Some(_) | None => return Err(Malformed),
        }
    }
    Ok(Some(item))
}

fn number(line: &[u8]) -> Result<u64, Malformed> {
    let digits = line.get(1..).and_then(|rest| rest.strip_suffix(b"\r")).ok_or(Malformed)?;
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_found_at_every_cut() {
        let stream = b"%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n\
            >3\r\n$9\r\nsubscribe\r\n$2\r\n12\r\n:1\r\n\
            >3\r\n$7\r\nmessage\r\n$2\r\n12\r\n$5\r\na\r\nb!\r\n+OK\r\n\
            >3\r\n$7\r\nmessage\r\n$7\r\nmessage\r\n$0\r\n\r\n";
        for cut in 0..stream.len() {
            let mut found = vec![];
            let taken = Resp.parse(&stream[..cut], &mut found).unwrap();
            assert!(taken <= cut && found.iter().all(|piece| piece.end as usize <= taken));
        }
        let mut found = vec![];
        assert_eq!(Resp.parse(stream, &mut found), Ok(stream.len()));
        let payload = |piece: &Found| &stream[piece.start as usize..piece.end as usize];
        assert_eq!(found.iter().map(payload).collect::<Vec<_>>(), [&b"a\r\nb!"[..], b""]);
        assert_eq!(Resp.parse(b"-ERR x\r\n", &mut vec![]), Err(Malformed));
    }

    #[test]
    fn the_payload_stands_verbatim() {
        let mut out = b"..".to_vec();
        let at = Resp.publish(Channel(1), &[Channel(90)], b"hello", &mut out).unwrap();
        assert_eq!(&out[at..], b"hello\r\n");
        let wanted = b"..*3\r\n$7\r\nPUBLISH\r\n$2\r\n90\r\n$5\r\nhello\r\n";
        assert_eq!(&out[..], wanted);
    }
}
