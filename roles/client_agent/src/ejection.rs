//! Why a client is ejected, with the code and the words that it is told (`astron` section 3).

use core::fmt;
use dc::ValueError;
use runtime::Counts;
use wire::ids::{DoId, FieldId, MsgType};

/// The longest version of a client that is repeated to it, in characters.
const VERSION_SHOWN_MAX: usize = 64;

/// Why a client is ejected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Offence<'a> {
    /// No channel is left, or there are as many clients as there may be.
    #[error("Client capacity reached")]
    CapacityReached,
    /// It has closed an interest that it does not have.
    #[error("there is no interest {0} to be removed")]
    UnknownInterest(u16),
    /// It has more of something than it may.
    #[error("{0}")]
    OverLimit(&'static str),
    /// It has not done something in time.
    #[error("{what} within {ms} ms")]
    TooLate {
        /// What it has not.
        what: &'static str,
        /// How long it might have taken.
        ms: u64,
    },
    /// A message goes on behind its end.
    #[error("{0} bytes of excess data behind a message")]
    Excess(usize),
    /// What it said would not fit in a datagram.
    #[error("a message that is too large to be routed")]
    TooLarge,
    /// It said something before HELLO.
    #[error("the first message must be HELLO")]
    NoHello,
    /// There is no such message, or not for a client that has come as far as this one.
    #[error("message {0} is not valid here")]
    InvalidMessage(MsgType),
    /// A message ends too early.
    #[error("a message that ends too early")]
    Truncated,
    /// It has not logged in, and speaks to what is not for everybody.
    #[error("object {0} is not for clients that have not logged in")]
    AnonymousViolation(DoId),
    /// It may not open or close this interest.
    #[error("an interest below object {0} is not allowed")]
    ForbiddenInterest(DoId),
    /// It speaks of an object that it does not know.
    #[error("object {0} is not known to this client")]
    MissingObject(DoId),
    /// It may not send this field.
    #[error("field {field} of object {do_id} may not be sent by this client")]
    ForbiddenField {
        /// Of which object.
        do_id: DoId,
        /// Which.
        field: FieldId,
    },
    /// It may not move this object.
    #[error("object {0} may not be moved by this client")]
    ForbiddenRelocate(DoId),
    /// It is of another version.
    #[error("{}", Expected { what: "version", told: *told, wanted, got: &Cut(got) })]
    BadVersion {
        /// Whether it is told the right one.
        told: bool,
        /// The right one.
        wanted: &'a str,
        /// Its own.
        got: &'a [u8],
    },
    /// It has other classes.
    #[error("{}", Expected { what: "DC hash", told: *told, wanted: &Hash(*wanted), got: &Hash(*got) })]
    BadDcHash {
        /// Whether it is told the right hash.
        told: bool,
        /// The right one.
        wanted: u32,
        /// Its own.
        got: u32,
    },
    /// A value is not of its field's type, or outside of its range.
    #[error("field {0}: {1}")]
    BadValue(FieldId, ValueError),
    /// An object of its session is gone.
    #[error("session object {0} has been deleted, or is out of sight")]
    SessionObjectLost(DoId),
    /// It has said nothing for too long.
    #[error("no heartbeat within {0} ms")]
    NoHeartbeat(u64),
}

/// What kind of thing it is, for the counts and the events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Family {
    Capacity,
    Limit,
    Silent,
    Protocol,
    Permission,
    Identity,
    SessionObject,
}

impl Offence<'_> {
    /// Its code.
    pub fn code(&self) -> u16 {
        match self {
            Offence::CapacityReached
            | Offence::UnknownInterest(_)
            | Offence::OverLimit(_)
            | Offence::TooLate { .. } => 1,
            Offence::Excess(_) | Offence::TooLarge => 106,
            Offence::NoHello => 107,
            Offence::InvalidMessage(_) => 108,
            Offence::Truncated => 109,
            Offence::AnonymousViolation(_) => 113,
            Offence::ForbiddenInterest(_) => 115,
            Offence::MissingObject(_) => 117,
            Offence::ForbiddenField { .. } => 118,
            Offence::ForbiddenRelocate(_) => 119,
            Offence::BadVersion { .. } => 124,
            Offence::BadDcHash { .. } => 125,
            Offence::BadValue(_, ValueError::Trailing) => 106,
            Offence::BadValue(_, ValueError::Truncated) => 109,
            Offence::BadValue(..) => 127,
            Offence::SessionObjectLost(_) => 153,
            Offence::NoHeartbeat(_) => 345,
        }
    }

    /// Whether no honest client does it.
    pub fn is_attack(&self) -> bool {
        matches!(self.code(), 106..=109 | 113 | 115 | 117..=119 | 127)
    }

    /// Counts it.
    pub fn count(&self, counts: &mut Counts) -> u64 {
        let count = match self.family() {
            Family::Capacity => &mut counts.ejected_capacity,
            Family::Limit => &mut counts.ejected_limit,
            Family::Silent => &mut counts.ejected_silent,
            Family::Protocol => &mut counts.ejected_protocol,
            Family::Permission => &mut counts.ejected_permission,
            Family::Identity => &mut counts.ejected_identity,
            Family::SessionObject => &mut counts.ejected_session_object,
        };
        *count += 1;
        *count
    }

    fn family(&self) -> Family {
        match self {
            Offence::CapacityReached => Family::Capacity,
            Offence::OverLimit(_) => Family::Limit,
            Offence::TooLate { .. } | Offence::NoHeartbeat(_) => Family::Silent,
            Offence::UnknownInterest(_)
            | Offence::Excess(_)
            | Offence::TooLarge
            | Offence::NoHello
            | Offence::InvalidMessage(_)
            | Offence::Truncated => Family::Protocol,
            Offence::AnonymousViolation(_)
            | Offence::ForbiddenInterest(_)
            | Offence::MissingObject(_)
            | Offence::ForbiddenField { .. }
            | Offence::ForbiddenRelocate(_)
            | Offence::BadValue(..) => Family::Permission,
            Offence::BadVersion { .. } | Offence::BadDcHash { .. } => Family::Identity,
            Offence::SessionObjectLost(_) => Family::SessionObject,
        }
    }
}

/// What was expected, if it is told, and what came.
struct Expected<'a> {
    what: &'a str,
    told: bool,
    wanted: &'a dyn fmt::Display,
    got: &'a dyn fmt::Display,
}

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Expected { what, told, wanted, got } = self;
        match told {
            true => write!(f, "{what} mismatch: the server has {wanted}, the client {got}"),
            false => write!(f, "{what} mismatch: the client has {got}"),
        }
    }
}

struct Hash(u32);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08x}", self.0)
    }
}

/// The beginning of a text that anybody may have written.
struct Cut<'a>(&'a [u8]);

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(VERSION_SHOWN_MAX)];
        write!(f, "{}", shown.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn both_versions_are_named_unless_the_right_one_is_secret() {
        let offence = |told| Offence::BadVersion { told, wanted: "dev", got: b"v\xff1" };
        let told = offence(true).to_string();
        assert_eq!(told, "version mismatch: the server has dev, the client v\\xff1");
        assert!(!offence(false).to_string().contains("dev"));
        let hash = Offence::BadDcHash { told: true, wanted: 0x0b77_baf2, got: 1 };
        let told = hash.to_string();
        assert_eq!(told, "DC hash mismatch: the server has 0x0b77baf2, the client 0x00000001");
    }

    #[test]
    fn a_long_version_is_not_repeated_whole() {
        let offence = Offence::BadVersion { told: true, wanted: "dev", got: &[b'x'; 60_000] };
        assert!(offence.to_string().len() < 200);
    }
}
