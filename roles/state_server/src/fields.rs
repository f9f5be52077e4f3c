//! The values of an object's fields, packed as they came and as they go out again.
//!
//! ```text
//! +---------------------------+------------+--------------------------------------+
//! | required, in class order  | count: u16 | count x (field: u16, value)          |
//! +---------------------------+------------+--------------------------------------+
//! |<--- "required" ---------->|<--- "OTHER": fields with `ram`, ascending ------->|
//! ```
//! A message that brings an object along takes the first part or all of it as it stands. Nothing
//! here decides who may set what; values have been checked before they come here.

use crate::classes::{ClassPlan, Classes, FieldPlan, Traits};
use crate::refusal::Refusal;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use dc::Schema;
use smallvec::SmallVec;
use wire::ids::FieldId;
use wire::reader::Reader;

/// The most that an object's fields may take, in bytes: they must fit in a datagram.
pub const FIELDS_BYTES_MAX: usize = 65_000;
const COUNT_BYTES: usize = 2;

/// The packed values of one object.
pub struct Packed {
    bytes: Box<[u8]>,
    required_bytes: u16,
}

/// What an object begins with, and whether a field of it was not known.
pub struct Begun {
    /// Its values.
    pub packed: Packed,
    /// The unknown field at which reading its OTHER block ended.
    pub unknown: Option<FieldId>,
}

/// Fields and their values.
pub type Values<'a> = SmallVec<[(FieldPlan, &'a [u8]); 8]>;

impl Packed {
    /// Reads what a new object of `class` brings along: required values and, if `has_other`, an
    /// OTHER block.
    pub fn read(
        classes: &Classes,
        class: &ClassPlan,
        bytes: &[u8],
        has_other: bool,
    ) -> Result<Begun, Refusal> {
        let required_bytes = required_bytes(&classes.schema, class, bytes)?;
        let (required, rest) = bytes.split_at(required_bytes);
        let (mut values, unknown) = match (has_other, rest.is_empty()) {
            (true, _) => read_other(classes, class, rest)?,
            (false, true) => (Values::new(), None),
            (false, false) => return Err(Refusal::Excess(rest.len())),
        };
        let mut whole = Vec::with_capacity(required.len() + COUNT_BYTES + rest.len());
        whole.extend_from_slice(required);
        whole.extend_from_slice(&[0; COUNT_BYTES]);
        last_of_each(&mut values);
        let mut draft = Draft { bytes: &mut whole, required_bytes };
        for (field, value) in &values {
            if field.traits.any(Traits::REQUIRED) {
                draft.set(&classes.schema, class, field, value);
            } else {
                draft.append(field, value);
            }
        }
        let required_bytes = draft.required_bytes;
        if whole.len() > FIELDS_BYTES_MAX {
            return Err(Refusal::TooBig(whole.len()));
        }
        let packed = Packed { bytes: whole.into(), required_bytes: required_bytes as u16 };
        Ok(Begun { packed, unknown })
    }

    /// How long all of it is.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The required values.
    #[inline]
    pub fn required(&self) -> &[u8] {
        &self.bytes[..self.required_bytes as usize]
    }

    /// The required values and the OTHER block.
    #[inline]
    pub fn required_other(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether a field with `ram` alone is set.
    #[inline]
    pub fn has_other(&self) -> bool {
        self.bytes.len() > self.required_bytes as usize + COUNT_BYTES
    }

    /// The value of a field that is not molecular; `None` if it is not set or not kept.
    pub fn get(&self, schema: &Schema, class: &ClassPlan, field: &FieldPlan) -> Option<&[u8]> {
        let at = find(schema, class, field, &self.bytes, self.required_bytes as usize)?;
        Some(&self.bytes[at])
    }

    /// All values that are kept and set, in the order in which they stand: required ones, then
    /// the others.
    pub fn required_values<'a>(
        &'a self,
        schema: &'a Schema,
        class: &'a ClassPlan,
    ) -> impl Iterator<Item = (&'a FieldPlan, &'a [u8])> {
        let mut rest = self.required();
        class.required.iter().map(move |field| (field, take(schema, field, &mut rest)))
    }

