//! What an Event Logger counts. Any thread may read it.

use std::sync::atomic::{AtomicU64, Ordering};

/// The figures of one Event Logger.
#[derive(Debug, Default)]
pub struct Counts {
    /// Packets that arrived.
    pub received: Count,
    /// Lines that were written.
    pub written: Count,
    /// Packets that are no event.
    pub malformed: Count,
    /// Events that could not be written, since the file could not be.
    pub lost: Count,
    /// Packets that the socket had no room for.
    pub overflowed: Count,
    /// Bytes that were written.
    pub bytes: Count,
    /// Files that were begun after the first.
    pub rotations: Count,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// How far it is.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds `more`, and says how far it is then.
    pub(crate) fn add(&self, more: u64) -> u64 {
        self.0.fetch_add(more, Ordering::Relaxed) + more
    }
}
