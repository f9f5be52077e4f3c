//! What was asked of the Database and of the hashing threads, and on whose behalf.

use std::collections::BTreeMap;
use std::sync::Arc;
use wire::ids::Channel;

/// A name that somebody logs in by.
pub(crate) type Name = Arc<[u8]>;

/// For whom something was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Asker {
    /// The login of a client.
    Login(Channel),
    /// The registration of a name.
    Registration(Name),
}

#[derive(Debug, Default)]
pub(crate) struct Questions {
    open: BTreeMap<u32, Asker>,
    last: u32,
}

impl Questions {
    /// Notes a question; its number, which the answer has too.
    pub(crate) fn ask(&mut self, asker: Asker) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.open.insert(self.last, asker);
        self.last
    }

    /// Who waits for this answer, if anybody still does.
    pub(crate) fn answered(&mut self, number: u32) -> Option<Asker> {
        self.open.remove(&number)
    }

    /// Nobody waits for this answer any more.
    pub(crate) fn forget(&mut self, number: Option<u32>) {
        number.and_then(|number| self.open.remove(&number));
    }

    pub(crate) fn forget_all(&mut self) {
        self.open.clear();
    }
}
