//! The turn of a shard.
//!
//! (1) reap the sockets; (2) drain the inbox to the tail seen after the reap; (3) step the bytes
//! reaped; (4) publish to all inboxes; (5) only then write sockets. What an outside process with
//! several connections can observe relies on this order (I2).

mod arrive;
mod leave;
mod receive;
mod write;

use crate::connect::{Dialled, dial};
use crate::counters::{Counters, EngineCounts};
use crate::door::Door;
use crate::handshakes::HandshakeLink;
use crate::listen;
use crate::records::Sealed;
use crate::ring::{Completion, Ring};
use crate::slots::{Op, Slots, Token};
use crate::stop::Stop;
use crate::stores::StoreLinks;
use crate::wake::Waker;
use inbox::Port;
use runtime::{Batch, ConnId, Effect, Now, Shard, ShardId, Ticket};
use rustix::fd::{AsFd, OwnedFd};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use tracing::debug;
use write::Writes;

/// Completions taken per turn: the bound of a turn is on socket bytes.
const REAPED_PER_TURN: usize = 256;
const COUNTERS_EVERY: Duration = Duration::from_millis(20);
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);
const STOP_WITHIN: Duration = Duration::from_secs(2);
const SLOW_TURN_NS: u64 = 1_000_000;
/// Handshakes whose end is done here in a turn, each some 10 us; the workers do that of the others.
const HANDSHAKES_ENDED_PER_TURN: usize = 16;
/// The mark of blocks of plaintext, whose memory is used again. Those of the ring are below it.
const PLAIN_TICKET: Ticket = Ticket(1 << 16);
const SPARE_BLOCKS_MAX: usize = 16;

/// What a shard's loop is made of, besides the shard.
pub struct Parts {
    /// Its number.
    pub me: usize,
    /// Its end of the mesh.
    pub port: Port<Batch>,
    /// Its listening sockets.
    pub doors: Vec<Door>,
    /// Its end of those who do handshakes, where some door has TLS.
    pub handshakes: Option<HandshakeLink>,
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
    shard: Shard,
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
    /// Connections that are to hear what was said last, and until when; some have ended.
    lingering: VecDeque<(Instant, Token)>,
    /// Records on their way to a socket.
    sealed: Sealed,
    /// Plaintext on its way into records.
    gathered: Vec<u8>,
    /// How many handshakes may still be ended here in this turn.
    ends_left: usize,
    /// Memory for plaintext.
    spare_blocks: Vec<Vec<u8>>,
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
    pub fn new(shard: Shard, parts: Parts, ring: Ring) -> TurnLoop {
        let now = Instant::now();
        let mut turn_loop = TurnLoop {
            shard,
            parts,
            ring,
            slots: Slots::default(),
            counts: EngineCounts::default(),
            began: now,
            published: now,
            completions: Vec::with_capacity(REAPED_PER_TURN),
            starved: Vec::new(),
            full: Vec::new(),
            lingering: VecDeque::new(),
            sealed: Sealed::default(),
            gathered: Vec::new(),
            ends_left: 0,
            spare_blocks: Vec::new(),
            is_watched: false,
            stopping: None,
            answers: channel(),
        };
        turn_loop.shard.start(Now(0));
        turn_loop
    }

    /// One turn.
    pub fn turn(&mut self) -> io::Result<Turned> {
        let began = Instant::now();
        let now = self.now(began);
        self.ends_left = HANDSHAKES_ENDED_PER_TURN;
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
        let shaken = self.take_shaken(now);
        let late = self.turn_late_ones_away(now, began) | self.shut_lingering(Some(began));
        self.shard.wake(now);
        let stop = self.parts.stop.is_asked() && self.stopping.is_none();
        if stop {
            self.begin_to_stop(now, began);
        }
        self.end(now);
        if stop {
            self.parts.stop.shard_has_spoken();
        }
        let due = self.shard.next_wake().is_some_and(|at| at <= now);
        let happened = reaped || drained || dialled || stored || shaken || late || stop || due;
        let busy = happened || self.shard.wants_turn();
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
        let wake = self.shard.next_wake().map(|at| self.began + Duration::from_nanos(at.0));
        let doors = self.parts.doors.iter();
        let accept = doors.clone().filter_map(|door| door.accept_at).min();
        let late = doors.filter_map(|door| Some(door.deadlines.front()?.0)).min();
        let lingered = self.lingering.front().map(|(due, _)| *due);
        let stop = self.stopping.map(|since| since + STOP_WITHIN);
        let due = [wake, accept, late, lingered, stop].into_iter().flatten().min()?;
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
        // Whoever finds no buffer has to be received from anew.
        self.ring.enter(self.ring.buffers_free().clamp(1, REAPED_PER_TURN))?;
        self.ring.reap(REAPED_PER_TURN, &mut self.completions);
        Ok(!self.completions.is_empty())
    }

