//! A way through the objects of a class, ascending, that goes on where it was though objects come
//! and go.

use crate::index::{Entry, Indexes};
use store::{ClassKey, Part};
use wire::ids::DoId;

/// Which objects are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// None.
    Nothing,
    /// All of a class.
    Class(ClassKey),
    /// Those of one value in an index.
    Entry(Entry),
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    source: Source,
    /// The last object.
    after: Option<DoId>,
    /// Where it probably stands among those of its class.
    at: usize,
}

impl Walk {
    /// One that begins.
    pub fn new(source: Source) -> Walk {
        Walk { source, after: None, at: 0 }
    }

    /// Begins again.
    pub fn restart(&mut self, source: Source) {
        *self = Walk::new(source);
    }

    /// The next object. It may be gone.
    pub fn next(&mut self, part: &Part, indexes: &Indexes) -> Option<DoId> {
        let next = match self.source {
            Source::Nothing => None,
            Source::Class(class) => self.next_of(part.objects_of(class)),
            Source::Entry(entry) => indexes.next(entry, self.after),
        };
        self.after = next.or(self.after);
        next
    }

    fn next_of(&mut self, objects: &[DoId]) -> Option<DoId> {
        if let Some(after) = self.after {
            self.at = match objects.get(self.at) == Some(&after) {
                true => self.at + 1,
                false => objects.partition_point(|&other| other <= after),
            };
        }
        objects.get(self.at).copied()
    }
}
