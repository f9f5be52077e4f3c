//! An account and its visitor are made for a name. A name is registered once at a time, and asked
//! for again before: so two clients that bring the same new name get one account, or the second one
//! a wrong password.
//!
//! ```text
//! Looking          is there really nobody of that name?    somebody: all that wait begin again
//! Hashing          the password, by a thread
//! CreatingAccount
//! CreatingVisitor  begins here if an account has no visitor
//! Joining          the visitor is the account's, unless it has got another one
//! ```
//!
//! A registration goes on when its client has left: what was begun is finished, and the next login
//! of that name finds it.

use crate::LoginManager;
use crate::login::{Hindrance, Phase};
use crate::outgoing::Outgoing;
use crate::password::{Outcome as Computed, Password, Task};
use crate::questions::{Asker, Name};
use tracing::{info, warn};
use wire::database::{DIE, DatabaseMessage, DoIds, Outcome};
use wire::dialect::BAD_DO_ID;
use wire::ids::{Channel, ClassId, DoId, FieldId};
use wire::reader::Reader;

/// How much longer than a login a registration may take.
const PATIENCE: u64 = 4;

#[derive(Debug)]
pub(crate) struct Registration {
    /// The client that is let in when it is done, as long as it waits: its channel may be another
    /// client's afterwards, whose password is to be looked at.
    founder: Option<Channel>,
    password: Password,
    /// All clients that wait for it.
    waiting: Vec<Channel>,
    until_ms: u64,
    step: Step,
    question: Option<u32>,
    is_new: bool,
}

impl Registration {
    /// A client waits no longer.
    pub(crate) fn leave(&mut self, client: Channel) {
        self.founder = self.founder.filter(|&founder| founder != client);
        self.waiting.retain(|&waiting| waiting != client);
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Looking,
    Hashing,
    CreatingAccount,
    CreatingVisitor { account: DoId },
    Joining { account: DoId, visitor: DoId },
}

impl LoginManager {
    /// A client waits until its name is registered, or until its account has a visitor.
    pub(crate) fn register(&mut self, client: Channel, account: Option<DoId>, out: &mut Outgoing) {
        let Some(login) = self.logins.get_mut(&client) else { return };
        let (name, password) = (login.name.clone(), login.password.clone());
        login.phase = Phase::Registering;
        if let Some(registration) = self.registrations.get_mut(&name) {
            return registration.waiting.push(client);
        }
        if self.registrations.len() >= self.config.limits.logins_max {
            return self.give_up(client, Hindrance::Busy, out);
        }
        let step = account.map_or(Step::Looking, |account| Step::CreatingVisitor { account });
        let registration = Registration {
            founder: Some(client),
            password,
            waiting: vec![client],
            until_ms: self.now_ms + PATIENCE * self.config.limits.login_ms,
            step,
            question: None,
            is_new: account.is_none(),
        };
        self.registrations.insert(name.clone(), registration);
        self.begin(&name, step, out);
    }

    /// Asks what the step needs to know.
    fn begin(&mut self, name: &Name, step: Step, out: &mut Outgoing) {
        let Some(registration) = self.registrations.get_mut(name) else { return };
        registration.step = step;
        let asker = Asker::Registration(name.clone());
        if let Step::Hashing = step {
            let password = registration.password.clone();
            return match self.compute(asker, password, Task::Hash, out) {
                Ok(question) => self.set_question(name, question),
                Err(hindrance) => self.abandon(name, hindrance, out),
            };
        }
        let question = self.questions.ask(asker);
        self.set_question(name, question);
        match step {
            Step::Looking => self.query_name(question, name, out),
            Step::CreatingVisitor { account } => self.create_visitor(question, name, account, out),
            Step::Joining { account, visitor } => self.join(question, account, visitor, out),
            Step::Hashing | Step::CreatingAccount => {
                unreachable!("an account is created when its hash is there")
            }
        }
    }

    fn set_question(&mut self, name: &Name, question: u32) {
        if let Some(registration) = self.registrations.get_mut(name) {
            registration.question = Some(question);
        }
    }

    /// Looking: who has the name.
    pub(crate) fn looked(&mut self, name: &Name, accounts: DoIds<'_>, out: &mut Outgoing) {
        if accounts.0.is_empty() {
            return self.begin(name, Step::Hashing, out);
        }
        let Some(registration) = self.registrations.remove(name) else { return };
        registration.waiting.into_iter().for_each(|client| self.find_again(client, name, out));
    }

    /// Hashing: the hash is there.
    pub(crate) fn hashed(&mut self, name: &Name, outcome: Computed, out: &mut Outgoing) {
        let Computed::Hashed(hash) = outcome else {
            warn!("a password cannot be hashed");
            return self.abandon(name, Hindrance::Failed, out);
        };
        let Some(registration) = self.registrations.get_mut(name) else { return };
        registration.step = Step::CreatingAccount;
        let question = self.questions.ask(Asker::Registration(name.clone()));
        registration.question = Some(question);
        let given =
            [(self.classes.username, text(name)), (self.classes.password, text(hash.as_bytes()))];
        self.create(question, self.classes.account, &given, out);
    }

