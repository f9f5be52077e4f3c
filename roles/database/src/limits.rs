//! What grows no further, for each shard (I7). The answer when one is reached: what asked for more
//! is refused, counted and logged.

/// Limits of one instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Queries of a class under way.
    pub queries_max: usize,
    /// Bytes of requests and answers that wait for the disk.
    pub waiting_bytes_max: usize,
    /// Objects that one input looks at when it concerns a whole class; the others follow, a few
    /// times as many a turn.
    pub objects_at_once: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { queries_max: 4096, waiting_bytes_max: 64 << 20, objects_at_once: 1024 }
    }
}
