//! What other threads ask of the one that receives, and how it waits for that, for packets and for
//! room in what it writes to.

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long packets are still read and lines written when it is to stop, should they never end or
/// nobody read them.
const DRAIN_MAX: Duration = Duration::from_secs(1);

/// Orders for one thread.
pub struct Orders {
    event: OwnedFd,
    /// It is to end, at that time at the latest.
    end: OnceLock<Instant>,
    rotates: AtomicBool,
}

impl Orders {
    /// No orders yet.
    pub fn new() -> io::Result<Orders> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Orders { event, end: OnceLock::new(), rotates: AtomicBool::new(false) })
    }

    /// It is to end, soon.
    pub fn stop(&self) {
        self.end.get_or_init(|| Instant::now() + DRAIN_MAX);
        self.wake();
    }

    /// It is to begin a new file.
    pub fn rotate(&self) {
        self.rotates.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether it is to end.
    pub fn are_to_stop(&self) -> bool {
        self.end.get().is_some()
    }

    /// Whether it is to end now, whatever is left.
    pub fn is_time_up(&self) -> bool {
        self.end.get().is_some_and(|end| *end <= Instant::now())
    }

    /// Whether it is to begin a new file; says so once for each time that somebody asked.
    pub fn take_rotate(&self) -> bool {
        self.rotates.swap(false, Ordering::AcqRel)
    }

    /// Waits for an order, or until `socket` has something.
    pub fn wait(&self, socket: impl AsFd) -> io::Result<()> {
        // An order may have come while it waited for room.
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let until = self.rotates.load(Ordering::Acquire).then_some(now);
        self.wait_for(socket, PollFlags::IN, until)?;
        Ok(())
    }

    /// Waits until `file` has room, or fails, or until the time is up.
    pub fn wait_for_room(&self, file: impl AsFd) -> io::Result<()> {
        loop {
            let left = self.end.get().map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads them"));
            }
            let left = left.map(|left| Timespec::try_from(left).expect("it is short"));
            if self.wait_for(&file, PollFlags::OUT, left)? {
                return Ok(());
            }
        }
    }

    /// Waits for an order or for `fd`; says whether it is that.
    fn wait_for(
        &self,
        fd: impl AsFd,
        flags: PollFlags,
        timeout: Option<Timespec>,
    ) -> io::Result<bool> {
        let mut both = [PollFd::new(&fd, flags), PollFd::new(&self.event, PollFlags::IN)];
        match poll(&mut both, timeout.as_ref()) {
            Ok(_) => (),
            Err(Errno::INTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let is_ready = !both[0].revents().is_empty();
        let mut count = [0; 8];
        match rustix::io::read(&self.event, &mut count) {
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(is_ready),
            Err(error) => Err(error.into()),
        }
    }

    fn wake(&self) {
        let written = rustix::io::write(&self.event, &1u64.to_ne_bytes());
        written.expect("an eventfd takes 2^64 wake-ups before it is full");
    }
}
