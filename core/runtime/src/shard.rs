//! One core's share of the daemon: roles, a router, and the turn.
//!
//! A driver (the engine, or the simulator) brings inputs and ends each turn in this order:
//! [`Shard::finish`], [`Shard::take_batch`] for every other shard and publish, only then
//! [`Shard::flush`], then [`Shard::effects`] and [`Shard::recycle`]. Batches of other shards that
//! lie in the inbox when sockets have been read are given before the bytes read (I2).

use crate::backlog::Origin;
use crate::batch::{self, Batch, Entry};
use crate::block::{Block, Frame, Source};
use crate::channels::FETCHED_MAX;
use crate::counts::{CloseReason, Counts};
use crate::ids::{ConnId, LinkId, ListenerId, Now, Participant, RoleId, ShardId, StoreId};
use crate::limits::Limits;
use crate::mailbox::{LetterKind, Mailbox};
use crate::outbox::{Ending, Outbox, ShardConfig};
use crate::outgoing::Sockets;
use crate::placement::Placing;
use crate::role::{Arrival, Effect, Input, Refusal, Role};
use crate::uplink::Uplink;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::{self, Vec};
use bytes::Bytes;
use core::cmp::Reverse;
use core::net::SocketAddr;
use smallvec::SmallVec;
use wire::datagram::Datagram;
use wire::framing::{self, Assembly};

/// How often a shard with backlogs looks for connections that do not read.
const STALL_CHECK_MS: u64 = 250;
/// With fewer subscriptions than this the channel map lies in the cache as it is.
const FETCH_FROM: usize = 8 << 10;

#[derive(Default)]
struct Conn {
    role: Option<RoleId>,
    /// The longest frame body that is taken from it.
    frame_bytes_max: u32,
    assembly: Assembly,
}

/// Input that waits because the turn is full, in order.
enum Work {
    Received(ConnId, Block, usize),
    Batch(ShardId, Block, VecDeque<Bytes>, usize),
    Closed(ConnId, CloseReason),
}

/// The roles of one shard and everything that they share.
pub struct Shard {
    roles: Vec<Box<dyn Role>>,
    /// Whose they are, and which of the limits their connections keep to.
    listeners: BTreeMap<ListenerId, (RoleId, u8)>,
    links: BTreeMap<LinkId, RoleId>,
    conns: Vec<Conn>,
    work: VecDeque<Work>,
    out: Outbox,
    spent: Vec<Block>,
    stall_check: Now,
    /// Memory for the next round of letters.
    spare_mailbox: Mailbox,
}

impl Shard {
    /// A shard without roles.
    pub fn new(config: ShardConfig) -> Shard {
        Shard {
            roles: Vec::new(),
            listeners: BTreeMap::new(),
            links: BTreeMap::new(),
            conns: Vec::new(),
            work: VecDeque::new(),
            out: Outbox::new(config),
            spent: Vec::new(),
            stall_check: Now(0),
            spare_mailbox: Mailbox::default(),
        }
    }

    /// Adds a role, which hears of the given listeners and links. Every shard of a daemon adds
    /// the same roles in the same order.
    pub fn add_role(
        &mut self,
        listeners: &[ListenerId],
        links: &[LinkId],
        make: impl FnOnce(RoleId) -> Box<dyn Role>,
    ) {
        let id = RoleId(self.roles.len() as u16);
        self.roles.push(make(id));
        self.listeners.extend(listeners.iter().map(|&listener| (listener, (id, 0))));
        self.links.extend(links.iter().map(|&link| (link, id)));
    }

    /// Adds a role whose instances on all shards are one: what it is placed says which of them a
    /// datagram is for.
    pub fn add_placed_role(
        &mut self,
        placing: Placing,
        make: impl FnOnce(RoleId) -> Box<dyn Role>,
    ) {
        let id = RoleId(self.roles.len() as u16);
        self.roles.push(make(id));
        self.out.place_role(id, placing);
    }

