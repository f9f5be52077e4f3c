//! Objects that last: a Database has them, a DBSS makes them active, clients see and own them like any
//! other. What is stored is what was written last; once the power has failed, nothing older than what
//! was known to be stored.

use crate::clients::check::{Objects, read_values};
use crate::clients::cluster::Thing;
use crate::clients::eyes::Values;
use crate::clients::plan::{DATABASE, STORED};
use crate::clients::run::Run;
use crate::clients::schema::{self, BODY, Stamp};
use crate::ledger::Violation;
use crate::objects::datagram::Dg;
use crate::plan::Sabotage;
use std::collections::{BTreeMap, BTreeSet};
use wire::database::{DatabaseMessage, DatabaseNotice, DbssMessage, StoredObject};
use wire::dialect::Dialect;
use wire::ids::{DoId, FieldId};
use wire::state_server::{Location, ObjectMessage};

/// What an actor writes in the Database itself goes under another name, as it comes by another way:
/// its number is as much higher.
const BY_DATABASE: u32 = 1000;
/// The fields of a new object.
const FIRST_FIELDS: [&str; 5] = ["setA", "setSecret", "setOwn", "setX", "setY"];

const IS_THERE: &str = "what was created is there until it is deleted";

/// A stored object, as those know it who write it.
#[derive(Default)]
pub struct Lasting {
    /// Who had it made.
    actor: usize,
    /// Whether it was not deleted from the disk.
    is_stored: bool,
    /// What it had when that was looked at last.
    known: Values,
    /// What was written since all was quiet, of each field by each writer the last that arrived.
    written: BTreeMap<u16, BTreeMap<u32, Vec<u8>>>,
    /// All that was ever written since then, be it on its way.
    attempts: BTreeSet<(u16, Vec<u8>)>,
    /// Whether its deletion was asked for since.
    is_deleting: bool,
    /// Whether it was active since, so that somebody may yet hear that it went.
    was_active: bool,
}

/// All of them.
#[derive(Default)]
pub struct AllLasting {
    by_id: BTreeMap<u32, Lasting>,
    /// Objects that were asked for: who did, and with which values.
    creates: BTreeMap<u32, (usize, Values)>,
    /// Questions for all that the Database has of an object, and of which one.
    questions: BTreeMap<u32, u32>,
    /// Objects that may be there though nobody has heard so.
    unheard: u64,
}

impl AllLasting {
    /// The ids of all that ever were.
    pub fn ids(&self) -> Vec<u32> {
        self.by_id.keys().copied().collect()
    }

    /// Whether an object is, or was, stored.
    pub fn has(&self, id: u32) -> bool {
        self.by_id.contains_key(&id)
    }

    /// Whether it still is.
    pub fn is_stored(&self, id: u32) -> bool {
        self.by_id.get(&id).is_some_and(|lasting| lasting.is_stored)
    }
}

impl Run {
    /// An actor asks for a new object, unless there are enough.
    pub(super) fn create_lasting(&mut self, actor: usize) {
        let wanted = self.plan.storage.as_ref().map_or(0, |storage| storage.objects);
        if self.lasting.by_id.len() + self.lasting.creates.len() >= wanted {
            return;
        }
        let (context, value) = (self.cluster.number(), self.actor_stamp(actor).bytes().to_vec());
        let numbers = FIRST_FIELDS.map(|name| schema::field(BODY, name).0);
        let values: Values = numbers.into_iter().map(|field| (field, value.clone())).collect();
        let (count, fields) = (values.len() as u16, packed(&values));
        let dclass = schema::class(BODY);
        let create = DatabaseMessage::Create { context, dclass, count, fields: &fields };
        self.ask_database(actor, &create);
        self.lasting.creates.insert(context, (actor, values));
    }

    /// An actor hears that there is a new object.
    fn hear_created(&mut self, context: u32, do_id: DoId) -> Result<(), Violation> {
        let wrong = |what| Err(Violation::new("one answer, and an id of its own", what));
        let Some((actor, known)) = self.lasting.creates.remove(&context) else {
            return wrong(format!("{do_id} is the answer to {context}, which is not open"));
        };
        if !STORED.contains(&do_id.0) || self.lasting.by_id.contains_key(&do_id.0) {
            return wrong(format!("{do_id} is given"));
        }
        let lasting = Lasting { actor, is_stored: true, known, ..Lasting::default() };
        self.lasting.by_id.insert(do_id.0, lasting);
        let thing = Thing { actor, is_made: false, owner: None, session: None };
        self.cluster.things.insert(do_id.0, thing);
        Ok(())
    }

