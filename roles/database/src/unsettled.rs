//! The writes whose fate is not known, and whose they are, in order.

use alloc::collections::VecDeque;
use store::Ticket;
use wire::ids::DoId;

/// What one of them takes beside its values.
const WRITE_BYTES: usize = 128;

struct Write {
    ticket: Ticket,
    do_id: DoId,
    /// In memory.
    bytes: usize,
    is_deletion: bool,
}

/// Writes that the log has not answered.
#[derive(Default)]
pub struct Unsettled {
    writes: VecDeque<Write>,
    bytes: usize,
}

impl Unsettled {
    /// A write of so many bytes of values was asked for.
    pub fn wrote(&mut self, ticket: Ticket, do_id: DoId, value_bytes: usize) {
        self.push(Write { ticket, do_id, bytes: WRITE_BYTES + value_bytes, is_deletion: false });
    }

    /// A deletion was asked for.
    pub fn deleted(&mut self, ticket: Ticket, do_id: DoId) {
        self.push(Write { ticket, do_id, bytes: WRITE_BYTES, is_deletion: true });
    }

    /// Whether one of those after one and up to another is not a deletion.
    pub fn has_write(&self, after: Ticket, up_to: Ticket) -> bool {
        let mut some = self.writes.iter().take_while(|write| write.ticket <= up_to);
        some.any(|write| write.ticket > after && !write.is_deletion)
    }

    /// All up to this one have their fate.
    pub fn settle(&mut self, ticket: Ticket) {
        while let Some(write) = self.writes.front().filter(|oldest| oldest.ticket <= ticket) {
            self.bytes -= write.bytes;
            self.writes.pop_front();
        }
    }

    /// Bytes that they hold in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The objects, once for each write.
    pub fn do_ids(&self) -> impl Iterator<Item = DoId> {
        self.writes.iter().map(|write| write.do_id)
    }

    fn push(&mut self, write: Write) {
        self.bytes += write.bytes;
        self.writes.push_back(write);
    }
}
