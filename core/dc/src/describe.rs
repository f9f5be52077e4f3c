//! Types and fields as DC text again.

use crate::schema::{Field, FieldKind, Schema};
use crate::value_type::{Array, Legacy, Member, Ranges, Shape, Type};
use std::fmt;

/// A field as a DC file has it, without its default.
pub fn describe_field(schema: &Schema, field: &Field) -> String {
    let mut text = match &field.kind {
        FieldKind::Parameter(member) => member.to_string(),
        FieldKind::Atomic(members) => format!("{}({})", field.name, joined(members)),
        FieldKind::Molecular(atoms) => {
            let names = atoms.iter().map(|&atom| schema.field(atom).name.as_str());
            return format!("{} : {}", field.name, joined(names));
        }
    };
    for keyword in schema.keyword_names(field.keywords) {
        text.push(' ');
        text.push_str(keyword);
    }
    text
}

fn joined<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() { self.of.fmt(f) } else { write!(f, "{} {}", self.of, self.name) }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shape {
            Shape::Integer(integer) => {
                f.write_str(integer.basic.name())?;
                let value = |wire: i128| describe_number(wire, integer.divisor);
                if let Some(modulus) = integer.modulus {
                    write!(f, " % {}", value(modulus.into()))?;
                }
                if integer.divisor != 1 {
                    write!(f, " / {}", integer.divisor)?;
                }
                let is_plain = integer.modulus.is_none() && integer.divisor == 1;
                write_ranges(f, &integer.ranges, [if is_plain { "(" } else { " (" }, ")"], value)
            }
            Shape::Float(float) => {
                f.write_str(float.basic.name())?;
                let value = |wire: f64| (wire / f64::from(float.divisor)).to_string();
                if let Some(modulus) = float.modulus {
                    write!(f, " % {}", value(modulus))?;
                }
                if float.divisor != 1 {
                    write!(f, " / {}", float.divisor)?;
                }
                let is_plain = float.modulus.is_none() && float.divisor == 1;
                write_ranges(f, &float.ranges, [if is_plain { "(" } else { " (" }, ")"], value)
            }
            Shape::Text(text) => {
                f.write_str(text.basic.name())?;
                write_ranges(f, &text.sizes, ["(", ")"], |size| size.to_string())
            }
            Shape::Array(array) => write_array(f, array),
            Shape::Struct(of) if of.name.is_empty() => {
                f.write_str("struct { ")?;
                of.fields.iter().try_for_each(|field| write!(f, "{field}; "))?;
                f.write_str("}")
            }
            Shape::Struct(of) => f.write_str(&of.name),
            Shape::Switch(switch) if switch.name.is_empty() => write!(f, "switch ({})", switch.key),
            Shape::Switch(switch) => f.write_str(&switch.name),
        }
    }
}

/// `T[2][3]` is two arrays of three.
fn write_array(f: &mut fmt::Formatter<'_>, array: &Array) -> fmt::Result {
    if let Some(Legacy { basic, divisor }) = array.legacy {
        f.write_str(basic.name())?;
        if divisor != 1 {
            write!(f, " / {divisor}")?;
        }
        return write_ranges(f, &array.sizes, ["(", ")"], |size| size.to_string());
    }
    let (mut element, mut sizes) = (&array.element, vec![&array.sizes]);
    while let Shape::Array(inner) = &element.shape
        && inner.legacy.is_none()
    {
        sizes.push(&inner.sizes);
        element = &inner.element;
    }
    write!(f, "{element}")?;
    sizes.into_iter().try_for_each(|sizes| {
        if sizes.is_all() {
            return f.write_str("[]");
        }
        write_ranges(f, sizes, ["[", "]"], |size| size.to_string())
    })
}

fn write_ranges<T: PartialOrd + Copy>(
    f: &mut fmt::Formatter<'_>,
    ranges: &Ranges<T>,
    [open, close]: [&str; 2],
    text: impl Fn(T) -> String,
) -> fmt::Result {
    if ranges.is_all() {
        return Ok(());
    }
    let range = |(low, high): (T, T)| match low == high {
        true => text(low),
        false => format!("{}-{}", text(low), text(high)),
    };
    write!(f, "{open}{}{close}", joined(ranges.iter().map(range)))
}

/// A number on the wire as the value that it stands for.
fn describe_number(wire: i128, divisor: u32) -> String {
    let divisor = i128::from(divisor);
    if wire % divisor == 0 {
        (wire / divisor).to_string()
    } else {
        (wire as f64 / divisor as f64).to_string()
    }
}
