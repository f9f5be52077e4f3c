//! Fields and values as requests give them.

use super::{Object, Rules};
use crate::database::schema::{is_molecular, stored_parts};
use dc::{Class, Field};
use std::collections::BTreeMap;
use wire::lists::Fields;

/// A request is not sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unsound;

/// The most that the stored fields of an object may take, in bytes, with two for each number.
const FIELDS_BYTES_MAX: usize = 65_000;

/// Values by the number of the field.
pub type Values = BTreeMap<u16, Vec<u8>>;

/// A field, whether it is to be equal, and a value.
pub type Comparison = (u16, bool, Vec<u8>);

/// What becomes of fields that are not stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unstored {
    /// They are left out.
    LeftOut,
    /// They are a mistake.
    Mistake,
}

/// Checks that nothing is left.
pub fn ended(rest: &[u8]) -> Result<(), Unsound> {
    if rest.is_empty() { Ok(()) } else { Err(Unsound) }
}

/// Whether an object has become too large.
pub fn is_too_big(object: &Object) -> bool {
    object.fields.values().map(|value| 2 + value.len()).sum::<usize>() > FIELDS_BYTES_MAX
}

impl Rules {
    /// The class of a number, without structs.
    pub fn class(&self, number: u32) -> Option<&Class> {
        let number = u16::try_from(number).ok()?;
        self.schema.class_by_number(number).filter(|class| !class.is_struct)
    }

    /// The field of a number.
    pub fn field(&self, class: &Class, number: u16) -> Result<&Field, Unsound> {
        let id = class.field_by_number(number).ok_or(Unsound)?;
        Ok(self.schema.field(id))
    }

    /// A field that is stored by itself.
    pub fn single(&self, class: &Class, number: u16) -> Result<&Field, Unsound> {
        let field = self.field(class, number)?;
        let is_stored = !stored_parts(&self.schema, class, field).is_empty();
        if is_stored && !is_molecular(field) { Ok(field) } else { Err(Unsound) }
    }

    /// The numbers of a list, ascending, each once; all stored by themselves.
    pub fn singles(&self, class: &Class, fields: Fields<'_>) -> Result<Vec<u16>, Unsound> {
        let mut numbers: Vec<u16> = fields.iter().map(|field| field.0).collect();
        numbers.iter().try_for_each(|&number| self.single(class, number).map(drop))?;
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    /// Takes a number off the front.
    pub fn take_number(rest: &mut &[u8]) -> Result<u16, Unsound> {
        let (number, behind) = rest.split_first_chunk().ok_or(Unsound)?;
        *rest = behind;
        Ok(u16::from_le_bytes(*number))
    }

    /// Takes a value of a field off the front.
    pub fn take_value<'a>(&self, field: &Field, rest: &mut &'a [u8]) -> Result<&'a [u8], Unsound> {
        let whole = *rest;
        self.schema.check_prefix(field.id, rest).map_err(|_| Unsound)?;
        Ok(&whole[..whole.len() - rest.len()])
    }

    /// Puts what is stored of a value to the others.
    pub fn put(
        &self,
        class: &Class,
        field: &Field,
        value: &[u8],
        unstored: Unstored,
        values: &mut Values,
    ) -> Result<(), Unsound> {
        let stored = stored_parts(&self.schema, class, field);
        if stored.is_empty() {
            return if unstored == Unstored::LeftOut { Ok(()) } else { Err(Unsound) };
        }
        if !is_molecular(field) {
            values.insert(field.number, value.to_vec());
            return Ok(());
        }
        for part in self.schema.split(field.id, value) {
            let (id, value) = part.expect("the whole value has been checked");
            if let Some(part) = stored.iter().find(|part| part.id == id) {
                values.insert(part.number, value.to_vec());
            }
        }
        Ok(())
    }

    /// Takes `count` fields and values off the front; the last of each counts.
    pub fn take_values(
        &self,
        class: &Class,
        count: u16,
        rest: &mut &[u8],
        unstored: Unstored,
    ) -> Result<Values, Unsound> {
        let mut values = Values::new();
        for _ in 0..count {
            let field = self.field(class, Self::take_number(rest)?)?;
            let value = self.take_value(field, rest)?;
            self.put(class, field, value, unstored, &mut values)?;
        }
        Ok(values)
    }

    /// Takes `count` comparisons off the front.
    pub fn take_comparisons(
        &self,
        class: &Class,
        count: u16,
        rest: &mut &[u8],
    ) -> Result<Vec<Comparison>, Unsound> {
        let mut all = Vec::new();
        for _ in 0..count {
            let (&operator, behind) = rest.split_first().ok_or(Unsound)?;
            *rest = behind;
            let equal = match operator {
                0 => true,
                1 => false,
                _ => return Err(Unsound),
            };
            let field = self.single(class, Self::take_number(rest)?)?;
            all.push((field.number, equal, self.take_value(field, rest)?.to_vec()));
        }
        Ok(all)
    }

    /// The value that a reader of a field sees: of a molecular one those of all its methods, which
    /// must all be stored. `None`: it is not set.
    pub fn read(
        &self,
        class: &Class,
        object: &Object,
        number: u16,
        with_defaults: bool,
    ) -> Result<Option<Vec<u8>>, Unsound> {
        let field = self.field(class, number)?;
        let stored = stored_parts(&self.schema, class, field);
        if stored.is_empty() || stored.len() != self.schema.atoms(field.id).count() {
            return Err(Unsound);
        }
        let mut value = Vec::new();
        for part in stored {
            match object.fields.get(&part.number) {
                Some(bytes) => value.extend_from_slice(bytes),
                None if with_defaults => value.extend_from_slice(&part.default),
                None => return Ok(None),
            }
        }
        Ok(Some(value))
    }
}
