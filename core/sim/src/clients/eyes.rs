//! What a client sees, built from nothing but what it hears, and the rules that what it hears must
//! keep all the time.

use crate::clients::plan::{HALLS, LOGIN, Plan};
use crate::clients::schema::{self, Stamp};
use crate::ledger::Violation;
use crate::objects::schema::Words;
use dc::{Class, Field, Schema};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wire::client::{self, Entry, ToClient, Zones};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{DoId, FieldId, Zone};
use wire::state_server::Location;

/// Values by field.
pub type Values = BTreeMap<u16, Vec<u8>>;

/// Interests from this one on are the cluster's, those before the client's own.
pub const CLUSTER_INTERESTS: u16 = 100;

/// Whether a client owns an object, as far as it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owned {
    /// It does not.
    No,
    /// It does.
    Yes,
}

/// An object that a client sees or owns.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where it was last.
    pub location: Location,
    /// Its class.
    pub class: u16,
    /// Its values, as far as the client was told.
    pub values: Values,
    /// Whether it entered, and has not left.
    pub is_seen: bool,
    /// Whether the client owns it.
    pub owned: Owned,
}

/// An interest: a parent and zones.
pub type Interest = (u32, BTreeSet<u32>);

/// What a client sees, and what it waits for.
pub struct Eyes {
    dialect: Dialect,
    schema: Arc<Schema>,
    words: Words,
    /// Whether the cluster may take it for somebody who had its channel before.
    is_mistaken: bool,
    /// Whether what it is told may be lost on its way.
    may_not_know: bool,
    /// As whom the client writes.
    writer: u32,
    /// What it sees or owns.
    pub objects: BTreeMap<u32, Seen>,
    /// The interests that it and the cluster asked for last.
    pub interests: BTreeMap<u16, Interest>,
    /// Zones that interests had before: until the change with this context is done, the client may
    /// still hear of them.
    closing: Vec<((u16, u32), Interest)>,
    /// Zones that the cluster ever opened.
    opened: BTreeSet<Location>,
    /// Changes of interests that are not done.
    pub pending: BTreeSet<(u16, u32)>,
    /// Changes by the cluster, and how many of them are done.
    pub cluster_changes: u32,
    /// How many of them the client was told to be done.
    pub cluster_done: u32,
    /// What the client itself has written: it does not hear that, so it may be wrong there.
    pub own: BTreeSet<(u32, u16)>,
    /// Objects that are to end with its session.
    pub session_objects: BTreeSet<u32>,
    /// Objects that ever belonged to it.
    pub given: BTreeSet<u32>,
    /// What was said in the name of the uberdog that lets clients in.
    pub told: Vec<Stamp>,
    /// Whether it was let in.
    pub is_welcome: bool,
    /// Whether its HELLO was answered.
    pub is_known: bool,
    /// Why it was ejected.
    pub ejected: Option<(u16, String)>,
    /// The last number of a writer, by object, and by field.
    last: BTreeMap<(u32, u32), u32>,
    last_of_field: BTreeMap<(u32, u32, u16), u32>,
}

type Broken = Result<(), Violation>;

fn broken(rule: &'static str, what: String) -> Broken {
    Err(Violation::new(rule, what))
}

impl Eyes {
    /// Of a client that has just connected.
    pub fn new(writer: u32, plan: &Plan) -> Eyes {
        let (schema, dialect) = (schema::load(), plan.dialect);
        let (is_mistaken, may_not_know) = (plan.reuses_channels(), plan.cuts);
        Eyes {
            dialect,
            words: Words::new(&schema),
            schema,
            is_mistaken,
            may_not_know,
            writer,
            objects: BTreeMap::new(),
            interests: BTreeMap::new(),
            closing: Vec::new(),
            opened: BTreeSet::new(),
            pending: BTreeSet::new(),
            cluster_changes: 0,
            cluster_done: 0,
            own: BTreeSet::new(),
            session_objects: BTreeSet::new(),
            given: BTreeSet::new(),
            told: Vec::new(),
            is_welcome: false,
            is_known: false,
            ejected: None,
            last: BTreeMap::new(),
            last_of_field: BTreeMap::new(),
        }
    }

    /// The client asks for another interest, or for none.
    pub fn asked(&mut self, key: (u16, u32), interest: Option<Interest>) {
        let old = match interest {
            Some(interest) => self.interests.insert(key.0, interest),
            None => self.interests.remove(&key.0),
        };
        self.closing.extend(old.map(|old| (key, old)));
        self.pending.insert(key);
    }

