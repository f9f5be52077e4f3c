//! What a store holds, exactly, and what it has done since it was opened.

/// Figures of a store. Bytes are those of records, headers included, unless said otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Objects.
    pub objects: u64,
    /// Bytes of their newest versions.
    pub live_bytes: u64,
    /// Bytes of what was replaced or deleted.
    pub dead_bytes: u64,
    /// Bytes of the notes that an object is gone.
    pub tombstone_bytes: u64,
    /// Segments with records, the active one included.
    pub segments: u64,
    /// Bytes of all segments, heads, footers and reserved space included; without the few removed ones
    /// that a disk keeps to make others of.
    pub disk_bytes: u64,
    /// Commits since open: each is one write and one sync.
    pub commits: u64,
    /// Appends since open that were asked for by roles.
    pub appends: u64,
    /// Bytes written since open, moves included.
    pub written_bytes: u64,
    /// Segments that compaction freed since open.
    pub swept: u64,
    /// Bytes that compaction moved since open.
    pub moved_bytes: u64,
    /// Writes refused since open because the disk was full.
    pub refused: u64,
    /// Damaged records that the background check has found since open.
    pub damaged: u64,
    /// Whether writes are refused because the disk is full.
    pub full: bool,
    /// Whether the disk has failed.
    pub read_only: bool,
}
