//! Where a role puts what it wants done.
//!
//! Datagrams are routed as they are pushed, see [`crate::delivery`]. Nothing leaves the shard before
//! the driver ends the turn.

use crate::backlog::Origin;
use crate::batch::Batch;
use crate::block::{Block, Frame, Source, Span};
use crate::counts::{CloseReason, Counts};
use crate::events::Events;
use crate::ids::{ConnId, LinkId, Now, Participant, RoleId, ShardId, StoreId};
use crate::limits::Limits;
use crate::mailbox::Mailbox;
use crate::outgoing::{Outgoing, Verdict};
use crate::placement::{Objects, Placement, Placing};
use crate::role::Effect;
use crate::router::{Change, Changes, OverLimit, Router};
use crate::uplink::{Uplink, Upstream};
use alloc::collections::{BTreeMap, BinaryHeap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;
use smallvec::SmallVec;
use wire::control::ControlMessage;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId};

/// The block that holds what this shard itself writes in a turn.
const OWN_BLOCK: u32 = 0;
/// More pieces than this end a turn early.
const PIECES_MAX: usize = 1 << 18;
/// More own bytes than this end a turn early.
const OWN_BYTES_MAX: usize = 4 << 20;
/// Single channels announced upstream per turn.
const ANNOUNCED_PER_TURN: usize = 16 << 10;
/// Subscriptions of ended connections taken down per turn.
const LEFT_PER_TURN: usize = 16 << 10;

/// What one shard is: its place among the shards, its dialect, its limits.
#[derive(Clone)]
pub struct ShardConfig {
    /// Which shard.
    pub me: ShardId,
    /// Of how many.
    pub shards: usize,
    /// What the messages of this daemon look like.
    pub dialect: Dialect,
    /// What grows no further.
    pub limits: Limits,
    /// The shard that holds the upstream link, if there is to be one.
    pub upstream: Option<ShardId>,
    /// Whether events have somewhere to go.
    pub has_event_logger: bool,
    /// Keys of the hash of channels: random in production, fixed in the simulator.
    pub hash_seeds: [u64; 4],
}

/// A connection that a role, or the shard itself, wants to end.
pub(crate) struct Ending {
    pub(crate) conn: ConnId,
    pub(crate) reason: CloseReason,
    /// What was written to it is to go out before.
    pub(crate) last_words: bool,
}

/// The outputs of the roles of one shard.
pub struct Outbox {
    pub(crate) config: ShardConfig,
    pub(crate) router: Router,
    pub(crate) placement: Placement,
    /// Which role has which store.
    pub(crate) stores: SmallVec<[(RoleId, StoreId); 1]>,
    pub(crate) outgoing: Outgoing,
    pub(crate) uplink: Uplink,
    pub(crate) mailbox: Mailbox,
    pub(crate) blocks: Vec<Block>,
    pub(crate) closes: VecDeque<Ending>,
    pub(crate) leaving: VecDeque<ConnId>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) timers: BinaryHeap<Reverse<(Now, RoleId, u64)>>,
    /// How often events are said.
    pub(crate) events: Events,
    /// A single subscription came or went lately: more are likely to follow.
    pub(crate) churns: bool,
    own: Vec<u8>,
    pub(crate) batches: Vec<Batch>,
    /// Large frames of this turn: for which shards (a bit each), and where.
    pub(crate) large: Vec<(u64, Span)>,
    /// Connections that were paused since roles heard of it.
    pub(crate) flooding: Vec<ConnId>,
    /// How many backlogs each connection is paused for.
    paused: BTreeMap<ConnId, u32>,
    /// What this shard counts; roles count here too.
    pub counts: Counts,
}

