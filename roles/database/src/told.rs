//! What the instances of a database tell each other. It travels in order with datagrams.
//!
//! ```text
//! Create     0 | do_id: u32 | sender: u64 | msgtype: u16 | payload to the end
//! Returned   1 | do_id: u32
//! Found      2 | asker: u64 | context: u32 | query: u64 | refused: u8 | more: u8 | do_ids: u32 to the end
//! Room       3 | has_room: u8
//! ```

use crate::pending::Mail;
use alloc::vec::Vec;
use wire::ids::{Channel, DoId, MsgType};
use wire::lists::DoIds;
use wire::reader::{DecodeError, Reader};

/// Which query is meant: instances hear of the same one in their own time. Two that are the same in
/// all of this may stand for each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct QueryId {
    /// Who asks.
    pub asker: Channel,
    /// As the asker has said.
    pub context: u32,
    /// A hash of what is asked.
    pub query: u64,
}

/// A message from one instance to another.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// Create an object under this id.
    Create {
        /// The id.
        do_id: DoId,
        /// The request, which has been found sound.
        mail: Mail<'a>,
    },
    /// The object of this id did not begin: give the id to another one.
    Returned {
        /// The id.
        do_id: DoId,
    },
    /// To the first instance: the disk refuses what I write, or takes it again. From it: what goes
    /// for all.
    Room {
        /// Whether it takes it.
        has_room: bool,
    },
    /// Your query concerns these objects here.
    Found {
        /// The query.
        query: QueryId,
        /// It was not looked for them.
        refused: bool,
        /// There are more than these.
        more: bool,
        /// The objects, ascending.
        do_ids: DoIds<'a>,
    },
}

const CREATE: u8 = 0;
const RETURNED: u8 = 1;
const FOUND: u8 = 2;
const ROOM: u8 = 3;

impl<'a> Told<'a> {
    /// Its bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match *self {
            Told::Create { do_id, mail } => {
                out.push(CREATE);
                out.extend_from_slice(&do_id.0.to_le_bytes());
                out.extend_from_slice(&mail.sender.0.to_le_bytes());
                out.extend_from_slice(&mail.msgtype.0.to_le_bytes());
                out.extend_from_slice(mail.payload);
            }
            Told::Returned { do_id } => {
                out.push(RETURNED);
                out.extend_from_slice(&do_id.0.to_le_bytes());
            }
            Told::Room { has_room } => out.extend_from_slice(&[ROOM, u8::from(has_room)]),
            Told::Found { query, refused, more, do_ids } => {
                out.push(FOUND);
                out.extend_from_slice(&query.asker.0.to_le_bytes());
                out.extend_from_slice(&query.context.to_le_bytes());
                out.extend_from_slice(&query.query.to_le_bytes());
                out.push(u8::from(refused));
                out.push(u8::from(more));
                out.extend_from_slice(do_ids.0.as_flattened());
            }
        }
        out
    }

    /// Reads what [`Told::write`] has written.
    pub fn read(message: &'a [u8]) -> Result<Told<'a>, DecodeError> {
        let mut r = Reader::new(message);
        match r.u8()? {
            CREATE => {
                let do_id = r.do_id()?;
                let (sender, msgtype) = (r.channel()?, MsgType(r.u16()?));
                Ok(Told::Create { do_id, mail: Mail { sender, msgtype, payload: r.rest() } })
            }
            RETURNED => Ok(Told::Returned { do_id: r.do_id()? }),
            ROOM => Ok(Told::Room { has_room: r.bool()? }),
            _ => {
                let query = QueryId { asker: r.channel()?, context: r.u32()?, query: r.u64()? };
                let (refused, more) = (r.bool()?, r.bool()?);
                Ok(Told::Found { query, refused, more, do_ids: DoIds::of(r.rest()) })
            }
        }
    }
}
