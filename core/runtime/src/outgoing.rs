//! What goes out to the connections of a shard: pieces during a turn, a backlog after it.
//!
//! ```text
//! links[conn] -> head, tail                     16 bytes per connection, idle or not
//! pieces: (span, next) (span, next) ...         one arena per turn; a run of frames that lie
//!                                               side by side in a block is one piece
//! backlogs[conn] -> chunks                      only where a socket would not take all
//! ```
//! A turn's pieces of a connection leave in one write: small ones are gathered into one scratch
//! buffer that stays in the cache, large ones are handed over where they lie.

use crate::backlog::{Backlog, Origin};
use crate::block::{Block, SHARED_FROM_BYTES, Span};
use crate::counts::CloseReason;
use crate::ids::{ConnId, Now};
use crate::limits::Limits;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use smallvec::SmallVec;

const NONE: u32 = u32::MAX;
/// Small pieces are gathered up to this many bytes per write.
const SCRATCH_BYTES: usize = 256 << 10;
/// Slices per write; the kernel takes 1024.
const SLICES_MAX: usize = 64;

/// Writes to sockets that never block. The engine and the simulator have one each.
pub trait Sockets {
    /// Writes `slices` one after the other to `conn`. When less than all was taken, the driver
    /// calls [`crate::Shard::writable`] once there is room again.
    fn write(&mut self, conn: ConnId, slices: &[&[u8]]) -> Write;
}

/// What came of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Write {
    /// So many bytes were taken; fewer than all means that the socket is full.
    Written(usize),
    /// The connection is broken; `closed` follows.
    Broken,
}

#[derive(Clone, Copy)]
struct Piece {
    span: Span,
    next: u32,
}

#[derive(Clone, Copy)]
struct Link {
    /// The datagram that was last queued for it.
    stamp: u32,
    head: u32,
    tail: u32,
    state: State,
    dirty: bool,
    /// Which of the limits it keeps to.
    class: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// What was queued goes out, no more is queued, and then it ends.
    Finishing(CloseReason),
    Closed,
}

const CLOSED: Link =
    Link { stamp: 0, head: NONE, tail: NONE, state: State::Closed, dirty: false, class: 0 };

/// A connection that must be closed, or a sender that must pause or may go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// More waits for it than may.
    Backlog(ConnId),
    /// Its socket is broken.
    Broken(ConnId),
    /// It floods.
    Pause(Origin),
    /// What it flooded has room again.
    Resume(Origin),
    /// What was queued for it before it was to end is written, or cannot be.
    Finished(ConnId, CloseReason),
}

/// Totals of [`Outgoing::flush`].
#[derive(Clone, Copy, Default, Debug)]
pub struct Flushed {
    /// Writes made.
    pub writes: u64,
    /// Bytes taken.
    pub bytes: u64,
}

/// The outgoing side of all connections of a shard.
pub struct Outgoing {
    /// Those of the shard, then those of listeners that have others.
    limits: SmallVec<[Limits; 2]>,
    links: Vec<Link>,
    pieces: Vec<Piece>,
    dirty: Vec<ConnId>,
    /// Ordered, because who is resumed or found stalled first can be seen from outside.
    backlogs: BTreeMap<ConnId, Box<Backlog>>,
    scratch: Vec<u8>,
    stamp: u32,
}

impl Outgoing {
    /// No connections; they keep to `limits` unless they have others.
    pub fn new(limits: Limits) -> Outgoing {
        Outgoing {
            limits: SmallVec::from_iter([limits]),
            links: Vec::new(),
            pieces: Vec::new(),
            dirty: Vec::new(),
            backlogs: BTreeMap::new(),
            scratch: Vec::new(),
            stamp: 0,
        }
    }

    /// Limits that connections may have, and the class that they get by it.
    pub fn add_limits(&mut self, limits: Limits) -> u8 {
        self.limits.push(limits);
        u8::try_from(self.limits.len() - 1).expect("a shard has few listeners")
    }

    /// The limits of a class.
    pub fn limits(&self, class: u8) -> &Limits {
        &self.limits[usize::from(class)]
    }

    /// A connection begins, which keeps to the limits of `class`.
    pub fn open(&mut self, conn: ConnId, class: u8) {
        let at = conn.0 as usize;
        if self.links.len() <= at {
            self.links.resize(at + 1, CLOSED);
        }
        self.links[at] = Link { state: State::Open, class, ..CLOSED };
    }

    /// A connection is to end once what was queued for it is written; no more is queued.
    pub fn finish(&mut self, conn: ConnId, reason: CloseReason) {
        let Some(link) = self.links.get_mut(conn.0 as usize) else { return };
        if link.state != State::Open {
            return;
        }
        link.state = State::Finishing(reason);
        if !link.dirty {
            link.dirty = true;
            self.dirty.push(conn);
        }
    }

    /// A connection ends; what waits for it is dropped. Returns the senders that were paused
    /// because of it.
    pub fn close(&mut self, conn: ConnId) -> SmallVec<[Origin; 2]> {
        if let Some(link) = self.links.get_mut(conn.0 as usize) {
            *link = Link { dirty: link.dirty, ..CLOSED };
        }
        self.backlogs.remove(&conn).map(|mut backlog| backlog.take_paused()).unwrap_or_default()
    }