    /// A stored object becomes active.
    pub(super) fn activate(&mut self, actor: usize, id: u32, location: Location) {
        let do_id = DoId(id);
        let thing = Thing { actor, is_made: true, owner: None, session: None };
        self.cluster.things.insert(id, thing);
        self.lasting.by_id.get_mut(&id).into_iter().for_each(|one| one.was_active = true);
        if self.plan.dialect == Dialect::OpenOtp {
            return self.request(actor, id, &ObjectMessage::SetZone { location });
        }
        let mut fields = schema::field(BODY, "setB").0.to_le_bytes().to_vec();
        fields.extend(self.actor_stamp(actor).bytes());
        let (dclass, count) = (schema::class(BODY), 1);
        let message = match self.chance.one_in(2) {
            true => DbssMessage::ActivateWithDefaults { do_id, location },
            false => DbssMessage::ActivateWithDefaultsOther {
                do_id,
                location,
                dclass,
                count,
                fields: &fields,
            },
        };
        let (dialect, sender) = (self.plan.dialect, self.actors[actor].channel);
        let mut payload = Vec::new();
        message.write(dialect, &mut payload);
        let msgtype = message.msgtype(dialect).expect("the dialect has it");
        self.send(actor, &Dg { to: vec![id.into()], sender, msgtype, payload });
    }

    /// A stored object that is not active, to be a client's body.
    pub(super) fn some_avatar(&mut self) -> Option<u32> {
        self.plan.storage.as_ref()?;
        let is_free = |(id, thing): &(&u32, &Thing)| {
            thing.actor == 0
                && !thing.is_made
                && thing.session.is_none()
                && self.lasting.is_stored(**id)
                && !self.lasting.by_id[*id].was_active
        };
        let things = self.cluster.things.iter();
        let free: Vec<u32> = things.filter(is_free).map(|(id, _)| *id).collect();
        self.chance.pick(&free).filter(|_| !self.chance.one_in(4))
    }

    /// An actor does something with objects that last.
    pub(super) fn lasting_acts(&mut self, actor: usize) {
        let mine = |lasting: &&u32| self.lasting.by_id[lasting].actor == actor;
        let stored = self.lasting.by_id.keys().filter(|id| self.lasting.is_stored(**id));
        let stored: Vec<u32> = stored.filter(mine).copied().collect();
        let Some(id) = self.chance.pick(&stored) else { return self.create_lasting(actor) };
        let is_body = self.clients.iter().any(|client| client.body == Some(id));
        let thing = &self.cluster.things[&id];
        let (is_made, is_free) = (thing.is_made, !is_body && thing.session.is_none());
        match self.chance.below(9) {
            0..=2 => self.create_lasting(actor),
            3 | 4 => self.set_rank(actor, id),
            5 if is_free && self.chance.one_in(3) => self.delete_disk(actor, id),
            6 if is_free && is_made => {
                self.delete(actor, id);
                let location = self.some_location();
                self.activate(actor, id, location);
            }
            7 if is_free && !is_made => {
                if self.chance.one_in(2) {
                    self.ask_for_all(actor, id);
                }
                if self.chance.one_in(2) {
                    self.update_several(actor, id);
                }
                let location = self.some_location();
                self.activate(actor, id, location);
            }
            8 => {
                let (context, do_id) = (self.cluster.number(), DoId(id));
                self.lasting.questions.insert(context, id);
                self.ask_database(actor, &DatabaseMessage::SelectAll { context, do_id });
            }
            _ => self.update_one(actor, id),
        }
    }

