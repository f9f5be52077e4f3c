//! UPDATE_FIELD, UPDATE_FIELD_MULTIPLE and their opposite.

use super::Draw;
use super::entries::BYTES_MAX;
use crate::objects::datagram::Dg;
use wire::ids::FieldId;
use wire::state_server::{Fields, ObjectMessage};

impl Draw<'_> {
    /// An object that lives and has fields, with the number of its class.
    fn updated(&mut self) -> (u32, u16) {
        let id = self.target();
        let class = self.model.objects.get(&id).map(|object| object.class);
        let place = self.model.schema.class_by_name("SimPlace").map_or(0, |class| class.id.0);
        (id, class.unwrap_or(place))
    }

    pub(super) fn update(&mut self) -> Dg {
        let (id, class) = self.updated();
        let schema = self.model.schema.clone();
        let class = schema.class_by_number(class).expect("objects have classes");
        let pair = self.field_and_value(class, 12);
        let (field, value) = pair.unwrap_or((u16::MAX, Vec::new()));
        let do_id = self.named(id);
        let update = ObjectMessage::UpdateField { do_id, field: FieldId(field), value: &value };
        self.ask_object(id, &update)
    }

    pub(super) fn updates(&mut self) -> Dg {
        let (id, class) = self.updated();
        let schema = self.model.schema.clone();
        let class = schema.class_by_number(class).expect("objects have classes");
        let (mut fields, mut count) = (Vec::new(), 0);
        for _ in 0..self.chance.between(0, 6) {
            let pair = self.pair(class, 24).unwrap_or_default();
            if fields.len() + pair.len() < BYTES_MAX {
                count += u16::from(!pair.is_empty());
                fields.extend(pair);
            }
        }
        let do_id = self.named(id);
        let count = count + u16::from(self.mistake(20));
        self.ask_object(id, &ObjectMessage::UpdateFieldMultiple { do_id, count, fields: &fields })
    }

    /// DELETE_FIELD(S)_RAM of fields that may be set; `openotp` has none.
    pub(super) fn unset(&mut self) -> Dg {
        if !self.is_astron() {
            return self.update();
        }
        let (id, class) = self.updated();
        let schema = self.model.schema.clone();
        let class = schema.class_by_number(class).expect("objects have classes");
        let do_id = self.named(id);
        let fields = self.some_stored(id, class);
        if self.chance.one_in(2)
            && let Some(&field) = fields.first()
        {
            return self
                .ask_object(id, &ObjectMessage::DeleteFieldRam { do_id, field: FieldId(field) });
        }
        let bytes: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
        let fields = Fields::of(&bytes);
        self.ask_object(id, &ObjectMessage::DeleteFieldsRam { do_id, fields })
    }

    /// Mostly fields that are set.
    fn some_stored(&mut self, id: u32, class: &dc::Class) -> Vec<u16> {
        let set = self.model.objects.get(&id).map(|object| object.fields.keys().copied());
        let set: Vec<u16> = set.into_iter().flatten().collect();
        let mut some = Vec::new();
        for _ in 0..self.chance.between(1, 4) {
            let any = self.mistake(4);
            let field = if any { self.field_of(class, 8) } else { self.chance.pick(&set) };
            some.extend(field);
        }
        some
    }
}