    /// Pieces queued in this turn.
    #[inline]
    pub fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Bytes that wait for slow connections.
    pub fn backlog_bytes(&self) -> u64 {
        self.backlogs.values().map(|backlog| backlog.bytes() as u64).sum()
    }

    /// Whether something waits for slow connections.
    pub fn has_backlogs(&self) -> bool {
        !self.backlogs.is_empty()
    }

    /// Whether `conn` stands.
    pub fn is_open(&self, conn: ConnId) -> bool {
        self.links.get(conn.0 as usize).is_some_and(|link| link.state == State::Open)
    }

    /// Whether something waits for `conn`.
    pub fn is_behind(&self, conn: ConnId) -> bool {
        self.backlogs.contains_key(&conn)
    }

    /// Whether something can be written.
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// The next datagram begins: each connection is queued it at most once, `except` not at all.
    #[inline]
    pub fn begin(&mut self, except: Option<ConnId>) {
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.links.iter_mut().for_each(|link| link.stamp = 0);
            self.stamp = 1;
        }
        if let Some(link) = except.and_then(|conn| self.links.get_mut(conn.0 as usize)) {
            link.stamp = self.stamp;
        }
    }

    /// Queues the present datagram for `conn`; whether it was not queued for it before.
    #[inline]
    pub fn push(&mut self, conn: ConnId, span: Span) -> bool {
        let Some(link) = self.links.get_mut(conn.0 as usize) else { return false };
        if link.stamp == self.stamp || link.state != State::Open {
            return false;
        }
        link.stamp = self.stamp;
        let next = self.pieces.len() as u32;
        if let Some(tail) = self.pieces.get_mut(link.tail as usize) {
            if tail.span.block == span.block && tail.span.start + tail.span.len == span.start {
                tail.span.len += span.len;
                return true;
            }
            tail.next = next;
        } else {
            link.head = next;
            if !link.dirty {
                link.dirty = true;
                self.dirty.push(conn);
            }
        }
        link.tail = next;
        self.pieces.push(Piece { span, next: NONE });
        true
    }

    /// The socket of `conn` has room again.
    pub fn writable(&mut self, conn: ConnId) {
        let Some(backlog) = self.backlogs.get_mut(&conn) else { return };
        backlog.unblock();
        let link = &mut self.links[conn.0 as usize];
        if link.state != State::Closed && !link.dirty {
            link.dirty = true;
            self.dirty.push(conn);
        }
    }

    /// Writes what was queued. Afterwards no piece refers to `blocks` any more.
    pub fn flush(
        &mut self,
        now: Now,
        blocks: &mut [Block],
        sockets: &mut dyn Sockets,
        verdicts: &mut Vec<Verdict>,
    ) -> Flushed {
        let mut flushed = Flushed::default();
        let mut dirty = core::mem::take(&mut self.dirty);
        for conn in dirty.drain(..) {
            let link = &mut self.links[conn.0 as usize];
            link.dirty = false;
            let (head, state) = (link.head, link.state);
            if state == State::Closed {
                continue;
            }
            (link.head, link.tail) = (NONE, NONE);
            let limits = self.limits[usize::from(link.class)];
            let mut turn = Turn { now, conn, sockets, limits: &limits, flushed: &mut flushed };
            if self.has_backlogs() && self.backlogs.contains_key(&conn) {
                self.flush_behind(head, blocks, &mut turn, verdicts);
            } else {
                self.flush_pieces(head, blocks, &mut turn, verdicts);
            }
            if let State::Finishing(reason) = state {
                verdicts.push(Verdict::Finished(conn, reason));
            }
        }
        self.dirty = dirty;
        self.pieces.clear();
        flushed
    }

    /// Connections for which something waits and that take too little of it.
    pub fn stalled(&self, now: Now) -> impl Iterator<Item = ConnId> {
        let stalled = self.backlogs.iter().filter(move |(conn, backlog)| {
            backlog.is_stalled(now, self.limits(self.links[conn.0 as usize].class))
        });
        stalled.map(|(&conn, _)| conn)
    }

    /// The usual way: nothing waited before.
    fn flush_pieces(
        &mut self,
        head: u32,
        blocks: &mut [Block],
        turn: &mut Turn<'_>,
        verdicts: &mut Vec<Verdict>,
    ) {
        let mut at = head;
        while at != NONE {
            let (parts, next) = self.gather(at, blocks);
            match turn.write(parts.iter().map(|part| part.bytes(&self.scratch, blocks))) {
                Taken::Broken => return verdicts.push(Verdict::Broken(turn.conn)),
                Taken::Some(taken) => {
                    let mut backlog = Box::new(Backlog::new(turn.now));
                    keep(&mut backlog, self.pieces_from(at), taken, blocks, turn, verdicts);
                    self.backlogs.insert(turn.conn, backlog);
                    return self.judge(turn, verdicts);
                }
                Taken::All => at = next,
            }
        }
    }

    /// Something waited before: the turn's pieces go behind it.
    fn flush_behind(
        &mut self,
        head: u32,
        blocks: &mut [Block],
        turn: &mut Turn<'_>,
        verdicts: &mut Vec<Verdict>,
    ) {
        let Some(mut backlog) = self.backlogs.remove(&turn.conn) else { return };
        keep(&mut backlog, self.pieces_from(head), 0, blocks, turn, verdicts);
        while !backlog.is_blocked() && !backlog.is_empty() {
            match turn.write(backlog.slices(SLICES_MAX)) {
                Taken::Broken => {
                    verdicts.push(Verdict::Broken(turn.conn));
                    break;
                }
                Taken::Some(taken) => backlog.consume_some(taken, turn.now),
                Taken::All => backlog.consume_slices(SLICES_MAX, turn.now),
            }
        }
        self.backlogs.insert(turn.conn, backlog);
        self.judge(turn, verdicts);
    }

    /// The pieces of a connection from `head` on.
    fn pieces_from(&self, head: u32) -> impl Iterator<Item = Span> + '_ {
        let mut at = head;
        core::iter::from_fn(move || {
            let piece = self.pieces.get(at as usize)?;
            at = piece.next;
            Some(piece.span)
        })
    }

    fn judge(&mut self, turn: &Turn<'_>, verdicts: &mut Vec<Verdict>) {
        let Some(backlog) = self.backlogs.get_mut(&turn.conn) else { return };
        if backlog.bytes() > turn.limits.backlog_bytes_max {
            return verdicts.push(Verdict::Backlog(turn.conn));
        }
        if backlog.bytes() < turn.limits.backlog_bytes_max / 4 {
            verdicts.extend(backlog.take_paused().into_iter().map(Verdict::Resume));
        }
        if backlog.is_empty() {
            self.backlogs.remove(&turn.conn);
        }
    }

    /// The parts of one write from piece `at` on, small ones gathered, and the piece after them.
    fn gather(&mut self, at: u32, blocks: &[Block]) -> (SmallVec<[Part; 8]>, u32) {
        let mut parts = SmallVec::new();
        self.scratch.clear();
        let mut next = at;
        while next != NONE {
            let Piece { span, next: after } = self.pieces[next as usize];
            let alone = next == at && after == NONE;
            if alone || span.len as usize >= SHARED_FROM_BYTES {
                parts.push(Part::Direct(span));
            } else {
                if self.scratch.len() + span.len as usize > SCRATCH_BYTES {
                    break;
                }
                let start = self.scratch.len();
                self.scratch.extend_from_slice(span.of(blocks));
                match parts.last_mut() {
                    Some(Part::Gathered(_, end)) => *end = self.scratch.len(),
                    _ => parts.push(Part::Gathered(start, self.scratch.len())),
                }
            }
            next = after;
            if parts.len() == SLICES_MAX {
                break;
            }
        }
        (parts, next)
    }
}

