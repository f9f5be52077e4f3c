//! The Database as a plain map, which answers at once.

use crate::request::{Given, Request, number, value};
use crate::{ASKER, CONTROL};
use dc::{FieldKind, Schema};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::database::{DatabaseNotice, Outcome, StoredObject, ret_code};
use wire::dialect::Dialect;
use wire::ids::{Channel, ClassId, DoId, FieldId, MsgType};
use wire::lists::{DoIds, Fields};
use wire::state_server::ObjectMessage;

/// A datagram that comes out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Heard {
    pub sender: Channel,
    pub msgtype: MsgType,
    pub payload: Vec<u8>,
}

#[derive(Clone)]
struct Object {
    class: &'static str,
    values: BTreeMap<FieldId, Vec<u8>>,
}

/// All objects.
pub struct Map {
    dialect: Dialect,
    schema: Arc<Schema>,
    next: u32,
    max: u32,
    objects: BTreeMap<DoId, Object>,
}

impl Map {
    pub fn new(dialect: Dialect, schema: Arc<Schema>, generate: (DoId, DoId)) -> Map {
        let (next, max) = (generate.0.0, generate.1.0);
        Map { dialect, schema, next, max, objects: BTreeMap::new() }
    }

    fn is_openotp(&self) -> bool {
        self.dialect == Dialect::OpenOtp
    }

    /// What comes of a request.
    pub fn ask(&mut self, request: &Request) -> Vec<Heard> {
        match request {
            Request::Create(context, class, all) => self.create(*context, class, all),
            Request::Delete(do_id) => match self.objects.remove(do_id) {
                Some(_) => vec![self.deleted(*do_id)],
                None => Vec::new(),
            },
            Request::Select(context, do_id, names) => vec![self.select(*context, *do_id, names)],
            Request::SelectField(context, do_id, name) => {
                let field = number(&self.schema, name);
                let object = self.objects.get(do_id);
                let value = object.and_then(|object| self.read(object, name));
                let value = value.as_deref().map(|value| (field, value));
                vec![self.answer(&DatabaseNotice::SelectFieldResp { context: *context, value })]
            }
            Request::SelectAll(context, do_id) => vec![self.select_all(*context, *do_id)],
            Request::Update(do_id, all) => {
                if !self.objects.contains_key(do_id) || all.is_empty() {
                    return Vec::new();
                }
                vec![self.set(*do_id, all)]
            }
            Request::UpdateIfEquals(context, do_id, all) => {
                self.update_if_equals(*context, *do_id, all)
            }
            Request::UpdateIfEmpty(context, do_id, given) => {
                self.update_if_empty(*context, *do_id, *given)
            }
            Request::DeleteFields(do_id, names) => self.delete_fields(*do_id, names),
            Request::SelectQuery(context, all) => {
                let found: Vec<[u8; 4]> =
                    self.matching(all).iter().map(|id| id.0.to_le_bytes()).collect();
                let do_ids = DoIds(&found);
                vec![self.answer(&DatabaseNotice::SelectQueryResp { context: *context, do_ids })]
            }
            Request::UpdateQuery(all, values) => {
                let found = self.matching(all);
                if values.is_empty() {
                    return Vec::new();
                }
                found.into_iter().map(|do_id| self.set(do_id, values)).collect()
            }
            Request::DeleteQuery(all) => {
                let found = self.matching(all);
                found.iter().for_each(|do_id| drop(self.objects.remove(do_id)));
                found.into_iter().map(|do_id| self.deleted(do_id)).collect()
            }
        }
    }

    fn field(&self, name: &str) -> &dc::Field {
        let class = self.schema.class_by_name("Account").unwrap();
        self.schema.field(class.field_by_name(name).unwrap())
    }

    /// The stored fields that a name stands for.
    fn parts(&self, name: &str) -> Vec<&dc::Field> {
        self.schema.atoms(self.field(name).id).collect()
    }

    fn is_stored(&self, name: &str) -> bool {
        name != "setMood"
    }

    fn split(&self, all: &[Given]) -> BTreeMap<FieldId, Vec<u8>> {
        let mut values = BTreeMap::new();
        for &given in all {
            let bytes = value(&self.schema, given);
            for part in self.schema.split(self.field(given.0).id, &bytes) {
                let (id, bytes) = part.unwrap();
                values.insert(FieldId(self.schema.field(id).number), bytes.to_vec());
            }
        }
        values
    }

    fn read(&self, object: &Object, name: &str) -> Option<Vec<u8>> {
        if !self.is_stored(name) {
            return None;
        }
        let part = |field: &dc::Field| match object.values.get(&FieldId(field.number)) {
            Some(value) => Some(value.clone()),
            None if self.is_openotp() => Some(field.default.to_vec()),
            None => None,
        };
        let parts: Option<Vec<Vec<u8>>> = self.parts(name).into_iter().map(part).collect();
        parts.map(|parts| parts.concat())
    }

