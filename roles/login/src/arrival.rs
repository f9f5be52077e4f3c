//! A client that is who it says becomes its visitor in the park, and leaves it again.
//!
//! A visitor is one client at a time. If there is one already, it is ejected, and the new one waits
//! until `sessionOver` says that it is gone: by then its Client Agent has deleted the visitor from
//! the park, and he can arrive anew.

use crate::LoginManager;
use crate::login::{Hindrance, Login, Phase};
use crate::outgoing::Outgoing;
use crate::presence::Waited;
use tracing::{debug, warn};
use wire::client::AgentMessage;
use wire::datagram::write_datagram;
use wire::framing;
use wire::ids::{Channel, DoId};
use wire::state_server::{Location, ObjectMessage};

/// EJECT: the code of a game's own reasons.
const EJECT_CODE: u16 = 100;
/// SET_STATE: logged in.
const ESTABLISHED: u16 = 2;

/// The codes of `loginResult`.
const WELCOME: u8 = 0;
const WRONG_PASSWORD: u8 = 1;
const LATER: u8 = 2;

impl LoginManager {
    /// Has the Client Agent tell when a client is gone, if this is the first that is heard of it.
    pub(crate) fn greet(&mut self, client: Channel, out: &mut Outgoing) {
        if !self.guests.knows(client) {
            self.guests.greet(client);
            self.ask_to_tell(client, out);
        }
    }

    /// `sessionOver`, in the name of the client, when it is gone.
    pub(crate) fn ask_to_tell(&self, client: Channel, out: &mut Outgoing) {
        let me = self.config.uberdog;
        let update =
            ObjectMessage::UpdateField { do_id: me, field: self.classes.session_over, value: &[] };
        let msgtype = update.msgtype(crate::outgoing::DIALECT).expect("objects have updates");
        let mut frame = Vec::new();
        let write = |out: &mut Vec<u8>| update.write(crate::outgoing::DIALECT, out);
        write_datagram(&mut frame, &[Channel::object(me)], client, msgtype, write)
            .expect("an update without a value is short");
        let message = framing::body(&frame);
        out.agent(me, client, &AgentMessage::AddPostRemove { message });
    }

    /// A client may become this visitor.
    pub(crate) fn arrive(&mut self, client: Channel, visitor: DoId, out: &mut Outgoing) {
        self.set_phase(client, Phase::Arriving { visitor, asked_to_go: None });
        self.arriving.insert(client);
        self.try_arrival(client, out);
    }

    /// Lets a client in, unless something stands in the way still.
    fn try_arrival(&mut self, client: Channel, out: &mut Outgoing) {
        let login = self.logins.get(&client).map(|login| &login.phase);
        let Some(&Phase::Arriving { visitor, asked_to_go }) = login else { return };
        if !self.park.stands() {
            return;
        }
        if self.presence.is_doubted(visitor) {
            return; // the channel of its client may be somebody else's by now
        }
        match (self.guests.client_of(visitor), asked_to_go) {
            (None, _) => (),
            (Some(other), Some((asked, until_ms))) if asked == other => {
                if self.now_ms < until_ms {
                    return;
                }
                self.counts.not_left += 1;
                warn!("client {other} was ejected, and nobody says that it is gone");
            }
            (Some(other), _) => {
                self.counts.replaced += 1;
                self.eject(other, "logged in elsewhere", out);
                let until_ms = self.now_ms + self.config.limits.takeover_ms;
                let asked_to_go = Some((other, until_ms));
                return self.set_phase(client, Phase::Arriving { visitor, asked_to_go });
            }
        }
        self.let_in(client, visitor, out);
    }

