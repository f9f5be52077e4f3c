//! What is asked of a Database: everything that the rules know of, right and wrong.

use crate::chance::Chance;
use crate::database::model::{Model, Object};
use crate::database::schema::{dclasses, stored_parts};
use crate::objects::datagram::Dg;
use crate::objects::values::{spoilt, value};
use dc::{Class, Field};
use wire::database::{DIE, DatabaseMessage, KILL};
use wire::dialect::Dialect;
use wire::ids::{ClassId, DoId, FieldId, MsgType};
use wire::lists::Fields;

/// No datagram holds more, about.
const PAYLOAD_BYTES_MAX: usize = 65_400;
/// Values are drawn from so few: so they meet.
const COMMON: u64 = 3;

/// Draws requests.
pub struct Draw<'a> {
    /// What there probably is.
    pub model: &'a Model,
    /// Ids of objects that are gone, or never were.
    pub others: &'a [u32],
    /// The choices.
    pub chance: &'a mut Chance,
    /// What the asker calls itself.
    pub sender: u64,
    /// A context that nobody has used.
    pub context: u32,
    /// How many objects there should be.
    pub wanted: usize,
    /// How long some values are, at most.
    pub longest: u64,
}

impl Draw<'_> {
    /// A request.
    pub fn request(&mut self) -> Dg {
        let living = self.model.objects.len();
        if living == 0 || (living < self.wanted && self.chance.one_in(3)) {
            return self.create();
        }
        let mut dg = match self.model.rules.dialect {
            Dialect::OpenOtp => match self.chance.below(20) {
                0 => self.create(),
                1..3 => self.select(),
                3..6 => self.select_all(),
                6..10 => self.update(),
                10..14 => self.update_if(),
                14..17 => self.select_query(),
                17 => self.update_query(),
                18 => self.delete(),
                _ => self.rare(),
            },
            Dialect::Astron => match self.chance.below(20) {
                0 => self.create(),
                1 => self.select_field(),
                2 => self.select(),
                3..6 => self.select_all(),
                6..9 => self.update_field(),
                9..11 => self.update(),
                11..13 => self.update_field_if(),
                13..15 => self.update_if(),
                15..17 => self.update_if_empty(),
                17 => self.delete_fields(),
                18 => self.delete(),
                _ => self.rare(),
            },
        };
        if dg.payload.len() > PAYLOAD_BYTES_MAX {
            dg = self.select_all();
        }
        if self.chance.one_in(25) {
            self.spoil_length(&mut dg);
        }
        dg
    }

    fn rare(&mut self) -> Dg {
        match self.chance.below(3) {
            0 if self.model.rules.dialect == Dialect::OpenOtp => self.delete_query(),
            1 => {
                let payload = (0..self.chance.index(20)).map(|byte| byte as u8).collect();
                let msgtype = MsgType(self.chance.between(5_000, 5_010) as u16);
                self.for_control(msgtype, payload)
            }
            _ => self.create(),
        }
    }

    /// Cuts a payload, or lets it go on.
    fn spoil_length(&mut self, dg: &mut Dg) {
        if self.chance.one_in(2) && !dg.payload.is_empty() {
            dg.payload.truncate(self.chance.index(dg.payload.len()));
        } else {
            dg.payload.extend([0; 3]);
        }
    }

    fn for_control(&mut self, msgtype: MsgType, payload: Vec<u8>) -> Dg {
        let rules = &self.model.rules;
        let mut to = vec![rules.control];
        if let Some(all) = rules.dialect.all_databases().filter(|_| self.chance.one_in(4)) {
            match self.chance.one_in(2) {
                true => to.push(all.0),
                false => to = vec![all.0],
            }
        }
        Dg { to, sender: self.sender, msgtype, payload }
    }

    fn ask(&mut self, message: &DatabaseMessage<'_>) -> Dg {
        let dialect = self.model.rules.dialect;
        let mut payload = Vec::new();
        message.write(dialect, &mut payload);
        self.for_control(message.msgtype(dialect).expect("the dialect has it"), payload)
    }

    /// An object, mostly one that is there.
    fn target(&mut self) -> DoId {
        let living: Vec<u32> = self.model.objects.keys().copied().collect();
        let other = self.chance.one_in(12) || living.is_empty();
        let id = if other { self.chance.pick(self.others) } else { self.chance.pick(&living) };
        DoId(id.unwrap_or(0))
    }

    fn class(&mut self) -> &Class {
        let schema = &self.model.rules.schema;
        let class = self.chance.pick(&dclasses(schema)).expect("there are classes");
        schema.class(class)
    }

    /// The class of an object, or any.
    fn class_of(&mut self, do_id: DoId) -> dc::ClassId {
        match self.model.class_of(do_id.0) {
            Some(class) => class,
            None => self.class().id,
        }
    }

    fn number_of(&mut self, class: dc::ClassId) -> ClassId {
        let wrong = self.chance.one_in(30);
        ClassId(if wrong { self.chance.pick(&[0, 99, u16::MAX]).unwrap_or(0) } else { class.0 })
    }

    /// A field of a class, mostly one that is stored by itself.
    fn field(&mut self, class: dc::ClassId) -> Option<dc::FieldId> {
        let schema = &self.model.rules.schema;
        let class = schema.class(class);
        let any = self.chance.one_in(8);
        let is_stored = |field: &Field| {
            let stored = stored_parts(schema, class, field);
            stored.len() == 1 && stored[0].id == field.id
        };
        let fields = class.fields.iter().copied();
        let fields: Vec<_> = fields.filter(|&id| any || is_stored(schema.field(id))).collect();
        self.chance.pick(&fields)
    }

    fn number(&mut self, field: dc::FieldId) -> FieldId {
        let number = self.model.rules.schema.field(field).number;
        let wrong = self.chance.one_in(60);
        FieldId(if wrong { self.chance.number() as u16 } else { number })
    }

    /// A value for a field: one of a few, or any, or none at all.
    fn value(&mut self, field: dc::FieldId) -> Vec<u8> {
        let schema = &self.model.rules.schema;
        let field = schema.field(field);
        let common = Chance::new(u64::from(field.id.0) << 8 | self.chance.below(COMMON));
        let mut from = if self.chance.one_in(2) { common } else { self.chance.fork() };
        let value = value(schema, field, &mut from);
        match self.chance.below(60) {
            0 => spoilt(value, self.chance),
            1..3 if ["setA", "setB", "setNote"].contains(&field.name.as_str()) => {
                let len = self.chance.below(self.longest) as u16;
                let byte = self.chance.number() as u8;
                len.to_le_bytes().into_iter().chain((0..len).map(|_| byte)).collect()
            }
            _ => value,
        }
    }

    /// The value that an object has, or another one.
    fn old_value(&mut self, do_id: DoId, field: dc::FieldId) -> Vec<u8> {
        let of = self.model.rules.schema.field(field);
        let object: Option<&Object> = self.model.objects.get(&do_id.0);
        let current = object.and_then(|object| object.fields.get(&of.number));
        let default = (!of.default.is_empty()).then(|| of.default.to_vec());
        let known = current.cloned().or(default).filter(|_| !self.chance.one_in(4));
        known.unwrap_or_else(|| self.value(field))
    }

    /// Some fields and values, with their count.
    fn values(&mut self, class: dc::ClassId, most: u64) -> (u16, Vec<u8>) {
        let (mut count, mut out) = (0, Vec::new());
        for _ in 0..self.chance.between(0, most) {
            let Some(field) = self.field(class) else { break };
            out.extend(self.number(field).0.to_le_bytes());
            out.extend(self.value(field));
            count += 1;
        }
        (count, out)
    }

    fn create(&mut self) -> Dg {
        let class = self.class().id;
        let schema = self.model.rules.schema.clone();
        let (mut count, mut fields) = self.values(class, 4);
        // What must be given mostly is.
        let needs = |id: &dc::FieldId| {
            let field = schema.field(*id);
            !field.has_default && !stored_parts(&schema, schema.class(class), field).is_empty()
        };
        for field in schema.class(class).required.iter().copied().filter(needs) {
            if !self.chance.one_in(8) {
                fields.extend(schema.field(field).number.to_le_bytes());
                fields.extend(value(&schema, schema.field(field), self.chance));
                count += 1;
            }
        }
        if self.chance.one_in(30) {
            count += 1;
        }
        let (context, dclass) = (self.context, self.number_of(class));
        self.ask(&DatabaseMessage::Create { context, dclass, count, fields: &fields })
    }

    fn delete(&mut self) -> Dg {
        let do_id = self.target();
        let wrong = self.chance.one_in(6);
        let code = if wrong { Some(7) } else { self.chance.pick(&DIE) };
        let verify_code = code.filter(|_| self.model.rules.dialect == Dialect::OpenOtp);
        self.ask(&DatabaseMessage::Delete { do_id, verify_code })
    }

    fn select_field(&mut self) -> Dg {
        let (context, do_id) = (self.context, self.target());
        let class = self.class_of(do_id);
        let Some(field) = self.field(class) else { return self.select_all() };
        let field = self.number(field);
        self.ask(&DatabaseMessage::SelectField { context, do_id, field })
    }

    fn some_fields(&mut self, class: dc::ClassId) -> Vec<[u8; 2]> {
        let mut fields = Vec::new();
        for _ in 0..self.chance.between(0, 4) {
            let field = self.field(class).map(|field| self.number(field));
            fields.extend(field.map(|field| field.0.to_le_bytes()));
        }
        fields
    }

    fn select(&mut self) -> Dg {
        let (context, do_id) = (self.context, self.target());
        let class = self.class_of(do_id);
        let fields = self.some_fields(class);
        self.ask(&DatabaseMessage::Select { context, do_id, fields: Fields(&fields) })
    }

    fn select_all(&mut self) -> Dg {
        let (context, do_id) = (self.context, self.target());
        self.ask(&DatabaseMessage::SelectAll { context, do_id })
    }

    fn update_field(&mut self) -> Dg {
        let do_id = self.target();
        let class = self.class_of(do_id);
        let Some(field) = self.field(class) else { return self.update() };
        let (field, value) = (self.number(field), self.value(field));
        self.ask(&DatabaseMessage::UpdateField { do_id, field, value: &value })
    }

    fn update(&mut self) -> Dg {
        let do_id = self.target();
        let class = self.class_of(do_id);
        let (count, fields) = self.values(class, 4);
        let context = (self.model.rules.dialect == Dialect::OpenOtp).then_some(self.context);
        self.ask(&DatabaseMessage::Update { context, do_id, count, fields: &fields })
    }

    fn update_field_if(&mut self) -> Dg {
        let (context, do_id) = (self.context, self.target());
        let class = self.class_of(do_id);
        let Some(field) = self.field(class) else { return self.update_if() };
        let mut old_and_new = self.old_value(do_id, field);
        old_and_new.extend(self.value(field));
        let (field, old_and_new) = (self.number(field), old_and_new.as_slice());
        self.ask(&DatabaseMessage::UpdateFieldIfEquals { context, do_id, field, old_and_new })
    }

    fn update_if(&mut self) -> Dg {
        let (context, do_id) = (self.context, self.target());
        let class = self.class_of(do_id);
        let (mut count, mut conditions) = (0, Vec::new());
        for _ in 0..self.chance.between(0, 2) {
            let Some(field) = self.field(class) else { break };
            conditions.extend(self.number(field).0.to_le_bytes());
            conditions.extend(self.old_value(do_id, field));
            conditions.extend(self.value(field));
            count += 1;
        }
        let conditions = conditions.as_slice();
        self.ask(&DatabaseMessage::UpdateIfEquals { context, do_id, count, conditions })
    }

    fn update_if_empty(&mut self) -> Dg {
        let (context, do_id) = (self.context, self.target());
        let class = self.class_of(do_id);
        let Some(field) = self.field(class) else { return self.update() };
        let (field, value) = (self.number(field), self.value(field));
        self.ask(&DatabaseMessage::UpdateFieldIfEmpty { context, do_id, field, value: &value })
    }

    fn delete_fields(&mut self) -> Dg {
        let do_id = self.target();
        let class = self.class_of(do_id);
        let fields = self.some_fields(class);
        match fields[..] {
            [field] if self.chance.one_in(2) => {
                let field = FieldId(u16::from_le_bytes(field));
                self.ask(&DatabaseMessage::DeleteField { do_id, field })
            }
            _ => self.ask(&DatabaseMessage::DeleteFields { do_id, fields: Fields(&fields) }),
        }
    }

    /// Comparisons with their count.
    fn comparisons(&mut self, class: dc::ClassId) -> (u16, Vec<u8>) {
        let (mut count, mut out) = (0, Vec::new());
        for _ in 0..self.chance.between(0, 2) {
            let Some(field) = self.field(class) else { break };
            let operator = self.chance.pick(&[0, 0, 0, 1, 1, 2]).unwrap_or(0);
            out.push(if operator == 2 && !self.chance.one_in(4) { 0 } else { operator });
            out.extend(self.number(field).0.to_le_bytes());
            let some = self.target();
            out.extend(self.old_value(some, field));
            count += 1;
        }
        (count, out)
    }

    fn select_query(&mut self) -> Dg {
        let class = self.class().id;
        let (count, comparisons) = self.comparisons(class);
        let (context, dclass) = (self.context, u32::from(self.number_of(class).0));
        let dclass = if self.chance.one_in(40) { dclass | 1 << 16 } else { dclass };
        let comparisons = comparisons.as_slice();
        self.ask(&DatabaseMessage::SelectQuery { context, dclass, count, comparisons })
    }

    fn update_query(&mut self) -> Dg {
        let class = self.class().id;
        let (count, mut all) = self.comparisons(class);
        let (values, fields) = self.values(class, 2);
        all.extend(values.to_le_bytes());
        all.extend(fields);
        let dclass = u32::from(self.number_of(class).0);
        let comparisons_and_fields = all.as_slice();
        self.ask(&DatabaseMessage::UpdateQuery { dclass, count, comparisons_and_fields })
    }

    fn delete_query(&mut self) -> Dg {
        let class = self.class().id;
        let (count, comparisons) = self.comparisons(class);
        let wrong = self.chance.one_in(3);
        let verify_code = if wrong { 7 } else { self.chance.pick(&KILL).unwrap_or(0) };
        let (dclass, comparisons) = (self.number_of(class), comparisons.as_slice());
        self.ask(&DatabaseMessage::DeleteQuery { verify_code, dclass, count, comparisons })
    }
}
