//! What a stored object answers, if nothing ever takes time: a map of what is stored, and one of
//! what is in memory while it is active.

use dc::Schema;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wire::database::DbssMessage;
use wire::dialect::Dialect;
use wire::ids::{ClassId, DoId, FieldId, MsgType, Zone};
use wire::state_server::{Fields, Location, ObjectMessage, ObjectNotice};

/// The class of all objects.
pub const CLASS: &str = "DistributedSafe";
/// Stays as it is.
const BALANCE: &str = "setBalance";
const PARENT: DoId = DoId(20_001);

/// Values by field.
pub type Stored = BTreeMap<FieldId, Vec<u8>>;

/// The fields of the class that are used here, as their numbers ascend.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Name {
    Lock,
    Door,
    Tag,
    Dust,
    Note,
    Knock,
}

impl Name {
    const ALL: [Name; 6] = [Name::Lock, Name::Door, Name::Tag, Name::Dust, Name::Note, Name::Knock];

    fn text(self) -> &'static str {
        match self {
            Name::Lock => "setLock",
            Name::Door => "setDoor",
            Name::Tag => "setTag",
            Name::Dust => "setDust",
            Name::Note => "setNote",
            Name::Knock => "knock",
        }
    }

    fn value(self, seed: u8) -> Vec<u8> {
        match self {
            Name::Lock => vec![seed % 10],
            Name::Door | Name::Dust | Name::Knock => vec![seed],
            Name::Tag => vec![1, 0, b'a' + seed % 26],
            Name::Note => {
                let mut value = u16::from(seed).to_le_bytes().to_vec();
                value.extend(std::iter::repeat_n(seed, seed.into()));
                value
            }
        }
    }

    fn is_stored(self) -> bool {
        matches!(self, Name::Lock | Name::Tag | Name::Note)
    }

    fn is_kept(self) -> bool {
        self != Name::Knock
    }

    fn is_required(self) -> bool {
        matches!(self, Name::Lock | Name::Door)
    }
}

/// What is asked of an object.
#[derive(Clone, Debug)]
pub enum Ask {
    Update(Name, u8),
    UpdateSeveral(Vec<(Name, u8)>),
    QueryField(Name),
    QueryFields(Vec<Name>),
    QueryAll,
    SetZone(u32),
    Locate,
    DeleteRam,
    DeleteDisk,
    /// `astron`: activate it there, with another door or not.
    Activate(u32, Option<u8>),
    /// `astron`
    DeleteFieldDisk(Name),
}

/// An `Ask`, at random.
pub fn asks() -> impl Strategy<Value = Ask> {
    let name = || prop::sample::select(Name::ALL.to_vec());
    let stored = || prop::sample::select(vec![Name::Lock, Name::Tag, Name::Note]);
    let several = prop::collection::vec((name(), any::<u8>()), 0..4);
    prop_oneof![
        3 => (name(), any::<u8>()).prop_map(|(name, seed)| Ask::Update(name, seed)),
        2 => several.prop_map(Ask::UpdateSeveral),
        2 => name().prop_map(Ask::QueryField),
        2 => prop::collection::vec(name(), 0..4).prop_map(Ask::QueryFields),
        1 => Just(Ask::QueryAll),
        1 => (0u32..4).prop_map(Ask::SetZone),
        1 => Just(Ask::Locate),
        1 => Just(Ask::DeleteRam),
        1 => Just(Ask::DeleteDisk),
        3 => ((0u32..4), any::<Option<u8>>()).prop_map(|(zone, door)| Ask::Activate(zone, door)),
        1 => stored().prop_map(Ask::DeleteFieldDisk),
    ]
}

/// What comes back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Field(Option<Vec<u8>>),
    Fields(Option<Vec<u8>>),
    /// Where it is, and `required OTHER`.
    All(Location, Vec<u8>),
    At(Location),
}

impl Answer {
    /// The context of an answer, and what it says.
    pub fn of(notice: &ObjectNotice<'_>) -> Option<(u32, Answer)> {
        match *notice {
            ObjectNotice::QueryFieldResp { context, value, .. } => {
                Some((context, Answer::Field(value.map(<[u8]>::to_vec))))
            }
            ObjectNotice::QueryFieldsResp { context, fields, .. } => {
                Some((context, Answer::Fields(fields.map(|(_, fields)| fields.to_vec()))))
            }
            ObjectNotice::QueryAllResp { context, entry } => {
                Some((context, Answer::All(entry.location, entry.fields.to_vec())))
            }
            ObjectNotice::LocateResp { context, location, .. } => {
                Some((context, Answer::At(location)))
            }
            _ => None,
        }
    }
}

fn location(zone: u32) -> Location {
    match zone {
        0 => Location::NOWHERE,
        zone => Location { parent: PARENT, zone: Zone(zone) },
    }
}

