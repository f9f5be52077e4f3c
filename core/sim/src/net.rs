//! Virtual TCP: connections as two byte streams, each first in, first out, with random delays,
//! random splits and merges of reads, and a bounded buffer.
//!
//! ```text
//! write -> [segment, arrives at][segment, arrives at] ... (then an end, if it was finished or cut)
//!          |<-- unread: at most buffer_bytes, else the writer has to wait for room --------->|
//! ```
//! A cut connection delivers a part of what was under way, then each end notices at its own time;
//! until then what it writes goes nowhere. The net knows nothing of shards or observers.

use crate::chance::Chance;
use std::collections::VecDeque;

/// One end of a connection. The two ends differ in the lowest bit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct EndId(pub u32);

impl EndId {
    /// The other end.
    pub fn peer(self) -> EndId {
        EndId(self.0 ^ 1)
    }
}

/// How long things take and how much fits. Times in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// A segment takes at most so long.
    pub delay_ns_max: u64,
    /// One segment in so many takes a hundred times as long.
    pub late_one_in: u64,
    /// One write in so many arrives in several pieces.
    pub split_one_in: u64,
    /// What one direction of a connection holds, in bytes.
    pub buffer_bytes: usize,
    /// An end of a cut connection notices after at most so long.
    pub notice_ns_max: u64,
}

impl Weather {
    /// Everything at once and whole.
    pub const STILL: Weather = Weather {
        delay_ns_max: 0,
        late_one_in: 0,
        split_one_in: 0,
        buffer_bytes: usize::MAX,
        notice_ns_max: 0,
    };
}

/// How a stream of bytes ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// In order, after all bytes.
    Finished,
    /// Broken.
    Reset,
}

/// What came of a write.
pub struct Wrote {
    /// Bytes taken.
    pub taken: usize,
    /// When something new is to be read at the other end.
    pub arrivals: Vec<u64>,
}

/// What came of a read.
pub struct Read {
    /// The bytes, perhaps none.
    pub bytes: Vec<u8>,
    /// How the stream ends, if there is nothing before that any more.
    pub ending: Option<Ending>,
    /// Whether a writer waits for the room that this made.
    pub unblocked: bool,
}

#[derive(Default)]
struct Pipe {
    segments: VecDeque<(u64, Vec<u8>)>,
    unread: usize,
    last_arrival: u64,
    ending: Option<(u64, Ending)>,
    blocked: bool,
    carried: u64,
}

#[derive(Default)]
struct End {
    inbound: Pipe,
    /// Cut: what is written goes nowhere.
    cut: bool,
    /// This end knows that it is broken, or has closed.
    closed: bool,
}

/// All connections of a world.
pub struct Net {
    ends: Vec<End>,
    weather: Weather,
    chance: Chance,
}

impl Net {
    /// No connections.
    pub fn new(weather: Weather, chance: Chance) -> Net {
        Net { ends: Vec::new(), weather, chance }
    }

    /// A new connection.
    pub fn connect(&mut self) -> (EndId, EndId) {
        let at = self.ends.len() as u32;
        self.ends.extend([End::default(), End::default()]);
        (EndId(at), EndId(at + 1))
    }

    /// Forgets all connections; none is open.
    pub fn forget(&mut self) {
        self.ends = Vec::new();
    }

    /// How long something takes now.
    pub fn delay(&mut self) -> u64 {
        let delay = self.chance.below(self.weather.delay_ns_max + 1);
        if self.chance.one_in(self.weather.late_one_in) { delay * 100 } else { delay }
    }

    /// Bytes that ever went towards `to`.
    pub fn carried(&self, to: EndId) -> u64 {
        self.ends[to.0 as usize].inbound.carried
    }

    /// Bytes that ever went anywhere.
    pub fn carried_all(&self) -> u64 {
        self.ends.iter().map(|end| end.inbound.carried).sum()
    }

    /// Writes to the other end of `from`; `None` if this end knows that it is broken.
    pub fn write(&mut self, now: u64, from: EndId, bytes: &[u8]) -> Option<Wrote> {
        let end = &self.ends[from.0 as usize];
        if end.closed {
            return None;
        }
        if end.cut {
            return Some(Wrote { taken: bytes.len(), arrivals: Vec::new() });
        }
        let pipe = &mut self.ends[from.peer().0 as usize].inbound;
        let room = self.weather.buffer_bytes.saturating_sub(pipe.unread);
        let taken = bytes.len().min(room);
        pipe.blocked |= taken < bytes.len();
        pipe.unread += taken;
        pipe.carried += taken as u64;
        let mut arrivals = Vec::new();
        let mut rest = &bytes[..taken];
        while !rest.is_empty() {
            let split = self.chance.one_in(self.weather.split_one_in);
            let len = if split { 1 + self.chance.index(rest.len()) } else { rest.len() };
            let delay = self.delay();
            let pipe = &mut self.ends[from.peer().0 as usize].inbound;
            pipe.last_arrival = pipe.last_arrival.max(now + delay);
            pipe.segments.push_back((pipe.last_arrival, rest[..len].to_vec()));
            arrivals.push(pipe.last_arrival);
            rest = &rest[len..];
        }
        Some(Wrote { taken, arrivals })
    }

