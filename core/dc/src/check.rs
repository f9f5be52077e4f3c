//! Bytes of a type: whether they are a value, where it ends, and how it reads.
//!
//! Nothing here allocates but [`text`].

use crate::describe::describe_number;
use crate::value::{TextPolicy, ValueError};
use crate::value_type::{Array, Basic, Float, Integer, Member, Shape, SwitchType, Text, Type};
use std::fmt::Write;

/// Checks that `bytes` begin with a value of type `of`; they begin behind it then.
#[inline]
pub fn check(of: &Type, bytes: &mut &[u8], policy: TextPolicy) -> Result<(), ValueError> {
    if of.is_free {
        return take(bytes, of.bytes_min as usize).map(drop);
    }
    match &of.shape {
        Shape::Integer(integer) => check_integer(integer, bytes),
        Shape::Float(float) => check_float(float, bytes),
        Shape::Text(text) => check_text(text, bytes, policy),
        Shape::Array(array) => check_array(array, bytes, policy),
        Shape::Struct(of) => check_members(&of.fields, bytes, policy),
        Shape::Switch(switch) => check_members(case(switch, bytes, policy)?, bytes, policy),
    }
}

/// Checks fields of a struct or parameters of a method.
pub fn check_members(
    members: &[Member],
    bytes: &mut &[u8],
    policy: TextPolicy,
) -> Result<(), ValueError> {
    members.iter().try_for_each(|member| check(&member.of, bytes, policy))
}

/// Passes over a value of type `of` without looking at what it says.
///
/// Fails where the bytes end too early, or the length depends on a key that its switch has no case
/// for.
pub fn skip(of: &Type, bytes: &mut &[u8]) -> Result<(), ValueError> {
    if of.is_fixed {
        return take(bytes, of.bytes_min as usize).map(drop);
    }
    match &of.shape {
        Shape::Integer(_) | Shape::Float(_) => take(bytes, of.bytes_min as usize).map(drop),
        Shape::Text(text) => text_bytes(text, bytes).map(drop),
        Shape::Array(array) if array.fixed_count().is_none() => long(bytes, 2).map(drop),
        Shape::Array(array) => {
            (0..array.sizes.least(0)).try_for_each(|_| skip(&array.element, bytes))
        }
        Shape::Struct(of) => skip_members(&of.fields, bytes),
        Shape::Switch(switch) => skip_members(case(switch, bytes, TextPolicy::Bytes)?, bytes),
    }
}

/// Passes over fields of a struct or parameters of a method.
pub fn skip_members(members: &[Member], bytes: &mut &[u8]) -> Result<(), ValueError> {
    members.iter().try_for_each(|member| skip(&member.of, bytes))
}

/// Takes the key of a switch; returns the fields that follow.
fn case<'a>(
    switch: &'a SwitchType,
    bytes: &mut &[u8],
    policy: TextPolicy,
) -> Result<&'a [Member], ValueError> {
    let whole = *bytes;
    check(&switch.key.of, bytes, policy)?;
    switch.case(&whole[..whole.len() - bytes.len()]).ok_or(ValueError::NoCase)
}

#[inline]
fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], ValueError> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or(ValueError::Truncated)?;
    *bytes = rest;
    Ok(taken)
}

/// Takes a length of so many bytes, and as many bytes as it says.
#[inline]
fn long<'a>(bytes: &mut &'a [u8], length_bytes: u32) -> Result<&'a [u8], ValueError> {
    let tag = take(bytes, length_bytes as usize)?;
    let length = tag.iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte));
    take(bytes, length)
}

#[inline]
fn check_integer(integer: &Integer, bytes: &mut &[u8]) -> Result<(), ValueError> {
    let wire = integer.read(take(bytes, integer.bytes as usize)?);
    if integer.allows(wire) { Ok(()) } else { Err(ValueError::OutOfRange) }
}

fn check_float(float: &Float, bytes: &mut &[u8]) -> Result<(), ValueError> {
    let wire = float.read(take(bytes, float.bytes() as usize)?);
    if float.allows(wire) { Ok(()) } else { Err(ValueError::OutOfRange) }
}

#[inline]
fn text_bytes<'a>(text: &Text, bytes: &mut &'a [u8]) -> Result<&'a [u8], ValueError> {
    match text.sizes.fixed() {
        Some(size) => take(bytes, size as usize),
        None => long(bytes, text.length_bytes()),
    }
}

fn check_text(text: &Text, bytes: &mut &[u8], policy: TextPolicy) -> Result<(), ValueError> {
    let content = text_bytes(text, bytes)?;
    if !text.sizes.contain(content.len() as u32) {
        return Err(ValueError::BadLength);
    }
    if text.basic == Basic::String && !policy.allows(content) {
        return Err(ValueError::NotText);
    }
    Ok(())
}

