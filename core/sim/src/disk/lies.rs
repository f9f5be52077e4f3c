//! Disks that break their word, and what they carry when a store does: to see that somebody
//! notices.
//!
//! What a store itself could do wrong is done to what it writes, with checksums that hold: to
//! whoever reads it later it is as if the store had written it so.

/// A promise of a disk, or of the store that writes to it, that is not kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lie {
    /// All are kept.
    #[default]
    None,
    /// A sync says it is done and does nothing.
    SyncDoesNothing,
    /// A sync leaves out what was written last: as a log that answers before its sync.
    SyncIsLate,
    /// A segment that was made may be gone after a crash.
    CreateIsForgotten,
    /// A segment that was removed may be there again after a crash.
    RemoveIsForgotten,
    /// The footer lists another object than the one whose record it is: as a footer without a
    /// checksum, or one that is made wrong.
    FooterIsWrong,
    /// Marks, heads and footers do not know which id comes next.
    NextIdIsLost,
    /// A byte of a value is another one: as a record without a checksum.
    ValueIsChanged,
    /// Tombstones are not written; in their place stands a mark.
    TombstoneIsLost,
}

const OBJECT: u32 = 1;
const TOMBSTONE: u32 = 2;
const MARK: u32 = 3;
const HEADER: usize = 16;
const TRAILER: usize = 48;

impl Lie {
    /// Changes the head of a segment that is about to be made.
    pub(super) fn tamper_head(self, head: &mut [u8]) {
        if self == Lie::NextIdIsLost
            && let Some(end) = word(head, 28).map(|catalog| 32 + catalog as usize)
            && end + 4 <= head.len()
        {
            head[24..28].copy_from_slice(&1u32.to_le_bytes());
            close(head, end);
        }
    }

    /// Changes what is about to be written to a segment that now has the bytes `file`.
    pub(super) fn tamper(self, file: &[u8], bytes: &mut [u8]) {
        match self {
            Lie::None
            | Lie::SyncDoesNothing
            | Lie::SyncIsLate
            | Lie::CreateIsForgotten
            | Lie::RemoveIsForgotten => {}
            Lie::FooterIsWrong => tamper_footer(bytes, |footer, trailer| {
                if trailer > 0 {
                    footer[trailer - 8] ^= 1;
                }
            }),
            Lie::NextIdIsLost => {
                tamper_footer(bytes, |footer, trailer| {
                    footer[trailer + 28..trailer + 32].copy_from_slice(&1u32.to_le_bytes());
                });
                tamper_records(file, bytes, MARK, |record| {
                    record[HEADER..HEADER + 4].copy_from_slice(&1u32.to_le_bytes());
                });
            }
            Lie::ValueIsChanged => tamper_records(file, bytes, OBJECT, |record| {
                let root = record.len() - 24;
                if word(record, root + 12) != Some(0) {
                    record[HEADER] ^= 1;
                }
            }),
            Lie::TombstoneIsLost => tamper_records(file, bytes, TOMBSTONE, |record| {
                record[3] |= 0xc0;
                record[HEADER..HEADER + 4].copy_from_slice(&1u32.to_le_bytes());
            }),
        }
    }
}

/// Changes a footer, if these bytes are one; `change` is told where its trailer begins.
fn tamper_footer(bytes: &mut [u8], change: impl Fn(&mut [u8], usize)) {
    let Some(trailer) = bytes.len().checked_sub(TRAILER) else { return };
    if bytes[trailer..].starts_with(b"FWFOOTER") {
        change(bytes, trailer);
        close(bytes, bytes.len() - 4);
    }
}

/// Changes all records of a kind, if these bytes are records.
fn tamper_records(file: &[u8], bytes: &mut [u8], kind: u32, change: impl Fn(&mut [u8])) {
    let seal = match (file.get(16..24), file.get(12..16)) {
        (Some(salt), Some(number)) => crc32c::crc32c(&[salt, number].concat()),
        (_, None) | (None, _) => return,
    };
    let crc = |record: &[u8]| {
        crc32c::crc32c_append(crc32c::crc32c_append(seal, &record[..4]), &record[8..])
    };
    let mut at = 0;
    while let Some(first) = word(bytes, at) {
        let len = (first & 0x1fff_ffff) as usize;
        let Some(record) = bytes.get_mut(at..at + len).filter(|_| len > HEADER) else { return };
        if word(record, 4) != Some(crc(record)) {
            return;
        }
        if first >> 30 == kind {
            change(record);
            let crc = crc(record);
            record[4..8].copy_from_slice(&crc.to_le_bytes());
        }
        at += len;
    }
}

/// Puts the checksum of all bytes before `end` there.
fn close(bytes: &mut [u8], end: usize) {
    let crc = crc32c::crc32c(&bytes[..end]);
    bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
