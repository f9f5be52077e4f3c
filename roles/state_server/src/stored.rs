//! What a DBSS is besides a State Server (seed section 4, `openotp.md` 18; `astron` section 6): it
//! answers for ranges of ids whose objects are stored in a database. An object is *active* once it
//! has been loaded ([`crate::loading`]), and an ordinary object then; what is said to one that is not
//! comes here.
//!
//! It talks to its database in the name of the object, so answers come to the object's channel, and
//! so to the instance that owns it. The database's own announcements of an object change one that
//! is active; one that is not will be loaded as it is by then.

use crate::loading::{Loads, Wanted};
use crate::questions::Questions;
use crate::refusal::Refusal;
use crate::{Mail, StateServer, addressee, is_request, refuse};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use runtime::Outbox;
use wire::database::{DatabaseMessage, DatabaseNotice, DbssMessage, DbssNotice};
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId};
use wire::state_server::{MessageError, ObjectMessage};

/// Where the objects of a DBSS come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The control channel of the database.
    pub channel: Channel,
    /// The ids of the objects; the ranges do not overlap.
    pub ranges: Vec<RangeInclusive<DoId>>,
}

/// What a State Server is a DBSS by; one that is none has no ranges.
#[derive(Default)]
pub struct Dbss {
    /// The channel of the database; 0: none.
    pub database: Channel,
    ranges: Vec<RangeInclusive<DoId>>,
    /// What the database has been asked.
    pub questions: Questions,
    /// Objects that are being loaded.
    pub loads: Loads,
    /// The last question for all of an object that is not active, as long as nothing has been
    /// written since: who wants all of it may wait for that answer.
    pub fresh: BTreeMap<DoId, u32>,
}

impl Dbss {
    /// As the configuration says.
    pub fn new(stored: Option<Stored>) -> Dbss {
        let (database, ranges) = match stored {
            Some(Stored { channel, ranges }) => (channel, ranges),
            None => (Channel(0), Vec::new()),
        };
        Dbss { database, ranges, ..Dbss::default() }
    }

    /// Whether this is a DBSS.
    #[inline]
    pub fn is_there(&self) -> bool {
        self.database != Channel(0)
    }

    /// Whether it answers for this object.
    pub fn has(&self, do_id: DoId) -> bool {
        self.ranges.iter().any(|range| range.contains(&do_id))
    }
}

impl StateServer {
    /// A message to an object of this DBSS that is not active. (One to several objects may have come
    /// here because of another one.)
    pub(crate) fn inactive_mail(&mut self, do_id: DoId, mail: &Mail<'_>, out: &mut Outbox) {
        if !self.dbss.has(do_id) {
            return;
        }
        let dialect = out.dialect();
        match ObjectMessage::decode(dialect, mail.msgtype, mail.payload) {
            Ok(_) if mail.sender == self.dbss.database => (),
            Ok(ref message) if addressee(message).is_some_and(|other| other != do_id) => {
                if dialect == Dialect::OpenOtp && !mail.own {
                    self.note_child(do_id, message, mail, out);
                }
            }
            Ok(message) if !concerns(&message) => (),
            Ok(_) if self.dbss.loads.has(do_id) => self.wait_for_load(do_id, mail, out),
            Ok(message) => match dialect {
                Dialect::OpenOtp => self.wake_up(do_id, &message, mail, out),
                Dialect::Astron => self.inactive_message(do_id, &message, mail, out),
            },
            Err(error) => self.other_mail(None, do_id, error, mail, out),
        }
    }

    /// The seed: a child that lives elsewhere says where it is, also to a parent that is not active.
    /// When that has been loaded for a query of its zones, there would be no time to ask.
    fn note_child(
        &mut self,
        parent: DoId,
        message: &ObjectMessage<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        if let ObjectMessage::ChangeZone { do_id: child, new: location, .. }
        | ObjectMessage::LocateResp { do_id: child, location, .. } = *message
        {
            self.child_moved(parent, child, location, mail, out);
        }
    }

    /// The seed: whatever needs an object that is not active loads it.
    fn wake_up(
        &mut self,
        do_id: DoId,
        message: &ObjectMessage<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        if let ObjectMessage::DeleteDisk { .. } = message {
            self.delete_disk(None, do_id, mail, out);
        } else if let ObjectMessage::DeleteRam { .. } = message {
            // It is not in memory.
        } else if self.load(do_id, Wanted::default(), mail.sender, out) {
            self.wait_for_load(do_id, mail, out);
        }
    }

