//! What the text of a scalar means: each function takes a value or says what was expected.

use crate::document::{Node, Value};
use crate::problem::nearest;
use std::ops::RangeInclusive;
use wire::dialect::Dialect;

/// Astron keeps these channels and object ids for itself.
const ASTRON_RESERVED_MAX: u64 = 999;

/// What a value is, for a message.
pub fn describe(node: &Node) -> String {
    match &node.value {
        Value::Nothing => "nothing".into(),
        Value::Scalar(text) => format!("`{text}`"),
        Value::List(_) => "a list".into(),
        Value::Map(_) => "a section".into(),
    }
}

/// Text that must be what `expected` says.
pub fn scalar<'a>(node: &'a Node, expected: &str) -> Result<&'a str, String> {
    match &node.value {
        Value::Scalar(text) if !text.is_empty() => Ok(text),
        Value::Scalar(_) => Err(format!("expected {expected}, found empty text")),
        Value::Nothing | Value::List(_) | Value::Map(_) => {
            Err(format!("expected {expected}, found {}", describe(node)))
        }
    }
}

/// Any text, the empty one included.
pub fn text(node: &Node) -> Result<String, String> {
    match &node.value {
        Value::Scalar(text) => Ok(text.clone()),
        Value::Nothing | Value::List(_) | Value::Map(_) => {
            Err(format!("expected text, found {}", describe(node)))
        }
    }
}

/// A boolean in any of the spellings that Astron takes.
pub fn boolean(node: &Node) -> Result<bool, String> {
    match scalar(node, "true or false")?.to_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Ok(true),
        "false" | "no" | "off" | "n" => Ok(false),
        _ => Err(format!("expected true or false, found {}", describe(node))),
    }
}

/// A whole number, decimal or hexadecimal (`0x`).
pub fn number(range: RangeInclusive<u64>) -> impl Fn(&Node) -> Result<u64, String> {
    move |node| {
        let expected = match (*range.start(), *range.end()) {
            (low, u64::MAX) => format!("a whole number from {low} on"),
            (low, high) => format!("a whole number from {low} to {high}"),
        };
        let text = scalar(node, &expected)?;
        let number = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        let number = number.ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("expected {expected}, found {}", describe(node)))
    }
}

/// One of these words.
pub fn choice<T: Copy>(choices: &[(&str, T)]) -> impl Fn(&Node) -> Result<T, String> {
    |node| {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let expected = words.join(" or ");
        let text = scalar(node, &expected)?;
        let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, chosen)| *chosen);
        chosen.ok_or_else(|| match nearest(text, &words) {
            Some(meant) => format!("expected {expected}, found `{text}`; did you mean `{meant}`?"),
            None => format!("expected {expected}, found `{text}`"),
        })
    }
}

/// A channel that a role may have.
pub fn channel(dialect: Dialect) -> impl Fn(&Node) -> Result<u64, String> {
    move |node| {
        let channel = number(0..=u64::MAX)(node)?;
        match reserved(dialect, channel) {
            Some(why) => Err(format!("channel {channel} is reserved ({why})")),
            None => Ok(channel),
        }
    }
}

/// An object id that may be used.
pub fn do_id(dialect: Dialect) -> impl Fn(&Node) -> Result<u64, String> {
    move |node| {
        let id = number(0..=u32::MAX as u64)(node)?;
        match reserved(dialect, id) {
            Some(why) => Err(format!("object id {id} is reserved ({why})")),
            None => Ok(id),
        }
    }
}

/// Why no role may have `channel`, if so. An object's channel is its id.
fn reserved(dialect: Dialect, channel: u64) -> Option<String> {
    if channel == 0 {
        return Some("0 is no channel".into());
    }
    if channel == dialect.control_channel().0 {
        return Some("the Message Director's own".into());
    }
    let low =
        channel <= ASTRON_RESERVED_MAX || (1..=ASTRON_RESERVED_MAX).contains(&(channel >> 32));
    match dialect {
        Dialect::Astron if low => {
            Some("in the astron dialect 1 to 999, and those shifted by 32 bits, are".into())
        }
        Dialect::Astron | Dialect::OpenOtp => None,
    }
}
