//! Where a datagram goes: to connections of this shard as a piece of the turn's blocks, to roles of
//! this shard as mail, to other shards as an entry of their batch, and up.

use crate::block::{Frame, SHARED_FROM_BYTES};
use crate::channels::Subscribers;
use crate::ids::{ConnId, Kind, Participant, RoleId};
use crate::outbox::Outbox;
use crate::uplink::Uplink;
use alloc::vec::Vec;
use wire::datagram;
use wire::event::{Event, Value};
use wire::framing::{self, BodyTooLong};
use wire::ids::{Channel, MsgType};

/// Who a datagram may reach.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Subscribers, and the roles where it is placed.
    All,
    /// The same but for the role that sends it, at least on the sender's shard.
    Others,
}

impl Outbox {
    /// Routes a frame that came in on a connection, to the byte as it came.
    #[inline]
    pub fn route(
        &mut self,
        from: ConnId,
        frame: Frame<'_>,
        recipients: impl Iterator<Item = Channel> + Clone,
    ) {
        self.route_from(from.into(), Reach::All, frame, recipients);
    }

    /// Routes a datagram of which `body` is everything but the length tag, as if `from` had sent
    /// it. The caller has checked its envelope.
    pub fn route_body(
        &mut self,
        from: ConnId,
        body: &[u8],
        recipients: impl Iterator<Item = Channel> + Clone,
    ) -> Result<(), BodyTooLong> {
        let write = |own: &mut Vec<u8>| -> Result<(), BodyTooLong> {
            let start = framing::begin_frame(own);
            own.extend_from_slice(body);
            framing::finish_frame(own, start)
        };
        self.with_own(write, |out, frame| {
            out.route_from(from.into(), Reach::All, frame, recipients)
        })
    }

    /// Sends a datagram of a role's own. A role hears its own datagrams where it subscribed to
    /// them, or where they are placed: it stands for many objects. `payload` is not asked where
    /// nobody would hear it.
    pub fn send(
        &mut self,
        from: RoleId,
        recipients: &[Channel],
        sender: Channel,
        msgtype: MsgType,
        payload: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), BodyTooLong> {
        self.send_within(Reach::All, from, recipients, sender, msgtype, payload)
    }

    /// Sends a datagram of which all instances of the sending role know, or which they ignore: it
    /// need not reach them where it is placed. They must not mind if it does.
    pub fn notify(
        &mut self,
        from: RoleId,
        recipients: &[Channel],
        sender: Channel,
        msgtype: MsgType,
        payload: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), BodyTooLong> {
        self.send_within(Reach::Others, from, recipients, sender, msgtype, payload)
    }

    #[inline]
    fn send_within(
        &mut self,
        reach: Reach,
        from: RoleId,
        recipients: &[Channel],
        sender: Channel,
        msgtype: MsgType,
        payload: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), BodyTooLong> {
        if !self.reaches(from, reach, recipients) {
            return Ok(());
        }
        let write =
            |own: &mut Vec<u8>| datagram::write_datagram(own, recipients, sender, msgtype, payload);
        self.with_own(write, |out, frame| {
            out.route_from(from.into(), reach, frame, recipients.iter().copied());
        })
    }

    /// Whether anybody that this shard knows of has subscribed `channel` by itself, not in a range.
    #[inline]
    pub fn is_subscribed_singly(&self, channel: Channel) -> bool {
        self.router.channels.contains(channel.0)
    }

    /// Whether anybody that this shard knows of has subscribed `channel`: a connection, a role or
    /// another shard.
    #[inline]
    pub fn is_subscribed(&self, channel: Channel) -> bool {
        self.router.channels.contains(channel.0)
            || (!self.router.ranges.is_empty() && !self.router.ranges.at(channel.0).is_empty())
    }

    /// Routes a frame of another shard: to those of this shard, and up.
    #[inline]
    pub(crate) fn route_crossed(
        &mut self,
        from: Participant,
        frame: Frame<'_>,
        recipients: impl Iterator<Item = Channel> + Clone,
    ) {
        self.counts.datagrams_crossed += 1;
        let (_, role) = conn_or_role(from);
        self.deliver(None, role, Reach::All, frame, recipients);
        self.send_up(None, frame);
    }

    #[inline]
    fn route_from(
        &mut self,
        from: Participant,
        reach: Reach,
        frame: Frame<'_>,
        recipients: impl Iterator<Item = Channel> + Clone,
    ) {
        self.counts.datagrams += 1;
        let (conn, role) = conn_or_role(from);
        let mut shards = self.deliver(conn, role, reach, frame, recipients);
        if let Uplink::Elsewhere(shard) = self.uplink {
            shards |= shard.bit();
        }
        self.send_up(conn, frame);
        if shards != 0 {
            self.cross(from, frame, shards);
        }
    }

