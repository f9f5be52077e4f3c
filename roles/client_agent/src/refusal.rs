//! What the cluster wanted of a client and does not get. The client stays as it is; it is counted, and
//! logged with who sent it, and the Event Logger hears of it.

use crate::post_removes::NotStored;
use crate::view::OverLimit;
use core::fmt;
use runtime::{Counts, Outbox};
use tracing::{debug, warn};
use wire::event::{Event, Value};
use wire::ids::{Channel, ClassId};

/// Why the cluster does not get what it wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Who had this channel is gone, or nobody ever had it.
    #[error("no client has this channel")]
    NoClient,
    /// There is no such state.
    #[error("there is no state {0}")]
    BadState(u16),
    /// Nobody can have this channel.
    #[error("nobody can have channel {0}")]
    BadChannel(Channel),
    /// No class has this number.
    #[error("there is no class {0}")]
    UnknownClass(ClassId),
    /// The client has as many of something as it may.
    #[error("more than {max} {what}")]
    Full {
        /// Of what.
        what: &'static str,
        /// How many it may have.
        max: usize,
    },
    /// Its view has no room.
    #[error(transparent)]
    View(#[from] OverLimit),
    /// The shard hears as many channels as it may.
    #[error(transparent)]
    Shard(#[from] runtime::router::OverLimit),
    /// A post-remove cannot be stored.
    #[error("post-remove: {0}")]
    PostRemove(#[from] NotStored),
}

impl Refusal {
    /// What kind of refusal it is, as the metrics and the events have it; and counts it.
    fn count(self, counts: &mut Counts) -> (&'static str, u64) {
        let (kind, count) = match self {
            Refusal::NoClient => ("no_client", &mut counts.grants_refused_no_client),
            Refusal::BadState(_) => ("bad_state", &mut counts.grants_refused_bad_state),
            Refusal::BadChannel(_) => ("bad_channel", &mut counts.grants_refused_bad_channel),
            Refusal::UnknownClass(_) => ("unknown_class", &mut counts.grants_refused_unknown_class),
            Refusal::PostRemove(NotStored::NotADatagram) => {
                ("bad_post_remove", &mut counts.grants_refused_bad_post_remove)
            }
            Refusal::Full { .. }
            | Refusal::View(_)
            | Refusal::Shard(_)
            | Refusal::PostRemove(NotStored::TooMany(_) | NotStored::TooLong(_)) => {
                ("limit", &mut counts.grants_refused_limit)
            }
        };
        *count += 1;
        (kind, *count)
    }

    /// Counts it, and says so: to the event logger, and in the log, there the first one of its kind,
    /// the second, the fourth and so on as a warning, as a flood of them must not flood it.
    pub fn note(self, out: &mut Outbox, request: &Request) {
        let (kind, count) = self.count(&mut out.counts);
        let values = [
            ("message", Value::Text(request.what)),
            ("client", Value::Id(request.client.0)),
            ("channel", Value::Id(request.sender.0)),
            ("reason", Value::Text(kind)),
            ("detail", Value::Shown(&self)),
        ];
        out.event(&Event { sender: "ClientAgent", kind: "request-refused", values: &values });
        if count.is_power_of_two() {
            warn!("refused {request}: {self} (number {count} of this kind on this shard)");
        } else {
            debug!("refused {request}: {self}");
        }
    }
}

/// A request, for the log: what, about which client, by whom.
pub struct Request {
    /// The message.
    pub what: &'static str,
    /// The client's channel.
    pub client: Channel,
    /// Who sent it.
    pub sender: Channel,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of channel {} about client {}", self.what, self.sender, self.client)
    }
}
