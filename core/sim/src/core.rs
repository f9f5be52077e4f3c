//! One simulated core: a shard and its driver, which takes the steps of a turn one at a time.
//!
//! ```text
//! reap -> drain one ... -> step one ... -> finish -> push to one ... -> publish -> flush -> reap
//!   ^ (sleep when nothing is to do)   \______ when the turn is full: to finish, then back ______/
//! ```
//! Between two steps any other core of the world may take any number of its own.

use crate::carrier::{Carrier, Taken};
use crate::chance::Chance;
use crate::net::{EndId, Ending, Net};
use crate::trace::Trace;
use runtime::{
    Arrival, Block, CloseReason, ConnId, Effect, LinkId, ListenerId, Now, Shard, ShardId, Sockets,
    StoreId, Ticket, Write,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

/// What a core works with that is not its own.
pub struct Surroundings<'a> {
    /// The virtual time, in nanoseconds.
    pub now: u64,
    /// The sockets.
    pub net: &'a mut Net,
    /// The inboxes of the daemon.
    pub carrier: &'a mut Carrier,
    /// Where everything is noted.
    pub trace: &'a mut Trace,
    /// The choices of this core.
    pub chance: &'a mut Chance,
    /// One read brings at most so many bytes.
    pub read_bytes_max: usize,
    /// What the world is to do next.
    pub posts: &'a mut Vec<Post>,
}

/// What a core asks the world for.
#[derive(Debug)]
pub enum Post {
    /// Something is to be read at this end, at that time.
    Arrives(EndId, u64),
    /// The writer at this end has room again.
    Unblocked(EndId),
    /// A batch was pushed to that shard.
    Pushed(ShardId),
    /// A turn was published, or the inboxes emptied: whoever waits may look again.
    Moved,
    /// Connect to an address.
    Dial(LinkId, String),
    /// The shard closed a connection.
    Closed(EndId, CloseReason),
    /// An event for the event logger.
    Event(Vec<u8>),
    /// A request for the log of a store.
    AskStore(StoreId, store::Request),
}

/// Whether a core goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// It has more to do.
    Again,
    /// It waits to be woken.
    Asleep,
}

/// Something new at a core that is no bytes.
#[derive(Debug)]
pub enum News {
    /// A connection came in.
    Accepted(EndId, ListenerId, SocketAddr),
    /// A connection that was asked for stands.
    Connected(LinkId, EndId, SocketAddr),
    /// A connection that was asked for could not be made.
    ConnectFailed(LinkId),
    /// A full socket has room.
    Writable(EndId),
    /// The log of a store answers.
    Stored(StoreId, store::Reply),
}

enum Reaped {
    News(News),
    Bytes(ConnId, Vec<u8>),
    Closed(ConnId, CloseReason),
}

