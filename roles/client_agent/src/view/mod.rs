//! What one client sees: its interests, the zones that they open, the objects in them, what it owns,
//! and what the cluster declared to it. Pure: what is to be done comes out as [`Action`]s, in order.
//!
//! It does not know whether the client *may* do something ([`View::is_visible`] helps to decide), and
//! entries come to it as the client is to see them ([`crate::entry`]).

mod action;
mod terms;

pub use action::{Action, Sink};
pub use terms::{Key, Terms};

use runtime::Now;
use wire::client::Zones;
use wire::ids::{Channel, ClassId, DoId};
use wire::state_server::{Entry, Location};

/// What one client sees.
#[derive(Default)]
pub struct View {}

/// Who opens or closes an interest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// The client, who is told DONE with this context.
    Client {
        /// As it said it.
        context: u32,
    },
    /// Somebody of the cluster. The client is told of it.
    Cluster {
        /// Who hears that it is complete, in `astron`.
        caller: Channel,
    },
}

/// What a client knows of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    /// Its class.
    pub dclass: ClassId,
    /// How the client knows it.
    pub how: How,
}

/// How a client knows an object; the first that applies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// It owns it.
    Owned,
    /// It sees it in a zone of interest.
    Seen,
    /// The cluster declared it.
    Declared,
}

/// There are as many as there may be: nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OverLimit {
    /// Interests, or changes of them that wait for an answer.
    #[error("more interests than allowed")]
    Interests,
    /// Zones of all interests.
    #[error("more zones of interest than allowed")]
    Zones,
    /// Objects that the cluster granted.
    #[error("more objects than allowed")]
    Granted,
}

/// The client has no interest of this number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no interest {0}")]
pub struct UnknownInterest(pub u16);

#[allow(unused_variables, reason = "to be filled in")]
impl View {
    /// Whether updates of an object are for this client: it sees it or owns it.
    #[inline]
    pub fn sees(&self, key: Key) -> bool {
        false
    }

    /// Whether the client owns an object.
    pub fn owns(&self, key: Key) -> bool {
        false
    }

    /// What the client knows of an object that it sees or owns, or that was declared to it.
    pub fn known(&self, key: Key) -> Option<Known> {
        None
    }

    /// Whether the client saw or owned an object that it does not any more. Only the last ones are
    /// remembered.
    pub fn was_known(&self, do_id: DoId) -> bool {
        false
    }

    /// Whether an object is in the client's sight, for interests below it; uberdogs are the
    /// agent's business.
    pub fn is_visible(&self, key: Key) -> bool {
        self.known(key).is_some()
    }

    /// Opens an interest, or alters it if there is one of this number.
    pub fn add_interest(
        &mut self,
        terms: &Terms,
        now: Now,
        (interest, by): (u16, By),
        (parent, zones): (DoId, Zones<'_>),
        sink: &mut Sink<'_>,
    ) -> Result<(), OverLimit> {
        Ok(())
    }

    /// Closes an interest.
    pub fn remove_interest(
        &mut self,
        terms: &Terms,
        now: Now,
        (interest, by): (u16, By),
        sink: &mut Sink<'_>,
    ) -> Result<(), UnknownInterest> {
        Ok(())
    }

    /// ENTERZONE: an object is at a location, be it that it came, or (`openotp`) that it answers.
    pub fn entered(&mut self, terms: &Terms, entry: &Entry<'_>, sink: &mut Sink<'_>) {}

    /// ENTER_INTEREST: an object answers (`astron`).
    pub fn answered(
        &mut self,
        terms: &Terms,
        context: u32,
        entry: &Entry<'_>,
        sink: &mut Sink<'_>,
    ) {
    }

    /// GET_ZONES_COUNT_RESP: so many objects answer (`astron`).
    pub fn counted(&mut self, terms: &Terms, context: u32, count: u32, sink: &mut Sink<'_>) {}

    /// QUERY_ZONE_ALL_DONE: all objects have answered (`openotp`).
    pub fn zones_done(
        &mut self,
        terms: &Terms,
        now: Now,
        parent: DoId,
        zones: Zones<'_>,
        sink: &mut Sink<'_>,
    ) {
    }

    /// What was not answered until now is not waited for any more.
    pub fn expired(&mut self, terms: &Terms, now: Now, sink: &mut Sink<'_>) {}

    /// CHANGE_ZONE: an object goes elsewhere.
    pub fn moved(&mut self, terms: &Terms, do_id: DoId, new: Location, sink: &mut Sink<'_>) {}

    /// DELETE_RAM: an object is gone.
    pub fn deleted(&mut self, terms: &Terms, do_id: DoId, sink: &mut Sink<'_>) {}

    /// ENTER_OWNER: the client owns an object.
    pub fn owner_entered(&mut self, terms: &Terms, entry: &Entry<'_>, sink: &mut Sink<'_>) {}

    /// CHANGE_OWNER: the client owns it no longer.
    pub fn owner_changed(&mut self, terms: &Terms, do_id: DoId, sink: &mut Sink<'_>) {}

    /// The cluster says of which class an object is that the client does not see.
    pub fn declare(&mut self, terms: &Terms, do_id: DoId, of: ClassId) -> Result<(), OverLimit> {
        Ok(())
    }

    /// It takes that back.
    pub fn undeclare(&mut self, do_id: DoId) {}

    /// An object lives as long as the session, and the session no longer than it.
    pub fn add_session_object(&mut self, terms: &Terms, do_id: DoId) -> Result<(), OverLimit> {
        Ok(())
    }

    /// It does not any more.
    pub fn remove_session_object(&mut self, do_id: DoId) {}

    /// The objects of the session, ascending.
    pub fn session_objects(&self) -> impl ExactSizeIterator<Item = DoId> + '_ {
        [].into_iter()
    }

    /// The client is gone: leaves all locations, in the order of its interests, and says nothing.
    pub fn close(&mut self, sink: &mut Sink<'_>) {}
}
