//! The clients that have talked to the LoginManager and are still there, and which visitor each of
//! them is.
//!
//! A client ends by telling: with the first thing that it asks, its Client Agent is given a
//! post-remove, `sessionOver`, which comes when the client is gone, for whatever reason.

use std::collections::BTreeMap;
use wire::ids::{Channel, DoId};

/// A client.
#[derive(Debug, Default)]
struct Guest {
    wrong_passwords: u32,
    /// Who it is in the park.
    visitor: Option<DoId>,
}

#[derive(Debug, Default)]
pub(crate) struct Guests {
    clients: BTreeMap<Channel, Guest>,
    /// Which client each visitor in the park is.
    visitors: BTreeMap<DoId, Channel>,
}

impl Guests {
    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// How many have been let in.
    pub(crate) fn visitors(&self) -> usize {
        self.visitors.len()
    }

    pub(crate) fn knows(&self, client: Channel) -> bool {
        self.clients.contains_key(&client)
    }

    pub(crate) fn clients(&self) -> impl Iterator<Item = Channel> {
        self.clients.keys().copied()
    }

    pub(crate) fn all_visitors(&self) -> impl Iterator<Item = DoId> {
        self.visitors.keys().copied()
    }

    /// Only those that have been let in stay.
    pub(crate) fn forget_strangers(&mut self) {
        self.clients.retain(|_, guest| guest.visitor.is_some());
    }

    pub(crate) fn greet(&mut self, client: Channel) {
        self.clients.entry(client).or_default();
    }

    /// Who a client is, if it has been let in.
    pub(crate) fn visitor_of(&self, client: Channel) -> Option<DoId> {
        self.clients.get(&client)?.visitor
    }

    /// Which client a visitor is, if he is in the park.
    pub(crate) fn client_of(&self, visitor: DoId) -> Option<Channel> {
        self.visitors.get(&visitor).copied()
    }

    /// Counts a wrong password; how many it has given now.
    pub(crate) fn was_wrong(&mut self, client: Channel) -> u32 {
        let guest = self.clients.entry(client).or_default();
        guest.wrong_passwords += 1;
        guest.wrong_passwords
    }

    /// A client is this visitor from now on, and no other client is.
    pub(crate) fn let_in(&mut self, client: Channel, visitor: DoId) {
        if let Some(before) = self.visitors.insert(visitor, client)
            && let Some(guest) = self.clients.get_mut(&before)
        {
            guest.visitor = None;
        }
        self.clients.entry(client).or_default().visitor = Some(visitor);
    }

    /// A client is gone; who it was.
    pub(crate) fn leave(&mut self, client: Channel) -> Option<DoId> {
        let visitor = self.clients.remove(&client)?.visitor?;
        self.visitors.remove(&visitor);
        Some(visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_is_one_client_at_a_time() {
        let mut guests = Guests::default();
        let (one, two, visitor) = (Channel(1), Channel(2), DoId(9));
        guests.greet(one);
        guests.let_in(one, visitor);
        assert_eq!(guests.visitor_of(one), Some(visitor));
        guests.let_in(two, visitor);
        assert_eq!((guests.visitor_of(one), guests.client_of(visitor)), (None, Some(two)));
        assert_eq!(guests.leave(one), None, "it was nobody any more");
        assert_eq!(guests.client_of(visitor), Some(two));
        assert_eq!(guests.leave(two), Some(visitor));
        assert_eq!((guests.len(), guests.visitors()), (0, 0));
    }
}