    /// An actor hears from the Database that there is a new object, or what it asked for in the midst
    /// of it all; whatever it is told is durable. Whether it was that.
    pub(super) fn hear_database(&mut self, notice: &DatabaseNotice<'_>) -> Result<bool, Violation> {
        match *notice {
            DatabaseNotice::CreateResp { context, do_id } => {
                self.hear_created(context, do_id)?;
                Ok(true)
            }
            DatabaseNotice::SelectAllResp { context, object } => {
                let Some(id) = self.lasting.questions.remove(&context) else { return Ok(false) };
                let values = object.and_then(|object| stored_values(self.plan.dialect, &object));
                let lasting = self.lasting.by_id.get_mut(&id).filter(|one| one.is_stored);
                match (lasting, values) {
                    (Some(lasting), Some(values)) => lasting.known = values,
                    (Some(_), None) => {
                        let what = format!("{id} is not there");
                        return Err(Violation::new(IS_THERE, what));
                    }
                    (None, _) => (), // it is about to be deleted
                }
                Ok(true)
            }
            DatabaseNotice::SelectFieldResp { .. }
            | DatabaseNotice::SelectResp { .. }
            | DatabaseNotice::SelectQueryResp { .. }
            | DatabaseNotice::UpdateFieldIfEqualsResp { .. }
            | DatabaseNotice::UpdateIfEqualsResp { .. }
            | DatabaseNotice::UpdateFieldIfEmptyResp { .. }
            | DatabaseNotice::UpdateField { .. }
            | DatabaseNotice::Update { .. }
            | DatabaseNotice::DeleteField { .. }
            | DatabaseNotice::DeleteFields { .. }
            | DatabaseNotice::Delete { .. } => Ok(false),
        }
    }

    /// An actor asks for all of an object, and does not wait for the answer.
    fn ask_for_all(&mut self, actor: usize, id: u32) {
        let context = self.cluster.number();
        let do_id = (self.plan.dialect == Dialect::Astron).then_some(DoId(id));
        self.request(actor, id, &ObjectMessage::QueryAll { context, do_id });
    }

    /// A field that is written at one place only: in the Database itself, of which `astron` tells no
    /// object, so there in the object.
    fn set_rank(&mut self, actor: usize, id: u32) {
        let (do_id, field) = (DoId(id), schema::field(BODY, "setRank"));
        let mut stamp = self.actor_stamp(actor);
        if self.plan.dialect == Dialect::Astron {
            let value = stamp.bytes();
            self.wrote(id, field, &value);
            let update = ObjectMessage::UpdateField { do_id, field, value: &value };
            return self.request(actor, id, &update);
        }
        stamp.writer += BY_DATABASE;
        let value = stamp.bytes();
        self.wrote(id, field, &value);
        let fields = [&field.0.to_le_bytes()[..], &value].concat();
        let context = Some(self.cluster.number());
        let update = DatabaseMessage::Update { context, do_id, count: 1, fields: &fields };
        self.ask_database(actor, &update);
    }

    /// An object goes from the disk too.
    fn delete_disk(&mut self, actor: usize, id: u32) {
        if self.plan.dialect == Dialect::Astron {
            self.delete(actor, id);
        }
        let lasting = self.lasting.by_id.get_mut(&id).expect("it was picked from them");
        (lasting.is_stored, lasting.is_deleting) = (false, true);
        let thing = self.cluster.things.get_mut(&id).expect("all that last are things");
        (thing.is_made, thing.owner) = (false, None);
        self.request(actor, id, &ObjectMessage::DeleteDisk { do_id: DoId(id) });
    }

    /// Something was written of an object; stored fields are remembered, if it lasts.
    pub(super) fn wrote(&mut self, id: u32, field: FieldId, value: &[u8]) {
        self.attempted(id, field, value);
        let Some(lasting) = self.lasting.by_id.get_mut(&id) else { return };
        for (field, value) in stored_parts(field, value) {
            let stamp = Stamp::all(&value).next().expect("all stored values are stamps");
            lasting.written.entry(field).or_default().insert(stamp.writer, value);
        }
    }

    /// The same on its way: it may yet arrive, or not.
    pub(super) fn attempted(&mut self, id: u32, field: FieldId, value: &[u8]) {
        if let Some(lasting) = self.lasting.by_id.get_mut(&id) {
            lasting.attempts.extend(stored_parts(field, value));
        }
    }

    /// The watcher heard what a client writes.
    pub(super) fn note_written(&mut self, dg: &Dg) {
        let message = ObjectMessage::decode(self.plan.dialect, dg.msgtype, &dg.payload);
        if self.watch.is_client(&self.plan, dg.sender)
            && let Ok(ObjectMessage::UpdateField { do_id, field, value }) = message
        {
            self.wrote(do_id.0, field, value);
        }
    }

    fn ask_database(&mut self, actor: usize, message: &DatabaseMessage<'_>) {
        let (dialect, sender) = (self.plan.dialect, self.actors[actor].channel);
        let mut payload = Vec::new();
        message.write(dialect, &mut payload);
        let msgtype = message.msgtype(dialect).expect("the dialect has it");
        let now = self.world.now();
        self.world.trace.say(now, || format!("actor {actor} asks the Database: {message:?}"));
        self.send(actor, &Dg { to: vec![DATABASE], sender, msgtype, payload });
    }

