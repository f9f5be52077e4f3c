//! The two dialects: which number and layout a named message has.
//!
//! One table per family of inboxes, one row per message: its name, then per dialect its number
//! and layout, or `-` where the dialect has no such message. A message number means something only
//! at an inbox (2001 means three things), so each table is an inbox, and the compiler refuses one
//! in which a number stands twice. Everything else derives from the rows; no number stands
//! anywhere else.
//!
//! Inboxes are who reads the message: a Message Director ([`Control`]), a State Server's control
//! channel, an object, whoever asked or watches, a database, a DBSS, a Client Agent's client
//! channel, a Client Agent's socket, a game client.

mod client;
mod control;
mod database;
mod state_server;

pub use client::{ClientChannel, ClientNotice, FromClient, ToClient};
pub use control::Control;
pub use database::{Database, DatabaseNotice, Dbss, DbssNotice};
pub use state_server::{Object, ObjectNotice, StateServer};

use crate::ids::{Channel, DoId, MsgType};

/// Which protocol a daemon speaks. A value, never a type parameter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Dialect {
    /// The seed protocol of 2013.
    OpenOtp,
    /// Today's Astron.
    Astron,
}

impl Dialect {
    /// Both.
    pub const ALL: [Dialect; 2] = [Dialect::OpenOtp, Dialect::Astron];

    /// Its name in configuration files.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::OpenOtp => "openotp",
            Dialect::Astron => "astron",
        }
    }

    /// The channel of control messages (seed section 2, `astron` section 1).
    pub const fn control_channel(self) -> Channel {
        match self {
            Dialect::OpenOtp => Channel(4001),
            Dialect::Astron => Channel(1),
        }
    }

    /// The channel on which a parent speaks to all its children.
    pub const fn children_channel(self, parent: DoId) -> Channel {
        let base: u64 = match self {
            Dialect::OpenOtp => 4030,
            Dialect::Astron => 1,
        };
        Channel(base << 32 | parent.0 as u64)
    }

    /// The channel on which a database speaks of a stored object; `openotp` uses the object's own.
    pub const fn database_channel(self, do_id: DoId) -> Channel {
        match self {
            Dialect::OpenOtp => Channel::object(do_id),
            Dialect::Astron => Channel(2 << 32 | do_id.0 as u64),
        }
    }

    /// The parent whose children channel this is, if it is one.
    pub const fn parent_of_children_channel(self, channel: Channel) -> Option<DoId> {
        let parent = DoId(channel.0 as u32);
        let is_one = parent.0 != 0 && self.children_channel(parent).0 == channel.0;
        if is_one { Some(parent) } else { None }
    }

    /// The channel on which all State Servers are reached, beside their own.
    pub const fn all_state_servers(self) -> Option<Channel> {
        match self {
            Dialect::OpenOtp => None,
            Dialect::Astron => Some(Channel(12)),
        }
    }

    /// The channel on which all databases are reached, beside their own.
    pub const fn all_databases(self) -> Option<Channel> {
        match self {
            Dialect::OpenOtp => None,
            Dialect::Astron => Some(Channel(13)),
        }
    }

    /// The channel on which all clients are reached, beside their own.
    pub const fn all_clients(self) -> Option<Channel> {
        match self {
            Dialect::OpenOtp => None,
            Dialect::Astron => Some(Channel(10)),
        }
    }

    /// Whether no object may have this id; that of nobody, 0, is another matter. The locations
    /// below these would be channels of another meaning.
    pub const fn is_reserved_do_id(self, do_id: DoId) -> bool {
        match self {
            Dialect::OpenOtp => do_id.0 == 4030,
            Dialect::Astron => 1 <= do_id.0 && do_id.0 <= 999,
        }
    }

    /// The highest channel that roles and objects may not have; `openotp` keeps the low ones free.
    pub const fn reserved_up_to(self) -> Channel {
        match self {
            Dialect::OpenOtp => Channel(0),
            Dialect::Astron => Channel(999),
        }
    }
}

/// The do_id that means failure, or none.
pub const BAD_DO_ID: DoId = DoId(0);

