//! Who does something next, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Who is to do something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Who {
    /// Whatever comes next to a visitor, if he is still in the same life.
    Visitor {
        visitor: u32,
        life: u32,
    },
    /// A visitor comes back.
    Comer {
        visitor: u32,
    },
    Npc {
        npc: u32,
    },
}

#[derive(Default)]
pub(crate) struct Agenda {
    due: BinaryHeap<Reverse<(u64, Who)>>,
    /// Nothing is taken out and nothing put in any more.
    is_closed: bool,
}

impl Agenda {
    pub(crate) fn put(&mut self, due_ns: u64, who: Who) {
        // What would be in a thousand years never is.
        if !self.is_closed && due_ns < u64::MAX / 2 {
            self.due.push(Reverse((due_ns, who)));
        }
    }

    /// What is due, with the time for which it was planned.
    #[inline]
    pub(crate) fn take(&mut self, now: u64) -> Option<(u64, Who)> {
        let Reverse((due, _)) = self.due.peek()?;
        (*due <= now).then(|| self.due.pop().map(|Reverse(next)| next)).flatten()
    }

    /// When the next is due.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((due, _))| *due)
    }

    /// Nobody does anything of his own any more.
    pub(crate) fn close(&mut self) {
        self.due.clear();
        self.is_closed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_order() {
        let mut agenda = Agenda::default();
        for (due, npc) in [(30, 3), (10, 1), (u64::MAX, 4), (20, 2)] {
            agenda.put(due, Who::Npc { npc });
        }
        assert_eq!(agenda.take(9), None);
        assert_eq!(agenda.take(25), Some((10, Who::Npc { npc: 1 })));
        assert_eq!(agenda.take(25), Some((20, Who::Npc { npc: 2 })));
        assert_eq!((agenda.take(25), agenda.next_ns()), (None, Some(30)));
        agenda.close();
        agenda.put(1, Who::Npc { npc: 1 });
        assert_eq!(agenda.take(100), None);
    }
}
