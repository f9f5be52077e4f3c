//! One client: how far it has come, under which channels it goes, what it sees, and what the cluster
//! gave it.

use crate::post_removes::PostRemoves;
use crate::view::{Terms, View};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::net::SocketAddr;
use runtime::{Arrival, Bucket, Now};
use wire::ids::{Channel, DoId, FieldId};
use wire::state_server::Location;

/// How far a client has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// It has said nothing good yet.
    New,
    /// It has said HELLO.
    Anonymous,
    /// The cluster has let it in.
    Established,
}

impl State {
    /// The state of this number.
    pub fn from_number(number: u16) -> Option<State> {
        match number {
            0 => Some(State::New),
            1 => Some(State::Anonymous),
            2 => Some(State::Established),
            _ => None,
        }
    }
}

/// One client.
pub struct Session {
    /// How far it has come.
    pub state: State,
    /// It was ejected, or is being dropped: it hears and says nothing more.
    pub is_ending: bool,
    /// What is to be said when it is gone has been said.
    pub has_said_last: bool,
    /// The channel that was allocated to it; 0 while it waits for one.
    pub channel: Channel,
    /// In whose name it speaks: the allocated channel, or what the cluster has set.
    pub sender: Channel,
    /// Its address.
    pub peer: SocketAddr,
    /// The address that it connected to.
    pub local: SocketAddr,
    /// The messages that it has sent.
    pub messages: Bucket,
    /// The bytes that it has sent.
    pub bytes: Bucket,
    /// When it is looked at whether its view still waits for an answer, if it did.
    pub alarm_at: Option<Now>,
    /// What it sees.
    pub view: View,
    extra: Option<Box<Extra>>,
}

/// What few clients have.
#[derive(Default)]
pub struct Extra {
    /// Channels that were opened for it.
    pub opened: BTreeSet<Channel>,
    /// Fields that it may send though the class does not say so, by object, ascending.
    pub sendable: BTreeMap<DoId, Box<[FieldId]>>,
    /// What is to be said when it is gone.
    pub post_removes: PostRemoves,
    /// What a proxy has said of it.
    pub tlvs: Box<[u8]>,
}

impl Session {
    /// Somebody who has just come.
    pub fn new(arrival: &Arrival<'_>) -> Session {
        let mut session = Session {
            state: State::New,
            is_ending: false,
            has_said_last: false,
            channel: Channel(0),
            sender: Channel(0),
            peer: arrival.peer,
            local: arrival.local,
            messages: Bucket::default(),
            bytes: Bucket::default(),
            alarm_at: None,
            view: View::default(),
            extra: None,
        };
        if !arrival.tlvs.is_empty() {
            session.extra_mut().tlvs = arrival.tlvs.into();
        }
        session
    }

    /// What few clients have, if it has any of it.
    pub fn extra(&self) -> Option<&Extra> {
        self.extra.as_deref()
    }

    /// What few clients have, to give it some.
    pub fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// Takes away all that the cluster gave it.
    pub fn take_extra(&mut self) -> Option<Box<Extra>> {
        self.extra.take()
    }

    /// Whether it has been given a channel.
    pub fn has_channel(&self) -> bool {
        self.channel != Channel(0)
    }

    /// Whether it hears a channel, for whatever reason.
    pub fn hears(&self, terms: &Terms, channel: Channel) -> bool {
        self.names().has(channel)
            || Location::of_channel(channel).is_some_and(|at| self.view.looks_at(terms, at))
    }

    /// Under which channels it goes.
    pub fn names(&self) -> Names<'_> {
        Names { channel: self.channel, sender: self.sender, extra: self.extra() }
    }

    /// Its view, under which channels it goes, and when its alarm is due.
    pub fn apart(&mut self) -> (&mut View, Names<'_>, &mut Option<Now>) {
        let Session { channel, sender, view, extra, alarm_at, .. } = self;
        (view, Names { channel: *channel, sender: *sender, extra: extra.as_deref() }, alarm_at)
    }

    /// Whether the cluster lets it send a field that its class does not.
    pub fn may_send(&self, do_id: DoId, field: FieldId) -> bool {
        let fields = self.extra().and_then(|extra| extra.sendable.get(&do_id));
        fields.is_some_and(|fields| fields.contains(&field))
    }
}

/// Under which channels a client goes, whatever it sees.
#[derive(Clone, Copy)]
pub struct Names<'s> {
    /// The channel that was allocated to it.
    pub channel: Channel,
    /// In whose name it speaks.
    pub sender: Channel,
    extra: Option<&'s Extra>,
}

impl Names<'_> {
    /// Whether it hears a channel whatever it sees.
    pub fn has(&self, channel: Channel) -> bool {
        channel == self.channel
            || channel == self.sender
            || self.extra.is_some_and(|extra| extra.opened.contains(&channel))
    }
}
