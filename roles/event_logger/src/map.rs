//! A MessagePack map, as Astron has it, and the object that is made of it.
//!
//! ```text
//! packet  map: key, value, key, value ...         one whole map, nothing behind it
//! line    {"_time":"2026-11-26 10:14:02+0000","type":"client-lost", ...} LF        JSON
//! ```
//!
//! Keys and values keep their order. What JSON does not have:
//!
//! * bytes, and extensions, are written as text; what in a text is no UTF-8 stands as `\xff` (in
//!   JSON's own spelling `\\xff`);
//! * a key that is a number, a boolean or nil is written as text; a key that holds others is refused;
//! * a number that is none, or is without end, is `null`;
//! * a sender's own `_time` is called `__time`, so that a line has one time, ours.

use crate::text::{Piece, pieces};
use rmp::Marker;
use std::fmt::{Arguments, Debug};
use std::io::Write;

/// Maps and lists within each other.
const DEPTH_MAX: usize = 32;
const TIME: &[u8] = b"_time";

/// Why a packet is not one whole map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MapError {
    /// It is something else.
    #[error("it is no map")]
    NoMap,
    /// It ends within the map.
    #[error("it ends within a map")]
    Truncated,
    /// It goes on after the map.
    #[error("it goes on after a map")]
    Trailing,
    /// Maps and lists are too deep within each other.
    #[error("more than {DEPTH_MAX} maps and lists stand within each other")]
    TooDeep,
    /// A byte that MessagePack does not use.
    #[error("byte 0xc1 begins no value")]
    Reserved,
    /// A key is a map or a list.
    #[error("a key is a map or a list")]
    Key,
}

/// A map that was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// Its first key is text, or it has none.
    pub begins_with_text: bool,
}

/// Writes the line of a packet that is a whole map. What was written when it turns out to be none is
/// to be cut off.
pub fn write_line(packet: &[u8], time: &str, out: &mut Vec<u8>) -> Result<Written, MapError> {
    let mut packet = Reader { rest: packet };
    let Item::Map(pairs) = packet.item()? else { return Err(MapError::NoMap) };
    out.extend_from_slice(b"{\"_time\":");
    write_text(time.as_bytes(), out);
    let begins_with_text = packet.rest.first().is_none_or(|&first| is_text(first));
    for _ in 0..pairs {
        out.push(b',');
        packet.write_pair(0, out)?;
    }
    if !packet.rest.is_empty() {
        return Err(MapError::Trailing);
    }
    out.extend_from_slice(b"}\n");
    Ok(Written { begins_with_text })
}

fn is_text(first: u8) -> bool {
    matches!(
        Marker::from_u8(first),
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32
    )
}

/// A value, or the beginning of one that holds others.
enum Item<'a> {
    Nil,
    Boolean(bool),
    Unsigned(u64),
    Signed(i64),
    Single(f32),
    Double(f64),
    /// A text, bytes or an extension.
    Text(&'a [u8]),
    /// So many pairs.
    Map(usize),
    /// So many values.
    List(usize),
}

