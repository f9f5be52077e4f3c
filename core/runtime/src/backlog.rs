//! What a socket would not take, and who is to blame for it.
//!
//! A backlog counts the bytes that it keeps in memory, whole blocks that it pins included. Over
//! half of its limit it notes how much each sender adds; one that adds more than
//! [`Limits::flood_bytes_max`] is named, so that it can be paused, until the backlog is below a
//! quarter of its limit. Over three quarters, where many that add little would fill it together,
//! whoever adds anything is named. While a reader keeps half of its limit free, nobody is.

use crate::batch;
use crate::block::{Block, SHARED_FROM_BYTES, Source, Span};
use crate::ids::{ConnId, Kind, Now, ShardId};
use crate::limits::Limits;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use bytes::Bytes;
use smallvec::SmallVec;

const COPIED_BYTES_MAX: usize = 64 << 10;

/// A connection that sent something: of this shard, or of another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Origin {
    /// Its shard; `None` for this one.
    pub shard: Option<ShardId>,
    /// The connection there.
    pub conn: ConnId,
}

enum Chunk {
    Copied(Vec<u8>),
    /// A part of a block and the length of that block, which counts (once).
    Shared(Bytes, usize),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Copied(bytes) => bytes,
            Chunk::Shared(bytes, _) => bytes,
        }
    }

    fn cost(&self) -> usize {
        match self {
            Chunk::Copied(bytes) => bytes.len(),
            Chunk::Shared(_, cost) => *cost,
        }
    }
}

/// The bytes that wait for one connection.
pub struct Backlog {
    chunks: VecDeque<Chunk>,
    /// Bytes of the first chunk that were taken already.
    taken: usize,
    bytes: usize,
    blocked: bool,
    since: Now,
    /// Where the block begins that the last chunk shares.
    last_shared: usize,
    /// What each sender added, and whether it was named.
    charges: BTreeMap<Origin, (usize, bool)>,
    /// Whether a sender waits because of it.
    holds_up: bool,
}

impl Backlog {
    /// An empty backlog of a socket that has just become full.
    pub fn new(now: Now) -> Backlog {
        Backlog {
            chunks: VecDeque::new(),
            taken: 0,
            bytes: 0,
            blocked: true,
            since: now,
            last_shared: 0,
            charges: BTreeMap::new(),
            holds_up: false,
        }
    }

    /// Bytes that it keeps in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Whether the socket is known to be full.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// The socket has room again.
    pub fn unblock(&mut self) {
        self.blocked = false;
    }

    /// Whether the socket has taken nothing for `ms`, or for half of that while a sender waits:
    /// to whoever waits for that sender in turn, it is no less than `ms`.
    pub fn is_stalled(&self, now: Now, ms: u64) -> bool {
        let ms = if self.holds_up { ms / 2 } else { ms };
        self.since.plus_ms(ms) <= now
    }

    /// What waits, in order, in at most `count` slices.
    pub fn slices(&self, count: usize) -> impl Iterator<Item = &[u8]> {
        let skip = |at: usize| if at == 0 { self.taken } else { 0 };
        let chunks = self.chunks.iter().take(count).enumerate();
        chunks.map(move |(at, chunk)| &chunk.bytes()[skip(at)..])
    }

    /// The socket took only `count` bytes: it is full.
    pub fn consume_some(&mut self, count: usize, now: Now) {
        self.blocked = true;
        self.consume(count, now);
    }

    /// The socket took the first `count` slices.
    pub fn consume_slices(&mut self, count: usize, now: Now) {
        let bytes = self.slices(count).map(<[u8]>::len).sum();
        self.consume(bytes, now);
    }

    fn consume(&mut self, count: usize, now: Now) {
        if count > 0 {
            self.since = now;
        }
        self.taken += count;
        while let Some(first) = self.chunks.front()
            && self.taken >= first.bytes().len()
        {
            self.taken -= first.bytes().len();
            self.bytes -= first.cost();
            self.chunks.pop_front();
        }
        if self.chunks.is_empty() {
            self.last_shared = 0;
        }
    }

    /// Keeps `span` but for its first `skip` bytes. Returns its sender if that one floods.
    pub fn keep(
        &mut self,
        block: &mut Block,
        span: Span,
        skip: usize,
        limits: &Limits,
    ) -> Option<Origin> {
        let origin = origin(block, span);
        let (start, end) = (span.start as usize + skip, (span.start + span.len) as usize);
        if end - start >= SHARED_FROM_BYTES {
            self.share(block.share(), start, end);
        } else {
            self.copy(&block.bytes()[start..end]);
        }
        if self.bytes <= limits.backlog_bytes_max / 2 {
            return None;
        }
        self.charge(origin?, end - start, limits)
    }

    /// The senders that were named, who may go on (or the connection ends).
    pub fn take_paused(&mut self) -> SmallVec<[Origin; 2]> {
        self.holds_up = false;
        let charges = core::mem::take(&mut self.charges).into_iter();
        charges.filter_map(|(origin, (_, named))| named.then_some(origin)).collect()
    }

    fn share(&mut self, whole: Bytes, start: usize, end: usize) {
        let begin = whole.as_ptr() as usize;
        let cost = if begin == self.last_shared { 0 } else { whole.len() };
        self.last_shared = begin;
        self.bytes += cost;
        self.chunks.push_back(Chunk::Shared(whole.slice(start..end), cost));
    }

    fn copy(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.last_shared = 0;
        match self.chunks.back_mut() {
            Some(Chunk::Copied(last)) if last.len() + bytes.len() <= COPIED_BYTES_MAX => {
                last.extend_from_slice(bytes);
            }
            _ => self.chunks.push_back(Chunk::Copied(bytes.to_vec())),
        }
    }

    fn charge(&mut self, origin: Origin, bytes: usize, limits: &Limits) -> Option<Origin> {
        let is_tight = self.bytes > limits.backlog_bytes_max / 4 * 3;
        let (charged, named) = self.charges.entry(origin).or_default();
        *charged += bytes;
        let floods = is_tight || *charged > limits.flood_bytes_max;
        let is_new = floods && !*named;
        *named |= floods;
        self.holds_up |= floods;
        is_new.then_some(origin)
    }
}

/// The connection whose frames `span` consists of, if it is one.
fn origin(block: &Block, span: Span) -> Option<Origin> {
    let (shard, participant) = match block.source() {
        Source::Role => return None,
        Source::Conn(conn) => return Some(Origin { shard: None, conn }),
        Source::Batch(shard) => (shard, batch::participant_before(block.bytes(), span.start)),
        Source::Large(shard, participant) => (shard, participant),
    };
    match participant.kind() {
        Kind::Conn(conn) => Some(Origin { shard: Some(shard), conn }),
        Kind::Role(_) | Kind::Shard(_) => None,
    }
}
