//! How connections end: shut at once, or after the peer has had time to hear what was said last.
//!
//! A socket that is closed while something unread lies in it is reset, and a reset takes with it
//! what the peer has not read yet. So one that is to hear why it goes is told that nothing follows,
//! and what it still says is read and dropped, for a short while.

use super::TurnLoop;
use crate::send::Unsent;
use crate::slots::{Lingering, Op, Secure, Stage};
use runtime::ConnId;
use rustix::net::Shutdown;
use std::time::{Duration, Instant};
use tracing::debug;

const LINGER_TIME: Duration = Duration::from_secs(1);
/// More than the kernel holds of what one peer has sent, unless it is told to hold more.
const LINGER_BYTES_MAX: usize = 8 << 20;
/// When more linger, those that have done so longest are shut.
const LINGERING_MAX: u64 = 4096;

impl TurnLoop {
    /// Shuts a socket; its operations complete by themselves.
    pub(super) fn shut(&mut self, conn: ConnId) {
        self.seal_end(conn);
        let slot = self.slots.get(conn);
        match slot.stage {
            Stage::Ended => return,
            Stage::Lingering(_) => self.counts.lingering -= 1,
            Stage::Entering(_) | Stage::Plain | Stage::Secure(_) => (),
        }
        if let Some(socket) = slot.socket()
            && let Err(error) = rustix::net::shutdown(socket, Shutdown::Both)
        {
            debug!(%error, "the peer had closed it already");
        }
        self.slots.end(conn);
    }

    /// Shuts a connection once its peer has had time to hear what was written to it.
    pub(super) fn finish(&mut self, conn: ConnId) {
        if !self.slots.peek(conn).stage.is_open() {
            return; // it has ended by itself meanwhile
        }
        self.seal_end(conn);
        let stage = &mut self.slots.get(conn).stage;
        let unsent = stage.unsent().map(std::mem::take).unwrap_or_default();
        self.linger(conn, unsent);
    }

    /// Says on an encrypted connection that nothing follows.
    fn seal_end(&mut self, conn: ConnId) {
        let Some((socket, Stage::Secure(secure))) = self.slots.get(conn).parts() else { return };
        let Secure { records, unsent } = &mut **secure;
        self.sealed.clear();
        let sealed = records.seal_end(&mut self.sealed);
        if sealed.is_err() || unsent.send_last(socket, self.sealed.as_slice()).is_err() {
            debug!("the peer is gone before it could be told");
        }
    }

    /// Sends what is `unsent`, says that nothing follows, and waits until the peer has heard it.
    pub(super) fn linger(&mut self, conn: ConnId, unsent: Unsent) {
        let token = self.slots.token(Op::Receive, conn);
        let slot = self.slots.get(conn);
        slot.paused = false;
        slot.held = Vec::new();
        let lingering = Lingering { unsent, is_told: false, bytes_left: LINGER_BYTES_MAX };
        slot.stage = Stage::Lingering(Box::new(lingering));
        self.counts.lingering += 1;
        self.lingering.push_back((Instant::now() + LINGER_TIME, token));
        self.tell_end(conn);
        self.receive(conn);
        if self.counts.lingering > LINGERING_MAX {
            self.shut_lingering(None);
        }
    }

    /// There is room in the socket of one that lingers.
    pub(super) fn tell_end(&mut self, conn: ConnId) {
        let Some((socket, Stage::Lingering(lingering))) = self.slots.get(conn).parts() else {
            return;
        };
        if lingering.is_told {
            return;
        }
        match lingering.unsent.send(socket) {
            Ok(false) => self.full.push(conn),
            Ok(true) => {
                lingering.is_told = true;
                if let Err(error) = rustix::net::shutdown(socket, Shutdown::Write) {
                    debug!(%error, "the peer had closed it already");
                }
            }
            Err(error) => {
                debug!(%error, "the peer does not hear what is said last");
                self.shut(conn);
            }
        }
    }

    /// Shuts those whose time is over at `began`, or the one that has lingered longest. Whether
    /// there was one.
    pub(super) fn shut_lingering(&mut self, began: Option<Instant>) -> bool {
        let mut any = false;
        while let Some(&(due, token)) = self.lingering.front() {
            let lingers =
                |conn: &ConnId| matches!(self.slots.peek(*conn).stage, Stage::Lingering(_));
            let conn = self.slots.owner(token).filter(lingers);
            if conn.is_some() && began.is_some_and(|began| due > began) {
                break;
            }
            self.lingering.pop_front();
            if let Some(conn) = conn {
                any = true;
                self.shut(conn);
                if began.is_none() {
                    break;
                }
            }
        }
        any
    }
}
