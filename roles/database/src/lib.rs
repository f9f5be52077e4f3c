//! The Database role: stored objects, who may see what of them, and when it is said (seed protocol
//! section 4, `openotp.md` 12 to 22, `astron` section 7).
//!
//! Every shard has an instance, which owns the objects that [`runtime::place`] gives it and the part
//! of the store that holds them; together they are one Database on its control channel. A request is
//! dealt with when it comes, against the newest state of the object; what is said of it waits until
//! all that it rests on is durable ([`pending`], I5). What concerns a class is looked for by all
//! instances ([`jobs`]).
//!
//! What is done is written once; where the dialects differ in more than numbers and layouts, the
//! difference stands where the thing is done. No message number stands here.
#![no_std]

extern crate alloc;

mod classes;
mod create;
mod deletion;
mod draft;
mod gather;
mod ids;
mod index;
mod jobs;
mod limits;
mod names;
mod pending;
mod query;
mod refusal;
mod select;
mod stored;
mod told;
mod update;
mod values;
mod voice;
mod waiting;
mod walk;

pub use limits::Limits;
pub use names::{Problem, Report, TypeChange, examine, wanted};

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use classes::{ClassPlan, Classes};
use dc::Schema;
use draft::Draft;
use gather::Gathers;
use ids::Ids;
use index::Indexes;
use jobs::Jobs;
use pending::{Mail, Pending};
use refusal::Refusal;
use runtime::{Counts, Input, Now, Outbox, Role, RoleId, ShardId, place};
use smallvec::SmallVec;
use store::{Found, Object, Part, Place, Ticket};
use told::Told;
use waiting::Waiting;
use wire::database::{DatabaseMessage, MessageError};
use wire::datagram::Datagram;
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId, MsgType};

/// What the configuration says of this role.
#[derive(Clone, Debug)]
pub struct Config {
    /// The channel on which it is asked.
    pub control: Channel,
    /// The lowest and the highest id of new objects.
    pub generate: (DoId, DoId),
    /// Whether changes of an object are announced.
    pub broadcast: bool,
    /// The classes of the objects.
    pub schema: Arc<Schema>,
    /// The fields by whose values objects are to be found without looking at all of them, by class
    /// and name. Only `openotp` has queries, so only there it costs memory.
    pub indexes: Vec<(String, String)>,
    /// What grows no further.
    pub limits: Limits,
    /// Keys of the hashes of ids and values: random in production, fixed in the simulator. All
    /// instances have the same.
    pub hash_seeds: [u64; 4],
}

impl Config {
    /// The channels on which all instances are reached as one.
    pub fn controls(&self, dialect: Dialect) -> SmallVec<[Channel; 2]> {
        [self.control].into_iter().chain(dialect.all_databases()).collect()
    }
}

/// The role instance of one shard.
pub struct Database {
    me: RoleId,
    config: Config,
    controls: SmallVec<[Channel; 2]>,
    classes: Classes,
    part: Part,
    /// The newest write that was asked for.
    newest: Ticket,
    /// The writes whose fate is not known, and whose they are.
    unsettled: VecDeque<(Ticket, DoId)>,
    ids: Ids,
    indexes: Indexes,
    pending: Pending,
    waiting: Waiting,
    jobs: Jobs,
    gathers: Gathers,
    draft: Draft,
    scratch: Vec<u8>,
    hasher: ahash::RandomState,
    /// A slice of a sweep is due.
    sweeps: bool,
    /// The time of the present input.
    now: Now,
}