    /// The cluster does.
    pub fn asked_for(&mut self, id: u16, interest: Option<Interest>) {
        self.cluster_changes += 1;
        match interest {
            Some(interest) => {
                self.opened.extend(locations(&interest));
                self.interests.insert(id, interest);
            }
            None => {
                self.interests.remove(&id);
            }
        }
    }

    /// Whether a location is of interest, when all that was asked for is done.
    pub fn looks_at(&self, location: Location) -> bool {
        self.interests.values().any(|interest| has(interest, location))
    }

    fn may_hear_of(&self, location: Location) -> bool {
        self.is_mistaken
            || self.looks_at(location)
            || self.opened.contains(&location)
            || self.closing.iter().any(|(_, interest)| has(interest, location))
    }

    /// A frame came.
    pub fn hear(&mut self, frame: &[u8]) -> Broken {
        let body = framing::body(frame);
        let message = client::split(body)
            .and_then(|(number, payload)| ToClient::decode(self.dialect, number, payload).ok());
        let Some(message) = message else {
            return broken("what is said can be read", format!("{body:02x?}"));
        };
        if let Some((code, reason)) = &self.ejected {
            let what = format!("{message:?} after {code} {reason}");
            return broken("nothing follows an EJECT", what);
        }
        match message {
            ToClient::HelloResp => self.known(),
            ToClient::Eject { code, reason } => {
                self.ejected = Some((code, String::from_utf8_lossy(reason).into_owned()));
                Ok(())
            }
            ToClient::UpdateField { do_id, field, value } => self.updated(do_id, field, value),
            ToClient::UpdateFieldMultiple { do_id, count, fields } => {
                self.updated_multiple(do_id, count, fields)
            }
            ToClient::Leaving { do_id } => self.left(do_id),
            ToClient::LeavingOwner { do_id } => self.left_owner(do_id),
            ToClient::Location { do_id, location } => self.moved(do_id, location),
            ToClient::Enter(entry) => self.entered(&entry),
            ToClient::EnterOwner(entry) => self.owned(&entry),
            ToClient::AddInterest { context, interest, parent, zones } => {
                self.announced(interest, context, Some((parent, zones)))
            }
            ToClient::RemoveInterest { context, interest } => {
                self.announced(interest, context, None)
            }
            ToClient::DoneInterestResp { context, interest } => self.done(interest, context),
        }
    }

    fn known(&mut self) -> Broken {
        match std::mem::replace(&mut self.is_known, true) {
            true => broken("HELLO is answered once", "it is answered again".into()),
            false => Ok(()),
        }
    }

    fn entered(&mut self, entry: &Entry<'_>) -> Broken {
        let (id, location) = (entry.do_id.0, entry.location);
        if !self.may_hear_of(location) {
            return broken(
                "no ghosts",
                format!("{id} enters at {location:?}, where it does not look"),
            );
        }
        let values = self.read(entry, false)?;
        self.snapshot(id, &values)?;
        if let Some(seen) = self.objects.get_mut(&id) {
            // What is its own may have left its sight without a word.
            let openotp = self.dialect == Dialect::OpenOtp;
            let may_be_back = openotp && seen.owned == Owned::Yes;
            // So may what ends with its session, be it meant for who had its channel before.
            let is_of_session =
                self.session_objects.contains(&id) || self.is_mistaken && seen.owned == Owned::Yes;
            if seen.is_seen && !may_be_back && !is_of_session {
                return broken("an object enters once", format!("{id} enters again"));
            }
            seen.is_seen = true;
            seen.location = location;
            seen.values.extend(values);
            return Ok(());
        }
        let class = entry.dclass.0;
        let seen = Seen { location, class, values, is_seen: true, owned: Owned::No };
        self.objects.insert(id, seen);
        Ok(())
    }

    fn owned(&mut self, entry: &Entry<'_>) -> Broken {
        let (id, location) = (entry.do_id.0, entry.location);
        if !self.given.contains(&id) && !self.is_mistaken {
            return broken("no ghosts", format!("{id} was never the client's"));
        }
        let values = self.read(entry, true)?;
        self.snapshot(id, &values)?;
        if let Some(seen) = self.objects.get_mut(&id) {
            if seen.owned == Owned::Yes && self.dialect == Dialect::Astron {
                return broken("an object enters once", format!("{id} is owned again"));
            }
            seen.owned = Owned::Yes;
            seen.values.extend(values);
            return Ok(());
        }
        let class = entry.dclass.0;
        let seen = Seen { location, class, values, is_seen: false, owned: Owned::Yes };
        self.objects.insert(id, seen);
        Ok(())
    }

