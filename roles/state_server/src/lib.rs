//! The State Server role: distributed objects, where they are, and who hears of them (seed
//! protocol section 3, `astron` section 5).
//!
//! Every shard has an instance, which owns the objects that [`runtime::place`] gives it; together
//! they are one State Server on its control channel. An object behaves as a participant of its
//! own: what is sent to its id reaches it, what it says goes to channels that anyone may
//! subscribe. Parents and children speak to each other as if they were on different machines,
//! since they may be; inside the daemon the instances tell each other what a parent says to its
//! children ([`told`]), so that it comes in order wherever they live (I2).
//!
//! A DBSS is a State Server whose objects are stored in a database ([`stored`]): it has ranges of ids
//! instead of a control channel, and loads an object when it is needed.
//!
//! What is done is written once; where the dialects differ in more than numbers and layouts, the
//! difference stands where the thing is done. No message number stands here.
#![no_std]

extern crate alloc;

mod ai;
mod ancestry;
mod answers;
mod children;
mod classes;
mod create;
mod deletion;
mod fields;
mod foreign;
mod inactive;
mod index;
mod jobs;
mod latecomers;
mod limits;
mod loading;
mod location;
mod objects;
mod owner;
mod queries;
mod questions;
mod refusal;
mod relay;
mod resets;
mod slots;
mod stored;
mod told;
mod update;
mod voice;
mod walk;
mod write_through;

pub use limits::Limits;
pub use stored::Stored;

use ai::Said;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use ancestry::{Deferred, Stall, Unproved};
use classes::Classes;
use dc::Schema;
use deletion::Death;
use foreign::Foreign;
use jobs::Jobs;
use latecomers::Latecomers;
use objects::Objects;
use queries::{Queries, Reply};
use refusal::{Refusal, Request};
use resets::Resets;
use runtime::{Input, Now, Outbox, Role, RoleId, ShardId, place};
use smallvec::SmallVec;
use stored::Dbss;
use told::{Below, KnownAi, Told};
use wire::datagram::Datagram;
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId, MsgType};
use wire::state_server::{ObjectMessage, StateServerMessage, Zones};

/// What the configuration says of this role.
#[derive(Clone, Debug)]
pub struct Config {
    /// The channel on which objects are created; a DBSS has none.
    pub control: Option<Channel>,
    /// Where its objects come from, if it is a DBSS.
    pub database: Option<Stored>,
    /// The classes of the objects.
    pub schema: Arc<Schema>,
    /// What grows no further.
    pub limits: Limits,
    /// Keys of the hashes of ids and channels: random in production, fixed in the simulator.
    pub hash_seeds: [u64; 4],
}

impl Config {
    /// The channels on which all instances are reached as one.
    pub fn controls(&self, dialect: Dialect) -> SmallVec<[Channel; 2]> {
        let shared = self.control.and(dialect.all_state_servers());
        self.control.into_iter().chain(shared).collect()
    }

    /// The objects whose channels reach it.
    pub fn objects(&self) -> runtime::Objects {
        match &self.database {
            Some(stored) => runtime::Objects::Ranges(stored.ranges.iter().cloned().collect()),
            None => runtime::Objects::All,
        }
    }
}

/// The role instance of one shard.
pub struct StateServer {
    me: RoleId,
    controls: SmallVec<[Channel; 2]>,
    control: Option<Channel>,
    limits: Limits,
    classes: Classes,
    objects: Objects,
    jobs: Jobs,
    queries: Queries,
    foreign: Foreign,
    latecomers: Latecomers,
    dbss: Dbss,
    /// The move that this instance waits for.
    stall: Option<Stall>,
    deferred: Deferred,
    /// AIs that were heard of from outside, by object, at the time of the present input.
    heard_ais: BTreeMap<DoId, u8>,
    resets: Resets,
    /// Objects that have come to an AI after it was reset, to be deleted when the present input has
    /// been dealt with.
    late: Vec<DoId>,
    /// Moves that were made and may turn out to close a ring, by object and time.
    unproved: BTreeMap<(DoId, u64), Unproved>,
    /// The time of the present input.
    now: Now,
    scratch: Vec<u8>,
}

