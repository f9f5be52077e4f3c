//! What is said when a write is durable, and what happens if it is not carried out (I5).
//!
//! An answer rests on the newest write that it lets one see, an announcement on the write that it
//! announces. Neither leaves before that write is durable; whatever rests on one that came to
//! nothing is not said.

use crate::refusal::Request;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use runtime::{Outbox, RoleId};
use smallvec::SmallVec;
use store::Ticket;
use wire::ids::{Channel, MsgType};

/// What each of these takes beside its payloads, about.
const HELD_BYTES: usize = 128;

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    /// Who asks.
    pub sender: Channel,
    /// What.
    pub msgtype: MsgType,
    /// The rest of it.
    pub payload: &'a [u8],
}

/// A request that is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptMail {
    sender: Channel,
    msgtype: MsgType,
    payload: Box<[u8]>,
}

/// A datagram that waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// Who gets it.
    pub to: Channel,
    /// In whose name.
    pub sender: Channel,
    /// What.
    pub msgtype: MsgType,
    /// The rest of it.
    pub payload: Box<[u8]>,
}

/// Datagrams that wait together.
pub type Says = SmallVec<[Said; 2]>;

/// What happens if a write is not carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Otherwise {
    /// The request is dealt with once more: it changes nothing, or has seen what never was.
    Again(KeptMail),
    /// The request fails.
    Fails {
        /// For the log.
        request: Request,
        /// What the one who asked is told.
        answer: Option<Said>,
    },
    /// The object of this id does not begin.
    Unborn {
        /// For the log.
        request: Request,
        /// What the one who asked is told.
        answer: Said,
    },
}

/// What rests on a write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// What is said then.
    pub says: Says,
    /// What is done if not.
    pub otherwise: Otherwise,
}

/// All that waits for writes.
#[derive(Default)]
pub struct Pending {
    held: BTreeMap<Ticket, Vec<Held>>,
    bytes: usize,
}

impl Mail<'_> {
    /// Keeps it.
    pub fn keep(&self) -> KeptMail {
        let &Mail { sender, msgtype, payload } = self;
        KeptMail { sender, msgtype, payload: payload.into() }
    }
}

impl KeptMail {
    /// The request.
    pub fn mail(&self) -> Mail<'_> {
        Mail { sender: self.sender, msgtype: self.msgtype, payload: &self.payload }
    }

    /// How much memory it takes.
    pub fn bytes(&self) -> usize {
        HELD_BYTES + self.payload.len()
    }
}

impl Said {
    /// Says it.
    pub fn say(&self, me: RoleId, out: &mut Outbox) {
        let write = |out: &mut Vec<u8>| out.extend_from_slice(&self.payload);
        out.notify(me, &[self.to], self.sender, self.msgtype, write)
            .expect("what does not fit in a datagram is not kept");
    }
}

impl Pending {
    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Lets something wait for a write.
    pub fn hold(&mut self, ticket: Ticket, held: Held) {
        self.bytes += held.bytes();
        self.held.entry(ticket).or_default().push(held);
    }

    /// What rests on writes up to `ticket`, which are durable, in order.
    pub fn durable(&mut self, ticket: Ticket) -> impl Iterator<Item = Held> + use<> {
        let later = self.held.split_off(&Ticket(ticket.0 + 1));
        let now = core::mem::replace(&mut self.held, later);
        self.leave(now)
    }

    /// What rests on a write that was not carried out.
    pub fn refused(&mut self, ticket: Ticket) -> Vec<Held> {
        let held = self.held.remove(&ticket).unwrap_or_default();
        self.bytes -= held.iter().map(Held::bytes).sum::<usize>();
        held
    }

    /// Everything: nothing will be carried out any more.
    pub fn failed(&mut self) -> impl Iterator<Item = Held> + use<> {
        let all = core::mem::take(&mut self.held);
        self.leave(all)
    }

    fn leave(&mut self, held: BTreeMap<Ticket, Vec<Held>>) -> impl Iterator<Item = Held> + use<> {
        self.bytes -= held.values().flatten().map(Held::bytes).sum::<usize>();
        held.into_values().flatten()
    }
}

impl Held {
    fn bytes(&self) -> usize {
        let says: usize = self.says.iter().map(|said| said.payload.len()).sum();
        let otherwise = match &self.otherwise {
            Otherwise::Again(mail) => mail.bytes(),
            Otherwise::Fails { answer, .. } => answer.as_ref().map_or(0, |said| said.payload.len()),
            Otherwise::Unborn { answer, .. } => answer.payload.len(),
        };
        HELD_BYTES + says + otherwise
    }
}