    /// Values that come with an object are no older than those heard before.
    fn snapshot(&mut self, id: u32, values: &Values) -> Broken {
        for (&field, value) in values {
            for Stamp { writer, number } in Stamp::all(value) {
                let last = self.last_of_field.entry((writer, id, field)).or_default();
                if number < *last {
                    let what = format!("{id} enters with {field} as it was before");
                    return broken("values do not go back", what);
                }
                *last = number;
            }
        }
        Ok(())
    }

    fn updated_multiple(&mut self, do_id: DoId, count: u16, mut fields: &[u8]) -> Broken {
        for _ in 0..count {
            let whole = fields;
            let class = self.class_of(do_id);
            let field = fields.split_first_chunk::<2>().and_then(|(number, rest)| {
                let number = u16::from_le_bytes(*number);
                let id = class?.field_by_number(number)?;
                fields = rest;
                self.schema.skip(id, &mut fields).ok()?;
                Some((number, rest[..rest.len() - fields.len()].to_vec()))
            });
            let Some((number, value)) = field else {
                return broken("what is said can be read", format!("{do_id}: {whole:?}"));
            };
            self.updated(do_id, FieldId(number), &value)?;
        }
        Ok(())
    }

    fn class_of(&self, do_id: DoId) -> Option<&Class> {
        let known = self.objects.get(&do_id.0).map(|seen| seen.class);
        let uberdog = match do_id.0 {
            LOGIN => Some(schema::class(schema::LOGIN).0),
            id if HALLS.contains(&id) => Some(schema::class(schema::HALL).0),
            _ => None,
        };
        self.schema.class_by_number(known.or(uberdog)?)
    }

    fn updated(&mut self, do_id: DoId, field: FieldId, value: &[u8]) -> Broken {
        let id = do_id.0;
        let what = || format!("{id}, field {field}: {:?}", Stamp::all(value).collect::<Vec<_>>());
        let is_known = self.objects.contains_key(&id) || id == LOGIN || HALLS.contains(&id);
        if !is_known {
            return broken("only what is seen is updated", what());
        }
        let known = self.class_of(do_id).and_then(|class| class.field_by_number(field.0));
        let Some(known) = known.filter(|&known| self.schema.check(known, value).is_ok()) else {
            return broken("what is said can be read", what());
        };
        let of = self.schema.field(known);
        let owned = self.objects.get(&id).is_some_and(|seen| seen.owned != Owned::No)
            || self.may_not_know && self.given.contains(&id);
        if !(self.words.is_broadcast(of) || owned && self.words.is_for_owner(of)) {
            return broken("secrets are kept", what());
        }
        // Both stamps of a molecular value are the same.
        if let Some(Stamp { writer, number }) = Stamp::all(value).next() {
            if writer == self.writer {
                return broken("no echo", what());
            }
            let last = self.last.entry((writer, id)).or_default();
            let late = number < std::mem::replace(last, number);
            let last = self.last_of_field.insert((writer, id, field.0), number);
            if late || last.is_some_and(|last| last >= number) {
                return broken("first in, first out", what());
            }
        }
        if id == LOGIN {
            self.told.extend(Stamp::all(value));
            self.is_welcome |= field == schema::field(schema::LOGIN, "welcome");
        }
        self.store(id, known, value);
        Ok(())
    }

    fn store(&mut self, id: u32, known: dc::FieldId, value: &[u8]) {
        let Some(seen) = self.objects.get_mut(&id) else { return };
        for part in self.schema.split(known, value) {
            let Ok((atom, value)) = part else { continue };
            let atom = self.schema.field(atom);
            if self.words.is_stored(atom) {
                seen.values.insert(atom.number, value.to_vec());
                for Stamp { writer, number } in Stamp::all(value) {
                    self.last_of_field.insert((writer, id, atom.number), number);
                }
            }
        }
    }

    fn left(&mut self, do_id: DoId) -> Broken {
        let id = do_id.0;
        let Some(seen) = self.objects.get_mut(&id) else {
            return broken("only what is seen leaves", format!("{id}"));
        };
        match (self.dialect, seen.is_seen, seen.owned) {
            // It is neither seen nor owned any more.
            (Dialect::OpenOtp, _, _) | (Dialect::Astron, true, Owned::No) => {
                self.objects.remove(&id);
            }
            (Dialect::Astron, true, Owned::Yes) => seen.is_seen = false,
            (Dialect::Astron, false, _) => {
                return broken("only what is seen leaves", format!("{id}"));
            }
        }
        Ok(())
    }