    fn create_visitor(&self, question: u32, name: &Name, account: DoId, out: &mut Outgoing) {
        let name = Some(text(name));
        let schema = &self.config.schema;
        // A class may allow shorter names than an account: then the visitor has the usual one.
        let name = name.filter(|name| self.classes.allows(schema, self.classes.visitor_name, name));
        let account = (self.classes.visitor_account, account.0.to_le_bytes().to_vec());
        let name = name.map(|name| (self.classes.visitor_name, name));
        let given: Vec<_> = [account].into_iter().chain(name).collect();
        self.create(question, self.classes.visitor, &given, out);
    }

    /// Creates a stored object; what is required and not given has its default.
    fn create(
        &self,
        context: u32,
        dclass: ClassId,
        given: &[(FieldId, Vec<u8>)],
        out: &mut Outgoing,
    ) {
        let defaults = self.classes.stored_defaults(&self.config.schema, dclass);
        let is_given = |field: FieldId| given.iter().any(|(other, _)| *other == field);
        let defaults = defaults.into_iter().filter(|(field, _)| !is_given(*field));
        let all: Vec<_> = given.iter().cloned().chain(defaults).collect();
        let mut fields = Vec::new();
        for (field, value) in &all {
            fields.extend_from_slice(&field.0.to_le_bytes());
            fields.extend_from_slice(value);
        }
        let (count, fields) = (all.len() as u16, &fields);
        let create = DatabaseMessage::Create { context, dclass, count, fields };
        out.database(self.config.uberdog, self.config.database, &create);
    }

    /// CreatingAccount or CreatingVisitor: it has this id.
    pub(crate) fn created(&mut self, name: &Name, do_id: DoId, out: &mut Outgoing) {
        let Some(registration) = self.registrations.get(name) else { return };
        match registration.step {
            _ if do_id == BAD_DO_ID => {
                warn!("the Database does not create an account or a visitor");
                self.abandon(name, Hindrance::Failed, out);
            }
            Step::CreatingAccount => {
                self.begin(name, Step::CreatingVisitor { account: do_id }, out);
            }
            Step::CreatingVisitor { account } => {
                self.begin(name, Step::Joining { account, visitor: do_id }, out);
            }
            Step::Looking | Step::Hashing | Step::Joining { .. } => (),
        }
    }

    /// The visitor becomes the account's, if it has none.
    fn join(&self, context: u32, account: DoId, visitor: DoId, out: &mut Outgoing) {
        let field = self.classes.account_visitor.0.to_le_bytes();
        let (none, new) = (BAD_DO_ID.0.to_le_bytes(), visitor.0.to_le_bytes());
        let conditions = &[&field[..], &none, &new].concat();
        let update =
            DatabaseMessage::UpdateIfEquals { context, do_id: account, count: 1, conditions };
        out.database(self.config.uberdog, self.config.database, &update);
    }

    /// Joining: done, or the account has another visitor.
    pub(crate) fn joined(
        &mut self,
        name: &Name,
        outcome: Outcome<(u16, &[u8])>,
        out: &mut Outgoing,
    ) {
        let step = self.registrations.get(name).map(|registration| registration.step);
        let Some(Step::Joining { account, visitor }) = step else { return };
        match outcome {
            Outcome::Done => self.complete(name, account, visitor, out),
            Outcome::Differs((_, current)) => {
                let delete = DatabaseMessage::Delete { do_id: visitor, verify_code: Some(DIE[0]) };
                out.database(self.config.uberdog, self.config.database, &delete);
                match Reader::new(current).do_id() {
                    Ok(visitor) => self.complete(name, account, visitor, out),
                    Err(_) => self.abandon(name, Hindrance::Failed, out),
                }
            }
            Outcome::Failed { .. } => self.abandon(name, Hindrance::Failed, out),
        }
    }

    fn complete(&mut self, name: &Name, account: DoId, visitor: DoId, out: &mut Outgoing) {
        let Some(registration) = self.registrations.remove(name) else { return };
        if registration.is_new {
            self.counts.registered += 1;
            info!("account {account} is registered, its visitor is {visitor}");
        }
        for client in registration.waiting {
            if Some(client) == registration.founder && self.waits_for(client, name) {
                self.arrive(client, visitor, out);
            } else {
                self.find_again(client, name, out);
            }
        }
    }

    /// Gives a registration up: all who wait for it are told to come later.
    fn abandon(&mut self, name: &Name, hindrance: Hindrance, out: &mut Outgoing) {
        let Some(registration) = self.registrations.remove(name) else { return };
        self.questions.forget(registration.question);
        for client in registration.waiting {
            if self.waits_for(client, name) {
                self.give_up(client, hindrance, out);
            }
        }
    }

    /// Registrations that have taken too long.
    pub(crate) fn end_late_registrations(&mut self, out: &mut Outgoing) {
        let is_late = |registration: &Registration| registration.until_ms <= self.now_ms;
        let late = self.registrations.iter().filter(|(_, registration)| is_late(registration));
        let late: Vec<Name> = late.map(|(name, _)| name.clone()).collect();
        late.iter().for_each(|name| self.abandon(name, Hindrance::Late, out));
    }

    /// Whether the client's login still waits for the registration of this name.
    fn waits_for(&self, client: Channel, name: &Name) -> bool {
        let login = self.logins.get(&client);
        login.is_some_and(|login| matches!(login.phase, Phase::Registering) && login.name == *name)
    }

    fn find_again(&mut self, client: Channel, name: &Name, out: &mut Outgoing) {
        if self.waits_for(client, name) {
            self.find(client, out);
        }
    }
}

/// A string as a field has it.
fn text(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_le_bytes()[..], bytes].concat()
}