    /// The fields of the OTHER block, ascending.
    pub fn others<'a>(
        &'a self,
        schema: &'a Schema,
        class: &'a ClassPlan,
    ) -> impl Iterator<Item = (&'a FieldPlan, &'a [u8])> {
        let mut rest = &self.bytes[self.required_bytes as usize + COUNT_BYTES..];
        core::iter::from_fn(move || next_other(schema, class, &mut rest))
    }

    /// Sets a field that is kept and not molecular; see [`Packed::change`].
    #[inline]
    pub fn set(
        &mut self,
        schema: &Schema,
        class: &ClassPlan,
        field: &FieldPlan,
        value: &[u8],
        (scratch, room): (&mut Vec<u8>, usize),
    ) -> Result<(), Refusal> {
        if let (Some(offset), Some(_)) = (field.offset, field.bytes)
            && field.traits.any(Traits::REQUIRED)
        {
            self.bytes[offset as usize..][..value.len()].copy_from_slice(value);
            return Ok(());
        }
        self.change((scratch, room), |draft| draft.set(schema, class, field, value))
    }

    /// Carries out `change` as a whole, or not at all if the object would become too big, or grow by
    /// more than `room` bytes.
    pub fn change(
        &mut self,
        (scratch, room): (&mut Vec<u8>, usize),
        change: impl FnOnce(&mut Draft<'_>),
    ) -> Result<(), Refusal> {
        scratch.clear();
        scratch.extend_from_slice(&self.bytes);
        let required_bytes = self.required_bytes as usize;
        let mut draft = Draft { bytes: scratch, required_bytes };
        change(&mut draft);
        self.required_bytes = draft.required_bytes as u16;
        let bytes = scratch.len();
        if bytes == self.bytes.len() {
            self.bytes.copy_from_slice(scratch);
        } else if bytes <= FIELDS_BYTES_MAX && bytes.saturating_sub(self.bytes.len()) <= room {
            self.bytes = scratch.as_slice().into();
        } else {
            self.required_bytes = required_bytes as u16;
            return Err(match bytes <= FIELDS_BYTES_MAX {
                true => Refusal::NoRoom,
                false => Refusal::TooBig(bytes),
            });
        }
        Ok(())
    }
}

/// The values of an object while they are changed.
pub struct Draft<'a> {
    bytes: &'a mut Vec<u8>,
    required_bytes: usize,
}

impl Draft<'_> {
    /// Sets a field that is kept and not molecular.
    pub fn set(&mut self, schema: &Schema, class: &ClassPlan, field: &FieldPlan, value: &[u8]) {
        if let Some(at) = find(schema, class, field, self.bytes, self.required_bytes) {
            return self.replace(field, at, value);
        }
        let at = self.place_of(schema, class, field);
        let number = field.number.0.to_le_bytes();
        self.bytes.splice(at..at, number.iter().chain(value).copied());
        self.count(1);
    }

    /// Adds a field to the OTHER block, behind all that are there.
    fn append(&mut self, field: &FieldPlan, value: &[u8]) {
        self.bytes.extend_from_slice(&field.number.0.to_le_bytes());
        self.bytes.extend_from_slice(value);
        self.count(1);
    }

    /// Takes a field out of the OTHER block; one that is not there stays so.
    pub fn unset(&mut self, schema: &Schema, class: &ClassPlan, field: &FieldPlan) {
        if let Some(at) = find(schema, class, field, self.bytes, self.required_bytes) {
            self.bytes.drain(at.start - size_of::<u16>()..at.end);
            self.count(-1);
        }
    }

    fn replace(&mut self, field: &FieldPlan, at: Range<usize>, value: &[u8]) {
        if field.traits.any(Traits::REQUIRED) {
            self.required_bytes = self.required_bytes - at.len() + value.len();
        }
        if at.len() == value.len() {
            self.bytes[at].copy_from_slice(value);
        } else {
            self.bytes.splice(at, value.iter().copied());
        }
    }

    fn count(&mut self, more: i32) {
        let at = self.required_bytes..self.required_bytes + COUNT_BYTES;
        let count = u16::from_le_bytes([self.bytes[at.start], self.bytes[at.start + 1]]);
        let count = (i32::from(count) + more) as u16;
        self.bytes[at].copy_from_slice(&count.to_le_bytes());
    }

    /// Where a field belongs that is not in the OTHER block yet.
    fn place_of(&self, schema: &Schema, class: &ClassPlan, field: &FieldPlan) -> usize {
        let mut rest = &self.bytes[self.required_bytes + COUNT_BYTES..];
        loop {
            let at = self.bytes.len() - rest.len();
            match next_other(schema, class, &mut rest) {
                Some((other, _)) if other.number < field.number => (),
                _ => return at,
            }
        }
    }
}

/// Where the value of a field lies in `bytes`, if it is kept and set.
#[inline]
fn find(
    schema: &Schema,
    class: &ClassPlan,
    field: &FieldPlan,
    bytes: &[u8],
    required_bytes: usize,
) -> Option<Range<usize>> {
    if field.traits.any(Traits::REQUIRED) {
        return (!field.traits.any(Traits::MOLECULAR))
            .then(|| find_required(schema, class, field, bytes));
    }
    if !field.traits.any(Traits::RAM) {
        return None;
    }
    let mut rest = &bytes[required_bytes + COUNT_BYTES..];
    while let Some((other, value)) = next_other(schema, class, &mut rest) {
        if other.number == field.number {
            let end = bytes.len() - rest.len();
            return Some(end - value.len()..end);
        }
    }
    None
}

