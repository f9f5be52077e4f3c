//! The storage type of a field: one line that says how its values lie in bytes and what they mean.
//!
//! Who keeps values keeps it with them. Where a later DC file gives another one for the field of
//! that name, the old bytes may mean something else, or nothing.
//!
//! ```text
//! int16/10%3600     integer / divisor % modulus, the modulus in units of what is on the wire
//! float64/100       the same of fractions
//! string  blob      with a length before it (`blob32`: the longer one)
//! string(5)         without one
//! T[]  T[3]         the same of arrays, the innermost first: `int8[2][3]` of a DC file, two times
//!                   three, is `int8[3][2]`; an `int8array` is `int8[]`
//! {T,T}             struct
//! switch(T){01:T,T;default:T}   the key's bytes in hex, ascending, `default` last
//! (T,T)             parameters of a method
//! (T)+(T,T)         the methods of a molecular field
//! ```
//!
//! It does not say what may change while bytes mean the same: names of parameters, structs and
//! typedefs, keywords, defaults, the order of cases, ranges of numbers, and how long what has a
//! length may be. A `char` is a number of one byte. Two fields have the same storage type exactly
//! if each reads as the other ([`Type::reads_as`]) and their moduli are the same.

use crate::schema::{FieldId, FieldKind, Schema};
use crate::value_type::{Array, Member, Shape, SwitchType, Text, Type};
use std::fmt::Write;

impl Schema {
    /// How values of the field are laid out and what they mean, as one line of ASCII. Equal lines
    /// of two schemas: bytes of the one mean the same to the other, though its ranges may not
    /// allow them.
    pub fn storage_type(&self, field: FieldId) -> String {
        let mut out = String::new();
        match &self.field(field).kind {
            FieldKind::Parameter(member) => write_type(&member.of, &mut out),
            FieldKind::Atomic(members) => write_method(members, &mut out),
            FieldKind::Molecular(_) => {
                for (at, atom) in self.atoms(field).enumerate() {
                    if at > 0 {
                        out.push('+');
                    }
                    write_method(atom.members(), &mut out);
                }
            }
        }
        out
    }
}

fn write_method(members: &[Member], out: &mut String) {
    out.push('(');
    write_members(members, out);
    out.push(')');
}

fn write_members(members: &[Member], out: &mut String) {
    for (at, member) in members.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_type(&member.of, out);
    }
}

fn write_type(of: &Type, out: &mut String) {
    match &of.shape {
        Shape::Integer(integer) => {
            let sign = if integer.signed { "" } else { "u" };
            say(out, format_args!("{sign}int{}", 8 * integer.bytes));
            write_scale(integer.divisor, integer.modulus, out);
        }
        Shape::Float(float) => {
            say(out, format_args!("float{}", 8 * float.bytes()));
            write_scale(float.divisor, float.modulus, out);
        }
        Shape::Text(text) => write_text(text, out),
        Shape::Array(array) => write_array(array, out),
        Shape::Struct(of) => {
            out.push('{');
            write_members(&of.fields, out);
            out.push('}');
        }
        Shape::Switch(switch) => write_switch(switch, out),
    }
}

fn write_scale(divisor: u32, modulus: Option<impl std::fmt::Display>, out: &mut String) {
    if divisor != 1 {
        say(out, format_args!("/{divisor}"));
    }
    if let Some(modulus) = modulus {
        say(out, format_args!("%{modulus}"));
    }
}

fn write_text(text: &Text, out: &mut String) {
    out.push_str(text.basic.name());
    if let Some(size) = text.sizes.fixed() {
        say(out, format_args!("({size})"));
    }
}

fn write_array(array: &Array, out: &mut String) {
    write_type(&array.element, out);
    match array.fixed_count() {
        Some(count) => say(out, format_args!("[{count}]")),
        None => out.push_str("[]"),
    }
}

fn write_switch(switch: &SwitchType, out: &mut String) {
    out.push_str("switch(");
    write_type(&switch.key.of, out);
    out.push_str("){");
    let mut cases: Vec<_> = switch.cases.iter().collect();
    // `None`, the default, is last.
    cases.sort_by_key(|(label, _)| (label.is_none(), label.as_deref()));
    for (at, (label, fields)) in cases.into_iter().enumerate() {
        if at > 0 {
            out.push(';');
        }
        match label {
            Some(key) => key.iter().for_each(|byte| say(out, format_args!("{byte:02x}"))),
            None => out.push_str("default"),
        }
        out.push(':');
        write_members(&switch.fields[fields.clone()], out);
    }
    out.push('}');
}

fn say(out: &mut String, what: std::fmt::Arguments<'_>) {
    out.write_fmt(what).expect("a string takes everything");
}
