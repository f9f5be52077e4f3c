//! Bytes of a type: whether they are a value, and where it ends. Nothing here allocates.

use crate::value::{TextPolicy, ValueError};
use crate::value_type::{Array, Basic, Float, Integer, Member, Shape, SwitchType, Text, Type};

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
pub(crate) fn case<'a>(
    switch: &'a SwitchType,
    bytes: &mut &[u8],
    policy: TextPolicy,
) -> Result<&'a [Member], ValueError> {
    let whole = *bytes;
    check(&switch.key.of, bytes, policy)?;
    switch.case(&whole[..whole.len() - bytes.len()]).ok_or(ValueError::NoCase)
}

#[inline]
pub(crate) fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], ValueError> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or(ValueError::Truncated)?;
    *bytes = rest;
    Ok(taken)
}

/// Takes a length of so many bytes, and as many bytes as it says.
#[inline]
pub(crate) fn long<'a>(bytes: &mut &'a [u8], length_bytes: u32) -> Result<&'a [u8], ValueError> {
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
pub(crate) fn text_bytes<'a>(text: &Text, bytes: &mut &'a [u8]) -> Result<&'a [u8], ValueError> {
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
