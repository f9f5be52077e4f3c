//! One record of the log: its header, its checksum, its body.
//!
//! ```text
//! 0  word    u32  bytes of the whole record (bits 0..29, a multiple of 8) | LAST (bit 29)
//!                 | kind (bits 30..32)
//! 4  crc32c  u32  over salt u64 and number u32 of the segment, the word, the commit, the body
//! 8  commit  u64  which commit it belongs to; LAST is set on the last record of it
//! 16 body         see [`crate::object`]
//! ```
//! The checksum takes in where the record stands, so the bytes of another segment, or of an earlier
//! use of the same blocks, never pass for a record.

use crate::ids::{ClassKey, FieldKey};
use crate::object::{ArchivedStoredMark, ArchivedStoredTombstone, Object};
use crate::object::{StoredMark, StoredTombstone, put_object};
use alloc::sync::Arc;
use rkyv::rancor::Failure;
use rkyv::ser::allocator::SubAllocator;
use rkyv::util::AlignedVec;
use wire::ids::DoId;

pub(crate) const HEADER_BYTES: usize = 16;
/// What fits into the 14 bits that a footer has for the length, in steps of 8 bytes.
pub(crate) const RECORD_BYTES_MAX: usize = 0x3fff * 8;
const LAST: u32 = 1 << 29;
const KIND_SHIFT: u32 = 30;

/// What a record says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// An object, whole.
    Object = 1,
    /// An object is gone.
    Tombstone = 2,
    /// Which id comes next.
    Mark = 3,
}

impl Kind {
    pub fn from_bits(bits: u32) -> Option<Kind> {
        match bits {
            1 => Some(Kind::Object),
            2 => Some(Kind::Tombstone),
            3 => Some(Kind::Mark),
            _ => None,
        }
    }
}

/// A record as it will stand in the log, but for what only the log knows: the header is empty.
#[derive(Clone, Debug)]
pub struct Record {
    /// It stands among others, which were put together with it.
    bytes: Arc<AlignedVec<8>>,
    outline: Outline,
}

/// Where a record stands among those that were put together with it, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outline {
    start: u32,
    pub bytes: u32,
    pub kind: Kind,
    pub do_id: DoId,
    pub class: ClassKey,
}

/// An object does not fit into a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an object of {0} bytes does not fit into a record")]
pub(crate) struct TooBig(pub usize);

/// Records that are put together, one behind the other.
#[derive(Default, Debug)]
pub(crate) struct Sheaf {
    pub bytes: AlignedVec<8>,
}

impl Sheaf {
    /// Adds an object with these fields, ascending by key.
    pub fn object(
        &mut self,
        do_id: DoId,
        class: ClassKey,
        fields: &[(FieldKey, &[u8])],
    ) -> Result<Outline, TooBig> {
        assert!(fields.is_sorted_by(|a, b| a.0 < b.0), "fields ascend by key, each once");
        let is_too_long = |bytes: &usize| *bytes > usize::from(u16::MAX);
        if let Some(bytes) = fields.iter().map(|(_, value)| value.len()).find(is_too_long) {
            return Err(TooBig(bytes));
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; HEADER_BYTES]);
        put_object(do_id, class, fields, &mut self.bytes);
        if self.bytes.len() - start > RECORD_BYTES_MAX {
            self.bytes.resize(start, 0);
            return Err(TooBig(fields.iter().map(|(_, value)| value.len()).sum()));
        }
        Ok(self.outline(start, Kind::Object, do_id, class))
    }

    pub fn tombstone(&mut self, do_id: DoId, class: ClassKey) -> Outline {
        let start = self.bytes.len();
        archive(&StoredTombstone { do_id: do_id.0, class: class.0 }, &mut self.bytes);
        self.outline(start, Kind::Tombstone, do_id, class)
    }

    /// Adds the same object, to stand elsewhere.
    pub fn copy(&mut self, view: &View<'_>, object: &Object<'_>) -> Outline {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; HEADER_BYTES]);
        self.bytes.extend_from_slice(view.body);
        self.outline(start, Kind::Object, object.do_id(), object.class())
    }

    fn outline(&self, start: usize, kind: Kind, do_id: DoId, class: ClassKey) -> Outline {
        let place = |at: usize| u32::try_from(at).expect("what waits for the log is below 4 GiB");
        let bytes = place(self.bytes.len() - start);
        Outline { start: place(start), bytes, kind, do_id, class }
    }
}

impl Outline {
    /// Its bytes, with an empty header, of those among which it stands.
    pub fn raw<'a>(&self, all: &'a [u8]) -> &'a [u8] {
        &all[self.start as usize..][..self.bytes as usize]
    }

    /// What it says of the object; None: that it is gone.
    pub fn read<'a>(&self, all: &'a [u8]) -> Option<Object<'a>> {
        match self.kind {
            Kind::Object => Object::read(&self.raw(all)[HEADER_BYTES..]),
            Kind::Tombstone | Kind::Mark => None,
        }
    }
}

