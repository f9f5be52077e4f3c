//! Atomics and waiting.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};

/// Waits for another thread to get on: spins first, then yields.
pub(crate) fn wait(spins: u32) {
    if spins < 128 { std::hint::spin_loop() } else { std::thread::yield_now() }
}
