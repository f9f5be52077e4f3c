//! The turn of a shard.
//!
//! (1) reap the sockets; (2) drain the inbox to the tail seen after the reap; (3) step the bytes
//! reaped; (4) publish to all inboxes; (5) only then write sockets. What an outside process with
//! several connections can observe relies on this order (I2).

use crate::connect::{Dialled, dial};
use crate::counters::{Counters, EngineCounts};
use crate::listen;
use crate::ring::{self, Completion, Ring};
use crate::slots::{Op, Slots, Token};
use crate::stop::Stop;
use crate::stores::StoreLinks;
use crate::wake::Waker;
use inbox::Port;
use runtime::{
    Arrival, Batch, Block, CloseReason, ConnId, Effect, ListenerId, Now, Shard, ShardId, Sockets,
    Ticket, Write,
};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown};
use smallvec::SmallVec;
use socket2::Socket;
use std::io::{self, IoSlice};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use tracing::{debug, info, warn};

/// Completions taken per turn: the bound of a turn is on socket bytes.
const REAPED_PER_TURN: usize = 256;
const COUNTERS_EVERY: Duration = Duration::from_millis(20);
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);
const STOP_WITHIN: Duration = Duration::from_secs(2);
const SLOW_TURN_NS: u64 = 1_000_000;

/// What a shard's loop is made of.
pub struct Parts {
    /// The shard itself.
    pub shard: Shard,
    /// Its number.
    pub me: usize,
    /// Its end of the mesh.
    pub port: Port<Batch>,
    /// Its listening sockets.
    pub listeners: Vec<(ListenerId, Socket)>,
    /// The wakers of all shards.
    pub wakers: Arc<[Waker]>,
    /// The order to stop.
    pub stop: Stop,
    /// Where it publishes what it counts.
    pub counters: Counters,
    /// Where events go, if anywhere.
    pub events: Option<UdpSocket>,
    /// Its end of the stores.
    pub stores: StoreLinks,
}

/// A shard with its sockets, on its core.
pub struct TurnLoop {
    parts: Parts,
    ring: Ring,
    slots: Slots,
    counts: EngineCounts,
    began: Instant,
    published: Instant,
    completions: Vec<Completion>,
    /// Receives to arm again when buffers are back.
    starved: Vec<ConnId>,
    /// Sockets found full in this turn.
    full: Vec<ConnId>,
    /// When each listener is to accept (again).
    accept_at: Vec<Option<Instant>>,
    /// Whether the ring watches the waker.
    is_watched: bool,
    stopping: Option<Instant>,
    answers: (Sender<Dialled>, Receiver<Dialled>),
}

/// What a turn came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turned {
    /// Something happened: turn again.
    Busy,
    /// Nothing happened.
    Idle,
    /// The shard has stopped.
    Stopped,
}

impl TurnLoop {
    /// Begins: starts the shard and listens.
    pub fn new(parts: Parts, ring: Ring) -> TurnLoop {
        let now = Instant::now();
        let accept_at = vec![Some(now); parts.listeners.len()];
        let mut turn_loop = TurnLoop {
            parts,
            ring,
            slots: Slots::default(),
            counts: EngineCounts::default(),
            began: now,
            published: now,
            completions: Vec::with_capacity(REAPED_PER_TURN),
            starved: Vec::new(),
            full: Vec::new(),
            accept_at,
            is_watched: false,
            stopping: None,
            answers: channel(),
        };
        turn_loop.parts.shard.start(Now(0));
        turn_loop
    }

