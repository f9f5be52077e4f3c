//! The head and the footer of a segment.
//!
//! ```text
//! head:   magic "FWSEGMNT" | format u32 | segment u32 | salt u64 | next_do_id u32
//!         | catalog_bytes u32 | catalog | crc32c u32 of all before | pad to 8
//! footer: {do_id u32, class u16, length u16} per record, in order
//!         | magic "FWFOOTER" | entries u32 | first_commit u64 | last_commit u64 | next_do_id u32
//!         | records_end u32 | salt u64 | crc32c u32 of all of it before
//! ```
//! `length` is the record's bytes / 8 (bits 0..14) and its kind (bits 14..16). Records stand one
//! behind the other, so their lengths say where they are. The footer begins at `records_end`, right
//! behind the last record, and ends with the segment.

use crate::catalog::Catalog;
use crate::ids::{ClassKey, SegmentId};
use crate::record::{Kind, Seal, word_at};
use alloc::vec::Vec;
use wire::ids::DoId;

/// The format that this code writes and reads.
pub const FORMAT: u32 = 1;
const HEAD_MAGIC: &[u8; 8] = b"FWSEGMNT";
const FOOTER_MAGIC: &[u8; 8] = b"FWFOOTER";
const HEAD_FIXED: usize = 32;
pub(crate) const TRAILER_BYTES: usize = 48;
pub(crate) const ENTRY_BYTES: usize = 8;

/// What the head of a segment says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub segment: SegmentId,
    pub salt: u64,
    pub next_do_id: DoId,
    pub catalog: Catalog,
}

/// Why bytes are not the head of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HeadError {
    /// They are not, or are damaged.
    Damaged,
    /// They are of another format, which this code does not know.
    Format(u32),
}

impl Head {
    pub fn encode(&self) -> Vec<u8> {
        let mut catalog = Vec::new();
        self.catalog.encode(&mut catalog);
        let catalog_bytes = u32::try_from(catalog.len()).expect("a catalog is shorter than 4 GiB");
        let mut out = Vec::from(HEAD_MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&self.segment.0.to_le_bytes());
        out.extend_from_slice(&self.salt.to_le_bytes());
        out.extend_from_slice(&self.next_do_id.0.to_le_bytes());
        out.extend_from_slice(&catalog_bytes.to_le_bytes());
        out.extend_from_slice(&catalog);
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out.resize(out.len().next_multiple_of(8), 0);
        out
    }

    /// The head, and how many bytes it takes.
    pub fn decode(bytes: &[u8]) -> Result<(Head, usize), HeadError> {
        if !bytes.starts_with(HEAD_MAGIC) {
            return Err(HeadError::Damaged);
        }
        match word_at(bytes, 8) {
            Some(FORMAT) => Head::decode_known(bytes).ok_or(HeadError::Damaged),
            Some(other) => Err(HeadError::Format(other)),
            None => Err(HeadError::Damaged),
        }
    }

    /// How many bytes the head takes that begins so, going by what it says.
    pub fn bytes(bytes: &[u8]) -> Option<usize> {
        let catalog = word_at(bytes, HEAD_FIXED - 4)? as usize;
        bytes.starts_with(HEAD_MAGIC).then_some((HEAD_FIXED + catalog + 4).next_multiple_of(8))
    }

    fn decode_known(bytes: &[u8]) -> Option<(Head, usize)> {
        let end = HEAD_FIXED.checked_add(word_at(bytes, HEAD_FIXED - 4)? as usize)?;
        let covered = bytes.get(..end)?;
        if crc32c::crc32c(covered) != word_at(bytes, end)? {
            return None;
        }
        let head = Head {
            segment: SegmentId(word_at(bytes, 12)?),
            salt: long_at(bytes, 16)?,
            next_do_id: DoId(word_at(bytes, 24)?),
            catalog: Catalog::decode(&covered[HEAD_FIXED..])?,
        };
        Some((head, (end + 4).next_multiple_of(8)))
    }

