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
mod events;
mod gather;
mod ids;
mod index;
mod jobs;
mod limits;
mod matching;
mod names;
mod pending;
mod query;
mod refusal;
mod request;
mod select;
mod stored;
mod told;
mod unsettled;
mod update;
mod values;
mod voice;
mod waiting;
mod walk;

pub use limits::Limits;
pub use names::{Problem, Report, TypeChange, examine, wanted};

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use classes::Classes;
use dc::Schema;
use draft::Draft;
use gather::Gathers;
use ids::Ids;
use index::Indexes;
use jobs::Jobs;
use pending::{Mail, Pending};
use request::Counted;
use runtime::{Input, Now, Outbox, Role, RoleId, ShardId, place};
use smallvec::SmallVec;
use store::{Part, Ticket};
use told::Told;
use unsettled::Unsettled;
use waiting::Waiting;
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
    /// and name; those that are not stored are passed over. Only `openotp` has queries, so only there
    /// an index costs memory.
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
    unsettled: Unsettled,
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
    /// The disk is full, by what this instance knows. The first one's word goes for all.
    lacks_room: bool,
    /// The newest write that had been asked for when it came to know that.
    asked_when_full: Ticket,
    /// The time of the present input.
    now: Now,
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
            unsettled: Unsettled::default(),
            indexes: Indexes::new(&[], &hasher),
            pending: Pending::default(),
            waiting: Waiting::default(),
            jobs: Jobs::default(),
            gathers: Gathers::default(),
            draft: Draft::default(),
            scratch: Vec::new(),
            hasher,
            sweeps: false,
            lacks_room: false,
            asked_when_full: Ticket(0),
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
            | Input::Refused { .. }
            | Input::Connected { .. }
            | Input::ConnectFailed { .. }
            | Input::Frame { .. }
            | Input::Paused { .. }
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

    fn hear(&mut self, from: ShardId, told: Told<'_>, out: &mut Outbox) {
        match told {
            Told::Create { do_id, mail } => self.bear_told(do_id, &mail, out),
            Told::Returned { do_id } => self.ids.give_back(do_id),
            Told::Room { has_room } => self.hear_of_room(has_room, out),
            Told::Found { query, refused, more, do_ids } => {
                self.gather(from, query, (refused, more, do_ids), out);
            }
        }
    }
}