    /// What the Database has of all objects.
    fn find_stored(&mut self) -> Result<BTreeMap<u32, Values>, Violation> {
        self.actors[0].heard.clear();
        let mut contexts = BTreeMap::new();
        for id in self.lasting.ids() {
            let (context, do_id) = (self.cluster.number(), DoId(id));
            contexts.insert(context, id);
            self.ask_database(0, &DatabaseMessage::SelectAll { context, do_id });
        }
        self.settle()?;
        let mut found = BTreeMap::new();
        for dg in std::mem::take(&mut self.actors[0].heard) {
            let notice = DatabaseNotice::decode(self.plan.dialect, dg.msgtype, &dg.payload);
            let Ok(DatabaseNotice::SelectAllResp { context, object }) = notice else { continue };
            let Some(id) = contexts.remove(&context) else {
                return Err(Violation::new("one answer", format!("{context} again")));
            };
            let Some(object) = object else { continue };
            let Some(values) = stored_values(self.plan.dialect, &object) else {
                return Err(Violation::new("what is said can be read", format!("{object:?}")));
            };
            found.insert(id, values);
        }
        if let Some(id) = contexts.values().next() {
            return Err(Violation::new("one answer", format!("none about {id}")));
        }
        if self.plan.sabotage == Sabotage::Forgetful {
            let old = self.lasting.by_id.iter().map(|(id, lasting)| (*id, lasting.known.clone()));
            found.extend(old.filter(|(id, _)| self.lasting.is_stored(*id)));
        }
        Ok(found)
    }

    /// All is quiet: of each field that is stored which somebody has written last; and an object that
    /// has answered has answered the same.
    pub(super) fn check_lasting(&mut self, objects: &Objects) -> Result<(), Violation> {
        if self.plan.storage.is_none() {
            return Ok(());
        }
        let found = self.find_stored()?;
        self.check_there(&found)?;
        for (id, values) in &found {
            let lasting = &self.lasting.by_id[id];
            let fields: BTreeSet<u16> = values
                .keys()
                .chain(lasting.known.keys())
                .chain(lasting.written.keys())
                .copied()
                .collect();
            for field in fields {
                let has = values.get(&field);
                let is_right = match lasting.written.get(&field) {
                    Some(written) => has.is_some_and(|has| written.values().any(|one| one == has)),
                    None => has == lasting.known.get(&field),
                };
                if !is_right {
                    let (written, known) = (lasting.written.get(&field), lasting.known.get(&field));
                    let what = format!("{id}, {field}: {has:?}, of {written:?} after {known:?}");
                    return Err(Violation::new("what is stored was written last", what));
                }
                let answered = objects.get(id).map(|object| object.values.get(&field));
                if answered.is_some_and(|answered| answered != has) {
                    let what = format!("{id}, {field}: {answered:?}, stored is {has:?}");
                    return Err(Violation::new("an object has what is stored", what));
                }
            }
        }
        self.know(found);
        Ok(())
    }

    /// Those objects are stored that must be.
    fn check_there(&self, found: &BTreeMap<u32, Values>) -> Result<(), Violation> {
        let mut stored = self.lasting.by_id.iter().map(|(id, lasting)| (id, lasting.is_stored));
        if let Some((id, must_be)) = stored.find(|(id, must_be)| found.contains_key(id) != *must_be)
        {
            let what = format!("{id} is there: {}, and must be: {must_be}", !must_be);
            return Err(Violation::new(IS_THERE, what));
        }
        let there = found.len() as u64;
        let counted = self.total(|counts| counts.objects_stored);
        match (there..=there + self.lasting.unheard).contains(&counted) {
            true => Ok(()),
            false => {
                let what = format!("{counted} are counted, {there} are there");
                Err(Violation::new("objects are counted", what))
            }
        }
    }

    /// From now on this is known to be stored.
    fn know(&mut self, found: BTreeMap<u32, Values>) {
        for lasting in self.lasting.by_id.values_mut() {
            lasting.written.clear();
            lasting.attempts.clear();
            (lasting.is_deleting, lasting.known) = (false, Values::new());
        }
        for (id, values) in found {
            let lasting = self.lasting.by_id.get_mut(&id).expect("only those were asked for");
            lasting.known = values;
        }
    }

