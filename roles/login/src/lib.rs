//! The LoginManager: an UberDOG to which clients say who they are before anything else. It finds or
//! registers the account, verifies the password, and lets the client into the park as its visitor.
//! In the `openotp` dialect only: elsewhere the game brings its own.
//!
//! It is no role of a shard, since passwords take long: it is a participant of the daemon's own
//! Message Director. [`LoginManager`] is the whole of it, without a clock, a socket or a thread;
//! [`start`] drives one with a few threads beside the shards.
//!
//! What holds: a client gets one answer to each `login` that it sends, unless it is gone before.
//! A new name becomes one account ([`registration`]). A visitor is one client at a time, and none
//! when its client is gone ([`arrival`]). No password is ever written anywhere.

mod arrival;
mod classes;
mod config;
mod counts;
mod driver;
mod guests;
mod hashing;
mod link;
mod login;
mod outgoing;
mod park_object;
mod password;
mod presence;
mod questions;
mod registration;

pub use classes::{Classes, Unsuitable};
pub use config::{Config, Hashing, Limits};
pub use counts::Counts;
pub use driver::{Figures, Running, StartError, start};
pub use outgoing::Outgoing;
pub use password::{Job, Outcome, Password, Task};

use guests::Guests;
use login::{Hindrance, Login};
use outgoing::DIALECT;
use park_object::ParkObject;
use presence::Presence;
use questions::{Asker, Name, Questions};
use registration::Registration;
use std::collections::{BTreeMap, BTreeSet};
use wire::control::ControlMessage;
use wire::database::DatabaseNotice;
use wire::datagram::Datagram;
use wire::dialect::{DatabaseNotice as DatabaseRow, Inbox, ObjectNotice as ObjectRow};
use wire::ids::Channel;
use wire::state_server::ObjectNotice;

/// What happens to a LoginManager.
#[derive(Debug)]
pub enum Input<'a> {
    /// The link to the Message Director is up, and nothing was said on it yet.
    Linked,
    /// The link is gone; what is said is not heard until there is another one.
    Unlinked,
    /// A datagram: the body of a frame that came on the link.
    Datagram(&'a [u8]),
    /// A [`Job`] has ended.
    Computed(u32, Outcome),
    /// Time has passed. To be said some times a second.
    Tick,
}

/// The LoginManager.
#[derive(Debug)]
pub struct LoginManager {
    config: Config,
    classes: Classes,
    now_ms: u64,
    park: ParkObject,
    guests: Guests,
    presence: Presence,
    /// Logins under way: one of each client at most.
    logins: BTreeMap<Channel, Login>,
    /// Those of them that are to become a visitor, and cannot yet.
    arriving: BTreeSet<Channel>,
    registrations: BTreeMap<Name, Registration>,
    questions: Questions,
    /// Clients whose login was under way when the link broke.
    unanswered: Vec<Channel>,
    counts: Counts,
}

impl LoginManager {
    /// A LoginManager without a link.
    pub fn new(config: Config) -> Result<LoginManager, Unsuitable> {
        Ok(LoginManager {
            classes: Classes::find(&config.schema)?,
            config,
            now_ms: 0,
            park: ParkObject::default(),
            guests: Guests::default(),
            presence: Presence::default(),
            logins: BTreeMap::new(),
            arriving: BTreeSet::new(),
            registrations: BTreeMap::new(),
            questions: Questions::default(),
            unanswered: Vec::new(),
            counts: Counts::default(),
        })
    }

    /// Deals with what happens at a time, in ms since any moment.
    pub fn step(&mut self, now_ms: u64, input: Input<'_>, out: &mut Outgoing) {
        self.now_ms = now_ms;
        match input {
            Input::Linked => self.linked(out),
            Input::Unlinked => self.unlinked(),
            Input::Datagram(body) => self.datagram(body, out),
            Input::Computed(number, outcome) => self.computed(number, outcome, out),
            Input::Tick => self.tick(out),
        }
    }

    /// What was counted.
    pub fn counts(&self) -> Counts {
        Counts {
            under_way: self.logins.len() as u64,
            registrations: self.registrations.len() as u64,
            guests: self.guests.len() as u64,
            visitors: self.guests.visitors() as u64,
            linked: u64::from(self.park.stands()),
            ..self.counts.clone()
        }
    }

    fn linked(&mut self, out: &mut Outgoing) {
        out.control(&ControlMessage::SetConName(b"LoginManager"));
        out.control(&ControlMessage::AddChannel(Channel::object(self.config.uberdog)));
        // Who left meanwhile could not tell, and its channel may be another client's by now. Who is
        // nobody in the park is forgotten; of the others it is seen whether their visitors are there.
        self.guests.forget_strangers();
        self.guests.clients().for_each(|client| self.ask_to_tell(client, out));
        self.presence.doubt(self.guests.all_visitors());
        for client in std::mem::take(&mut self.unanswered) {
            self.tell_later(client, Hindrance::LinkLost, out);
        }
        self.park.look_for(self.now_ms, &self.config, &self.classes, out);
    }

