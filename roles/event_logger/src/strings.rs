//! A list of strings, as the seed has it, and the row that is made of it.
//!
//! ```text
//! packet  { length: u16 | bytes } ...
//! row     time , string , string ... CR LF        RFC 4180; time: RFC 3339, UTC, milliseconds
//! ```
//!
//! A row is one line, always: what would break it is written as `\n`, `\r`, `\t`, `\x1b` or
//! `\u2028`, a byte that is no UTF-8 as `\xff`. A backslash itself stays as it is, so that a path
//! reads as it was said.

use crate::text::{Piece, pieces};

/// Whether `packet` is a whole list of at least one string.
pub fn is_whole(packet: &[u8]) -> bool {
    let mut rest = packet;
    while !rest.is_empty() {
        match next(rest) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    !packet.is_empty()
}

/// Writes the row of a packet that is a whole list.
pub fn write_row(packet: &[u8], time: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(time.as_bytes());
    let mut rest = packet;
    while let Some((string, after)) = next(rest) {
        out.push(b',');
        write_string(string, out);
        rest = after;
    }
    out.extend_from_slice(b"\r\n");
}

fn next(packet: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = packet.split_first_chunk()?;
    rest.split_at_checked(u16::from_le_bytes(*length).into())
}

fn write_string(string: &[u8], out: &mut Vec<u8>) {
    let is_quoted = string.iter().any(|byte| b",\"".contains(byte));
    if is_quoted {
        out.push(b'"');
    }
    pieces(string, |piece| match piece {
        Piece::Plain(text) => {
            for byte in text.bytes() {
                if byte == b'"' {
                    out.push(b'"');
                }
                out.push(byte);
            }
        }
        Piece::Unseen('\n') => out.extend_from_slice(b"\\n"),
        Piece::Unseen('\r') => out.extend_from_slice(b"\\r"),
        Piece::Unseen('\t') => out.extend_from_slice(b"\\t"),
        Piece::Unseen(unseen) if unseen.is_ascii() => write_byte(unseen as u8, out),
        Piece::Unseen(unseen) => {
            out.extend_from_slice(format!("\\u{:04x}", u32::from(unseen)).as_bytes());
        }
        Piece::Broken(byte) => write_byte(byte, out),
    });
    if is_quoted {
        out.push(b'"');
    }
}

fn write_byte(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
}
