//! The connections of a shard, by [`ConnId`].
//!
//! A slot is free again when the shard has released the id and every operation armed on its
//! socket has completed; only then is the descriptor closed. Tokens carry a generation, so a
//! completion that comes late is recognised.

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

/// One connection.
#[derive(Default)]
pub struct Slot {
    fd: Option<OwnedFd>,
    generation: u32,
    /// Operations armed that have not completed.
    ops: u8,
    /// The shard holds it.
    pub open: bool,
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
}

/// All connections of a shard.
#[derive(Default)]
pub struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Slots {
    /// Takes a connection in.
    pub fn insert(&mut self, fd: OwnedFd) -> ConnId {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[at as usize];
        let generation = slot.generation.wrapping_add(1) & 0xff_ffff;
        *slot = Slot { fd: Some(fd), generation, open: true, ..Slot::default() };
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

    /// All connections that stand.
    pub fn open(&self) -> impl Iterator<Item = ConnId> + '_ {
        let open = self.slots.iter().enumerate().filter(|(_, slot)| slot.open);
        open.map(|(at, _)| ConnId(at as u32))
    }

    fn free_if_done(&mut self, conn: ConnId) {
        let slot = &mut self.slots[conn.0 as usize];
        if slot.released && slot.ops == 0 && slot.fd.is_some() {
            slot.fd = None;
            self.free.push(conn.0);
        }
    }
}
