//! Between the instance and the store: writes, and what the log says of them.

use crate::Database;
use crate::pending::{Held, KeptMail, Otherwise, Says};
use crate::refusal::Refusal;
use crate::request::{Asked, Counted};
use crate::told::Told;
use alloc::string::String;
use alloc::sync::Arc;
use runtime::{Outbox, ShardId, place};
use store::{ClassKey, Found, Heard, Place, Reply, Ticket, WriteError};
use tracing::{error, warn};
use wire::database::{DatabaseMessage, ret_code};
use wire::ids::DoId;

/// The wake-up at which a sweep goes on.
pub const SWEEP: u64 = 1;
/// The instance that gives out ids, and speaks for all.
pub const FIRST: ShardId = ShardId(0);

impl Database {
    /// Bytes of all that waits for the disk: what is to be said, requests, and new versions.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.pending.bytes() + self.waiting.bytes() + self.unsettled.bytes()
    }

    /// Whether there is room for one more request that has to wait.
    pub(crate) fn check_room(&self) -> Result<(), Refusal> {
        let max = self.config.limits.waiting_bytes_max;
        if self.waiting_bytes() > max {
            return Err(Refusal::Full { what: "bytes that wait for the disk", max });
        }
        Ok(())
    }

    /// Writes the draft as what an object is from now on.
    pub(crate) fn write(&mut self, do_id: DoId, class: ClassKey) -> Result<Ticket, Refusal> {
        self.check_room()?;
        let fields = self.draft.stored()?;
        let ticket = self.part.write(do_id, class, &fields).map_err(refusal)?;
        self.newest = ticket;
        let bytes = fields.iter().map(|(_, value)| value.len()).sum();
        self.unsettled.wrote(ticket, do_id, bytes);
        let draft = &self.draft;
        self.indexes.changed(do_id, class, |key| draft.get(key));
        Ok(ticket)
    }

    /// Deletes an object.
    pub(crate) fn erase(&mut self, do_id: DoId) -> Result<Ticket, Refusal> {
        self.check_room()?;
        let ticket = self.part.delete(do_id).map_err(refusal)?;
        self.newest = ticket;
        self.unsettled.deleted(ticket, do_id);
        self.indexes.gone(do_id);
        Ok(ticket)
    }

    /// Lets `says` be said when a write is durable, and the request fail if it is not carried out.
    pub(crate) fn hold(&mut self, ticket: Ticket, says: Says, asked: &Asked<'_>, out: &Outbox) {
        let dialect = out.dialect();
        let failure = asked.message.failure(dialect, ret_code::NOT_STORED);
        let said = |notice| {
            let said = self.said(&notice, asked.mail.sender, dialect);
            said.expect("the answer of a failure is short")
        };
        let (request, answer) = (asked.in_log(), failure.map(said));
        self.pending.hold(ticket, Held { says, otherwise: Otherwise::Fails { request, answer } });
    }

    /// The log says something.
    pub(crate) fn stored(&mut self, reply: Reply, out: &mut Outbox) {
        match self.part.hear(reply) {
            Heard::Nothing => (),
            Heard::Durable(ticket) => {
                // Deletions and moves go on while the disk is full; and what was asked for before
                // that was known may have been written before it was full.
                if self.lacks_room && self.unsettled.has_write(self.asked_when_full, ticket) {
                    self.note_room(true, out);
                }
                self.durable(ticket, out);
            }
            Heard::Refused { ticket, do_id } => self.refused(ticket, do_id, out),
            Heard::Failed(reason) => self.failed(&reason, out),
            Heard::Fetched(place, fetched) => self.fetched(place, fetched, out),
            Heard::Damaged(do_id, place) => {
                error!("object {do_id} cannot be read: {place}");
                self.say_damaged(do_id, &place, out);
            }
        }
        self.sweep_later(out);
    }

    fn durable(&mut self, ticket: Ticket, out: &mut Outbox) {
        self.unsettled.settle(ticket);
        for held in self.pending.durable(ticket) {
            held.says.iter().for_each(|said| said.say(self.me, out));
        }
        self.finish_rested(out);
    }

    /// A write was not carried out, as the disk is full.
    fn refused(&mut self, ticket: Ticket, do_id: DoId, out: &mut Outbox) {
        self.note_room(false, out);
        self.rolled_back(do_id);
        for held in self.pending.refused(ticket) {
            self.undo(held, Refusal::DiskFull, out);
        }
        self.look_again(do_id, out);
        // What was refused has its fate, and with it perhaps all that is before.
        self.durable(self.part.durable(), out);
    }

    /// The disk has failed. What had not been reported durable is as if it had not been asked.
    fn failed(&mut self, reason: &Arc<str>, out: &mut Outbox) {
        error!("the database on channel {} takes no more writes: {reason}", self.config.control);
        self.say_read_only(reason, out);
        let unsettled = core::mem::take(&mut self.unsettled);
        unsettled.do_ids().for_each(|do_id| self.rolled_back(do_id));
        for held in self.pending.failed() {
            self.undo(held, Refusal::ReadOnly, out);
        }
        self.restart_selections(out);
    }

    /// An object is what it was before some write.
    fn rolled_back(&mut self, do_id: DoId) {
        match self.part.find(do_id) {
            Found::Here(object) => {
                self.indexes.changed(do_id, object.class(), |key| object.field(key));
            }
            Found::Absent => self.indexes.gone(do_id),
            // What it is now is not in memory: it is looked at when it has come.
            Found::Away(_) | Found::Damaged(_) => self.index_later(do_id),
        }
    }

    pub(crate) fn undo(&mut self, held: Held, refusal: Refusal, out: &mut Outbox) {
        match held.otherwise {
            Otherwise::Again(mail) => self.request(&mail.mail(), Counted::Already, out),
            Otherwise::Fails { request, answer } => {
                refusal.note(out, &request);
                answer.iter().for_each(|said| said.say(self.me, out));
            }
            Otherwise::Unborn { request, answer } => {
                refusal.note(out, &request);
                answer.say(self.me, out);
                // After a failure the next start tells what is there.
                if refusal != Refusal::ReadOnly {
                    let told = Told::Returned { do_id: request.do_id };
                    out.tell(place(DoId(0), out.shards()), self.me, &told.write());
                }
            }
        }
    }

    /// Has an object brought into memory.
    pub(crate) fn fetch(&mut self, do_id: DoId, at: Place) {
        if self.waiting.fetch(do_id, at) {
            self.part.fetch(at);
        }
    }

    /// Lets a request wait for its object.
    pub(crate) fn wait(&mut self, asked: &Asked<'_>, out: &mut Outbox) {
        match self.check_room() {
            Ok(()) => {
                let changes = !matches!(
                    asked.message,
                    DatabaseMessage::SelectField { .. }
                        | DatabaseMessage::Select { .. }
                        | DatabaseMessage::SelectAll { .. }
                );
                self.waiting.push(asked.do_id, &asked.mail, changes);
            }
            Err(refusal) => self.refuse(refusal, asked, out),
        }
    }

    fn fetched(&mut self, at: Place, fetched: Result<(), String>, out: &mut Outbox) {
        let Some(do_id) = self.waiting.fetched(at) else { return };
        if let Err(why) = fetched {
            warn!("object {do_id} cannot be read: {at}: {why}");
            self.say_damaged(do_id, &format_args!("{at}: {why}"), out);
        }
        while let Some(kept) = self.waiting.pop(do_id) {
            // It may have moved meanwhile, or gone out of memory again.
            if let Err(at) = self.go_on_with(do_id, &kept.0, out) {
                self.fetch(do_id, at);
                self.waiting.push_front(do_id, kept);
                break;
            }
        }
        self.came(do_id, out);
    }

    /// Does a request that has waited, though others wait behind it; unless its object is away.
    fn go_on_with(&mut self, do_id: DoId, mail: &KeptMail, out: &mut Outbox) -> Result<(), Place> {
        let mail = mail.mail();
        let message = DatabaseMessage::decode(out.dialect(), mail.msgtype, mail.payload);
        let message = message.expect("it was a message when it came");
        self.serve_unless_away(&Asked { do_id, message, mail }, out)
    }

    fn sweep_later(&mut self, out: &mut Outbox) {
        if !self.sweeps && self.part.has_work() {
            self.sweeps = true;
            out.wake_at(self.me, self.now, SWEEP);
        }
    }

    /// Does a slice of a sweep.
    pub(crate) fn sweep(&mut self, out: &mut Outbox) {
        self.sweeps = false;
        self.part.work();
        self.sweep_later(out);
    }

    /// Whether this instance gives out ids.
    pub(crate) fn is_first(&self, out: &Outbox) -> bool {
        out.me() == FIRST
    }
}

fn refusal(error: WriteError) -> Refusal {
    match error {
        WriteError::TooBig { bytes } => Refusal::TooBig(bytes),
        WriteError::ReadOnly(_) => Refusal::ReadOnly,
        WriteError::Damaged(place) => Refusal::Damaged(place),
        WriteError::Absent => Refusal::NoObject,
    }
}
