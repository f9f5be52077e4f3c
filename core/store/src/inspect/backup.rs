//! A copy of a store as it was at one moment.

use super::verify::verify;
use super::{Progress, Snapshot};
use crate::disk::{Disk, DiskError};
use crate::survey::Survey;
use alloc::string::{String, ToString};

/// Why a copy was not made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a store already where the copy is to lie.
    #[error("there are segments already where the copy is to lie; choose another directory")]
    NotEmpty,
    /// A disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The copy is there, but it is not whole: what is wrong first. The store may be damaged.
    #[error("the copy is not whole: {0}")]
    NotWhole(String),
}

/// Copies a snapshot to another disk, where every segment is sealed, and reads the copy to see
/// that it is whole. Returns how many objects it has.
///
/// Any number of whole segments is a store, so that a copy that was interrupted looks like one with
/// fewer objects: whoever calls this sees to it that nobody takes it for the copy before it is.
pub fn backup(
    snapshot: &Snapshot,
    to: &dyn Disk,
    progress: Progress<'_>,
) -> Result<u64, BackupError> {
    if !to.list()?.is_empty() {
        return Err(BackupError::NotEmpty);
    }
    let filled = &snapshot.recovered.filled;
    // Each byte is written once and read once.
    let all = 2 * filled.iter().map(|survey| u64::from(survey.end)).sum::<u64>();
    let mut done = 0;
    for survey in filled {
        copy(snapshot, survey, to)?;
        done += u64::from(survey.end);
        progress(done, all);
    }
    let verified = verify(to, &mut |now, of| progress(done + (all - done) * now / of.max(1), all))?;
    match verified.findings.first() {
        Some(finding) => Err(BackupError::NotWhole(finding.to_string())),
        None => Ok(verified.objects),
    }
}

fn copy(snapshot: &Snapshot, survey: &Survey, to: &dyn Disk) -> Result<(), DiskError> {
    let mut bytes = snapshot.bytes_of(survey)?;
    bytes.extend_from_slice(&survey.trailer().encode(&survey.entries));
    to.create(survey.segment(), &bytes, bytes.len() as u32)
}