fn find_required(
    schema: &Schema,
    class: &ClassPlan,
    field: &FieldPlan,
    bytes: &[u8],
) -> Range<usize> {
    let before = &class.required[..field.required_at as usize];
    // The last field whose place is known: from there on the lengths are read.
    let known = before.iter().rposition(|plan| plan.offset.is_some()).unwrap_or(0);
    let (start, from) = match field.offset {
        Some(offset) => (offset, before.len()),
        None => (before.get(known).and_then(|plan| plan.offset).unwrap_or(0), known),
    };
    let mut rest = &bytes[start as usize..];
    for plan in &before[from..] {
        take(schema, plan, &mut rest);
    }
    let start = bytes.len() - rest.len();
    start..start + take(schema, field, &mut rest).len()
}

/// Takes the value of a field off bytes that are known to begin with one.
#[inline]
fn take<'a>(schema: &Schema, field: &FieldPlan, rest: &mut &'a [u8]) -> &'a [u8] {
    let whole = *rest;
    match field.bytes {
        Some(bytes) => *rest = &whole[bytes as usize..],
        None => schema.skip(field.id, rest).expect("what an object holds has been checked"),
    }
    &whole[..whole.len() - rest.len()]
}

fn next_other<'a, 'b>(
    schema: &Schema,
    class: &'a ClassPlan,
    rest: &mut &'b [u8],
) -> Option<(&'a FieldPlan, &'b [u8])> {
    let (number, behind) = rest.split_first_chunk::<2>()?;
    *rest = behind;
    let field = class.field(FieldId(u16::from_le_bytes(*number)));
    let field = field.expect("what an object holds are fields of its class");
    Some((field, take(schema, field, rest)))
}

/// Checks that `bytes` begin with the required values of `class`; how long they are.
fn required_bytes(schema: &Schema, class: &ClassPlan, bytes: &[u8]) -> Result<usize, Refusal> {
    if let Some(free) = class.free_bytes {
        return if bytes.len() >= free { Ok(free) } else { Err(Refusal::Truncated) };
    }
    let mut rest = bytes;
    for field in &class.required {
        let checked = schema.check_prefix(field.id, &mut rest);
        checked.map_err(|error| Refusal::BadValue(field.number, error))?;
    }
    Ok(bytes.len() - rest.len())
}

/// Reads an OTHER block up to a field that `class` does not have: what is to be kept, and that
/// field.
pub fn read_other<'a>(
    classes: &'a Classes,
    class: &'a ClassPlan,
    bytes: &'a [u8],
) -> Result<(Values<'a>, Option<FieldId>), Refusal> {
    let mut reader = Reader::new(bytes);
    let count = reader.u16().map_err(|_| Refusal::Truncated)?;
    let (mut values, mut rest) = (Values::new(), reader.rest());
    for _ in 0..count {
        let (number, behind) = rest.split_first_chunk::<2>().ok_or(Refusal::Truncated)?;
        let number = FieldId(u16::from_le_bytes(*number));
        let Some(field) = class.field(number) else { return Ok((values, Some(number))) };
        rest = behind;
        let value = checked(&classes.schema, field, &mut rest)?;
        values.extend(kept(classes, class, field, value));
    }
    if rest.is_empty() { Ok((values, None)) } else { Err(Refusal::Excess(rest.len())) }
}

/// Takes a value of `field` off the front of `rest`.
#[inline]
pub fn checked<'a>(
    schema: &Schema,
    field: &FieldPlan,
    rest: &mut &'a [u8],
) -> Result<&'a [u8], Refusal> {
    let whole = *rest;
    let checked = schema.check_prefix(field.id, rest);
    checked.map_err(|error| Refusal::BadValue(field.number, error))?;
    Ok(&whole[..whole.len() - rest.len()])
}

/// Sorts by field and keeps the last value of each.
pub fn last_of_each(values: &mut Values<'_>) {
    values.sort_by_key(|(field, _)| field.number);
    values.reverse();
    values.dedup_by_key(|(field, _)| field.number);
    values.reverse();
}

/// What is to be kept of a value: of a molecular field those of its methods that are kept.
pub fn kept<'a>(
    classes: &'a Classes,
    class: &'a ClassPlan,
    field: &FieldPlan,
    value: &'a [u8],
) -> Values<'a> {
    if !field.traits.any(Traits::MOLECULAR) {
        let stored = field.traits.is_stored().then_some((*field, value));
        return stored.into_iter().collect();
    }
    let atoms = classes.schema.split(field.id, value);
    let atoms = atoms.map(|atom| atom.expect("the whole value has been checked"));
    // A class that overrides a method of an inherited molecular field does not have that one.
    let atoms = atoms.filter_map(|(id, value)| {
        let number = classes.schema.field(id).number;
        Some((*class.field(FieldId(number))?, value))
    });
    atoms.filter(|(atom, _)| atom.traits.is_stored()).collect()
}

#[cfg(test)]
mod tests;
