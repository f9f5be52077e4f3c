//! The ids of the field as newtypes. On the wire each has an explicit width, little endian.

use core::fmt;

/// A routing address that someone may subscribe to: an object, a location, a role, a client.
/// `u64` on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Channel(pub u64);

/// The id of a distributed object. `u32` on the wire. An object's own channel has the same number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DoId(pub u32);

/// A zone below a parent object. `u32` on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Zone(pub u32);

/// The number of a distributed class. `u16` on the wire (`u32` in two of the seed's queries).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ClassId(pub u16);

/// The number of a field, global over all DC files. `u16` on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FieldId(pub u16);

/// A message number. What it means depends on the inbox that it arrives at and on the dialect.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MsgType(pub u16);

impl Channel {
    /// The channel of a location: `(parent << 32) | zone`.
    pub const fn location(parent: DoId, zone: Zone) -> Channel {
        Channel(((parent.0 as u64) << 32) | zone.0 as u64)
    }

    /// The channel of an object, which is its id.
    pub const fn object(do_id: DoId) -> Channel {
        Channel(do_id.0 as u64)
    }
}

macro_rules! shown_as_its_number {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )*};
}

shown_as_its_number!(Channel, DoId, Zone, ClassId, FieldId, MsgType);
