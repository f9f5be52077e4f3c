//! Disks that break their word, to see that somebody notices.

/// A promise of a disk, or of what writes to it, that is not kept.
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
}

impl Lie {
    /// Changes what is about to be written to a segment that now has the bytes `file`.
    pub(super) fn tamper(self, file: &[u8], bytes: &mut [u8]) {
        let _ = (file, bytes);
    }
}
