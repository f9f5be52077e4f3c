//! What other threads ask of the one that receives, and how it waits for that and for packets.

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Orders for one thread.
pub struct Orders {
    event: OwnedFd,
    stops: AtomicBool,
    rotates: AtomicBool,
}

impl Orders {
    /// No orders yet.
    pub fn new() -> io::Result<Orders> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Orders { event, stops: AtomicBool::new(false), rotates: AtomicBool::new(false) })
    }

    /// It is to end.
    pub fn stop(&self) {
        self.stops.store(true, Ordering::Release);
        self.wake();
    }

    /// It is to begin a new file.
    pub fn rotate(&self) {
        self.rotates.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether it is to end.
    pub fn are_to_stop(&self) -> bool {
        self.stops.load(Ordering::Acquire)
    }

    /// Whether it is to begin a new file; says so once for each time that somebody asked.
    pub fn take_rotate(&self) -> bool {
        self.rotates.swap(false, Ordering::AcqRel)
    }

    /// Waits for an order, or until `socket` has something.
    pub fn wait(&self, socket: impl AsFd) -> io::Result<()> {
        let (event, socket) = (self.event.as_fd(), socket.as_fd());
        let mut both = [&event, &socket].map(|fd| PollFd::new(fd, PollFlags::IN));
        match poll(&mut both, None) {
            Ok(_) | Err(Errno::INTR) => (),
            Err(error) => return Err(error.into()),
        }
        let mut count = [0; 8];
        match rustix::io::read(&self.event, &mut count) {
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn wake(&self) {
        let written = rustix::io::write(&self.event, &1u64.to_ne_bytes());
        written.expect("an eventfd takes 2^64 wake-ups before it is full");
    }
}
