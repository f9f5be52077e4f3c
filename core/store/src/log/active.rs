//! The segment that is written to, and what is staged for the next commit.

use crate::ids::{PartId, Place, SegmentId};
use crate::record::{Kind, Record, Seal};
use crate::segment::{Entry, Trailer, footer_bytes};
use crate::survey::after;
use alloc::vec::Vec;
use wire::ids::DoId;

/// A segment that records are appended to.
#[derive(Debug)]
pub(crate) struct Active {
    pub segment: SegmentId,
    seal: Seal,
    salt: u64,
    /// Where the next record will stand.
    pub at: u32,
    /// How many bytes are reserved, room for the footer included.
    pub bytes: u32,
    pub entries: Vec<Entry>,
    first_commit: u64,
    last_commit: u64,
}

/// A segment that is prepared and holds no record yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Prepared {
    pub segment: SegmentId,
    pub salt: u64,
    pub first_record: u32,
    pub bytes: u32,
}

impl Active {
    pub fn new(prepared: Prepared) -> Active {
        Active {
            segment: prepared.segment,
            seal: Seal::new(prepared.salt, prepared.segment.0),
            salt: prepared.salt,
            at: prepared.first_record,
            bytes: prepared.bytes,
            entries: Vec::new(),
            first_commit: 0,
            last_commit: 0,
        }
    }

    /// Whether so many records of together so many bytes still fit. Any record fits into a segment
    /// without one: it then grows.
    pub fn fits(&self, records: usize, bytes: usize) -> bool {
        let end = self.at as usize + bytes + footer_bytes(self.entries.len() + records);
        end <= self.bytes as usize || (self.entries.is_empty() && records == 1)
    }

    pub fn room(&self) -> u32 {
        let footer = footer_bytes(self.entries.len()) as u32;
        self.bytes.saturating_sub(self.at).saturating_sub(footer)
    }

    pub fn trailer(&self, next_do_id: DoId) -> Trailer {
        Trailer {
            first_commit: self.first_commit,
            last_commit: self.last_commit,
            next_do_id,
            records_end: self.at,
            salt: self.salt,
        }
    }
}

/// Appends that go into one commit, and the answers that leave with it.
#[derive(Default, Debug)]
pub(crate) struct Staged {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// In order; None: refused.
    pub fates: Vec<(PartId, Option<Place>)>,
}

impl Staged {
    pub fn records(&self) -> usize {
        self.entries.len()
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn add(&mut self, record: &Record) {
        self.bytes.extend_from_slice(record.raw());
        self.entries.push(Entry {
            do_id: record.do_id(),
            class: record.class(),
            kind: record.kind(),
            bytes: record.bytes(),
        });
    }

    /// Fills the headers of all records.
    pub fn close(&mut self, active: &Active, commit: u64) {
        let mut rest = self.bytes.as_mut_slice();
        for (at, entry) in self.entries.iter().enumerate() {
            let (record, behind) = rest.split_at_mut(entry.bytes as usize);
            rest = behind;
            active.seal.close(record, entry.kind, commit, at + 1 == self.entries.len());
        }
    }

    /// What was staged stands in the segment now. Returns the id after the greatest one among it.
    pub fn moved_into(&mut self, active: &mut Active, commit: u64) -> DoId {
        if active.entries.is_empty() {
            active.first_commit = commit;
        }
        active.last_commit = commit;
        active.at += self.bytes.len() as u32;
        let objects = self.entries.iter().filter(|entry| entry.kind != Kind::Mark);
        let next = objects.map(|entry| after(entry.do_id)).max().unwrap_or_default();
        active.entries.append(&mut self.entries);
        self.bytes.clear();
        next
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.fates.clear();
    }
}
