//! A database that is a map, with an inbox that waits: what a DBSS asks, and nothing else.

use crate::model::{CLASS, Stored};
use dc::Schema;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use wire::database::{DatabaseMessage, DatabaseNotice, StoredObject};
use wire::datagram::Datagram;
use wire::dialect::Dialect;
use wire::ids::{Channel, ClassId, DoId, FieldId, MsgType};
use wire::state_server::ObjectMessage;

/// A message: to whom, its number, and what follows.
pub type Message = (Channel, MsgType, Vec<u8>);

/// The database.
pub struct Database {
    dialect: Dialect,
    schema: Arc<Schema>,
    objects: BTreeMap<DoId, Stored>,
    inbox: VecDeque<(Channel, MsgType, Vec<u8>)>,
}

impl Database {
    /// Without objects.
    pub fn new(dialect: Dialect, schema: Arc<Schema>) -> Database {
        Database { dialect, schema, objects: BTreeMap::new(), inbox: VecDeque::new() }
    }

    /// An object.
    pub fn create(&mut self, do_id: DoId, stored: Stored) {
        self.objects.insert(do_id, stored);
    }

    /// What is stored of an object.
    pub fn object(&self, do_id: DoId) -> Option<&Stored> {
        self.objects.get(&do_id)
    }

    /// A message has come.
    pub fn take(&mut self, dg: &Datagram<'_>) {
        self.inbox.push_back((dg.sender(), dg.msgtype(), dg.payload().to_vec()));
    }

    /// Whether it has something to do.
    pub fn is_behind(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Deals with the next message: what it sends.
    pub fn deal(&mut self) -> Option<Vec<Message>> {
        let (sender, msgtype, payload) = self.inbox.pop_front()?;
        let dialect = self.dialect;
        let message = DatabaseMessage::decode(dialect, msgtype, &payload).unwrap();
        let object = wire::database::split(dialect, msgtype, &payload).unwrap();
        let stored = self.objects.get(&object);
        let mut bytes = Vec::new();
        let answer = match message {
            DatabaseMessage::SelectAll { context, .. } => {
                let object = stored.map(|stored| self.whole(stored, &mut bytes));
                DatabaseNotice::SelectAllResp { context, object }
            }
            DatabaseMessage::SelectField { context, field, .. } => {
                let value = stored.and_then(|stored| stored.get(&field));
                let value = value.map(|value| (field, &value[..]));
                DatabaseNotice::SelectFieldResp { context, value }
            }
            DatabaseMessage::Select { context, fields, .. } => {
                let fields = stored.map(|stored| {
                    let all = fields.iter().filter_map(|field| Some((field, stored.get(&field)?)));
                    (append(all, &mut bytes), &bytes[..])
                });
                DatabaseNotice::SelectResp { context, fields }
            }
            DatabaseMessage::UpdateField { field, value, .. } => {
                self.set(object, field, value);
                return Some(Vec::new());
            }
            DatabaseMessage::Update { count, fields, .. } => {
                self.set_all(object, count, fields);
                return Some(Vec::new());
            }
            DatabaseMessage::DeleteField { field, .. } => {
                self.reset(object, field);
                return Some(Vec::new());
            }
            DatabaseMessage::Delete { .. } => return Some(self.delete(object)),
            other => panic!("a DBSS does not ask {other:?}"),
        };
        assert_eq!(sender, Channel::object(object), "questions are in the name of the object");
        let mut payload = Vec::new();
        answer.write(dialect, &mut payload);
        Some(vec![(sender, answer.msgtype(dialect).unwrap(), payload)])
    }

    fn whole<'a>(&self, stored: &Stored, bytes: &'a mut Vec<u8>) -> StoredObject<'a> {
        let class = self.schema.class_by_name(CLASS).unwrap();
        let is_required = |field: FieldId| class.required.contains(&dc::FieldId(field.0));
        let of_required = self.dialect == Dialect::OpenOtp;
        if of_required {
            for &field in &class.required {
                let field = self.schema.field(field);
                let value = stored.get(&FieldId(field.number));
                bytes.extend_from_slice(value.map_or(&field.default, |value| &value[..]));
            }
        }
        let start = bytes.len();
        bytes.extend_from_slice(&[0; 2]);
        let rest = stored.iter().filter(|(field, _)| !(of_required && is_required(**field)));
        let count = append(rest.map(|(field, value)| (*field, value)), bytes);
        bytes[start..start + 2].copy_from_slice(&count.to_le_bytes());
        StoredObject { dclass: ClassId(class.id.0), fields: bytes }
    }

    fn set(&mut self, do_id: DoId, field: FieldId, value: &[u8]) {
        if let Some(stored) = self.objects.get_mut(&do_id) {
            stored.insert(field, value.to_vec());
        }
    }

    fn set_all(&mut self, do_id: DoId, count: u16, fields: &[u8]) {
        let mut rest = fields;
        for _ in 0..count {
            let (number, behind) = rest.split_first_chunk().unwrap();
            let field = FieldId(u16::from_le_bytes(*number));
            rest = behind;
            self.schema.skip(dc::FieldId(field.0), &mut rest).unwrap();
            self.set(do_id, field, &behind[..behind.len() - rest.len()]);
        }
        assert!(rest.is_empty(), "so many fields and no more");
    }

    fn reset(&mut self, do_id: DoId, field: FieldId) {
        let of = self.schema.field(dc::FieldId(field.0));
        if of.has_default {
            self.set(do_id, field, &of.default.clone());
        } else if let Some(stored) = self.objects.get_mut(&do_id) {
            stored.remove(&field);
        }
    }

    /// The seed's database announces it to the object.
    fn delete(&mut self, do_id: DoId) -> Vec<Message> {
        if self.objects.remove(&do_id).is_none() || self.dialect == Dialect::Astron {
            return Vec::new();
        }
        let (gone, mut payload) = (ObjectMessage::DeleteRam { do_id }, Vec::new());
        gone.write(self.dialect, &mut payload);
        vec![(Channel::object(do_id), gone.msgtype(self.dialect).unwrap(), payload)]
    }
}

fn append<'a>(fields: impl Iterator<Item = (FieldId, &'a Vec<u8>)>, out: &mut Vec<u8>) -> u16 {
    let mut count = 0;
    for (field, value) in fields {
        out.extend_from_slice(&field.0.to_le_bytes());
        out.extend_from_slice(value);
        count += 1;
    }
    count
}