/// Why a request is not done now.
enum Undone {
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

impl Database {
    /// The instance `me` of a shard, which holds the objects of `part`. The store has given out ids
    /// below `next_do_id`.
    pub fn new(me: RoleId, config: Config, part: Part, next_do_id: DoId) -> Database {
        let [a, b, c, d] = config.hash_seeds;
        let hasher = ahash::RandomState::with_seeds(a, b, c, d);
        Database {
            me,
            controls: SmallVec::new(),
            classes: Classes::new(config.schema.clone(), part.catalog()),
            ids: Ids::new(config.generate, next_do_id),
            newest: Ticket(0),
            unsettled: VecDeque::new(),
            indexes: Indexes::new(&[], &hasher),
            pending: Pending::default(),
            waiting: Waiting::default(),
            jobs: Jobs::default(),
            gathers: Gathers::default(),
            draft: Draft::default(),
            scratch: Vec::new(),
            hasher,
            sweeps: false,
            now: Now(0),
            config,
            part,
        }
    }

    /// The object whose shard a control message is for; `None`: it is for all.
    pub fn split(dialect: Dialect, msgtype: MsgType, payload: &[u8]) -> Option<DoId> {
        wire::database::split(dialect, msgtype, payload)
    }
}

impl Role for Database {
    fn step(&mut self, now: Now, input: Input<'_>, out: &mut Outbox) {
        self.now = now;
        let objects = self.part.len();
        self.jobs.begin_input(self.config.limits.objects_at_once);
        match input {
            Input::Datagram { frame, .. } => self.datagram(frame, out),
            Input::Stored(reply) => self.stored(reply, out),
            Input::Told { from, message } => {
                let told = Told::read(message);
                self.hear(from, told.expect("instances of this role write what they read"), out);
            }
            Input::Wake { token } => self.wake(token, out),
            Input::Started => self.started(out),
            Input::Stopping => (),
            Input::Accepted { .. }
            | Input::Connected { .. }
            | Input::ConnectFailed { .. }
            | Input::Frame { .. }
            | Input::Closed { .. } => unreachable!("a Database has no connections"),
        }
        self.part.take_requests().for_each(|request| out.ask_store(self.me, request));
        out.counts.objects_stored += self.part.len() as u64;
        out.counts.objects_stored -= objects as u64;
    }
}

impl Database {
    fn started(&mut self, out: &mut Outbox) {
        self.controls = self.config.controls(out.dialect());
        out.counts.objects_stored += self.part.len() as u64;
        self.begin_indexes(out);
    }

    fn datagram(&mut self, frame: &[u8], out: &mut Outbox) {
        let dg = Datagram::parse(framing::body(frame)).expect("who routed it has checked it");
        let mail = Mail { sender: dg.sender(), msgtype: dg.msgtype(), payload: dg.payload() };
        // With several recipients it may have come here because of another one.
        let about = Self::split(out.dialect(), mail.msgtype, mail.payload);
        let is_here = about.is_none_or(|do_id| place(do_id, out.shards()) == out.me());
        if is_here && dg.recipients().any(|channel| self.controls.contains(&channel)) {
            self.request(&mail, Counted::Not, out);
        }
    }

    fn request(&mut self, mail: &Mail<'_>, counted: Counted, out: &mut Outbox) {
        let is_of_all = |message: &DatabaseMessage<'_>| {
            matches!(
                message,
                DatabaseMessage::DeleteQuery { .. }
                    | DatabaseMessage::SelectQuery { .. }
                    | DatabaseMessage::UpdateQuery { .. }
            )
        };
        let message = match DatabaseMessage::decode(out.dialect(), mail.msgtype, mail.payload) {
            Ok(message) => message,
            Err(error) => return self.unreadable(error, mail, out),
        };
        if counted == Counted::Not && (!is_of_all(&message) || self.is_first(out)) {
            *counter(&message, &mut out.counts) += 1;
        }
        match message {
            DatabaseMessage::Create { dclass, count, fields, .. } => {
                if let Err(refusal) = self.create((dclass, count, fields), mail, out) {
                    self.refuse(refusal, &message, DoId(0), mail, out);
                }
            }
            DatabaseMessage::DeleteQuery { .. }
            | DatabaseMessage::SelectQuery { .. }
            | DatabaseMessage::UpdateQuery { .. } => self.query(&message, mail, out),
            DatabaseMessage::Delete { do_id, .. }
            | DatabaseMessage::SelectField { do_id, .. }
            | DatabaseMessage::Select { do_id, .. }
            | DatabaseMessage::SelectAll { do_id, .. }
            | DatabaseMessage::UpdateField { do_id, .. }
            | DatabaseMessage::Update { do_id, .. }
            | DatabaseMessage::UpdateFieldIfEquals { do_id, .. }
            | DatabaseMessage::UpdateIfEquals { do_id, .. }
            | DatabaseMessage::UpdateFieldIfEmpty { do_id, .. }
            | DatabaseMessage::DeleteField { do_id, .. }
            | DatabaseMessage::DeleteFields { do_id, .. } => {
                self.about_object(do_id, &message, mail, out);
            }
        }
    }

