//! Values: as written, and how they become bytes.
//!
//! `string` and `blob` take a quoted string, a hex string or a list of numbers, which all mean the
//! bytes inside; an array of one-byte numbers takes the same. A hex string for any other number
//! means its bytes on the wire.

use crate::value_type::{
    Array, Basic, Float, Integer, Member, Shape, SwitchType, TYPE_BYTES_MAX, Text, Type,
};

/// A number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    /// A whole one, exactly.
    Whole(i128),
    /// Any other one.
    Real(f64),
}

impl Number {
    /// Its value, rounded where it is too long.
    pub fn real(self) -> f64 {
        match self {
            Number::Whole(whole) => whole as f64,
            Number::Real(real) => real,
        }
    }
}

/// A value of any type.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A number.
    Number(Number),
    /// A quoted string.
    Text(Vec<u8>),
    /// A hex string.
    Hex(Vec<u8>),
    /// Elements of an array, fields of a struct, parameters of a method, or the key and the fields
    /// of a switch; each with how often it comes.
    List(Vec<(Value, u32)>),
}

impl Value {
    /// A whole number.
    pub fn whole(number: impl Into<i128>) -> Value {
        Value::Number(Number::Whole(number.into()))
    }

    /// Any number.
    pub fn real(number: f64) -> Value {
        Value::Number(Number::Real(number))
    }

    /// A list of values, each once.
    pub fn list(values: impl IntoIterator<Item = Value>) -> Value {
        Value::List(values.into_iter().map(|value| (value, 1)).collect())
    }
}

/// Why a value is not one of its type, or bytes are not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ValueError {
    /// A number was wanted.
    #[error("this type wants a number")]
    NotANumber,
    /// A string was wanted.
    #[error("this type wants a string")]
    NotAString,
    /// A list was wanted.
    #[error("this type wants a list")]
    NotAList,
    /// The number is outside of what the type or its range allows.
    #[error("the number is out of range")]
    OutOfRange,
    /// The string is shorter or longer than allowed.
    #[error("the string has a length that is not allowed")]
    BadLength,
    /// The list is shorter or longer than allowed.
    #[error("the list has a number of elements that is not allowed")]
    BadCount,
    /// The text is not what [`TextPolicy`] asks for.
    #[error("the string is not text")]
    NotText,
    /// No case of the switch has this key.
    #[error("the switch has no case for this key")]
    NoCase,
    /// It does not fit in a datagram.
    #[error("the value does not fit in a datagram")]
    TooLong,
    /// The bytes end too early.
    #[error("the bytes end in the middle of a value")]
    Truncated,
    /// An array's length in bytes cuts an element.
    #[error("the length of an array ends in the middle of an element")]
    CutElement,
    /// There are bytes after the value.
    #[error("there are bytes after the value")]
    Trailing,
}

/// What a `string` may contain. A `blob` may contain anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TextPolicy {
    /// 7-bit characters only, as Astron checks it.
    Ascii,
    /// UTF-8.
    #[default]
    Utf8,
    /// Any bytes, as Panda3D has it.
    Bytes,
}

impl TextPolicy {
    /// Whether a `string` may contain these bytes.
    pub fn allows(self, bytes: &[u8]) -> bool {
        match self {
            TextPolicy::Ascii => bytes.is_ascii(),
            TextPolicy::Utf8 => std::str::from_utf8(bytes).is_ok(),
            TextPolicy::Bytes => true,
        }
    }
}

/// Appends `value` as a value of type `of`.
pub fn pack(
    of: &Type,
    value: &Value,
    policy: TextPolicy,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    match &of.shape {
        Shape::Integer(integer) => pack_integer(integer, value, out),
        Shape::Float(float) => pack_float(float, value, out),
        Shape::Text(text) => pack_text(text, value, policy, out),
        Shape::Array(array) => pack_array(array, value, policy, out),
        Shape::Struct(of) => pack_members(&of.fields, value, policy, out),
        Shape::Switch(switch) => pack_switch(switch, value, policy, out),
    }?;
    if out.len() > TYPE_BYTES_MAX as usize { Err(ValueError::TooLong) } else { Ok(()) }
}

/// Appends the fields of a struct or the parameters of a method.
pub fn pack_members<'a>(
    members: impl IntoIterator<Item = &'a Member>,
    value: &Value,
    policy: TextPolicy,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let mut values = items(value)?;
    for member in members {
        pack(&member.of, values.next().ok_or(ValueError::BadCount)?, policy, out)?;
    }
    if values.next().is_none() { Ok(()) } else { Err(ValueError::BadCount) }
}

