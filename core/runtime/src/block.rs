//! The bytes of one turn, and pieces of them.
//!
//! A block is what one read, one batch or one assembled frame brought. During a turn everything
//! that is to be sent is a [`Span`] of some block; nothing is copied until it is written. What a
//! socket would not take is copied out if small, or keeps the block alive as [`Bytes`] if large.

use crate::ids::{ConnId, Participant, ShardId};
use alloc::vec::Vec;
use bytes::Bytes;

/// Pieces from this length on are shared by reference; shorter ones are copied.
pub const SHARED_FROM_BYTES: usize = 2048;

/// The driver's own mark on a block: where it goes back to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket(pub u32);

impl Ticket {
    /// A block that goes nowhere.
    pub const NONE: Ticket = Ticket(u32::MAX);
}

enum Store {
    Owned(Vec<u8>),
    Shared(Bytes),
}

/// Bytes that came in, on their way through a turn.
pub struct Block {
    store: Store,
    ticket: Ticket,
    source: Source,
}

/// Where the frames of a block came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// A role of this shard.
    Role,
    /// A connection of this shard.
    Conn(ConnId),
    /// A batch of another shard: the word in front of each frame names its participant.
    Batch(ShardId),
    /// A large frame of another shard's participant.
    Large(ShardId, Participant),
}

impl Block {
    /// A block of what was read, to be given back under `ticket`.
    pub fn new(bytes: Vec<u8>, ticket: Ticket) -> Block {
        Block { store: Store::Owned(bytes), ticket, source: Source::Role }
    }

    pub(crate) fn owned(bytes: Vec<u8>, source: Source) -> Block {
        Block { store: Store::Owned(bytes), ticket: Ticket::NONE, source }
    }

    pub(crate) fn shared(bytes: Bytes, source: Source) -> Block {
        Block { store: Store::Shared(bytes), ticket: Ticket::NONE, source }
    }

    pub(crate) fn from(mut self, source: Source) -> Block {
        self.source = source;
        self
    }

    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// A second handle on the same bytes; it has no ticket.
    pub(crate) fn again(&mut self) -> Block {
        Block::shared(self.share(), self.source)
    }

    /// Its bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.store {
            Store::Owned(bytes) => bytes,
            Store::Shared(bytes) => bytes,
        }
    }

    /// Where it goes back to, and its memory if nobody keeps a part of it.
    pub fn into_parts(self) -> (Ticket, Option<Vec<u8>>) {
        match self.store {
            Store::Owned(bytes) => (self.ticket, Some(bytes)),
            Store::Shared(_) => (self.ticket, None),
        }
    }

    /// Makes the whole block shareable.
    pub(crate) fn share(&mut self) -> Bytes {
        if let Store::Owned(bytes) = &mut self.store {
            self.store = Store::Shared(Bytes::from(core::mem::take(bytes)));
        }
        match &self.store {
            Store::Shared(bytes) => bytes.clone(),
            Store::Owned(_) => Bytes::new(),
        }
    }
}

/// A piece of a block of the present turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub(crate) block: u32,
    pub(crate) start: u32,
    pub(crate) len: u32,
}

/// A whole frame, length tag included, where it lies in its block.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    pub(crate) span: Span,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(bytes: &'a [u8], block: u32, start: usize) -> Frame<'a> {
        let span = Span { block, start: start as u32, len: bytes.len() as u32 };
        Frame { bytes, span }
    }

    /// The frame with its length tag.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The frame without its length tag.
    #[inline]
    pub fn body(&self) -> &'a [u8] {
        wire::framing::body(self.bytes)
    }
}