/// The class, as far as it matters here.
#[derive(Clone)]
pub struct Class {
    dialect: Dialect,
    /// Its number.
    pub dclass: ClassId,
    schema: Arc<Schema>,
}

impl Class {
    /// As the DC file says.
    pub fn new(dialect: Dialect, schema: Arc<Schema>) -> Class {
        let dclass = ClassId(schema.class_by_name(CLASS).unwrap().id.0);
        Class { dialect, dclass, schema }
    }

    /// What a created object has, of the fields that are used here: that which has a default.
    pub fn begins_with(&self) -> Stored {
        [(self.id(Name::Lock.text()), self.default(Name::Lock.text()))].into()
    }

    /// The fields of a create: how many, and those that have no default.
    pub fn created_with(&self) -> (u16, Vec<u8>) {
        let mut fields = self.id(BALANCE).0.to_le_bytes().to_vec();
        fields.extend(self.default(BALANCE));
        (1, fields)
    }

    fn id(&self, name: &str) -> FieldId {
        let class = self.schema.class_by_name(CLASS).unwrap();
        let id = class.field_by_name(name).unwrap();
        FieldId(self.schema.field(id).number)
    }

    fn default(&self, name: &str) -> Vec<u8> {
        let class = self.schema.class_by_name(CLASS).unwrap();
        self.schema.field(class.field_by_name(name).unwrap()).default.to_vec()
    }

    fn number(&self, name: Name) -> [u8; 2] {
        self.id(name.text()).0.to_le_bytes()
    }

    fn numbered(&self, name: Name, value: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.number(name));
        out.extend_from_slice(value);
    }

    /// The bytes of a request; `None`: the dialect has no such one.
    pub fn write(&self, do_id: DoId, context: u32, ask: &Ask) -> Option<(MsgType, Vec<u8>)> {
        let field = |name: &Name| self.id(name.text());
        let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
        let message = match ask {
            Ask::Update(name, seed) => {
                bytes = name.value(*seed);
                ObjectMessage::UpdateField { do_id, field: field(name), value: &bytes }
            }
            Ask::UpdateSeveral(fields) => {
                for (name, seed) in fields {
                    self.numbered(*name, &name.value(*seed), &mut bytes);
                }
                let count = fields.len() as u16;
                ObjectMessage::UpdateFieldMultiple { do_id, count, fields: &bytes }
            }
            Ask::QueryField(name) => {
                ObjectMessage::QueryField { context, do_id, field: field(name) }
            }
            Ask::QueryFields(names) => {
                numbers.extend(names.iter().map(|&name| self.number(name)));
                ObjectMessage::QueryFields { context, do_id, fields: Fields(&numbers) }
            }
            Ask::QueryAll => ObjectMessage::QueryAll { context, do_id: Some(do_id) },
            Ask::SetZone(zone) => ObjectMessage::SetZone { location: location(*zone) },
            Ask::Locate => ObjectMessage::Locate { context },
            Ask::DeleteRam => ObjectMessage::DeleteRam { do_id },
            Ask::DeleteDisk => ObjectMessage::DeleteDisk { do_id },
            Ask::Activate(..) | Ask::DeleteFieldDisk(_) => return self.write_dbss(do_id, ask),
        };
        let mut payload = Vec::new();
        message.write(self.dialect, &mut payload);
        Some((message.msgtype(self.dialect)?, payload))
    }

    fn write_dbss(&self, do_id: DoId, ask: &Ask) -> Option<(MsgType, Vec<u8>)> {
        let mut fields = Vec::new();
        let message = match ask {
            Ask::Activate(zone, None) => {
                DbssMessage::ActivateWithDefaults { do_id, location: location(*zone) }
            }
            Ask::Activate(zone, Some(door)) => {
                self.numbered(Name::Door, &Name::Door.value(*door), &mut fields);
                DbssMessage::ActivateWithDefaultsOther {
                    do_id,
                    location: location(*zone),
                    dclass: self.dclass,
                    count: 1,
                    fields: &fields,
                }
            }
            Ask::DeleteFieldDisk(name) => {
                DbssMessage::DeleteFieldDisk { do_id, field: self.id(name.text()) }
            }
            _ => panic!("{ask:?} is for any object"),
        };
        let (msgtype, mut payload) = (message.msgtype(self.dialect)?, Vec::new());
        message.write(self.dialect, &mut payload);
        Some((msgtype, payload))
    }
}

/// An object in memory.
struct Active {
    location: Location,
    fields: BTreeMap<Name, Vec<u8>>,
}

/// A stored object.
pub struct Model {
    class: Class,
    stored: Option<BTreeMap<Name, Vec<u8>>>,
    active: Option<Active>,
}

impl Model {
    /// One that has just been created, or that is not stored.
    pub fn new(class: Class, is_stored: bool) -> Model {
        let lock = class.default(Name::Lock.text());
        let stored = is_stored.then(|| [(Name::Lock, lock)].into());
        Model { class, stored, active: None }
    }

