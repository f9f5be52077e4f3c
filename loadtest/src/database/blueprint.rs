//! What the objects of a run consist of, packed once: what a create gives, what a read of all must
//! answer, and the value that is updated. Each carries a stamp.
//!
//! A create gives every required `db` field its default, but for two fields: one that has a string
//! or blob carries the stamp and is updated and looked for, one is padded to make objects as large
//! as wanted. Either may be a `db` field that is not required.

use super::plan::DatabasePlan;
use crate::fill::{Filled, Place};
use crate::template::Template;
use anyhow::{Context, Result, bail};
use dc::{Class, Field, FieldKind, Keywords, Schema};
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
    pub(crate) value: Template,
    /// The fields of a create, `count` x (number, value).
    pub(crate) created: Template,
    pub(crate) created_count: u16,
    /// What follows the class where all fields are read.
    pub(crate) selected: Template,
}

impl Blueprint {
    pub(crate) fn new(plan: &DatabasePlan) -> Result<Blueprint> {
        let schema = &*plan.schema;
        let Some(name) = &plan.class else {
            let classes = schema.classes().iter().filter(|class| !class.is_struct);
            let mut suitable = classes.filter_map(|class| Draft::new(schema, class, plan).ok());
            let draft = suitable.next().context(
                "no class has a db field with a string or blob of that size, and one to pad: \
                 --class, --value-bytes, --object-bytes",
            )?;
            return Ok(draft.blueprint(plan.dialect));
        };
        let class = schema.class_by_name(name).filter(|class| !class.is_struct);
        let class = class.with_context(|| format!("there is no class {name}"))?;
        Ok(Draft::new(schema, class, plan)?.blueprint(plan.dialect))
    }
}

/// Values by the number of their field.
type Values<'a> = BTreeMap<u16, (&'a Field, Vec<u8>)>;

/// The values that the objects of a class are created with.
struct Draft<'a> {
    schema: &'a Schema,
    class: &'a Class,
    updated: &'a Field,
    value: Filled,
    given: Values<'a>,
}

impl<'a> Draft<'a> {
    fn new(schema: &'a Schema, class: &'a Class, plan: &DatabasePlan) -> Result<Draft<'a>> {
        let (name, bytes) = (&class.name, plan.value_bytes);
        let texts = stored(schema, class).flat_map(Place::of_text);
        let filled = texts.filter_map(|place| Some((place.field, place.filled(schema, bytes)?)));
        let updated = filled.min_by_key(|(field, _)| !class.required.contains(&field.id));
        let (updated, value) = updated.with_context(|| {
            format!("{name} has no db field with a string or blob of {bytes} bytes")
        })?;
        let required = stored(schema, class).filter(|field| class.required.contains(&field.id));
        let mut given: Values<'_> =
            required.map(|field| (field.number, (field, field.default.to_vec()))).collect();
        given.insert(updated.number, (updated, value.bytes.clone()));
        let mut draft = Draft { schema, class, updated, value, given };
        if !draft.pad(plan.object_bytes) {
            let (least, wanted) = (draft.bytes(), plan.object_bytes);
            bail!("{name} has {least} bytes and no db field that can be padded to {wanted}");
        }
        Ok(draft)
    }

    /// Bytes of all values.
    fn bytes(&self) -> usize {
        self.given.values().map(|(_, value)| value.len()).sum()
    }

    /// Makes the object at least so large.
    fn pad(&mut self, bytes: usize) -> bool {
        let lacking = bytes.saturating_sub(self.bytes());
        if lacking == 0 {
            return true;
        }
        let fields = stored(self.schema, self.class).filter(|field| field.id != self.updated.id);
        let filled = fields.flat_map(Place::of_any_length).find_map(|place| {
            let present = self.given.get(&place.field.number).map_or(0, |(_, value)| value.len());
            Some((place.field, place.filled_to(self.schema, present + lacking)?))
        });
        let Some((field, Filled { bytes, .. })) = filled else { return false };
        self.given.insert(field.number, (field, bytes));
        true
    }

    fn blueprint(&self, dialect: Dialect) -> Blueprint {
        Blueprint {
            class: ClassId(self.class.id.0),
            class_name: self.class.name.clone(),
            field: FieldId(self.updated.number),
            field_name: self.updated.name.clone(),
            value: Template::new(self.value.bytes.clone(), Some(self.value.content_at)),
            created: self.listed(Listed::default(), self.given.values()).template(),
            created_count: self.given.len() as u16,
            selected: self.selected(dialect).template(),
        }
    }

    /// `openotp`: all required fields in the order of the class, then the others that are stored.
    /// `astron`: those that are stored, among them every `db` field with a default of its own.
    fn selected(&self, dialect: Dialect) -> Listed {
        let mut listed = Listed::default();
        let mut others = self.given.clone();
        match dialect {
            Dialect::OpenOtp => {
                for field in self.class.required.iter().map(|&id| self.schema.field(id)) {
                    let stored = others.remove(&field.number);
                    let value = stored.map_or(field.default.to_vec(), |(_, value)| value);
                    self.append(&mut listed, field, &value);
                }
            }
            Dialect::Astron => {
                for field in stored(self.schema, self.class).filter(|field| field.has_default) {
                    let default = || (field, field.default.to_vec());
                    others.entry(field.number).or_insert_with(default);
                }
            }
        }
        listed.bytes.extend_from_slice(&(others.len() as u16).to_le_bytes());
        self.listed(listed, others.values())
    }

    /// Appends (number, value) of each.
    fn listed<'b>(
        &self,
        mut listed: Listed,
        values: impl Iterator<Item = &'b (&'b Field, Vec<u8>)>,
    ) -> Listed {
        for (field, value) in values {
            listed.bytes.extend_from_slice(&field.number.to_le_bytes());
            self.append(&mut listed, field, value);
        }
        listed
    }

    fn append(&self, listed: &mut Listed, field: &Field, value: &[u8]) {
        if field.id == self.updated.id {
            listed.stamp_at = Some(listed.bytes.len() + self.value.content_at);
        }
        listed.bytes.extend_from_slice(value);
    }
}