    /// The power fails; all daemons begin again, with nothing but what their disk has.
    pub(super) fn fail_power(&mut self) -> Result<(), Violation> {
        self.actions_left = 0;
        for client in &mut self.clients {
            client.lose_power();
            self.world.set_reads(client.outside, true);
        }
        (0..self.world.daemons.len()).for_each(|daemon| self.world.crash(daemon));
        self.settle()?;
        (0..self.world.daemons.len()).for_each(|daemon| self.world.start(daemon));
        self.settle()?;
        self.lasting.by_id.values_mut().for_each(|lasting| lasting.was_active = false);
        self.lasting.questions.clear();
        self.lasting.unheard += std::mem::take(&mut self.lasting.creates).len() as u64;
        self.forget_day();
        Ok(())
    }

    /// After the power has failed: nothing that was known to be stored is gone, or older.
    pub(super) fn check_after_failure(&mut self) -> Result<(), Violation> {
        let found = self.find_stored()?;
        for (id, lasting) in &mut self.lasting.by_id {
            // Whether it is gone already was not heard.
            lasting.is_stored |= lasting.is_deleting && found.contains_key(id);
        }
        self.check_there(&found)?;
        for (id, values) in &found {
            let Lasting { known, attempts, .. } = &self.lasting.by_id[id];
            let fields: BTreeSet<u16> = values.keys().chain(known.keys()).copied().collect();
            for field in fields {
                let (has, known) = (values.get(&field), known.get(&field));
                if has != known && !is_newer(has, known, |has| attempts.contains(&(field, has))) {
                    let what = format!("{id}, {field}: {has:?} after {known:?}");
                    return Err(Violation::new("what was stored lasts", what));
                }
            }
        }
        self.know(found);
        Ok(())
    }

    /// The bodies of clients who have left are free for others.
    pub(super) fn free_avatars(&mut self) {
        for (id, thing) in &mut self.cluster.things {
            let of = thing.session.filter(|at| self.clients[*at].has_ended);
            if let Some(at) = of.filter(|_| self.lasting.has(*id)) {
                (thing.session, thing.is_made, thing.owner) = (None, false, None);
                self.clients[at].eyes.session_objects.remove(id);
                self.clients[at].body = None;
            }
            let lasting = self.lasting.by_id.get_mut(id);
            lasting.into_iter().for_each(|lasting| lasting.was_active = thing.is_made);
        }
    }
}

/// The stored fields among those that the Database sends.
fn stored_values(dialect: Dialect, object: &StoredObject<'_>) -> Option<Values> {
    let (schema, with_required) = (schema::load(), dialect == Dialect::OpenOtp);
    let class = schema.class_by_number(object.dclass.0)?;
    let db = schema.keyword("db").expect("it is known from the beginning");
    let mut values = read_values(class, object.fields, with_required)?;
    values.retain(|number, _| {
        let field = class.field_by_number(*number);
        field.is_some_and(|field| schema.field(field).keywords.contain(db))
    });
    Some(values)
}

/// Whether a value was written, and by the writer of the known one no earlier than that.
fn is_newer(
    has: Option<&Vec<u8>>,
    known: Option<&Vec<u8>>,
    was_written: impl Fn(Vec<u8>) -> bool,
) -> bool {
    let stamp = |value: Option<&Vec<u8>>| value.and_then(|value| Stamp::all(value).next());
    let is_older = match (stamp(has), stamp(known)) {
        (Some(has), Some(known)) => has.writer == known.writer && has.number < known.number,
        (None, _) | (_, None) => false,
    };
    !is_older && has.is_some_and(|has| was_written(has.clone()))
}

/// What of a value of a body's field is stored.
fn stored_parts(field: FieldId, value: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let schema = schema::load();
    let class = schema.class_by_name(BODY).expect("the file has it");
    let db = schema.keyword("db").expect("it is known from the beginning");
    let Some(known) = class.field_by_number(field.0) else { return Vec::new() };
    let parts = schema.split(known, value).flatten();
    let parts = parts.map(|(atom, value)| (schema.field(atom), value));
    let stored = parts.filter(|(atom, _)| atom.keywords.contain(db));
    stored.map(|(atom, value)| (atom.number, value.to_vec())).collect()
}

fn packed(values: &Values) -> Vec<u8> {
    let pair = |(number, value): (&u16, &Vec<u8>)| [&number.to_le_bytes()[..], value].concat();
    values.iter().flat_map(pair).collect()
}