    /// One turn.
    pub fn turn(&mut self) -> io::Result<Turned> {
        let began = Instant::now();
        let now = self.now(began);
        let reaped = self.reap(began)?;
        let drained = self.drain(now);
        let mut completions = std::mem::take(&mut self.completions);
        for completion in completions.drain(..) {
            self.step(now, completion);
            self.end_full_turns(now);
        }
        self.completions = completions;
        let dialled = self.take_dialled(now);
        let stored = self.take_stored(now);
        self.parts.shard.wake(now);
        let stop = self.parts.stop.is_asked() && self.stopping.is_none();
        if stop {
            self.begin_to_stop(now, began);
        }
        self.end(now);
        if stop {
            self.parts.stop.shard_has_spoken();
        }
        let due = self.parts.shard.next_wake().is_some_and(|at| at <= now);
        let busy =
            reaped || drained || dialled || stored || stop || due || self.parts.shard.wants_turn();
        self.account(began, busy);
        Ok(match (self.has_stopped(began, busy), busy) {
            (true, _) => Turned::Stopped,
            (false, true) => Turned::Busy,
            (false, false) => Turned::Idle,
        })
    }

    /// Whether a store will answer so soon that it is not worthwhile to sleep.
    pub fn looks_for_answer(&self) -> bool {
        self.parts.stores.look_for_answer()
    }

    /// Sleeps until there is something to do.
    pub fn sleep(&mut self) -> io::Result<()> {
        if !self.is_watched {
            self.is_watched = true;
            let event = self.parts.wakers[self.parts.me].event();
            self.ring.watch(event.as_fd(), Token::new(Op::Wake, 0, 0).0);
        }
        // From here on whoever publishes something for this shard wakes it.
        if self.parts.port.sleep() {
            self.publish_counters();
            self.counts.parks += 1;
            self.ring.sleep(self.sleep_at_most())?;
            self.parts.port.wake_up();
        }
        Ok(())
    }