    pub fn seal(&self) -> Seal {
        Seal::new(self.salt, self.segment.0)
    }
}

/// A record as a footer lists it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub do_id: DoId,
    pub class: ClassKey,
    pub kind: Kind,
    pub bytes: u32,
}

impl Entry {
    fn encode(&self, out: &mut Vec<u8>) {
        let words = u16::try_from(self.bytes / 8).expect("a record has at most RECORD_BYTES_MAX");
        out.extend_from_slice(&self.do_id.0.to_le_bytes());
        out.extend_from_slice(&self.class.0.to_le_bytes());
        out.extend_from_slice(&(words | (self.kind as u16) << 14).to_le_bytes());
    }

    fn decode(bytes: &[u8; ENTRY_BYTES]) -> Option<Entry> {
        let [a, b, c, d, e, f, g, h] = *bytes;
        let length = u16::from_le_bytes([g, h]);
        Some(Entry {
            do_id: DoId(u32::from_le_bytes([a, b, c, d])),
            class: ClassKey(u16::from_le_bytes([e, f])),
            kind: Kind::from_bits(u32::from(length >> 14))?,
            bytes: u32::from(length & 0x3fff) * 8,
        })
    }
}

/// What a footer says beside its entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Trailer {
    pub first_commit: u64,
    pub last_commit: u64,
    pub next_do_id: DoId,
    pub records_end: u32,
    pub salt: u64,
}

impl Trailer {
    /// Whether these bytes look like one.
    pub fn begins(bytes: &[u8]) -> bool {
        bytes.starts_with(FOOTER_MAGIC)
    }

    /// The salt that the last bytes of a segment name, if they look like a trailer.
    pub fn salt_of(bytes: &[u8]) -> Option<u64> {
        let trailer = bytes.last_chunk::<TRAILER_BYTES>()?;
        Trailer::begins(trailer).then(|| long_at(trailer, 36)).flatten()
    }

    /// The footer of a segment with these records.
    pub fn encode(&self, entries: &[Entry]) -> Vec<u8> {
        let mut out = Vec::with_capacity(footer_bytes(entries.len()));
        entries.iter().for_each(|entry| entry.encode(&mut out));
        out.extend_from_slice(FOOTER_MAGIC);
        let count = u32::try_from(entries.len()).expect("a segment is shorter than 4 GiB");
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&self.first_commit.to_le_bytes());
        out.extend_from_slice(&self.last_commit.to_le_bytes());
        out.extend_from_slice(&self.next_do_id.0.to_le_bytes());
        out.extend_from_slice(&self.records_end.to_le_bytes());
        out.extend_from_slice(&self.salt.to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }
}

/// How many bytes the footer of so many records takes.
pub(crate) fn footer_bytes(entries: usize) -> usize {
    entries * ENTRY_BYTES + TRAILER_BYTES
}

/// The footer of a sealed segment, read in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footer<'a> {
    pub trailer: Trailer,
    entries: &'a [u8],
}

/// Where the footer begins, going by what the last bytes of a segment of `segment_bytes` say.
pub(crate) fn footer_start(segment_bytes: u32, tail: &[u8]) -> Option<u32> {
    let trailer = tail.last_chunk::<TRAILER_BYTES>()?;
    if !trailer.starts_with(FOOTER_MAGIC) {
        return None;
    }
    let entries = word_at(trailer, 8)? as usize;
    segment_bytes.checked_sub(u32::try_from(footer_bytes(entries)).ok()?)
}

