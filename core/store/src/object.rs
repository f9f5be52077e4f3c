//! The body of a record: an object as it is stored, a tombstone, a mark.
//!
//! Bodies are rkyv archives, little endian, read in place. The root of each stands at the end and
//! is aligned to 8 bytes, so that a record needs no padding of its own:
//!
//! ```text
//! object:    values of all fields, one behind the other | pad to 2 | {key u16, bytes u16} per field
//!            | pad to 8 | root: fields (offset i32, count u32), values (offset i32, bytes u32),
//!              do_id u32, class u16, 2 of padding
//! tombstone: do_id u32, class u16, 2 of padding
//! mark:      next_do_id u32, 4 of padding
//! ```

use crate::ids::{ClassKey, FieldKey};
use rkyv::with::AsVec;
use rkyv::{Archive, Serialize};
use wire::ids::DoId;

/// One field of an object: how many of the values' bytes are its own. Ascending by key.
#[derive(Archive, Serialize, Clone, Copy, Debug)]
pub(crate) struct StoredField {
    pub key: u16,
    pub bytes: u16,
}

#[derive(Archive, Serialize)]
#[rkyv(attr(repr(C, align(8))))]
pub(crate) struct StoredObject<'a> {
    #[rkyv(with = AsVec)]
    pub fields: &'a [StoredField],
    #[rkyv(with = AsVec)]
    pub values: &'a [u8],
    pub do_id: u32,
    pub class: u16,
}

/// An object that was deleted.
#[derive(Archive, Serialize)]
#[rkyv(attr(repr(C, align(8))))]
pub(crate) struct StoredTombstone {
    pub do_id: u32,
    pub class: u16,
}

/// Which id comes next, for when the records that tell so are gone.
#[derive(Archive, Serialize)]
#[rkyv(attr(repr(C, align(8))))]
pub(crate) struct StoredMark {
    pub next_do_id: u32,
}

/// An object, read where it lies.
#[derive(Clone, Copy)]
pub struct Object<'a> {
    stored: &'a ArchivedStoredObject<'a>,
}

impl<'a> Object<'a> {
    /// Reads the body of a record. None: these bytes are not an object.
    #[inline]
    pub(crate) fn read(body: &'a [u8]) -> Option<Object<'a>> {
        let stored =
            rkyv::api::low::access::<ArchivedStoredObject<'a>, rkyv::rancor::Failure>(body);
        let object = Object { stored: stored.ok()? };
        let bytes: usize = object.stored.fields.iter().map(width).sum();
        (bytes == object.stored.values.len()).then_some(object)
    }

    /// Its id.
    pub fn do_id(&self) -> DoId {
        DoId(self.stored.do_id.to_native())
    }

    /// Its class.
    pub fn class(&self) -> ClassKey {
        ClassKey(self.stored.class.to_native())
    }

    /// Its fields and their packed values, ascending by key.
    pub fn fields(&self) -> impl Iterator<Item = (FieldKey, &'a [u8])> + use<'a> {
        let stored = self.stored;
        let mut rest = stored.values.as_slice();
        stored.fields.iter().map(move |field| {
            let (value, behind) = rest.split_at(width(field));
            rest = behind;
            (FieldKey(field.key.to_native()), value)
        })
    }

    /// The packed value of a field, if it is set.
    pub fn field(&self, key: FieldKey) -> Option<&'a [u8]> {
        self.fields().find(|(at, _)| *at == key).map(|(_, value)| value)
    }
}

impl core::fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?} {:?} ", self.do_id(), self.class())?;
        f.debug_map().entries(self.fields().map(|(key, value)| (key.0, value))).finish()
    }
}

fn width(field: &ArchivedStoredField) -> usize {
    usize::from(field.bytes.to_native())
}
