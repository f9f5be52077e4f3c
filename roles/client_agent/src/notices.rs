//! What the cluster says to channels that clients hear: of objects, which their views judge, and of the
//! clients themselves ([`crate::grants`]).

use crate::ClientAgent;
use crate::entry::Audience;
use crate::refusal::{Refusal, Request};
use crate::session::Session;
use crate::view::{Sink, Terms, View};
use alloc::vec::Vec;
use runtime::{ConnId, Outbox};
use tracing::{debug, warn};
use wire::client::{AgentMessage, MessageError, ToClient};
use wire::datagram::Datagram;
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, ClassId, DoId};
use wire::state_server::{Entry, ObjectNotice};

impl ClientAgent {
    /// A datagram is heard once by each client that it is for, but not by the one that sent it.
    #[inline]
    pub(crate) fn datagram(&mut self, frame: &[u8], out: &mut Outbox) {
        let dg = Datagram::parse(framing::body(frame)).expect("who routed it has checked it");
        let dialect = out.dialect();
        match ObjectNotice::decode(dialect, dg.msgtype(), dg.payload()) {
            Ok(ObjectNotice::UpdateField { do_id, field, value }) => {
                let update = ToClient::UpdateField { do_id, field, value };
                let audience = self.audience(&dg, do_id, out);
                show(&audience, &update, out);
                self.reached = audience;
            }
            Ok(ObjectNotice::UpdateFieldMultiple { do_id, count, fields }) => {
                let audience = self.audience(&dg, do_id, out);
                self.show_multiple(&audience, do_id, count, fields, out);
                self.reached = audience;
            }
            Ok(notice) => self.notice(&dg, &notice, out),
            Err(MessageError::Unknown(_)) => {
                match AgentMessage::decode(dialect, dg.msgtype(), dg.payload()) {
                    Ok(message) => self.agent_message(&dg, &message, out),
                    Err(error) => not_understood(&dg, error, out),
                }
            }
            Err(error) => not_understood(&dg, error, out),
        }
    }

    /// The clients that an update of an object is for, in memory that is to be given back.
    #[inline]
    fn audience(&mut self, dg: &Datagram<'_>, do_id: DoId, out: &mut Outbox) -> Vec<ConnId> {
        let mut audience = core::mem::take(&mut self.reached);
        audience.clear();
        let (key, is_uberdog) = (self.terms.key(do_id), self.rules.uberdog(do_id).is_some());
        let mut is_lost = false;
        for channel in dg.recipients() {
            self.sessions.each(channel, |conn, session| {
                if session.sender == dg.sender() {
                } else if session.view.sees(key) || is_uberdog || session.view.known(key).is_some()
                {
                    audience.push(conn);
                } else {
                    is_lost = true;
                }
            });
        }
        if is_lost && audience.is_empty() {
            out.counts.dropped_unknown_object += 1;
        }
        audience
    }

    /// Shows several updates of an object. In `openotp` clients hear of one after the other.
    fn show_multiple(
        &self,
        audience: &[ConnId],
        do_id: DoId,
        count: u16,
        mut fields: &[u8],
        out: &mut Outbox,
    ) {
        let Some(&first) = audience.first() else { return };
        if out.dialect() == Dialect::Astron {
            return show(audience, &ToClient::UpdateFieldMultiple { do_id, count, fields }, out);
        }
        let known = self.sessions.get(first).and_then(|one| one.view.known(self.terms.key(do_id)));
        let uberdog = self.rules.uberdog(do_id).map(|uberdog| ClassId(uberdog.dclass.0));
        let Some(dclass) = uberdog.or(known.map(|known| known.dclass)) else { return };
        for _ in 0..count {
            let Some((field, value)) = self.rules.split_field(dclass, &mut fields) else {
                out.counts.dropped_malformed += 1;
                return debug!(%do_id, "an update of several fields that is malformed");
            };
            show(audience, &ToClient::UpdateField { do_id, field, value }, out);
        }
    }

    /// Something happened to an object, or a question about objects was answered.
    fn notice(&mut self, dg: &Datagram<'_>, notice: &ObjectNotice<'_>, out: &mut Outbox) {
        match *notice {
            ObjectNotice::EnterZone(raw) => {
                // In `openotp` that is the answer to a question too, to whom it was asked for.
                let (channels, now) = (&self.rules.config.channels, self.now);
                let is_answer = dg.recipients().any(|channel| channels.contains(&channel));
                self.entry(dg, Audience::Observer, &raw, out, |view, terms, entry, sink| {
                    match (is_answer, terms.dialect) {
                        (true, Dialect::OpenOtp) => view.answered(terms, now, 0, entry, sink),
                        (false, _) | (_, Dialect::Astron) => view.entered(terms, entry, sink),
                    }
                });
            }
            ObjectNotice::EnterInterest { context, entry: raw } => {
                let now = self.now;
                self.entry(dg, Audience::Observer, &raw, out, |view, terms, entry, sink| {
                    view.answered(terms, now, context, entry, sink);
                });
            }
            ObjectNotice::EnterOwner(raw) => {
                self.entry(dg, Audience::Owner, &raw, out, |view, terms, entry, sink| {
                    view.owner_entered(terms, entry, sink);
                });
            }
            ObjectNotice::ChangeOwner { do_id, new, .. } => self.owner_changed(dg, do_id, new, out),
            ObjectNotice::ChangeZone { do_id, new, .. } => {
                self.each_view(dg, out, |view, terms, sink| view.moved(terms, do_id, new, sink));
            }
            ObjectNotice::LocateResp { do_id, location, .. } => {
                self.each_view(dg, out, |view, terms, sink| {
                    view.located(terms, do_id, location, sink);
                });
            }
            ObjectNotice::DeleteRam { do_id } => {
                self.each_view(dg, out, |view, terms, sink| view.deleted(terms, do_id, sink));
            }
            ObjectNotice::CountZonesResp { context, count } => {
                let now = self.now;
                self.each_view(dg, out, |view, terms, sink| {
                    view.counted(terms, now, context, count, sink);
                });
            }
            ObjectNotice::QueryZoneDone { parent, zones } => {
                let now = self.now;
                self.each_view(dg, out, |view, terms, sink| {
                    view.zones_done(terms, now, parent, zones, sink);
                });
            }
            ObjectNotice::UpdateField { .. }
            | ObjectNotice::UpdateFieldMultiple { .. }
            | ObjectNotice::DeleteFieldRam { .. }
            | ObjectNotice::DeleteFieldsRam { .. }
            | ObjectNotice::DeleteDisk { .. }
            | ObjectNotice::EnterAi(_)
            | ObjectNotice::QueryAllResp { .. }
            | ObjectNotice::QueryFieldResp { .. }
            | ObjectNotice::QueryFieldsResp { .. }
            | ObjectNotice::CountZoneResp { .. }
            | ObjectNotice::CountChildrenResp { .. }
            | ObjectNotice::ActiveZonesResp { .. }
            | ObjectNotice::LeavingAiInterest { .. }
            | ObjectNotice::ManagingAiResp { .. } => out.counts.dropped_not_for_clients += 1,
        }
    }