    fn create(&mut self, context: u32, class: &'static str, all: &[Given]) -> Vec<Heard> {
        let mut values = self.split(all);
        let dclass = self.schema.class_by_name(class).unwrap();
        let required = self.schema.keyword("required").unwrap();
        let db = self.schema.keyword("db").unwrap();
        let mut fails = false;
        for field in dclass.fields.iter().map(|&id| self.schema.field(id)) {
            let number = FieldId(field.number);
            let molecular = matches!(field.kind, FieldKind::Molecular(_));
            if molecular || !field.keywords.contain(db) || values.contains_key(&number) {
                continue;
            }
            let wants = if self.is_openotp() { field.keywords.contain(required) } else { true };
            if wants && field.has_default {
                values.insert(number, field.default.to_vec());
            } else if wants && self.is_openotp() {
                fails = true;
            }
        }
        let mut do_id = DoId(0);
        if !fails && self.next <= self.max {
            do_id = DoId(self.next);
            self.next += 1;
            self.objects.insert(do_id, Object { class, values });
        }
        vec![self.answer(&DatabaseNotice::CreateResp { context, do_id })]
    }

    fn select(&self, context: u32, do_id: DoId, names: &[&str]) -> Heard {
        let object = self.objects.get(&do_id);
        let sound = names.iter().all(|name| self.is_stored(name));
        let Some(object) = object.filter(|_| sound) else {
            return self.answer(&DatabaseNotice::SelectResp { context, fields: None });
        };
        let (mut count, mut bytes) = (0, Vec::new());
        if self.is_openotp() {
            names.iter().for_each(|name| bytes.extend(self.read(object, name).unwrap()));
        } else {
            let mut asked: Vec<(FieldId, &str)> =
                names.iter().map(|name| (number(&self.schema, name), *name)).collect();
            asked.sort();
            asked.dedup();
            for (number, name) in asked {
                if let Some(value) = self.read(object, name) {
                    bytes.extend(number.0.to_le_bytes());
                    bytes.extend(value);
                    count += 1;
                }
            }
        }
        self.answer(&DatabaseNotice::SelectResp { context, fields: Some((count, &bytes)) })
    }

    fn select_all(&self, context: u32, do_id: DoId) -> Heard {
        let Some(object) = self.objects.get(&do_id) else {
            return self.answer(&DatabaseNotice::SelectAllResp { context, object: None });
        };
        let dclass = self.schema.class_by_name(object.class).unwrap();
        let mut others = object.values.clone();
        let mut fields = Vec::new();
        if self.is_openotp() {
            for field in dclass.required.iter().map(|&id| self.schema.field(id)) {
                let stored = others.remove(&FieldId(field.number));
                fields.extend(stored.unwrap_or_else(|| field.default.to_vec()));
            }
        }
        fields.extend((others.len() as u16).to_le_bytes());
        fields.extend(numbered(&others));
        let object = Some(StoredObject { dclass: ClassId(dclass.id.0), fields: &fields });
        self.answer(&DatabaseNotice::SelectAllResp { context, object })
    }