/// A message on its way to an object.
#[derive(Clone, Copy)]
struct Mail<'a> {
    sender: Channel,
    msgtype: MsgType,
    payload: &'a [u8],
    /// An instance of this State Server sent it.
    own: bool,
    /// A role of this daemon did.
    local: bool,
    /// All who get it; nobody if it has waited for its object.
    to: &'a [[u8; 8]],
}

impl Mail<'_> {
    /// Whether somebody gets it too.
    fn is_for(&self, channel: Channel) -> bool {
        self.to.contains(&channel.0.to_le_bytes())
    }
}

impl StateServer {
    /// The instance `me` of a shard.
    pub fn new(me: RoleId, config: Config) -> StateServer {
        let [a, b, c, d] = config.hash_seeds;
        let hasher = ahash::RandomState::with_seeds(a, b, c, d);
        StateServer {
            me,
            controls: SmallVec::new(),
            control: config.control,
            limits: config.limits,
            classes: Classes::new(config.schema, config.database.is_some()),
            objects: Objects::new(&hasher),
            jobs: Jobs::default(),
            queries: Queries::default(),
            foreign: Foreign::default(),
            latecomers: Latecomers::default(),
            dbss: Dbss::new(config.database),
            stall: None,
            deferred: Deferred::default(),
            heard_ais: BTreeMap::new(),
            resets: Resets::default(),
            late: Vec::new(),
            unproved: BTreeMap::new(),
            now: Now(0),
            scratch: Vec::new(),
        }
    }

    /// The object whose shard a control message is for; `None`: it is for all.
    pub fn split(dialect: Dialect, msgtype: MsgType, payload: &[u8]) -> Option<DoId> {
        wire::state_server::generated_do_id(dialect, msgtype, payload)
    }
}

impl Role for StateServer {
    fn step(&mut self, now: Now, input: Input<'_>, out: &mut Outbox) {
        if self.now != now {
            self.now = now;
            self.heard_ais.clear();
        }
        let (objects, bytes) = (self.objects.len(), self.objects.field_bytes());
        if !self.defer(&input, out) {
            self.take(&input, out);
        }
        out.counts.objects += self.objects.len() as u64;
        out.counts.objects -= objects as u64;
        out.counts.object_bytes += self.objects.field_bytes() as u64;
        out.counts.object_bytes -= bytes as u64;
    }
}

