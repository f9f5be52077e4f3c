//! One login, from the question of a client to the answer.
//!
//! ```text
//! Finding      which account has the name?        nobody: Registering, or as below with object 0
//! Reading      its password and its visitor
//! Verifying    by a thread                        wrong: code 1; no visitor yet: Registering
//! Registering  an account is made for the name    somebody else's: Finding, again
//! Arriving     until the park stands and nobody else is this visitor
//! ```
//!
//! Where names are not registered, one that nobody has takes the same way and the same time as one
//! with a wrong password: object 0 is read in vain, and nobody's hash is verified.

use crate::LoginManager;
use crate::outgoing::Outgoing;
use crate::password::{Outcome, Password, Task};
use crate::questions::{Asker, Name};
use tracing::{debug, warn};
use wire::database::{DatabaseMessage, DoIds, Fields};
use wire::dialect::BAD_DO_ID;
use wire::ids::{Channel, DoId};
use wire::reader::{DecodeError, Reader};

/// A comparison of a query: EQUALS.
const EQUALS: u8 = 0;
/// A name goes into datagrams with other things, whatever the DC file allows.
const NAME_BYTES_MAX: usize = 1024;

#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) name: Name,
    pub(crate) password: Password,
    /// When the client is told to come later.
    pub(crate) until_ms: u64,
    pub(crate) phase: Phase,
}

/// How far a login is.
#[derive(Debug)]
pub(crate) enum Phase {
    Finding {
        question: u32,
    },
    Reading {
        account: DoId,
        question: u32,
    },
    Verifying {
        account: Account,
        question: u32,
    },
    Registering,
    /// `asked_to_go`: the client that was ejected for this one, and until when it is waited for.
    Arriving {
        visitor: DoId,
        asked_to_go: Option<(Channel, u64)>,
    },
}

/// An account; that of nobody is object 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Account {
    pub(crate) do_id: DoId,
    /// 0: it has none yet.
    pub(crate) visitor: DoId,
}

/// Why a client is told to come later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hindrance {
    Busy,
    Repeated,
    Late,
    Failed,
    Impossible,
    LinkLost,
}

impl Hindrance {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Hindrance::Busy => "too many are logging in, try again later",
            Hindrance::Repeated => "you are logged in, or about to be",
            Hindrance::Late => "this took too long, try again later",
            Hindrance::Failed | Hindrance::LinkLost => "not possible at the moment",
            Hindrance::Impossible => "nobody can have this name",
        }
    }
}

impl Phase {
    /// What it waits for an answer to.
    fn question(&self) -> Option<u32> {
        match *self {
            Phase::Finding { question }
            | Phase::Reading { question, .. }
            | Phase::Verifying { question, .. } => Some(question),
            Phase::Registering | Phase::Arriving { .. } => None,
        }
    }
}

/// The parameters of `login`.
fn name_and_password(value: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    let mut reader = Reader::new(value);
    let both = (reader.blob()?, reader.blob()?);
    reader.end().map(|()| both)
}

impl LoginManager {
    /// A client says who it is.
    pub(crate) fn asked(&mut self, client: Channel, value: &[u8], out: &mut Outgoing) {
        self.counts.asked += 1;
        let is_sound = self.classes.allows(&self.config.schema, self.classes.login, value);
        let Some((name, password)) = name_and_password(value).ok().filter(|_| is_sound) else {
            self.counts.malformed += 1;
            return;
        };
        if let Some(hindrance) = self.hindrance(client, name) {
            return self.tell_later(client, hindrance, out);
        }
        self.greet(client, out);
        let until_ms = self.now_ms + self.config.limits.login_ms;
        let (name, password) = (Name::from(name), Password::new(password));
        let phase = Phase::Registering;
        self.logins.insert(client, Login { name, password, until_ms, phase });
        self.find(client, out);
    }

    /// Why this login does not even begin.
    fn hindrance(&self, client: Channel, name: &[u8]) -> Option<Hindrance> {
        let limits = &self.config.limits;
        let is_new = !self.guests.knows(client);
        let packed = [&(name.len() as u16).to_le_bytes()[..], name].concat();
        let visitor = self.guests.visitor_of(client);
        if visitor.is_some_and(|visitor| self.presence.is_doubted(visitor)) {
            // It may be somebody else, whose channel was that of a visitor when there was a link.
            Some(Hindrance::LinkLost)
        } else if visitor.is_some() || self.logins.contains_key(&client) {
            Some(Hindrance::Repeated)
        } else if name.len() > NAME_BYTES_MAX
            || !self.classes.allows(&self.config.schema, self.classes.username, &packed)
        {
            Some(Hindrance::Impossible)
        } else if self.logins.len() >= limits.logins_max
            || is_new && self.guests.len() >= limits.clients_max
        {
            Some(Hindrance::Busy)
        } else {
            None
        }
    }

    /// Asks which account has the name.
    pub(crate) fn find(&mut self, client: Channel, out: &mut Outgoing) {
        let question = self.questions.ask(Asker::Login(client));
        let Some(login) = self.logins.get_mut(&client) else { return };
        login.phase = Phase::Finding { question };
        let name = login.name.clone();
        self.query_name(question, &name, out);
    }

