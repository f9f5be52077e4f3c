//! Why a request is not carried out. Nothing has changed then; it is counted, and logged with who
//! sent it.

use core::fmt;
use dc::ValueError;
use runtime::Counts;
use tracing::{debug, warn};
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
    fn count(self, counts: &mut Counts) -> u64 {
        let count = match self {
            Refusal::Malformed(_) | Refusal::Truncated | Refusal::Excess(_) => {
                &mut counts.refused_malformed
            }
            Refusal::UnknownClass(_) | Refusal::OtherClass(_) => &mut counts.refused_unknown_class,
            Refusal::UnknownField(_) | Refusal::NotKept(_) => &mut counts.refused_unknown_field,
            Refusal::BadValue(..) => &mut counts.refused_bad_value,
            Refusal::Duplicate => &mut counts.refused_duplicate,
            Refusal::ReservedId(_) => &mut counts.refused_reserved_id,
            Refusal::NoObject => &mut counts.refused_no_object,
            Refusal::Ring(_) => &mut counts.refused_ring,
            Refusal::TooBig(_) => &mut counts.refused_too_big,
            Refusal::NoRoom | Refusal::Full { .. } => &mut counts.refused_full,
        };
        *count += 1;
        *count
    }

    /// Counts it, and says so in the log: the first one of its kind, the second, the fourth and so
    /// on as a warning, as a flood of them must not flood the log.
    pub fn note(self, counts: &mut Counts, request: &Request) {
        let count = self.count(counts);
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
