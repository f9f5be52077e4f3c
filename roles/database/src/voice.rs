//! What a Database says: answers, and announcements of what has changed.

use crate::pending::{Held, Mail, Otherwise, Said, Says};
use crate::refusal::{Refusal, Request};
use crate::values::Value;
use crate::{Database, Undone, name_of};
use alloc::vec::Vec;
use runtime::Outbox;
use smallvec::smallvec;
use store::Ticket;
use wire::database::{DatabaseMessage, DatabaseNotice, MessageError, ret_code};
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, MsgType};
use wire::lists::Fields;
use wire::state_server::ObjectMessage;

/// The most that an answer may take, in bytes, to fit in a datagram with its head.
const ANSWER_BYTES_MAX: usize = wire::framing::BODY_BYTES_MAX - 32;

impl Database {
    /// Answers a request that has seen what there is of an object, when that is durable.
    pub(crate) fn answer(
        &mut self,
        do_id: DoId,
        notice: &DatabaseNotice<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        match self.part.exposed(do_id) {
            None => self.say(notice, mail.sender, out).map_err(Undone::from),
            Some(ticket) => self.answer_after(ticket, notice, mail, out),
        }
    }

    fn answer_after(
        &mut self,
        ticket: Ticket,
        notice: &DatabaseNotice<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        out.counts.database_reads_waited += 1;
        self.check_room()?;
        let says: Says = smallvec![self.said(notice, mail.sender, out.dialect())?];
        self.pending.hold(ticket, Held { says, otherwise: Otherwise::Again(mail.keep()) });
        Ok(())
    }

    /// Answers at once.
    pub(crate) fn say(
        &mut self,
        notice: &DatabaseNotice<'_>,
        to: Channel,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let dialect = out.dialect();
        let msgtype = notice.msgtype(dialect).expect("a dialect has the answers to its requests");
        let mut bytes = 0;
        let write = |out: &mut Vec<u8>| {
            let before = out.len();
            notice.write(dialect, out);
            bytes = out.len() - before;
        };
        let said = out.notify(self.me, &[to], self.config.control, msgtype, write);
        said.map_err(|_| Refusal::AnswerTooBig(bytes))
    }

    /// An answer that waits.
    pub(crate) fn said(
        &self,
        notice: &DatabaseNotice<'_>,
        to: Channel,
        dialect: Dialect,
    ) -> Result<Said, Refusal> {
        let msgtype = notice.msgtype(dialect).expect("a dialect has the answers to its requests");
        let mut payload = Vec::new();
        notice.write(dialect, &mut payload);
        if payload.len() > ANSWER_BYTES_MAX {
            return Err(Refusal::AnswerTooBig(payload.len()));
        }
        Ok(Said { to, sender: self.config.control, msgtype, payload: payload.into() })
    }

    /// Counts and logs a request that is not carried out, and answers that it is not.
    pub(crate) fn refuse(
        &mut self,
        refusal: Refusal,
        message: &DatabaseMessage<'_>,
        do_id: DoId,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        refusal.note(&mut out.counts, &Request::about(message.name(), do_id, mail));
        let Some(notice) = message.failure(out.dialect(), code(&refusal)) else { return };
        // There may be no object because a deletion is on its way.
        let waits = self.part.exposed(do_id).filter(|_| self.check_room().is_ok());
        let answered = match waits {
            Some(ticket) => self.answer_after(ticket, &notice, mail, out),
            None => self.say(&notice, mail.sender, out).map_err(Undone::from),
        };
        assert!(answered.is_ok(), "the answer of a failure is short");
    }

    /// A request that is no message.
    pub(crate) fn unreadable(&mut self, error: MessageError, mail: &Mail<'_>, out: &mut Outbox) {
        let request = Request::about(name_of(&error), DoId(0), mail);
        Refusal::from(error).note(&mut out.counts, &request);
        let notice = wire::database::refusal(out.dialect(), mail.msgtype, mail.payload);
        if let Some(notice) = notice {
            let answered = self.say(&notice, mail.sender, out);
            answered.expect("the answer of a failure is short");
        }
    }

