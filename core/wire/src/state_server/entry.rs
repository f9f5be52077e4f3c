//! An object as a message brings it along: 14 bytes in one of three orders, then its fields.
//!
//! ```text
//! IdFirst     do_id: u32 | parent: u32 | zone: u32 | dclass: u16 | fields ...
//! IdLast      parent: u32 | zone: u32 | dclass: u16 | do_id: u32 | fields ...
//! ClassFirst  dclass: u16 | do_id: u32 | parent: u32 | zone: u32 | fields ...
//! ```

use super::{Entry, Location};
use crate::dialect::Dialect;
use crate::reader::{DecodeError, Reader};
use crate::writer::Writer;

/// In which order an entry stands.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    IdFirst,
    IdLast,
    ClassFirst,
}

impl Order {
    /// In ENTERZONE.
    #[inline]
    pub(crate) const fn entering_zone(dialect: Dialect) -> Order {
        match dialect {
            Dialect::OpenOtp => Order::ClassFirst,
            Dialect::Astron => Order::IdFirst,
        }
    }

    /// In all other messages.
    #[inline]
    pub(crate) const fn usual(dialect: Dialect) -> Order {
        match dialect {
            Dialect::OpenOtp => Order::IdLast,
            Dialect::Astron => Order::IdFirst,
        }
    }

    /// Where the do_id begins.
    #[inline]
    pub(crate) const fn do_id_at(self) -> usize {
        match self {
            Order::IdFirst => 0,
            Order::IdLast => 10,
            Order::ClassFirst => 2,
        }
    }
}

impl<'a> Entry<'a> {
    #[inline]
    pub(crate) fn read(
        order: Order,
        has_other: bool,
        r: &mut Reader<'a>,
    ) -> Result<Entry<'a>, DecodeError> {
        let (do_id, location, dclass);
        match order {
            Order::IdFirst => {
                (do_id, location, dclass) = (r.do_id()?, Location::read(r)?, r.class()?)
            }
            Order::IdLast => {
                (location, dclass, do_id) = (Location::read(r)?, r.class()?, r.do_id()?)
            }
            Order::ClassFirst => {
                (dclass, do_id, location) = (r.class()?, r.do_id()?, Location::read(r)?);
            }
        }
        Ok(Entry { do_id, location, dclass, has_other, fields: r.rest() })
    }
}

impl Writer<'_> {
    pub(crate) fn entry(&mut self, order: Order, entry: &Entry<'_>) -> &mut Self {
        let Entry { do_id, location, dclass, has_other: _, fields } = *entry;
        match order {
            Order::IdFirst => self.do_id(do_id).location(location).class(dclass),
            Order::IdLast => self.location(location).class(dclass).do_id(do_id),
            Order::ClassFirst => self.class(dclass).do_id(do_id).location(location),
        }
        .bytes(fields)
    }
}
