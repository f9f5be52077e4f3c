//! A request: read, counted, brought to its object, and answered if it fails.

use crate::Database;
use crate::classes::{ClassPlan, Classes};
use crate::pending::Mail;
use crate::refusal::{Refusal, Request};
use runtime::{Counts, Outbox};
use store::{Found, Object, Part, Place};
use wire::database::{DatabaseMessage, MessageError};
use wire::ids::DoId;
use wire::lists::Fields;

/// A request about an object.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The object.
    pub do_id: DoId,
    /// What is asked.
    pub message: DatabaseMessage<'a>,
    /// How it came.
    pub mail: Mail<'a>,
}

/// Whether a request has been counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// It has just come.
    Not,
    /// It is dealt with once more.
    Already,
}

/// Why a request is not done now.
pub enum Undone {
    /// It is refused.
    Refused(Refusal),
    /// Its object has to be fetched first.
    Away(Place),
}

impl From<Refusal> for Undone {
    fn from(refusal: Refusal) -> Undone {
        Undone::Refused(refusal)
    }
}

impl Asked<'_> {
    /// What the one who asked is waiting to hear again.
    pub fn context(&self) -> u32 {
        self.message.context().expect("requests that are answered have a context")
    }

    /// As it stands in the log.
    pub fn in_log(&self) -> Request {
        let Asked { do_id, message, mail } = self;
        Request { what: message.name(), do_id: *do_id, sender: mail.sender }
    }
}

impl Database {
    pub(crate) fn request(&mut self, mail: &Mail<'_>, counted: Counted, out: &mut Outbox) {
        let message = match DatabaseMessage::decode(out.dialect(), mail.msgtype, mail.payload) {
            Ok(message) => message,
            Err(error) => return self.unreadable(error, mail, out),
        };
        let object = message.object();
        // What is for all instances is counted by one.
        if counted == Counted::Not && (object.is_some() || self.is_first(out)) {
            *counter(&message, &mut out.counts) += 1;
        }
        let Some(do_id) = object else { return self.query(message, mail, out) };
        let asked = Asked { do_id, message, mail: *mail };
        if let DatabaseMessage::Create { dclass, count, fields, .. } = message {
            if let Err(refusal) = self.create((dclass, count, fields), &asked, out) {
                self.refuse(refusal, &asked, out);
            }
        } else if self.waiting.is_awaited(do_id) {
            self.wait(&asked, out);
        } else {
            self.serve_or_wait(&asked, out);
        }
    }

    fn unreadable(&mut self, error: MessageError, mail: &Mail<'_>, out: &mut Outbox) {
        let what = match error {
            MessageError::Unknown { .. } => "message",
            MessageError::Arguments { name, .. } => name,
        };
        let request = Request { what, do_id: DoId(0), sender: mail.sender };
        Refusal::from(error).note(out, &request);
        let notice = wire::database::refusal(out.dialect(), mail.msgtype, mail.payload);
        if let Some(notice) = notice {
            let answered = self.say(&notice, mail.sender, out);
            answered.expect("the answer of a failure is short");
        }
    }

    /// Does what is asked of an object, or lets it wait until the object is in memory.
    fn serve_or_wait(&mut self, asked: &Asked<'_>, out: &mut Outbox) {
        if let Err(at) = self.serve_unless_away(asked, out) {
            self.fetch(asked.do_id, at);
            self.wait(asked, out);
        }
    }

    /// Does what is asked of an object, unless that is away.
    pub(crate) fn serve_unless_away(
        &mut self,
        asked: &Asked<'_>,
        out: &mut Outbox,
    ) -> Result<(), Place> {
        match self.serve(asked, out) {
            Ok(()) => (),
            Err(Undone::Refused(refusal)) => self.refuse(refusal, asked, out),
            Err(Undone::Away(at)) => return Err(at),
        }
        Ok(())
    }

    fn serve(&mut self, asked: &Asked<'_>, out: &mut Outbox) -> Result<(), Undone> {
        match asked.message {
            DatabaseMessage::SelectField { field, .. } => self.select_field(asked, field, out),
            DatabaseMessage::Select { fields, .. } => self.select(asked, fields, out),
            DatabaseMessage::SelectAll { .. } => self.select_all(asked, out),
            DatabaseMessage::UpdateField { field, value, .. } => {
                self.update_field(asked, field, value, out)
            }
            DatabaseMessage::Update { count, fields, .. } => self.update(asked, count, fields, out),
            DatabaseMessage::UpdateFieldIfEquals { field, old_and_new, .. } => {
                self.update_field_if_equals(asked, field, old_and_new, out)
            }
            DatabaseMessage::UpdateIfEquals { count, conditions, .. } => {
                self.update_if_equals(asked, count, conditions, out)
            }
            DatabaseMessage::UpdateFieldIfEmpty { field, value, .. } => {
                self.update_field_if_empty(asked, field, value, out)
            }
            DatabaseMessage::DeleteField { field, .. } => {
                self.delete_fields(asked, Fields(&[field.0.to_le_bytes()]), out)
            }
            DatabaseMessage::DeleteFields { fields, .. } => self.delete_fields(asked, fields, out),
            DatabaseMessage::Delete { verify_code, .. } => self.delete(asked, verify_code, out),
            DatabaseMessage::Create { .. }
            | DatabaseMessage::DeleteQuery { .. }
            | DatabaseMessage::SelectQuery { .. }
            | DatabaseMessage::UpdateQuery { .. } => {
                unreachable!("these are not about an object that there is")
            }
        }
    }
}

/// A stored object and its class.
pub fn object<'a>(
    part: &'a Part,
    classes: &'a Classes,
    do_id: DoId,
) -> Result<(Object<'a>, &'a ClassPlan), Undone> {
    match part.find(do_id) {
        Found::Here(object) => match classes.of(object.class()) {
            Some(class) => Ok((object, class)),
            None => Err(Refusal::ClassGone.into()),
        },
        Found::Away(at) => Err(Undone::Away(at)),
        Found::Absent => Err(Refusal::NoObject.into()),
        Found::Damaged(at) => Err(Refusal::Damaged(at).into()),
    }
}

fn counter<'a>(message: &DatabaseMessage<'_>, counts: &'a mut Counts) -> &'a mut u64 {
    match message {
        DatabaseMessage::Create { .. } => &mut counts.database_creates,
        DatabaseMessage::SelectField { .. }
        | DatabaseMessage::Select { .. }
        | DatabaseMessage::SelectAll { .. } => &mut counts.database_selects,
        DatabaseMessage::UpdateField { .. } | DatabaseMessage::Update { .. } => {
            &mut counts.database_updates
        }
        DatabaseMessage::UpdateFieldIfEquals { .. }
        | DatabaseMessage::UpdateIfEquals { .. }
        | DatabaseMessage::UpdateFieldIfEmpty { .. } => &mut counts.database_updates_if,
        DatabaseMessage::DeleteField { .. } | DatabaseMessage::DeleteFields { .. } => {
            &mut counts.database_field_deletes
        }
        DatabaseMessage::Delete { .. } => &mut counts.database_deletes,
        DatabaseMessage::SelectQuery { .. } => &mut counts.database_select_queries,
        DatabaseMessage::UpdateQuery { .. } => &mut counts.database_update_queries,
        DatabaseMessage::DeleteQuery { .. } => &mut counts.database_delete_queries,
    }
}
