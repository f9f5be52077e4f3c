//! The writes whose fate is not known, and whose they are, in order.

use alloc::collections::VecDeque;
use store::Ticket;
use wire::ids::DoId;

/// What one of them takes beside its values.
const WRITE_BYTES: usize = 128;

/// Writes that the log has not answered.
#[derive(Default)]
pub struct Unsettled {
    writes: VecDeque<(Ticket, DoId, usize)>,
    bytes: usize,
}

impl Unsettled {
    /// A write of so many bytes of values was asked for.
    pub fn push(&mut self, ticket: Ticket, do_id: DoId, value_bytes: usize) {
        let bytes = WRITE_BYTES + value_bytes;
        self.bytes += bytes;
        self.writes.push_back((ticket, do_id, bytes));
    }

    /// All up to this one have their fate.
    pub fn settle(&mut self, ticket: Ticket) {
        while let Some(&(_, _, bytes)) =
            self.writes.front().filter(|(oldest, ..)| *oldest <= ticket)
        {
            self.bytes -= bytes;
            self.writes.pop_front();
        }
    }

    /// Bytes that they hold in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The objects, once for each write.
    pub fn do_ids(&self) -> impl Iterator<Item = DoId> {
        self.writes.iter().map(|(_, do_id, _)| *do_id)
    }
}