    /// An object is shown to those that a datagram reaches, as `audience` is to see it.
    fn entry(
        &mut self,
        dg: &Datagram<'_>,
        audience: Audience,
        raw: &Entry<'_>,
        out: &mut Outbox,
        mut f: impl FnMut(&mut View, &Terms, &Entry<'_>, &mut Sink<'_>),
    ) {
        let mut scratch = core::mem::take(&mut self.scratch);
        match self.shown.entry(audience, raw, &mut scratch) {
            Ok(entry) => {
                let reached = match audience {
                    Audience::Observer => self.reached(dg),
                    Audience::Owner => self.addressed(dg),
                };
                if audience == Audience::Owner
                    && let Some(client) = self.nobodys(dg)
                {
                    let request = Request { what: "EnterOwner", client, sender: dg.sender() };
                    Refusal::NoClient.note(out, &request);
                }
                for &conn in &reached {
                    self.with_view(conn, out, |view, terms, sink| f(view, terms, &entry, sink));
                }
                self.reached = reached;
            }
            Err(error) => {
                out.counts.dropped_malformed += 1;
                debug!(do_id = %raw.do_id, %error, "an object that is not shown");
            }
        }
        self.scratch = scratch;
    }

    /// An object has another owner: clients that do not own it any more are told.
    fn owner_changed(&mut self, dg: &Datagram<'_>, do_id: DoId, new: Channel, out: &mut Outbox) {
        let reached = self.addressed(dg);
        for &conn in &reached {
            let owner = self.sessions.get(conn).is_some_and(|session| session.names().has(new));
            if !owner {
                self.with_view(conn, out, |view, terms, sink| {
                    view.owner_changed(terms, do_id, sink);
                });
            }
        }
        self.reached = reached;
    }

    /// Lets the views of all that a datagram reaches do something.
    fn each_view(
        &mut self,
        dg: &Datagram<'_>,
        out: &mut Outbox,
        mut f: impl FnMut(&mut View, &Terms, &mut Sink<'_>),
    ) {
        let reached = self.reached(dg);
        for &conn in &reached {
            self.with_view(conn, out, &mut f);
        }
        self.reached = reached;
    }

    /// The clients that hear a datagram, each once, in memory that is to be given back.
    pub(crate) fn reached(&mut self, dg: &Datagram<'_>) -> Vec<ConnId> {
        self.reached_where(dg, |_, _| true)
    }

    /// Those of them that go by the name of a recipient. A client chooses itself which locations it
    /// hears, and one may be the name of another client: what is for that one is not for it.
    pub(crate) fn addressed(&mut self, dg: &Datagram<'_>) -> Vec<ConnId> {
        let all = self.sessions.ears.all();
        self.reached_where(dg, |session, channel| {
            session.names().has(channel) || all == Some(channel)
        })
    }

    fn reached_where(
        &mut self,
        dg: &Datagram<'_>,
        is_meant: impl Fn(&Session, Channel) -> bool,
    ) -> Vec<ConnId> {
        let mut reached = core::mem::take(&mut self.reached);
        reached.clear();
        for channel in dg.recipients() {
            self.sessions.each(channel, |conn, session| {
                if session.sender != dg.sender() && is_meant(session, channel) {
                    reached.push(conn);
                }
            });
        }
        if dg.recipients().len() > 1 {
            reached.sort_unstable();
            reached.dedup();
        }
        reached
    }
}

/// Says something to several clients.
#[inline]
fn show(audience: &[ConnId], message: &ToClient<'_>, out: &mut Outbox) {
    if audience.is_empty() {
        return;
    }
    let (dialect, before) = (out.dialect(), out.counts.deliveries);
    out.write_each(audience.iter().copied(), |own| message.encode(dialect, own))
        .expect("an update is no longer than what brought it");
    out.counts.updates_shown += out.counts.deliveries - before;
}

#[cold]
fn not_understood(dg: &Datagram<'_>, error: MessageError, out: &mut Outbox) {
    let (sender, msgtype) = (dg.sender(), dg.msgtype());
    out.counts.dropped_malformed += 1;
    if out.counts.dropped_malformed.is_power_of_two() {
        warn!(%sender, %msgtype, "a message to a client that is none: {error}");
    } else {
        debug!(%sender, %msgtype, "a message to a client that is none: {error}");
    }
}
