//! Waking a shard that sleeps: one eventfd each, which its ring, other shards and side threads
//! write to.

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;
use std::io;
use std::sync::Arc;

/// Wakes one shard, from any thread.
#[derive(Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// The waker of a new shard.
    pub fn new() -> io::Result<Waker> {
        // A blocking eventfd: on a non-blocking one a read would fail instead of waiting.
        Ok(Waker(Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?)))
    }

    /// Wakes the shard, or keeps it from falling asleep.
    pub fn wake(&self) {
        let written = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
        written.expect("an eventfd takes 2^64 wake-ups before it is full");
    }

    /// The eventfd.
    pub fn event(&self) -> &OwnedFd {
        &self.0
    }
}
