//! What a view wants done. It only says so, in order; the session does it.

use runtime::Now;
use wire::client::{ToClient, Zones};
use wire::ids::{Channel, DoId};
use wire::state_server::Location;

/// Takes what a view wants done, in the order in which it is to be done.
pub type Sink<'s> = dyn FnMut(Action<'_>) + 's;

/// Something that a view wants done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action<'a> {
    /// Hear what is said to a location: it has a channel, and is not listened to yet.
    Listen(Location),
    /// Hear it no longer.
    Leave(Location),
    /// Ask a parent for the objects of some of its zones, in the name of the channel that the
    /// client was allocated; at `until` the view wants [`super::View::expired`].
    Ask {
        /// Whom.
        parent: DoId,
        /// The context of the question; `openotp` does not send it.
        context: u32,
        /// Which zones; at least one.
        zones: Zones<'a>,
        /// How long its answers are waited for.
        until: Now,
    },
    /// Ask an object where it is, in the same name; at `until` the view wants
    /// [`super::View::expired`].
    Locate {
        /// Which one.
        do_id: DoId,
        /// How long its answer is waited for.
        until: Now,
    },
    /// Say this to the client.
    Tell(ToClient<'a>),
    /// Say to somebody of the cluster that an interest which it changed is complete. `astron` only.
    Done {
        /// Who changed it.
        caller: Channel,
        /// The interest.
        interest: u16,
    },
    /// An object of the session was deleted, or left sight or ownership: the session is to end.
    SessionObjectLost(DoId),
    /// An object is not shown: there are as many as there may be.
    NotShown(DoId),
    /// A parent did not answer in time: what was to wait for it waits no longer.
    TimedOut {
        /// The parent.
        parent: DoId,
    },
}