impl Outbox {
    pub(crate) fn new(config: ShardConfig) -> Outbox {
        assert!(
            (1..=ShardId::COUNT_MAX).contains(&config.shards)
                && (config.me.0 as usize) < config.shards,
            "a shard is one of 1 to 64"
        );
        let [a, b, c, d] = config.hash_seeds;
        let here = config.upstream == Some(config.me);
        let changes =
            Changes { shards: (config.shards > 1).then(Vec::new), upstream: here.then(Vec::new) };
        Outbox {
            placement: Placement::new(config.me, config.shards),
            stores: SmallVec::new(),
            router: Router::new(ahash::RandomState::with_seeds(a, b, c, d), changes),
            outgoing: Outgoing::new(config.limits),
            uplink: match config.upstream {
                None => Uplink::Absent,
                Some(_) if here => Uplink::Here(Upstream::default()),
                Some(shard) => Uplink::Elsewhere(shard),
            },
            mailbox: Mailbox::default(),
            blocks: Vec::from([own_block(Vec::new())]),
            closes: VecDeque::new(),
            leaving: VecDeque::new(),
            effects: Vec::new(),
            verdicts: Vec::new(),
            timers: BinaryHeap::new(),
            events: Events::new(&config.limits),
            churns: false,
            own: Vec::new(),
            batches: (0..config.shards).map(|_| Batch::default()).collect(),
            large: Vec::new(),
            flooding: Vec::new(),
            paused: BTreeMap::new(),
            counts: Counts::default(),
            config,
        }
    }

    /// Which shard this is.
    pub fn me(&self) -> ShardId {
        self.config.me
    }

    /// The dialect of this daemon.
    pub fn dialect(&self) -> Dialect {
        self.config.dialect
    }

    /// The limits of this shard.
    pub fn limits(&self) -> &Limits {
        &self.config.limits
    }

    /// Lets the upstream send what is for a placed channel. Inside the daemon the placement finds
    /// it without.
    pub fn attract(&mut self, role: RoleId, channel: Channel) {
        self.change_attracted(role, channel, true);
    }

    /// The opposite of [`Outbox::attract`].
    pub fn release(&mut self, role: RoleId, channel: Channel) {
        self.change_attracted(role, channel, false);
    }

    /// What the instances of `role` want from the upstream has changed, on this shard or another.
    pub(crate) fn change_attracted(&mut self, role: RoleId, channel: Channel, wanted: bool) {
        if self.placement.is_in_range_of(role, channel) {
            return; // its range is wanted as long as there is the role
        }
        match self.uplink {
            Uplink::Absent => (),
            Uplink::Elsewhere(shard) => {
                self.batches[shard.0 as usize].push_attracted(role, channel, wanted);
            }
            Uplink::Here(_) => {
                let (who, limits) = (Participant::attracted(role), &self.config.limits);
                let done = match wanted {
                    true => self.router.add(who, channel.0, limits),
                    false => self.router.remove(who, channel.0, limits),
                };
                assert!(done.is_ok(), "what roles attract has their own limits");
                self.tell_changes();
            }
        }
    }

    pub(crate) fn place_role(&mut self, role: RoleId, placing: Placing) {
        let (controls, objects) = (placing.controls.clone(), placing.objects.clone());
        let clients = placing.clients.clone();
        self.stores.extend(placing.store.map(|store| (role, store)));
        self.placement.add(role, placing);
        if matches!(self.uplink, Uplink::Here(_)) {
            controls.iter().for_each(|&control| self.attract(role, control));
            if let Objects::Ranges(ranges) = objects {
                for range in ranges {
                    let [low, high] = [range.start(), range.end()].map(|id| Channel::object(*id));
                    self.attract_range(role, low, high);
                }
            }
            clients.iter().for_each(|clients| {
                self.attract_range(role, *clients.range.start(), *clients.range.end());
            });
        }
    }

    /// The shard that a chunk of `role`'s client channels is leased to from now on; `None`: to none.
    /// All shards must be told, and the one that gets it last (I2).
    pub fn lease(&mut self, role: RoleId, chunk: u32, to: Option<ShardId>) {
        self.placement.lease(role, chunk, to);
    }

    fn attract_range(&mut self, role: RoleId, low: Channel, high: Channel) {
        let who = Participant::attracted(role);
        let done = self.router.add_range(who, low.0, high.0, &self.config.limits);
        assert!(done.is_ok(), "what roles attract has their own limits");
        self.tell_changes();
    }

    /// Whether a channel is the control channel of some placed role.
    pub fn is_control(&self, channel: Channel) -> bool {
        self.placement.is_control(channel)
    }

    /// Whether this daemon has others above it.
    pub fn has_upstream(&self) -> bool {
        !matches!(self.uplink, Uplink::Absent)
    }

    /// Whether roles of this shard have been sent something that they have not heard yet.
    pub fn has_mail(&self) -> bool {
        !self.mailbox.is_empty()
    }

