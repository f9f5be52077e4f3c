//! Why a request is not carried out. Nothing has changed then; it is counted, and logged with who
//! sent it.

use core::fmt;
use dc::ValueError;
use runtime::{Counts, Outbox};
use store::Place;
use tracing::{debug, warn};
use wire::database::MessageError;
use wire::event::{Event, Value};
use wire::ids::{Channel, DoId, FieldId};

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
    /// It is to be confirmed by a code, and it is another one.
    #[error("{0:#010x} is not the verify code")]
    VerifyCode(u32),
    /// No class has this number.
    #[error("there is no class {0}")]
    UnknownClass(u32),
    /// The object is of a class that is not in the DC files any more.
    #[error("the object is of a class that the DC files do not have any more")]
    ClassGone,
    /// The class does not have this field.
    #[error("its class has no field {0}")]
    UnknownField(FieldId),
    /// The field is not stored.
    #[error("field {0} is not a `db` field")]
    NotStored(FieldId),
    /// A value is not of its field's type, or outside of its range.
    #[error("field {0}: {1}")]
    BadValue(FieldId, ValueError),
    /// What is stored is not a value of its field any more.
    #[error("what is stored in field {0} is not a value of it any more: {1}")]
    BadStored(FieldId, ValueError),
    /// A molecular field cannot be compared or deleted.
    #[error("field {0} is molecular")]
    Molecular(FieldId),
    /// There is no such comparison.
    #[error("there is no comparison {0}")]
    BadComparison(u8),
    /// The field must be given.
    #[error("field {0} is required and has no default")]
    NoDefault(FieldId),
    /// All ids have been given out.
    #[error("no id is left")]
    NoId,
    /// There is no such object.
    #[error("there is no such object")]
    NoObject,
    /// The object cannot be read.
    #[error("the object cannot be read: {0}")]
    Damaged(Place),
    /// The stored fields of an object would take more than they may.
    #[error("its stored fields would take {0} bytes")]
    TooBig(usize),
    /// No datagram holds the answer.
    #[error("the answer would take {0} bytes")]
    AnswerTooBig(usize),
    /// A limit is reached.
    #[error("{what}: there are {max} already")]
    Full {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The disk has failed.
    #[error("the disk has failed")]
    ReadOnly,
}

impl Refusal {
    /// What kind of refusal it is, as the metrics and the events have it; and counts it.
    fn count(self, counts: &mut Counts) -> (&'static str, u64) {
        let (kind, count) = match self {
            Refusal::Malformed(_) | Refusal::Truncated | Refusal::Excess(_) => {
                ("malformed", &mut counts.database_malformed)
            }
            Refusal::VerifyCode(_) => ("verify_code", &mut counts.database_verify_code),
            Refusal::UnknownClass(_) | Refusal::ClassGone => {
                ("unknown_class", &mut counts.database_unknown_class)
            }
            Refusal::UnknownField(_) | Refusal::NotStored(_) | Refusal::Molecular(_) => {
                ("unknown_field", &mut counts.database_unknown_field)
            }
            Refusal::BadValue(..) | Refusal::NoDefault(_) => {
                ("bad_value", &mut counts.database_bad_value)
            }
            Refusal::BadStored(..) => ("bad_stored", &mut counts.database_bad_stored),
            Refusal::BadComparison(_) => ("bad_comparison", &mut counts.database_bad_comparison),
            Refusal::NoId => ("no_id", &mut counts.database_no_id),
            Refusal::NoObject => ("no_object", &mut counts.database_no_object),
            Refusal::Damaged(_) => ("damaged", &mut counts.database_damaged),
            Refusal::TooBig(_) | Refusal::AnswerTooBig(_) => {
                ("too_big", &mut counts.database_too_big)
            }
            Refusal::Full { .. } => ("full", &mut counts.database_full),
            Refusal::DiskFull => ("disk_full", &mut counts.database_disk_full),
            Refusal::ReadOnly => ("read_only", &mut counts.database_read_only),
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
        out.event(&Event { sender: "Database", kind: "request-refused", values: &values });
        if count.is_power_of_two() {
            warn!("refused {request}: {self} (number {count} of this kind on this shard)");
        } else {
            debug!("refused {request}: {self}");
        }
    }
}

/// A request, for the log: what, of which object, by whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
        write!(f, "{} of channel {} about object {}", self.what, self.sender, self.do_id)
    }
}
