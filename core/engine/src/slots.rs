//! The connections of a shard, by [`ConnId`].
//!
//! A slot is free again when the shard has released the id and every operation armed on its
//! socket has completed; only then is the descriptor closed. Tokens carry a generation, so a
//! completion that comes late is recognised.

use crate::door::Pass;
use crate::entrance::Entering;
use crate::records::Records;
use crate::send::Unsent;
use runtime::ConnId;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

/// What an operation is for; the upper byte of its token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// Accept on a listener; the slot is the listener's place.
    Accept,
    /// Receive on a connection.
    Receive,
    /// Wait until a connection can take bytes.
    Writable,
    /// Cancel another operation.
    Cancel,
    /// Wait for the shard's waker.
    Wake,
}

/// Names an operation, 64 bits: op (8), generation (24), slot (32).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token(pub u64);

impl Token {
    /// The token of `op` on slot `at`.
    pub fn new(op: Op, generation: u32, at: u32) -> Token {
        Token((op as u64) << 56 | (generation as u64 & 0xff_ffff) << 32 | at as u64)
    }

    /// What it is for; `None` for a number that no token has.
    pub fn op(self) -> Option<Op> {
        match self.0 >> 56 {
            0 => Some(Op::Accept),
            1 => Some(Op::Receive),
            2 => Some(Op::Writable),
            3 => Some(Op::Cancel),
            4 => Some(Op::Wake),
            _ => None,
        }
    }

    /// The slot.
    pub fn slot(self) -> u32 {
        self.0 as u32
    }
}

/// How far a connection is.
#[derive(Default)]
pub enum Stage {
    /// On its way in: the shard does not know of it.
    Entering(Box<Entering>),
    /// The shard has it; its bytes are as they come.
    #[default]
    Plain,
    /// The shard has it; its bytes are encrypted.
    Secure(Box<Secure>),
    /// The shard has forgotten it: it is to hear what was said last.
    Lingering(Box<Lingering>),
    /// Shut.
    Ended,
}

/// An encrypted connection.
pub struct Secure {
    /// Its records.
    pub records: Records,
    /// Records that its socket has not taken.
    pub unsent: Unsent,
}

/// A connection that is to hear what was said last.
pub struct Lingering {
    /// What its socket has not taken of that.
    pub unsent: Unsent,
    /// Whether it has been told that nothing follows.
    pub is_told: bool,
    /// How many bytes of it are dropped until it is shut.
    pub bytes_left: usize,
}

impl Stage {
    /// Whether the shard has it.
    #[inline]
    pub fn is_open(&self) -> bool {
        matches!(self, Stage::Plain | Stage::Secure(_))
    }

    /// What waits for room in its socket.
    pub fn unsent(&mut self) -> Option<&mut Unsent> {
        match self {
            Stage::Entering(entering) => Some(&mut entering.unsent),
            Stage::Secure(secure) => Some(&mut secure.unsent),
            Stage::Lingering(lingering) => Some(&mut lingering.unsent),
            Stage::Plain | Stage::Ended => None,
        }
    }
}

/// One connection.
#[derive(Default)]
pub struct Slot {
    fd: Option<OwnedFd>,
    generation: u32,
    /// Operations armed that have not completed.
    ops: u8,
    /// How far it is.
    pub stage: Stage,
    /// Its place among those who are counted.
    pub pass: Option<Box<Pass>>,
    /// The shard has released the id.
    released: bool,
    /// Not to be read from now.
    pub paused: bool,
    /// A receive is armed.
    pub receiving: bool,
    /// A wait for room is armed.
    pub polling: bool,
    /// What came in although it is paused.
    pub held: Vec<Vec<u8>>,
}

impl Slot {
    /// The socket, while there is one.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }

    /// The socket and how far the connection is, to write to both.
    pub fn parts(&mut self) -> Option<(BorrowedFd<'_>, &mut Stage)> {
        Some((self.fd.as_ref()?.as_fd(), &mut self.stage))
    }
}

/// All connections of a shard.
#[derive(Default)]
pub struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Slots {
    /// Takes a connection in, whose bytes are as they come unless something else is said.
    pub fn insert(&mut self, fd: OwnedFd) -> ConnId {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[at as usize];
        let generation = slot.generation.wrapping_add(1) & 0xff_ffff;
        *slot = Slot { fd: Some(fd), generation, ..Slot::default() };
        ConnId(at)
    }

    /// The slot of `conn`.
    pub fn get(&mut self, conn: ConnId) -> &mut Slot {
        &mut self.slots[conn.0 as usize]
    }

    /// The slot of `conn`, to read.
    pub fn peek(&self, conn: ConnId) -> &Slot {
        &self.slots[conn.0 as usize]
    }

    /// The token of a new operation on `conn`, which counts until [`Slots::completed`].
    pub fn arm(&mut self, op: Op, conn: ConnId) -> Token {
        let slot = &mut self.slots[conn.0 as usize];
        slot.ops += 1;
        Token::new(op, slot.generation, conn.0)
    }

    /// The token that `op` on `conn` was armed with.
    pub fn token(&self, op: Op, conn: ConnId) -> Token {
        Token::new(op, self.slots[conn.0 as usize].generation, conn.0)
    }

    /// Whose operation `token` is.
    pub fn owner(&self, token: Token) -> Option<ConnId> {
        let slot = self.slots.get(token.slot() as usize)?;
        let same = (token.0 >> 32) as u32 & 0xff_ffff == slot.generation;
        (same && slot.fd.is_some()).then_some(ConnId(token.slot()))
    }

    /// An operation on `conn` has completed for good.
    pub fn completed(&mut self, conn: ConnId) {
        self.slots[conn.0 as usize].ops -= 1;
        self.free_if_done(conn);
    }

    /// The shard has released the id.
    pub fn release(&mut self, conn: ConnId) {
        self.slots[conn.0 as usize].released = true;
        self.free_if_done(conn);
    }

    /// A connection is shut: nothing of it is wanted any more.
    pub fn end(&mut self, conn: ConnId) {
        let slot = &mut self.slots[conn.0 as usize];
        slot.stage = Stage::Ended;
        slot.held = Vec::new();
        self.free_if_done(conn);
    }

    /// All connections that are not shut.
    pub fn standing(&self) -> impl Iterator<Item = ConnId> + '_ {
        let stands = |slot: &Slot| slot.fd.is_some() && !matches!(slot.stage, Stage::Ended);
        let standing = self.slots.iter().enumerate().filter(move |(_, slot)| stands(slot));
        standing.map(|(at, _)| ConnId(at as u32))
    }

    /// Whether something waits for room in a socket.
    pub fn have_unsent(&mut self) -> bool {
        let waits = |slot: &mut Slot| slot.stage.unsent().is_some_and(|unsent| unsent.lacks_room());
        self.slots.iter_mut().any(waits)
    }

    fn free_if_done(&mut self, conn: ConnId) {
        let slot = &mut self.slots[conn.0 as usize];
        let is_done = slot.released && !matches!(slot.stage, Stage::Lingering(_));
        if is_done && slot.ops == 0 && slot.fd.is_some() {
            (slot.fd, slot.pass) = (None, None);
            self.free.push(conn.0);
        }
    }
}