    /// Whether the channel of an object is placed to another role than `me` as well.
    pub fn is_placed_elsewhere(&self, me: RoleId, do_id: DoId) -> bool {
        self.placement.covers(Channel::object(do_id), Some(me))
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.config.shards
    }

    /// Writes a frame to one connection; `write` appends it, length tag included.
    pub fn write<E>(
        &mut self,
        conn: ConnId,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.with_own(write, |out, frame| {
            out.outgoing.begin(None);
            out.outgoing.push(conn, frame.span);
        })
    }

    /// Writes a frame to each of `conns`, which share its bytes; one that stands there twice gets it
    /// once. `write` appends it, length tag included, and is asked once.
    pub fn write_each<E>(
        &mut self,
        conns: impl IntoIterator<Item = ConnId>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.with_own(write, |out, frame| {
            out.outgoing.begin(None);
            let reached = conns.into_iter().filter(|&conn| out.outgoing.push(conn, frame.span));
            out.counts.deliveries += reached.count() as u64;
        })
    }

    /// Ends a connection. [`crate::Input::Closed`] follows before anything else is heard of it.
    pub fn close(&mut self, conn: ConnId, reason: CloseReason) {
        self.closes.push_back(Ending { conn, reason, last_words: false });
    }

    /// Ends a connection after what was written to it: as far as its socket takes that, it arrives.
    /// Nothing more is written. [`crate::Input::Closed`] follows before anything else is heard of it.
    pub fn finish(&mut self, conn: ConnId, reason: CloseReason) {
        self.outgoing.finish(conn, reason);
        self.closes.push_back(Ending { conn, reason, last_words: true });
    }

    /// `who` subscribes a channel.
    pub fn subscribe(&mut self, who: Participant, channel: Channel) -> Result<(), OverLimit> {
        self.churns = true;
        let done = self.router.add(who, channel.0, &self.config.limits);
        self.tell_changes();
        done
    }

    /// How many more single channels `who` may subscribe.
    pub fn subscriptions_left(&self, who: Participant) -> usize {
        let taken = self.router.channels.count_of(who);
        self.config.limits.subscriptions_max.saturating_sub(taken) as usize
    }

    /// `who` leaves a channel.
    pub fn unsubscribe(&mut self, who: Participant, channel: Channel) -> Result<(), OverLimit> {
        self.churns = true;
        let done = self.router.remove(who, channel.0, &self.config.limits);
        self.tell_changes();
        done
    }

    /// `who` subscribes the channels from `low` to `high`, both included; `low <= high`.
    pub fn subscribe_range(
        &mut self,
        who: Participant,
        low: Channel,
        high: Channel,
    ) -> Result<(), OverLimit> {
        assert!(low <= high, "a range begins before it ends");
        let done = self.router.add_range(who, low.0, high.0, &self.config.limits);
        self.tell_changes();
        done
    }

    /// `who` leaves the channels from `low` to `high`, both included; `low <= high`.
    pub fn unsubscribe_range(
        &mut self,
        who: Participant,
        low: Channel,
        high: Channel,
    ) -> Result<(), OverLimit> {
        assert!(low <= high, "a range begins before it ends");
        let done = self.router.remove_range(who, low.0, high.0, &self.config.limits);
        self.tell_changes();
        done
    }

    /// Tells the instance of `role` on another shard (or this one) something, in order with what
    /// is sent to that shard.
    pub fn tell(&mut self, shard: ShardId, role: RoleId, message: &[u8]) {
        if shard == self.config.me {
            self.mailbox.told(role, message);
        } else {
            self.batches[shard.0 as usize].push_told(role, message);
        }
    }

    /// Asks for a connection to `address`.
    pub fn connect(&mut self, link: LinkId, address: String) {
        self.effects.push(Effect::Connect(link, address));
    }

    /// The connection to the upstream stands: announce all subscriptions on it, then send what
    /// waited.
    pub fn upstream_up(&mut self, conn: ConnId) {
        if let Uplink::Here(upstream) = &mut self.uplink {
            upstream.up(conn);
        }
    }

    /// The connection to the upstream is gone: what should go up waits.
    pub fn upstream_down(&mut self) {
        if let Uplink::Here(upstream) = &mut self.uplink {
            upstream.down();
        }
    }

    /// Asks for [`crate::Input::Wake`] with `token` at `at`.
    pub fn wake_at(&mut self, role: RoleId, at: Now, token: u64) {
        self.timers.push(Reverse((at, role, token)));
    }

