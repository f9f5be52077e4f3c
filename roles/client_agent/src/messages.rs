//! What clients say (`openotp.md`, client protocol; `astron` section 3).

use crate::ClientAgent;
use crate::ejection::Offence;
use crate::session::State;
use crate::view::{By, OverLimit};
use runtime::{CloseReason, ConnId, Frame, Outbox};
use wire::client::{self, FromClient, MessageError, Zones};
use wire::dialect::{Dialect, FromClient as Row, Inbox};
use wire::ids::{DoId, MsgType};
use wire::reader::DecodeError;

impl ClientAgent {
    #[inline]
    pub(crate) fn frame(&mut self, conn: ConnId, frame: Frame<'_>, out: &mut Outbox) {
        let Some(session) = self.sessions.get_mut(conn) else { return };
        out.counts.client_messages += 1;
        let bytes = frame.bytes().len() as u32;
        if !session.messages.take(self.now, 1, self.rules.messages) {
            return self.eject(conn, &Offence::OverLimit("more messages than allowed"), out);
        }
        if !session.bytes.take(self.now, bytes, self.rules.bytes) {
            return self.eject(conn, &Offence::OverLimit("more bytes than allowed"), out);
        }
        if !session.has_channel() {
            return self.hold(conn, frame, out);
        }
        self.message(conn, frame.body(), out);
    }

    /// A message of a client that has a channel.
    #[inline]
    pub(crate) fn message(&mut self, conn: ConnId, body: &[u8], out: &mut Outbox) {
        let Some(session) = self.sessions.get(conn) else { return };
        let (state, dialect) = (session.state, out.dialect());
        let Some((msgtype, payload)) = client::split(body) else {
            let offence = if state == State::New { Offence::NoHello } else { Offence::Truncated };
            return self.eject(conn, &offence, out);
        };
        let done = match FromClient::decode(dialect, msgtype, payload) {
            Ok(FromClient::UpdateField { do_id, field, value }) if state > State::New => {
                self.update_field(conn, do_id, field, value, out)
            }
            Ok(message) if is_allowed(state, row(dialect, msgtype)) => {
                self.allowed_message(conn, &message, out)
            }
            Ok(_) => Err(not_allowed(state, msgtype)),
            Err(error) => Err(malformed(state, dialect, msgtype, error)),
        };
        if let Err(offence) = done {
            self.eject(conn, &offence, out);
        }
    }

    fn allowed_message(
        &mut self,
        conn: ConnId,
        message: &FromClient<'_>,
        out: &mut Outbox,
    ) -> Result<(), Offence<'static>> {
        match *message {
            FromClient::Hello { dc_hash, version } => {
                self.hello(conn, dc_hash, version, out);
                Ok(())
            }
            FromClient::Disconnect => {
                self.drop_client(conn, CloseReason::Disconnected, out);
                Ok(())
            }
            FromClient::Heartbeat => {
                self.clocks.heartbeat.begin(self.now, conn);
                Ok(())
            }
            FromClient::UpdateField { do_id, field, value } => {
                self.update_field(conn, do_id, field, value, out)
            }
            FromClient::Location { do_id, location } => self.relocate(conn, do_id, location, out),
            FromClient::AddInterest { context, interest, parent, zones } => {
                self.add_interest(conn, (interest, context), parent, zones, out)
            }
            FromClient::RemoveInterest { context, interest } => {
                self.remove_interest(conn, (interest, context), out)
            }
        }
    }

    fn add_interest(
        &mut self,
        conn: ConnId,
        (interest, context): (u16, u32),
        parent: DoId,
        zones: Zones<'_>,
        out: &mut Outbox,
    ) -> Result<(), Offence<'static>> {
        let Some(session) = self.sessions.get_mut(conn) else { return Ok(()) };
        self.rules.check_interest(session, parent, self.terms.key(parent))?;
        // Each zone is asked for, and makes others answer: it counts as a message.
        if !session.messages.take(self.now, zones.0.len() as u32, self.rules.messages) {
            return Err(Offence::OverLimit("more zones opened than messages are allowed"));
        }
        out.counts.client_interests += 1;
        let (by, now) = (By::Client { context }, self.now);
        let added = self.with_view(conn, out, |view, terms, sink| {
            view.add_interest(terms, now, (interest, by), (parent, zones), sink)
        });
        match added {
            Some(Err(OverLimit::Interests)) => {
                Err(Offence::OverLimit("more interests than allowed"))
            }
            Some(Err(OverLimit::Zones)) => {
                Err(Offence::OverLimit("more zones of interest than allowed"))
            }
            Some(Err(OverLimit::Granted) | Ok(())) | None => Ok(()),
        }
    }

    fn remove_interest(
        &mut self,
        conn: ConnId,
        (interest, context): (u16, u32),
        out: &mut Outbox,
    ) -> Result<(), Offence<'static>> {
        let by = By::Client { context };
        let Some(session) = self.sessions.get(conn) else { return Ok(()) };
        let parent = session.view.parent_of(interest).ok_or(Offence::UnknownInterest(interest))?;
        self.rules.check_interest_removal(session, parent, self.terms.key(parent))?;
        let removed = self.with_view(conn, out, |view, terms, sink| {
            view.remove_interest(terms, (interest, by), sink)
        });
        match removed {
            Some(Err(unknown)) => Err(Offence::UnknownInterest(unknown.0)),
            Some(Ok(())) | None => Ok(()),
        }
    }
}

/// The row of a message that was read.
fn row(dialect: Dialect, msgtype: MsgType) -> Row {
    Row::from_number(dialect, msgtype).expect("it was read, so there is such a message")
}

/// Whether a client that has come so far may say this.
fn is_allowed(state: State, row: Row) -> bool {
    match row {
        Row::Hello => state == State::New,
        Row::Disconnect | Row::Heartbeat | Row::UpdateField => state > State::New,
        Row::Location | Row::AddInterest | Row::AddInterestMultiple | Row::RemoveInterest => {
            state == State::Established
        }
    }
}

fn not_allowed(state: State, msgtype: MsgType) -> Offence<'static> {
    match state {
        State::New => Offence::NoHello,
        State::Anonymous | State::Established => Offence::InvalidMessage(msgtype),
    }
}

/// What is no message, or one of which it does not matter that it is malformed.
fn malformed(
    state: State,
    dialect: Dialect,
    msgtype: MsgType,
    error: MessageError,
) -> Offence<'static> {
    match error {
        MessageError::Unknown(_) => not_allowed(state, msgtype),
        MessageError::Arguments { .. } if !is_allowed(state, row(dialect, msgtype)) => {
            not_allowed(state, msgtype)
        }
        MessageError::Arguments { error: DecodeError::Truncated, .. } => Offence::Truncated,
        MessageError::Arguments { error: DecodeError::Excess(bytes), .. } => Offence::Excess(bytes),
    }
}
