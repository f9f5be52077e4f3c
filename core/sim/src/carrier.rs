//! The carrier between the shards of one daemon: an abstract linearisable queue per shard and the
//! gate of I2.
//!
//! A push is one step, so pushes of several shards interleave in every way. A batch is handed out
//! only when its sender has published its whole turn; at an unpublished head the shard waits, it
//! never skips. The broken carriers are there to show that the checkers see what they do.

use runtime::{Batch, ShardId};
use std::collections::VecDeque;

/// Which carrier a daemon has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CarrierKind {
    /// The right one.
    #[default]
    Gated,
    /// Without the gate: a batch may be taken while its sender still pushes to others.
    Ungated,
    /// A ring per sender, drained one after the other.
    Rings,
}

/// What a shard gets that asks for a batch.
pub enum Taken {
    /// A batch of another shard.
    Batch(ShardId, Batch),
    /// The head's sender has not published its turn yet.
    Unpublished,
    /// Nothing is there.
    Nothing,
}

struct Entry {
    from: ShardId,
    turn: u64,
    batch: Batch,
}

/// The inboxes of one daemon.
pub struct Carrier {
    kind: CarrierKind,
    inboxes: Vec<VecDeque<Entry>>,
    bytes: Vec<usize>,
    /// Whole turns of each shard that were published.
    published: Vec<u64>,
    bytes_max: usize,
}

impl Carrier {
    /// Empty inboxes of `shards` shards; over `bytes_max` in one of them nobody reads sockets.
    pub fn new(kind: CarrierKind, shards: usize, bytes_max: usize) -> Carrier {
        Carrier {
            kind,
            inboxes: (0..shards).map(|_| VecDeque::new()).collect(),
            bytes: vec![0; shards],
            published: vec![0; shards],
            bytes_max,
        }
    }

    /// Pushes a batch of the turn that `from` is at. Never waits.
    pub fn push(&mut self, from: ShardId, to: ShardId, batch: Batch) {
        self.bytes[to.0 as usize] += batch.bytes();
        let turn = self.published[from.0 as usize] + 1;
        self.inboxes[to.0 as usize].push_back(Entry { from, turn, batch });
    }

    /// Says that `from` has pushed all of its turn.
    pub fn publish(&mut self, from: ShardId) {
        self.published[from.0 as usize] += 1;
    }

    /// Batches that lie in the inbox of `to`.
    pub fn len(&self, to: ShardId) -> usize {
        self.inboxes[to.0 as usize].len()
    }

    /// Whether the inbox of `to` is empty.
    pub fn is_empty(&self, to: ShardId) -> bool {
        self.len(to) == 0
    }

    /// Whether there is so much under way that nobody should read sockets.
    pub fn is_over(&self) -> bool {
        self.bytes.iter().any(|&bytes| bytes > self.bytes_max)
    }

    /// Takes the next batch of `to`.
    pub fn take(&mut self, to: ShardId) -> Taken {
        let inbox = &mut self.inboxes[to.0 as usize];
        let at = match self.kind {
            CarrierKind::Gated | CarrierKind::Ungated => 0,
            CarrierKind::Rings => {
                let first = inbox.iter().enumerate().min_by_key(|(_, entry)| entry.from);
                first.map_or(0, |(at, _)| at)
            }
        };
        let Some(head) = inbox.get(at) else { return Taken::Nothing };
        let published = head.turn <= self.published[head.from.0 as usize];
        if !published && self.kind == CarrierKind::Gated {
            return Taken::Unpublished;
        }
        let Some(Entry { from, batch, .. }) = inbox.remove(at) else { return Taken::Nothing };
        self.bytes[to.0 as usize] -= batch.bytes();
        Taken::Batch(from, batch)
    }
}
