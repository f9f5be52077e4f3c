//! From the accept to the moment that the shard has a connection: admission, PROXY header, TLS
//! handshake; or that it is turned away.

use super::{ACCEPT_AGAIN_AFTER, TurnLoop};
use crate::entrance::{Entering, Step};
use crate::handshakes::Shaken;
use crate::listen;
use crate::records::{Records, Stand};
use crate::ring::{self, Completion};
use crate::slots::{Op, Secure, Stage, Token};
use runtime::{Arrival, Block, CloseReason, ConnId, Now, Refusal, Ticket};
use rustix::fd::{AsFd, OwnedFd};
use rustls::Error;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use tracing::{debug, warn};

impl TurnLoop {
    /// Lets the listeners accept whose time has come.
    pub(super) fn accept(&mut self, now: Instant) {
        if self.stopping.is_some() {
            return;
        }
        for (at, door) in self.parts.doors.iter_mut().enumerate() {
            if door.accept_at.take_if(|time| *time <= now).is_some() {
                self.ring.accept(door.socket.as_fd(), Token::new(Op::Accept, 0, at as u32).0);
            }
        }
    }

    pub(super) fn step_accept(&mut self, now: Now, token: Token, completion: Completion) {
        let at = token.slot() as usize;
        if let Some(fd) = ring::accepted(completion.result) {
            self.counts.accepted += 1;
            let ends = (listen::peer(fd.as_fd()), listen::local(fd.as_fd()));
            // A peer that is gone already is no connection; the descriptor closes itself.
            if let ((Ok(peer), Ok(local)), None) = (ends, self.stopping) {
                self.arrive(now, at, fd, peer, local);
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
            self.parts.doors[at].accept_at = Some(Instant::now() + ACCEPT_AGAIN_AFTER);
        }
    }

    /// Somebody has come to the door `at`.
    fn arrive(&mut self, now: Now, at: usize, fd: OwnedFd, peer: SocketAddr, local: SocketAddr) {
        let door = &mut self.parts.doors[at];
        let pass = match door.admit(peer) {
            Ok(pass) => pass,
            Err(why) => return self.shard.refused(now, door.id, peer, why),
        };
        let conn = self.slots.insert(fd);
        let slot = self.slots.get(conn);
        slot.pass = pass;
        if door.is_open() {
            self.shard.accepted(now, conn, door.id, Arrival::plain(peer, local));
        } else {
            let entering = Entering::new(at, &door.transport, peer, local);
            slot.stage = Stage::Entering(Box::new(entering));
            let time = Duration::from_millis(door.transport.admission.handshake_ms);
            let token = self.slots.token(Op::Receive, conn);
            door.deadlines.push_back((Instant::now() + time, token));
        }
        self.receive(conn);
    }

    /// Something has come from somebody who is on the way in.
    pub(super) fn go_on(&mut self, now: Now, conn: ConnId) {
        loop {
            let slot = self.slots.get(conn);
            let Stage::Entering(entering) = &mut slot.stage else { return };
            match entering.next(&self.parts.doors[entering.door].transport) {
                Step::Wait => return,
                Step::Pause => return self.pause(conn),
                Step::Shake => return self.shake(now, conn),
                Step::Enter => return self.enter(now, conn, None, Vec::new()),
                Step::Refuse(why) => return self.refuse(now, conn, why),
                Step::Named => {
                    let address = entering.peer.ip();
                    let named = slot.pass.as_mut().map_or(Ok(()), |pass| pass.name(address));
                    if let Err(why) = named {
                        return self.refuse(now, conn, why);
                    }
                }
            }
        }
    }

    /// Sends a handshake to a worker, or ends it here if little is left of it.
    fn shake(&mut self, now: Now, conn: ConnId) {
        let token = self.slots.token(Op::Receive, conn).0;
        match self.take_handshake(conn) {
            Err(why) => self.refuse(now, conn, why),
            Ok(None) => (),
            Ok(Some(records)) if records.is_nearly_done() && self.ends_left > 0 => {
                self.ends_left -= 1;
                self.end_handshake(now, token, records);
            }
            Ok(Some(records)) => {
                let link = self.parts.handshakes.as_mut().expect("where there is TLS are workers");
                let is_taken = link.submit(token, records);
                self.counts.handshakes_queued = link.away();
                if !is_taken {
                    self.refuse(now, conn, Refusal::TooManyHandshakes);
                }
            }
        }
    }

    fn end_handshake(&mut self, now: Now, token: u64, mut records: Box<Records>) {
        let mut plain = Vec::new();
        self.sealed.clear();
        let sealed = &mut self.sealed;
        // What one connection has brought about ends that connection alone (I6).
        let done = catch_unwind(AssertUnwindSafe(|| records.receive(&mut [], &mut plain, sealed)));
        let result = done.unwrap_or_else(|_| Err(Error::General("a panic".into())));
        let out = self.sealed.as_slice().to_vec();
        self.step_shaken(now, Shaken { token, records, plain, out, result });
    }

    /// A handshake, with all that has come of it.
    fn take_handshake(&mut self, conn: ConnId) -> Result<Option<Box<Records>>, Refusal> {
        let slot = self.slots.get(conn);
        let Stage::Entering(entering) = &mut slot.stage else { return Ok(None) };
        let Some(acceptor) = &self.parts.doors[entering.door].transport.tls else {
            unreachable!("where there is no TLS nobody shakes hands")
        };
        if let Some(pass) = &mut slot.pass {
            pass.begin_handshake()?;
        }
        let incoming = std::mem::take(&mut entering.incoming);
        let records = entering.send_off();
        if records.is_none() {
            self.counts.handshakes_in_flight += 1;
        }
        let records = records.map_or_else(|| acceptor.begin().map(Box::new), Ok);
        let mut records = records.map_err(|error| {
            debug!(%error, "a handshake cannot begin");
            Refusal::HandshakeFailed
        })?;
        records.wait_with(incoming);
        Ok(Some(records))
    }

    /// Takes the handshakes that are back from the workers.
    pub(super) fn take_shaken(&mut self, now: Now) -> bool {
        let mut any = false;
        while let Some(link) = &mut self.parts.handshakes
            && let Some(shaken) = link.take()
        {
            any = true;
            self.counts.handshakes_queued = link.away();
            self.step_shaken(now, shaken);
            self.end_full_turns(now);
        }
        any
    }

    fn step_shaken(&mut self, now: Now, shaken: Shaken) {
        let Shaken { token, records, plain, out, result } = shaken;
        let Some(conn) = self.slots.owner(Token(token)) else { return };
        let was_paused = std::mem::take(&mut self.slots.get(conn).paused);
        let Some((socket, Stage::Entering(entering))) = self.slots.get(conn).parts() else {
            return; // turned away meanwhile
        };
        let is_done = matches!(result, Ok(Stand::Open | Stand::Closed));
        if is_done && records.is_tls13() {
            // A ticket is for another day: it goes with the first word to the client.
            entering.unsent.hold(&out);
        } else {
            match entering.unsent.send_behind(socket, &out) {
                Ok(true) => (),
                Ok(false) => self.full.push(conn),
                Err(error) => debug!(%error, "gone during its handshake"),
            }
        }
        let (left, peer) = (entering.left, entering.peer);
        match result {
            Ok(Stand::Shaking) => {
                entering.come_back(records);
                match left {
                    None => self.go_on(now, conn),
                    Some(_) => self.refuse(now, conn, Refusal::HandshakeFailed),
                }
            }
            Ok(Stand::Open | Stand::Closed) => {
                self.counts.handshakes_done += 1;
                self.counts.handshakes_resumed += u64::from(records.is_resumed());
                self.enter(now, conn, Some(records), plain);
                let closed = (result == Ok(Stand::Closed)).then_some(CloseReason::ClosedByPeer);
                if let Some(reason) = left.or(closed) {
                    self.ended(now, conn, reason);
                }
            }
            Err(error) => {
                debug!(%peer, %error, "a handshake has failed");
                self.refuse_saying_why(now, conn);
            }
        }
        if was_paused {
            self.receive(conn);
        }
    }

    /// Somebody is in: the shard has it, with what it has said already.
    fn enter(&mut self, now: Now, conn: ConnId, records: Option<Box<Records>>, plain: Vec<u8>) {
        let slot = self.slots.get(conn);
        let Stage::Entering(entering) = std::mem::take(&mut slot.stage) else { return };
        let Entering { door, peer, local, tlvs, mut incoming, unsent, .. } = *entering;
        let is_secure = records.is_some();
        if let Some(records) = records {
            slot.stage = Stage::Secure(Box::new(Secure { records: *records, unsent }));
            slot.pass.iter_mut().for_each(|pass| pass.end_handshake());
            self.counts.handshakes_in_flight -= 1;
        }
        let arrival = Arrival { peer, local, tlvs: &tlvs, is_secure };
        self.shard.accepted(now, conn, self.parts.doors[door].id, arrival);
        if !plain.is_empty() {
            self.shard.received(now, conn, Block::new(plain, Ticket::NONE));
        }
        if incoming.is_empty() {
            return;
        }
        match is_secure {
            true => self.decrypt(now, conn, &mut incoming),
            false => self.shard.received(now, conn, Block::new(incoming, Ticket::NONE)),
        }
    }

    /// Nothing more comes from somebody who is on the way in.
    pub(super) fn left_early(&mut self, now: Now, conn: ConnId, reason: CloseReason) {
        let Stage::Entering(entering) = &mut self.slots.get(conn).stage else { return };
        if entering.is_away() {
            entering.left = Some(reason); // it may have said all that it wanted
        } else if entering.is_silent() {
            self.counts.left_early += 1;
            self.shut(conn);
            self.slots.release(conn);
        } else {
            let why = entering.failure();
            self.refuse(now, conn, why);
        }
    }

    /// Turns somebody away.
    fn refuse(&mut self, now: Now, conn: ConnId, why: Refusal) {
        self.tell_refused(now, conn, why);
        self.shut(conn);
        self.slots.release(conn);
    }

    /// Turns somebody away whose handshake has failed, after it has heard why.
    fn refuse_saying_why(&mut self, now: Now, conn: ConnId) {
        self.tell_refused(now, conn, Refusal::HandshakeFailed);
        let stage = &mut self.slots.get(conn).stage;
        let unsent = stage.unsent().map(std::mem::take).unwrap_or_default();
        self.linger(conn, unsent);
        self.slots.release(conn);
    }

    fn tell_refused(&mut self, now: Now, conn: ConnId, why: Refusal) {
        self.give_up_handshake(conn);
        let Stage::Entering(entering) = &self.slots.peek(conn).stage else { return };
        let listener = self.parts.doors[entering.door].id;
        self.shard.refused(now, listener, entering.peer, why);
    }

    fn give_up_handshake(&mut self, conn: ConnId) {
        let slot = self.slots.get(conn);
        slot.pass.iter_mut().for_each(|pass| pass.end_handshake());
        if matches!(&slot.stage, Stage::Entering(entering) if entering.is_shaking()) {
            self.counts.handshakes_in_flight -= 1;
            self.counts.handshakes_failed += 1;
        }
    }

    /// The shard stops: nobody comes in any more.
    pub(super) fn close_doors(&mut self) {
        for at in 0..self.parts.doors.len() as u32 {
            self.parts.doors[at as usize].accept_at = None;
            let accept = Token::new(Op::Accept, 0, at);
            self.ring.cancel(accept.0, Token::new(Op::Cancel, 0, u32::MAX).0);
        }
        let is_entering =
            |conn: &ConnId| matches!(self.slots.peek(*conn).stage, Stage::Entering(_));
        for conn in self.slots.standing().filter(is_entering).collect::<Vec<_>>() {
            self.give_up_handshake(conn);
            self.shut(conn);
            self.slots.release(conn);
        }
    }

    /// Turns those away whose time to come in is over.
    pub(super) fn turn_late_ones_away(&mut self, now: Now, began: Instant) -> bool {
        let mut any = false;
        for at in 0..self.parts.doors.len() {
            while let Some(&(due, token)) = self.parts.doors[at].deadlines.front() {
                let conn = self.slots.owner(token);
                let is_on_its_way =
                    |conn: &ConnId| matches!(self.slots.peek(*conn).stage, Stage::Entering(_));
                let conn = conn.filter(is_on_its_way);
                if conn.is_some() && due > began {
                    break;
                }
                self.parts.doors[at].deadlines.pop_front();
                if let Some(conn) = conn {
                    any = true;
                    self.refuse(now, conn, Refusal::HandshakeTimeout);
                }
            }
        }
        any
    }
}
