//! The stored fields of an object while they are put together.

use crate::refusal::Refusal;
use crate::values::Value;
use alloc::vec::Vec;
use core::ops::Range;
use smallvec::SmallVec;
use store::FieldKey;

/// The most that the stored fields of an object may take, in bytes: they must fit in a datagram.
pub const FIELDS_BYTES_MAX: usize = 65_000;
/// What a field takes beside its value: its number.
const NUMBER_BYTES: usize = 2;

/// Fields and their values, ascending by key.
#[derive(Default)]
pub struct Draft {
    fields: Vec<(FieldKey, Range<usize>)>,
    bytes: Vec<u8>,
}

/// Fields as the store takes them.
pub type Stored<'a> = SmallVec<[(FieldKey, &'a [u8]); 16]>;

impl Draft {
    /// Begins with nothing.
    pub fn clear(&mut self) {
        self.fields.clear();
        self.bytes.clear();
    }

    /// Begins with what an object has.
    pub fn begin<'a>(&mut self, fields: impl Iterator<Item = (FieldKey, &'a [u8])>) {
        self.clear();
        fields.for_each(|(key, value)| self.set(key, value));
    }

    /// Sets a field.
    pub fn set(&mut self, key: FieldKey, value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        let range = start..self.bytes.len();
        match self.find(key) {
            Ok(at) => self.fields[at].1 = range,
            Err(at) => self.fields.insert(at, (key, range)),
        }
    }

    /// Sets fields.
    pub fn set_all(&mut self, values: &[Value<'_>]) {
        values.iter().for_each(|value| self.set(value.key, value.bytes));
    }

    /// Takes a field out.
    pub fn unset(&mut self, key: FieldKey) {
        if let Ok(at) = self.find(key) {
            self.fields.remove(at);
        }
    }

    /// The value of a field.
    pub fn get(&self, key: FieldKey) -> Option<&[u8]> {
        let at = self.find(key).ok()?;
        Some(&self.bytes[self.fields[at].1.clone()])
    }

    /// All of it, unless it is too much.
    pub fn stored(&self) -> Result<Stored<'_>, Refusal> {
        let bytes = self.fields.iter().map(|(_, range)| NUMBER_BYTES + range.len()).sum();
        if bytes > FIELDS_BYTES_MAX {
            return Err(Refusal::TooBig(bytes));
        }
        let field = |(key, range): &(FieldKey, Range<usize>)| (*key, &self.bytes[range.clone()]);
        Ok(self.fields.iter().map(field).collect())
    }

    fn find(&self, key: FieldKey) -> Result<usize, usize> {
        match self.fields.last() {
            Some((last, _)) if *last < key => Err(self.fields.len()),
            _ => self.fields.binary_search_by_key(&key, |(key, _)| *key),
        }
    }
}
