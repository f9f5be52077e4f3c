//! Locations, and lists of zones and fields: a `u16` count, then that many; or to the end.

use super::{Fields, Location, Zones};
use crate::ids::{Channel, DoId, FieldId, Zone};
use crate::reader::{DecodeError, Reader};
use crate::writer::Writer;

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

    #[inline]
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Location, DecodeError> {
        Ok(Location { parent: r.do_id()?, zone: r.zone()? })
    }
}

impl<'a> Zones<'a> {
    /// The zones, in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Zone> + Clone + 'a {
        self.0.iter().map(|bytes| Zone(u32::from_le_bytes(*bytes)))
    }

    /// From little endian `u32`s; what is too short to be one is left out.
    pub const fn of(bytes: &'a [u8]) -> Zones<'a> {
        Zones(bytes.as_chunks().0)
    }

    pub(super) fn read(r: &mut Reader<'a>) -> Result<Zones<'a>, DecodeError> {
        let count = r.u16()?;
        r.bytes(4 * count as usize).map(Zones::of)
    }

    /// A single zone, without a count.
    pub(super) fn read_one(r: &mut Reader<'a>) -> Result<Zones<'a>, DecodeError> {
        r.bytes(4).map(Zones::of)
    }
}

impl<'a> Fields<'a> {
    /// The fields, in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = FieldId> + Clone + 'a {
        self.0.iter().map(|bytes| FieldId(u16::from_le_bytes(*bytes)))
    }

    /// From little endian `u16`s; what is too short to be one is left out.
    pub const fn of(bytes: &'a [u8]) -> Fields<'a> {
        Fields(bytes.as_chunks().0)
    }

    pub(super) fn read(r: &mut Reader<'a>) -> Result<Fields<'a>, DecodeError> {
        let count = r.u16()?;
        r.bytes(2 * count as usize).map(Fields::of)
    }

    pub(super) fn read_to_end(r: &mut Reader<'a>) -> Result<Fields<'a>, DecodeError> {
        let (fields, odd) = r.rest().as_chunks();
        if odd.is_empty() { Ok(Fields(fields)) } else { Err(DecodeError::Truncated) }
    }
}

impl Writer<'_> {
    pub(super) fn location(&mut self, location: Location) -> &mut Self {
        self.do_id(location.parent).zone(location.zone)
    }

    /// A list of over 65535 makes the frame too long, which is found when it is finished.
    pub(super) fn zones(&mut self, zones: Zones<'_>) -> &mut Self {
        self.u16(zones.0.len() as u16).bytes(zones.0.as_flattened())
    }

    /// A list of over 65535 makes the frame too long, which is found when it is finished.
    pub(super) fn fields(&mut self, fields: Fields<'_>) -> &mut Self {
        self.u16(fields.0.len() as u16).fields_to_end(fields)
    }

    pub(super) fn fields_to_end(&mut self, fields: Fields<'_>) -> &mut Self {
        self.bytes(fields.0.as_flattened())
    }
}
