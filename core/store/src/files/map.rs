//! A sealed segment mapped for reading, and which of its pages are in memory.
//!
//! A page that was seen in memory is remembered, so that a hot read costs no system call; every few
//! seconds what is remembered is forgotten, as the system may have taken pages away.
#![allow(unsafe_code, reason = "a map of a file is only as safe as the file is left alone")]

use crate::disk::SegmentBytes;
use memmap2::Mmap;
use rustix::io::{Errno, ReadWriteFlags};
use rustix::time::ClockId;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

const PAGE_BYTES: usize = 4096;
/// How many pages are asked about at once.
const AHEAD_BYTES: usize = 16 * PAGE_BYTES;
/// For how long a page that was in memory is taken to be there still.
const REMEMBER_SECONDS: i64 = 10;

/// A segment in memory.
#[derive(Debug)]
pub(super) struct Map {
    /// Open, so that the system can be asked without a descriptor that there may not be.
    file: Arc<File>,
    bytes: Mmap,
    /// A bit per page that was seen in memory.
    seen: Vec<AtomicU64>,
    /// Since when, in seconds of the system's own clock.
    since: AtomicI64,
}

impl Map {
    pub fn of(file: Arc<File>) -> io::Result<Map> {
        // SAFETY: the segment is sealed. This process holds the directory's lock, and it never
        // writes to a sealed segment nor cuts it off. When its name is removed the file may become
        // another segment, but not as long as this map holds it (`Spares::take`).
        let bytes = unsafe { Mmap::map(&*file) }?;
        let words = bytes.len().div_ceil(PAGE_BYTES).div_ceil(64);
        let seen = (0..words).map(|_| AtomicU64::new(0)).collect();
        Ok(Map { file, bytes, seen, since: AtomicI64::new(now()) })
    }

    #[inline]
    fn was_seen(&self, page: usize) -> bool {
        let word = self.seen.get(page / 64).map_or(0, |word| word.load(Ordering::Relaxed));
        word >> (page % 64) & 1 == 1
    }

    /// Asks the system, which reads only what it need not wait for.
    #[cold]
    fn look(&self, range: Range<usize>) -> bool {
        let from = range.start / PAGE_BYTES * PAGE_BYTES;
        let mut bytes = vec![0; AHEAD_BYTES.max(range.end - from)];
        let mut into = [IoSliceMut::new(&mut bytes)];
        let read = rustix::io::preadv2(&*self.file, &mut into, from as u64, ReadWriteFlags::NOWAIT);
        let there = match read {
            Ok(there) => from + there,
            // A file system that cannot tell keeps files in memory, or is asked in vain.
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => range.end,
            Err(_) => from,
        };
        let whole =
            if there >= self.bytes.len() { there.div_ceil(PAGE_BYTES) } else { there / PAGE_BYTES };
        for page in from / PAGE_BYTES..whole {
            if let Some(word) = self.seen.get(page / 64) {
                word.fetch_or(1 << (page % 64), Ordering::Relaxed);
            }
        }
        there >= range.end.min(self.bytes.len())
    }

    #[inline]
    fn forget_in_time(&self) {
        let now = now();
        if now - self.since.load(Ordering::Relaxed) >= REMEMBER_SECONDS {
            self.since.store(now, Ordering::Relaxed);
            self.seen.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        }
    }
}

/// Seconds of a clock that is cheap to read.
#[inline]
fn now() -> i64 {
    rustix::time::clock_gettime(ClockId::MonotonicCoarse).tv_sec
}

impl SegmentBytes for Map {
    #[inline]
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[inline]
    fn is_resident(&self, range: Range<usize>) -> bool {
        self.forget_in_time();
        let pages = range.start / PAGE_BYTES..range.end.div_ceil(PAGE_BYTES);
        pages.clone().all(|page| self.was_seen(page)) || self.look(range)
    }
}
