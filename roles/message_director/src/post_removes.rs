//! Messages that are routed when their connection ends, and how instances tell each other of them.
//!
//! The `openotp` dialect has no sender in its post-removes: there it is always channel 0, so one
//! rule serves both: *clear takes those of its sender*.
//!
//! ```text
//! told:  u8 what (0 add, 1 clear, 2 gone), u32 conn, u64 sender, message ...     little endian
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;
use runtime::{ConnId, Limits};
use wire::ids::Channel;

/// The post-removes of one connection, in the order stored.
#[derive(Default)]
pub struct PostRemoves {
    stored: Vec<(Channel, Box<[u8]>)>,
    bytes: usize,
}

/// One post-remove too many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OverLimit {
    what: &'static str,
    max: usize,
}

impl core::fmt::Display for OverLimit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "more than {} {}", self.max, self.what)
    }
}

impl PostRemoves {
    /// Stores one.
    pub fn add(
        &mut self,
        sender: Channel,
        message: &[u8],
        limits: &Limits,
    ) -> Result<(), OverLimit> {
        if self.stored.len() >= limits.post_removes_max {
            return Err(OverLimit { what: "post-removes", max: limits.post_removes_max });
        }
        if self.bytes + message.len() > limits.post_remove_bytes_max {
            let max = limits.post_remove_bytes_max;
            return Err(OverLimit { what: "bytes of post-removes", max });
        }
        self.push(sender, message);
        Ok(())
    }

    /// Stores one that was checked elsewhere.
    pub fn push(&mut self, sender: Channel, message: &[u8]) {
        self.bytes += message.len();
        self.stored.push((sender, message.into()));
    }

    /// Forgets those of `sender`; returns how many that were.
    pub fn clear(&mut self, sender: Channel) -> usize {
        let before = self.stored.len();
        self.stored.retain(|(stored_by, _)| *stored_by != sender);
        self.bytes = self.stored.iter().map(|(_, message)| message.len()).sum();
        before - self.stored.len()
    }

    /// Takes them all.
    pub fn take(&mut self) -> Vec<(Channel, Box<[u8]>)> {
        self.bytes = 0;
        core::mem::take(&mut self.stored)
    }

    /// All, in the order stored.
    pub fn iter(&self) -> impl Iterator<Item = (Channel, &[u8])> {
        self.stored.iter().map(|(sender, message)| (*sender, &**message))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }
}

/// What the instance that holds the upstream link must know of a connection elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told<'a> {
    /// It stored a post-remove.
    Add {
        /// The connection.
        conn: ConnId,
        /// Who clears it.
        sender: Channel,
        /// What is to be routed, without its length tag.
        message: &'a [u8],
    },
    /// It cleared those of a sender.
    Clear {
        /// The connection.
        conn: ConnId,
        /// Whose.
        sender: Channel,
    },
    /// It ended; its post-removes were routed.
    Gone {
        /// The connection.
        conn: ConnId,
    },
}

impl<'a> Told<'a> {
    /// Its bytes.
    pub fn write(&self) -> Vec<u8> {
        let (what, conn, sender, message): (u8, _, _, &[u8]) = match *self {
            Told::Add { conn, sender, message } => (0, conn, sender, message),
            Told::Clear { conn, sender } => (1, conn, sender, &[]),
            Told::Gone { conn } => (2, conn, Channel(0), &[]),
        };
        [&[what], &conn.0.to_le_bytes()[..], &sender.0.to_le_bytes(), message].concat()
    }

    /// Reads what [`Told::write`] wrote.
    pub fn read(bytes: &'a [u8]) -> Option<Told<'a>> {
        let (&what, rest) = bytes.split_first()?;
        let (conn, rest) = rest.split_first_chunk::<4>()?;
        let (sender, message) = rest.split_first_chunk::<8>()?;
        let conn = ConnId(u32::from_le_bytes(*conn));
        let sender = Channel(u64::from_le_bytes(*sender));
        match what {
            0 => Some(Told::Add { conn, sender, message }),
            1 => Some(Told::Clear { conn, sender }),
            2 => Some(Told::Gone { conn }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_as_written() {
        let (conn, sender) = (ConnId(7), Channel(1 << 40));
        for told in [
            Told::Add { conn, sender, message: b"hello" },
            Told::Add { conn, sender, message: b"" },
            Told::Clear { conn, sender },
            Told::Gone { conn },
        ] {
            assert_eq!(Told::read(&told.write()), Some(told));
        }
    }

    #[test]
    fn clear_takes_those_of_its_sender() {
        let (mut stored, limits) = (PostRemoves::default(), Limits::default());
        for (sender, message) in [(1, "a"), (2, "b"), (1, "c")] {
            stored.add(Channel(sender), message.as_bytes(), &limits).unwrap();
        }
        assert_eq!(stored.clear(Channel(1)), 2);
        assert_eq!(stored.iter().collect::<Vec<_>>(), [(Channel(2), &b"b"[..])]);
    }

    #[test]
    fn both_limits_hold() {
        let limits = Limits { post_removes_max: 2, post_remove_bytes_max: 10, ..Limits::default() };
        let mut stored = PostRemoves::default();
        assert!(stored.add(Channel(0), &[0; 11], &limits).is_err());
        assert!(stored.add(Channel(0), &[0; 5], &limits).is_ok());
        assert!(stored.add(Channel(0), &[0; 5], &limits).is_ok());
        assert!(stored.add(Channel(0), &[], &limits).is_err());
        stored.clear(Channel(0));
        assert!(stored.add(Channel(0), &[0; 10], &limits).is_ok());
    }
}
