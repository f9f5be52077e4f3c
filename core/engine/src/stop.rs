//! The order to stop, and how far each shard is with it.

use crate::wake::Waker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Stops all shards of a daemon, from any thread.
#[derive(Clone)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    said: Arc<AtomicUsize>,
    wakers: Arc<[Waker]>,
}

impl Stop {
    /// For the shards behind `wakers`.
    pub(crate) fn new(wakers: Arc<[Waker]>) -> Stop {
        Stop { asked: Arc::default(), said: Arc::default(), wakers }
    }

    /// Asks all shards to stop in order.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.wakers.iter().for_each(Waker::wake);
    }

    /// Whether they were asked.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// A shard has published everything that it says when it stops.
    pub(crate) fn shard_has_spoken(&self) {
        self.said.fetch_add(1, Ordering::AcqRel);
        self.wakers.iter().for_each(Waker::wake);
    }

    /// Whether all shards have: nothing new is put into inboxes.
    pub(crate) fn all_have_spoken(&self) -> bool {
        self.said.load(Ordering::Acquire) >= self.wakers.len()
    }
}
