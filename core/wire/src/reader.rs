//! A cursor over a payload: total, no panic, no allocation.

use crate::ids::{Channel, ClassId, DoId, FieldId, Zone};

/// A payload that ends too early, or goes on too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It ends inside a parameter.
    #[error("it ends too early")]
    Truncated,
    /// Bytes follow the last parameter.
    #[error("{0} bytes follow its end")]
    Excess(usize),
}

/// Reads a payload from front to back.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Begins at the front.
    pub fn new(payload: &'a [u8]) -> Reader<'a> {
        Reader { rest: payload }
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A `u8`.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A `u16`.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    /// A `u32`.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A `u64`.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A channel.
    pub fn channel(&mut self) -> Result<Channel, DecodeError> {
        self.u64().map(Channel)
    }

    /// The id of an object.
    pub fn do_id(&mut self) -> Result<DoId, DecodeError> {
        self.u32().map(DoId)
    }

    /// A zone.
    pub fn zone(&mut self) -> Result<Zone, DecodeError> {
        self.u32().map(Zone)
    }

    /// The number of a class.
    pub fn class(&mut self) -> Result<ClassId, DecodeError> {
        self.u16().map(ClassId)
    }

    /// The number of a field.
    pub fn field(&mut self) -> Result<FieldId, DecodeError> {
        self.u16().map(FieldId)
    }

    /// One byte; whatever is not 0 is true.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        self.u8().map(|byte| byte != 0)
    }

    /// A `u16` length and that many bytes: a string or a blob.
    pub fn blob(&mut self) -> Result<&'a [u8], DecodeError> {
        let count = self.u16()?;
        self.bytes(count as usize)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    /// Checks that nothing is left.
    pub fn end(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Excess(self.rest.len())) }
    }
}
