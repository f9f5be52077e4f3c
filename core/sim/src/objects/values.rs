//! Random values of a type, and bytes that are perhaps none.

use crate::chance::Chance;
use dc::value_type::{Array, Basic, Float, Integer, Ranges, Shape, SwitchType, Text, Type};
use dc::{Field, FieldKind, Number, Schema, Value};

/// A value of `field`, packed.
pub fn value(schema: &Schema, field: &Field, chance: &mut Chance) -> Vec<u8> {
    let members = schema.atoms(field.id).flat_map(|atom| atom.members());
    let value = match &field.kind {
        FieldKind::Parameter(member) => of_type(&member.of, chance),
        FieldKind::Atomic(_) | FieldKind::Molecular(_) => {
            Value::list(members.map(|member| of_type(&member.of, chance)))
        }
    };
    let mut bytes = Vec::new();
    schema.pack(field.id, &value, &mut bytes).expect("what is drawn from a type is a value of it");
    bytes
}

/// Bytes that are hardly a value: cut, too long, or changed somewhere.
pub fn spoilt(mut bytes: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    match chance.below(4) {
        0 => bytes.truncate(chance.index(bytes.len().max(1))),
        1 => bytes.extend((0..chance.between(1, 3)).map(|byte| byte as u8)),
        2 if !bytes.is_empty() => {
            let at = chance.index(bytes.len());
            bytes[at] = chance.number() as u8;
        }
        _ => {
            bytes.iter_mut().for_each(|byte| *byte = 0xff);
        }
    }
    bytes
}

fn of_type(of: &Type, chance: &mut Chance) -> Value {
    match &of.shape {
        Shape::Integer(integer) => of_integer(integer, chance),
        Shape::Float(float) => of_float(float, chance),
        Shape::Text(text) => of_text(text, chance),
        Shape::Array(array) => of_array(array, chance),
        Shape::Struct(of) => {
            Value::list(of.fields.iter().map(|member| of_type(&member.of, chance)))
        }
        Shape::Switch(switch) => of_switch(switch, chance),
    }
}

/// As it is on the wire: every allowed number may come, the outermost ones often.
fn of_integer(integer: &Integer, chance: &mut Chance) -> Value {
    let (lowest, highest) = integer.bounds();
    let (lowest, highest) = match integer.modulus {
        Some(modulus) => (lowest.max(0), highest.min(i128::from(modulus) - 1)),
        None => (lowest, highest),
    };
    let mut ranges: Vec<_> = integer.ranges.iter().collect();
    if ranges.is_empty() {
        ranges.push((lowest, highest));
    }
    let ranges: Vec<_> =
        ranges.iter().map(|&(low, high)| (low.max(lowest), high.min(highest))).collect();
    let ranges: Vec<_> = ranges.into_iter().filter(|(low, high)| low <= high).collect();
    let (low, high) = chance.pick(&ranges).expect("some number is allowed");
    let wire = match chance.below(4) {
        0 => low,
        1 => high,
        _ => low + i128::from(chance.number()) % (high - low + 1),
    };
    Value::Hex(wire.to_le_bytes()[..integer.bytes as usize].to_vec())
}

fn of_float(float: &Float, chance: &mut Chance) -> Value {
    let ranges: Vec<_> = float.ranges.iter().collect();
    let divisor = f64::from(float.divisor);
    let wire = match (chance.pick(&ranges), float.modulus) {
        (Some((low, high)), _) => low + (high - low) * chance.below(9) as f64 / 8.0,
        (None, Some(modulus)) => modulus * chance.below(8) as f64 / 8.0,
        (None, None) => chance.between(0, 2000) as f64 / 4.0 - 250.0,
    };
    Value::Number(Number::Real(wire / divisor))
}

fn size(sizes: &Ranges<u32>, most: u64, chance: &mut Chance) -> u32 {
    let ranges: Vec<_> = sizes.iter().collect();
    let (low, high) = chance.pick(&ranges).unwrap_or((0, most as u32));
    chance.between(low.into(), u64::from(high).min(u64::from(low) + most)) as u32
}

fn of_text(text: &Text, chance: &mut Chance) -> Value {
    let size = size(&text.sizes, 12, chance) as usize;
    if text.basic != Basic::String {
        return Value::Hex((0..size).map(|_| chance.number() as u8).collect());
    }
    let mut bytes: Vec<u8> = (0..size).map(|_| b'a' + chance.below(26) as u8).collect();
    if size >= 2 && chance.one_in(4) {
        bytes[..2].copy_from_slice("é".as_bytes());
    }
    Value::Text(bytes)
}

fn of_array(array: &Array, chance: &mut Chance) -> Value {
    let count = size(&array.sizes, 3, chance);
    Value::list((0..count).map(|_| of_type(&array.element, chance)))
}

/// The key is that of a named case, or one that none names.
fn of_switch(switch: &SwitchType, chance: &mut Chance) -> Value {
    let (label, fields) = &switch.cases[chance.index(switch.cases.len())];
    let key = label.as_deref().map_or(vec![0x77; switch.key.of.bytes_min as usize], <[u8]>::to_vec);
    let fields = switch.fields[fields.clone()].iter();
    let values = fields.map(|member| of_type(&member.of, chance));
    Value::list([Value::Hex(key)].into_iter().chain(values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::schema;

    #[test]
    fn what_is_drawn_is_a_value_and_what_is_spoilt_mostly_none() {
        let (schema, mut chance) = (schema::load(), Chance::new(3));
        let (mut spoilt_count, mut wrong) = (0, 0);
        for field in schema.fields() {
            for _ in 0..20 {
                let bytes = value(&schema, field, &mut chance);
                assert_eq!(schema.check(field.id, &bytes), Ok(()), "{} {bytes:?}", field.name);
                spoilt_count += 1;
                wrong += schema.check(field.id, &spoilt(bytes, &mut chance)).is_err() as u32;
            }
        }
        assert!(wrong * 2 > spoilt_count, "{wrong} of {spoilt_count}");
    }
}
