//! The io_uring of one shard: multishot accept and receive, one ring of provided buffers.
//!
//! The only file of the engine with `unsafe`; the store has one more, which maps segments. It gives
//! a safe API upward: what the kernel may write to is owned here, by [`Buffers`], from the moment
//! that it is provided until its completion is reaped; a reaped buffer is a plain `Vec<u8>` that its
//! receiver owns.
//!
//! Needs Linux 6.1 (deferred task work); multishot receive and buffer rings are older.
#![allow(unsafe_code)]

use io_uring::{IoUring, cqueue, opcode, squeue, types};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::Errno;
use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

const BUFFER_GROUP: u16 = 0;
const PAGE_BYTES: usize = 4096;

/// Sizes of a ring.
#[derive(Clone, Copy, Debug)]
pub struct RingSizes {
    /// Submission queue entries; the completion queue has eight times as many.
    pub entries: u32,
    /// Provided buffers, a power of two.
    pub buffers: u16,
    /// Bytes of each.
    pub buffer_bytes: usize,
}

/// What the kernel says of an operation.
#[derive(Debug)]
pub struct Completion {
    /// As given when the operation was armed.
    pub token: u64,
    /// The result of the system call: negative is an error number.
    pub result: i32,
    /// Whether more completions of this operation follow.
    pub more: bool,
    /// The buffer that was filled, and its number.
    pub buffer: Option<(u16, Vec<u8>)>,
}

/// One io_uring with its provided buffers. Stays on the thread that made it.
pub struct Ring {
    uring: IoUring,
    buffers: Buffers,
    /// Submissions that did not fit into the queue.
    waiting: VecDeque<squeue::Entry>,
}

impl Ring {
    /// Sets up the ring on this thread.
    pub fn new(sizes: RingSizes) -> io::Result<Ring> {
        let uring = IoUring::builder()
            .setup_cqsize(sizes.entries * 8)
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_clamp()
            .build(sizes.entries)?;
        let mut buffers = Buffers::new(sizes);
        let base = buffers.base.as_ptr() as u64;
        // SAFETY: `base` is page-aligned memory for `sizes.buffers` entries and lives as long as
        // the process (see `Drop`).
        unsafe {
            uring.submitter().register_buf_ring_with_flags(base, sizes.buffers, BUFFER_GROUP, 0)?;
        }
        (0..sizes.buffers).for_each(|id| buffers.provide(id, Vec::new()));
        Ok(Ring { uring, buffers, waiting: VecDeque::new() })
    }

    /// Accepts connections on `listener` until cancelled or failed.
    pub fn accept(&mut self, listener: BorrowedFd<'_>, token: u64) {
        let fd = types::Fd(listener.as_raw_fd());
        // Not SOCK_NONBLOCK: a receive on such a socket would fail instead of waiting.
        let flags = rustix::net::SocketFlags::CLOEXEC.bits() as i32;
        self.push(opcode::AcceptMulti::new(fd).flags(flags).build().user_data(token));
    }

    /// Receives on `socket` into provided buffers until cancelled, ended or out of buffers.
    pub fn receive(&mut self, socket: BorrowedFd<'_>, token: u64) {
        let fd = types::Fd(socket.as_raw_fd());
        self.push(opcode::RecvMulti::new(fd, BUFFER_GROUP).build().user_data(token));
    }

    /// Completes once when `socket` can take bytes (or is broken).
    pub fn poll_writable(&mut self, socket: BorrowedFd<'_>, token: u64) {
        let fd = types::Fd(socket.as_raw_fd());
        let flags = rustix::event::PollFlags::OUT.bits() as u32;
        self.push(opcode::PollAdd::new(fd, flags).build().user_data(token));
    }

    /// Completes whenever something is written to `event`, until it fails.
    pub fn watch(&mut self, event: BorrowedFd<'_>, token: u64) {
        let fd = types::Fd(event.as_raw_fd());
        let flags = rustix::event::PollFlags::IN.bits() as u32;
        self.push(opcode::PollAdd::new(fd, flags).multi(true).build().user_data(token));
    }

    /// Ends the operation armed as `target`; its last completion says that it was cancelled.
    pub fn cancel(&mut self, target: u64, token: u64) {
        self.push(opcode::AsyncCancel::new(target).build().user_data(token));
    }

