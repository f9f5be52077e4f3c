//! What one client sees: its interests, the zones that they open, the objects in them, what it owns,
//! and what the cluster granted to it. Pure: what is to be done comes out as [`Action`]s, in order.
//!
//! It does not know whether the client *may* do something ([`View::known`] helps to decide), and
//! entries come to it as the client is to see them ([`crate::entry`]).
//!
//! Objects are shown as they come, whether a parent was asked for them or they came by themselves,
//! and each once until it leaves. An interest is done when all of its zones have been answered for.
//! A zone that is of interest is listened to, whatever the number of interests that have it.

mod action;
mod answers;
mod granted;
mod interests;
mod objects;
mod past;
mod questions;
mod sight;
mod terms;
mod zones;

pub use action::{Action, Sink};
pub use terms::{Key, Terms};

use alloc::boxed::Box;
use alloc::vec::Vec;
use granted::Granted;
use interests::Interest;
use objects::Objects;
use past::Past;
use questions::Questions;
use wire::ids::{Channel, ClassId, DoId};
use wire::state_server::Location;
use zones::OpenZones;

/// What one client sees. While it sees nothing it holds no memory but its own.
#[derive(Default)]
pub struct View {
    /// What it sees or owns.
    objects: Objects,
    zones: OpenZones,
    /// By number.
    interests: Vec<Interest>,
    /// How many zones all interests have, counted once for each.
    zones_of_interests: u32,
    last_number: u32,
    /// There while something is asked.
    questions: Option<Box<Questions>>,
    granted: Granted,
    past: Past,
}

/// Who opens or closes an interest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// The client, who is told that it is done with this context.
    Client {
        /// As it said it.
        context: u32,
    },
    /// Somebody of the cluster. The client is told of it.
    Cluster {
        /// Who hears that it is done, in `astron`.
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

impl View {
    /// Whether updates of an object are for this client: it sees it or owns it.
    #[inline]
    pub fn sees(&self, key: Key) -> bool {
        self.objects.get(key).is_some()
    }

    /// Whether the client owns an object.
    pub fn owns(&self, key: Key) -> bool {
        self.objects.get(key).is_some_and(|object| object.is_owned())
    }

    /// Whether the client owned an object that it sees, and could not be told that it does not any
    /// more.
    pub fn lost_unsaid(&self, key: Key) -> bool {
        self.objects.get(key).is_some_and(|object| object.is_lost_unsaid())
    }

    /// What the client knows of an object that it sees or owns, or that was declared to it.
    pub fn known(&self, key: Key) -> Option<Known> {
        if let Some(object) = self.objects.get(key) {
            let how = if object.is_owned() { How::Owned } else { How::Seen };
            return Some(Known { dclass: object.dclass, how });
        }
        let dclass = self.granted.declared(key.do_id)?;
        Some(Known { dclass, how: How::Declared })
    }

    /// Whether the client saw or owned an object that it does not any more. Only the last ones are
    /// remembered.
    pub fn was_known(&self, do_id: DoId) -> bool {
        self.past.contains(do_id)
    }

    /// Whether an object is in the client's sight, for interests below it; uberdogs are the
    /// agent's business.
    pub fn is_visible(&self, key: Key) -> bool {
        self.known(key).is_some()
    }

    /// Whether a location is of interest: then it is listened to.
    pub fn looks_at(&self, terms: &Terms, location: Location) -> bool {
        self.zones.contains(terms, location)
    }

    /// The cluster says of which class an object is that the client does not see.
    pub fn declare(&mut self, terms: &Terms, do_id: DoId, of: ClassId) -> Result<(), OverLimit> {
        self.granted.declare(terms.limits.granted_max, do_id, of)
    }

    /// It takes that back.
    pub fn undeclare(&mut self, do_id: DoId) {
        self.granted.undeclare(do_id);
    }

    /// An object lives no longer than the session, and the session no longer than it.
    pub fn add_session_object(&mut self, terms: &Terms, do_id: DoId) -> Result<(), OverLimit> {
        self.granted.add_session_object(terms.limits.granted_max, do_id)
    }

    /// It is an object like others again.
    pub fn remove_session_object(&mut self, do_id: DoId) {
        self.granted.remove_session_object(do_id);
    }

    /// The objects of the session, ascending.
    pub fn session_objects(&self) -> &[DoId] {
        self.granted.session_objects()
    }
}

#[cfg(test)]
mod tests;
