//! What parts must show while a store is open: the newest value that was asked for, until it is
//! heard that it was not carried out.

use super::body::{Content, brief};
use crate::ledger::Violation;
use std::collections::{BTreeMap, VecDeque};
use store::Ticket;

/// What all parts show.
#[derive(Debug, Default)]
pub struct Views {
    objects: BTreeMap<u32, View>,
    /// Writes whose fate the part has not heard, by part, in order.
    pending: Vec<VecDeque<(Ticket, u32)>>,
    /// The last write whose fate the part has heard.
    fates: Vec<Ticket>,
}

#[derive(Debug, Default)]
struct View {
    base: Content,
    pending: VecDeque<(Ticket, Content)>,
}

impl Views {
    /// What is shown first.
    pub fn new(parts: usize, found: &BTreeMap<u32, Content>) -> Views {
        let view = |(&do_id, content): (&u32, &Content)| {
            (do_id, View { base: content.clone(), pending: VecDeque::new() })
        };
        Views {
            objects: found.iter().map(view).collect(),
            pending: (0..parts).map(|_| VecDeque::new()).collect(),
            fates: vec![Ticket(0); parts],
        }
    }

    /// A part took a write.
    pub fn asked(&mut self, part: usize, ticket: Ticket, do_id: u32, content: Content) {
        self.pending[part].push_back((ticket, do_id));
        self.objects.entry(do_id).or_default().pending.push_back((ticket, content));
    }

    /// The part was told the fate of `count` of its next writes: they are durable.
    pub fn durable(&mut self, part: usize, count: usize) -> Result<(), Violation> {
        for _ in 0..count {
            let (_, do_id) = self.next(part)?;
            let view = self.objects.entry(do_id).or_default();
            let (_, content) = view.pending.pop_front().expect("it is pending: it was asked for");
            view.base = content;
        }
        Ok(())
    }

    /// The part was told that its next write was refused.
    pub fn refused(&mut self, part: usize) -> Result<(Ticket, u32), Violation> {
        let (ticket, do_id) = self.next(part)?;
        self.objects.entry(do_id).or_default().pending.retain(|&(of, _)| of != ticket);
        Ok((ticket, do_id))
    }

    /// The part was told that nothing is written any more.
    pub fn failed(&mut self, part: usize) {
        for (_, do_id) in self.pending[part].drain(..) {
            self.objects.entry(do_id).or_default().pending.clear();
        }
    }

    fn next(&mut self, part: usize) -> Result<(Ticket, u32), Violation> {
        let next = self.pending[part].pop_front().ok_or_else(|| {
            let what = format!("part {part} is told of a write that it did not ask for");
            Violation::new("one answer for an append", what)
        })?;
        self.fates[part] = next.0;
        Ok(next)
    }

    /// The last write of a part whose fate it has heard.
    pub fn fate(&self, part: usize) -> Ticket {
        self.fates[part]
    }

    /// What is shown of an object.
    pub fn content(&self, do_id: u32) -> Content {
        let view = self.objects.get(&do_id);
        view.and_then(|view| match view.pending.back() {
            Some((_, content)) => content.clone(),
            None => view.base.clone(),
        })
    }

    /// The newest write of it that has no fate yet.
    pub fn exposed(&self, do_id: u32) -> Option<Ticket> {
        self.objects.get(&do_id)?.pending.back().map(|&(ticket, _)| ticket)
    }

    /// Whether no write of any part is without a fate.
    pub fn is_quiet(&self) -> bool {
        self.pending.iter().all(VecDeque::is_empty)
    }

    /// All ids that were ever shown.
    pub fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        self.objects.keys().copied()
    }

    /// Ids that are shown as objects.
    pub fn living(&self) -> impl Iterator<Item = u32> + '_ {
        self.ids().filter(|&do_id| self.content(do_id).is_some())
    }

    /// Whether `is` is what must be shown.
    pub fn check(&self, do_id: u32, is: &Content) -> Result<(), Violation> {
        let must = self.content(do_id);
        if *is == must {
            return Ok(());
        }
        let what = format!("object {do_id} is shown as {}, not {}", brief(is), brief(&must));
        Err(Violation::new("a part shows the newest value", what))
    }
}