    /// Submits what was armed and lets the kernel do what it deferred, and what comes meanwhile, until
    /// that was all or so many completions are there. (In one call newer kernels do 20 such things.)
    pub fn enter(&mut self, most: usize) -> io::Result<()> {
        self.drain_waiting();
        let mut submissions = self.uring.submission().len();
        loop {
            let there = self.uring.completion().len();
            let deferred = self.uring.submission().taskrun() && there < most;
            if submissions == 0 && !deferred {
                return Ok(());
            }
            const GETEVENTS: u32 = 1;
            // SAFETY: no argument is passed; every submission queued refers to descriptors and to
            // provided buffers only.
            let entered = unsafe {
                self.uring.submitter().enter::<()>(submissions as u32, 0, GETEVENTS, None)
            };
            went_in(entered)?;
            submissions = 0;
            if self.uring.completion().len() == there {
                return Ok(());
            }
        }
    }

    /// Submits what was armed and sleeps until something completes, at most for `time`.
    pub fn sleep(&mut self, time: Option<Duration>) -> io::Result<()> {
        self.drain_waiting();
        let time = time.map(types::Timespec::from);
        let args = time.iter().fold(types::SubmitArgs::new(), |args, time| args.timespec(time));
        let awaited = usize::from(self.waiting.is_empty());
        went_in(self.uring.submitter().submit_with_args(awaited, &args))
    }

    /// Moves up to `count` completions to `into`.
    pub fn reap(&mut self, count: usize, into: &mut Vec<Completion>) {
        let buffers = &mut self.buffers;
        let reaped = self.uring.completion().take(count).map(|entry| {
            let filled = cqueue::buffer_select(entry.flags());
            Completion {
                token: entry.user_data(),
                result: entry.result(),
                more: cqueue::more(entry.flags()),
                buffer: filled.map(|id| (id, buffers.take(id, entry.result()))),
            }
        });
        into.extend(reaped);
    }

    /// Gives a buffer back to the kernel; without its memory, it gets new memory.
    pub fn give_back(&mut self, id: u16, memory: Option<Vec<u8>>) {
        self.buffers.provide(id, memory.unwrap_or_default());
    }

    /// Buffers that the kernel has now.
    pub fn buffers_free(&self) -> usize {
        self.buffers.free
    }

    fn push(&mut self, entry: squeue::Entry) {
        self.drain_waiting();
        if !self.waiting.is_empty() || !push_entry(&mut self.uring, &entry) {
            self.waiting.push_back(entry);
        }
    }

    fn drain_waiting(&mut self) {
        while let Some(entry) = self.waiting.front() {
            if !push_entry(&mut self.uring, entry) {
                // The queue is full: the kernel takes it over. What cannot be submitted now
                // (completion queue full) is tried again at the next turn.
                match self.uring.submit() {
                    Ok(taken) if taken > 0 => continue,
                    Ok(_) | Err(_) => return,
                }
            }
            self.waiting.pop_front();
        }
    }
}

fn push_entry(uring: &mut IoUring, entry: &squeue::Entry) -> bool {
    // SAFETY: the entry refers to a descriptor, which the kernel checks and holds, and to the
    // provided buffers, which live as long as the process.
    unsafe { uring.submission().push(entry).is_ok() }
}

/// The provided buffers: a ring of entries that the kernel reads, and the memory behind them.
struct Buffers {
    base: NonNull<types::BufRingEntry>,
    count: u16,
    bytes: usize,
    tail: u16,
    free: usize,
    /// By number; the memory that the kernel has now, an empty one where it has none.
    memory: Vec<Vec<u8>>,
}