fn pack_switch(
    switch: &SwitchType,
    value: &Value,
    policy: TextPolicy,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let mut values = items(value)?;
    let start = out.len();
    pack(&switch.key.of, values.next().ok_or(ValueError::BadCount)?, policy, out)?;
    for member in switch.case(&out[start..]).ok_or(ValueError::NoCase)? {
        pack(&member.of, values.next().ok_or(ValueError::BadCount)?, policy, out)?;
    }
    if values.next().is_none() { Ok(()) } else { Err(ValueError::BadCount) }
}

fn items(value: &Value) -> Result<impl Iterator<Item = &Value>, ValueError> {
    match value {
        Value::List(items) => {
            Ok(items.iter().flat_map(|(value, count)| std::iter::repeat_n(value, *count as usize)))
        }
        Value::Number(_) | Value::Text(_) | Value::Hex(_) => Err(ValueError::NotAList),
    }
}

fn pack_integer(integer: &Integer, value: &Value, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let wire = match value {
        Value::Number(number) => integer.to_wire(*number)?,
        Value::Text(text) => match text[..] {
            [code] if integer.bytes == 1 => code.into(),
            _ => return Err(ValueError::NotANumber),
        },
        Value::Hex(bytes) if bytes.len() == integer.bytes as usize => integer.read(bytes),
        Value::Hex(_) | Value::List(_) => return Err(ValueError::NotANumber),
    };
    let (low, high) = integer.bounds();
    if !(low..=high).contains(&wire) || !integer.allows(wire) {
        return Err(ValueError::OutOfRange);
    }
    out.extend_from_slice(&wire.to_le_bytes()[..integer.bytes as usize]);
    Ok(())
}

impl Integer {
    /// The number that goes over the wire for a value: times the divisor, rounded to the nearest
    /// (halves up), modulo the modulus.
    pub fn to_wire(&self, number: Number) -> Result<i128, ValueError> {
        let wire = match number {
            Number::Whole(whole) => {
                whole.checked_mul(self.divisor.into()).ok_or(ValueError::OutOfRange)?
            }
            Number::Real(real) => {
                let scaled = (real * f64::from(self.divisor) + 0.5).floor();
                if scaled.abs() > 1e30 || scaled.is_nan() {
                    return Err(ValueError::OutOfRange);
                }
                scaled as i128
            }
        };
        Ok(self.modulus.map_or(wire, |modulus| wire.rem_euclid(modulus.into())))
    }

    /// The number in exactly its bytes.
    #[inline]
    pub fn read(&self, bytes: &[u8]) -> i128 {
        let number = match *bytes {
            [a] => u64::from(a),
            [a, b] => u16::from_le_bytes([a, b]).into(),
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]).into(),
            [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => unreachable!("integers have 1, 2, 4 or 8 bytes"),
        };
        let spare_bits = 64 - 8 * self.bytes;
        if self.signed {
            i128::from((number << spare_bits).cast_signed() >> spare_bits)
        } else {
            number.into()
        }
    }
}

fn pack_float(float: &Float, value: &Value, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let wire = match value {
        Value::Number(number) => {
            let wire = number.real() * f64::from(float.divisor);
            let wire = float.modulus.map_or(wire, |modulus| wire.rem_euclid(modulus));
            let wire = float.rounded(wire);
            if !wire.is_finite() {
                return Err(ValueError::OutOfRange);
            }
            // The nearest number to one just below the modulus may be the modulus.
            if float.modulus.is_some_and(|modulus| wire >= modulus) { 0.0 } else { wire }
        }
        Value::Hex(bytes) if bytes.len() == float.bytes() as usize => {
            if !float.allows(float.read(bytes)) {
                return Err(ValueError::OutOfRange);
            }
            // As they are: what is no number would not outlive a change of its precision.
            out.extend_from_slice(bytes);
            return Ok(());
        }
        Value::Text(_) | Value::Hex(_) | Value::List(_) => return Err(ValueError::NotANumber),
    };
    if !float.allows(wire) {
        return Err(ValueError::OutOfRange);
    }
    match float.bytes() {
        4 => out.extend_from_slice(&(wire as f32).to_le_bytes()),
        _ => out.extend_from_slice(&wire.to_le_bytes()),
    }
    Ok(())
}

