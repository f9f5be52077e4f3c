//! Lists of zones, fields and objects as they stand in a message: a count, then that many; or to
//! the end. Nothing is copied.
//!
//! ```text
//! Zones   count: u16, then count x zone: u32; or zone: u32 to the end
//! Fields  count: u16, then count x field: u16; or field: u16 to the end
//! DoIds   count: u32, then count x do_id: u32
//! ```

use crate::ids::{DoId, FieldId, Zone};
use crate::reader::{DecodeError, Reader};
use crate::writer::Writer;

/// A list of zones: `u32` each, little endian.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zones<'a>(pub &'a [[u8; 4]]);

/// A list of fields: `u16` each, little endian.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fields<'a>(pub &'a [[u8; 2]]);

/// A list of objects: `u32` each, little endian.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DoIds<'a>(pub &'a [[u8; 4]]);

impl<'a> Zones<'a> {
    /// The zones, in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Zone> + Clone + 'a {
        self.0.iter().map(|bytes| Zone(u32::from_le_bytes(*bytes)))
    }

    /// From little endian `u32`s; what is too short to be one is left out.
    pub const fn of(bytes: &'a [u8]) -> Zones<'a> {
        Zones(bytes.as_chunks().0)
    }

    pub(crate) fn read(r: &mut Reader<'a>) -> Result<Zones<'a>, DecodeError> {
        let count = r.u16()?;
        r.bytes(4 * count as usize).map(Zones::of)
    }

    pub(crate) fn read_to_end(r: &mut Reader<'a>) -> Result<Zones<'a>, DecodeError> {
        let (zones, odd) = r.rest().as_chunks();
        if odd.is_empty() { Ok(Zones(zones)) } else { Err(DecodeError::Truncated) }
    }

    /// A single zone, without a count.
    pub(crate) fn read_one(r: &mut Reader<'a>) -> Result<Zones<'a>, DecodeError> {
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

    pub(crate) fn read(r: &mut Reader<'a>) -> Result<Fields<'a>, DecodeError> {
        let count = r.u16()?;
        r.bytes(2 * count as usize).map(Fields::of)
    }

    pub(crate) fn read_to_end(r: &mut Reader<'a>) -> Result<Fields<'a>, DecodeError> {
        let (fields, odd) = r.rest().as_chunks();
        if odd.is_empty() { Ok(Fields(fields)) } else { Err(DecodeError::Truncated) }
    }
}

impl<'a> DoIds<'a> {
    /// The objects, in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = DoId> + Clone + 'a {
        self.0.iter().map(|bytes| DoId(u32::from_le_bytes(*bytes)))
    }

    /// From little endian `u32`s; what is too short to be one is left out.
    pub const fn of(bytes: &'a [u8]) -> DoIds<'a> {
        DoIds(bytes.as_chunks().0)
    }

    pub(crate) fn read(r: &mut Reader<'a>) -> Result<DoIds<'a>, DecodeError> {
        let bytes = (r.u32()? as usize).checked_mul(4).ok_or(DecodeError::Truncated)?;
        r.bytes(bytes).map(DoIds::of)
    }
}

impl Writer<'_> {
    /// A list of over 65535 makes the frame too long, which is found when it is finished.
    pub(crate) fn zones(&mut self, zones: Zones<'_>) -> &mut Self {
        self.u16(zones.0.len() as u16).zones_to_end(zones)
    }

    pub(crate) fn zones_to_end(&mut self, zones: Zones<'_>) -> &mut Self {
        self.bytes(zones.0.as_flattened())
    }

    /// A list of over 65535 makes the frame too long, which is found when it is finished.
    pub(crate) fn fields(&mut self, fields: Fields<'_>) -> &mut Self {
        self.u16(fields.0.len() as u16).fields_to_end(fields)
    }

    /// A list that is too long for a frame is found when it is finished.
    pub(crate) fn do_ids(&mut self, do_ids: DoIds<'_>) -> &mut Self {
        self.u32(do_ids.0.len() as u32).bytes(do_ids.0.as_flattened())
    }

    pub(crate) fn fields_to_end(&mut self, fields: Fields<'_>) -> &mut Self {
        self.bytes(fields.0.as_flattened())
    }
}