/// What is left of a packet.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, MapError> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], MapError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(MapError::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], MapError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(MapError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A length of `N` bytes, the most significant one first.
    fn length<const N: usize>(&mut self) -> Result<usize, MapError> {
        let bytes: [u8; N] = self.array()?;
        Ok(bytes.into_iter().fold(0, |length, byte| length << 8 | usize::from(byte)))
    }

    /// What begins here, and the whole of it if it holds no others.
    fn item(&mut self) -> Result<Item<'a>, MapError> {
        Ok(match Marker::from_u8(self.byte()?) {
            Marker::Null => Item::Nil,
            Marker::False => Item::Boolean(false),
            Marker::True => Item::Boolean(true),
            Marker::FixPos(number) => Item::Unsigned(number.into()),
            Marker::U8 => Item::Unsigned(self.byte()?.into()),
            Marker::U16 => Item::Unsigned(u16::from_be_bytes(self.array()?).into()),
            Marker::U32 => Item::Unsigned(u32::from_be_bytes(self.array()?).into()),
            Marker::U64 => Item::Unsigned(u64::from_be_bytes(self.array()?)),
            Marker::FixNeg(number) => Item::Signed(number.into()),
            Marker::I8 => Item::Signed(i8::from_be_bytes(self.array()?).into()),
            Marker::I16 => Item::Signed(i16::from_be_bytes(self.array()?).into()),
            Marker::I32 => Item::Signed(i32::from_be_bytes(self.array()?).into()),
            Marker::I64 => Item::Signed(i64::from_be_bytes(self.array()?)),
            Marker::F32 => Item::Single(f32::from_be_bytes(self.array()?)),
            Marker::F64 => Item::Double(f64::from_be_bytes(self.array()?)),
            Marker::FixStr(length) => self.text(length.into())?,
            Marker::Str8 | Marker::Bin8 => self.text_after::<1>()?,
            Marker::Str16 | Marker::Bin16 => self.text_after::<2>()?,
            Marker::Str32 | Marker::Bin32 => self.text_after::<4>()?,
            Marker::FixExt1 => self.extension(1)?,
            Marker::FixExt2 => self.extension(2)?,
            Marker::FixExt4 => self.extension(4)?,
            Marker::FixExt8 => self.extension(8)?,
            Marker::FixExt16 => self.extension(16)?,
            Marker::Ext8 => self.extension_after::<1>()?,
            Marker::Ext16 => self.extension_after::<2>()?,
            Marker::Ext32 => self.extension_after::<4>()?,
            Marker::FixArray(values) => Item::List(values.into()),
            Marker::Array16 => Item::List(self.length::<2>()?),
            Marker::Array32 => Item::List(self.length::<4>()?),
            Marker::FixMap(pairs) => Item::Map(pairs.into()),
            Marker::Map16 => Item::Map(self.length::<2>()?),
            Marker::Map32 => Item::Map(self.length::<4>()?),
            Marker::Reserved => return Err(MapError::Reserved),
        })
    }

    fn text(&mut self, length: usize) -> Result<Item<'a>, MapError> {
        self.bytes(length).map(Item::Text)
    }

    fn text_after<const N: usize>(&mut self) -> Result<Item<'a>, MapError> {
        let length = self.length::<N>()?;
        self.text(length)
    }

    /// An extension has a type before its bytes.
    fn extension(&mut self, length: usize) -> Result<Item<'a>, MapError> {
        self.byte()?;
        self.text(length)
    }

    fn extension_after<const N: usize>(&mut self) -> Result<Item<'a>, MapError> {
        let length = self.length::<N>()?;
        self.extension(length)
    }

    /// Writes a pair of a map that stands within `depth` others.
    fn write_pair(&mut self, depth: usize, out: &mut Vec<u8>) -> Result<(), MapError> {
        match self.item()? {
            Item::Text(text) if depth == 0 && text == TIME => write_text(b"__time", out),
            Item::Text(text) => write_text(text, out),
            Item::Map(_) | Item::List(_) => return Err(MapError::Key),
            item @ (Item::Nil
            | Item::Boolean(_)
            | Item::Unsigned(_)
            | Item::Signed(_)
            | Item::Single(_)
            | Item::Double(_)) => {
                out.push(b'"');
                self.write_item(item, depth, out)?;
                out.push(b'"');
            }
        }
        out.push(b':');
        self.write_value(depth, out)
    }

    fn write_value(&mut self, depth: usize, out: &mut Vec<u8>) -> Result<(), MapError> {
        let item = self.item()?;
        self.write_item(item, depth, out)
    }

    /// Writes a value that begins with `item`.
    fn write_item(
        &mut self,
        item: Item<'_>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), MapError> {
        match item {
            Item::Nil => write(format_args!("null"), out),
            Item::Boolean(value) => write(format_args!("{value}"), out),
            Item::Unsigned(number) => write(format_args!("{number}"), out),
            Item::Signed(number) => write(format_args!("{number}"), out),
            Item::Single(number) => write_float(number, number.is_finite(), out),
            Item::Double(number) => write_float(number, number.is_finite(), out),
            Item::Text(text) => write_text(text, out),
            Item::Map(_) | Item::List(_) if depth + 1 >= DEPTH_MAX => {
                return Err(MapError::TooDeep);
            }
            Item::Map(pairs) => {
                out.push(b'{');
                self.write_all(pairs, out, |packet, out| packet.write_pair(depth + 1, out))?;
                out.push(b'}');
            }
            Item::List(values) => {
                out.push(b'[');
                self.write_all(values, out, |packet, out| packet.write_value(depth + 1, out))?;
                out.push(b']');
            }
        }
        Ok(())
    }

    fn write_all(
        &mut self,
        count: usize,
        out: &mut Vec<u8>,
        write: impl Fn(&mut Self, &mut Vec<u8>) -> Result<(), MapError>,
    ) -> Result<(), MapError> {
        for at in 0..count {
            if at > 0 {
                out.push(b',');
            }
            write(self, out)?;
        }
        Ok(())
    }
}

fn write(text: Arguments<'_>, out: &mut Vec<u8>) {
    out.write_fmt(text).expect("memory takes what is written to it");
}

fn write_float(number: impl Debug, is_finite: bool, out: &mut Vec<u8>) {
    match is_finite {
        true => write(format_args!("{number:?}"), out),
        false => write(format_args!("null"), out),
    }
}

fn write_text(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    pieces(bytes, |piece| match piece {
        Piece::Plain(text) => {
            for byte in text.bytes() {
                if b"\"\\".contains(&byte) {
                    out.push(b'\\');
                }
                out.push(byte);
            }
        }
        Piece::Unseen('\n') => out.extend_from_slice(b"\\n"),
        Piece::Unseen('\r') => out.extend_from_slice(b"\\r"),
        Piece::Unseen('\t') => out.extend_from_slice(b"\\t"),
        Piece::Unseen(unseen) => write(format_args!("\\u{:04x}", u32::from(unseen)), out),
        Piece::Broken(byte) => write(format_args!("\\\\x{byte:02x}"), out),
    });
    out.push(b'"');
}