/// What one parameter of a message is on the wire. All integers are little endian.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One byte, 0 or 1.
    Bool,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`: a channel.
    Channel,
    /// `u32`.
    DoId,
    /// `u32`.
    Zone,
    /// `u16`.
    Class,
    /// `u16`.
    Field,
    /// `u16` length, then that many bytes of text.
    Text,
    /// `u16` length, then that many bytes.
    Blob,
    /// `u16` count, then that many `u32`.
    Zones,
    /// `u16` count, then that many `u16`.
    Fields,
    /// `u32` count, then that many `u32`.
    DoIds,
    /// `u32` to the end.
    ZonesToEnd,
    /// `u16` to the end.
    FieldsToEnd,
    /// To the end, as the DC file of the class or field says.
    Packed,
}

/// The parameters of a message, in order, with their names.
pub type Layout = &'static [(&'static str, Kind)];

/// A message as one dialect has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Its number.
    pub number: MsgType,
    /// Its parameters.
    pub layout: Layout,
}

/// A row of a table: the name and both shapes.
pub(crate) type Row = (&'static str, Option<Shape>, Option<Shape>);

/// What every inbox can tell of its messages.
pub trait Inbox: Copy + Sized + 'static {
    /// Its name.
    const NAME: &'static str;
    /// Its messages.
    const ALL: &'static [Self];

    /// The message that `number` means here.
    fn from_number(dialect: Dialect, number: MsgType) -> Option<Self>;
    /// The message's name.
    fn name(self) -> &'static str;
    /// Its number and layout, if the dialect has it.
    fn shape(self, dialect: Dialect) -> Option<Shape>;

    /// Its number, if the dialect has it.
    fn number(self, dialect: Dialect) -> Option<MsgType> {
        self.shape(dialect).map(|shape| shape.number)
    }
}

/// Whether some number stands twice in a dialect's column. Evaluated by the compiler.
pub(crate) const fn has_twice(rows: &[Row], dialect: Dialect) -> bool {
    let mut a = 0;
    while a < rows.len() {
        let mut b = a + 1;
        while b < rows.len() {
            if let (Some(x), Some(y)) = (column(&rows[a], dialect), column(&rows[b], dialect))
                && x.number.0 == y.number.0
            {
                return true;
            }
            b += 1;
        }
        a += 1;
    }
    false
}

pub(crate) const fn column(row: &Row, dialect: Dialect) -> &Option<Shape> {
    match dialect {
        Dialect::OpenOtp => &row.1,
        Dialect::Astron => &row.2,
    }
}

/// One table: an inbox and its messages.
///
/// `Name: openotp-number (param: Kind, ...), astron-number (...);` with `-` for none.
macro_rules! inbox {
    (
        $(#[$doc:meta])* $inbox:ident;
        $($(#[$row_doc:meta])* $name:ident: $openotp:tt $(($($on:ident: $ok:ident),*))?,
            $astron:tt $(($($an:ident: $ak:ident),*))?;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $inbox {
            $(
                #[doc = concat!("`", stringify!($name), "`: ", stringify!($openotp), " in `openotp`, ", stringify!($astron), " in `astron`.")]
                $(#[$row_doc])*
                $name,
            )*
        }

        impl $inbox {
            const ROWS: &'static [$crate::dialect::Row] = &[$((
                stringify!($name),
                $crate::dialect::inbox!(@shape $openotp $($($on: $ok),*)?),
                $crate::dialect::inbox!(@shape $astron $($($an: $ak),*)?),
            )),*];
        }

        const _: () = {
            use $crate::dialect::{Dialect, has_twice};
            assert!(!has_twice($inbox::ROWS, Dialect::OpenOtp), "an openotp number stands twice");
            assert!(!has_twice($inbox::ROWS, Dialect::Astron), "an astron number stands twice");
        };

        impl $crate::dialect::Inbox for $inbox {
            const NAME: &'static str = stringify!($inbox);
            const ALL: &'static [$inbox] = &[$($inbox::$name),*];

            #[inline]
            fn from_number(
                dialect: $crate::dialect::Dialect,
                number: $crate::ids::MsgType,
            ) -> Option<$inbox> {
                match dialect {
                    $crate::dialect::Dialect::OpenOtp => {
                        $($crate::dialect::inbox!(@is number $openotp $inbox $name);)*
                    }
                    $crate::dialect::Dialect::Astron => {
                        $($crate::dialect::inbox!(@is number $astron $inbox $name);)*
                    }
                }
                None
            }

            fn name(self) -> &'static str {
                $inbox::ROWS[self as usize].0
            }

            fn shape(self, dialect: $crate::dialect::Dialect) -> Option<$crate::dialect::Shape> {
                *$crate::dialect::column(&$inbox::ROWS[self as usize], dialect)
            }
        }
    };
    (@shape - ) => { None };
    (@shape $number:literal $($param:ident: $kind:ident),*) => {
        Some($crate::dialect::Shape {
            number: $crate::ids::MsgType($number),
            layout: &[$((stringify!($param), $crate::dialect::Kind::$kind)),*],
        })
    };
    (@is $found:ident - $inbox:ident $name:ident) => {};
    (@is $found:ident $number:literal $inbox:ident $name:ident) => {
        if $found.0 == $number {
            return Some($inbox::$name);
        }
    };
}
pub(crate) use inbox;

#[cfg(test)]
mod tests;
