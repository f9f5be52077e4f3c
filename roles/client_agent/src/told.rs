//! What the instances of a Client Agent tell each other. It travels in order with datagrams, so that
//! an instance knows whose a channel is before anything comes that was sent because of it (I2).
//!
//! ```text
//! message: u8 kind, then its parameters, little endian
//! ```

use alloc::vec::Vec;
use runtime::ShardId;
use wire::reader::{DecodeError, Reader};

/// A message from one instance to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// To the lessor: I want a chunk.
    Ask,
    /// To all: a chunk is leased to a shard now.
    Leased {
        /// Which.
        chunk: u32,
        /// To whom.
        shard: ShardId,
    },
    /// To the one that asked: there is none left.
    NoneLeft,
    /// To the lessor: a chunk comes back.
    Returned {
        /// Which.
        chunk: u32,
    },
}

const ASK: u8 = 0;
const LEASED: u8 = 1;
const NONE_LEFT: u8 = 2;
const RETURNED: u8 = 3;

impl Told {
    /// Its bytes.
    pub fn write(self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Told::Ask => out.push(ASK),
            Told::Leased { chunk, shard } => {
                out.push(LEASED);
                out.extend_from_slice(&chunk.to_le_bytes());
                out.extend_from_slice(&shard.0.to_le_bytes());
            }
            Told::NoneLeft => out.push(NONE_LEFT),
            Told::Returned { chunk } => {
                out.push(RETURNED);
                out.extend_from_slice(&chunk.to_le_bytes());
            }
        }
        out
    }

    /// Reads what [`Told::write`] wrote.
    pub fn read(message: &[u8]) -> Result<Told, DecodeError> {
        let mut reader = Reader::new(message);
        let told = match reader.u8()? {
            ASK => Told::Ask,
            LEASED => Told::Leased { chunk: reader.u32()?, shard: ShardId(reader.u16()?) },
            NONE_LEFT => Told::NoneLeft,
            RETURNED => Told::Returned { chunk: reader.u32()? },
            _ => return Err(DecodeError::Truncated),
        };
        reader.end()?;
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let all = [
            Told::Ask,
            Told::Leased { chunk: u32::MAX, shard: ShardId(63) },
            Told::NoneLeft,
            Told::Returned { chunk: 7 },
        ];
        for told in all {
            let bytes = told.write();
            assert_eq!(Told::read(&bytes), Ok(told));
            for end in 0..bytes.len() {
                assert!(Told::read(&bytes[..end]).is_err());
            }
        }
    }
}