impl Record {
    pub(crate) fn new(bytes: Arc<AlignedVec<8>>, outline: Outline) -> Record {
        Record { bytes, outline }
    }

    pub(crate) fn tombstone(do_id: DoId, class: ClassKey) -> Record {
        let mut sheaf = Sheaf::default();
        let outline = sheaf.tombstone(do_id, class);
        Record::new(Arc::new(sheaf.bytes), outline)
    }

    pub(crate) fn mark(next_do_id: DoId) -> Record {
        let mut sheaf = Sheaf::default();
        archive(&StoredMark { next_do_id: next_do_id.0 }, &mut sheaf.bytes);
        let outline = sheaf.outline(0, Kind::Mark, DoId(0), ClassKey(0));
        Record::new(Arc::new(sheaf.bytes), outline)
    }

    /// How many bytes it takes in the log.
    pub fn bytes(&self) -> u32 {
        self.outline.bytes
    }

    /// Whose record it is.
    pub fn do_id(&self) -> DoId {
        self.outline.do_id
    }

    /// The class of the object, or of the one that is gone.
    pub fn class(&self) -> ClassKey {
        self.outline.class
    }

    /// What it says of the object; None: that it is gone.
    pub fn read(&self) -> Option<Object<'_>> {
        self.outline.read(&self.bytes)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.outline.kind
    }

    /// The bytes, with an empty header.
    pub(crate) fn raw(&self) -> &[u8] {
        self.outline.raw(&self.bytes)
    }
}

/// Adds an empty header and a body.
fn archive<T>(stored: &T, bytes: &mut AlignedVec<8>)
where
    T: for<'s> rkyv::Serialize<
            rkyv::api::low::LowSerializer<AlignedVec<8>, SubAllocator<'s>, Failure>,
        >,
{
    bytes.extend_from_slice(&[0; HEADER_BYTES]);
    let all = core::mem::take(bytes);
    *bytes = rkyv::api::low::to_bytes_in_with_alloc(stored, all, SubAllocator::empty())
        .expect("memory takes any bytes, and no body needs room beside");
}

/// What the checksums of a segment begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seal(u32);

impl Seal {
    pub fn new(salt: u64, segment: u32) -> Seal {
        let mut place = [0; 12];
        place[..8].copy_from_slice(&salt.to_le_bytes());
        place[8..].copy_from_slice(&segment.to_le_bytes());
        Seal(crc32c::crc32c(&place))
    }

    #[inline]
    fn crc(self, record: &[u8]) -> u32 {
        let word = crc32c::crc32c_append(self.0, &record[..4]);
        crc32c::crc32c_append(word, &record[8..])
    }

    /// Fills the header of a record: `record` is all of it.
    pub fn close(self, record: &mut [u8], kind: Kind, commit: u64, last: bool) {
        let bytes =
            u32::try_from(record.len()).expect("a record has at most RECORD_BYTES_MAX bytes");
        let word = bytes | (kind as u32) << KIND_SHIFT | if last { LAST } else { 0 };
        record[..4].copy_from_slice(&word.to_le_bytes());
        record[8..16].copy_from_slice(&commit.to_le_bytes());
        let crc = self.crc(record);
        record[4..8].copy_from_slice(&crc.to_le_bytes());
    }

    /// Reads the record that begins these bytes, if it is one and whole.
    #[inline]
    pub fn read<'a>(self, bytes: &'a [u8]) -> Option<View<'a>> {
        let word = word_at(bytes, 0)?;
        let kind = Kind::from_bits(word >> KIND_SHIFT)?;
        let record = bytes.get(..(word & (LAST - 1)) as usize)?;
        if !(HEADER_BYTES + 8..=RECORD_BYTES_MAX).contains(&record.len()) || record.len() % 8 != 0 {
            return None;
        }
        (self.crc(record) == word_at(record, 4)?).then(|| View {
            kind,
            last: word & LAST != 0,
            commit: commit_at(record, 0).unwrap_or(0),
            body: &record[HEADER_BYTES..],
        })
    }
}

#[inline]
pub(crate) fn word_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The commit of the record that begins at `at`, going by its header.
pub(crate) fn commit_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at + 8..)?.first_chunk()?))
}

/// A record whose checksum holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub kind: Kind,
    pub last: bool,
    pub commit: u64,
    pub body: &'a [u8],
}

/// What a record says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Said<'a> {
    Object(Object<'a>),
    Tombstone(DoId, ClassKey),
    Mark(DoId),
}

impl<'a> View<'a> {
    /// How many bytes the record has in all.
    pub fn bytes(&self) -> usize {
        HEADER_BYTES + self.body.len()
    }

