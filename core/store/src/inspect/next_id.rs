//! With which id a store goes on after a repair that lost the newest ones. Ids are never given again,
//! so it is taken for granted that every byte that cannot be read was of a new object.

use crate::catalog::Catalog;
use crate::disk::{Disk, DiskError};
use crate::ids::SegmentId;
use crate::record::{Kind, Record};
use crate::segment::{Entry, Head, Trailer};
use crate::survey::Survey;
use wire::ids::DoId;

/// No record of an object takes less.
const OBJECT_BYTES_MIN: usize = 40;

/// The id after all that can have been given to objects whose records took so many bytes.
pub(super) fn above(next: DoId, bytes: usize) -> DoId {
    let ids = u32::try_from(bytes / OBJECT_BYTES_MIN + 1).unwrap_or(u32::MAX);
    DoId(next.0.saturating_add(ids))
}

/// A segment that nothing can be read of.
pub(super) struct Lost {
    pub segment: SegmentId,
    /// Up to the last one that is not zero.
    pub bytes: usize,
}

/// A segment of its own that says with which id the store goes on.
pub(super) struct Note {
    segment: SegmentId,
    commit: u64,
    next_do_id: DoId,
}

impl Note {
    /// Where no footer was written after the segments that are lost, nothing knows their ids.
    pub fn needed(surveys: &[Survey], lost: &[Lost]) -> Option<Note> {
        let sealed = surveys.iter().filter(|survey| survey.loose.is_none()).map(Survey::segment);
        let known = sealed.max();
        let unknown = || lost.iter().filter(|lost| known.is_none_or(|known| lost.segment > known));
        let last = surveys.iter().map(Survey::segment).chain(lost.iter().map(|it| it.segment));
        unknown().next()?;
        let segment = SegmentId(last.max()?.0 + 1);
        let bytes = unknown().map(|lost| lost.bytes).sum();
        let next = surveys.iter().map(|survey| survey.next_do_id).max().unwrap_or_default();
        let next_do_id = above(next, bytes);
        let commit = surveys.iter().map(last_commit).max().unwrap_or_default() + 1;
        Some(Note { segment, commit, next_do_id })
    }

    pub fn write(self, disk: &dyn Disk, catalog: &Catalog) -> Result<DoId, DiskError> {
        let Note { segment, commit, next_do_id } = self;
        // Nothing else was ever written under this number: any salt will do.
        let salt = commit << 32 | u64::from(next_do_id.0);
        let head = Head { segment, salt, next_do_id, catalog: catalog.clone() };
        let mut out = head.encode();
        let (start, mark) = (out.len(), Record::mark(next_do_id));
        out.extend_from_slice(mark.raw());
        head.seal().close(&mut out[start..], Kind::Mark, commit, true);
        let (first_commit, last_commit) = (commit, commit);
        let records_end = out.len() as u32;
        let trailer = Trailer { first_commit, last_commit, next_do_id, records_end, salt };
        let entry = Entry {
            do_id: mark.do_id(),
            class: mark.class(),
            kind: Kind::Mark,
            bytes: mark.bytes(),
        };
        out.extend_from_slice(&trailer.encode(&[entry]));
        disk.create(segment, &out, out.len() as u32)?;
        Ok(next_do_id)
    }
}

/// The greatest commit that a segment knows of, also behind what cannot be read.
fn last_commit(survey: &Survey) -> u64 {
    let loose = survey.loose.unwrap_or_default();
    let beyond = loose.beyond.map_or(0, |(_, commit)| commit);
    survey.last_commit.max(loose.unfinished_commit.unwrap_or(0)).max(beyond)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ClassKey;

    #[test]
    fn no_object_takes_less() {
        let mut sheaf = crate::record::Sheaf::default();
        let smallest = sheaf.object(DoId(1), ClassKey(0), &[]).unwrap();
        assert_eq!(smallest.bytes as usize, OBJECT_BYTES_MIN);
    }
}
