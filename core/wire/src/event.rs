//! What is written down by an Event Logger, as one UDP packet says it (seed section 5, `openotp.md`
//! 19; `astron` section 8).
//!
//! ```text
//! openotp  sender: string | kind: string | value: string ...      u16 length, then the bytes, each
//! astron   a MessagePack map: type, sender, then the values by their names
//! ```

use crate::dialect::Dialect;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rmp::encode::ByteBuf;

/// An event.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Who says it: `Client:1000000001`.
    pub sender: &'a str,
    /// What happened: `client-connected`.
    pub kind: &'a str,
    /// The details, in the order in which a row of strings has them.
    pub values: &'a [(&'a str, Value<'a>)],
}

/// A detail of an event.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Text. Over 65,535 bytes it is cut off.
    Text(&'a str),
    /// A number.
    Number(i64),
}

impl Event<'_> {
    /// Its packet.
    pub fn encode(&self, dialect: Dialect) -> Vec<u8> {
        match dialect {
            Dialect::OpenOtp => self.strings(),
            Dialect::Astron => self.map(),
        }
    }

    fn strings(&self) -> Vec<u8> {
        let mut out = Vec::new();
        string(self.sender, &mut out);
        string(self.kind, &mut out);
        self.values.iter().for_each(|(_, value)| string(&value.text(), &mut out));
        out
    }

    fn map(&self) -> Vec<u8> {
        let mut out = ByteBuf::new();
        let Ok(_) = rmp::encode::write_map_len(&mut out, 2 + self.values.len() as u32);
        let mut pair = |key: &str, value: Value<'_>| {
            let Ok(()) = rmp::encode::write_str(&mut out, key);
            match value {
                Value::Text(text) => {
                    let Ok(()) = rmp::encode::write_str(&mut out, text);
                }
                Value::Number(number) => {
                    let Ok(_) = rmp::encode::write_sint(&mut out, number);
                }
            }
        };
        pair("type", Value::Text(self.kind));
        pair("sender", Value::Text(self.sender));
        self.values.iter().for_each(|&(key, value)| pair(key, value));
        out.into_vec()
    }
}

impl Value<'_> {
    fn text(&self) -> String {
        match self {
            Value::Text(text) => (*text).to_string(),
            Value::Number(number) => number.to_string(),
        }
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    let mut end = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let bytes = &text.as_bytes()[..end];
    out.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
    out.extend_from_slice(bytes);
}