    fn update_if_equals(
        &mut self,
        context: u32,
        do_id: DoId,
        all: &[(Given, &'static str)],
    ) -> Vec<Heard> {
        let notice = |outcome| DatabaseNotice::UpdateIfEqualsResp { context, outcome };
        let Some(object) = self.objects.get(&do_id) else {
            let ret_code = if self.is_openotp() { ret_code::NO_OBJECT } else { 0 };
            return vec![self.answer(&notice(Outcome::Failed { ret_code }))];
        };
        let holds =
            |(old, _): &(Given, _)| self.read(object, old.0) == Some(value(&self.schema, *old));
        if all.iter().all(holds) {
            let done = self.answer(&notice(Outcome::Done));
            let new: Vec<Given> = all.iter().map(|(old, new)| (old.0, *new)).collect();
            return vec![done, self.set(do_id, &new)];
        }
        let mut current = Vec::new();
        let mut set = BTreeMap::new();
        for (old, _) in all {
            let value = self.read(object, old.0);
            current.extend(value.clone().unwrap_or_default());
            set.extend(value.map(|value| (number(&self.schema, old.0), value)));
        }
        let told = match self.dialect {
            Dialect::OpenOtp => (0, current),
            Dialect::Astron => (set.len() as u16, numbered(&set)),
        };
        vec![self.answer(&notice(Outcome::Differs((told.0, &told.1))))]
    }

    fn update_if_empty(&mut self, context: u32, do_id: DoId, given: Given) -> Vec<Heard> {
        let notice = |outcome| DatabaseNotice::UpdateFieldIfEmptyResp { context, outcome };
        let Some(object) = self.objects.get(&do_id) else {
            return vec![self.answer(&notice(Outcome::Failed { ret_code: 0 }))];
        };
        match self.read(object, given.0) {
            Some(value) => {
                let field = number(&self.schema, given.0);
                vec![self.answer(&notice(Outcome::Differs((field, &value))))]
            }
            None => {
                let done = self.answer(&notice(Outcome::Done));
                vec![done, self.set(do_id, &[given])]
            }
        }
    }

    fn delete_fields(&mut self, do_id: DoId, names: &[&str]) -> Vec<Heard> {
        let sound = names.iter().all(|name| self.is_stored(name) && *name != "setContact");
        let Some(mut object) = self.objects.get(&do_id).cloned().filter(|_| sound) else {
            return Vec::new();
        };
        let mut changed = BTreeMap::new();
        for name in names {
            let field = self.field(name);
            let number = FieldId(field.number);
            let default = field.has_default.then(|| field.default.to_vec());
            let before = object.values.get(&number).cloned();
            if before != default {
                changed.insert(number, ());
            }
            match default {
                Some(default) => object.values.insert(number, default),
                None => object.values.remove(&number),
            };
        }
        self.objects.insert(do_id, object);
        let fields: Vec<[u8; 2]> = changed.keys().map(|field| field.0.to_le_bytes()).collect();
        match fields.as_slice() {
            [] => Vec::new(),
            [one] => {
                let field = FieldId(u16::from_le_bytes(*one));
                vec![self.announce(&DatabaseNotice::DeleteField { do_id, field })]
            }
            all => {
                let fields = Fields(all);
                vec![self.announce(&DatabaseNotice::DeleteFields { do_id, fields })]
            }
        }
    }

    fn matching(&self, all: &[(bool, Given)]) -> Vec<DoId> {
        let meets = |object: &Object| {
            all.iter().all(|(equal, given)| {
                let stored = object.values.get(&number(&self.schema, given.0));
                (stored == Some(&value(&self.schema, *given))) == *equal
            })
        };
        let of_class = |object: &Object| object.class == "Account" && meets(object);
        let found = self.objects.iter().filter(|(_, object)| of_class(object));
        found.map(|(do_id, _)| *do_id).collect()
    }

    fn set(&mut self, do_id: DoId, all: &[Given]) -> Heard {
        let values = self.split(all);
        let object = self.objects.get_mut(&do_id).unwrap();
        object.values.extend(values.clone());
        let (count, fields) = (values.len() as u16, numbered(&values));
        let first = values.iter().next().map(|(field, value)| (*field, value.as_slice()));
        let (field, value) = first.unwrap();
        match (self.is_openotp(), count) {
            (true, 1) => self.as_object(&ObjectMessage::UpdateField { do_id, field, value }),
            (true, _) => {
                let fields = fields.as_slice();
                self.as_object(&ObjectMessage::UpdateFieldMultiple { do_id, count, fields })
            }
            (false, 1) => self.announce(&DatabaseNotice::UpdateField { do_id, field, value }),
            (false, _) => self.announce(&DatabaseNotice::Update { do_id, count, fields: &fields }),
        }
    }

    fn deleted(&self, do_id: DoId) -> Heard {
        match self.dialect {
            Dialect::OpenOtp => self.as_object(&ObjectMessage::DeleteRam { do_id }),
            Dialect::Astron => self.announce(&DatabaseNotice::Delete { do_id }),
        }
    }

    fn answer(&self, notice: &DatabaseNotice<'_>) -> Heard {
        Heard { sender: CONTROL, ..self.announce(notice) }
    }

    fn announce(&self, notice: &DatabaseNotice<'_>) -> Heard {
        let mut payload = Vec::new();
        notice.write(self.dialect, &mut payload);
        Heard { sender: ASKER, msgtype: notice.msgtype(self.dialect).unwrap(), payload }
    }

    fn as_object(&self, message: &ObjectMessage<'_>) -> Heard {
        let mut payload = Vec::new();
        message.write(self.dialect, &mut payload);
        Heard { sender: CONTROL, msgtype: message.msgtype(self.dialect).unwrap(), payload }
    }
}

fn numbered(values: &BTreeMap<FieldId, Vec<u8>>) -> Vec<u8> {
    let one = |(field, value): (&FieldId, &Vec<u8>)| {
        [field.0.to_le_bytes().to_vec(), value.clone()].concat()
    };
    values.iter().flat_map(one).collect()
}
