//! Where an object is.

use crate::ids::{Channel, DoId, Zone};
use crate::reader::{DecodeError, Reader};
use crate::writer::Writer;

/// Where an object is: a zone below a parent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Location {
    /// The parent; 0: nowhere.
    pub parent: DoId,
    /// The zone below it.
    pub zone: Zone,
}

impl Location {
    /// Below no parent.
    pub const NOWHERE: Location = Location { parent: DoId(0), zone: Zone(0) };

    /// Its channel; nowhere has none, whatever the zone.
    pub const fn channel(self) -> Option<Channel> {
        match self.parent {
            DoId(0) => None,
            parent => Some(Channel::location(parent, self.zone)),
        }
    }

    /// The location that has this channel, if it is that of one.
    pub const fn of_channel(channel: Channel) -> Option<Location> {
        match DoId((channel.0 >> 32) as u32) {
            DoId(0) => None,
            parent => Some(Location { parent, zone: Zone(channel.0 as u32) }),
        }
    }

    #[inline]
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Location, DecodeError> {
        Ok(Location { parent: r.do_id()?, zone: r.zone()? })
    }
}

impl Writer<'_> {
    pub(crate) fn location(&mut self, location: Location) -> &mut Self {
        self.do_id(location.parent).zone(location.zone)
    }
}