impl StateServer {
    #[inline]
    fn take(&mut self, input: &Input<'_>, out: &mut Outbox) {
        self.jobs.begin_input(self.limits.objects_at_once);
        match *input {
            Input::Datagram { frame, from } => self.datagram(frame, from, out),
            Input::Told { from, message } => {
                let told =
                    Told::read(message).expect("instances of this role write what they read");
                self.hear(from, told, out);
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
            | Input::Closed { .. } => unreachable!("a State Server has no connections"),
            Input::Stored(_) => unreachable!("a State Server has no store"),
        }
        if !self.late.is_empty() {
            self.delete_late(out);
        }
    }

    fn started(&mut self, out: &mut Outbox) {
        let shared = self.control.and(out.dialect().all_state_servers());
        self.controls = self.control.into_iter().chain(shared).collect();
    }

    /// A datagram is heard once by each object that it is for.
    #[inline]
    fn datagram(&mut self, frame: &[u8], from: Option<RoleId>, out: &mut Outbox) {
        let dg = Datagram::parse(framing::body(frame)).expect("who routed it has checked it");
        let (sender, msgtype, payload) = (dg.sender(), dg.msgtype(), dg.payload());
        let (own, local) = (from == Some(self.me), from.is_some());
        let mail = Mail { sender, msgtype, payload, own, local, to: dg.recipients_written() };
        let mut recipients = dg.recipients();
        if recipients.len() == 1 {
            recipients.next().into_iter().for_each(|channel| self.deliver(channel, &mail, out));
            return;
        }
        let mut heard = SmallVec::<[Channel; 8]>::new();
        for channel in recipients {
            if !heard.contains(&channel) {
                heard.push(channel);
                self.deliver(channel, &mail, out);
            }
        }
    }

    #[inline]
    fn deliver(&mut self, channel: Channel, mail: &Mail<'_>, out: &mut Outbox) {
        if self.controls.contains(&channel) {
            self.control_message(mail, out);
        } else if let Ok(id) = u32::try_from(channel.0) {
            let do_id = DoId(id);
            if id != 0 && place(do_id, out.shards()) == out.me() {
                self.object_mail(do_id, mail, out);
            }
        } else if !mail.own
            && let Some(parent) = out.dialect().parent_of_children_channel(channel)
        {
            self.children_mail(parent, mail, out);
        }
    }

    fn control_message(&mut self, mail: &Mail<'_>, out: &mut Outbox) {
        match StateServerMessage::decode(out.dialect(), mail.msgtype, mail.payload) {
            // With several recipients it may have come here because of another one.
            Ok(StateServerMessage::Generate(entry))
                if place(entry.do_id, out.shards()) != out.me() => {}
            Ok(StateServerMessage::Generate(entry)) => self.create(&entry, mail.sender, out),
            Ok(StateServerMessage::ShardReset { ai }) => self.reset(ai, mail.sender, out),
            Err(error) => {
                // What says of no object that it is about it has come to all instances.
                let about = Self::split(out.dialect(), mail.msgtype, mail.payload);
                let shard = about.map_or(ShardId(0), |do_id| place(do_id, out.shards()));
                if shard == out.me() {
                    let do_id = about.unwrap_or_default();
                    refuse(error.into(), "control message", do_id, mail.sender, out);
                }
            }
        }
    }

    #[inline]
    fn object_mail(&mut self, do_id: DoId, mail: &Mail<'_>, out: &mut Outbox) {
        let Some(at) = self.objects.find(do_id).filter(|&at| self.settled(at, out)) else {
            return self.nobody_there(do_id, mail, out);
        };
        match ObjectMessage::decode(out.dialect(), mail.msgtype, mail.payload) {
            Ok(message) => self.object_message(at, do_id, &message, mail, out),
            Err(error) => self.other_mail(Some(at), do_id, error, mail, out),
        }
    }

    /// Counts requests of objects that do not exist. What an object's number alone brings here may
    /// be for somebody else: a client, an AI.
    fn nobody_there(&mut self, do_id: DoId, mail: &Mail<'_>, out: &mut Outbox) {
        if self.dbss.is_there() {
            return self.inactive_mail(do_id, mail, out);
        }
        // It may be an object of another State Server, here or elsewhere, or somebody's channel.
        let is_elsewhere = out.is_placed_elsewhere(self.me, do_id)
            || out.has_upstream()
            || out.is_subscribed(Channel::object(do_id));
        if mail.own || is_elsewhere {
            return;
        }
        if let Ok(message) = ObjectMessage::decode(out.dialect(), mail.msgtype, mail.payload)
            && addressee(&message).is_none_or(|addressee| addressee == do_id)
            && is_request(&message)
        {
            refuse(Refusal::NoObject, message.name(), do_id, mail.sender, out);
        }
    }

    #[inline]
    fn object_message(
        &mut self,
        at: u32,
        do_id: DoId,
        message: &ObjectMessage<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        let is_addressed = addressee(message).is_none_or(|addressee| addressee == do_id);
        if !is_addressed && !is_of_relatives(message) {
            return;
        }
        match *message {
            ObjectMessage::UpdateField { field, value, .. } => {
                self.update_field(at, field, value, mail, out);
            }
            ObjectMessage::UpdateFieldMultiple { count, fields, .. } => {
                self.update_multiple(at, count, fields, mail, out);
            }
            ObjectMessage::DeleteFieldRam { field, .. } => {
                self.delete_fields(at, &[field], mail, out);
            }
            ObjectMessage::DeleteFieldsRam { fields, .. } => {
                let fields: SmallVec<[_; 16]> = fields.iter().collect();
                self.delete_fields(at, &fields, mail, out);
            }
            ObjectMessage::DeleteRam { .. } => self.delete(at, Death::asked_by(mail.sender), out),
            ObjectMessage::SetZone { location } => self.set_zone(at, location, mail.sender, out),
            ObjectMessage::Locate { context } => self.locate(at, context, mail.sender, out),
            ObjectMessage::LocationAck { location } => self.acknowledged(at, location),
            ObjectMessage::QueryAll { context, .. } => {
                self.query_all(at, context, mail.sender, out);
            }
            ObjectMessage::QueryField { context, field, .. } => {
                self.query_field(at, context, field, mail.sender, out);
            }
            ObjectMessage::QueryFields { context, fields, .. } => {
                self.query_fields(at, context, fields, mail.sender, out);
            }
            // Its parent, which lives elsewhere, asks on behalf of somebody.
            ObjectMessage::QueryZones { context, parent, zones } if !is_addressed => {
                let location = self.objects.location(at);
                if location.parent == parent && zones.iter().any(|zone| zone == location.zone) {
                    self.enter_for_relay(at, mail.sender, context, out);
                }
            }
            ObjectMessage::QueryZones { context, zones, .. } => {
                self.query(do_id, Reply::Zones, Some(zones), context, mail, out);
            }
            ObjectMessage::QueryChildren { context, .. } => {
                self.query(do_id, Reply::Children, None, context, mail, out);
            }
            ObjectMessage::CountZone { context, zone, .. } => {
                let zones = [zone.0.to_le_bytes()];
                self.query(do_id, Reply::CountZone, Some(Zones(&zones)), context, mail, out);
            }
            ObjectMessage::CountZones { context, zones, .. } => {
                self.query(do_id, Reply::CountZones, Some(zones), context, mail, out);
            }
            ObjectMessage::CountChildren { context, .. } => {
                self.query(do_id, Reply::CountChildren, None, context, mail, out);
            }
            ObjectMessage::QueryActiveZones { context } => {
                self.query(do_id, Reply::ActiveZones, None, context, mail, out);
            }
            ObjectMessage::DeleteZones { parent, zones } => {
                self.delete_all_below(Below { parent, zones: Some(zones) }, mail.sender, out);
            }
            ObjectMessage::DeleteChildren { parent } => {
                self.delete_all_below(Below { parent, zones: None }, mail.sender, out);
            }
            ObjectMessage::SetAi { ai, .. } => self.set_ai(at, ai, mail.sender, out),
            // Instances ask each other by themselves.
            ObjectMessage::QueryManagingAi { .. } if mail.own => {}
            ObjectMessage::QueryManagingAi { context } => {
                self.query_ai(at, context, mail.sender, out);
            }
            ObjectMessage::SetOwner { owner } => self.set_owner(at, owner, mail.sender, out),
            ObjectMessage::DeleteDisk { .. } => self.delete_disk(Some(at), do_id, mail, out),
            // What its own role says of children its instances know.
            ObjectMessage::ChangeZone { .. }
            | ObjectMessage::LocateResp { .. }
            | ObjectMessage::EnterZone(_)
                if mail.own || is_addressed => {}
            ObjectMessage::ChangeZone { do_id: child, new, .. } => {
                self.child_moved(do_id, child, new, mail, out);
            }
            ObjectMessage::LocateResp { do_id: child, location, .. } => {
                self.child_moved(do_id, child, location, mail, out);
            }
            ObjectMessage::EnterZone(entry) => self.child_entered(do_id, &entry, mail, out),
            // Astron's parents say that on their children channel only.
            ObjectMessage::NotifyManagingAi { .. } if out.dialect() == Dialect::Astron => {}
            ObjectMessage::NotifyManagingAi { parent, ai, .. }
            | ObjectMessage::ManagingAiResp { parent, ai, .. } => {
                // Instances tell each other by themselves.
                if mail.own || !self.may_hear_ai(do_id, mail.sender, out) {
                    return;
                }
                let known = KnownAi { ai, resets: u32::MAX };
                let said = Said { parent, known, since: self.objects.clock() };
                self.adopt_ai(at, said, mail.sender, 0, out);
            }
        }
    }
}

/// Whether a message may come from a parent or a child: then it names that one.
fn is_of_relatives(message: &ObjectMessage<'_>) -> bool {
    matches!(
        message,
        ObjectMessage::ChangeZone { .. }
            | ObjectMessage::LocateResp { .. }
            | ObjectMessage::EnterZone(_)
            | ObjectMessage::NotifyManagingAi { .. }
            | ObjectMessage::ManagingAiResp { .. }
            | ObjectMessage::QueryZones { .. }
    )
}

/// The object that a message says it is for, or about, if it says so.
#[inline]
fn addressee(message: &ObjectMessage<'_>) -> Option<DoId> {
    match *message {
        ObjectMessage::UpdateField { do_id, .. }
        | ObjectMessage::UpdateFieldMultiple { do_id, .. }
        | ObjectMessage::DeleteFieldRam { do_id, .. }
        | ObjectMessage::DeleteFieldsRam { do_id, .. }
        | ObjectMessage::DeleteRam { do_id }
        | ObjectMessage::ChangeZone { do_id, .. }
        | ObjectMessage::LocateResp { do_id, .. }
        | ObjectMessage::QueryField { do_id, .. }
        | ObjectMessage::QueryFields { do_id, .. }
        | ObjectMessage::DeleteDisk { do_id } => Some(do_id),
        ObjectMessage::QueryAll { do_id, .. } | ObjectMessage::SetAi { do_id, .. } => do_id,
        ObjectMessage::EnterZone(entry) => Some(entry.do_id),
        ObjectMessage::QueryZones { parent, .. }
        | ObjectMessage::QueryChildren { parent, .. }
        | ObjectMessage::CountZone { parent, .. }
        | ObjectMessage::CountZones { parent, .. }
        | ObjectMessage::CountChildren { parent, .. }
        | ObjectMessage::DeleteZones { parent, .. }
        | ObjectMessage::DeleteChildren { parent }
        | ObjectMessage::NotifyManagingAi { parent, .. }
        | ObjectMessage::ManagingAiResp { parent, .. } => Some(parent),
        ObjectMessage::SetZone { .. }
        | ObjectMessage::Locate { .. }
        | ObjectMessage::LocationAck { .. }
        | ObjectMessage::QueryActiveZones { .. }
        | ObjectMessage::QueryManagingAi { .. }
        | ObjectMessage::SetOwner { .. } => None,
    }
}

/// Whether a message asks an object for something, as opposed to telling it of another one.
fn is_request(message: &ObjectMessage<'_>) -> bool {
    !matches!(
        message,
        ObjectMessage::ChangeZone { .. }
            | ObjectMessage::LocateResp { .. }
            | ObjectMessage::LocationAck { .. }
            | ObjectMessage::EnterZone(_)
            | ObjectMessage::NotifyManagingAi { .. }
            | ObjectMessage::ManagingAiResp { .. }
            | ObjectMessage::DeleteDisk { .. }
    )
}

/// Counts and logs a request that is not carried out.
fn refuse(refusal: Refusal, what: &'static str, do_id: DoId, sender: Channel, out: &mut Outbox) {
    refusal.note(out, &Request { what, do_id, sender });
}

/// Where an instance tells what it has to tell.
impl StateServer {
    fn tell(&self, shard: ShardId, told: &Told<'_>, out: &mut Outbox) {
        out.tell(shard, self.me, &told.write());
    }

