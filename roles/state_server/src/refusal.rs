//! Why a request is not carried out. Nothing has changed then; it is counted, and logged with who
//! sent it.

use core::fmt;
use dc::ValueError;
use runtime::{Counts, Outbox};
use tracing::{debug, warn};
use wire::event::{Event, Value};
use wire::ids::{Channel, ClassId, DoId, FieldId};
use wire::state_server::MessageError;

/// Why a request is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Its bytes are no message.
    #[error(transparent)]
    Malformed(#[from] MessageError),
    /// Its fields end too early.
    #[error("it ends too early")]
    Truncated,
    /// Bytes follow its fields.
    #[error("{0} bytes follow its end")]
    Excess(usize),
    /// No class has this number.
    #[error("there is no class {0}")]
    UnknownClass(ClassId),
    /// The stored object is of another class.
    #[error("the stored object is of class {0}")]
    OtherClass(ClassId),
    /// The class of the object does not have this field.
    #[error("its class has no field {0}")]
    UnknownField(FieldId),
    /// A value is not of its field's type, or outside of its range.
    #[error("field {0}: {1}")]
    BadValue(FieldId, ValueError),
    /// The field is not kept, so there is nothing to delete.
    #[error("field {0} is not kept")]
    NotKept(FieldId),
    /// There is such an object already.
    #[error("there is an object of this id already")]
    Duplicate,
    /// This id is not for objects.
    #[error("id {0} is reserved")]
    ReservedId(DoId),
    /// There is no such object.
    #[error("there is no such object")]
    NoObject,
    /// It would be above itself.
    #[error("it would be a parent of itself below {0}")]
    Ring(DoId),
    /// No datagram could bring the object along.
    #[error("its fields would take {0} bytes")]
    TooBig(usize),
    /// All fields of all objects would take more than they may.
    #[error("the fields of all objects would take too many bytes")]
    NoRoom,
    /// A limit is reached.
    #[error("{what}: there are {max} already")]
    Full {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
}

impl Refusal {
    /// What kind of refusal it is, as the metrics and the events have it; and counts it.
    fn count(self, counts: &mut Counts) -> (&'static str, u64) {
        let (kind, count) = match self {
            Refusal::Malformed(_) | Refusal::Truncated | Refusal::Excess(_) => {
                ("malformed", &mut counts.refused_malformed)
            }
            Refusal::UnknownClass(_) | Refusal::OtherClass(_) => {
                ("unknown_class", &mut counts.refused_unknown_class)
            }
            Refusal::UnknownField(_) | Refusal::NotKept(_) => {
                ("unknown_field", &mut counts.refused_unknown_field)
            }
            Refusal::BadValue(..) => ("bad_value", &mut counts.refused_bad_value),
            Refusal::Duplicate => ("duplicate", &mut counts.refused_duplicate),
            Refusal::ReservedId(_) => ("reserved_id", &mut counts.refused_reserved_id),
            Refusal::NoObject => ("no_object", &mut counts.refused_no_object),
            Refusal::Ring(_) => ("ring_of_parents", &mut counts.refused_ring),
            Refusal::TooBig(_) => ("too_big", &mut counts.refused_too_big),
            Refusal::NoRoom | Refusal::Full { .. } => ("full", &mut counts.refused_full),
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
            ("object", Value::Id(request.do_id.0.into())),
            ("channel", Value::Id(request.sender.0)),
            ("reason", Value::Text(kind)),
            ("detail", Value::Shown(&self)),
        ];
        out.event(&Event { sender: "StateServer", kind: "request-refused", values: &values });
        if count.is_power_of_two() {
            warn!("refused {request}: {self} (number {count} of this kind on this shard)");
        } else {
            debug!("refused {request}: {self}");
        }
    }
}

/// A request, for the log: what, to whom, by whom.
pub struct Request {
    /// The message.
    pub what: &'static str,
    /// The object that it is about; 0 if none.
    pub do_id: DoId,
    /// Who sent it.
    pub sender: Channel,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of channel {} to object {}", self.what, self.sender, self.do_id)
    }
}
