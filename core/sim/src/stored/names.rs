//! What the keys of a store stand for, for as long as the run lasts.

use super::body::{Body, CLASSES, FIELDS};
use crate::chance::Chance;
use crate::ledger::Violation;
use std::collections::BTreeMap;
use store::{Catalog, ClassKey, FieldKey};

const RULE: &str = "a key never changes its meaning";

/// Keys that were seen.
#[derive(Clone, Default, Debug)]
pub struct Names {
    classes: BTreeMap<ClassKey, usize>,
    fields: BTreeMap<FieldKey, usize>,
    /// Those that some object was written with: a store may forget the others.
    used: Used,
}

#[derive(Clone, Default, Debug)]
struct Used {
    classes: BTreeMap<ClassKey, usize>,
    fields: BTreeMap<FieldKey, usize>,
}

/// A catalog of some of the names of a run.
pub fn some(chance: &mut Chance) -> Catalog {
    let mut catalog = Catalog::default();
    let mut names: Vec<usize> = (0..CLASSES.len() + FIELDS.len()).collect();
    for at in (1..names.len()).rev() {
        names.swap(at, chance.index(at + 1));
    }
    let is_all = chance.one_in(3);
    for name in names {
        if !is_all && chance.one_in(3) {
            continue;
        }
        match name.checked_sub(CLASSES.len()) {
            None => catalog.class(CLASSES[name]).map(|_| ()),
            Some(field) => catalog.field(FIELDS[field].0, FIELDS[field].1).map(|_| ()),
        }
        .expect("there are fewer names than keys");
    }
    catalog.class(CLASSES[0]).expect("there are fewer names than keys");
    catalog
}

impl Names {
    /// Takes in the catalog of a store that was opened; no key may stand for another name than
    /// before, or be gone.
    pub fn learn(&mut self, catalog: &Catalog) -> Result<(), Violation> {
        let unknown = |name: &str| Violation::new(RULE, format!("nobody asked for {name:?}"));
        let mut now = Names { used: self.used.clone(), ..Names::default() };
        for (key, name) in catalog.classes() {
            let class = CLASSES.iter().position(|class| *class == name);
            now.classes.insert(key, class.ok_or_else(|| unknown(name))?);
        }
        for (key, name, of) in catalog.fields() {
            let field = FIELDS.iter().position(|field| *field == (name, of));
            now.fields.insert(key, field.ok_or_else(|| unknown(name))?);
        }
        let Used { classes, fields } = &self.used;
        let keeps = classes.iter().all(|(key, class)| now.classes.get(key) == Some(class))
            && fields.iter().all(|(key, field)| now.fields.get(key) == Some(field));
        if !keeps {
            return Err(Violation::new(RULE, format!("{self:?} became {now:?}")));
        }
        *self = now;
        Ok(())
    }

    /// An object like this is durable.
    pub fn note_used(&mut self, body: &Body) {
        self.used.classes.insert(self.class(body.class), body.class);
        for &field in body.fields.keys() {
            self.used.fields.insert(self.field(field), field);
        }
    }

    /// Whether a class has a key.
    pub fn has_class(&self, class: usize) -> bool {
        self.classes.values().any(|at| *at == class)
    }

    /// Whether a field has a key.
    pub fn has_field(&self, field: usize) -> bool {
        self.fields.values().any(|at| *at == field)
    }

    /// The key of a class that has one.
    pub fn class(&self, class: usize) -> ClassKey {
        let mut classes = self.classes.iter();
        *classes.find(|(_, at)| **at == class).expect("only known classes are used").0
    }

    /// The key of a field that has one.
    pub fn field(&self, field: usize) -> FieldKey {
        let mut fields = self.fields.iter();
        *fields.find(|(_, at)| **at == field).expect("only known fields are used").0
    }

    /// What an object of a store is in the names of the run.
    pub fn body<'a>(
        &self,
        class: ClassKey,
        fields: impl Iterator<Item = (FieldKey, &'a [u8])>,
    ) -> Result<Body, Violation> {
        let unknown = || Violation::new(RULE, "an object has keys that have no name".into());
        let field = |(key, value): (FieldKey, &[u8])| {
            Ok((*self.fields.get(&key).ok_or_else(unknown)?, value.to_vec()))
        };
        let class = *self.classes.get(&class).ok_or_else(unknown)?;
        Ok(Body { class, fields: fields.map(field).collect::<Result<_, Violation>>()? })
    }
}