impl Float {
    /// The number in exactly its bytes.
    pub fn read(&self, bytes: &[u8]) -> f64 {
        match *bytes {
            [a, b, c, d] => f32::from_le_bytes([a, b, c, d]).into(),
            [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => f64::NAN,
        }
    }
}

fn pack_text(
    text: &Text,
    value: &Value,
    policy: TextPolicy,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let listed;
    let bytes = match value {
        Value::Text(bytes) | Value::Hex(bytes) => bytes,
        Value::List(_) => {
            listed = items(value)?.map(byte).collect::<Result<Vec<u8>, _>>()?;
            &listed
        }
        Value::Number(_) => return Err(ValueError::NotAString),
    };
    let size = u32::try_from(bytes.len()).map_err(|_| ValueError::TooLong)?;
    if !text.sizes.contain(size) {
        return Err(ValueError::BadLength);
    }
    if text.basic == Basic::String && !policy.allows(bytes) {
        return Err(ValueError::NotText);
    }
    write_length(text, size, out)?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn write_length(text: &Text, size: u32, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let length_bytes = text.length_bytes() as usize;
    if length_bytes == 2 && size > u16::MAX.into() {
        return Err(ValueError::TooLong);
    }
    out.extend_from_slice(&size.to_le_bytes()[..length_bytes]);
    Ok(())
}

fn byte(value: &Value) -> Result<u8, ValueError> {
    match value {
        Value::Number(Number::Whole(whole)) => {
            u8::try_from(*whole).map_err(|_| ValueError::OutOfRange)
        }
        Value::Number(Number::Real(_)) | Value::Text(_) | Value::Hex(_) | Value::List(_) => {
            Err(ValueError::NotANumber)
        }
    }
}

fn pack_array(
    array: &Array,
    value: &Value,
    policy: TextPolicy,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let count = in_length(array, out, |out| match (value, &array.element.shape) {
        (Value::Text(bytes) | Value::Hex(bytes), Shape::Integer(Integer { bytes: 1, .. })) => {
            pack_each(array, bytes.iter().map(|&byte| Value::Hex(vec![byte])), policy, out)
        }
        _ => pack_each(array, items(value)?, policy, out),
    })?;
    if array.sizes.contain(count) { Ok(()) } else { Err(ValueError::BadCount) }
}

fn pack_each<V: std::borrow::Borrow<Value>>(
    array: &Array,
    values: impl Iterator<Item = V>,
    policy: TextPolicy,
    out: &mut Vec<u8>,
) -> Result<u32, ValueError> {
    let mut count = 0;
    for value in values {
        pack(&array.element, value.borrow(), policy, out)?;
        count += 1;
    }
    Ok(count)
}

/// Appends what a value of this type is where nothing is said: zero, or the least that its range
/// allows; as short as allowed; of a switch the first case.
///
/// Fails where that does not fit in a datagram, since defaults inside it are long.
pub fn pack_implicit(of: &Type, out: &mut Vec<u8>) -> Result<(), ValueError> {
    match &of.shape {
        Shape::Integer(integer) => {
            let least = integer.ranges.least(0);
            out.extend_from_slice(&least.to_le_bytes()[..integer.bytes as usize]);
        }
        Shape::Float(float) => {
            let least = float.ranges.least(0.0);
            match float.bytes() {
                4 => out.extend_from_slice(&(least as f32).to_le_bytes()),
                _ => out.extend_from_slice(&least.to_le_bytes()),
            }
        }
        Shape::Text(text) => {
            let size = text.sizes.least(0);
            if size > TYPE_BYTES_MAX {
                return Err(ValueError::TooLong);
            }
            write_length(text, size, out)?;
            out.resize(out.len() + size as usize, 0);
        }
        Shape::Array(array) => {
            let elements = |out: &mut Vec<u8>| {
                (0..array.sizes.least(0)).try_for_each(|_| pack_implicit(&array.element, out))
            };
            in_length(array, out, elements)?;
        }
        Shape::Struct(of) => pack_defaults(&of.fields, out)?,
        Shape::Switch(switch) => {
            let first = switch.cases.first();
            let label = first.and_then(|(label, _)| label.as_deref());
            let key = label.unwrap_or(&switch.key.default);
            out.extend_from_slice(key);
            pack_defaults(switch.case(key).unwrap_or_default(), out)?;
        }
    }
    if out.len() > TYPE_BYTES_MAX as usize { Err(ValueError::TooLong) } else { Ok(()) }
}

fn pack_defaults(members: &[Member], out: &mut Vec<u8>) -> Result<(), ValueError> {
    for member in members {
        out.extend_from_slice(&member.default);
        if out.len() > TYPE_BYTES_MAX as usize {
            return Err(ValueError::TooLong);
        }
    }
    Ok(())
}

/// Writes the elements of an array, and before them their length where it varies.
fn in_length<T>(
    array: &Array,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<T, ValueError>,
) -> Result<T, ValueError> {
    if array.fixed_count().is_some() {
        return write(out);
    }
    let start = out.len();
    out.extend_from_slice(&[0; 2]);
    let written = write(out)?;
    let bytes = u16::try_from(out.len() - start - 2).map_err(|_| ValueError::TooLong)?;
    out[start..start + 2].copy_from_slice(&bytes.to_le_bytes());
    Ok(written)
}