    /// Asks the Database for all accounts of a name.
    pub(crate) fn query_name(&self, context: u32, name: &Name, out: &mut Outgoing) {
        let mut comparisons = vec![EQUALS];
        comparisons.extend_from_slice(&self.classes.username.0.to_le_bytes());
        comparisons.extend_from_slice(&(name.len() as u16).to_le_bytes());
        comparisons.extend_from_slice(name);
        let dclass = u32::from(self.classes.account.0);
        let comparisons = &comparisons;
        let query = DatabaseMessage::SelectQuery { context, dclass, count: 1, comparisons };
        out.database(self.config.uberdog, self.config.database, &query);
    }

    /// These accounts have the name: one, or none, unless somebody else has made more.
    pub(crate) fn found(&mut self, client: Channel, accounts: DoIds<'_>, out: &mut Outgoing) {
        let account = accounts.iter().min();
        match account {
            None if self.config.register => self.register(client, None, out),
            _ => self.read(client, account.unwrap_or(BAD_DO_ID), out),
        }
    }

    fn read(&mut self, client: Channel, account: DoId, out: &mut Outgoing) {
        let question = self.questions.ask(Asker::Login(client));
        let Some(login) = self.logins.get_mut(&client) else { return };
        login.phase = Phase::Reading { account, question };
        let fields = [self.classes.password, self.classes.account_visitor];
        let fields = fields.map(|field| field.0.to_le_bytes());
        let fields = Fields(&fields);
        let select = DatabaseMessage::Select { context: question, do_id: account, fields };
        out.database(self.config.uberdog, self.config.database, &select);
    }

    /// What is stored of the account: its password and its visitor; nothing of nobody.
    pub(crate) fn was_read(&mut self, client: Channel, values: Option<&[u8]>, out: &mut Outgoing) {
        let Some(Login { phase: Phase::Reading { account, .. }, .. }) = self.logins.get(&client)
        else {
            return;
        };
        let do_id = *account;
        if do_id == BAD_DO_ID {
            return self.verify(client, Account { do_id, visitor: BAD_DO_ID }, None, out);
        }
        let mut reader = Reader::new(values.unwrap_or_default());
        let read = reader.blob().and_then(|hash| Ok((hash, reader.do_id()?)));
        let Ok((hash, visitor)) = read else {
            return self.give_up(client, Hindrance::Failed, out);
        };
        // Without a password nobody can log in.
        let hash = std::str::from_utf8(hash).ok().filter(|hash| !hash.is_empty());
        self.verify(client, Account { do_id, visitor }, hash.map(str::to_owned), out);
    }

    fn verify(
        &mut self,
        client: Channel,
        account: Account,
        hash: Option<String>,
        out: &mut Outgoing,
    ) {
        let Some(login) = self.logins.get(&client) else { return };
        let (password, task) = (login.password.clone(), Task::Verify(hash));
        match self.compute(Asker::Login(client), password, task, out) {
            Ok(question) => self.set_phase(client, Phase::Verifying { account, question }),
            Err(hindrance) => self.give_up(client, hindrance, out),
        }
    }

    /// Whether it was the password.
    pub(crate) fn verified(&mut self, client: Channel, outcome: &Outcome, out: &mut Outgoing) {
        let Some(Login { phase: Phase::Verifying { account, .. }, .. }) = self.logins.get(&client)
        else {
            return;
        };
        let account = *account;
        match outcome {
            Outcome::Right if account.visitor == BAD_DO_ID => {
                self.register(client, Some(account.do_id), out);
            }
            Outcome::Right => self.arrive(client, account.visitor, out),
            Outcome::Failed => {
                warn!("the password of account {} cannot be verified", account.do_id);
                self.give_up(client, Hindrance::Failed, out);
            }
            Outcome::Wrong | Outcome::Hashed(_) => self.was_wrong(client, out),
        }
    }

    fn was_wrong(&mut self, client: Channel, out: &mut Outgoing) {
        self.end(client);
        self.counts.wrong_passwords += 1;
        self.tell_wrong(client, out);
        if self.guests.was_wrong(client) >= self.config.limits.wrong_passwords_max {
            self.counts.ejected += 1;
            self.eject(client, "too many wrong passwords", out);
        }
    }

    pub(crate) fn set_phase(&mut self, client: Channel, phase: Phase) {
        if let Some(login) = self.logins.get_mut(&client) {
            login.phase = phase;
        }
    }

    /// A login is over without an answer, or with one that is given elsewhere.
    pub(crate) fn end(&mut self, client: Channel) -> Option<Login> {
        let login = self.logins.remove(&client)?;
        if let Some(registration) = self.registrations.get_mut(&login.name) {
            registration.leave(client);
        }
        self.questions.forget(login.phase.question());
        self.arriving.remove(&client);
        Some(login)
    }

    /// A login is over, and the client is told to come later.
    pub(crate) fn give_up(&mut self, client: Channel, hindrance: Hindrance, out: &mut Outgoing) {
        if self.end(client).is_some() {
            self.tell_later(client, hindrance, out);
        }
    }

    /// Logins that have taken too long.
    pub(crate) fn end_late_logins(&mut self, out: &mut Outgoing) {
        let is_late = |login: &Login| login.until_ms <= self.now_ms;
        let late = self.logins.iter().filter(|(_, login)| is_late(login));
        let late: Vec<Channel> = late.map(|(client, _)| *client).collect();
        for client in late {
            debug!("the login of {client} takes too long");
            self.give_up(client, Hindrance::Late, out);
        }
    }
}