impl Reaped {
    fn news(&self) -> Option<&News> {
        match self {
            Reaped::News(news) => Some(news),
            Reaped::Bytes(..) | Reaped::Closed(..) => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Reap,
    Drain,
    Step,
    Finish,
    Push(u16),
    Publish,
    Flush,
}

/// A shard and its driver.
pub struct Core {
    shard: Shard,
    me: ShardId,
    shards: u16,
    stage: Stage,
    /// First shard that this turn pushes to.
    first: u16,
    /// Every slot in use, until released.
    slots: BTreeMap<ConnId, EndId>,
    open: BTreeMap<EndId, ConnId>,
    paused: BTreeSet<EndId>,
    ready: BTreeSet<EndId>,
    news: VecDeque<News>,
    reaped: VecDeque<Reaped>,
    left_in_inbox: usize,
    released: Vec<ConnId>,
    tickets: u32,
    nudged: bool,
    /// Whether a step of it is on the world's list.
    pub scheduled: bool,
    /// When the world wakes it, if it asked for that.
    pub wakes_at: Option<u64>,
}

impl Core {
    /// A core that has not begun.
    pub fn new(shard: Shard, me: ShardId, shards: usize) -> Core {
        Core {
            shard,
            me,
            shards: shards as u16,
            stage: Stage::Finish,
            first: 0,
            slots: BTreeMap::new(),
            open: BTreeMap::new(),
            paused: BTreeSet::new(),
            ready: BTreeSet::new(),
            news: VecDeque::new(),
            reaped: VecDeque::new(),
            left_in_inbox: 0,
            released: Vec::new(),
            tickets: 0,
            nudged: false,
            scheduled: false,
            wakes_at: None,
        }
    }

    /// Begins.
    pub fn start(&mut self, now: u64) {
        self.shard.start(Now(now));
    }

    /// Tells the shard to say what must be said before the daemon stops.
    pub fn stop(&mut self, now: u64) {
        self.shard.stop(Now(now));
    }

    /// Lets it take a turn although nothing happened.
    pub fn nudge(&mut self) {
        self.nudged = true;
    }

    /// The shard.
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// Something happened outside.
    pub fn hear(&mut self, news: News) {
        self.news.push_back(news);
    }

    /// Something is to be read at `end`.
    pub fn arrived(&mut self, end: EndId) {
        if self.open.contains_key(&end) {
            self.ready.insert(end);
        }
    }

    /// The ends of all its sockets, those that wait to be taken included.
    pub fn ends(&self) -> Vec<EndId> {
        let waiting = self.news.iter().chain(self.reaped.iter().filter_map(Reaped::news));
        let waiting = waiting.filter_map(|news| match news {
            News::Accepted(end, ..) | News::Connected(_, end, _) => Some(*end),
            News::ConnectFailed(_) | News::Writable(_) | News::Stored(..) => None,
        });
        self.open.keys().copied().chain(waiting).collect()
    }

    /// Whether the shard may still hold something of the connection of `end`.
    pub fn holds(&self, end: EndId) -> bool {
        self.slots.values().any(|held| *held == end) || self.ends().contains(&end)
    }

    /// When it wants to be woken if nothing happens.
    pub fn next_wake(&self) -> Option<u64> {
        self.shard.next_wake().map(|at| at.0)
    }

    /// Takes one step of a turn.
    pub fn step(&mut self, at: &mut Surroundings<'_>) -> Pace {
        let now = Now(at.now);
        match self.stage {
            Stage::Reap => return self.reap(at),
            Stage::Drain => return self.drain(at),
            Stage::Step => self.step_one(at),
            Stage::Finish => {
                self.shard.finish(now);
                self.first = at.chance.below(self.shards as u64) as u16;
                self.stage = Stage::Push(0);
            }
            Stage::Push(nth) => self.push(nth, at),
            Stage::Publish => {
                at.carrier.publish(self.me);
                at.posts.push(Post::Moved);
                self.stage = Stage::Flush;
            }
            Stage::Flush => self.flush(at),
        }
        Pace::Again
    }

    fn reap(&mut self, at: &mut Surroundings<'_>) -> Pace {
        for conn in self.released.drain(..) {
            self.slots.remove(&conn);
        }
        let over = at.carrier.is_over();
        let readable: Vec<EndId> =
            self.ready.iter().copied().filter(|end| !over && !self.paused.contains(end)).collect();
        let due = self.shard.next_wake().is_some_and(|wake| wake.0 <= at.now);
        let inbox = at.carrier.len(self.me);
        if readable.is_empty()
            && self.news.is_empty()
            && inbox == 0
            && !due
            && !std::mem::take(&mut self.nudged)
            && !self.shard.wants_turn()
        {
            return Pace::Asleep;
        }
        self.reaped.extend(self.news.drain(..).map(Reaped::News));
        let some = at.chance.one_in(4);
        for end in readable {
            if !some || at.chance.one_in(2) {
                self.read(end, at);
            }
        }
        // The tail is looked at after the sockets (I2).
        self.left_in_inbox = at.carrier.len(self.me);
        self.stage = Stage::Drain;
        at.trace.note(
            at.now,
            "reap",
            &[
                ("shard", self.me.0 as u64),
                ("items", self.reaped.len() as u64),
                ("inbox", self.left_in_inbox as u64),
            ],
        );
        Pace::Again
    }

    fn read(&mut self, end: EndId, at: &mut Surroundings<'_>) {
        let Some(&conn) = self.open.get(&end) else {
            self.ready.remove(&end);
            return;
        };
        let max = 1 + at.chance.index(at.read_bytes_max);
        let read = at.net.read(at.now, end, max);
        if read.unblocked {
            at.posts.push(Post::Unblocked(end.peer()));
        }
        if !read.bytes.is_empty() {
            self.reaped.push_back(Reaped::Bytes(conn, read.bytes));
        }
        match read.ending {
            Some(how) => {
                let reason = match how {
                    Ending::Finished => CloseReason::ClosedByPeer,
                    Ending::Reset => CloseReason::Reset,
                };
                self.reaped.push_back(Reaped::Closed(conn, reason));
                self.shut(end, at);
            }
            None if !at.net.is_ready(at.now, end) => {
                self.ready.remove(&end);
            }
            None => (),
        }
    }

    /// Closes a socket; the slot stays until the shard has released it.
    fn shut(&mut self, end: EndId, at: &mut Surroundings<'_>) {
        self.open.remove(&end);
        self.ready.remove(&end);
        self.paused.remove(&end);
        let known = at.net.close(at.now, end);
        at.posts.push(Post::Arrives(end.peer(), known));
    }

    fn drain(&mut self, at: &mut Surroundings<'_>) -> Pace {
        if self.left_in_inbox == 0 {
            self.stage = Stage::Step;
            return Pace::Again;
        }
        match at.carrier.take(self.me) {
            Taken::Unpublished => return Pace::Asleep,
            Taken::Nothing => self.left_in_inbox = 0,
            Taken::Batch(from, batch) => {
                let fields = [
                    ("shard", self.me.0 as u64),
                    ("from", from.0 as u64),
                    ("bytes", batch.bytes() as u64),
                ];
                at.trace.note(at.now, "batch", &fields);
                self.left_in_inbox -= 1;
                at.posts.push(Post::Moved);
                self.shard.batch(Now(at.now), from, batch);
                self.end_if_full();
            }
        }
        Pace::Again
    }

    fn step_one(&mut self, at: &mut Surroundings<'_>) {
        let now = Now(at.now);
        let me = ("shard", self.me.0 as u64);
        match self.reaped.pop_front() {
            None => {
                self.shard.wake(now);
                self.stage = Stage::Finish;
                return;
            }
            Some(Reaped::Bytes(conn, bytes)) => {
                let fields = [me, ("conn", conn.0 as u64), ("bytes", bytes.len() as u64)];
                at.trace.note(at.now, "received", &fields);
                at.trace.bytes(&bytes);
                self.tickets += 1;
                self.shard.received(now, conn, Block::new(bytes, Ticket(self.tickets)));
            }
            Some(Reaped::Closed(conn, reason)) => {
                at.trace.note(at.now, "closed", &[me, ("conn", conn.0 as u64)]);
                self.shard.closed(now, conn, reason);
            }
            Some(Reaped::News(news)) => self.step_news(news, at),
        }
        self.end_if_full();
    }

    fn step_news(&mut self, news: News, at: &mut Surroundings<'_>) {
        let now = Now(at.now);
        match news {
            News::Accepted(end, listener, peer) => {
                let conn = self.take_slot(end, at);
                self.shard.accepted(now, conn, listener, Arrival::plain(peer, peer));
            }
            News::Connected(link, end, peer) => {
                let conn = self.take_slot(end, at);
                self.shard.connected(now, conn, link, peer);
            }
            News::Stored(store, reply) => self.shard.stored(now, store, reply),
            News::ConnectFailed(link) => self.shard.connect_failed(now, link, "refused"),
            News::Writable(end) => {
                if let Some(&conn) = self.open.get(&end) {
                    self.shard.writable(conn);
                }
            }
        }
    }

    fn take_slot(&mut self, end: EndId, at: &mut Surroundings<'_>) -> ConnId {
        let free = (0..).map(ConnId).find(|conn| !self.slots.contains_key(conn));
        let conn = free.expect("there are more numbers than connections");
        self.slots.insert(conn, end);
        self.open.insert(end, conn);
        let fields = [("shard", self.me.0 as u64), ("conn", conn.0 as u64), ("end", end.0 as u64)];
        at.trace.note(at.now, "opened", &fields);
        if at.net.is_ready(at.now, end) {
            self.ready.insert(end);
        }
        conn
    }

    fn end_if_full(&mut self) {
        if self.shard.is_full() {
            self.stage = Stage::Finish;
        }
    }

    /// Pushes to the next shard for which there is a batch.
    fn push(&mut self, nth: u16, at: &mut Surroundings<'_>) {
        for nth in nth..self.shards {
            let to = ShardId((self.first + nth) % self.shards);
            if to == self.me {
                continue;
            }
            if let Some(batch) = self.shard.take_batch(to) {
                let fields = [
                    ("shard", self.me.0 as u64),
                    ("to", to.0 as u64),
                    ("bytes", batch.bytes() as u64),
                ];
                at.trace.note(at.now, "push", &fields);
                at.carrier.push(self.me, to, batch);
                at.posts.push(Post::Pushed(to));
                self.stage = Stage::Push(nth + 1);
                return;
            }
        }
        self.stage = Stage::Publish;
    }

    fn flush(&mut self, at: &mut Surroundings<'_>) {
        let mut sockets = Wires { slots: &self.slots, open: &self.open, at };
        self.shard.flush(Now(sockets.at.now), &mut sockets);
        let effects: Vec<Effect> = self.shard.effects().collect();
        effects.into_iter().for_each(|effect| self.carry_out(effect, at));
        self.shard.recycle().for_each(drop);
        self.stage = if self.left_in_inbox > 0 {
            Stage::Drain
        } else if self.reaped.is_empty() {
            Stage::Reap
        } else {
            Stage::Step
        };
    }

    fn carry_out(&mut self, effect: Effect, at: &mut Surroundings<'_>) {
        let (now, me) = (at.now, self.me);
        at.trace.say(now, || format!("shard {} effect {effect:?}", me.0));
        match effect {
            Effect::Close(conn, reason) | Effect::Finish(conn, reason) => {
                at.trace.bytes(reason.name().as_bytes());
                let end = self.slots.get(&conn).copied();
                let end = end.expect("a shard closes only what it was given");
                if self.open.contains_key(&end) {
                    self.shut(end, at);
                }
                at.posts.push(Post::Closed(end, reason));
            }
            Effect::Released(conn) => {
                assert!(self.slots.contains_key(&conn), "a slot is released once");
                assert!(!self.released.contains(&conn), "a slot is released once");
                self.released.push(conn);
            }
            Effect::Pause(conn) => self.paused.extend(self.slots.get(&conn)),
            Effect::Resume(conn) => {
                if let Some(end) = self.slots.get(&conn) {
                    self.paused.remove(end);
                }
            }
            Effect::Connect(link, address) => at.posts.push(Post::Dial(link, address)),
            Effect::LogEvent(event) => at.posts.push(Post::Event(event)),
            Effect::AskStore(store, request) => at.posts.push(Post::AskStore(store, request)),
        }
    }
}

/// The sockets of a core.
struct Wires<'a, 'b> {
    slots: &'a BTreeMap<ConnId, EndId>,
    open: &'a BTreeMap<EndId, ConnId>,
    at: &'a mut Surroundings<'b>,
}

impl Sockets for Wires<'_, '_> {
    fn write(&mut self, conn: ConnId, slices: &[&[u8]]) -> Write {
        let end = self.slots.get(&conn).filter(|end| self.open.contains_key(end));
        let Some(&end) = end else { return Write::Broken };
        let at = &mut *self.at;
        let bytes = slices.concat();
        let Some(wrote) = at.net.write(at.now, end, &bytes) else { return Write::Broken };
        let fields =
            [("end", end.0 as u64), ("bytes", bytes.len() as u64), ("taken", wrote.taken as u64)];
        at.trace.note(at.now, "write", &fields);
        at.trace.bytes(&bytes[..wrote.taken]);
        at.posts.extend(wrote.arrivals.into_iter().map(|when| Post::Arrives(end.peer(), when)));
        Write::Written(wrote.taken)
    }
}
