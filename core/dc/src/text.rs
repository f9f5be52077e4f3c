//! Values as text, and back: what [`Schema::text`] writes of a value, [`Schema::parse_value`] reads
//! as the same bytes.

use crate::check::{case, long, take, text_bytes};
use crate::parser::parse_value;
use crate::schema::{FieldId, FieldKind, Schema};
use crate::source::Source;
use crate::value::{Number, TextPolicy, ValueError};
use crate::value_type::{Array, Basic, Float, Integer, Member, Shape, SwitchType, Type};
use std::fmt::Write;

/// Why a text is no value of a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseValueError {
    /// It is no value at all: `line:column: what`, of the first error.
    #[error("{0}")]
    Syntax(String),
    /// It is one of another type.
    #[error(transparent)]
    Value(#[from] ValueError),
}

impl Schema {
    /// The text form of a value of the field.
    pub fn text(&self, id: FieldId, bytes: &[u8]) -> Result<String, ValueError> {
        self.value_text(id, bytes, true)
    }

    /// The same without the names of parameters: as a DC file has its defaults.
    pub fn plain_text(&self, id: FieldId, bytes: &[u8]) -> Result<String, ValueError> {
        self.value_text(id, bytes, false)
    }

    fn value_text(
        &self,
        id: FieldId,
        bytes: &[u8],
        with_names: bool,
    ) -> Result<String, ValueError> {
        let (mut out, mut rest) = (String::new(), bytes);
        match &self.field(id).kind {
            FieldKind::Parameter(member) => text(&member.of, &mut rest, with_names, &mut out)?,
            FieldKind::Atomic(_) | FieldKind::Molecular(_) => {
                out.push('(');
                for atom in self.atoms(id).filter(|atom| !atom.members().is_empty()) {
                    if out.len() > 1 {
                        out.push_str(", ");
                    }
                    text_members(atom.members(), &mut rest, with_names, &mut out)?;
                }
                out.push(')');
            }
        }
        if rest.is_empty() { Ok(out) } else { Err(ValueError::Trailing) }
    }

    /// The bytes of a value that is given as text, the way a DC file has defaults and
    /// [`Schema::text`] writes it. Names before values, as in `(x = 1)`, mean nothing.
    pub fn parse_value(&self, id: FieldId, text: &str) -> Result<Vec<u8>, ParseValueError> {
        let source = Source { name: String::new(), text: text.into() };
        let value = parse_value(&source).map_err(|why| {
            let lines = why.lines(std::slice::from_ref(&source));
            let first = lines.lines().next().unwrap_or_default();
            ParseValueError::Syntax(first.trim_start_matches(':').into())
        })?;
        let mut bytes = Vec::new();
        self.pack(id, &value, &mut bytes)?;
        Ok(bytes)
    }
}

/// Appends the text form of the value that `bytes` begin with; they begin behind it then.
///
/// It reads back as the same bytes: a number that its text does not say exactly is a hex string.
fn text(
    of: &Type,
    bytes: &mut &[u8],
    with_names: bool,
    out: &mut String,
) -> Result<(), ValueError> {
    match &of.shape {
        Shape::Integer(integer) => {
            write_integer(integer, take(bytes, integer.bytes as usize)?, out);
            Ok(())
        }
        Shape::Float(float) => {
            write_float(float, take(bytes, float.bytes() as usize)?, out);
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
        Shape::Array(array) => write_array(array, bytes, with_names, out),
        Shape::Struct(of) => {
            out.push('{');
            text_members(&of.fields, bytes, with_names, out)?;
            out.push('}');
            Ok(())
        }
        Shape::Switch(switch) => write_switch(switch, bytes, with_names, out),
    }
}

fn write_integer(integer: &Integer, bytes: &[u8], out: &mut String) {
    if let (Basic::Char, &[code]) = (integer.basic, bytes) {
        return quote(&[code], out);
    }
    let (wire, divisor) = (integer.read(bytes), i128::from(integer.divisor));
    let fraction = wire as f64 / f64::from(integer.divisor);
    if wire % divisor == 0 {
        say(out, format_args!("{}", wire / divisor));
    } else if fraction.fract() != 0.0 && integer.to_wire(Number::Real(fraction)) == Ok(wire) {
        say(out, format_args!("{fraction}"));
    } else {
        write_hex(bytes, out);
    }
}

fn write_float(float: &Float, bytes: &[u8], out: &mut String) {
    let (wire, divisor) = (float.read(bytes), f64::from(float.divisor));
    let value = wire / divisor;
    if wire == 0.0 && wire.is_sign_negative() {
        // Without a fraction it would read as a whole number, which has no such zero.
        out.push_str("-0.0");
    } else if wire.is_finite() && value * divisor == wire {
        say(out, format_args!("{value}"));
    } else {
        write_hex(bytes, out);
    }
}

fn write_array(
    array: &Array,
    bytes: &mut &[u8],
    with_names: bool,
    out: &mut String,
) -> Result<(), ValueError> {
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

fn write_switch(
    switch: &SwitchType,
    bytes: &mut &[u8],
    with_names: bool,
    out: &mut String,
) -> Result<(), ValueError> {
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

/// Appends `name = value, ...`, or `value, ...`, for fields of a struct or parameters of a method.
fn text_members(
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
                control if control.is_ascii_control() => {
                    say(out, format_args!("\\x{:02x}", control as u32));
                }
                // In a file it stands where bytes were no UTF-8.
                char::REPLACEMENT_CHARACTER => out.push_str("\\xef\\xbf\\xbd"),
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