    fn left_owner(&mut self, do_id: DoId) -> Broken {
        let id = do_id.0;
        match self.objects.get_mut(&id) {
            Some(seen) if seen.owned == Owned::Yes && seen.is_seen => seen.owned = Owned::No,
            Some(seen) if seen.owned == Owned::Yes => {
                self.objects.remove(&id);
            }
            Some(_) | None => return broken("only what is owned is lost", format!("{id}")),
        }
        Ok(())
    }

    fn moved(&mut self, do_id: DoId, location: Location) -> Broken {
        let id = do_id.0;
        let may_hear = self.may_hear_of(location);
        let Some(seen) = self.objects.get_mut(&id) else {
            return broken("only what is seen moves", format!("{id}"));
        };
        if !may_hear && seen.owned == Owned::No {
            return broken("no ghosts", format!("{id} goes to {location:?}"));
        }
        seen.location = location;
        Ok(())
    }

    fn announced(&mut self, id: u16, context: u32, interest: Option<(DoId, Zones<'_>)>) -> Broken {
        let is_new = id >= CLUSTER_INTERESTS && self.pending.insert((id, context));
        let is_opened = interest.is_none_or(|(parent, zones)| {
            let mut zones = zones.iter().map(|zone| Location { parent, zone });
            zones.all(|zone| self.opened.contains(&zone))
        });
        match is_new && (is_opened || self.is_mistaken) {
            true => Ok(()),
            false => broken("the cluster's interests are announced", format!("{id}, {context}")),
        }
    }

    fn done(&mut self, id: u16, context: u32) -> Broken {
        let is_cluster = id >= CLUSTER_INTERESTS;
        self.cluster_done += u32::from(is_cluster);
        let counted = is_cluster && self.dialect == Dialect::OpenOtp;
        let is_due = match counted {
            true => context == 0 && (self.cluster_done <= self.cluster_changes || self.is_mistaken),
            false => self.pending.remove(&(id, context)),
        };
        if !is_due {
            return broken("DONE comes once", format!("interest {id}, context {context}"));
        }
        if let Some(at) = self.closing.iter().rposition(|(key, _)| *key == (id, context)) {
            self.closing.drain(..=at);
        }
        Ok(())
    }

    /// Whether the last update of a field by a writer was this one.
    pub fn has_heard(&self, id: u32, field: u16, stamp: Stamp) -> bool {
        self.last_of_field.get(&(stamp.writer, id, field)) == Some(&stamp.number)
    }

    /// The values that an entry brings: all required fields that are for such a client, and no other.
    fn read(&self, entry: &Entry<'_>, is_owner: bool) -> Result<Values, Violation> {
        let class = self.schema.class_by_number(entry.dclass.0);
        let values = class.and_then(|class| self.read_values(class, entry, is_owner));
        let what = || format!("the fields of {entry:?}");
        values.ok_or_else(|| Violation::new("what is said can be read", what()))
    }

    fn read_values(&self, class: &Class, entry: &Entry<'_>, is_owner: bool) -> Option<Values> {
        let (mut values, mut rest) = (Values::new(), entry.fields);
        let take = |id: dc::FieldId, rest: &mut &[u8]| {
            let whole = *rest;
            self.schema.check_prefix(id, rest).ok()?;
            Some(whole[..whole.len() - rest.len()].to_vec())
        };
        for &id in &class.required {
            let field = self.schema.field(id);
            if self.is_shown(field, is_owner) {
                values.insert(field.number, take(id, &mut rest)?);
            }
        }
        if entry.has_other {
            let (count, behind) = rest.split_first_chunk::<2>()?;
            rest = behind;
            for _ in 0..u16::from_le_bytes(*count) {
                let (number, behind) = rest.split_first_chunk::<2>()?;
                rest = behind;
                let number = u16::from_le_bytes(*number);
                let id = class.field_by_number(number)?;
                self.is_shown(self.schema.field(id), is_owner).then_some(())?;
                values.insert(number, take(id, &mut rest)?);
            }
        }
        rest.is_empty().then_some(values)
    }

    fn is_shown(&self, field: &Field, is_owner: bool) -> bool {
        self.words.is_for_clients(field) || is_owner && self.words.is_for_owner(field)
    }
}

/// The locations of an interest.
pub fn locations(interest: &Interest) -> impl Iterator<Item = Location> + '_ {
    let (parent, zones) = interest;
    zones.iter().map(|&zone| Location { parent: DoId(*parent), zone: Zone(zone) })
}

fn has((parent, zones): &Interest, location: Location) -> bool {
    location.parent.0 == *parent && zones.contains(&location.zone.0)
}
