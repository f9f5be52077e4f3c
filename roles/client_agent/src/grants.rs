//! What the cluster says of clients (`openotp.md`, Client Agent messages; `astron` section 4). It is
//! believed: a client gets what the cluster gives it, as long as that makes sense and has room.

use crate::ClientAgent;
use crate::departure::delete;
use crate::hands::answer;
use crate::post_removes;
use crate::refusal::{Refusal, Request};
use crate::session::State;
use crate::view::By;
use alloc::string::ToString;
use alloc::vec::Vec;
use runtime::{CloseReason, ConnId, Outbox};
use smallvec::SmallVec;
use tracing::debug;
use wire::client::{AgentAnswer, AgentMessage, Fields, Zones};
use wire::datagram::Datagram;
use wire::framing::{self, BodyTooLong};
use wire::ids::{Channel, ClassId, DoId, FieldId};

impl ClientAgent {
    /// A message about all clients that a datagram reaches.
    pub(crate) fn agent_message(
        &mut self,
        dg: &Datagram<'_>,
        message: &AgentMessage<'_>,
        out: &mut Outbox,
    ) {
        if let Some(client) = self.nobodys(dg) {
            return self.say_to_nobody(client, message, dg.sender(), out);
        }
        let reached = self.addressed(dg);
        if let AgentMessage::SendDatagram { datagram } = *message {
            send_datagram(&reached, datagram, out);
        }
        for &conn in &reached {
            let client = self.sessions.get(conn).map_or(Channel(0), |session| session.channel);
            if let Err(refusal) = self.grant(conn, message, dg.sender(), out) {
                let what = message.name(out.dialect());
                let request = Request { what, client, sender: dg.sender() };
                refusal.note(out, &request);
            }
        }
        self.reached = reached;
    }

    /// The channel of a client that a datagram is for, if it is for that one alone and nobody has it
    /// any more, or yet. It is leased to this shard, or to none: otherwise the datagram would not have
    /// come here.
    pub(crate) fn nobodys(&self, dg: &Datagram<'_>) -> Option<Channel> {
        let client = dg.recipients().next().filter(|_| dg.recipients().len() == 1)?;
        let mut is_nobodys = self.rules.config.channels.contains(&client);
        // Who merely listens there is not the one.
        self.sessions.each(client, |_, session| is_nobodys &= !session.names().has(client));
        is_nobodys.then_some(client)
    }

    /// A request about a client that is gone, or never was.
    fn say_to_nobody(
        &self,
        client: Channel,
        message: &AgentMessage<'_>,
        sender: Channel,
        out: &mut Outbox,
    ) {
        match *message {
            // Who asks for what is due when a client goes cannot know that it has gone; nor can this
            // agent know whom it had before it was started.
            AgentMessage::AddPostRemove { message } => {
                self.say_at_once(client, message, sender, out);
            }
            AgentMessage::AddSessionObject { do_id } => delete(self.me, do_id, client, out),
            // So it is.
            AgentMessage::Eject { .. }
            | AgentMessage::Drop
            | AgentMessage::UndeclareObject { .. }
            | AgentMessage::RemoveSessionObject { .. }
            | AgentMessage::CloseChannel { .. }
            | AgentMessage::ClearPostRemoves
            | AgentMessage::RemoveInterest { .. } => (),
            AgentMessage::SetState { .. }
            | AgentMessage::SetClientId { .. }
            | AgentMessage::SendDatagram { .. }
            | AgentMessage::GetNetworkAddress { .. }
            | AgentMessage::GetTlvs { .. }
            | AgentMessage::DeclareObject { .. }
            | AgentMessage::SetFieldsSendable { .. }
            | AgentMessage::OpenChannel { .. }
            | AgentMessage::AddInterest { .. } => {
                let what = message.name(out.dialect());
                Refusal::NoClient.note(out, &Request { what, client, sender });
            }
        }
    }

    /// A post-remove for a client that is gone already is due: who asked for it could not know, and
    /// would wait for ever.
    fn say_at_once(&self, client: Channel, message: &[u8], sender: Channel, out: &mut Outbox) {
        let last = match post_removes::checked(message, out.dialect()) {
            Ok(last) => last,
            Err(error) => {
                let request = Request { what: "AddPostRemove", client, sender };
                return Refusal::from(error).note(out, &request);
            }
        };
        let to: SmallVec<[Channel; 2]> = last.recipients().collect();
        let write = |out: &mut Vec<u8>| out.extend_from_slice(last.payload());
        let sent = out.send(self.me, &to, last.sender(), last.msgtype(), write);
        sent.expect("it came in a datagram");
        out.counts.client_post_removes_sent += 1;
    }