    /// The role added last hears of `listener`, whose connections keep to limits of their own.
    pub fn add_listener(&mut self, listener: ListenerId, limits: Limits) {
        let role = self.roles.len().checked_sub(1).expect("a listener is of a role added before");
        let class = self.out.outgoing.add_limits(limits);
        self.listeners.insert(listener, (RoleId(role as u16), class));
    }

    /// Begins. To be called once, before anything else.
    pub fn start(&mut self, now: Now) {
        self.step_all(now, || Input::Started);
    }

    /// Someone connected to `listener`.
    pub fn accepted(&mut self, now: Now, conn: ConnId, listener: ListenerId, arrival: Arrival<'_>) {
        let (role, class) = self.of_listener(listener);
        self.open(conn, role, class);
        self.step(now, role, Input::Accepted { conn, listener, arrival });
    }

    /// Someone who connected to `listener` was turned away.
    pub fn refused(&mut self, now: Now, listener: ListenerId, peer: SocketAddr, why: Refusal) {
        self.out.counts.refused(why);
        let (role, _) = self.of_listener(listener);
        self.step(now, role, Input::Refused { listener, peer, why });
    }

    /// The connection that [`Effect::Connect`] asked for stands.
    pub fn connected(&mut self, now: Now, conn: ConnId, link: LinkId, peer: SocketAddr) {
        let role = self.link_role(link);
        self.open(conn, role, 0);
        self.step(now, role, Input::Connected { conn, link, peer });
    }

    /// The connection that [`Effect::Connect`] asked for could not be made.
    pub fn connect_failed(&mut self, now: Now, link: LinkId, why: &str) {
        let role = self.link_role(link);
        self.step(now, role, Input::ConnectFailed { link, why });
    }

    /// Bytes of one read, in order.
    pub fn received(&mut self, now: Now, conn: ConnId, block: Block) {
        self.out.counts.bytes_in += block.bytes().len() as u64;
        self.work.push_back(Work::Received(conn, block.from(Source::Conn(conn)), 0));
        self.proceed(now);
    }

    /// The outside ended a connection.
    pub fn closed(&mut self, now: Now, conn: ConnId, reason: CloseReason) {
        self.work.push_back(Work::Closed(conn, reason));
        self.proceed(now);
    }

    /// The log of a store answers the part of this shard.
    pub fn stored(&mut self, now: Now, store: StoreId, reply: store::Reply) {
        let role = self.out.stores.iter().find(|(_, id)| *id == store).map(|(role, _)| *role);
        let role = role.expect("a driver runs stores that a role has");
        self.step(now, role, Input::Stored(reply));
    }

    /// A socket that was full has room again.
    pub fn writable(&mut self, conn: ConnId) {
        self.out.outgoing.writable(conn);
    }

    /// What another shard handed over.
    pub fn batch(&mut self, now: Now, from: ShardId, batch: Batch) {
        let Batch { bytes, large } = batch;
        let block = Block::owned(bytes, Source::Batch(from));
        self.work.push_back(Work::Batch(from, block, large, 0));
        self.proceed(now);
    }

    /// The clock has reached [`Shard::next_wake`]. What is asked for meanwhile, even for now, has to
    /// wait for the next time, as has what this turn does not hold.
    pub fn wake(&mut self, now: Now) {
        let mut due = SmallVec::<[(RoleId, u64); 4]>::new();
        while !self.out.is_full()
            && let Some(&Reverse((at, role, token))) = self.out.timers.peek()
            && at <= now
        {
            self.out.timers.pop();
            due.push((role, token));
        }
        due.into_iter().for_each(|(role, token)| self.step(now, role, Input::Wake { token }));
    }

    /// The daemon stops in order: what must be said is said, then the driver ends the
    /// connections.
    pub fn stop(&mut self, now: Now) {
        self.step_all(now, || Input::Stopping);
    }

    /// Ends the inputs of a turn.
    pub fn finish(&mut self, now: Now) {
        self.out.events.now = now;
        self.follow_up(now);
        self.tell_paused(now);
        self.proceed(now);
        self.close_stalled(now);
        if self.work.is_empty() {
            self.out.page();
        }
        self.out.seal();
    }

