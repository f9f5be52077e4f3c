//! What a Database says: answers, and announcements of what has changed.

use crate::Database;
use crate::pending::{Held, Otherwise, Said, Says};
use crate::refusal::Refusal;
use crate::request::{Asked, Undone};
use crate::values::Value;
use alloc::vec::Vec;
use runtime::Outbox;
use smallvec::smallvec;
use store::Ticket;
use wire::database::{DatabaseNotice, ret_code};
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, MsgType};
use wire::lists::Fields;
use wire::state_server::ObjectMessage;

/// The most that an answer may take, in bytes, to fit in a datagram with its head.
pub const ANSWER_BYTES_MAX: usize = wire::framing::BODY_BYTES_MAX - 32;

impl Database {
    /// Answers a request that has seen what there is of an object, when that is durable.
    pub(crate) fn answer(
        &mut self,
        asked: &Asked<'_>,
        notice: &DatabaseNotice<'_>,
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        match self.part.exposed(asked.do_id) {
            None => Ok(self.say(notice, asked.mail.sender, out)?),
            Some(ticket) => Ok(self.answer_after(ticket, asked, notice, out)?),
        }
    }

    fn answer_after(
        &mut self,
        ticket: Ticket,
        asked: &Asked<'_>,
        notice: &DatabaseNotice<'_>,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        self.check_room()?;
        let says: Says = smallvec![self.said(notice, asked.mail.sender, out.dialect())?];
        self.pending.hold(ticket, Held { says, otherwise: Otherwise::Again(asked.mail.keep()) });
        out.counts.database_reads_waited += 1;
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
    pub(crate) fn refuse(&mut self, refusal: Refusal, asked: &Asked<'_>, out: &mut Outbox) {
        refusal.note(out, &asked.in_log());
        let dialect = out.dialect();
        let failure = |ret_code| asked.message.failure(dialect, ret_code);
        let Some(notice) = failure(code(&refusal)) else { return };
        // That there is no object may not be durable yet.
        if let Some(ticket) = self.part.exposed(asked.do_id)
            && self.answer_after(ticket, asked, &notice, out).is_ok()
        {
            return;
        }
        let is_durable = self.part.exposed(asked.do_id).is_none();
        let notice = if is_durable { Some(notice) } else { failure(ret_code::NOT_STORED) };
        if let Some(notice) = notice {
            let said = self.say(&notice, asked.mail.sender, out);
            said.expect("the answer of a failure is short");
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
        if let [one] = values {
            let (field, value) = (one.field.number, one.bytes);
            let as_object = ObjectMessage::UpdateField { do_id, field, value };
            let of_object = DatabaseNotice::UpdateField { do_id, field, value };
            return self.announced((&as_object, &of_object), do_id, asker, dialect);
        }
        let mut all = Vec::new();
        for value in values {
            all.extend_from_slice(&value.field.number.0.to_le_bytes());
            all.extend_from_slice(value.bytes);
        }
        let (count, fields) = (values.len() as u16, all.as_slice());
        let as_object = ObjectMessage::UpdateFieldMultiple { do_id, count, fields };
        let of_object = DatabaseNotice::Update { do_id, count, fields };
        self.announced((&as_object, &of_object), do_id, asker, dialect)
    }

    fn announced(
        &self,
        (as_object, of_object): (&ObjectMessage<'_>, &DatabaseNotice<'_>),
        do_id: DoId,
        asker: Channel,
        dialect: Dialect,
    ) -> Option<Said> {
        match dialect {
            Dialect::OpenOtp => self.as_object(as_object, do_id, asker),
            Dialect::Astron => self.of_object(of_object, do_id, asker),
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
