//! GENERATE, with all that can be right or wrong about fields.

use super::Draw;
use crate::objects::datagram::Dg;
use crate::objects::{schema, values};
use dc::Class;
use wire::ids::{ClassId, DoId};
use wire::state_server::{Entry, StateServerMessage};

/// A datagram holds no more of several fields than this.
pub(super) const BYTES_MAX: usize = 64_000;

impl Draw<'_> {
    pub(super) fn create(&mut self) -> Dg {
        let schema = self.model.schema.clone();
        let classes = schema::dclasses(&schema);
        let class = schema.class(self.chance.pick(&classes).unwrap_or(classes[0]));
        let do_id = self.new_id();
        let mut location = self.location();
        if self.mistake(25) {
            location.parent = do_id;
        } else if !self.scope.rings && self.model.is_above(do_id.0, location.parent.0) {
            location.parent = DoId(0);
        }
        let has_other = self.chance.one_in(2);
        let mut fields = self.required(class);
        if has_other {
            fields.extend(self.other(class));
        }
        let dclass = self.class_number(class);
        let entry = Entry { do_id, location, dclass, has_other, fields: &fields };
        let to = self.control(do_id.0, 4);
        Dg::control(self.dialect(), to, self.sender, &StateServerMessage::Generate(entry))
    }

    /// An id that is free, or now and then one that is not to be had.
    fn new_id(&mut self) -> DoId {
        if self.mistake(25) {
            return DoId(self.chance.pick(&self.pools.reserved).unwrap_or(0));
        }
        let taken = self.mistake(20);
        let ids: Vec<u32> = self.scope.ids.clone();
        let fits = |id: &u32| self.model.objects.contains_key(id) == taken;
        let free: Vec<u32> = ids.iter().copied().filter(fits).collect();
        DoId(self.chance.pick(&free).unwrap_or(ids[0]))
    }

    /// The number of a class, or now and then that of a struct or of nothing.
    fn class_number(&mut self, class: &Class) -> ClassId {
        let schema = &self.model.schema;
        let point = schema.class_by_name("SimPoint").map_or(0, |class| class.id.0);
        let none = schema.classes().len() as u16;
        match self.mistake(25) {
            true => ClassId(self.chance.pick(&[point, none, u16::MAX]).unwrap_or(none)),
            false => ClassId(class.id.0),
        }
    }

    fn required(&mut self, class: &Class) -> Vec<u8> {
        let wrong = self.mistake(16).then(|| self.chance.index(class.required.len().max(1)));
        let mut bytes = Vec::new();
        for (at, &id) in class.required.iter().enumerate() {
            let schema = self.model.schema.clone();
            let value = values::value(&schema, schema.field(id), self.chance);
            let spoilt = wrong == Some(at);
            bytes.extend(if spoilt { values::spoilt(value, self.chance) } else { value });
        }
        bytes
    }

    fn other(&mut self, class: &Class) -> Vec<u8> {
        let mut pairs: Vec<Vec<u8>> = Vec::new();
        for _ in 0..self.chance.between(0, 6) {
            let pair = self.pair(class, 24);
            let bytes: usize = pairs.iter().chain(&pair).map(Vec::len).sum();
            pairs.extend(pair.filter(|_| bytes < BYTES_MAX));
        }
        let wrong_count = self.mistake(24);
        let count = pairs.len() as u16 + u16::from(wrong_count);
        [&count.to_le_bytes(), &pairs.concat()[..]].concat()
    }

    /// A field of `class` and a value, wrong once in `wrong_one_in`; `None` if it has no field.
    pub(super) fn pair(&mut self, class: &Class, wrong_one_in: u64) -> Option<Vec<u8>> {
        let (number, value) = self.field_and_value(class, wrong_one_in)?;
        Some([&number.to_le_bytes(), &value[..]].concat())
    }

    pub(super) fn field_and_value(
        &mut self,
        class: &Class,
        wrong_one_in: u64,
    ) -> Option<(u16, Vec<u8>)> {
        let schema = self.model.schema.clone();
        let number = self.field_of(class, wrong_one_in)?;
        let field = schema.fields().iter().find(|field| field.number == number);
        let Some(field) = field else { return Some((number, vec![0; 3])) };
        let mut value = values::value(&schema, field, self.chance);
        let is_big = schema.class(field.class).name == "SimBulk" && self.chance.one_in(4);
        if is_big {
            value = [&30_000u16.to_le_bytes()[..], &[7; 30_000]].concat();
        }
        let wrong = self.mistake(wrong_one_in);
        Some((number, if wrong { values::spoilt(value, self.chance) } else { value }))
    }

    /// A field of `class`, or now and then one of another class, or none.
    pub(super) fn field_of(&mut self, class: &Class, wrong_one_in: u64) -> Option<u16> {
        if self.mistake(wrong_one_in) {
            let foreign = self.chance.index(self.model.schema.fields().len()) as u16;
            return self.chance.pick(&[foreign, u16::MAX]);
        }
        self.chance.pick(&class.fields).map(|id| self.model.schema.field(id).number)
    }
}