fn check_array(array: &Array, bytes: &mut &[u8], policy: TextPolicy) -> Result<(), ValueError> {
    if let Some(count) = array.fixed_count() {
        return (0..count).try_for_each(|_| check(&array.element, bytes, policy));
    }
    let (mut content, mut count) = (long(bytes, 2)?, 0u32);
    if array.element.is_free {
        let each = array.element.bytes_min as usize;
        count = (content.len() / each) as u32;
        content = &content[count as usize * each..];
    }
    while !content.is_empty() {
        let checked = check(&array.element, &mut content, policy);
        if checked == Err(ValueError::Truncated) {
            return Err(ValueError::CutElement);
        }
        checked?;
        count += 1;
    }
    if array.sizes.contain(count) { Ok(()) } else { Err(ValueError::BadCount) }
}

/// Appends the text form of the value that `bytes` begin with; they begin behind it then.
///
/// The text reads back as the same bytes, but for fractions of more than 53 bits.
pub fn text(
    of: &Type,
    bytes: &mut &[u8],
    with_names: bool,
    out: &mut String,
) -> Result<(), ValueError> {
    match &of.shape {
        Shape::Integer(integer) => {
            let wire = take(bytes, integer.bytes as usize)?;
            match (integer.basic, wire) {
                (Basic::Char, &[code]) => quote(&[code], out),
                _ => out.push_str(&describe_number(integer.read(wire), integer.divisor)),
            }
            Ok(())
        }
        Shape::Float(float) => {
            let bytes = take(bytes, float.bytes() as usize)?;
            let (wire, divisor) = (float.read(bytes), f64::from(float.divisor));
            if wire.is_finite() && wire / divisor * divisor == wire {
                say(out, format_args!("{}", wire / divisor));
            } else {
                write_hex(bytes, out);
            }
            Ok(())
        }
        Shape::Text(text) => {
            let content = text_bytes(text, bytes)?;
            if text.basic == Basic::String {
                quote(content, out);
            } else {
                write_hex(content, out);
            }
            Ok(())
        }
        Shape::Array(array) => {
            let (mut content, left) = match array.fixed_count() {
                Some(count) => (*bytes, Some(count)),
                None => (long(bytes, 2)?, None),
            };
            out.push('[');
            let mut count = 0;
            while left.map_or(!content.is_empty(), |left| count < left) {
                if count > 0 {
                    out.push_str(", ");
                }
                text(&array.element, &mut content, with_names, out)?;
                count += 1;
            }
            out.push(']');
            if left.is_some() {
                *bytes = content;
            }
            Ok(())
        }
        Shape::Struct(of) => {
            out.push('{');
            text_members(&of.fields, bytes, with_names, out)?;
            out.push('}');
            Ok(())
        }
        Shape::Switch(switch) => {
            let mut key = *bytes;
            let fields = case(switch, bytes, TextPolicy::Bytes)?;
            out.push('(');
            text_members(std::slice::from_ref(&switch.key), &mut key, with_names, out)?;
            if !fields.is_empty() {
                out.push_str(", ");
                text_members(fields, bytes, with_names, out)?;
            }
            out.push(')');
            Ok(())
        }
    }
}

/// Appends `name = value, ...`, or `value, ...`, for fields of a struct or parameters of a method.
pub fn text_members(
    members: &[Member],
    bytes: &mut &[u8],
    with_names: bool,
    out: &mut String,
) -> Result<(), ValueError> {
    for (at, member) in members.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        if with_names && !member.name.is_empty() {
            say(out, format_args!("{} = ", member.name));
        }
        text(&member.of, bytes, with_names, out)?;
    }
    Ok(())
}

fn quote(bytes: &[u8], out: &mut String) {
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => say(out, format_args!("\\{character}")),
                '\n' => out.push_str("\\n"),
                // Read as itself it would mean that a file is no UTF-8.
                char::REPLACEMENT_CHARACTER => out.push_str("\\xef\\xbf\\xbd"),
                control if control.is_ascii_control() => {
                    say(out, format_args!("\\x{:02x}", control as u32));
                }
                other => out.push(other),
            }
        }
        chunk.invalid().iter().for_each(|byte| say(out, format_args!("\\x{byte:02x}")));
    }
    out.push('"');
}

fn write_hex(bytes: &[u8], out: &mut String) {
    out.push('<');
    bytes.iter().for_each(|byte| say(out, format_args!("{byte:02x}")));
    out.push('>');
}

fn say(out: &mut String, what: std::fmt::Arguments<'_>) {
    out.write_fmt(what).expect("a string takes everything");
}
