//! What threads share. With the feature `loom` it is that of a model checker, which plays all
//! interleavings; the queue is then a locked one, since what is checked is what is built on it.

#[cfg(not(feature = "loom"))]
pub(crate) use crossbeam::queue::SegQueue as Queue;
#[cfg(not(feature = "loom"))]
pub(crate) use std::sync::Arc;
#[cfg(not(feature = "loom"))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

#[cfg(feature = "loom")]
pub(crate) use loom::sync::Arc;
#[cfg(feature = "loom")]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Waits for another thread to get on: spins first, then yields. `false`: come again instead.
#[cfg(not(feature = "loom"))]
pub(crate) fn wait(spins: u32) -> bool {
    if spins < 128 {
        std::hint::spin_loop()
    } else {
        std::thread::yield_now()
    }
    true
}

/// A model has no time to wait: coming again later is the same.
#[cfg(feature = "loom")]
pub(crate) fn wait(_spins: u32) -> bool {
    false
}

/// A linearisable queue.
#[cfg(feature = "loom")]
pub(crate) struct Queue<T>(loom::sync::Mutex<std::collections::VecDeque<T>>);

#[cfg(feature = "loom")]
impl<T> Queue<T> {
    pub(crate) fn new() -> Queue<T> {
        Queue(loom::sync::Mutex::new(std::collections::VecDeque::new()))
    }

    pub(crate) fn push(&self, item: T) {
        self.all().push_back(item);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.all().pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.all().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    fn all(&self) -> loom::sync::MutexGuard<'_, std::collections::VecDeque<T>> {
        self.0.lock().expect("a model that panics ends there")
    }
}