#[derive(Default)]
struct Listed {
    bytes: Vec<u8>,
    stamp_at: Option<usize>,
}

impl Listed {
    fn template(self) -> Template {
        Template::new(self.bytes, self.stamp_at)
    }
}

/// The fields of a class that a Database keeps.
fn stored<'a>(schema: &'a Schema, class: &'a Class) -> impl Iterator<Item = &'a Field> {
    let db = schema.keyword("db").unwrap_or(Keywords(0));
    let fields = class.fields.iter().map(|&id| schema.field(id));
    fields.filter(move |field| {
        let is_molecular = matches!(field.kind, FieldKind::Molecular(_));
        db != Keywords(0) && field.keywords.contain(db) && !is_molecular
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::Stamp;
    use dc::{Options, Source};
    use std::sync::Arc;

    fn plan(dialect: Dialect, text: &str) -> DatabasePlan {
        let source = Source { name: "a.dc".into(), text: text.into() };
        let schema = Schema::load(&[source], Options::default()).unwrap();
        DatabasePlan::new(([127, 0, 0, 1], 1).into(), dialect, Arc::new(schema))
    }

    const STAMP: Stamp = Stamp { object: 5, value: 6, run: 7 };

    #[test]
    fn the_park_has_a_class_that_suits() {
        for dialect in Dialect::ALL {
            let plan = plan(dialect, include_str!("../../../etc/park.dc"));
            let mut blueprint = Blueprint::new(&plan).unwrap();
            assert_eq!(blueprint.class_name, "Account");
            assert_eq!(blueprint.field_name, "setUsername");
            assert_eq!(blueprint.created_count, 3);
            let created = blueprint.created.stamped(STAMP).len();
            assert!((300..330).contains(&created), "{created}");
            let credit = [&6_u16.to_le_bytes()[..], &250_u32.to_le_bytes()].concat();
            let selected = blueprint.selected.stamped(STAMP);
            let has_credit = selected.windows(4).any(|bytes| bytes == &credit[2..]);
            assert_eq!(has_credit, dialect == Dialect::Astron);
        }
    }

    #[test]
    fn what_is_not_given_is_read_as_its_default_or_not_at_all() {
        let text = "dclass A { f(uint8 n = 4) required; g(blob b) db; h(uint8 n = 9) db; \
                    i(uint8 n) required db; j(uint8 n) db; };";
        let selected = |dialect| {
            let plan = DatabasePlan { value_bytes: 24, object_bytes: 0, ..plan(dialect, text) };
            Blueprint::new(&plan).unwrap().selected.stamped(STAMP).to_vec()
        };
        let value = [&[24, 0][..], &STAMP.bytes()].concat();
        let openotp = [&[4, 0, 1, 0, 1, 0][..], &value].concat();
        assert_eq!(selected(Dialect::OpenOtp), openotp);
        let astron = [&[3, 0, 1, 0][..], &value, &[2, 0, 9, 3, 0, 0]].concat();
        assert_eq!(selected(Dialect::Astron), astron);
    }

    #[test]
    fn a_class_that_does_not_suit_is_named() {
        let complaint = |class: &str, object_bytes| {
            let mut plan = plan(Dialect::OpenOtp, include_str!("../../../etc/park.dc"));
            (plan.class, plan.object_bytes) = (Some(class.into()), object_bytes);
            Blueprint::new(&plan).err().map(|error| error.to_string())
        };
        assert!(complaint("Logged", 300).unwrap().contains("of 32 bytes"));
        assert!(complaint("DistributedThing", 300).unwrap().contains("no db field that can"));
        assert_eq!(complaint("Visitor", 300), None);
        assert!(complaint("Nobody", 300).unwrap().contains("no class Nobody"));
    }
}