    fn about_object(
        &mut self,
        do_id: DoId,
        message: &DatabaseMessage<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        if self.waiting.is_awaited(do_id) {
            return self.wait(do_id, message, mail, out);
        }
        match self.serve(do_id, message, mail, out) {
            Ok(()) => (),
            Err(Undone::Refused(refusal)) => self.refuse(refusal, message, do_id, mail, out),
            Err(Undone::Away(at)) => {
                self.fetch(do_id, at);
                self.wait(do_id, message, mail, out);
            }
        }
    }

    /// Does what is asked of an object.
    fn serve(
        &mut self,
        do_id: DoId,
        message: &DatabaseMessage<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        match *message {
            DatabaseMessage::SelectField { context, field, .. } => {
                self.select_field(do_id, context, field, mail, out)
            }
            DatabaseMessage::Select { context, fields, .. } => {
                self.select(do_id, context, fields, mail, out)
            }
            DatabaseMessage::SelectAll { context, .. } => {
                self.select_all(do_id, context, mail, out)
            }
            DatabaseMessage::UpdateField { field, value, .. } => {
                self.update_field(do_id, field, value, message, mail, out)
            }
            DatabaseMessage::Update { count, fields, .. } => {
                self.update(do_id, count, fields, message, mail, out)
            }
            DatabaseMessage::UpdateFieldIfEquals { field, old_and_new, .. } => {
                self.update_field_if_equals(do_id, field, old_and_new, message, mail, out)
            }
            DatabaseMessage::UpdateIfEquals { count, conditions, .. } => {
                self.update_if_equals(do_id, count, conditions, message, mail, out)
            }
            DatabaseMessage::UpdateFieldIfEmpty { field, value, .. } => {
                self.update_field_if_empty(do_id, field, value, message, mail, out)
            }
            DatabaseMessage::DeleteField { field, .. } => {
                let field = [field.0.to_le_bytes()];
                let fields = wire::lists::Fields(&field);
                self.delete_fields(do_id, fields, message, mail, out)
            }
            DatabaseMessage::DeleteFields { fields, .. } => {
                self.delete_fields(do_id, fields, message, mail, out)
            }
            DatabaseMessage::Delete { verify_code, .. } => {
                self.delete(do_id, verify_code, message, mail, out)
            }
            DatabaseMessage::Create { .. }
            | DatabaseMessage::DeleteQuery { .. }
            | DatabaseMessage::SelectQuery { .. }
            | DatabaseMessage::UpdateQuery { .. } => unreachable!("these are about no one object"),
        }
    }

    fn hear(&mut self, from: ShardId, told: Told<'_>, out: &mut Outbox) {
        match told {
            Told::Create { do_id, mail } => self.bear_told(do_id, &mail, out),
            Told::Returned { do_id } => self.ids.give_back(do_id),
            Told::Found { query, refused, more, do_ids } => {
                self.gather(from, query, (refused, more, do_ids), out);
            }
        }
    }
}

/// Whether a request has been counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Counted {
    Not,
    Already,
}

/// A stored object and its class.
fn object<'a>(
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

/// What is wrong with a message that cannot be read, and its name.
fn name_of(error: &MessageError) -> &'static str {
    match error {
        MessageError::Unknown { .. } => "message",
        MessageError::Arguments { name, .. } => name,
    }
}