impl<'a> Footer<'a> {
    /// Reads a footer that begins at `start` and ends with these bytes; its checksum must hold, and
    /// it must be of the segment whose head has this salt.
    pub fn decode(bytes: &'a [u8], start: u32, salt: u64) -> Option<Footer<'a>> {
        let (entries, trailer) = bytes.split_at_checked(bytes.len().checked_sub(TRAILER_BYTES)?)?;
        let covered = &bytes[..bytes.len() - 4];
        let found = Trailer {
            first_commit: long_at(trailer, 12)?,
            last_commit: long_at(trailer, 20)?,
            next_do_id: DoId(word_at(trailer, 28)?),
            records_end: word_at(trailer, 32)?,
            salt: long_at(trailer, 36)?,
        };
        let holds = trailer.starts_with(FOOTER_MAGIC)
            && word_at(trailer, 8)? as usize * ENTRY_BYTES == entries.len()
            && found.records_end == start
            && found.salt == salt
            && crc32c::crc32c(covered) == word_at(trailer, TRAILER_BYTES - 4)?;
        holds.then_some(Footer { trailer: found, entries })
    }

    /// The footer of a whole segment whose head has this salt.
    pub fn of_segment(bytes: &'a [u8], salt: u64) -> Option<Footer<'a>> {
        let start = footer_start(u32::try_from(bytes.len()).ok()?, bytes)?;
        Footer::decode(&bytes[start as usize..], start, salt)
    }

    /// The entries from the one with this number on.
    pub fn entries(&self, from: usize) -> impl Iterator<Item = Entry> + use<'a> {
        let (chunks, _) = self.entries.as_chunks::<ENTRY_BYTES>();
        chunks.get(from..).unwrap_or_default().iter().map(|chunk| {
            Entry::decode(chunk)
                .expect("a footer whose checksum holds was written by Entry::encode")
        })
    }
}

fn long_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        let mut catalog = Catalog::default();
        catalog.class("Avatar").unwrap();
        catalog.field("setName", "string").unwrap();
        Head { segment: SegmentId(3), salt: 0x0123_4567_89ab_cdef, next_do_id: DoId(77), catalog }
    }

    #[test]
    fn a_head_is_read_as_written_and_every_flaw_is_noticed() {
        let bytes = head().encode();
        assert_eq!(Head::decode(&bytes), Ok((head(), bytes.len())));
        assert_eq!(Head::bytes(&bytes), Some(bytes.len()));
        let end = (HEAD_FIXED + word_at(&bytes, HEAD_FIXED - 4).unwrap() as usize) + 4;
        for cut in 0..end {
            assert!(Head::decode(&bytes[..cut]).is_err(), "prefix of {cut}");
        }
        for bit in 0..end * 8 {
            let mut spoilt = bytes.clone();
            spoilt[bit / 8] ^= 1 << (bit % 8);
            assert!(Head::decode(&spoilt).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_footer_is_read_as_written_and_every_flaw_is_noticed() {
        let entries = [
            Entry { do_id: DoId(5), class: ClassKey(9), kind: Kind::Object, bytes: 344 },
            Entry { do_id: DoId(6), class: ClassKey(0), kind: Kind::Tombstone, bytes: 24 },
            Entry { do_id: DoId(0), class: ClassKey(0), kind: Kind::Mark, bytes: 131_064 },
        ];
        let (salt, next_do_id) = (11, DoId(7));
        let trailer =
            Trailer { first_commit: 4, last_commit: 9, next_do_id, records_end: 800, salt };
        let bytes = trailer.encode(&entries);
        assert_eq!(bytes.len(), footer_bytes(entries.len()));
        let footer = Footer::decode(&bytes, 800, salt).unwrap();
        assert_eq!(footer.trailer, trailer);
        assert_eq!(footer.entries(0).collect::<Vec<_>>(), entries);
        assert_eq!(footer.entries(2).collect::<Vec<_>>(), entries[2..]);
        assert!(Footer::decode(&bytes, 808, salt).is_none(), "elsewhere");
        assert!(Footer::decode(&bytes, 800, 12).is_none(), "of another segment");
        for cut in 0..bytes.len() {
            assert!(Footer::decode(&bytes[..cut], 800, salt).is_none(), "prefix of {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut spoilt = bytes.clone();
            spoilt[bit / 8] ^= 1 << (bit % 8);
            assert!(Footer::decode(&spoilt, 800, salt).is_none(), "bit {bit}");
        }
    }
}
