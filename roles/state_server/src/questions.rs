//! What a DBSS has asked its database, and how long it waits for the answers.
//!
//! Each question has a context that no other has while it is open. One that is not answered in time
//! is given up, as if there were no such object; an answer that comes later is to nothing.

use crate::refusal::Refusal;
use crate::{StateServer, refuse};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use runtime::{Now, Outbox};
use tracing::{debug, error};
use wire::database::{DatabaseMessage, DatabaseNotice, StoredObject};
use wire::event::{Event, Value};
use wire::ids::{Channel, DoId, FieldId};

/// The wake-up at which questions are given up. (Queries of children are numbered from below.)
pub const PATIENCE: u64 = 1 << 63;
/// For so long an answer is waited for.
const PATIENCE_MS: u64 = 5000;
/// The deadlines of so many answered questions are kept at least, before they are cleared out.
const DEADLINES_KEPT: usize = 64;

/// What is done with the answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// All of an object: to load it, or for somebody who has asked, under his context.
    All(Option<(Channel, u32)>),
    /// A field, for somebody who has asked.
    Field {
        /// Who.
        asker: Channel,
        /// As the asker has said.
        context: u32,
        /// Which.
        field: FieldId,
    },
    /// Fields, for somebody who has asked.
    Fields {
        /// Who.
        asker: Channel,
        /// As the asker has said.
        context: u32,
        /// Which, those that are not stored too; ascending.
        fields: Vec<FieldId>,
    },
}

struct Question {
    do_id: DoId,
    what: What,
}

/// The questions of an instance.
#[derive(Default)]
pub struct Questions {
    last: u32,
    open: BTreeMap<u32, Question>,
    /// When each is given up, in order; those that have been answered too.
    deadlines: VecDeque<(Now, u32)>,
    is_waking: bool,
}

impl Questions {
    /// How many are open.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    fn open(&mut self, do_id: DoId, what: What, deadline: Now) -> u32 {
        loop {
            self.last = self.last.wrapping_add(1);
            if !self.open.contains_key(&self.last) {
                break;
            }
        }
        self.open.insert(self.last, Question { do_id, what });
        if self.deadlines.len() > DEADLINES_KEPT + 2 * self.open.len() {
            let open = &self.open;
            self.deadlines.retain(|(_, context)| open.contains_key(context));
        }
        self.deadlines.push_back((deadline, self.last));
        self.last
    }

    /// The question that has been answered, if it was about `do_id` and is what the answer is to.
    fn close(&mut self, context: u32, do_id: DoId, is_asked: fn(&What) -> bool) -> Option<What> {
        let question = self.open.get(&context)?;
        if question.do_id != do_id || !is_asked(&question.what) {
            return None;
        }
        self.open.remove(&context).map(|question| question.what)
    }

    /// When the next one is to be given up.
    fn next_deadline(&mut self) -> Option<Now> {
        while let Some((deadline, context)) = self.deadlines.front() {
            if self.open.contains_key(context) {
                return Some(*deadline);
            }
            self.deadlines.pop_front();
        }
        None
    }

    fn pop_overdue(&mut self, now: Now) -> Option<(u32, Question)> {
        self.next_deadline().filter(|&deadline| deadline <= now)?;
        let (_, context) = self.deadlines.pop_front()?;
        self.open.remove(&context).map(|question| (context, question))
    }
}