    /// Hands a datagram to the subscribers of this shard but `except`, and to the roles where it is
    /// placed; returns which other shards are to have it too, a bit each.
    #[inline]
    fn deliver(
        &mut self,
        except: Option<ConnId>,
        from: Option<RoleId>,
        reach: Reach,
        frame: Frame<'_>,
        recipients: impl Iterator<Item = Channel> + Clone,
    ) -> u64 {
        let Outbox { router, placement, outgoing, mailbox, counts, config, .. } = self;
        let (mut shards, mut deliveries) = (0, 0);
        outgoing.begin(except);
        mailbox.begin(from);
        let mut hand = |who: Participant| match who.kind() {
            Kind::Conn(conn) => deliveries += outgoing.push(conn, frame.span) as u64,
            Kind::Role(role) => deliveries += mailbox.datagram(role, frame.bytes()) as u64,
            Kind::Shard(shard) => shards |= shard.bit(),
            // The placement below finds it.
            Kind::Attracted(_) => (),
        };
        for channel in recipients.clone() {
            match router.channels.subscribers(channel.0) {
                Subscribers::None => (),
                Subscribers::One(who) => hand(who),
                Subscribers::Many(members) => {
                    members.iter().for_each(|member| hand(member.participant()));
                }
            }
            if !router.ranges.is_empty() {
                router.ranges.at(channel.0).iter().for_each(|&who| hand(who));
            }
        }
        if !placement.is_empty() {
            let but = from.filter(|_| reach == Reach::Others);
            let places = placement.of_all(recipients, but, config.dialect, frame.bytes());
            places.roles.iter().for_each(|&role| hand(role.into()));
            shards |= places.shards;
        }
        counts.deliveries += deliveries;
        shards
    }

    /// Whether a datagram to `recipients` would reach anybody.
    #[inline]
    fn reaches(&self, from: RoleId, reach: Reach, recipients: &[Channel]) -> bool {
        let but = (reach == Reach::Others).then_some(from);
        !matches!(self.uplink, Uplink::Absent)
            || recipients
                .iter()
                .any(|&channel| self.is_subscribed(channel) || self.placement.covers(channel, but))
    }

    /// Sends a datagram up, but for one to the control channel alone: that would be a command above,
    /// and what is routed is none. An object of that id may be asked for, say.
    #[inline]
    fn send_up(&mut self, from: Option<ConnId>, frame: Frame<'_>) {
        let Uplink::Here(upstream) = &mut self.uplink else { return };
        if from.is_some() && from == upstream.conn() {
            return;
        }
        let control = self.config.dialect.control_channel();
        if datagram::control_message(framing::body(frame.bytes()), control).is_some() {
            self.counts.dropped_unknown_control += 1;
            return;
        }
        if let Some(conn) = upstream.open() {
            self.outgoing.push(conn, frame.span);
        } else if !upstream.queue(frame.bytes(), self.config.limits.upstream_queue_bytes_max) {
            self.counts.dropped_upstream_queue_full += 1;
            if upstream.overflows() {
                self.say_overflow();
            }
        }
    }

    #[cold]
    fn say_overflow(&mut self) {
        let bytes = self.config.limits.upstream_queue_bytes_max;
        tracing::warn!("the queue for the upstream is full; what goes up is dropped and counted");
        let values = [("bytes", Value::Id(bytes as u64))];
        let kind = "upstream-queue-full";
        self.event(&Event { sender: "MessageDirector", kind, values: &values });
    }

    #[inline]
    fn cross(&mut self, from: Participant, frame: Frame<'_>, shards: u64) {
        let large = frame.bytes().len() >= SHARED_FROM_BYTES;
        if large {
            self.large.push((shards, frame.span));
        }
        let mut left = shards;
        while left != 0 {
            let batch = &mut self.batches[left.trailing_zeros() as usize];
            if large {
                batch.push_large(from);
            } else {
                batch.push_datagram(from, frame.bytes());
            }
            left &= left - 1;
        }
    }
}

fn conn_or_role(from: Participant) -> (Option<ConnId>, Option<RoleId>) {
    match from.kind() {
        Kind::Conn(conn) => (Some(conn), None),
        Kind::Role(role) => (None, Some(role)),
        Kind::Attracted(_) | Kind::Shard(_) => (None, None),
    }
}
