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
    /// The block that the last shared chunk is a part of: it counts once.
    last_shared: Option<Bytes>,
    /// What each sender added, and whether it was named.
    charges: BTreeMap<Origin, (usize, bool)>,
    /// Since when a sender waits because of it, and the bytes taken since.
    held: Option<(Now, u64)>,
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
            last_shared: None,
            charges: BTreeMap::new(),
            held: None,
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

    /// Whether the socket has taken nothing for [`Limits::stall_ms`], or for half of that while a
    /// sender waits: to whoever waits for that sender in turn, it is no less. Or whether, all the
    /// time that a sender waits, it takes so little that it would wait very long.
    pub fn is_stalled(&self, now: Now, limits: &Limits) -> bool {
        let Some((held, taken)) = self.held else {
            return self.since.plus_ms(limits.stall_ms) <= now;
        };
        let trickles = || {
            let least = u128::from(now.0 - held.0) * (limits.backlog_bytes_max / 16) as u128;
            u128::from(taken) * u128::from(limits.stall_ms) * 1_000_000 < least
        };
        self.since.plus_ms(limits.stall_ms / 2) <= now
            || (held.plus_ms(limits.stall_ms) <= now && trickles())
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
        self.held.iter_mut().for_each(|(_, taken)| *taken += count as u64);
        self.taken += count;
        while let Some(first) = self.chunks.front()
            && self.taken >= first.bytes().len()
        {
            self.taken -= first.bytes().len();
            self.bytes -= first.cost();
            self.chunks.pop_front();
        }
        if self.chunks.is_empty() {
            self.last_shared = None;
        }
    }

    /// Keeps `span` but for its first `skip` bytes. Returns its sender if that one floods.
    pub fn keep(
        &mut self,
        block: &mut Block,
        span: Span,
        skip: usize,
        now: Now,
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
        let named = self.charge(origin?, end - start, limits);
        if named.is_some() {
            self.held.get_or_insert((now, 0));
        }
        named
    }

    /// The senders that were named, who may go on (or the connection ends).
    pub fn take_paused(&mut self) -> SmallVec<[Origin; 2]> {
        self.held = None;
        let charges = core::mem::take(&mut self.charges).into_iter();
        charges.filter_map(|(origin, (_, named))| named.then_some(origin)).collect()
    }

    fn share(&mut self, whole: Bytes, start: usize, end: usize) {
        let is_last = self.last_shared.as_ref().is_some_and(|last| last.as_ptr() == whole.as_ptr());
        let cost = if is_last { 0 } else { whole.len() };
        self.bytes += cost;
        self.chunks.push_back(Chunk::Shared(whole.slice(start..end), cost));
        self.last_shared = Some(whole);
    }

    fn copy(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
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
        Kind::Role(_) | Kind::Attracted(_) | Kind::Shard(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        participants_max: 1,
        backlog_bytes_max: 1 << 20,
        stall_ms: 1_000,
        flood_bytes_max: 1 << 10,
        subscriptions_max: 1,
        ranges_max: 1,
        range_pieces_max: 1,
        post_removes_max: 1,
        post_remove_bytes_max: 1,
        frame_bytes_max: 1,
        events_per_second: 1,
        event_burst: 1,
        upstream_queue_bytes_max: 1,
    };
    const AT_ONCE: Now = Now(0);

    fn block(len: usize) -> Block {
        Block::owned(alloc::vec![7; len], Source::Conn(ConnId(3)))
    }

    fn keep(backlog: &mut Backlog, block: &mut Block, start: usize, len: usize) -> Option<Origin> {
        let span = Span { block: 0, start: start as u32, len: len as u32 };
        backlog.keep(block, span, 0, AT_ONCE, &LIMITS)
    }

    #[test]
    fn a_block_counts_once_whatever_lies_between_its_parts() {
        let (mut backlog, mut block) = (Backlog::new(AT_ONCE), block(64 << 10));
        for part in 0..8 {
            assert_eq!(keep(&mut backlog, &mut block, part * 5000, 4000), None);
            assert_eq!(keep(&mut backlog, &mut block, part * 5000 + 4000, 1000), None);
        }
        assert_eq!(backlog.bytes(), (64 << 10) + 8 * 1000);
        backlog.consume_some(39_999, AT_ONCE);
        assert!(!backlog.is_empty());
        backlog.consume_some(1, AT_ONCE);
        assert_eq!((backlog.is_empty(), backlog.bytes()), (true, 0));
    }

    #[test]
    fn who_holds_a_sender_up_must_take_more_than_a_trickle() {
        let after_ms = |ms| AT_ONCE.plus_ms(ms);
        let sender = Origin { shard: None, conn: ConnId(3) };
        for (taken_each_ms, stalls) in [(10, true), (50, true), (70, false), (1000, false)] {
            let mut backlog = Backlog::new(AT_ONCE);
            assert_eq!(keep(&mut backlog, &mut block(600 << 10), 0, 600 << 10), Some(sender));
            let stalled_at = (1..=2000).find(|&ms| {
                backlog.consume_some(taken_each_ms, after_ms(ms));
                backlog.is_stalled(after_ms(ms), &LIMITS)
            });
            let emptied = backlog.is_empty();
            assert_eq!(
                stalled_at == Some(1000),
                stalls && !emptied,
                "{taken_each_ms} {stalled_at:?}"
            );
        }
        // Without anybody waiting, any byte will do.
        let mut backlog = Backlog::new(AT_ONCE);
        assert_eq!(keep(&mut backlog, &mut block(400 << 10), 0, 400 << 10), None);
        for ms in (0..10_000).step_by(900) {
            backlog.consume_some(1, after_ms(ms));
            assert!(!backlog.is_stalled(after_ms(ms), &LIMITS));
        }
        assert!(backlog.is_stalled(after_ms(10_900), &LIMITS));
    }
}