    /// Hands the log of `role`'s store a request of its part on this shard. They keep their order;
    /// what the log says comes as [`crate::Input::Stored`].
    pub fn ask_store(&mut self, role: RoleId, request: store::Request) {
        let store = self.stores.iter().find(|(owner, _)| *owner == role);
        let &(_, store) = store.expect("a role that asks its store was made with one");
        self.effects.push(Effect::AskStore(store, request));
    }

    /// Whether this turn holds enough: what can wait is to be done in the next one.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.outgoing.pieces() >= PIECES_MAX || self.own.len() >= OWN_BYTES_MAX
    }

    /// A place for a block whose frames are about to be routed.
    pub(crate) fn reserve(&mut self) -> u32 {
        self.blocks.push(own_block(Vec::new()));
        self.blocks.len() as u32 - 1
    }

    /// Lets `write` append one frame to the shard's own block and `then` do something with it.
    pub(crate) fn with_own<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
        then: impl FnOnce(&mut Outbox, Frame<'_>),
    ) -> Result<(), E> {
        let mut own = core::mem::take(&mut self.own);
        let start = own.len();
        let written = write(&mut own);
        if written.is_ok() {
            then(self, Frame::new(&own[start..], OWN_BLOCK, start));
        }
        debug_assert!(self.own.is_empty(), "nothing else is written meanwhile");
        self.own = own;
        written
    }

    /// Passes on what the router says that the neighbours must hear.
    pub(crate) fn tell_changes(&mut self) {
        if let Some(changes) = self.router.changes.shards.as_mut().filter(|all| !all.is_empty()) {
            for (at, batch) in self.batches.iter_mut().enumerate() {
                if at != self.config.me.0 as usize {
                    changes.iter().for_each(|&change| batch.push_change(change));
                }
            }
            changes.clear();
        }
        let Some(changes) = &mut self.router.changes.upstream else { return };
        if changes.is_empty() {
            return;
        }
        let mut changes = core::mem::take(changes);
        if let Uplink::Here(upstream) = &self.uplink
            && let Some(conn) = upstream.conn()
        {
            changes.iter().for_each(|&change| self.announce(conn, change));
        }
        changes.clear();
        self.router.changes.upstream = Some(changes);
    }

    fn announce(&mut self, upstream: ConnId, change: Change) {
        let message = match change {
            Change::Add(channel) => ControlMessage::AddChannel(Channel(channel)),
            Change::Remove(channel) => ControlMessage::RemoveChannel(Channel(channel)),
            Change::AddRange(low, high) => ControlMessage::AddRange(Channel(low), Channel(high)),
            Change::RemoveRange(low, high) => {
                ControlMessage::RemoveRange(Channel(low), Channel(high))
            }
        };
        let dialect = self.config.dialect;
        self.write(upstream, |own| message.encode(dialect, own))
            .expect("both dialects have the subscription messages, and they are short");
    }

    /// Applies a change that another shard told.
    pub(crate) fn change(&mut self, shard: ShardId, change: Change) {
        let (who, limits) = (Participant::from(shard), &self.config.limits);
        let done = match change {
            Change::Add(channel) => self.router.add(who, channel, limits),
            Change::Remove(channel) => self.router.remove(who, channel, limits),
            Change::AddRange(low, high) => self.router.add_range(who, low, high, limits),
            Change::RemoveRange(low, high) => self.router.remove_range(who, low, high, limits),
        };
        assert!(done.is_ok(), "limits are checked on the shard of the participant");
        self.tell_changes();
    }

    /// Goes on with what is done in pages: ended connections, announcements, the queue.
    pub(crate) fn page(&mut self) {
        let mut budget = LEFT_PER_TURN;
        while let Some(&conn) = self.leaving.front() {
            let before = self.router.channels.count_of(conn.into()) as usize;
            let done = self.router.leave(conn.into(), budget);
            self.tell_changes();
            if !done {
                break;
            }
            budget = budget.saturating_sub(before).max(1);
            self.leaving.pop_front();
            self.effects.push(Effect::Released(conn));
        }
        self.page_upstream();
    }

    fn page_upstream(&mut self) {
        let Uplink::Here(upstream) = &mut self.uplink else { return };
        let Some(conn) = upstream.conn().filter(|conn| !self.outgoing.is_behind(*conn)) else {
            return;
        };
        if let Some(cursor) = upstream.announcing() {
            let mut page = Vec::new();
            let next = self.router.announce(cursor, ANNOUNCED_PER_TURN, |change| page.push(change));
            upstream.announced(next);
            page.iter().for_each(|&change| self.announce(conn, change));
        } else if let Some(page) = upstream.take() {
            let block = self.reserve();
            let span = Span { block, start: 0, len: page.len() as u32 };
            self.blocks[block as usize] = Block::owned(page, Source::Role);
            self.outgoing.begin(None);
            self.outgoing.push(conn, span);
        }
    }

    /// Whether there is something to do without any input.
    pub(crate) fn wants_turn(&self) -> bool {
        let upstream_behind = match &self.uplink {
            Uplink::Here(upstream) => {
                let free = upstream.conn().is_some_and(|conn| !self.outgoing.is_behind(conn));
                upstream.is_behind() && free
            }
            Uplink::Absent | Uplink::Elsewhere(_) => false,
        };
        upstream_behind
            || !self.closes.is_empty()
            || !self.flooding.is_empty()
            || !self.leaving.is_empty()
            || self.outgoing.is_dirty()
            || self.batches.iter().any(|batch| !batch.is_empty())
    }

    /// Ends what is written in this turn: the shard's own block joins the others.
    pub(crate) fn seal(&mut self) {
        self.blocks[OWN_BLOCK as usize] = own_block(core::mem::take(&mut self.own));
    }

    /// What this turn has for `shard`, after [`Outbox::seal`].
    pub(crate) fn take_batch(&mut self, shard: ShardId) -> Option<Batch> {
        let batch = &mut self.batches[shard.0 as usize];
        if batch.is_empty() {
            return None;
        }
        for &(shards, span) in &self.large {
            if shards & shard.bit() != 0 {
                let whole = self.blocks[span.block as usize].share();
                let (start, end) = (span.start as usize, (span.start + span.len) as usize);
                batch.large.push_back(whole.slice(start..end));
            }
        }
        Some(core::mem::take(batch))
    }

    /// After a flush: acts on what the sockets said and hands over the spent blocks.
    pub(crate) fn flushed(&mut self, spent: &mut Vec<Block>) {
        self.large.clear();
        spent.extend(self.blocks.drain(1..));
        let own = core::mem::replace(&mut self.blocks[OWN_BLOCK as usize], own_block(Vec::new()));
        self.own =
            own.into_parts().1.filter(|own| own.capacity() <= OWN_BYTES_MAX).unwrap_or_default();
        self.own.clear();
        let mut verdicts = core::mem::take(&mut self.verdicts);
        for verdict in verdicts.drain(..) {
            match verdict {
                Verdict::Backlog(conn) => self.close(conn, CloseReason::Backlog),
                Verdict::Broken(conn) => self.close(conn, CloseReason::Reset),
                Verdict::Pause(origin) => self.pause(origin, true),
                Verdict::Resume(origin) => self.pause(origin, false),
                Verdict::Finished(conn, reason) => {
                    self.forget(conn);
                    self.effects.push(Effect::Finish(conn, reason));
                }
            }
        }
        self.verdicts = verdicts;
    }

    /// Stops reading from a sender, or goes on, wherever it is.
    pub(crate) fn pause(&mut self, origin: Origin, pause: bool) {
        let conn = origin.conn;
        if let Some(shard) = origin.shard {
            return self.batches[shard.0 as usize].push_pause(conn, pause);
        }
        let count = self.paused.entry(conn).or_default();
        if pause {
            *count += 1;
            if *count == 1 && self.outgoing.is_open(conn) {
                self.counts.pauses += 1;
                self.flooding.push(conn);
                self.effects.push(Effect::Pause(conn));
            }
        } else {
            *count = count.saturating_sub(1);
            if *count == 0 && self.outgoing.is_open(conn) {
                self.effects.push(Effect::Resume(conn));
            }
        }
        if *count == 0 {
            self.paused.remove(&conn);
        }
    }

    /// Forgets what goes out to a connection that ended.
    pub(crate) fn forget(&mut self, conn: ConnId) {
        for origin in self.outgoing.close(conn) {
            self.pause(origin, false);
        }
        self.paused.remove(&conn);
        self.leaving.push_back(conn);
    }
}

fn own_block(bytes: Vec<u8>) -> Block {
    Block::owned(bytes, Source::Role)
}
