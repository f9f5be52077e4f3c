//! What one shard hands another in one turn: datagrams and subscription changes, in order (I3).
//!
//! ```text
//! entry:  word: u32 LE      kind in the top 3 bits, participant or role in the other 29
//!   kind 0 DATAGRAM         a whole frame follows (length tag, body)
//!   kind 1 LARGE            the next of the shared frames that come beside the bytes
//!   kind 2 CHANGE           u8 what (0 add, 1 remove, 2 add range, 3 remove range), u64 low, u64 high
//!   kind 3 TOLD             u32 length, then what one instance of a role tells another
//!   kind 4 PAUSE, 5 RESUME  that connection
//!   kind 6 ATTRACT, 7 RELEASE  u64 channel, which that role wants from the upstream or no longer
//! ```

use crate::block::SHARED_FROM_BYTES;
use crate::ids::{ConnId, Participant, RoleId};
use crate::router::Change;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;
use wire::framing;
use wire::ids::Channel;

const WORD_BYTES: usize = 4;
const DATAGRAM: u32 = 0;
const LARGE: u32 = 1;
const CHANGE: u32 = 2;
const TOLD: u32 = 3;
const PAUSE: u32 = 4;
const RESUME: u32 = 5;
const ATTRACT: u32 = 6;
const RELEASE: u32 = 7;
const KIND_SHIFT: u32 = 29;

/// What one shard hands another in one turn.
#[derive(Default, Debug)]
pub struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) large: VecDeque<Bytes>,
}

/// One entry of a batch.
pub(crate) enum Entry<'a> {
    /// A frame that lies `start` bytes into the batch, of a participant of the sending shard.
    Datagram { participant: Participant, start: usize, frame: &'a [u8] },
    /// The next shared frame.
    Large(Participant),
    /// A change of what the sending shard subscribes.
    Change(Change),
    /// What the other instance of a role says.
    Told(RoleId, &'a [u8]),
    /// Stop reading from a connection, or go on.
    Pause(ConnId, bool),
    /// A role wants a placed channel from the upstream, or no longer.
    Attracted(RoleId, Channel, bool),
}

impl Batch {
    /// Bytes that it holds in memory: what counts against `inflight_bytes_max`.
    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.large.iter().map(Bytes::len).sum::<usize>()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    #[inline]
    pub(crate) fn push_datagram(&mut self, from: Participant, frame: &[u8]) {
        debug_assert!(frame.len() < SHARED_FROM_BYTES);
        self.word(DATAGRAM, from.0);
        self.bytes.extend_from_slice(frame);
    }

    /// The shared frame itself is added to `large` at the end of the turn.
    pub(crate) fn push_large(&mut self, from: Participant) {
        self.word(LARGE, from.0);
    }

    pub(crate) fn push_change(&mut self, change: Change) {
        let (what, low, high) = match change {
            Change::Add(channel) => (0, channel, channel),
            Change::Remove(channel) => (1, channel, channel),
            Change::AddRange(low, high) => (2, low, high),
            Change::RemoveRange(low, high) => (3, low, high),
        };
        self.word(CHANGE, 0);
        self.bytes.push(what);
        self.bytes.extend_from_slice(&low.to_le_bytes());
        self.bytes.extend_from_slice(&high.to_le_bytes());
    }

    pub(crate) fn push_told(&mut self, role: RoleId, message: &[u8]) {
        self.word(TOLD, role.0 as u32);
        self.bytes.extend_from_slice(&(message.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(message);
    }

    pub(crate) fn push_pause(&mut self, conn: ConnId, pause: bool) {
        self.word(if pause { PAUSE } else { RESUME }, conn.0);
    }

    pub(crate) fn push_attracted(&mut self, role: RoleId, channel: Channel, wanted: bool) {
        self.word(if wanted { ATTRACT } else { RELEASE }, role.0 as u32);
        self.bytes.extend_from_slice(&channel.0.to_le_bytes());
    }

    fn word(&mut self, kind: u32, id: u32) {
        assert!(id < 1 << KIND_SHIFT, "participants and roles are small numbers");
        self.bytes.extend_from_slice(&(kind << KIND_SHIFT | id).to_le_bytes());
    }
}

/// Reads the entry at `at` of a batch's bytes; returns it and where the next one begins. `None`
/// at the end. Batches are our own writing: what does not read is a broken invariant.
pub(crate) fn entry(bytes: &[u8], at: usize) -> Option<(Entry<'_>, usize)> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    Some(read(rest, at).expect("a batch holds whole entries"))
}

fn read(rest: &[u8], at: usize) -> Option<(Entry<'_>, usize)> {
    let (word, rest) = rest.split_first_chunk::<WORD_BYTES>()?;
    let word = u32::from_le_bytes(*word);
    let (kind, id) = (word >> KIND_SHIFT, word & ((1 << KIND_SHIFT) - 1));
    let start = at + WORD_BYTES;
    Some(match kind {
        DATAGRAM => {
            let (frame, _) = framing::split_frame(rest)?;
            (Entry::Datagram { participant: Participant(id), start, frame }, start + frame.len())
        }
        LARGE => (Entry::Large(Participant(id)), start),
        CHANGE => {
            let (args, _) = rest.split_first_chunk::<17>()?;
            (Entry::Change(change(args)?), start + args.len())
        }
        TOLD => {
            let (len, rest) = rest.split_first_chunk::<4>()?;
            let message = rest.get(..u32::from_le_bytes(*len) as usize)?;
            (Entry::Told(RoleId(id as u16), message), start + len.len() + message.len())
        }
        PAUSE | RESUME => (Entry::Pause(ConnId(id), kind == PAUSE), start),
        ATTRACT | RELEASE => {
            let (channel, _) = rest.split_first_chunk::<8>()?;
            let (role, wanted) = (RoleId(id as u16), kind == ATTRACT);
            let entry = Entry::Attracted(role, Channel(u64::from_le_bytes(*channel)), wanted);
            (entry, start + channel.len())
        }
        _ => return None,
    })
}

fn change(args: &[u8; 17]) -> Option<Change> {
    let (what, rest) = args.split_first()?;
    let (low, high) = (rest.first_chunk::<8>()?, rest.last_chunk::<8>()?);
    let (low, high) = (u64::from_le_bytes(*low), u64::from_le_bytes(*high));
    Some(match what {
        0 => Change::Add(low),
        1 => Change::Remove(low),
        2 => Change::AddRange(low, high),
        3 => Change::RemoveRange(low, high),
        _ => return None,
    })
}

/// The participant named in front of the datagram whose frame begins at `start`.
pub(crate) fn participant_before(bytes: &[u8], start: u32) -> Participant {
    let start = start as usize;
    let word = bytes[..start].last_chunk::<WORD_BYTES>().expect("a frame stands behind its word");
    Participant(u32::from_le_bytes(*word) & ((1 << KIND_SHIFT) - 1))
}
