//! What comes in on connections, and where it goes by how far they are.

use super::{PLAIN_TICKET, TurnLoop, keep_spare};
use crate::listen;
use crate::records::Stand;
use crate::ring::Completion;
use crate::slots::{Op, Secure, Stage, Token};
use runtime::{Block, CloseReason, ConnId, Now, Ticket};
use rustix::io::Errno;
use tracing::{debug, info};

impl TurnLoop {
    /// Receives from a connection, unless it is received from already or is not to be.
    pub(super) fn receive(&mut self, conn: ConnId) {
        let slot = self.slots.peek(conn);
        if matches!(slot.stage, Stage::Ended) || slot.paused || slot.receiving {
            return;
        }
        let token = self.slots.arm(Op::Receive, conn);
        let slot = self.slots.get(conn);
        slot.receiving = true;
        if let Some(socket) = slot.socket() {
            self.ring.receive(socket, token.0);
        }
    }

    pub(super) fn step_receive(&mut self, now: Now, token: Token, completion: Completion) {
        let Completion { result, more, buffer, .. } = completion;
        let owner = self.slots.owner(token);
        if let Some((id, mut bytes)) = buffer {
            match owner.filter(|_| result > 0).map(|conn| (conn, self.slots.peek(conn))) {
                Some((conn, slot)) if matches!(slot.stage, Stage::Plain) && !slot.paused => {
                    let block = Block::new(bytes, Ticket(id as u32));
                    self.shard.received(now, conn, block);
                }
                Some((conn, _)) => {
                    self.received_aside(now, conn, &mut bytes);
                    self.ring.give_back(id, Some(bytes));
                }
                None => self.ring.give_back(id, Some(bytes)),
            }
        }
        let Some(conn) = owner.filter(|_| !more) else { return };
        self.slots.get(conn).receiving = false;
        self.received_last(now, conn, result);
        self.slots.completed(conn);
    }

    /// Bytes of a connection that are not for the shard, or not now, or not as they are.
    fn received_aside(&mut self, now: Now, conn: ConnId, bytes: &mut [u8]) {
        let slot = self.slots.get(conn);
        match &mut slot.stage {
            Stage::Plain => slot.held.push(bytes.to_vec()),
            Stage::Secure(_) if slot.paused => slot.held.push(bytes.to_vec()),
            Stage::Secure(_) => self.decrypt(now, conn, bytes),
            Stage::Entering(entering) => {
                entering.receive(bytes);
                self.go_on(now, conn);
            }
            Stage::Lingering(lingering) => match lingering.bytes_left.checked_sub(bytes.len()) {
                Some(left) => lingering.bytes_left = left,
                None => self.shut(conn),
            },
            Stage::Ended => (),
        }
    }

    /// Hands the shard what `bytes` of an encrypted connection say.
    pub(super) fn decrypt(&mut self, now: Now, conn: ConnId, bytes: &mut [u8]) {
        let mut plain = self.spare_blocks.pop().unwrap_or_default();
        self.sealed.clear();
        let Some((socket, Stage::Secure(secure))) = self.slots.get(conn).parts() else { return };
        let Secure { records, unsent } = &mut **secure;
        let stand = records.receive(bytes, &mut plain, &mut self.sealed);
        let answer = self.sealed.as_slice();
        if !answer.is_empty() && !matches!(unsent.send_behind(socket, answer), Ok(true)) {
            self.full.push(conn);
        }
        match plain.is_empty() {
            true => keep_spare(&mut self.spare_blocks, plain),
            false => self.shard.received(now, conn, Block::new(plain, PLAIN_TICKET)),
        }
        match stand {
            Ok(Stand::Open | Stand::Shaking) => (),
            Ok(Stand::Closed) => self.ended(now, conn, CloseReason::ClosedByPeer),
            Err(error) => {
                debug!(%error, "a record that is none");
                self.ended(now, conn, CloseReason::Malformed);
            }
        }
    }

    /// A receive has ended.
    fn received_last(&mut self, now: Now, conn: ConnId, result: i32) {
        let error = if result < 0 { Errno::from_raw_os_error(-result) } else { Errno::INTR };
        if matches!(self.slots.peek(conn).stage, Stage::Ended) {
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
        match self.slots.peek(conn).stage {
            Stage::Plain | Stage::Secure(_) => self.ended(now, conn, reason),
            Stage::Entering(_) => self.left_early(now, conn, reason),
            Stage::Lingering(_) => self.shut(conn),
            Stage::Ended => (),
        }
    }

    /// A connection that the shard has is over.
    pub(super) fn ended(&mut self, now: Now, conn: ConnId, reason: CloseReason) {
        self.shut(conn);
        self.shard.closed(now, conn, reason);
    }

    /// Receives no more from a connection until it is resumed; what is on its way still comes.
    pub(super) fn pause(&mut self, conn: ConnId) {
        let was_paused = std::mem::replace(&mut self.slots.get(conn).paused, true);
        let receive = self.slots.token(Op::Receive, conn);
        if !was_paused && self.slots.peek(conn).receiving {
            let cancel = self.slots.arm(Op::Cancel, conn);
            self.ring.cancel(receive.0, cancel.0);
        }
    }

    pub(super) fn resume(&mut self, now: Now, conn: ConnId) {
        let slot = self.slots.get(conn);
        slot.paused = false;
        for mut bytes in std::mem::take(&mut slot.held) {
            match self.slots.peek(conn).stage {
                Stage::Plain => {
                    self.shard.received(now, conn, Block::new(bytes, Ticket::NONE));
                }
                Stage::Secure(_) => self.decrypt(now, conn, &mut bytes),
                Stage::Entering(_) | Stage::Lingering(_) | Stage::Ended => (),
            }
        }
        self.receive(conn);
    }

    pub(super) fn tell_pause(&self, conn: ConnId) {
        let peer = self.slots.peek(conn).socket().and_then(|socket| listen::peer(socket).ok());
        let peer = peer.map_or("gone".to_owned(), |peer| peer.to_string());
        info!(peer, "not read from for a while: it floods one that reads slowly");
    }
}
