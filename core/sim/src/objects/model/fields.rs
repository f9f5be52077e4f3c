//! Values as they stand in messages, checked and taken apart.

use super::{Model, Object};
use dc::{Class, Field};

/// All fields of an object may take so many bytes.
const BYTES_MAX: usize = 65_000;

/// Why a list of fields is none.
pub(super) enum Wrong {
    /// A field that the class does not have.
    UnknownField,
    /// It ends too early, goes on too long, or a value is none.
    Bad,
}

impl Model {
    pub(super) fn class_of(&self, object: &Object) -> &Class {
        self.schema.class_by_number(object.class).expect("an object has a class")
    }

    pub(super) fn field_of(&self, class: &Class, field: u16) -> Option<&Field> {
        class.field_by_number(field).map(|id| self.schema.field(id))
    }

    /// Takes a value of `field` off the front of `rest`.
    pub(super) fn take(&self, field: &Field, rest: &mut &[u8]) -> Option<Vec<u8>> {
        let whole = *rest;
        self.schema.check_prefix(field.id, rest).ok()?;
        Some(whole[..whole.len() - rest.len()].to_vec())
    }

    /// Takes `field, value` off the front of `rest`.
    pub(super) fn take_pair(
        &self,
        class: &Class,
        rest: &mut &[u8],
    ) -> Result<(u16, Vec<u8>), Wrong> {
        let (number, behind) = rest.split_first_chunk::<2>().ok_or(Wrong::Bad)?;
        *rest = behind;
        let number = u16::from_le_bytes(*number);
        let field = self.field_of(class, number).ok_or(Wrong::UnknownField)?;
        Ok((number, self.take(field, rest).ok_or(Wrong::Bad)?))
    }

    /// What is stored of a value: of a molecular field those of its methods that the class has.
    pub(super) fn stored(&self, class: &Class, field: &Field, value: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let mut stored = Vec::new();
        let mut rest = value;
        for atom in self.schema.atoms(field.id) {
            let part = self.take(atom, &mut rest).expect("the whole value was checked");
            let has = class.field_by_number(atom.number).is_some();
            if has && self.words.is_stored(atom) {
                stored.push((atom.number, part));
            }
        }
        stored
    }

    /// The value of a field, if it is stored and set; of a molecular field those of its methods.
    pub(super) fn value_of(&self, object: &Object, field: &Field) -> Option<Vec<u8>> {
        let atoms = self.schema.atoms(field.id);
        let values: Option<Vec<Vec<u8>>> =
            atoms.map(|atom| object.fields.get(&atom.number).cloned()).collect();
        values.map(|values| values.concat())
    }

    pub(super) fn is_too_big(&self, object: &Object) -> bool {
        let value = |(_, value): (&u16, &Vec<u8>)| value.len() + 2;
        object.fields.iter().map(value).sum::<usize>() > BYTES_MAX
    }

    /// Who hears of an update of `field`: location, AI, owner.
    pub(super) fn receivers(&self, object: &Object, field: &Field, orig: u64) -> Vec<u64> {
        let mut to = Vec::new();
        if self.words.is_broadcast(field) {
            to.push(object.location_channel());
        }
        if self.words.is_for_ai(field) && object.ai != orig {
            to.push(object.ai);
        }
        if self.words.is_for_owner(field) && object.owner != orig {
            to.push(object.owner);
        }
        to.retain(|&channel| channel != 0);
        to.dedup();
        to
    }
}