    /// Tells all instances, this one included.
    fn tell_all(&self, told: &Told<'_>, out: &mut Outbox) {
        let message = told.write();
        (0..out.shards()).for_each(|shard| out.tell(ShardId(shard as u16), self.me, &message));
    }

    fn hear(&mut self, from: ShardId, told: Told<'_>, out: &mut Outbox) {
        match told {
            Told::Begin { query, wanted, below } => {
                self.begin_part(from, query, wanted, below, out);
            }
            Told::Counted { query, count } => self.part_counted(query, count, out),
            Told::Occupied { query, zones } => self.part_occupied(query, zones, out),
            Told::Go { query } => self.go(from, query, out),
            Told::Done { query } => self.part_done(query, out),
            Told::NewAi { parent, known, sender, generation } => {
                self.parent_has_new_ai((parent, known), sender, generation, out);
            }
            Told::AskAi { question } => self.child_asks_for_ai(question, out),
            Told::AiIs { question, known } => self.parent_has_ai(question, known, out),
            Told::Delete { sender, below } => {
                self.condemn_below(below, Death::with_parent(sender), out);
            }
            Told::Trace { trace, at } => self.trace_on(trace, at, out),
            Told::Traced { origin, stamp, ring } => self.traced(origin, stamp, ring, out),
            Told::GoOn => self.go_on(out),
        }
    }
}
