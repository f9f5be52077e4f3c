//! What waits for the roles of a shard, in the order sent. It is empty between two inputs.

use crate::ids::RoleId;
use alloc::vec::Vec;
use core::ops::Range;

/// Memory kept between two rounds.
const BYTES_KEPT_MAX: usize = 1 << 20;

/// One letter: for whom, what, and where its bytes lie.
pub(crate) struct Letter {
    pub(crate) role: RoleId,
    pub(crate) kind: LetterKind,
    pub(crate) range: Range<usize>,
}

/// What a letter is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LetterKind {
    /// A datagram, and the role that sent it.
    Datagram(Option<RoleId>),
    /// What this shard's instance tells itself.
    Told,
}

/// Letters and their bytes.
#[derive(Default)]
pub(crate) struct Mailbox {
    pub(crate) letters: Vec<Letter>,
    pub(crate) bytes: Vec<u8>,
    /// The role that sent the present datagram.
    from: Option<RoleId>,
    /// Roles that have the present datagram.
    reached: Vec<RoleId>,
}

impl Mailbox {
    /// The next datagram begins, sent by role `from`, if by one: each role gets it at most once.
    #[inline]
    pub(crate) fn begin(&mut self, from: Option<RoleId>) {
        self.from = from;
        self.reached.clear();
    }

    /// Forgets all letters and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.letters.clear();
        self.bytes.clear();
        self.bytes.shrink_to(BYTES_KEPT_MAX);
    }

    /// Whether nothing waits.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// Adds a datagram; whether `role` did not have it yet.
    pub(crate) fn datagram(&mut self, role: RoleId, frame: &[u8]) -> bool {
        if self.reached.contains(&role) {
            return false;
        }
        self.reached.push(role);
        self.add(role, LetterKind::Datagram(self.from), frame);
        true
    }

    /// Adds what an instance tells itself.
    pub(crate) fn told(&mut self, role: RoleId, message: &[u8]) {
        self.add(role, LetterKind::Told, message);
    }

    fn add(&mut self, role: RoleId, kind: LetterKind, bytes: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.letters.push(Letter { role, kind, range: start..self.bytes.len() });
    }
}
