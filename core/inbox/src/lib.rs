//! The inbox between shards: linearisable, gated, never waiting on push.
//!
//! Every shard has one inbox, a queue of batches that all others push into. A shard pushes the
//! batches of a turn, one per target, and then publishes the turn.
//!
//! **Why this is causal (I2).** Say A pushes x to C and y to B in one turn (or x in an earlier
//! one), and B on y pushes z to C. B takes y only when A has published that turn, that is after
//! *all* its pushes; so x was in C's queue before B could know of y, let alone push z. The queue
//! is linearisable, so C takes x before z. At a batch whose sender has not published yet, a shard
//! waits: skipping it would let z overtake x. **Why nobody waits for ever:** between its first
//! push and its publish a shard waits for nothing, since push never waits.
//!
//! What bounds the queue is not push but reading: each inbox counts the bytes in flight, and a
//! shard that sees one over the limit reads no socket until it is drained ([`Port::is_choked`]).

mod sync;

use crossbeam::utils::CachePadded;
use sync::{Arc, AtomicBool, AtomicU64, AtomicUsize, Ordering, Queue};

/// One batch in an inbox.
struct Parcel<T> {
    from: usize,
    turn: u64,
    bytes: usize,
    batch: T,
}

struct Inbox<T> {
    queue: Queue<Parcel<T>>,
    bytes: AtomicUsize,
    asleep: AtomicBool,
}

struct Mesh<T> {
    inboxes: Vec<CachePadded<Inbox<T>>>,
    published: Vec<CachePadded<AtomicU64>>,
    bytes_max: usize,
    /// Only a test of the proof has none.
    #[cfg(feature = "loom")]
    has_gate: bool,
}

/// One shard's end of the mesh.
pub struct Port<T> {
    me: usize,
    turn: u64,
    /// Whom something was pushed to in this turn.
    pushed: u64,
    /// Taken from the queue, but its sender has not published yet.
    head: Option<Parcel<T>>,
    mesh: Arc<Mesh<T>>,
}

/// Makes the ports of `shards` shards (at most 64). Over `bytes_max` bytes in any one inbox,
/// every port is choked.
pub fn mesh<T>(shards: usize, bytes_max: usize) -> Vec<Port<T>> {
    make_mesh(shards, bytes_max, true)
}

/// A mesh that does not wait for turns to be published: what the proof must find wrong.
#[cfg(feature = "loom")]
pub fn mesh_without_gate<T>(shards: usize, bytes_max: usize) -> Vec<Port<T>> {
    make_mesh(shards, bytes_max, false)
}

fn make_mesh<T>(shards: usize, bytes_max: usize, has_gate: bool) -> Vec<Port<T>> {
    #[cfg(not(feature = "loom"))]
    debug_assert!(has_gate);
    assert!((1..=64).contains(&shards), "1 to 64 shards");
    let inbox = || Inbox {
        queue: Queue::new(),
        bytes: AtomicUsize::new(0),
        asleep: AtomicBool::new(false),
    };
    let mesh = Arc::new(Mesh {
        inboxes: (0..shards).map(|_| CachePadded::new(inbox())).collect(),
        published: (0..shards).map(|_| CachePadded::new(AtomicU64::new(0))).collect(),
        bytes_max,
        #[cfg(feature = "loom")]
        has_gate,
    });
    let port = |me| Port { me, turn: 1, pushed: 0, head: None, mesh: Arc::clone(&mesh) };
    (0..shards).map(port).collect()
}

impl<T> Port<T> {
    /// Puts a batch of `bytes` bytes into the inbox of shard `to`. Never waits.
    pub fn push(&mut self, to: usize, bytes: usize, batch: T) {
        let inbox = &self.mesh.inboxes[to];
        inbox.bytes.fetch_add(bytes, Ordering::Relaxed);
        inbox.queue.push(Parcel { from: self.me, turn: self.turn, bytes, batch });
        self.pushed |= 1 << to;
    }

    /// Ends a turn: what was pushed may be taken. Returns the shards that slept and must be woken,
    /// a bit each.
    pub fn publish(&mut self) -> u64 {
        if self.pushed == 0 {
            return 0;
        }
        self.mesh.published[self.me].store(self.turn, Ordering::Release);
        self.turn += 1;
        let (mut left, mut wake) = (std::mem::take(&mut self.pushed), 0);
        while left != 0 {
            let to = left.trailing_zeros();
            let asleep = &self.mesh.inboxes[to as usize].asleep;
            // Either this comes after the swap of `sleep` and sees it, or before, and then that
            // swap, reading this one, sees what was pushed.
            if asleep.swap(false, Ordering::AcqRel) {
                wake |= 1 << to;
            }
            left &= left - 1;
        }
        wake
    }

    /// How many batches lie in the inbox now.
    pub fn tail(&self) -> usize {
        self.mesh.inboxes[self.me].queue.len() + self.head.is_some() as usize
    }

    /// Takes the next batch and who sent it, waiting until its sender has published it. `None` if
    /// the inbox is empty.
    pub fn take(&mut self) -> Option<(usize, T)> {
        let parcel = self.head.take().or_else(|| self.mesh.inboxes[self.me].queue.pop())?;
        let published = &self.mesh.published[parcel.from];
        let mut spins = 0u32;
        while self.mesh.is_gated() && published.load(Ordering::Acquire) < parcel.turn {
            spins += 1;
            if !sync::wait(spins) {
                self.head = Some(parcel);
                return None;
            }
        }
        self.mesh.inboxes[self.me].bytes.fetch_sub(parcel.bytes, Ordering::Relaxed);
        Some((parcel.from, parcel.batch))
    }

    /// Whether some inbox holds more than it should: read no socket, only drain.
    pub fn is_choked(&self) -> bool {
        let full = |inbox: &CachePadded<Inbox<T>>| {
            inbox.bytes.load(Ordering::Relaxed) > self.mesh.bytes_max
        };
        self.mesh.inboxes.iter().any(full)
    }

    /// Says that this shard is about to sleep; `false` if something lies in the inbox after all.
    /// While it is true, whoever publishes something for this shard is told to wake it.
    pub fn sleep(&self) -> bool {
        let inbox = &self.mesh.inboxes[self.me];
        inbox.asleep.swap(true, Ordering::AcqRel);
        if self.head.is_none() && inbox.queue.is_empty() {
            return true;
        }
        self.wake_up();
        false
    }

    /// Says that this shard is awake.
    pub fn wake_up(&self) {
        self.mesh.inboxes[self.me].asleep.swap(false, Ordering::AcqRel);
    }
}

impl<T> Mesh<T> {
    /// Whether a batch may be taken only when its sender has published the whole turn it is of.
    #[inline]
    fn is_gated(&self) -> bool {
        #[cfg(feature = "loom")]
        return self.has_gate;
        #[cfg(not(feature = "loom"))]
        true
    }
}