    /// What this turn has for another shard. To be published before [`Shard::flush`].
    pub fn take_batch(&mut self, to: ShardId) -> Option<Batch> {
        self.out.take_batch(to)
    }

    /// Writes to the sockets, only after all batches of the turn were published.
    pub fn flush(&mut self, now: Now, sockets: &mut dyn Sockets) {
        let Outbox { outgoing, blocks, verdicts, counts, .. } = &mut self.out;
        let flushed = outgoing.flush(now, blocks, sockets, verdicts);
        counts.writes += flushed.writes;
        counts.bytes_out += flushed.bytes;
        self.out.flushed(&mut self.spent);
        self.gauge();
    }

    /// What the driver is to do outside.
    pub fn effects(&mut self) -> vec::Drain<'_, Effect> {
        self.out.effects.drain(..)
    }

    /// Blocks to give back.
    pub fn recycle(&mut self) -> vec::Drain<'_, Block> {
        self.spent.drain(..)
    }

    /// Whether the turn is to be ended, and the next one begun without new input.
    pub fn is_full(&self) -> bool {
        !self.work.is_empty() || self.out.is_full()
    }

    /// Whether there is something to do without any input: the driver is not to sleep.
    pub fn wants_turn(&self) -> bool {
        !self.work.is_empty() || self.out.wants_turn()
    }

    /// When [`Shard::wake`] is to be called.
    pub fn next_wake(&self) -> Option<Now> {
        let timer = self.out.timers.peek().map(|Reverse((at, ..))| *at);
        let stall = self.out.outgoing.has_backlogs().then_some(self.stall_check);
        timer.into_iter().chain(stall).min()
    }

    /// What this shard has counted.
    pub fn counts(&self) -> &Counts {
        &self.out.counts
    }

    fn of_listener(&self, listener: ListenerId) -> (RoleId, u8) {
        let found = self.listeners.get(&listener).copied();
        found.expect("a driver accepts on listeners that a role has")
    }

    fn open(&mut self, conn: ConnId, role: RoleId, class: u8) {
        let at = conn.0 as usize;
        if self.conns.len() <= at {
            self.conns.resize_with(at + 1, Conn::default);
        }
        let frame_bytes_max = self.out.outgoing.limits(class).frame_bytes_max as u32;
        let assembly = Assembly::default();
        self.conns[at] = Conn { role: Some(role), frame_bytes_max, assembly };
        self.out.outgoing.open(conn, class);
        self.out.counts.participants += 1;
    }

    fn link_role(&self, link: LinkId) -> RoleId {
        self.links.get(&link).copied().expect("a driver answers for links that a role asked for")
    }

    fn role_of(&self, conn: ConnId) -> Option<RoleId> {
        self.conns.get(conn.0 as usize)?.role
    }

    #[inline]
    fn step(&mut self, now: Now, role: RoleId, input: Input<'_>) {
        self.roles[role.0 as usize].step(now, input, &mut self.out);
        if !self.out.mailbox.is_empty() || !self.out.closes.is_empty() {
            self.follow_up(now);
        }
    }

    fn step_all(&mut self, now: Now, input: impl Fn() -> Input<'static>) {
        for role in 0..self.roles.len() {
            self.step(now, RoleId(role as u16), input());
        }
    }

    /// Delivers what the last input caused within this shard, until nothing is left.
    fn follow_up(&mut self, now: Now) {
        loop {
            if !self.out.mailbox.is_empty() {
                let spare = core::mem::take(&mut self.spare_mailbox);
                let mut mailbox = core::mem::replace(&mut self.out.mailbox, spare);
                for letter in &mailbox.letters {
                    let bytes = &mailbox.bytes[letter.range.clone()];
                    let input = match letter.kind {
                        LetterKind::Datagram(from) => Input::Datagram { frame: bytes, from },
                        LetterKind::Told => Input::Told { from: self.out.me(), message: bytes },
                    };
                    self.roles[letter.role.0 as usize].step(now, input, &mut self.out);
                }
                mailbox.clear();
                self.spare_mailbox = mailbox;
            } else if let Some(Ending { conn, reason, last_words }) = self.out.closes.pop_front() {
                if self.end(now, conn, reason, last_words) && !last_words {
                    self.out.effects.push(Effect::Close(conn, reason));
                }
            } else {
                return;
            }
        }
    }

    /// Lets roles hear of their connections that were paused.
    fn tell_paused(&mut self, now: Now) {
        for conn in core::mem::take(&mut self.out.flooding) {
            if let Some(role) = self.role_of(conn) {
                self.step(now, role, Input::Paused { conn });
            }
        }
    }

    /// Does what waits, as far as the turn holds it.
    fn proceed(&mut self, now: Now) {
        while !self.out.is_full()
            && let Some(work) = self.work.pop_front()
        {
            match work {
                Work::Received(conn, block, at) => self.proceed_received(now, conn, block, at),
                Work::Batch(from, block, large, at) => {
                    self.proceed_batch(now, from, block, large, at);
                }
                Work::Closed(conn, reason) => {
                    self.end(now, conn, reason, false);
                    self.follow_up(now);
                }
            }
        }
    }

    /// Steps the frames of a read, from `at` on.
    fn proceed_received(&mut self, now: Now, conn: ConnId, mut block: Block, at: usize) {
        let mut at = at;
        if let Some(slot) = self.conns.get_mut(conn.0 as usize)
            && !slot.assembly.is_empty()
        {
            let (taken, whole) = slot.assembly.complete(block.bytes());
            at += taken;
            whole.into_iter().for_each(|frame| self.step_assembled(now, conn, frame));
        }
        let index = self.out.reserve();
        let mut foreseen = at;
        while let Some((bytes, _)) = framing::split_frame(&block.bytes()[at..]) {
            if self.role_of(conn).is_none() {
                break;
            }
            if self.out.churns && at >= foreseen {
                foreseen = at + self.foresee(conn, &block.bytes()[at..]);
            }
            if self.out.is_full() {
                let rest = block.again();
                self.out.blocks[index as usize] = rest;
                return self.work.push_front(Work::Received(conn, block, at));
            }
            self.step_frame(now, conn, bytes, index, at);
            at += bytes.len();
        }
        if self.role_of(conn).is_some() && at < block.bytes().len() {
            self.conns[conn.0 as usize].assembly.begin(&block.bytes()[at..]);
        }
        self.out.blocks[index as usize] = block;
    }

    /// Fetches what the next few frames of `bytes` are going to change; returns how long they are.
    fn foresee(&mut self, conn: ConnId, bytes: &[u8]) -> usize {
        self.out.churns = false;
        let channels = &self.out.router.channels;
        let Some(role) = self.role_of(conn) else { return 0 };
        if channels.subscriptions() < FETCH_FROM {
            return bytes.len();
        }
        let (mut at, mut foreseen) = (0, SmallVec::<[u64; FETCHED_MAX]>::new());
        while foreseen.len() < FETCHED_MAX
            && let Some((frame, _)) = framing::split_frame(&bytes[at..])
        {
            let frame = Frame::new(frame, 0, at);
            let role = &self.roles[role.0 as usize];
            let Some(channel) = role.foresee(frame, &self.out) else { break };
            foreseen.push(channel.0);
            at += frame.bytes().len();
        }
        channels.fetch(&foreseen, conn.into());
        at
    }

    /// Steps a frame that came in several reads: it is a block of its own.
    fn step_assembled(&mut self, now: Now, conn: ConnId, frame: Vec<u8>) {
        let index = self.out.reserve();
        self.step_frame(now, conn, &frame, index, 0);
        self.out.blocks[index as usize] = Block::owned(frame, Source::Conn(conn));
    }

    /// Steps the frame `bytes` at `start` of a block. The input is made in the place that the role
    /// reads it from: a copy made at once would wait for all stores before it.
    #[inline]
    fn step_frame(&mut self, now: Now, conn: ConnId, bytes: &[u8], block: u32, start: usize) {
        self.out.counts.frames_in += 1;
        let Some(&Conn { role: Some(role), frame_bytes_max, .. }) = self.conns.get(conn.0 as usize)
        else {
            return;
        };
        if framing::body(bytes).len() > frame_bytes_max as usize {
            self.out.close(conn, CloseReason::FrameTooLong);
            return self.follow_up(now);
        }
        self.step(now, role, Input::Frame { conn, frame: Frame::new(bytes, block, start) });
    }

    /// Steps the entries of a batch, from `at` on.
    fn proceed_batch(
        &mut self,
        now: Now,
        from: ShardId,
        mut block: Block,
        mut large: VecDeque<Bytes>,
        at: usize,
    ) {
        let index = self.out.reserve();
        let mut at = at;
        while let Some((entry, next)) = batch::entry(block.bytes(), at) {
            if self.out.is_full() {
                let rest = block.again();
                self.out.blocks[index as usize] = rest;
                return self.work.push_front(Work::Batch(from, block, large, at));
            }
            match entry {
                Entry::Datagram { participant, start, frame } => {
                    self.route_crossed(now, participant, Frame::new(frame, index, start));
                }
                Entry::Large(participant) => {
                    let bytes = large.pop_front().expect("a large frame comes with its batch");
                    let index = self.out.reserve();
                    self.route_crossed(now, participant, Frame::new(&bytes, index, 0));
                    let source = Source::Large(from, participant);
                    self.out.blocks[index as usize] = Block::shared(bytes, source);
                }
                Entry::Change(change) => self.out.change(from, change),
                Entry::Told(role, message) => {
                    self.step(now, role, Input::Told { from, message });
                }
                Entry::Attracted(role, channel, wanted) => {
                    self.out.change_attracted(role, channel, wanted);
                }
                Entry::Pause(conn, pause) => {
                    self.out.pause(Origin { shard: None, conn }, pause);
                }
            }
            at = next;
        }
        self.out.blocks[index as usize] = block;
    }

    #[inline]
    fn route_crossed(&mut self, now: Now, from: Participant, frame: Frame<'_>) {
        let dg = Datagram::parse(frame.body()).expect("the shard that routed it has checked it");
        self.out.route_crossed(from, frame, dg.recipients());
        if !self.out.mailbox.is_empty() {
            self.follow_up(now);
        }
    }

    /// Ends a connection, be it after what was written to it has gone out; `false` if it had ended
    /// before.
    fn end(&mut self, now: Now, conn: ConnId, reason: CloseReason, last_words: bool) -> bool {
        let Some(role) = self.conns.get_mut(conn.0 as usize).and_then(|slot| slot.role.take())
        else {
            return false;
        };
        self.conns[conn.0 as usize].assembly = Assembly::default();
        if !last_words {
            self.out.forget(conn);
        }
        self.out.counts.participants -= 1;
        self.out.counts.closed(reason);
        self.roles[role.0 as usize].step(now, Input::Closed { conn, reason }, &mut self.out);
        true
    }

    fn close_stalled(&mut self, now: Now) {
        if !self.out.outgoing.has_backlogs() || now < self.stall_check {
            return;
        }
        self.stall_check = now.plus_ms(STALL_CHECK_MS);
        let stalled: Vec<ConnId> = self.out.outgoing.stalled(now).collect();
        stalled.into_iter().for_each(|conn| self.out.close(conn, CloseReason::Stalled));
        self.follow_up(now);
    }

    fn gauge(&mut self) {
        let Outbox { router, outgoing, uplink, counts, .. } = &mut self.out;
        counts.subscriptions = router.channels.subscriptions() as u64;
        counts.range_pieces = router.ranges.pieces() as u64;
        counts.backlog_bytes = outgoing.backlog_bytes();
        if let Uplink::Here(upstream) = uplink {
            counts.upstream_queue_bytes = upstream.queued() as u64;
        }
    }
}
