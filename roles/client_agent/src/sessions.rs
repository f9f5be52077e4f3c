//! All clients of a shard, and who of them hears which channel.

use crate::session::Session;
use alloc::boxed::Box;
use alloc::vec::Vec;
use runtime::channels::{Channels, Subscribers};
use runtime::router::OverLimit;
use runtime::{ConnId, Kind, Outbox, Participant, RoleId};
use wire::ids::Channel;

/// A client may hear this part of the channels that the role may still hear, besides its own...
const SHARED_BY: usize = 1024;
/// ...and so many in any case.
const SHARE_MIN: usize = 16;

/// All clients of a shard.
pub struct Sessions {
    slots: Vec<Option<Box<Session>>>,
    len: usize,
    /// Who hears what.
    pub ears: Ears,
}

/// Which clients hear a channel. The role hears for them what was not allocated to one of them.
pub struct Ears {
    me: RoleId,
    /// The channel on which all are reached, whoever hears it besides.
    all: Option<Channel>,
    channels: Channels,
}

impl Sessions {
    /// Nobody is there yet.
    pub fn new(me: RoleId, hasher: ahash::RandomState) -> Sessions {
        let ears = Ears { me, all: None, channels: Channels::new(hasher) };
        Sessions { slots: Vec::new(), len: 0, ears }
    }

    /// From now on all are reached on this channel.
    pub fn reach_all_on(&mut self, channel: Channel) {
        self.ears.all = Some(channel);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nobody, and nobody hears anything.
    pub fn is_empty(&self) -> bool {
        self.len == 0 && self.ears.channels.subscriptions() == 0
    }

    /// Somebody has come.
    pub fn insert(&mut self, conn: ConnId, session: Session) {
        let at = conn.0 as usize;
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        assert!(self.slots[at].is_none(), "a connection is one client");
        self.slots[at] = Some(Box::new(session));
        self.len += 1;
    }

    /// Somebody has left.
    pub fn remove(&mut self, conn: ConnId) -> Option<Box<Session>> {
        let session = self.slots.get_mut(conn.0 as usize)?.take()?;
        self.len -= 1;
        Some(session)
    }

    /// A client that is not about to leave.
    #[inline]
    pub fn get(&self, conn: ConnId) -> Option<&Session> {
        let session = self.slots.get(conn.0 as usize)?.as_deref()?;
        Some(session).filter(|session| !session.is_ending)
    }

    /// A client that is not about to leave.
    #[inline]
    pub fn get_mut(&mut self, conn: ConnId) -> Option<&mut Session> {
        let session = self.slots.get_mut(conn.0 as usize)?.as_deref_mut()?;
        Some(session).filter(|session| !session.is_ending)
    }

    /// A client that is not about to leave, and who hears what.
    #[inline]
    pub fn get_both(&mut self, conn: ConnId) -> Option<(&mut Session, &mut Ears)> {
        let session = self.slots.get_mut(conn.0 as usize)?.as_deref_mut()?;
        Some((session, &mut self.ears)).filter(|(session, _)| !session.is_ending)
    }

    /// A client, even if it is about to leave.
    pub fn any_mut(&mut self, conn: ConnId) -> Option<&mut Session> {
        self.slots.get_mut(conn.0 as usize)?.as_deref_mut()
    }

    /// Calls `each` with everybody who hears a channel and is not about to leave.
    #[inline]
    pub fn each(&self, channel: Channel, mut each: impl FnMut(ConnId, &Session)) {
        let mut offer = |conn| self.get(conn).into_iter().for_each(|session| each(conn, session));
        if self.ears.all == Some(channel) {
            return self.conns().for_each(offer);
        }
        self.ears.each(channel, &mut offer);
    }

    /// All connections that are a client, ascending.
    pub fn conns(&self) -> impl Iterator<Item = ConnId> + '_ {
        let taken = self.slots.iter().enumerate().filter(|(_, slot)| slot.is_some());
        taken.map(|(at, _)| ConnId(at as u32))
    }
}

impl Ears {
    /// The channel on which all are reached, if there is one.
    pub fn all(&self) -> Option<Channel> {
        self.all
    }

    /// A client hears the channel that was allocated to it.
    pub fn allocate(&mut self, channel: Channel, conn: ConnId) {
        self.channels.add(channel.0, conn.into());
    }

    /// A client hears a channel.
    pub fn open(
        &mut self,
        channel: Channel,
        conn: ConnId,
        out: &mut Outbox,
    ) -> Result<(), OverLimit> {
        if self.all == Some(channel) {
            return Ok(()); // as all do
        }
        let Some(added) = self.channels.add(channel.0, conn.into()) else { return Ok(()) };
        // Where it was allocated to another one, somebody hears it for whom the role does not.
        let heard = if added.first || self.members(channel) == 2 {
            out.subscribe(self.me.into(), channel)
        } else {
            Ok(())
        };
        if heard.is_err() {
            self.channels.remove(channel.0, conn.into());
        }
        heard
    }

    /// Whether it is fair that a client hears a location besides what it hears, if the role would hear
    /// that for it alone: its share shrinks with what is left for all, so that some is always left for
    /// those who want little.
    pub fn is_fair(&self, location: Channel, conn: ConnId, out: &Outbox) -> bool {
        let heard = self.channels.count_of(conn.into()) as usize;
        let share = out.subscriptions_left(self.me.into()) / SHARED_BY;
        heard <= share.max(SHARE_MIN) || self.members(location) > 0
    }

    /// A client hears a channel no longer.
    pub fn close(&mut self, channel: Channel, conn: ConnId, out: &mut Outbox) {
        let removed = self.channels.remove(channel.0, conn.into());
        if removed.is_some_and(|removed| removed.last) {
            let left = out.unsubscribe(self.me.into(), channel);
            left.expect("a role that has no ranges makes no holes in one");
        }
    }

    /// A client hears nothing any more.
    pub fn close_all(&mut self, conn: ConnId, out: &mut Outbox) {
        while let Some(channel) = self.channels.any_of(conn.into()) {
            self.close(Channel(channel), conn, out);
        }
    }

    /// Calls `each` with everybody who hears a channel.
    #[inline]
    pub fn each(&self, channel: Channel, mut each: impl FnMut(ConnId)) {
        match self.channels.subscribers(channel.0) {
            Subscribers::None => (),
            Subscribers::One(who) => each(conn_of(who)),
            Subscribers::Many(members) => {
                members.iter().for_each(|member| each(conn_of(member.participant())));
            }
        }
    }

    fn members(&self, channel: Channel) -> usize {
        match self.channels.subscribers(channel.0) {
            Subscribers::None => 0,
            Subscribers::One(_) => 1,
            Subscribers::Many(members) => members.len(),
        }
    }
}

#[inline]
fn conn_of(who: Participant) -> ConnId {
    match who.kind() {
        Kind::Conn(conn) => conn,
        Kind::Shard(_) | Kind::Role(_) | Kind::Attracted(_) => {
            unreachable!("only clients hear here")
        }
    }
}
