//! The connections of observers: they come in, write, read when they like, and end in order or not.

use super::{DIRECTOR, Event, Happening, Outside, OutsideId, Owner, World};
use crate::core::News;
use crate::net::EndId;
use runtime::ListenerId;
use std::collections::VecDeque;
use std::net::SocketAddr;
use wire::framing;

impl World {
    /// Lets an observer listen at `address`.
    pub fn listen(&mut self, address: &str) {
        self.listening.insert(address.to_string(), ());
    }

    /// Connects an observer to a shard of a daemon; `None` if that daemon is dead.
    pub fn open(&mut self, daemon: usize, shard: usize, peer: SocketAddr) -> Option<OutsideId> {
        self.open_to(DIRECTOR, daemon, shard, peer)
    }

    /// Connects somebody to a listener of a daemon; `None` if that daemon is dead.
    pub fn open_to(
        &mut self,
        listener: ListenerId,
        daemon: usize,
        shard: usize,
        peer: SocketAddr,
    ) -> Option<OutsideId> {
        let life = self.daemons[daemon].life()?;
        let (outer, inner) = self.net.connect();
        let id = self.new_outside(outer);
        self.owners.push(Owner::Outside(id));
        self.owners.push(Owner::Core { daemon, shard, life });
        let fields = [("outside", id.0 as u64), ("daemon", daemon as u64), ("shard", shard as u64)];
        self.trace.note(self.now, "open", &fields);
        self.daemons[daemon].cores[shard].hear(News::Accepted(inner, listener, peer));
        self.wake(daemon, shard);
        Some(id)
    }

    /// Writes on an observer's connection; what does not fit is written later.
    pub fn write(&mut self, id: OutsideId, bytes: &[u8]) {
        self.outsides[id.0].unsent.extend(bytes);
        self.send_unsent(id);
    }

    /// Ends an observer's connection in order, once all is written; it reads on until the end.
    pub fn finish(&mut self, id: OutsideId) {
        self.outsides[id.0].finishing = true;
        self.send_unsent(id);
    }

    /// Breaks an observer's connection; a part of what was under way arrives.
    pub fn reset(&mut self, id: OutsideId) {
        self.trace.note(self.now, "reset", &[("outside", id.0 as u64)]);
        let outside = &mut self.outsides[id.0];
        outside.unsent.clear();
        if std::mem::take(&mut outside.open) {
            let end = outside.end;
            self.cut_end(end);
        }
    }

    /// Whether an observer reads what arrives.
    pub fn set_reads(&mut self, id: OutsideId, reads: bool) {
        self.outsides[id.0].reads = reads;
        if reads {
            self.schedule(0, Event::Arrive(self.outsides[id.0].end));
        }
    }

    /// Forgets the connections of all observers, which have ended, so that a long run does not grow.
    /// There is one daemon, and nothing is under way.
    pub fn forget_connections(&mut self) {
        let is_timer = |event: &Event| matches!(event, Event::Wake { .. });
        assert!(self.events.values().all(is_timer), "something is under way");
        assert!(self.links.is_empty(), "daemons are connected");
        assert!(self.outsides.iter().all(|outside| !outside.open), "one stands");
        self.net.forget();
        (self.owners, self.outsides) = (Vec::new(), Vec::new());
    }

    pub(super) fn new_outside(&mut self, end: EndId) -> OutsideId {
        self.outsides.push(Outside {
            end,
            assembly: Vec::new(),
            unsent: VecDeque::new(),
            reads: true,
            finishing: false,
            open: true,
        });
        OutsideId(self.outsides.len() - 1)
    }

    pub(super) fn send_unsent(&mut self, id: OutsideId) {
        let Outside { end, unsent, finishing, open, .. } = &mut self.outsides[id.0];
        let (end, finishing) = (*end, *finishing);
        if !*open {
            return;
        }
        if !unsent.is_empty() {
            let bytes: &[u8] = unsent.make_contiguous();
            let Some(wrote) = self.net.write(self.now, end, bytes) else { return };
            unsent.drain(..wrote.taken);
            let more = !unsent.is_empty();
            for at in wrote.arrivals {
                self.schedule_at(at, Event::Arrive(end.peer()));
            }
            if more {
                return;
            }
        }
        if finishing {
            self.outsides[id.0].finishing = false;
            let at = self.net.finish(self.now, end);
            self.schedule_at(at, Event::Arrive(end.peer()));
        }
    }

    pub(super) fn read_outside(&mut self, id: OutsideId) {
        let Outside { end, reads, open, .. } = self.outsides[id.0];
        if !open || !reads || !self.net.is_ready(self.now, end) {
            return;
        }
        let max = 1 + self.chance.index(self.tempo.read_bytes_max);
        let read = self.net.read(self.now, end, max);
        if read.unblocked {
            self.tell_unblocked(end.peer());
        }
        self.trace.note(
            self.now,
            "observer reads",
            &[("outside", id.0 as u64), ("bytes", read.bytes.len() as u64)],
        );
        let assembly = &mut self.outsides[id.0].assembly;
        assembly.extend_from_slice(&read.bytes);
        let mut at = 0;
        while let Some((frame, _)) = framing::split_frame(&assembly[at..]) {
            self.happenings.push_back(Happening::Heard(id, frame.to_vec()));
            at += frame.len();
        }
        assembly.drain(..at);
        if let Some(how) = read.ending {
            self.outsides[id.0].open = false;
            let at = self.net.close(self.now, end);
            self.schedule_at(at, Event::Arrive(end.peer()));
            self.happenings.push_back(Happening::Ended(id, how));
        } else if self.net.is_ready(self.now, end) {
            let delay = self.net.delay();
            self.schedule(delay, Event::Arrive(end));
        }
    }
}