    /// Whether it is in memory.
    pub fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// What is stored of it.
    pub fn stored(&self) -> Option<Stored> {
        let id = |name: &Name| self.class.id(name.text());
        let stored = self.stored.as_ref()?;
        Some(stored.iter().map(|(name, value)| (id(name), value.clone())).collect())
    }

    /// Does what is asked, and says what is answered.
    pub fn answer(&mut self, ask: &Ask) -> Option<Answer> {
        let needs_it = !matches!(ask, Ask::DeleteRam | Ask::DeleteDisk);
        if self.class.dialect == Dialect::OpenOtp && needs_it {
            self.activate(Location::NOWHERE, None);
        }
        match ask {
            Ask::Update(name, seed) => self.update(*name, *seed),
            Ask::UpdateSeveral(fields) => {
                fields.iter().for_each(|(name, seed)| self.update(*name, *seed));
            }
            Ask::QueryField(name) => return Some(Answer::Field(self.field(*name))),
            Ask::QueryFields(names) => return Some(Answer::Fields(self.fields(names))),
            Ask::QueryAll => return self.all(),
            Ask::SetZone(zone) => {
                if let Some(active) = &mut self.active {
                    active.location = location(*zone);
                }
            }
            Ask::Locate => return self.active.as_ref().map(|active| Answer::At(active.location)),
            Ask::DeleteRam => self.active = None,
            Ask::DeleteDisk => {
                self.stored = None;
                if self.class.dialect == Dialect::OpenOtp {
                    self.active = None;
                }
            }
            Ask::Activate(zone, door) => self.activate(location(*zone), *door),
            Ask::DeleteFieldDisk(name) => {
                let lock = self.class.default(Name::Lock.text());
                match (&mut self.stored, name) {
                    (Some(stored), Name::Lock) => drop(stored.insert(*name, lock)),
                    (Some(stored), _) => drop(stored.remove(name)),
                    (None, _) => (),
                }
            }
        }
        None
    }

    fn activate(&mut self, location: Location, door: Option<u8>) {
        let Some(stored) = self.stored.as_ref().filter(|_| self.active.is_none()) else { return };
        let mut fields = stored.clone();
        for name in [Name::Lock, Name::Door] {
            fields.entry(name).or_insert_with(|| self.class.default(name.text()));
        }
        if let Some(door) = door {
            fields.insert(Name::Door, Name::Door.value(door));
        }
        self.active = Some(Active { location, fields });
    }

    fn update(&mut self, name: Name, seed: u8) {
        let is_there = self.active.is_some() || self.class.dialect == Dialect::Astron;
        if let (true, true, Some(stored)) = (is_there, name.is_stored(), &mut self.stored) {
            stored.insert(name, name.value(seed));
        }
        if let (true, Some(active)) = (name.is_kept(), &mut self.active) {
            active.fields.insert(name, name.value(seed));
        }
    }

    fn field(&self, name: Name) -> Option<Vec<u8>> {
        match &self.active {
            Some(active) => active.fields.get(&name).cloned(),
            None if self.class.dialect == Dialect::OpenOtp => None,
            None if name.is_stored() => self.stored.as_ref()?.get(&name).cloned(),
            None => name.is_kept().then(|| self.class.default(name.text())),
        }
    }

    fn fields(&self, names: &[Name]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        if self.class.dialect == Dialect::OpenOtp {
            self.active.as_ref()?;
            for &name in names {
                self.class.numbered(name, &self.field(name)?, &mut out);
            }
            return Some(out);
        }
        if self.active.is_none() {
            let is_stored = names.iter().any(|name| name.is_stored());
            let fails = names.iter().any(|name| !name.is_kept());
            if fails || (is_stored && self.stored.is_none()) {
                return None;
            }
        }
        // Their numbers ascend as they do.
        let names: BTreeSet<Name> = names.iter().copied().collect();
        for name in names {
            if let Some(value) = self.field(name) {
                self.class.numbered(name, &value, &mut out);
            }
        }
        Some(out)
    }

    fn all(&self) -> Option<Answer> {
        let bare = || self.stored.as_ref().map(|stored| (Location::NOWHERE, stored));
        let active = self.active.as_ref().map(|active| (active.location, &active.fields));
        let (location, fields) = active.or_else(bare)?;
        let value = |name: Name| {
            fields.get(&name).cloned().unwrap_or_else(|| self.class.default(name.text()))
        };
        let mut out = value(Name::Lock);
        out.extend(self.class.default(BALANCE));
        out.extend(value(Name::Door));
        let others: Vec<_> = fields.iter().filter(|(name, _)| !name.is_required()).collect();
        out.extend((others.len() as u16).to_le_bytes());
        for (name, value) in others {
            self.class.numbered(*name, value, &mut out);
        }
        Some(Answer::All(location, out))
    }
}
