//! What is written down by an Event Logger, as one UDP packet says it (seed section 5, `openotp.md`
//! 19; `astron` section 8).
//!
//! ```text
//! openotp  sender: string | kind: string | value: string ...      u16 length, then the bytes, each
//! astron   a MessagePack map: type, sender, then the values by their names
//! ```

use crate::dialect::Dialect;
use alloc::borrow::Cow;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use rmp::encode::ByteBuf;

/// Bytes of one text: with a dozen of them an event is still a packet.
pub const TEXT_BYTES_MAX: usize = 1024;

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
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// Text. Over [`TEXT_BYTES_MAX`] it is cut off.
    Text(&'a str),
    /// A number.
    Number(i64),
    /// An id, a channel, a count.
    Id(u64),
    /// Whatever can be shown, as text of as many bytes.
    Shown(&'a dyn fmt::Display),
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
        let values = self.values.iter().map(|(_, value)| value.text());
        for text in [self.sender.into(), self.kind.into()].into_iter().chain(values) {
            let text = cut(&text);
            out.extend_from_slice(&(text.len() as u16).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out
    }

    fn map(&self) -> Vec<u8> {
        let mut out = ByteBuf::new();
        let Ok(_) = rmp::encode::write_map_len(&mut out, 2 + self.values.len() as u32);
        let own = [("type", Value::Text(self.kind)), ("sender", Value::Text(self.sender))];
        for (key, value) in own.iter().chain(self.values) {
            let Ok(()) = rmp::encode::write_str(&mut out, key);
            match value {
                Value::Number(number) => {
                    let Ok(_) = rmp::encode::write_sint(&mut out, *number);
                }
                Value::Id(id) => {
                    let Ok(_) = rmp::encode::write_uint(&mut out, *id);
                }
                Value::Text(_) | Value::Shown(_) => {
                    let Ok(()) = rmp::encode::write_str(&mut out, cut(&value.text()));
                }
            }
        }
        out.into_vec()
    }
}

impl Value<'_> {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Value::Text(text) => (*text).into(),
            Value::Number(number) => number.to_string().into(),
            Value::Id(id) => id.to_string().into(),
            Value::Shown(shown) => shown.to_string().into(),
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
