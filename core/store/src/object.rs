//! The body of a record: an object as it is stored, a tombstone, a mark.
//!
//! Bodies are rkyv archives, little endian, read in place. The root of each stands at the end and
//! is aligned to 8 bytes, so that a record needs no padding of its own:
//!
//! ```text
//! object:    {key u16, bytes u16} per field | values of all fields, one behind the other | pad to 8
//!            | root: fields (offset i32, count u32), values (offset i32, bytes u32),
//!              do_id u32, class u16, 2 of padding
//! tombstone: do_id u32, class u16, 2 of padding
//! mark:      next_do_id u32, 4 of padding
//! ```
//! An offset counts from where it stands itself.

use crate::ids::{ClassKey, FieldKey};
use rkyv::util::AlignedVec;
use rkyv::with::AsVec;
use rkyv::{Archive, Serialize};
use wire::ids::DoId;

/// One field of an object: how many of the values' bytes are its own. Ascending by key.
#[derive(Archive, Clone, Copy, Debug)]
#[cfg_attr(test, derive(Serialize))]
pub(crate) struct StoredField {
    pub key: u16,
    pub bytes: u16,
}

/// An object, as its archive is read. To put it together, see [`put_object`].
#[derive(Archive)]
#[cfg_attr(test, derive(Serialize))]
#[cfg_attr(not(test), expect(dead_code, reason = "only its archive is made"))]
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

/// Adds the body of an object with these fields, ascending by key, of at most [`u16::MAX`] bytes
/// each: the archive of a [`StoredObject`], whose values need not stand together before.
pub(crate) fn put_object(
    do_id: DoId,
    class: ClassKey,
    fields: &[(FieldKey, &[u8])],
    out: &mut AlignedVec<8>,
) {
    let fields_at = out.len();
    for (key, value) in fields {
        let [a, b] = key.0.to_le_bytes();
        let [c, d] = (value.len() as u16).to_le_bytes();
        out.extend_from_slice(&[a, b, c, d]);
    }
    let values_at = out.len();
    for (_, value) in fields {
        out.extend_from_slice(value);
    }
    let values_bytes = out.len() - values_at;
    let root = out.len().next_multiple_of(8);
    out.extend_from_slice(&[0; 8][..root - out.len()]);
    let offset = |to: usize, from: usize| (to as i32).wrapping_sub(from as i32).to_le_bytes();
    let mut stored = [0; 24];
    stored[..4].copy_from_slice(&offset(fields_at, root));
    stored[4..8].copy_from_slice(&(fields.len() as u32).to_le_bytes());
    stored[8..12].copy_from_slice(&offset(values_at, root + 8));
    stored[12..16].copy_from_slice(&(values_bytes as u32).to_le_bytes());
    stored[16..20].copy_from_slice(&do_id.0.to_le_bytes());
    stored[20..22].copy_from_slice(&class.0.to_le_bytes());
    out.extend_from_slice(&stored);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn values() -> impl Strategy<Value = BTreeMap<u16, Vec<u8>>> {
        let bytes = prop_oneof![
            9 => prop::collection::vec(any::<u8>(), 0..30),
            1 => (any::<u8>(), 0..=usize::from(u16::MAX)).prop_map(|(byte, len)| vec![byte; len]),
        ];
        prop::collection::btree_map(any::<u16>(), bytes, 0..9)
    }

    proptest! {
        #[test]
        fn what_is_put_is_an_archive(
            all in prop::collection::vec((values(), any::<u32>(), any::<u16>()), 1..3),
        ) {
            let mut put = AlignedVec::<8>::new();
            for (values, do_id, class) in all {
                let fields: Vec<_> = values.iter().map(|(key, v)| (FieldKey(*key), &v[..])).collect();
                let start = put.len();
                put_object(DoId(do_id), ClassKey(class), &fields, &mut put);
                let width = |(key, value): (&u16, &Vec<u8>)| {
                    StoredField { key: *key, bytes: value.len() as u16 }
                };
                let widths: Vec<_> = values.iter().map(width).collect();
                let joined: Vec<u8> = values.values().flatten().copied().collect();
                let stored = StoredObject { fields: &widths, values: &joined, do_id, class };
                let archived = rkyv::api::high::to_bytes::<rkyv::rancor::Failure>(&stored).unwrap();
                prop_assert_eq!(&put[start..], &archived[..]);
            }
        }
    }
}