    fn let_in(&mut self, client: Channel, visitor: DoId, out: &mut Outgoing) {
        self.end(client);
        self.guests.let_in(client, visitor);
        self.counts.welcomed += 1;
        debug!("client {client} is visitor {visitor}");
        let (me, park) = (self.config.uberdog, self.config.park);
        let declare = AgentMessage::DeclareObject { do_id: park, dclass: self.classes.park };
        out.agent(me, client, &declare);
        out.agent(me, client, &AgentMessage::AddSessionObject { do_id: visitor });
        out.agent(me, client, &AgentMessage::SetState { state: ESTABLISHED });
        out.object(me, visitor, &ObjectMessage::SetOwner { owner: client });
        let location = Location { parent: park, zone: self.config.zone };
        out.object(me, visitor, &ObjectMessage::SetZone { location });
        self.presence.enters(visitor, self.now_ms + self.config.limits.login_ms);
        out.object(me, visitor, &ObjectMessage::Locate { context: 0 });
        self.tell(client, WELCOME, "welcome", visitor, out);
    }

    /// All who may arrive, perhaps now.
    pub(crate) fn try_arrivals(&mut self, out: &mut Outgoing) {
        let arriving: Vec<Channel> = self.arriving.iter().copied().collect();
        arriving.into_iter().for_each(|client| self.try_arrival(client, out));
    }

    /// The park is there again: whether the visitors are that were in it.
    pub(crate) fn look_for_visitors(&mut self, out: &mut Outgoing) {
        let doubted = self.presence.ask(self.now_ms);
        self.ask_where(&doubted, out);
    }

    fn ask_where(&self, visitors: &[DoId], out: &mut Outgoing) {
        for visitor in visitors {
            out.object(self.config.uberdog, *visitor, &ObjectMessage::Locate { context: 0 });
        }
    }

    /// Visitors that do not answer from the park.
    pub(crate) fn end_late_visits(&mut self, out: &mut Outgoing) {
        let late = self.presence.take_late(self.now_ms);
        self.ask_where(&late.ask, out);
        for (visitor, why) in late.given_up {
            let Some(client) = self.guests.client_of(visitor) else { continue };
            match why {
                // Its client left while there was no link.
                Waited::Doubted => self.session_over(client, out),
                Waited::Entering => {
                    self.counts.not_arrived += 1;
                    let count = self.counts.not_arrived;
                    if count.is_power_of_two() {
                        warn!("visitor {visitor} does not answer from the park (number {count})");
                    }
                    self.eject(client, "your visitor does not arrive, try again later", out);
                }
            }
        }
    }

    /// A client is gone.
    pub(crate) fn session_over(&mut self, client: Channel, out: &mut Outgoing) {
        if let Some(Login { .. }) = self.end(client) {
            self.counts.gone += 1;
        }
        let Some(visitor) = self.guests.leave(client) else { return };
        self.presence.is_certain(visitor);
        // Its Client Agent has done so, unless the client was gone before it became the visitor.
        let delete = ObjectMessage::DeleteRam { do_id: visitor };
        out.object(self.config.uberdog, visitor, &delete);
        self.try_arrivals(out);
    }

    pub(crate) fn eject(&self, client: Channel, why: &str, out: &mut Outgoing) {
        let eject = AgentMessage::Eject { code: EJECT_CODE, reason: why.as_bytes() };
        out.agent(self.config.uberdog, client, &eject);
    }

    pub(crate) fn tell_wrong(&self, client: Channel, out: &mut Outgoing) {
        self.tell(client, WRONG_PASSWORD, "wrong name or password", DoId(0), out);
    }

    pub(crate) fn tell_later(&mut self, client: Channel, hindrance: Hindrance, out: &mut Outgoing) {
        match hindrance {
            Hindrance::Busy => self.counts.busy += 1,
            Hindrance::Repeated => self.counts.repeated += 1,
            Hindrance::Late => self.counts.late += 1,
            Hindrance::Failed | Hindrance::LinkLost => self.counts.failed += 1,
            Hindrance::Impossible => self.counts.malformed += 1,
        }
        self.tell(client, LATER, hindrance.text(), DoId(0), out);
    }

    /// `loginResult`.
    fn tell(&self, client: Channel, code: u8, why: &str, visitor: DoId, out: &mut Outgoing) {
        let mut value = vec![code];
        value.extend_from_slice(&(why.len() as u16).to_le_bytes());
        value.extend_from_slice(why.as_bytes());
        value.extend_from_slice(&visitor.0.to_le_bytes());
        out.update_at(client, self.config.uberdog, self.classes.login_result, &value);
    }
}