    fn grant(
        &mut self,
        conn: ConnId,
        message: &AgentMessage<'_>,
        caller: Channel,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        match *message {
            AgentMessage::SetState { state } => self.set_state(conn, state, out)?,
            AgentMessage::SetClientId { channel } => self.set_sender(conn, channel, out)?,
            AgentMessage::SendDatagram { .. } => (), // all that hear it share its bytes
            AgentMessage::Eject { code, reason } => self.eject_by_cluster(conn, code, reason, out),
            AgentMessage::Drop => self.drop_client(conn, CloseReason::Dropped, out),
            AgentMessage::GetNetworkAddress { context } => {
                self.tell_address(conn, context, caller, out);
            }
            AgentMessage::GetTlvs { context } => self.tell_tlvs(conn, context, caller, out),
            AgentMessage::DeclareObject { do_id, dclass } => self.declare(conn, do_id, dclass)?,
            AgentMessage::UndeclareObject { do_id } => {
                let session = self.sessions.get_mut(conn);
                session.into_iter().for_each(|session| session.view.undeclare(do_id));
            }
            AgentMessage::AddSessionObject { do_id } => {
                let Some(session) = self.sessions.get_mut(conn) else { return Ok(()) };
                session.view.add_session_object(&self.terms, do_id)?;
            }
            AgentMessage::RemoveSessionObject { do_id } => {
                let session = self.sessions.get_mut(conn);
                session.into_iter().for_each(|session| session.view.remove_session_object(do_id));
            }
            AgentMessage::SetFieldsSendable { do_id, fields } => {
                self.set_sendable(conn, do_id, fields)?;
            }
            AgentMessage::OpenChannel { channel } => self.open_channel(conn, channel, out)?,
            AgentMessage::CloseChannel { channel } => self.close_channel(conn, channel, out),
            AgentMessage::AddPostRemove { message } => {
                let Some(session) = self.sessions.get_mut(conn) else { return Ok(()) };
                let (dialect, limits) = (out.dialect(), &self.rules.config.limits);
                session.extra_mut().post_removes.add(message, dialect, limits)?;
            }
            AgentMessage::ClearPostRemoves => {
                let session = self.sessions.get_mut(conn).filter(|one| one.extra().is_some());
                session.into_iter().for_each(|one| one.extra_mut().post_removes.clear());
            }
            AgentMessage::AddInterest { interest, parent, zones } => {
                self.add_interest_for(conn, (interest, caller), parent, zones, out)?;
            }
            AgentMessage::RemoveInterest { interest } => {
                self.remove_interest_for(conn, (interest, caller), out);
            }
        }
        Ok(())
    }

    fn set_state(&mut self, conn: ConnId, state: u16, out: &mut Outbox) -> Result<(), Refusal> {
        let state = State::from_number(state).ok_or(Refusal::BadState(state))?;
        let Some(session) = self.sessions.get_mut(conn) else { return Ok(()) };
        let before = core::mem::replace(&mut session.state, state);
        out.counts.clients_established += u64::from(state == State::Established);
        out.counts.clients_established -= u64::from(before == State::Established);
        if state > State::New {
            self.clocks.hello.end(conn);
        }
        if state == State::Established {
            self.clocks.established.end(conn);
        }
        Ok(())
    }

    /// From now on a client speaks in the name of another channel, and hears what is said to it.
    fn set_sender(
        &mut self,
        conn: ConnId,
        channel: Channel,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        check_channel(channel, out)?;
        let Some((session, ears)) = self.sessions.get_both(conn) else { return Ok(()) };
        ears.open(channel, conn, out)?;
        let before = core::mem::replace(&mut session.sender, channel);
        if !session.hears(&self.terms, before) {
            ears.close(before, conn, out);
        }
        Ok(())
    }

    fn open_channel(
        &mut self,
        conn: ConnId,
        channel: Channel,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        check_channel(channel, out)?;
        let max = self.rules.config.limits.granted_max;
        let Some((session, ears)) = self.sessions.get_both(conn) else { return Ok(()) };
        if session.extra().is_some_and(|extra| extra.opened.contains(&channel)) {
            return Ok(());
        }
        if session.extra().is_some_and(|extra| extra.opened.len() >= max) {
            return Err(Refusal::Full { what: "open channels", max });
        }
        ears.open(channel, conn, out)?;
        session.extra_mut().opened.insert(channel);
        Ok(())
    }

    fn close_channel(&mut self, conn: ConnId, channel: Channel, out: &mut Outbox) {
        let Some((session, ears)) = self.sessions.get_both(conn) else { return };
        let was_open = session.extra().is_some() && session.extra_mut().opened.remove(&channel);
        if was_open && !session.hears(&self.terms, channel) {
            ears.close(channel, conn, out);
        }
    }