/// What the flush of one connection works with.
struct Turn<'a> {
    now: Now,
    conn: ConnId,
    sockets: &'a mut dyn Sockets,
    limits: &'a Limits,
    flushed: &'a mut Flushed,
}

enum Taken {
    All,
    /// So many bytes, and the socket is full.
    Some(usize),
    Broken,
}

impl Turn<'_> {
    fn write<'a>(&mut self, slices: impl Iterator<Item = &'a [u8]>) -> Taken {
        let slices: SmallVec<[&[u8]; 8]> = slices.collect();
        let all: usize = slices.iter().map(|slice| slice.len()).sum();
        self.flushed.writes += 1;
        match self.sockets.write(self.conn, &slices) {
            Write::Broken => Taken::Broken,
            Write::Written(taken) => {
                self.flushed.bytes += taken as u64;
                if taken < all { Taken::Some(taken) } else { Taken::All }
            }
        }
    }
}

enum Part {
    Gathered(usize, usize),
    Direct(Span),
}

impl Part {
    fn bytes<'a>(&self, scratch: &'a [u8], blocks: &'a [Block]) -> &'a [u8] {
        match *self {
            Part::Gathered(start, end) => &scratch[start..end],
            Part::Direct(span) => span.of(blocks),
        }
    }
}

impl Span {
    fn of(self, blocks: &[Block]) -> &[u8] {
        let bytes = blocks[self.block as usize].bytes();
        &bytes[self.start as usize..(self.start + self.len) as usize]
    }
}

/// Moves `pieces` to the backlog, but for the first `taken` bytes.
fn keep(
    backlog: &mut Backlog,
    pieces: impl Iterator<Item = Span>,
    taken: usize,
    blocks: &mut [Block],
    turn: &Turn<'_>,
    verdicts: &mut Vec<Verdict>,
) {
    let mut skip = taken;
    for span in pieces {
        let skipped = skip.min(span.len as usize);
        skip -= skipped;
        if skipped < span.len as usize {
            let block = &mut blocks[span.block as usize];
            let flood = backlog.keep(block, span, skipped, turn.now, turn.limits);
            verdicts.extend(flood.map(Verdict::Pause));
        }
    }
}
