//! What the objects of a run consist of, packed once: the message that creates one, the message
//! that announces it, and an update of it. Each carries a stamp.
//!
//! Objects have all required fields with their defaults, but for two: one that is broadcast and
//! has a string or blob carries the stamp and is updated, one is padded to make objects as large
//! as wanted. Either may be a `ram` field, which then stands in the OTHER block.

use super::plan::{OBJECT_BYTES_MAX, ObjectsPlan};
use crate::fill::{Filled, Place};
use crate::template::Template;
use anyhow::{Context, Result, bail, ensure};
use dc::{Class, Field, Keywords, Schema};
use std::collections::BTreeMap;
use wire::dialect::Dialect;
use wire::ids::{ClassId, FieldId};

pub(crate) struct Blueprint {
    pub(crate) class: ClassId,
    pub(crate) class_name: String,
    /// The field that is updated.
    pub(crate) field: FieldId,
    pub(crate) field_name: String,
    /// A value of it.
    pub(crate) update: Template,
    /// What a GENERATE brings along.
    pub(crate) created: Body,
    /// What an ENTERZONE brings along.
    pub(crate) entered: Body,
}

/// The fields of an object in a message.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) has_other: bool,
    pub(crate) fields: Template,
}

impl Blueprint {
    pub(crate) fn new(plan: &ObjectsPlan) -> Result<Blueprint> {
        let schema = &*plan.schema;
        let Some(name) = &plan.class else {
            let classes = schema.classes().iter().filter(|class| !class.is_struct);
            let mut suitable = classes.filter_map(|class| Draft::new(schema, class, plan).ok());
            let draft = suitable.next().context(
                "no class has a broadcast field with a string or blob of that size, and one to \
                 pad: --class, --value-bytes, --object-bytes",
            )?;
            return Ok(draft.blueprint(plan.dialect));
        };
        let class = schema.class_by_name(name).filter(|class| !class.is_struct);
        let class = class.with_context(|| format!("there is no class {name}"))?;
        Ok(Draft::new(schema, class, plan)?.blueprint(plan.dialect))
    }
}

/// The values that the objects of a class have.
struct Draft<'a> {
    schema: &'a Schema,
    class: &'a Class,
    updated: &'a Field,
    value: Filled,
    /// The values of all fields that are stored, by number.
    stored: BTreeMap<u16, (&'a Field, Vec<u8>)>,
}

impl<'a> Draft<'a> {
    fn new(schema: &'a Schema, class: &'a Class, plan: &ObjectsPlan) -> Result<Draft<'a>> {
        let name = &class.name;
        let (updated, value) = updated(schema, class, plan.value_bytes).with_context(|| {
            let bytes = plan.value_bytes;
            format!("{name} has no broadcast field with a string or blob of {bytes} bytes")
        })?;
        let required = class.required.iter().map(|&id| schema.field(id));
        let mut stored: BTreeMap<_, _> =
            required.map(|field| (field.number, (field, field.default.to_vec()))).collect();
        if is_stored(schema, updated) {
            stored.insert(updated.number, (updated, value.bytes.clone()));
        }
        let mut draft = Draft { schema, class, updated, value, stored };
        if !draft.pad(plan.object_bytes) {
            let (least, wanted) = (draft.bytes(), plan.object_bytes);
            bail!("{name} has {least} bytes and no field that can be padded to {wanted}");
        }
        let (bytes, most) = (draft.bytes(), OBJECT_BYTES_MAX);
        ensure!(bytes <= most, "{name} has {bytes} bytes, which do not fit in a datagram");
        Ok(draft)
    }

    /// Bytes of all values, in their block.
    fn bytes(&self) -> usize {
        self.stored.values().map(|(_, value)| value.len()).sum()
    }

    /// Makes the object at least so large.
    fn pad(&mut self, bytes: usize) -> bool {
        let lacking = bytes.saturating_sub(self.bytes());
        if lacking == 0 {
            return true;
        }
        let fields = self.class.fields.iter().map(|&id| self.schema.field(id));
        let fields = fields.filter(|f| f.id != self.updated.id && is_stored(self.schema, f));
        let filled = fields.flat_map(Place::of_any_length).find_map(|place| {
            let present = self.stored.get(&place.field.number).map_or(0, |(_, value)| value.len());
            Some((place.field, place.filled_to(self.schema, present + lacking)?))
        });
        let Some((field, Filled { bytes, .. })) = filled else { return false };
        self.stored.insert(field.number, (field, bytes));
        true
    }

    fn blueprint(&self, dialect: Dialect) -> Blueprint {
        let visible = match dialect {
            Dialect::OpenOtp => |_: &Schema, _: &Field| true,
            Dialect::Astron => |schema: &Schema, field: &Field| {
                has(schema, field, "broadcast") || has(schema, field, "clrecv")
            },
        };
        Blueprint {
            class: ClassId(self.class.id.0),
            class_name: self.class.name.clone(),
            field: FieldId(self.updated.number),
            field_name: self.updated.name.clone(),
            update: Template::new(self.value.bytes.clone(), Some(self.value.content_at)),
            created: self.body(|_| true),
            entered: self.body(|field| visible(self.schema, field)),
        }
    }

    /// The fields that `includes` says, required ones first; with an OTHER block if there is
    /// any field for it, included or not.
    fn body(&self, includes: impl Fn(&Field) -> bool) -> Body {
        let (mut bytes, mut stamp_at) = (Vec::new(), None);
        let mut append = |bytes: &mut Vec<u8>, field: &Field, value: &[u8]| {
            if field.id == self.updated.id {
                stamp_at = Some(bytes.len() + self.value.content_at);
            }
            bytes.extend_from_slice(value);
        };
        let is_required = |field: &Field| self.class.required.contains(&field.id);
        let required = self.class.required.iter().map(|&id| self.schema.field(id).number);
        for (field, value) in required.map(|number| &self.stored[&number]) {
            if includes(field) {
                append(&mut bytes, field, value);
            }
        }
        let others: Vec<_> =
            self.stored.values().filter(|(field, _)| !is_required(field)).collect();
        if !others.is_empty() {
            let shown = others.iter().filter(|(field, _)| includes(field));
            bytes.extend_from_slice(&(shown.clone().count() as u16).to_le_bytes());
            for (field, value) in shown {
                bytes.extend_from_slice(&field.number.to_le_bytes());
                append(&mut bytes, field, value);
            }
        }
        Body { has_other: !others.is_empty(), fields: Template::new(bytes, stamp_at) }
    }
}