    /// Whether a read at `end` would bring anything.
    pub fn is_ready(&self, now: u64, end: EndId) -> bool {
        let End { inbound, closed, .. } = &self.ends[end.0 as usize];
        let next = inbound.segments.front().map(|(at, _)| *at);
        !closed && next.or(inbound.ending.map(|(at, _)| at)).is_some_and(|at| at <= now)
    }

    /// Reads what has arrived at `end`, at most `max` bytes.
    pub fn read(&mut self, now: u64, end: EndId, max: usize) -> Read {
        let End { inbound, closed, .. } = &mut self.ends[end.0 as usize];
        let mut bytes = Vec::new();
        while let Some((at, segment)) = inbound.segments.front_mut()
            && *at <= now
            && bytes.len() < max
        {
            let take = segment.len().min(max - bytes.len());
            bytes.extend(segment.drain(..take));
            if segment.is_empty() {
                inbound.segments.pop_front();
            }
        }
        inbound.unread -= bytes.len();
        let unblocked = inbound.blocked && !bytes.is_empty();
        inbound.blocked &= !unblocked;
        let over = inbound.segments.is_empty();
        let ending = inbound.ending.filter(|(at, _)| over && *at <= now).map(|(_, how)| how);
        *closed |= ending == Some(Ending::Reset);
        Read { bytes, ending, unblocked }
    }

    /// Says that nothing more comes from `from`; returns when the other end can know.
    pub fn finish(&mut self, now: u64, from: EndId) -> u64 {
        let delay = self.delay();
        let cut = self.ends[from.0 as usize].cut;
        let pipe = &mut self.ends[from.peer().0 as usize].inbound;
        let at = pipe.last_arrival.max(now + delay);
        if pipe.ending.is_none() && !cut {
            pipe.ending = Some((at, Ending::Finished));
        }
        at
    }

    /// `end` is closed by its owner: what still comes for it is dropped.
    pub fn close(&mut self, now: u64, end: EndId) -> u64 {
        let at = self.finish(now, end);
        let End { inbound, closed, .. } = &mut self.ends[end.0 as usize];
        *closed = true;
        inbound.segments.clear();
        // Its peer writes into the void from now on.
        self.ends[end.peer().0 as usize].cut = true;
        at
    }

    /// Breaks the connection of `end`: a part of what was under way still arrives, then either
    /// end notices. Returns when each of `end` and its peer can know.
    pub fn cut(&mut self, now: u64, end: EndId) -> [u64; 2] {
        [end, end.peer()].map(|end| {
            let notice = self.chance.below(self.weather.notice_ns_max + 1);
            let arrived = self.ends[end.0 as usize].inbound.segments.len();
            let keep = self.chance.index(arrived + 1);
            let half = self.chance.number();
            let End { inbound, cut, .. } = &mut self.ends[end.0 as usize];
            *cut = true;
            inbound.keep(keep, half);
            let at = inbound.last_arrival.max(now + notice);
            match &mut inbound.ending {
                Some((at, Ending::Finished)) if *at <= now => (),
                ending => *ending = Some((at, Ending::Reset)),
            }
            at
        })
    }

    /// Whether `end` is closed or was told that it is broken.
    pub fn is_closed(&self, end: EndId) -> bool {
        self.ends[end.0 as usize].closed
    }
}

impl Pipe {
    /// Drops all but the first `keep` segments and a part of the next one.
    fn keep(&mut self, keep: usize, half: u64) {
        self.segments.truncate(keep + 1);
        if self.segments.len() > keep
            && let Some((_, last)) = self.segments.back_mut()
        {
            last.truncate((half % (last.len() as u64 + 1)) as usize);
            if last.is_empty() {
                self.segments.pop_back();
            }
        }
        self.unread = self.segments.iter().map(|(_, bytes)| bytes.len()).sum();
        self.last_arrival = self.segments.back().map_or(0, |(at, _)| *at);
        self.blocked = false;
    }
}
