//! Clients leave: by themselves, ejected, or dropped. What lives as long as a session ends with it, and
//! what the cluster wanted said then is said.

use crate::ClientAgent;
use crate::ejection::Offence;
use crate::events;
use crate::session::{Session, State};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use runtime::{CloseReason, ConnId, Outbox, RoleId};
use tracing::{debug, info};
use wire::client::ToClient;
use wire::datagram::Datagram;
use wire::event::Value;
use wire::framing::BODY_BYTES_MAX;
use wire::ids::{Channel, DoId};
use wire::state_server::ObjectMessage;

/// What an EJECT has besides its reason: the number of the message, the code, a length.
const EJECT_BYTES: usize = 2 + 2 + 2;

impl ClientAgent {
    /// Ejects a client for something that it did, or that there is no room for it.
    #[cold]
    pub(crate) fn eject(&mut self, conn: ConnId, offence: &Offence<'_>, out: &mut Outbox) {
        let Some(session) = self.sessions.get(conn) else { return };
        let (code, reason) = (offence.code(), offence.to_string());
        let (client, peer) = (session.channel, session.peer);
        // A flood of them must not flood the log.
        let count = offence.count(&mut out.counts);
        if count.is_power_of_two() {
            info!(%client, %peer, code, "ejected: {reason} (number {count} of this kind)");
        } else {
            debug!(%client, %peer, code, "ejected: {reason}");
        }
        let kind = if offence.is_attack() { "client-ejected-security" } else { "client-ejected" };
        self.end(conn, code, reason.as_bytes(), kind, out);
    }

    /// Ejects a client because the cluster wants it.
    pub(crate) fn eject_by_cluster(
        &mut self,
        conn: ConnId,
        code: u16,
        reason: &[u8],
        out: &mut Outbox,
    ) {
        out.counts.ejected_cluster += 1;
        self.end(conn, code, reason, "client-ejected", out);
    }

    fn end(&mut self, conn: ConnId, code: u16, reason: &[u8], kind: &str, out: &mut Outbox) {
        let Some(session) = self.sessions.get_mut(conn) else { return };
        session.is_ending = true;
        let text = String::from_utf8_lossy(reason);
        let details =
            [("reason_code", Value::Number(i64::from(code))), ("reason_msg", Value::Text(&text))];
        events::say(session, kind, &details, out);
        let reason = &reason[..reason.len().min(BODY_BYTES_MAX - EJECT_BYTES)];
        let (eject, dialect) = (ToClient::Eject { code, reason }, out.dialect());
        out.write(conn, |own| eject.encode(dialect, own)).expect("it was cut to fit");
        out.finish(conn, CloseReason::Ejected);
    }

    /// A client says that it leaves, or the cluster wants it gone without a word.
    pub(crate) fn drop_client(&mut self, conn: ConnId, reason: CloseReason, out: &mut Outbox) {
        if let Some(session) = self.sessions.get_mut(conn) {
            session.is_ending = true;
            out.close(conn, reason);
        }
    }

    /// A client is gone.
    pub(crate) fn closed(&mut self, conn: ConnId, reason: CloseReason, out: &mut Outbox) {
        let Some(mut session) = self.sessions.remove(conn) else { return };
        out.counts.clients -= 1;
        out.counts.clients_established -= u64::from(session.state == State::Established);
        self.clocks.end_all(conn);
        session.alarm_at.into_iter().for_each(|due| self.clocks.interest.end(due, conn));
        self.held.remove(&conn);
        debug!(client = %session.channel, reason = reason.name(), "left");
        say_left(&session, reason, out);
        say_last(self.me, conn, &mut session, out);
        self.sessions.ears.close_all(conn, out);
        if session.has_channel() {
            self.free(session.channel, out);
        }
    }

    /// The daemon stops: the connections end without a further input.
    pub(crate) fn stopping(&mut self, out: &mut Outbox) {
        let conns: Vec<ConnId> = self.sessions.conns().collect();
        for conn in conns {
            self.sessions.any_mut(conn).into_iter().for_each(|session| {
                say_last(self.me, conn, session, out);
            });
        }
    }
}

fn say_left(session: &Session, reason: CloseReason, out: &mut Outbox) {
    let kind = match reason {
        CloseReason::Disconnected => "client-disconnected",
        CloseReason::Ejected => return, // it was said when it was ejected
        CloseReason::Dropped
        | CloseReason::ClosedByPeer
        | CloseReason::Reset
        | CloseReason::NotAllowed
        | CloseReason::TooManyParticipants
        | CloseReason::Malformed
        | CloseReason::FrameTooLong
        | CloseReason::Backlog
        | CloseReason::Stalled
        | CloseReason::TooManySubscriptions
        | CloseReason::TooManyPostRemoves => "client-lost",
    };
    events::say(session, kind, &[("reason", Value::Text(reason.name()))], out);
}

/// Deletes the objects of a session, and sends its post-removes; once.
fn say_last(me: RoleId, conn: ConnId, session: &mut Session, out: &mut Outbox) {
    if core::mem::replace(&mut session.has_said_last, true) {
        return;
    }
    for &do_id in session.view.session_objects() {
        delete(me, do_id, session.sender, out);
    }
    let extra = session.take_extra();
    for body in extra.iter().flat_map(|extra| extra.post_removes.iter()) {
        let dg = Datagram::parse(body).expect("checked when it was stored");
        out.route_body(conn, body, dg.recipients()).expect("it came in a datagram");
        out.counts.client_post_removes_sent += 1;
    }
}

/// Deletes an object of a session that is over, in the name of its client.
pub fn delete(me: RoleId, do_id: DoId, client: Channel, out: &mut Outbox) {
    let (message, dialect) = (ObjectMessage::DeleteRam { do_id }, out.dialect());
    let msgtype = message.msgtype(dialect).expect("both dialects have DELETE_RAM");
    let to = [Channel::object(do_id)];
    out.send(me, &to, client, msgtype, |out| message.write(dialect, out)).expect("it is short");
}