    /// (2) Takes the batches that lie in the inbox now.
    fn drain(&mut self, now: Now) -> bool {
        let tail = self.parts.port.tail();
        self.counts.inbox_depth = tail as u64;
        for _ in 0..tail {
            let Some((from, batch)) = self.parts.port.take() else { break };
            self.shard.batch(now, ShardId(from as u16), batch);
            self.end_full_turns(now);
        }
        tail > 0
    }

    fn end_full_turns(&mut self, now: Now) {
        while self.shard.is_full() {
            self.end(now);
        }
    }

    /// (4) and (5): publishes, then writes, then does what the shard wants done outside.
    fn end(&mut self, now: Now) {
        let Self { shard, parts: Parts { me, port, wakers, .. }, .. } = self;
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
        let Self { slots, full, sealed, gathered, .. } = self;
        self.shard.flush(now, &mut Writes { slots, full, sealed, gathered });
        self.take_blocks_back();
        let effects: SmallVec<[Effect; 4]> = self.shard.effects().collect();
        effects.into_iter().for_each(|effect| self.carry_out(now, effect));
        self.parts.stores.hand_over();
        self.poll_full();
    }

    fn take_blocks_back(&mut self) {
        for block in self.shard.recycle() {
            let (ticket, memory) = block.into_parts();
            if let Ok(id) = u16::try_from(ticket.0) {
                self.ring.give_back(id, memory);
            } else if ticket == PLAIN_TICKET
                && let Some(memory) = memory
            {
                keep_spare(&mut self.spare_blocks, memory);
            }
        }
    }

    fn carry_out(&mut self, now: Now, effect: Effect) {
        match effect {
            Effect::Close(conn, _) => self.shut(conn),
            Effect::Finish(conn, _) => self.finish(conn),
            Effect::Released(conn) => self.slots.release(conn),
            Effect::Pause(conn) => {
                self.tell_pause(conn);
                self.pause(conn);
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
                    self.writable(conn);
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
                    self.shard.connected(now, conn, link, peer);
                    self.receive(conn);
                }
                Err(why) => self.shard.connect_failed(now, link, &why),
            }
        }
        any
    }

    /// Takes what the logs have answered.
    fn take_stored(&mut self, now: Now) -> bool {
        let mut any = false;
        while let Some((store, reply)) = self.parts.stores.take() {
            any = true;
            self.shard.stored(now, store, reply);
            self.end_full_turns(now);
        }
        any
    }

    fn begin_to_stop(&mut self, now: Now, began: Instant) {
        self.stopping = Some(began);
        self.close_doors();
        self.shard.stop(now);
    }

    fn has_stopped(&mut self, now: Instant, busy: bool) -> bool {
        let Some(since) = self.stopping else { return false };
        let written = self.shard.counts().backlog_bytes == 0
            && self.counts.lingering == 0
            && !self.slots.have_unsent();
        let quiet =
            !busy && written && self.parts.stores.are_quiet() && self.parts.stop.all_have_spoken();
        let done = (quiet && self.parts.port.tail() == 0) || now >= since + STOP_WITHIN;
        if done {
            let standing: Vec<ConnId> = self.slots.standing().collect();
            standing.into_iter().for_each(|conn| self.shut(conn));
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
        self.parts.counters.of(self.parts.me).publish(self.shard.counts(), &self.counts);
    }
}

/// Keeps the memory of a block of plaintext for the next one.
fn keep_spare(spare_blocks: &mut Vec<Vec<u8>>, mut memory: Vec<u8>) {
    if spare_blocks.len() < SPARE_BLOCKS_MAX {
        memory.clear();
        spare_blocks.push(memory);
    }
}