impl StateServer {
    /// Asks the database about an object, with the context that `message` is given. `None`: there are
    /// too many questions already.
    pub(crate) fn ask_database<'a>(
        &mut self,
        do_id: DoId,
        what: What,
        message: impl FnOnce(u32) -> DatabaseMessage<'a>,
        asker: Channel,
        out: &mut Outbox,
    ) -> Option<u32> {
        let max = self.limits.loading_max;
        if self.dbss.questions.len() >= max {
            let full = Refusal::Full { what: "questions to the database", max };
            refuse(full, "message to a stored object", do_id, asker, out);
            return None;
        }
        let deadline = self.now.plus_ms(PATIENCE_MS);
        let context = self.dbss.questions.open(do_id, what, deadline);
        out.counts.database_questions += 1;
        self.tell_database(Channel::object(do_id), &message(context), out);
        self.wake_for_questions(out);
        Some(context)
    }

    fn wake_for_questions(&mut self, out: &mut Outbox) {
        let questions = &mut self.dbss.questions;
        if !questions.is_waking
            && let Some(deadline) = questions.next_deadline()
        {
            questions.is_waking = true;
            out.wake_at(self.me, deadline, PATIENCE);
        }
    }

    /// The database has said something of an object to it.
    pub(crate) fn answered(&mut self, do_id: DoId, notice: &DatabaseNotice<'_>, out: &mut Outbox) {
        let questions = &mut self.dbss.questions;
        match *notice {
            DatabaseNotice::SelectAllResp { context, object } => {
                let what = questions.close(context, do_id, |what| matches!(what, What::All(_)));
                if let Some(what) = what {
                    self.deal(do_id, context, what, Answer::All(object), out);
                }
            }
            DatabaseNotice::SelectFieldResp { context, value } => {
                let is_asked = |what: &What| matches!(what, What::Field { .. });
                if let Some(what) = questions.close(context, do_id, is_asked) {
                    self.deal(do_id, context, what, Answer::Field(value), out);
                }
            }
            DatabaseNotice::SelectResp { context, fields } => {
                let is_asked = |what: &What| matches!(what, What::Fields { .. });
                if let Some(what) = questions.close(context, do_id, is_asked) {
                    self.deal(do_id, context, what, Answer::Fields(fields), out);
                }
            }
            // Nothing that a DBSS asks, and what is said on another channel.
            DatabaseNotice::CreateResp { .. }
            | DatabaseNotice::SelectQueryResp { .. }
            | DatabaseNotice::UpdateFieldIfEqualsResp { .. }
            | DatabaseNotice::UpdateIfEqualsResp { .. }
            | DatabaseNotice::UpdateFieldIfEmptyResp { .. }
            | DatabaseNotice::UpdateField { .. }
            | DatabaseNotice::Update { .. }
            | DatabaseNotice::DeleteField { .. }
            | DatabaseNotice::DeleteFields { .. }
            | DatabaseNotice::Delete { .. } => (),
        }
    }

    /// Gives up the questions whose time is over.
    pub(crate) fn give_up_overdue(&mut self, out: &mut Outbox) {
        self.dbss.questions.is_waking = false;
        while let Some((context, question)) = self.dbss.questions.pop_overdue(self.now) {
            let Question { do_id, what } = question;
            out.counts.database_unanswered += 1;
            let (count, database) = (out.counts.database_unanswered, self.dbss.database);
            let values =
                [("database", Value::Id(database.0)), ("object", Value::Id(do_id.0.into()))];
            out.event(&Event { sender: "StateServer", kind: "database-silent", values: &values });
            if count.is_power_of_two() {
                error!(%do_id, %database, count, "the database does not answer");
            } else {
                debug!(%do_id, %database, "the database does not answer");
            }
            self.deal(do_id, context, what, Answer::None, out);
        }
        self.wake_for_questions(out);
    }

    fn deal(
        &mut self,
        do_id: DoId,
        context: u32,
        what: What,
        answer: Answer<'_>,
        out: &mut Outbox,
    ) {
        match what {
            What::All(asker) => {
                let object = answer.object();
                if self.dbss.fresh.get(&do_id) == Some(&context) {
                    self.dbss.fresh.remove(&do_id);
                }
                if let (Some((asker, context)), Some(object)) = (asker, object) {
                    self.show_stored(do_id, context, object, asker, out);
                }
                if self.dbss.loads.waits_for(do_id, context) {
                    self.loaded(do_id, object, out);
                }
            }
            What::Field { asker, context, field } => {
                let value = answer.field().filter(|&(other, _)| other == field);
                let value = value.map(|(_, value)| value);
                self.answer_field(do_id, context, field, value, asker, out);
            }
            What::Fields { asker, context, fields } => {
                let values = answer.fields();
                self.answer_fields(do_id, context, &fields, values, asker, out);
            }
        }
    }
}

/// What has come for a question.
#[derive(Clone, Copy)]
enum Answer<'a> {
    All(Option<StoredObject<'a>>),
    Field(Option<(FieldId, &'a [u8])>),
    Fields(Option<(u16, &'a [u8])>),
    /// Nothing, for too long.
    None,
}

impl<'a> Answer<'a> {
    fn object(self) -> Option<StoredObject<'a>> {
        match self {
            Answer::All(object) => object,
            Answer::Field(_) | Answer::Fields(_) | Answer::None => None,
        }
    }

    fn field(self) -> Option<(FieldId, &'a [u8])> {
        match self {
            Answer::Field(value) => value,
            Answer::All(_) | Answer::Fields(_) | Answer::None => None,
        }
    }

    fn fields(self) -> Option<(u16, &'a [u8])> {
        match self {
            Answer::Fields(fields) => fields,
            Answer::All(_) | Answer::Field(_) | Answer::None => None,
        }
    }
}