    fn declare(&mut self, conn: ConnId, do_id: DoId, dclass: ClassId) -> Result<(), Refusal> {
        self.rules.class(dclass).ok_or(Refusal::UnknownClass(dclass))?;
        let Some(session) = self.sessions.get_mut(conn) else { return Ok(()) };
        session.view.declare(&self.terms, do_id, dclass)?;
        Ok(())
    }

    /// A client may send these fields of an object besides those that its class lets it send.
    fn set_sendable(
        &mut self,
        conn: ConnId,
        do_id: DoId,
        fields: Fields<'_>,
    ) -> Result<(), Refusal> {
        let max = self.rules.config.limits.granted_max;
        let Some(session) = self.sessions.get_mut(conn) else { return Ok(()) };
        let mut fields: Vec<FieldId> = fields.iter().collect();
        fields.sort_unstable();
        fields.dedup();
        if fields.is_empty() {
            if session.extra().is_some() {
                session.extra_mut().sendable.remove(&do_id);
            }
            return Ok(());
        }
        let sendable = &mut session.extra_mut().sendable;
        if fields.len() > max || (sendable.len() >= max && !sendable.contains_key(&do_id)) {
            return Err(Refusal::Full { what: "objects, or fields of one, that it may send", max });
        }
        sendable.insert(do_id, fields.into());
        Ok(())
    }

    fn add_interest_for(
        &mut self,
        conn: ConnId,
        (interest, caller): (u16, Channel),
        parent: DoId,
        zones: Zones<'_>,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        out.counts.client_interests += 1;
        let (by, now) = (By::Cluster { caller }, self.now);
        let added = self.with_view(conn, out, |view, terms, sink| {
            view.add_interest(terms, now, (interest, by), (parent, zones), sink)
        });
        let added = added.unwrap_or(Ok(())).map_err(Refusal::View);
        if added.is_err() {
            self.answer_done(conn, (interest, caller), out);
        }
        added
    }

    /// Says that an interest is done though nothing was: who asked for it would wait for ever.
    fn answer_done(&self, conn: ConnId, (interest, caller): (u16, Channel), out: &mut Outbox) {
        if let Some(client) = self.sessions.get(conn).map(|session| session.sender) {
            let done = AgentAnswer::DoneInterestResp { client, interest };
            answer(self.me, caller, client, &done, out);
        }
    }

    fn remove_interest_for(
        &mut self,
        conn: ConnId,
        (interest, caller): (u16, Channel),
        out: &mut Outbox,
    ) {
        let by = By::Cluster { caller };
        let removed = self.with_view(conn, out, |view, terms, sink| {
            view.remove_interest(terms, (interest, by), sink)
        });
        if let Some(Err(error)) = removed {
            debug!(%caller, "to be removed: {error}");
            self.answer_done(conn, (interest, caller), out);
        }
    }

    fn tell_address(&self, conn: ConnId, context: u32, caller: Channel, out: &mut Outbox) {
        let Some(session) = self.sessions.get(conn) else { return };
        let (remote, local) = (session.peer.ip().to_string(), session.local.ip().to_string());
        let address = AgentAnswer::GetNetworkAddressResp {
            context,
            remote: remote.as_bytes(),
            remote_port: session.peer.port(),
            local: local.as_bytes(),
            local_port: session.local.port(),
        };
        answer(self.me, caller, session.sender, &address, out);
    }

    fn tell_tlvs(&self, conn: ConnId, context: u32, caller: Channel, out: &mut Outbox) {
        let Some(session) = self.sessions.get(conn) else { return };
        let tlvs = session.extra().map_or(&[][..], |extra| &extra.tlvs);
        let tlvs = AgentAnswer::GetTlvsResp { context, tlvs };
        answer(self.me, caller, session.sender, &tlvs, out);
    }
}

/// Writes a message of the client protocol to clients as it is.
fn send_datagram(conns: &[ConnId], message: &[u8], out: &mut Outbox) {
    let write = |own: &mut Vec<u8>| -> Result<(), BodyTooLong> {
        let start = framing::begin_frame(own);
        own.extend_from_slice(message);
        framing::finish_frame(own, start)
    };
    out.write_each(conns.iter().copied(), write).expect("it came in a datagram");
}

/// Checks that somebody can have a channel.
fn check_channel(channel: Channel, out: &Outbox) -> Result<(), Refusal> {
    let is_bad = channel == Channel(0) || channel == out.dialect().control_channel();
    if is_bad { Err(Refusal::BadChannel(channel)) } else { Ok(()) }
}
