//! What a part and the log say to each other.
//!
//! A part asks for appends, in order; the log answers each of them, in the same order, when its
//! fate is known. Nothing else orders them.

use crate::disk::SegmentBytes;
use crate::ids::{Place, SegmentId};
use crate::record::Record;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use wire::ids::DoId;

/// What a part asks of the log.
#[derive(Debug)]
pub enum Request {
    /// Append a record.
    Append(Append),
    /// Everything of this part that lived in the segment has been asked to be appended elsewhere.
    Swept(SegmentId),
    /// The segment holds a record of this part that cannot be read, so it must stay.
    Stuck(SegmentId),
    /// The record at this place is of no more use: what takes its place is durable.
    Dead(Place),
    /// Bring this record into memory: it is not there, and a read would wait for the disk.
    Fetch(Place),
    /// The part does not read the bytes of a removed segment any more. Whoever lets go of them last
    /// waits for the system to take the file apart, so that is no shard.
    LetGo(Arc<dyn SegmentBytes>),
}

impl Request {
    /// Whether it may wait for others to be carried out with it: nobody waits for what it brings.
    pub fn may_wait(&self) -> bool {
        match self {
            Request::Append(append) => append.purpose == Purpose::Move,
            Request::Swept(_) | Request::Stuck(_) | Request::Dead(_) | Request::LetGo(_) => true,
            Request::Fetch(_) => false,
        }
    }

    /// Whether somebody asked for it who waits for its fate.
    pub fn is_write(&self) -> bool {
        match self {
            Request::Append(append) => append.purpose != Purpose::Move,
            Request::Swept(_)
            | Request::Stuck(_)
            | Request::Dead(_)
            | Request::Fetch(_)
            | Request::LetGo(_) => false,
        }
    }
}

/// A record to be appended.
#[derive(Debug)]
pub struct Append {
    /// The record.
    pub record: Record,
    /// Why it is appended: what is refused first when space runs out.
    pub purpose: Purpose,
    /// How many refusals the part had heard of when it asked. A refused write takes those with it
    /// that were asked for in ignorance of it.
    pub epoch: u32,
}

/// Why a record is appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A new object or a new version of one.
    Write,
    /// An object is deleted. Goes on when space is short.
    Delete,
    /// Compaction: the record is the same, it only moves. Goes on when space is short.
    Move,
}

/// What the log tells a part.
#[derive(Clone, Debug)]
pub enum Reply {
    /// The next appends of the part are durable; they stand at these places, in order.
    Durable(Vec<Place>),
    /// The next append of the part was not carried out, as the disk is full. Nothing has changed.
    Refused,
    /// A segment that will not change any more, and its bytes.
    Sealed(SegmentId, Arc<dyn SegmentBytes>),
    /// Move what lives in this segment; answer with [`Request::Swept`] or [`Request::Stuck`].
    Sweep(SegmentId),
    /// The segment is gone: nothing in it lives.
    Removed(SegmentId),
    /// What was to be fetched is in memory; or, with a reason, cannot be read.
    Fetched(Place, Result<(), String>),
    /// The background scrub found that this record cannot be read.
    Damaged(DoId, Place),
    /// The disk failed: the store takes no more writes. Appends that were not reported durable may
    /// or may not be there after the next start; until then nobody sees them.
    ReadOnly(Arc<str>),
}
