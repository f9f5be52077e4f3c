//! What a client's view wants done is done here.

use crate::ClientAgent;
use crate::deadlines::Alarm;
use crate::ejection::Offence;
use crate::session::Names;
use crate::sessions::Ears;
use crate::view::{Action, Sink, Terms, View};
use alloc::vec::Vec;
use runtime::{ConnId, Now, Outbox, RoleId};
use tracing::debug;
use wire::client::{AgentAnswer, ToClient};
use wire::ids::{Channel, DoId};
use wire::state_server::{Location, ObjectMessage};

/// What does for one client what its view wants done.
struct Hands<'a> {
    me: RoleId,
    now: Now,
    conn: ConnId,
    names: Names<'a>,
    alarm_at: &'a mut Option<Now>,
    ears: &'a mut Ears,
    alarm: &'a mut Alarm,
    out: &'a mut Outbox,
    /// Why the session is to end.
    offence: Option<Offence<'static>>,
}

impl ClientAgent {
    /// Lets `f` do something with a client's view, and does what comes of it. `None`: the client is
    /// gone.
    pub(crate) fn with_view<T>(
        &mut self,
        conn: ConnId,
        out: &mut Outbox,
        f: impl FnOnce(&mut View, &Terms, &mut Sink<'_>) -> T,
    ) -> Option<T> {
        let (session, ears) = self.sessions.get_both(conn)?;
        let (view, names, alarm_at) = session.apart();
        let alarm = &mut self.clocks.interest;
        let (me, now) = (self.me, self.now);
        let mut hands = Hands { me, now, conn, names, alarm_at, ears, alarm, out, offence: None };
        let done = f(view, &self.terms, &mut |action| hands.act(&action));
        if let Some(offence) = hands.offence {
            self.eject(conn, &offence, out);
        }
        Some(done)
    }

    /// The first answer that a view has waited for is due.
    pub(crate) fn expire_questions(&mut self, conn: ConnId, out: &mut Outbox) {
        // The alarm has rung. It is set again for what is due first when the view has asked anew: until
        // then it counts as set.
        let now = self.now;
        self.with_view(conn, out, |view, terms, sink| view.expired(terms, now, sink));
        let Some(session) = self.sessions.get_mut(conn) else { return };
        session.alarm_at = session.view.waits_until();
        if let Some(due) = session.alarm_at {
            self.clocks.interest.begin(due, conn);
        }
    }
}

impl Hands<'_> {
    #[inline]
    fn act(&mut self, action: &Action<'_>) {
        if self.offence.is_some() {
            return;
        }
        match *action {
            Action::Tell(message) => say(self.conn, &message, self.out),
            Action::Listen(location) => self.listen(location),
            Action::Leave(location) => self.leave(location),
            Action::Ask { parent, context, zones, until } => {
                let question = ObjectMessage::QueryZones { context, parent, zones };
                self.ask(parent, &question, until);
            }
            Action::Locate { do_id, until } => {
                self.ask(do_id, &ObjectMessage::Locate { context: 0 }, until);
            }
            Action::Done { caller, interest } => {
                let done = AgentAnswer::DoneInterestResp { client: self.names.sender, interest };
                answer(self.me, caller, self.names.sender, &done, self.out);
            }
            Action::SessionObjectLost(do_id) => {
                self.offence = Some(Offence::SessionObjectLost(do_id));
            }
            Action::NotShown(do_id) => self.not_shown(do_id),
            Action::TimedOut { parent } => {
                self.out.counts.client_interests_unanswered += 1;
                debug!(client = %self.names.channel, %parent, "no answer in time");
            }
        }
    }

    fn listen(&mut self, location: Location) {
        let Some(channel) = location.channel() else { return };
        if !self.ears.is_fair(channel, self.conn, self.out) {
            let what = "more zones than its share of those that can still be heard here";
            self.offence = Some(Offence::OverLimit(what));
        } else if self.ears.open(channel, self.conn, self.out).is_err() {
            self.offence = Some(Offence::OverLimit("no more zones can be heard here"));
        }
    }

    fn leave(&mut self, location: Location) {
        let channel = location.channel().filter(|&channel| !self.names.has(channel));
        channel.iter().for_each(|&channel| self.ears.close(channel, self.conn, self.out));
    }

    fn ask(&mut self, whom: DoId, question: &ObjectMessage<'_>, until: Now) {
        // All wait equally long: what is asked later is due later. Who waits no time waits for ever.
        if self.alarm_at.is_none() && until > self.now {
            *self.alarm_at = Some(until);
            self.alarm.begin(until, self.conn);
        }
        let dialect = self.out.dialect();
        let msgtype = question.msgtype(dialect).expect("both dialects have these questions");
        let write = |out: &mut Vec<u8>| question.write(dialect, out);
        self.out
            .send(self.me, &[Channel::object(whom)], self.names.channel, msgtype, write)
            .expect("a view asks for as many zones as fit in a datagram");
    }

    fn not_shown(&mut self, do_id: DoId) {
        self.out.counts.client_objects_not_shown += 1;
        debug!(client = %self.names.channel, %do_id, "sees as many objects as it may");
    }
}

/// Says something to a client.
#[inline]
pub fn say(conn: ConnId, message: &ToClient<'_>, out: &mut Outbox) {
    let dialect = out.dialect();
    out.write(conn, |own| message.encode(dialect, own))
        .expect("what is said to clients is no longer than what brought it");
}

/// Answers somebody of the cluster, if the dialect has that answer.
pub fn answer(me: RoleId, to: Channel, from: Channel, answer: &AgentAnswer<'_>, out: &mut Outbox) {
    let dialect = out.dialect();
    if let Some(msgtype) = answer.msgtype(dialect) {
        let write = |out: &mut Vec<u8>| answer.write(dialect, out);
        if let Err(error) = out.send(me, &[to], from, msgtype, write) {
            debug!(client = %from, "not answered: {error}");
        }
    }
}
