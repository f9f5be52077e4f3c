//! What messages carry that bring an object along.

use super::{Model, Object};
use dc::Field;
use wire::dialect::Dialect;
use wire::ids::{ClassId, DoId};
use wire::state_server::{Entry, ObjectNotice};

/// For whom an object is described.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// A location, or whoever asked what is there.
    Zone,
    /// The owner.
    Owner,
    /// The AI, or whoever asked for all.
    All,
}

/// What a message carries, and whether it has an OTHER block.
pub(super) struct Packed {
    pub(super) has_other: bool,
    pub(super) bytes: Vec<u8>,
}

impl Model {
    pub(super) fn packed(&self, object: &Object, sight: Sight, always_other: bool) -> Packed {
        let class = self.schema.class_by_number(object.class).expect("an object has a class");
        let mut bytes = Vec::new();
        for &id in &class.required {
            let field = self.schema.field(id);
            if self.is_seen(field, sight) {
                bytes.extend_from_slice(&object.fields[&field.number]);
            }
        }
        let field = |number: u16| {
            let id = class.field_by_number(number).expect("an object has fields of its class");
            self.schema.field(id)
        };
        let others: Vec<_> = object
            .fields
            .iter()
            .filter(|&(&number, _)| !self.words.is_required(field(number)))
            .collect();
        let has_other = always_other || !others.is_empty();
        if has_other {
            let seen = |&&(&number, _): &&(&u16, &Vec<u8>)| self.is_seen(field(number), sight);
            let seen: Vec<_> = others.iter().filter(seen).collect();
            bytes.extend_from_slice(&(seen.len() as u16).to_le_bytes());
            for &&(number, value) in &seen {
                bytes.extend_from_slice(&number.to_le_bytes());
                bytes.extend_from_slice(value);
            }
        }
        Packed { has_other, bytes }
    }

    fn is_seen(&self, field: &Field, sight: Sight) -> bool {
        match (self.dialect, sight) {
            (Dialect::OpenOtp, _) | (Dialect::Astron, Sight::All) => true,
            (Dialect::Astron, Sight::Zone) => self.words.is_for_clients(field),
            (Dialect::Astron, Sight::Owner) => {
                self.words.is_for_clients(field) || self.words.is_for_owner(field)
            }
        }
    }

    pub(super) fn enter_zone(&mut self, id: u32, to: &[u64]) {
        let object = self.object(id).clone();
        let packed = self.packed(&object, Sight::Zone, false);
        let notice = ObjectNotice::EnterZone(entry(id, &object, &packed));
        self.notice(id, to, id.into(), &notice);
    }

    pub(super) fn enter_interest(&mut self, id: u32, to: &[u64], context: u32) {
        let object = self.object(id).clone();
        let packed = self.packed(&object, Sight::Zone, false);
        let entry = entry(id, &object, &packed);
        self.notice(id, to, id.into(), &ObjectNotice::EnterInterest { context, entry });
    }

    pub(super) fn enter_ai(&mut self, id: u32, ai: u64) {
        let object = self.object(id).clone();
        let packed = self.packed(&object, Sight::All, self.dialect == Dialect::OpenOtp);
        self.notice(id, &[ai], id.into(), &ObjectNotice::EnterAi(entry(id, &object, &packed)));
    }

    pub(super) fn enter_owner(&mut self, id: u32, owner: u64) {
        let object = self.object(id).clone();
        let packed = self.packed(&object, Sight::Owner, self.dialect == Dialect::OpenOtp);
        let notice = ObjectNotice::EnterOwner(entry(id, &object, &packed));
        self.notice(id, &[owner], id.into(), &notice);
    }
}

pub(super) fn entry<'a>(id: u32, object: &Object, packed: &'a Packed) -> Entry<'a> {
    Entry {
        do_id: DoId(id),
        location: object.location(),
        dclass: ClassId(object.class),
        has_other: packed.has_other,
        fields: &packed.bytes,
    }
}