    fn sleep_at_most(&self) -> Option<Duration> {
        let wake = self.parts.shard.next_wake().map(|at| self.began + Duration::from_nanos(at.0));
        let accept = self.accept_at.iter().copied().flatten().min();
        let stop = self.stopping.map(|since| since + STOP_WITHIN);
        let due = [wake, accept, stop].into_iter().flatten().min()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    fn now(&self, at: Instant) -> Now {
        Now(at.duration_since(self.began).as_nanos() as u64)
    }

    /// (1) Takes what the sockets have, unless some inbox is over its limit.
    fn reap(&mut self, began: Instant) -> io::Result<bool> {
        self.accept(began);
        if self.parts.port.is_choked() {
            self.counts.choked_turns += 1;
            return Ok(false);
        }
        let starved = self.starved.len().min(self.ring.buffers_free());
        for conn in self.starved.drain(..starved).collect::<SmallVec<[ConnId; 16]>>() {
            self.receive(conn);
        }
        self.ring.enter()?;
        self.ring.reap(REAPED_PER_TURN, &mut self.completions);
        Ok(!self.completions.is_empty())
    }

    /// (2) Takes the batches that lie in the inbox now.
    fn drain(&mut self, now: Now) -> bool {
        let tail = self.parts.port.tail();
        self.counts.inbox_depth = tail as u64;
        for _ in 0..tail {
            let Some((from, batch)) = self.parts.port.take() else { break };
            self.parts.shard.batch(now, ShardId(from as u16), batch);
            self.end_full_turns(now);
        }
        tail > 0
    }

    fn end_full_turns(&mut self, now: Now) {
        while self.parts.shard.is_full() {
            self.end(now);
        }
    }

    /// (4) and (5): publishes, then writes, then does what the shard wants done outside.
    fn end(&mut self, now: Now) {
        let Parts { shard, me, port, wakers, .. } = &mut self.parts;
        shard.finish(now);
        for to in (0..wakers.len()).filter(|to| to != me) {
            if let Some(batch) = shard.take_batch(ShardId(to as u16)) {
                port.push(to, batch.bytes(), batch);
            }
        }
        let mut asleep = port.publish();
        while asleep != 0 {
            wakers[asleep.trailing_zeros() as usize].wake();
            asleep &= asleep - 1;
        }
        shard.flush(now, &mut Writes { slots: &self.slots, full: &mut self.full });
        for block in shard.recycle() {
            if let (Ticket(id), memory) = block.into_parts()
                && let Ok(id) = u16::try_from(id)
            {
                self.ring.give_back(id, memory);
            }
        }
        self.poll_full();
        let effects: SmallVec<[Effect; 4]> = self.parts.shard.effects().collect();
        effects.into_iter().for_each(|effect| self.carry_out(now, effect));
        self.parts.stores.hand_over();
    }

    fn carry_out(&mut self, now: Now, effect: Effect) {
        match effect {
            Effect::Close(conn, _) | Effect::Finish(conn, _) => self.shut(conn),
            Effect::Released(conn) => self.slots.release(conn),
            Effect::Pause(conn) => {
                self.tell_pause(conn);
                self.slots.get(conn).paused = true;
                let receive = self.slots.token(Op::Receive, conn);
                if self.slots.peek(conn).receiving {
                    let cancel = self.slots.arm(Op::Cancel, conn);
                    self.ring.cancel(receive.0, cancel.0);
                }
            }
            Effect::Resume(conn) => self.resume(now, conn),
            Effect::Connect(link, address) => {
                let waker = self.parts.wakers[self.parts.me].clone();
                dial(link, address, self.answers.0.clone(), waker);
            }
            Effect::AskStore(store, request) => self.parts.stores.ask(store, request),
            Effect::LogEvent(event) => {
                let sent = self.parts.events.as_ref().map(|events| events.send(&event));
                if !matches!(sent, Some(Ok(_))) {
                    self.counts.events_lost += 1;
                }
            }
        }
    }

    /// (3) One completion.
    fn step(&mut self, now: Now, completion: Completion) {
        let token = Token(completion.token);
        match token.op() {
            Some(Op::Accept) => self.step_accept(now, token, completion),
            Some(Op::Receive) => self.step_receive(now, token, completion),
            Some(Op::Writable) => {
                if let Some(conn) = self.slots.owner(token) {
                    self.slots.get(conn).polling = false;
                    if self.slots.peek(conn).open {
                        self.parts.shard.writable(conn);
                    }
                    self.slots.completed(conn);
                }
            }
            Some(Op::Cancel) => {
                if let Some(conn) = self.slots.owner(token) {
                    self.slots.completed(conn);
                }
            }
            Some(Op::Wake) => self.is_watched = completion.more,
            None => unreachable!("every operation is armed with a token"),
        }
    }

    /// Lets the listeners accept whose time has come.
    fn accept(&mut self, now: Instant) {
        if self.stopping.is_some() {
            return self.accept_at.clear();
        }
        for (at, (_, socket)) in self.parts.listeners.iter().enumerate() {
            if self.accept_at[at].take_if(|time| *time <= now).is_some() {
                self.ring.accept(socket.as_fd(), Token::new(Op::Accept, 0, at as u32).0);
            }
        }
    }

    fn step_accept(&mut self, now: Now, token: Token, completion: Completion) {
        if let Some(fd) = ring::accepted(completion.result) {
            let (listener, _) = self.parts.listeners[token.slot() as usize];
            self.counts.accepted += 1;
            // A peer that is gone already is no connection; the descriptor closes itself.
            if let (Ok(()), Ok(peer)) = (listen::configure(fd.as_fd()), listen::peer(fd.as_fd())) {
                let conn = self.slots.insert(fd);
                self.parts.shard.accepted(now, conn, listener, Arrival::plain(peer, peer));
                self.receive(conn);
            }
        } else if self.stopping.is_none() {
            self.counts.accept_failures += 1;
            let error = io::Error::from_raw_os_error(-completion.result);
            if self.counts.accept_failures.is_power_of_two() {
                let failures = self.counts.accept_failures;
                warn!(%error, failures, "cannot accept; is RLIMIT_NOFILE too low?");
            }
        }
        if !completion.more && self.stopping.is_none() {
            let again = Instant::now() + ACCEPT_AGAIN_AFTER;
            self.accept_at[token.slot() as usize] = Some(again);
        }
    }

    fn receive(&mut self, conn: ConnId) {
        let slot = self.slots.peek(conn);
        if !slot.open || slot.paused || slot.receiving {
            return;
        }
        let token = self.slots.arm(Op::Receive, conn);
        let slot = self.slots.get(conn);
        slot.receiving = true;
        if let Some(socket) = slot.socket() {
            self.ring.receive(socket, token.0);
        }
    }

    fn step_receive(&mut self, now: Now, token: Token, completion: Completion) {
        let Completion { result, more, buffer, .. } = completion;
        let owner = self.slots.owner(token);
        if let Some((id, bytes)) = buffer {
            match owner.filter(|_| result > 0).map(|conn| (conn, self.slots.get(conn))) {
                Some((conn, slot)) if slot.open && !slot.paused => {
                    let block = Block::new(bytes, Ticket(id as u32));
                    self.parts.shard.received(now, conn, block);
                }
                Some((_, slot)) if slot.open => {
                    slot.held.push(bytes.clone());
                    self.ring.give_back(id, Some(bytes));
                }
                _ => self.ring.give_back(id, Some(bytes)),
            }
        }
        let Some(conn) = owner.filter(|_| !more) else { return };
        self.slots.get(conn).receiving = false;
        self.received_last(now, conn, result);
        self.slots.completed(conn);
    }

    /// A receive has ended.
    fn received_last(&mut self, now: Now, conn: ConnId, result: i32) {
        let error = if result < 0 { Errno::from_raw_os_error(-result) } else { Errno::INTR };
        if !self.slots.peek(conn).open {
            return;
        }
        if result > 0 || error == Errno::CANCELED {
            return self.receive(conn);
        }
        if error == Errno::NOBUFS {
            self.counts.out_of_buffers += 1;
            return self.starved.push(conn);
        }
        if self.slots.peek(conn).paused && !self.slots.peek(conn).held.is_empty() {
            self.resume(now, conn); // it ended while it was paused: what it said still counts
        }
        let reason = if result == 0 { CloseReason::ClosedByPeer } else { CloseReason::Reset };
        self.shut(conn);
        self.parts.shard.closed(now, conn, reason);
    }

    fn resume(&mut self, now: Now, conn: ConnId) {
        let slot = self.slots.get(conn);
        slot.paused = false;
        for bytes in std::mem::take(&mut slot.held) {
            self.parts.shard.received(now, conn, Block::new(bytes, Ticket::NONE));
        }
        self.receive(conn);
    }

    fn tell_pause(&self, conn: ConnId) {
        let peer = self.slots.peek(conn).socket().and_then(|socket| listen::peer(socket).ok());
        let peer = peer.map_or("gone".to_owned(), |peer| peer.to_string());
        info!(peer, "not read from for a while: it floods one that reads slowly");
    }

    /// Shuts a socket; its operations complete by themselves.
    fn shut(&mut self, conn: ConnId) {
        let slot = self.slots.get(conn);
        slot.open = false;
        slot.held = Vec::new();
        if let Some(socket) = slot.socket()
            && let Err(error) = rustix::net::shutdown(socket, Shutdown::Both)
        {
            debug!(%error, "the peer had closed it already");
        }
    }

    fn poll_full(&mut self) {
        for conn in std::mem::take(&mut self.full) {
            if self.slots.peek(conn).polling || !self.slots.peek(conn).open {
                continue;
            }
            let token = self.slots.arm(Op::Writable, conn);
            let slot = self.slots.get(conn);
            slot.polling = true;
            if let Some(socket) = slot.socket() {
                self.ring.poll_writable(socket, token.0);
            }
        }
    }

    fn take_dialled(&mut self, now: Now) -> bool {
        let mut any = false;
        while let Ok(Dialled { link, result }) = self.answers.1.try_recv() {
            any = true;
            let configured = result.and_then(|(stream, peer)| {
                let fd = OwnedFd::from(stream);
                listen::configure(fd.as_fd()).map_err(|error| error.to_string())?;
                Ok((fd, peer))
            });
            match configured {
                Ok((fd, peer)) => {
                    let conn = self.slots.insert(fd);
                    self.parts.shard.connected(now, conn, link, peer);
                    self.receive(conn);
                }
                Err(why) => self.parts.shard.connect_failed(now, link, &why),
            }
        }
        any
    }

    /// Takes what the logs have answered.
    fn take_stored(&mut self, now: Now) -> bool {
        let mut any = false;
        while let Some((store, reply)) = self.parts.stores.take() {
            any = true;
            self.parts.shard.stored(now, store, reply);
            self.end_full_turns(now);
        }
        any
    }

    fn begin_to_stop(&mut self, now: Now, began: Instant) {
        self.stopping = Some(began);
        for at in 0..self.parts.listeners.len() as u32 {
            let accept = Token::new(Op::Accept, 0, at);
            self.ring.cancel(accept.0, Token::new(Op::Cancel, 0, u32::MAX).0);
        }
        self.parts.shard.stop(now);
    }

    fn has_stopped(&self, now: Instant, busy: bool) -> bool {
        let Some(since) = self.stopping else { return false };
        let written = self.parts.shard.counts().backlog_bytes == 0;
        let quiet =
            !busy && written && self.parts.stores.are_quiet() && self.parts.stop.all_have_spoken();
        let done = (quiet && self.parts.port.tail() == 0) || now >= since + STOP_WITHIN;
        if done {
            for conn in self.slots.open() {
                if let Some(socket) = self.slots.peek(conn).socket()
                    && let Err(error) = rustix::net::shutdown(socket, Shutdown::Both)
                {
                    debug!(%error, "the peer had closed it already");
                }
            }
            self.publish_counters();
        }
        done
    }

    fn account(&mut self, began: Instant, busy: bool) {
        if !busy {
            return;
        }
        let ended = Instant::now();
        let ns = ended.duration_since(began).as_nanos() as u64;
        self.counts.turn(ns);
        if ns > SLOW_TURN_NS {
            debug!(shard = self.parts.me, us = ns / 1000, "a slow turn");
        }
        if ended.duration_since(self.published) >= COUNTERS_EVERY {
            self.published = ended;
            self.publish_counters();
        }
    }

    fn publish_counters(&self) {
        self.parts.counters.of(self.parts.me).publish(self.parts.shard.counts(), &self.counts);
    }
}

/// Writes that never block.
struct Writes<'a> {
    slots: &'a Slots,
    full: &'a mut Vec<ConnId>,
}

impl Sockets for Writes<'_> {
    fn write(&mut self, conn: ConnId, slices: &[&[u8]]) -> Write {
        const FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
        let Some(socket) = self.slots.peek(conn).socket() else { return Write::Broken };
        let sent = match slices {
            [only] => rustix::net::send(socket, only, FLAGS),
            _ => {
                let slices: SmallVec<[IoSlice<'_>; 64]> =
                    slices.iter().map(|slice| IoSlice::new(slice)).collect();
                let mut none = rustix::net::SendAncillaryBuffer::default();
                rustix::net::sendmsg(socket, &slices, &mut none, FLAGS)
            }
        };
        let all: usize = slices.iter().map(|slice| slice.len()).sum();
        match sent {
            Ok(taken) => {
                if taken < all {
                    self.full.push(conn);
                }
                Write::Written(taken)
            }
            Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS | Errno::NOMEM) => {
                self.full.push(conn);
                Write::Written(0)
            }
            Err(_) => Write::Broken,
        }
    }
}