impl Buffers {
    fn new(sizes: RingSizes) -> Buffers {
        assert!(sizes.buffers.is_power_of_two(), "a ring of buffers has a power of two of them");
        let size = size_of::<types::BufRingEntry>() * sizes.buffers as usize;
        let layout =
            Layout::from_size_align(size, PAGE_BYTES).expect("a small page-aligned layout");
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc_zeroed(layout) };
        let Some(base) = NonNull::new(memory.cast()) else { handle_alloc_error(layout) };
        Buffers {
            base,
            count: sizes.buffers,
            bytes: sizes.buffer_bytes,
            tail: 0,
            free: 0,
            memory: (0..sizes.buffers).map(|_| Vec::new()).collect(),
        }
    }

    /// Provides buffer `id`, in `memory` if that is large enough.
    fn provide(&mut self, id: u16, mut memory: Vec<u8>) {
        memory.clear();
        if memory.capacity() < self.bytes {
            memory = Vec::with_capacity(self.bytes);
        }
        let slot = (self.tail & (self.count - 1)) as usize;
        // SAFETY: `slot` is below `count`, so inside the allocation of `new`; entries between
        // head and tail belong to the kernel, the one at the tail belongs to us.
        let entry = unsafe { &mut *self.base.as_ptr().add(slot) };
        entry.set_addr(memory.as_mut_ptr() as u64);
        entry.set_len(self.bytes as u32);
        entry.set_bid(id);
        self.memory[id as usize] = memory;
        self.tail = self.tail.wrapping_add(1);
        self.free += 1;
        // SAFETY: `base` is the first entry, whose reserved field is the tail; the kernel reads
        // it with acquire, we alone write it.
        let tail = unsafe { &*types::BufRingEntry::tail(self.base.as_ptr()).cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }

    /// Takes the memory of buffer `id`, into which the kernel wrote `result` bytes.
    fn take(&mut self, id: u16, result: i32) -> Vec<u8> {
        let mut memory = mem::take(&mut self.memory[id as usize]);
        let filled = usize::try_from(result).unwrap_or(0);
        assert!(filled <= memory.capacity(), "the kernel fills what it was given");
        // SAFETY: the kernel wrote `filled` bytes from the start, within the capacity, and has
        // given the buffer up with this completion.
        unsafe { memory.set_len(filled) };
        self.free -= 1;
        memory
    }
}

impl Drop for Buffers {
    /// The kernel may still be writing when the descriptor of a ring is closed: the memory stays.
    /// Rings end with the process.
    fn drop(&mut self) {
        mem::forget(mem::take(&mut self.memory));
    }
}

/// Takes over the descriptor that an accept completed with.
pub fn accepted(result: i32) -> Option<OwnedFd> {
    // SAFETY: a completion of accept with a result that is no error hands over a new descriptor,
    // once.
    (result >= 0).then(|| unsafe { OwnedFd::from_raw_fd(result as RawFd) })
}

/// Lets `listener` accept nobody before something has come from it, or a second is over
/// (TCP_DEFER_ACCEPT).
pub fn defer_accept(listener: BorrowedFd<'_>) -> io::Result<()> {
    let seconds: libc::c_int = 1;
    // SAFETY: the descriptor is open, and the kernel reads one int at the address given.
    let set = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What a system call of a ring came to. A signal, a time-out, a full completion queue (reap first)
/// and a moment without memory are no failures.
fn went_in(entered: io::Result<usize>) -> io::Result<()> {
    match entered {
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::INTR | Errno::TIME | Errno::BUSY | Errno::AGAIN) => Ok(()),
            _ => Err(error),
        },
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    /// What has come on many connections is taken at once, however little the kernel does in one call.
    #[test]
    fn all_that_has_come_is_there_at_once() {
        const PAIRS: usize = 100;
        let sizes = RingSizes { entries: 256, buffers: 128, buffer_bytes: 64 };
        let mut ring = Ring::new(sizes).expect("the kernel has io_uring");
        let pair = |_| UnixStream::pair().expect("there are descriptors");
        let mut pairs: Vec<(UnixStream, UnixStream)> = (0..PAIRS).map(pair).collect();
        for (token, (_, theirs)) in (0..).zip(&pairs) {
            ring.receive(theirs.as_fd(), token);
        }
        let mut there = Vec::new();
        ring.enter(PAIRS).expect("it goes in");
        ring.reap(PAIRS, &mut there);
        assert!(there.is_empty(), "nothing has come yet: {there:?}");
        for (ours, _) in &mut pairs {
            ours.write_all(b"here").expect("there is room");
        }
        ring.enter(PAIRS).expect("it goes in");
        ring.reap(PAIRS, &mut there);
        let mut tokens: Vec<u64> = there.iter().map(|completion| completion.token).collect();
        tokens.sort_unstable();
        assert_eq!(tokens, (0..PAIRS as u64).collect::<Vec<u64>>());
    }
}