    /// A message that is not one to an object, for an object of any State Server: a DBSS gets the
    /// answers of its database, and some messages of its own.
    #[cold]
    pub(crate) fn other_mail(
        &mut self,
        at: Option<u32>,
        do_id: DoId,
        error: MessageError,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        let is_unknown = matches!(error, MessageError::Unknown(_));
        if is_unknown && mail.own {
            return;
        }
        if !is_unknown || !self.dbss.is_there() {
            return refuse(error.into(), "message", do_id, mail.sender, out);
        }
        let (dialect, Mail { msgtype, payload, sender, .. }) = (out.dialect(), *mail);
        if sender == self.dbss.database {
            match DatabaseNotice::decode(dialect, msgtype, payload) {
                Ok(notice) => self.answered(do_id, &notice, out),
                Err(error) => refuse(error.into(), "answer of the database", do_id, sender, out),
            }
            return;
        }
        match DbssMessage::decode(dialect, msgtype, payload) {
            Ok(message) if message.do_id() == do_id => {
                self.dbss_message(at, do_id, &message, mail, out);
            }
            Ok(_) => (),
            Err(error) => refuse(error.into(), "message", do_id, sender, out),
        }
    }

    /// A message for a DBSS alone, to an object that is active (then it is at `at`) or not.
    fn dbss_message(
        &mut self,
        at: Option<u32>,
        do_id: DoId,
        message: &DbssMessage<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        if self.dbss.loads.has(do_id) {
            // Whether it is active is not known yet: that has no answer.
            if !matches!(message, DbssMessage::QueryActivated { .. }) {
                self.wait_for_load(do_id, mail, out);
            }
            return;
        }
        let wanted = match *message {
            DbssMessage::QueryActivated { context, .. } => {
                return self.say_whether_active((do_id, context), at.is_some(), mail.sender, out);
            }
            DbssMessage::DeleteFieldDisk { field, .. } => {
                return self.delete_stored_fields(do_id, &[field], mail.sender, out);
            }
            DbssMessage::DeleteFieldsDisk { fields, .. } => {
                let fields: Vec<_> = fields.iter().collect();
                return self.delete_stored_fields(do_id, &fields, mail.sender, out);
            }
            DbssMessage::ActivateWithDefaults { location, .. } => {
                Ok(Wanted { location, instead: None })
            }
            DbssMessage::ActivateWithDefaultsOther { location, dclass, count, fields, .. } => {
                let mut other = count.to_le_bytes().to_vec();
                other.extend_from_slice(fields);
                self.check_other(dclass, &other)
                    .map(|()| Wanted { location, instead: Some((dclass, other)) })
            }
        };
        match wanted {
            Ok(_) if at.is_some() => {
                refuse(Refusal::Duplicate, "activate", do_id, mail.sender, out);
            }
            Ok(wanted) => {
                self.load(do_id, wanted, mail.sender, out);
            }
            Err(refusal) => refuse(refusal, "activate", do_id, mail.sender, out),
        }
    }

    fn say_whether_active(
        &self,
        (do_id, context): (DoId, u32),
        active: bool,
        asker: Channel,
        out: &mut Outbox,
    ) {
        let (dialect, answer) =
            (out.dialect(), DbssNotice::QueryActivatedResp { context, do_id, active });
        if let Some(msgtype) = answer.msgtype(dialect) {
            let write = |bytes: &mut Vec<u8>| answer.write(dialect, bytes);
            let sent = out.send(self.me, &[asker], Channel::object(do_id), msgtype, write);
            sent.expect("the answer is short");
        }
    }

    /// Sends a request to the database.
    pub(crate) fn tell_database(
        &self,
        sender: Channel,
        message: &DatabaseMessage<'_>,
        out: &mut Outbox,
    ) {
        let dialect = out.dialect();
        if let Some(msgtype) = message.msgtype(dialect) {
            let write = |bytes: &mut Vec<u8>| message.write(dialect, bytes);
            let sent = out.send(self.me, &[self.dbss.database], sender, msgtype, write);
            sent.expect("what came in a datagram, or was checked, fits in one");
        }
    }
}

/// Whether a message means anything to an object that is not active, or not yet. What others say of
/// themselves it will ask for itself, and of an AI it has none.
fn concerns(message: &ObjectMessage<'_>) -> bool {
    let asks_for_ai = matches!(message, ObjectMessage::QueryManagingAi { .. });
    let is_deletion = matches!(message, ObjectMessage::DeleteDisk { .. });
    is_deletion || (is_request(message) && !asks_for_ai)
}