    fn unlinked(&mut self) {
        self.park.forget();
        self.unanswered.extend(self.logins.keys());
        self.logins.clear();
        self.arriving.clear();
        self.registrations.clear();
        self.questions.forget_all();
    }

    fn tick(&mut self, out: &mut Outgoing) {
        self.park.tick(self.now_ms, &self.config, &self.classes, out);
        self.end_late_logins(out);
        self.end_late_registrations(out);
        self.end_late_visits(out);
        self.try_arrivals(out);
    }

    fn datagram(&mut self, body: &[u8], out: &mut Outgoing) {
        let Ok(datagram) = Datagram::parse(body) else {
            self.counts.malformed += 1;
            return;
        };
        let (sender, msgtype) = (datagram.sender(), datagram.msgtype());
        if ObjectRow::from_number(DIALECT, msgtype).is_some() {
            let notice = ObjectNotice::decode(DIALECT, msgtype, datagram.payload());
            match notice {
                Ok(notice) => self.notice(sender, &notice, out),
                Err(_) => self.counts.malformed += 1,
            }
        } else if DatabaseRow::from_number(DIALECT, msgtype).is_some()
            && sender == self.config.database
        {
            match DatabaseNotice::decode(DIALECT, msgtype, datagram.payload()) {
                Ok(notice) => self.answer(notice, out),
                Err(_) => self.counts.malformed += 1,
            }
        }
    }

    /// What clients and objects say. Most of it is what an AI of the park hears, and is not for us.
    fn notice(&mut self, sender: Channel, notice: &ObjectNotice<'_>, out: &mut Outgoing) {
        if let ObjectNotice::UpdateField { do_id, field, value } = *notice {
            if do_id != self.config.uberdog || sender == Channel(0) {
                return;
            }
            if field == self.classes.login {
                self.asked(sender, value, out);
            } else if field == self.classes.session_over {
                self.session_over(sender, out);
            }
        } else if let ObjectNotice::LocateResp { do_id, .. } = *notice {
            if self.park.located(do_id, &self.config) {
                self.look_for_visitors(out);
                self.try_arrivals(out);
            } else if Channel::object(do_id) == sender {
                self.presence.is_certain(do_id);
            }
        }
    }

    /// What the Database answers.
    fn answer(&mut self, notice: DatabaseNotice<'_>, out: &mut Outgoing) {
        match notice {
            DatabaseNotice::SelectQueryResp { context, do_ids } => {
                match self.questions.answered(context) {
                    Some(Asker::Login(client)) => self.found(client, do_ids, out),
                    Some(Asker::Registration(name)) => self.looked(&name, do_ids, out),
                    None => (),
                }
            }
            DatabaseNotice::SelectResp { context, fields } => {
                if let Some(Asker::Login(client)) = self.questions.answered(context) {
                    self.was_read(client, fields.map(|(_, values)| values), out);
                }
            }
            DatabaseNotice::CreateResp { context, do_id } => {
                if let Some(Asker::Registration(name)) = self.questions.answered(context) {
                    self.created(&name, do_id, out);
                }
            }
            DatabaseNotice::UpdateIfEqualsResp { context, outcome } => {
                if let Some(Asker::Registration(name)) = self.questions.answered(context) {
                    self.joined(&name, outcome, out);
                }
            }
            DatabaseNotice::SelectFieldResp { .. }
            | DatabaseNotice::SelectAllResp { .. }
            | DatabaseNotice::UpdateFieldIfEqualsResp { .. }
            | DatabaseNotice::UpdateFieldIfEmptyResp { .. }
            | DatabaseNotice::UpdateField { .. }
            | DatabaseNotice::Update { .. }
            | DatabaseNotice::DeleteField { .. }
            | DatabaseNotice::DeleteFields { .. }
            | DatabaseNotice::Delete { .. } => self.counts.malformed += 1,
        }
    }

    /// A thread is done with a password.
    fn computed(&mut self, number: u32, outcome: Outcome, out: &mut Outgoing) {
        self.counts.hashing -= 1;
        match self.questions.answered(number) {
            Some(Asker::Login(client)) => self.verified(client, &outcome, out),
            Some(Asker::Registration(name)) => self.hashed(&name, outcome, out),
            None => (),
        }
    }

    /// Has a password hashed or verified, unless too many wait for that; the number of the answer.
    fn compute(
        &mut self,
        asker: Asker,
        password: Password,
        task: Task,
        out: &mut Outgoing,
    ) -> Result<u32, Hindrance> {
        if self.counts.hashing >= self.config.limits.hash_queue_max as u64 {
            return Err(Hindrance::Busy);
        }
        self.counts.hashing += 1;
        let id = self.questions.ask(asker);
        out.jobs.push(Job { id, password, task });
        Ok(id)
    }
}

#[cfg(test)]
mod tests;