    /// What it says. None: the bytes are as they were written, and yet make no sense.
    pub fn said(&self) -> Option<Said<'a>> {
        match self.kind {
            Kind::Object => Object::read(self.body).map(Said::Object),
            Kind::Tombstone => {
                let stored = access::<ArchivedStoredTombstone>(self.body)?;
                let (do_id, class) = (stored.do_id.to_native(), stored.class.to_native());
                Some(Said::Tombstone(DoId(do_id), ClassKey(class)))
            }
            Kind::Mark => {
                let stored = access::<ArchivedStoredMark>(self.body)?;
                Some(Said::Mark(DoId(stored.next_do_id.to_native())))
            }
        }
    }
}

fn access<T>(body: &[u8]) -> Option<&T>
where
    T: rkyv::Portable
        + for<'a> rkyv::bytecheck::CheckBytes<rkyv::api::low::LowValidator<'a, Failure>>,
{
    rkyv::api::low::access::<T, Failure>(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Stands behind another one, which changes nothing.
    pub(crate) fn object(
        do_id: u32,
        class: u16,
        fields: &[(FieldKey, &[u8])],
    ) -> Result<Record, TooBig> {
        let mut sheaf = Sheaf::default();
        sheaf.object(DoId(1), ClassKey(1), &[(FieldKey(3), b"before")])?;
        let before = sheaf.bytes.len();
        let outline = sheaf.object(DoId(do_id), ClassKey(class), fields);
        assert!(outline.is_ok() || sheaf.bytes.len() == before);
        Ok(Record::new(Arc::new(sheaf.bytes), outline?))
    }

    fn closed(record: &Record, last: bool) -> AlignedVec<8> {
        let mut bytes = AlignedVec::new();
        bytes.extend_from_slice(record.raw());
        Seal::new(7, 3).close(&mut bytes, record.kind(), 9, last);
        bytes
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            values in prop::collection::btree_map(any::<u16>(), prop::collection::vec(any::<u8>(), 0..300), 0..20),
            do_id: u32,
            class: u16,
            last: bool,
        ) {
            let fields: Vec<_> = values.iter().map(|(key, v)| (FieldKey(*key), &v[..])).collect();
            let record = object(do_id, class, &fields).unwrap();
            let bytes = closed(&record, last);
            prop_assert_eq!(bytes.len() % 8, 0);
            let view = Seal::new(7, 3).read(&bytes).unwrap();
            prop_assert_eq!((view.kind, view.last, view.commit), (Kind::Object, last, 9));
            let Some(Said::Object(object)) = view.said() else { panic!("an object") };
            prop_assert_eq!((object.do_id(), object.class()), (DoId(do_id), ClassKey(class)));
            prop_assert_eq!(object.fields().collect::<Vec<_>>(), fields);
        }

        /// Bytes of anything: never a panic.
        #[test]
        fn any_bytes_are_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut aligned = AlignedVec::<8>::new();
            aligned.extend_from_slice(&bytes);
            prop_assert!(Seal::new(7, 3).read(&aligned).is_none());
            for kind in [Kind::Object, Kind::Tombstone, Kind::Mark] {
                let view = View { kind, last: true, commit: 1, body: &aligned };
                if let Some(Said::Object(object)) = view.said() {
                    prop_assert!(object.fields().count() <= bytes.len());
                }
            }
        }
    }

    #[test]
    fn every_prefix_and_every_flipped_bit_is_noticed() {
        let fields = [(FieldKey(1), &b"abc"[..]), (FieldKey(4), &b""[..])];
        let object = object(5, 2, &fields).unwrap();
        for record in [object, Record::tombstone(DoId(5), ClassKey(2)), Record::mark(DoId(8))] {
            let bytes = closed(&record, true);
            for end in 0..bytes.len() {
                assert!(Seal::new(7, 3).read(&bytes[..end]).is_none(), "prefix of {end}");
            }
            for bit in 0..bytes.len() * 8 {
                let mut spoilt = bytes.clone();
                spoilt[bit / 8] ^= 1 << (bit % 8);
                assert!(Seal::new(7, 3).read(&spoilt).is_none(), "bit {bit}");
            }
            assert!(Seal::new(7, 4).read(&bytes).is_none(), "another segment");
            assert!(Seal::new(8, 3).read(&bytes).is_none(), "another use of the same number");
        }
    }

    #[test]
    fn an_object_of_300_bytes_takes_at_most_360() {
        let value = [7; 100];
        let fields = [0, 1, 2].map(|key| (FieldKey(key), &value[..]));
        let record = object(5, 2, &fields).unwrap();
        assert!(record.bytes() as usize + crate::segment::ENTRY_BYTES <= 360);
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let value = [7; 65_000];
        let fields = [0, 1].map(|key| (FieldKey(key), &value[..]));
        assert!(object(5, 2, &fields).is_ok());
        let fields = [0, 1, 2].map(|key| (FieldKey(key), &value[..]));
        assert!(object(5, 2, &fields).is_err());
        let value = vec![7; 65_536];
        assert!(object(5, 2, &[(FieldKey(0), &value)]).is_err());
    }
}
