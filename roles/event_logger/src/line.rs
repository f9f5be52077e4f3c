//! What a packet becomes: an object of JSON or a row of CSV. The packets decide; one file may hold
//! both kinds of line.
//!
//! A whole MessagePack map is an object, a whole list of strings a row. Few packets are both, since
//! the length of a first string that looks like the beginning of a map is at least 128, and then the
//! rest has to fit as well. Of those, what begins with a key that is text is a map: Astron's events
//! do, and no list whose first string is ASCII and not longer than 40,960 bytes. The others are
//! lists.

use crate::map::{self, MapError};
use crate::strings;
use jiff::Zoned;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// A UDP packet holds no more bytes.
pub const PACKET_BYTES_MAX: usize = 65_507;

/// When something was written, as both kinds of line say it.
pub struct Stamp {
    /// Local time, for objects.
    pub(crate) local: String,
    /// UTC, for rows.
    pub(crate) utc: String,
}

/// Why a packet is no event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It is longer than any packet.
    #[error("it is longer than {PACKET_BYTES_MAX} bytes")]
    TooLong,
    /// It is neither a map nor a list.
    #[error("it is neither a whole list of strings nor a whole MessagePack map: {0}")]
    Neither(MapError),
}

impl Stamp {
    /// For what is written at `now`.
    pub fn new(now: &Zoned) -> Stamp {
        let utc = now.with_time_zone(TimeZone::UTC);
        let write = |pattern, time: &Zoned| {
            strtime::format(pattern, time).expect("a day, a time and an offset can be written")
        };
        Stamp {
            local: write("%Y-%m-%d %H:%M:%S%z", now),
            utc: write("%Y-%m-%dT%H:%M:%S.%3fZ", &utc),
        }
    }
}

/// Appends the line of `packet`, which ends with its only line feed. Nothing is appended for what is
/// no event.
pub fn write_line(packet: &[u8], stamp: &Stamp, out: &mut Vec<u8>) -> Result<(), Malformed> {
    match packet.len() {
        0 => return Err(Malformed::Empty),
        1..=PACKET_BYTES_MAX => (),
        _ => return Err(Malformed::TooLong),
    }
    let start = out.len();
    let map = map::write_line(packet, &stamp.local, out);
    if map.is_ok_and(|map| map.begins_with_text) {
        return Ok(());
    }
    if strings::is_whole(packet) {
        out.truncate(start);
        strings::write_row(packet, &stamp.utc, out);
        return Ok(());
    }
    map.map(|_| ()).map_err(|error| {
        out.truncate(start);
        Malformed::Neither(error)
    })
}
