//! Updates of fields, and their opposite.

use super::{Done, Model, number};
use crate::objects::datagram::Dg;
use wire::ids::DoId;
use wire::state_server::{Fields, ObjectNotice};

/// What goes to the same receivers, in order.
type Groups<T> = Vec<(Vec<u64>, Vec<T>)>;

impl Model {
    pub(super) fn update(&mut self, id: u32, dg: &Dg, field: u16, value: &[u8]) -> Done {
        let mut object = self.object(id).clone();
        let schema = self.schema.clone();
        let class = self.class_of(&object).id;
        let class = schema.class(class);
        let Some(known) = self.field_of(class, field).map(|field| schema.field(field.id)) else {
            return Done::Refused;
        };
        if schema.check(known.id, value).is_err() {
            return Done::Refused;
        }
        object.fields.extend(self.stored(class, known, value));
        if self.is_too_big(&object) {
            return Done::Refused;
        }
        let to = self.receivers(&object, known, dg.sender);
        self.objects.insert(id, object);
        let update = ObjectNotice::UpdateField { do_id: DoId(id), field: number(field), value };
        self.notice(id, &to, dg.sender, &update);
        Done::Yes
    }

    pub(super) fn updates(&mut self, id: u32, dg: &Dg, count: u16, fields: &[u8]) -> Done {
        let mut object = self.object(id).clone();
        let schema = self.schema.clone();
        let class = schema.class(self.class_of(&object).id);
        let (mut pairs, mut rest) = (Vec::new(), fields);
        for _ in 0..count {
            match self.take_pair(class, &mut rest) {
                Ok(pair) => pairs.push(pair),
                Err(_) => return Done::Refused,
            }
        }
        if !rest.is_empty() {
            return Done::Refused;
        }
        let mut groups: Groups<(u16, Vec<u8>)> = Vec::new();
        for (field, value) in pairs {
            let known = self.field_of(class, field).expect("it was found before");
            object.fields.extend(self.stored(class, known, &value));
            add(&mut groups, self.receivers(&object, known, dg.sender), (field, value));
        }
        if self.is_too_big(&object) {
            return Done::Refused;
        }
        self.objects.insert(id, object);
        if let [(to, _)] = &groups[..] {
            let whole = ObjectNotice::UpdateFieldMultiple { do_id: DoId(id), count, fields };
            self.notice(id, to, dg.sender, &whole);
            return Done::Yes;
        }
        groups.iter().for_each(|(to, pairs)| self.relay(id, dg.sender, to, pairs));
        Done::Yes
    }

    fn relay(&mut self, id: u32, orig: u64, to: &[u64], pairs: &[(u16, Vec<u8>)]) {
        let do_id = DoId(id);
        if let [(field, value)] = pairs {
            let update = ObjectNotice::UpdateField { do_id, field: number(*field), value };
            return self.notice(id, to, orig, &update);
        }
        let pair = |(field, value): &(u16, Vec<u8>)| [&field.to_le_bytes(), &value[..]].concat();
        let fields = pairs.iter().map(pair).collect::<Vec<_>>().concat();
        let count = pairs.len() as u16;
        let updates = ObjectNotice::UpdateFieldMultiple { do_id, count, fields: &fields };
        self.notice(id, to, orig, &updates);
    }

    /// DELETE_FIELD(S)_RAM: each once, molecular ones as their methods.
    pub(super) fn unset(&mut self, id: u32, dg: &Dg, fields: &[u16]) -> Done {
        let mut object = self.object(id).clone();
        let schema = self.schema.clone();
        let class = schema.class(self.class_of(&object).id);
        let mut atoms = Vec::new();
        for &field in fields {
            let Some(known) = self.field_of(class, field) else { return Done::Refused };
            let before = schema.atoms(known.id).filter(|atom| self.words.is_stored(atom));
            let stored: Vec<u16> = before
                .map(|atom| atom.number)
                .filter(|&atom| class.field_by_number(atom).is_some())
                .collect();
            if stored.is_empty() {
                return Done::Refused;
            }
            atoms.extend(stored);
        }
        let mut groups: Groups<u16> = Vec::new();
        for (nth, &field) in atoms.iter().enumerate() {
            if atoms[..nth].contains(&field) {
                continue;
            }
            let known = self.field_of(class, field).expect("it was found before");
            if self.words.is_required(known) {
                object.fields.insert(field, known.default.to_vec());
            } else if object.fields.remove(&field).is_none() {
                continue;
            }
            add(&mut groups, self.receivers(&object, known, dg.sender), field);
        }
        self.objects.insert(id, object);
        groups.iter().for_each(|(to, fields)| self.relay_unset(id, dg.sender, to, fields));
        Done::Yes
    }

    fn relay_unset(&mut self, id: u32, orig: u64, to: &[u64], fields: &[u16]) {
        let do_id = DoId(id);
        if let &[field] = fields {
            let unset = ObjectNotice::DeleteFieldRam { do_id, field: number(field) };
            return self.notice(id, to, orig, &unset);
        }
        let bytes: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
        let unset = ObjectNotice::DeleteFieldsRam { do_id, fields: Fields::of(&bytes) };
        self.notice(id, to, orig, &unset);
    }
}

fn add<T>(groups: &mut Groups<T>, to: Vec<u64>, what: T) {
    match groups.iter_mut().find(|(receivers, _)| *receivers == to) {
        Some((_, all)) => all.push(what),
        None => groups.push((to, vec![what])),
    }
}
