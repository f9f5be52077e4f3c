//! Clients come, get their channels, and say who they are.

use crate::ClientAgent;
use crate::ejection::Offence;
use crate::events;
use crate::hands::say;
use crate::leases::{LESSOR, Lessor};
use crate::session::{Session, State};
use crate::told::Told;
use core::net::SocketAddr;
use runtime::{Arrival, ConnId, Frame, Outbox, Refusal, ShardId};
use tracing::debug;
use wire::client::ToClient;
use wire::framing;
use wire::ids::Channel;

impl ClientAgent {
    /// Somebody was turned away before it was a client; the shard has counted it.
    pub(crate) fn turned_away(&self, peer: SocketAddr, why: Refusal, out: &mut Outbox) {
        debug!(%peer, why = why.name(), "turned away");
        events::say_refused(peer, why, out);
    }

    pub(crate) fn accepted(&mut self, conn: ConnId, arrival: &Arrival<'_>, out: &mut Outbox) {
        self.sessions.insert(conn, Session::new(arrival));
        out.counts.clients += 1;
        if self.sessions.len() > self.rules.config.limits.clients_max {
            return self.eject(conn, &Offence::CapacityReached, out);
        }
        self.clocks.hello.begin(self.now, conn);
        self.clocks.established.begin(self.now, conn);
        self.clocks.heartbeat.begin(self.now, conn);
        self.waiting.push_back(conn);
        self.ask_lessor(self.waiting.len(), out);
        self.serve_waiting(out);
    }

    /// Keeps a frame of a client that waits for its channel.
    pub(crate) fn hold(&mut self, conn: ConnId, frame: Frame<'_>, out: &mut Outbox) {
        let held = self.held.entry(conn).or_default();
        if held.len() + frame.bytes().len() > self.rules.config.limits.held_bytes_max {
            return self.eject(conn, &Offence::OverLimit("more said at once than allowed"), out);
        }
        held.extend_from_slice(frame.bytes());
    }

    /// What another instance says.
    pub(crate) fn hear(&mut self, from: ShardId, told: Told, out: &mut Outbox) {
        match told {
            Told::Ask => self.lend(from, out),
            Told::Returned { chunk } => self.lessor().take_back(chunk),
            Told::NoneLeft => self.leases.none_left(),
            Told::Leased { chunk, shard } => {
                out.lease(self.me, chunk, Some(shard));
                if shard == out.me() {
                    self.leases.lease(chunk);
                }
            }
        }
        self.serve_waiting(out);
    }

    /// Asks for as many chunks as are needed; somebody has come, and so many wait, or `waiting` is 0.
    pub(crate) fn ask_lessor(&mut self, waiting: usize, out: &mut Outbox) {
        for _ in 0..self.leases.ask(waiting) {
            if out.me() == LESSOR {
                self.lend(LESSOR, out);
            } else {
                out.tell(LESSOR, self.me, &Told::Ask.write());
            }
        }
    }

    /// Hands a chunk to a shard: all hear of it, and whoever asked last.
    fn lend(&mut self, to: ShardId, out: &mut Outbox) {
        let Some(chunk) = self.lessor().hand_out() else {
            return match to {
                LESSOR => self.leases.none_left(),
                _ => out.tell(to, self.me, &Told::NoneLeft.write()),
            };
        };
        out.lease(self.me, chunk, Some(to));
        let told = Told::Leased { chunk, shard: to }.write();
        let others = (0..out.shards() as u16).map(ShardId);
        for shard in others.filter(|&shard| shard != LESSOR && shard != to) {
            out.tell(shard, self.me, &told);
        }
        match to {
            LESSOR => self.leases.lease(chunk),
            _ => out.tell(to, self.me, &told),
        }
    }

    fn lessor(&mut self) -> &mut Lessor {
        self.lessor.as_mut().expect("only the lessor is asked for chunks")
    }

    /// Gives channels to those that wait, in the order in which they came, as far as there are some.
    fn serve_waiting(&mut self, out: &mut Outbox) {
        while let Some(&conn) = self.waiting.front() {
            let waits = self.sessions.get(conn).is_some_and(|session| !session.has_channel());
            let mut channel = if waits { self.leases.take() } else { None };
            if waits && channel.is_none() {
                // The last chunk was not enough for all: shard 0 has the next one at once.
                self.ask_lessor(0, out);
                channel = self.leases.take();
                if channel.is_none() && self.leases.may_get_more() {
                    break;
                }
            }
            self.waiting.pop_front();
            match channel {
                Some(channel) => self.admit(conn, channel, out),
                None if waits => self.eject(conn, &Offence::CapacityReached, out),
                None => (),
            }
        }
        while let Some(channel) = self.leases.take_unwanted() {
            self.free(channel, out);
        }
        self.ask_lessor(0, out);
    }

    /// A client has its channel: what it has said meanwhile is heard.
    fn admit(&mut self, conn: ConnId, channel: Channel, out: &mut Outbox) {
        let Some((session, ears)) = self.sessions.get_both(conn) else { return };
        (session.channel, session.sender) = (channel, channel);
        ears.allocate(channel, conn);
        events::say(session, "client-connected", &[], out);
        debug!(client = %channel, peer = %session.peer, "connected");
        let held = self.held.remove(&conn).unwrap_or_default();
        let mut rest = &held[..];
        while let Some((frame, after)) = framing::split_frame(rest) {
            rest = after;
            self.message(conn, framing::body(frame), out);
        }
    }

    /// A client says which version it is, and which classes it has.
    pub(crate) fn hello(&mut self, conn: ConnId, dc_hash: u32, version: &[u8], out: &mut Outbox) {
        let config = &self.rules.config;
        if config.version.as_bytes() != version {
            let (told, wanted) = (config.send_version, config.version.clone());
            let offence = Offence::BadVersion { told, wanted: &wanted, got: version };
            return self.eject(conn, &offence, out);
        }
        if config.dc_hash != dc_hash {
            let (told, wanted) = (config.send_hash, config.dc_hash);
            return self.eject(conn, &Offence::BadDcHash { told, wanted, got: dc_hash }, out);
        }
        let Some(session) = self.sessions.get_mut(conn) else { return };
        session.state = State::Anonymous;
        self.clocks.hello.end(conn);
        self.clocks.heartbeat.begin(self.now, conn);
        say(conn, &ToClient::HelloResp, out);
    }

    /// Nobody has a channel any more.
    pub(crate) fn free(&mut self, channel: Channel, out: &mut Outbox) {
        let Some(chunk) = self.leases.give_back(channel) else { return };
        if out.me() == LESSOR {
            self.lessor().take_back(chunk);
        } else {
            out.tell(LESSOR, self.me, &Told::Returned { chunk }.write());
        }
    }
}