    /// What is announced when fields of an object have been set. `asker`: who asked for it.
    pub(crate) fn updated(
        &self,
        do_id: DoId,
        values: &[Value<'_>],
        asker: Channel,
        dialect: Dialect,
    ) -> Option<Said> {
        let mut all = Vec::new();
        if let [one] = values {
            let (field, value) = (one.field.number, one.bytes);
            return match dialect {
                Dialect::OpenOtp => self.as_object(
                    &ObjectMessage::UpdateField { do_id, field, value },
                    do_id,
                    asker,
                ),
                Dialect::Astron => self.of_object(
                    &DatabaseNotice::UpdateField { do_id, field, value },
                    do_id,
                    asker,
                ),
            };
        }
        for value in values {
            all.extend_from_slice(&value.field.number.0.to_le_bytes());
            all.extend_from_slice(value.bytes);
        }
        let (count, fields) = (values.len() as u16, all.as_slice());
        match dialect {
            Dialect::OpenOtp => {
                let message = ObjectMessage::UpdateFieldMultiple { do_id, count, fields };
                self.as_object(&message, do_id, asker)
            }
            Dialect::Astron => {
                self.of_object(&DatabaseNotice::Update { do_id, count, fields }, do_id, asker)
            }
        }
    }

    /// What is announced when fields of an object have been reset. `astron` only.
    pub(crate) fn fields_deleted(
        &self,
        do_id: DoId,
        fields: Fields<'_>,
        asker: Channel,
    ) -> Option<Said> {
        let mut numbers = fields.iter();
        let notice = match (numbers.next(), numbers.next()) {
            (Some(field), None) => DatabaseNotice::DeleteField { do_id, field },
            _ => DatabaseNotice::DeleteFields { do_id, fields },
        };
        self.of_object(&notice, do_id, asker)
    }

    /// What is announced when an object has been deleted.
    pub(crate) fn deleted(&self, do_id: DoId, asker: Channel, dialect: Dialect) -> Option<Said> {
        match dialect {
            // Whoever asked, an object that is active has to go.
            Dialect::OpenOtp => {
                self.as_object(&ObjectMessage::DeleteRam { do_id }, do_id, Channel(0))
            }
            Dialect::Astron => self.of_object(&DatabaseNotice::Delete { do_id }, do_id, asker),
        }
    }

    /// `openotp`: to the object's own channel, unless it is the one that asked.
    fn as_object(&self, message: &ObjectMessage<'_>, do_id: DoId, asker: Channel) -> Option<Said> {
        let dialect = Dialect::OpenOtp;
        let to = dialect.database_channel(do_id);
        if !self.config.broadcast || asker == to {
            return None;
        }
        let msgtype = message.msgtype(dialect).expect("openotp has the messages of objects");
        let mut payload = Vec::new();
        message.write(dialect, &mut payload);
        Some(Said { to, sender: self.config.control, msgtype, payload: payload.into() })
    }

    /// `astron`: to the channel on which the database speaks of the object, in the name of who asked.
    fn of_object(&self, notice: &DatabaseNotice<'_>, do_id: DoId, asker: Channel) -> Option<Said> {
        let dialect = Dialect::Astron;
        if !self.config.broadcast {
            return None;
        }
        let msgtype: MsgType = notice.msgtype(dialect).expect("astron has these");
        let mut payload = Vec::new();
        notice.write(dialect, &mut payload);
        let to = dialect.database_channel(do_id);
        Some(Said { to, sender: asker, msgtype, payload: payload.into() })
    }
}

/// Why, as `openotp` says it.
fn code(refusal: &Refusal) -> u8 {
    match refusal {
        Refusal::NoObject | Refusal::Damaged(_) | Refusal::ClassGone => ret_code::NO_OBJECT,
        Refusal::DiskFull | Refusal::ReadOnly | Refusal::Full { .. } => ret_code::NOT_STORED,
        Refusal::Malformed(_)
        | Refusal::Truncated
        | Refusal::Excess(_)
        | Refusal::VerifyCode(_)
        | Refusal::UnknownClass(_)
        | Refusal::UnknownField(_)
        | Refusal::NotStored(_)
        | Refusal::BadValue(..)
        | Refusal::BadStored(..)
        | Refusal::Molecular(_)
        | Refusal::BadComparison(_)
        | Refusal::NoDefault(_)
        | Refusal::NoId
        | Refusal::TooBig(_)
        | Refusal::AnswerTooBig(_) => ret_code::INVALID,
    }
}