/// The field to update, and its value: the first that is required, or `ram`, or neither.
fn updated<'a>(schema: &'a Schema, class: &'a Class, bytes: usize) -> Option<(&'a Field, Filled)> {
    let fields = class.fields.iter().map(|&id| schema.field(id));
    let fields = fields.filter(|field| has(schema, field, "broadcast"));
    let candidates = fields.flat_map(Place::of_text);
    let candidates =
        candidates.filter_map(|place| Some((place.field, place.filled(schema, bytes)?)));
    candidates
        .min_by_key(|(field, _)| (!class.required.contains(&field.id), !has(schema, field, "ram")))
}

fn is_stored(schema: &Schema, field: &Field) -> bool {
    has(schema, field, "required") || has(schema, field, "ram")
}

fn has(schema: &Schema, field: &Field, keyword: &str) -> bool {
    let keyword = schema.keyword(keyword).unwrap_or(Keywords(0));
    keyword != Keywords(0) && field.keywords.contain(keyword)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::Stamp;
    use crate::template::Content;
    use dc::{Options, Source};
    use std::sync::Arc;

    fn plan(dialect: Dialect, text: &str) -> ObjectsPlan {
        let source = Source { name: "a.dc".into(), text: text.into() };
        let schema = Schema::load(&[source], Options::default()).unwrap();
        ObjectsPlan::new(([127, 0, 0, 1], 1).into(), dialect, Arc::new(schema))
    }

    const PARK: &str = include_str!("../../../etc/park.dc");

    #[test]
    fn the_park_has_a_class_that_suits() {
        for dialect in Dialect::ALL {
            let plan = plan(dialect, PARK);
            let mut blueprint = Blueprint::new(&plan).unwrap();
            assert_eq!(blueprint.class_name, "DistributedBoat");
            assert_eq!(blueprint.field_name, "setName");
            assert!(blueprint.created.has_other && blueprint.entered.has_other);
            let class = plan.schema.class_by_name("DistributedBoat").unwrap();
            let stamp = Stamp { object: 5, value: 6, run: 7 };
            let created = blueprint.created.fields.stamped(stamp).to_vec();
            assert!((300..330).contains(&created.len()), "{}", created.len());
            let values: Vec<_> =
                plan.schema.required(class, &created).map(Result::unwrap).collect();
            assert_eq!(values.len(), class.required.len());
            let (_, name) = values[0];
            assert_eq!(blueprint.update.read(name), Content::Stamped(stamp));
            let entered = blueprint.entered.fields.stamped(stamp);
            assert_eq!(entered == created, dialect == Dialect::OpenOtp);
        }
    }

    #[test]
    fn a_class_that_does_not_suit_is_named() {
        let complaint = |class: &str, value_bytes, object_bytes| {
            let mut plan = plan(Dialect::OpenOtp, PARK);
            plan.class = Some(class.into());
            (plan.value_bytes, plan.object_bytes) = (value_bytes, object_bytes);
            Blueprint::new(&plan).err().map(|error| error.to_string())
        };
        assert!(complaint("Logged", 32, 300).unwrap().contains("of 32 bytes"));
        assert!(complaint("DistributedThing", 32, 300).unwrap().contains("no field that can"));
        assert_eq!(complaint("DistributedThing", 32, 0), None);
        assert!(complaint("Nobody", 32, 300).unwrap().contains("no class Nobody"));
    }

    #[test]
    fn ram_fields_stand_in_other_and_hidden_ones_are_left_out() {
        let text = "dclass A { f(uint8 x, blob b) broadcast ram; g(uint8 y = 9) required; };";
        let blueprint = |dialect, value_bytes| {
            let plan = ObjectsPlan { value_bytes, object_bytes: 0, ..plan(dialect, text) };
            Blueprint::new(&plan).unwrap()
        };
        let stamp = Stamp { object: 1, value: 2, run: 3 };
        let other = [&[1, 0, 0, 0, 0, 24, 0][..], &stamp.bytes()].concat();
        let mut openotp = blueprint(Dialect::OpenOtp, 24);
        assert_eq!(openotp.entered.fields.stamped(stamp), [&[9], &other[..]].concat());
        let mut astron = blueprint(Dialect::Astron, 24);
        assert_eq!(astron.created.fields.stamped(stamp), [&[9], &other[..]].concat());
        assert_eq!(astron.entered.fields.stamped(stamp), other);
    }
}
