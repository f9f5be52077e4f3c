//! A client: who it is, how far it has come, and what it has said.

use crate::clients::eyes::Eyes;
use crate::world::OutsideId;
use std::collections::BTreeSet;

/// What kind of client it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Does what it may.
    Honest,
    /// Does what it may not, once.
    Liar,
    /// Goes away at any moment.
    Vanisher,
    /// Says too much.
    Flooder,
    /// Says little, or nothing.
    Silent,
    /// Does not read.
    Deaf,
}

/// How a client left, if it did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leaving {
    /// It has not.
    Not,
    /// It has said so, or ended its connection in order.
    InOrder,
    /// Its connection broke.
    Broken,
}

/// A client.
pub struct Client {
    /// Its connection.
    pub outside: OutsideId,
    /// What kind of client it is.
    pub part: Part,
    /// What it sees.
    pub eyes: Eyes,
    /// Whether it has said HELLO, and has asked to be let in.
    pub has_said_hello: bool,
    /// Whether it has asked to be let in.
    pub has_asked: bool,
    /// The channel that was allocated to it, once the cluster knows it.
    pub channel: Option<u64>,
    /// Under which it speaks.
    pub sender: u64,
    /// Whether that is known everywhere.
    pub has_name: bool,
    /// The channels that were opened for it.
    pub opened: BTreeSet<u64>,
    /// Its body, once it was made.
    pub body: Option<u32>,
    /// What it has moved itself: it does not hear that in `astron`.
    pub moved: BTreeSet<u32>,
    /// Codes with which it may be ejected although it is honest.
    pub excuses: BTreeSet<u16>,
    /// Whether it must be ejected, or dropped, by the time all is quiet.
    pub must_end: bool,
    /// Whether the cluster may have dropped it without a word.
    pub may_be_dropped: bool,
    /// The codes of which one must come, after what it did.
    pub lies: BTreeSet<u16>,
    /// Whether that may be too late: tokens come back while it speaks.
    pub may_be_late: bool,
    /// How it left.
    pub leaving: Leaving,
    /// Whether its connection has ended.
    pub has_ended: bool,
    /// The number of its last stamp.
    pub number: u32,
    /// Its last context.
    pub context: u32,
    /// Whether it does not read for a while.
    pub is_slow: bool,
    /// Whether something was left half said.
    pub is_mid_frame: bool,
    /// A frame that the checkers get to see later, if that is to be found out.
    pub held: Option<Vec<u8>>,
}

impl Client {
    /// One that has just connected.
    pub fn new(outside: OutsideId, part: Part, eyes: Eyes) -> Client {
        Client {
            outside,
            part,
            eyes,
            has_said_hello: false,
            has_asked: false,
            channel: None,
            sender: 0,
            has_name: false,
            opened: BTreeSet::new(),
            body: None,
            moved: BTreeSet::new(),
            excuses: BTreeSet::new(),
            must_end: false,
            may_be_dropped: false,
            lies: BTreeSet::new(),
            may_be_late: false,
            leaving: Leaving::Not,
            has_ended: false,
            number: 0,
            context: 0,
            is_slow: false,
            is_mid_frame: false,
            held: None,
        }
    }

    /// Whether it is there, as far as it knows.
    pub fn is_there(&self) -> bool {
        self.leaving == Leaving::Not && !self.has_ended && self.eyes.ejected.is_none()
    }

    /// Its connection breaks, as the other side has no power.
    pub fn lose_power(&mut self) {
        if self.leaving == Leaving::Not {
            self.leaving = Leaving::Broken;
        }
        (self.has_ended, self.held, self.body) = (true, None, None);
    }

    /// Whether it was let in, is there, and nothing is to end it.
    pub fn is_settled(&self) -> bool {
        self.is_there() && self.eyes.is_welcome && !self.must_end && self.lies.is_empty()
    }
}
