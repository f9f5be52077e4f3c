//! The DC files and what is stored: which names the store is to have keys for, and whether what it
//! holds already can still be read.
//!
//! Objects are stored under names, so numbers may change from one DC file to the next. A class that
//! is gone keeps its objects, and a field that is gone its values: they come back with their name. A
//! field whose type is another one would be misread: then the server does not start.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use dc::{Field, FieldKind, Schema};
use store::{Catalog, CatalogFull, ClassKey, FieldKey, Found, Part};
use wire::ids::DoId;

/// What is stored and not in the DC files, for the log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Classes that are gone, with how many objects.
    pub classes_gone: Vec<(String, usize)>,
    /// Fields that are gone: class, field, and in how many objects they are set.
    pub fields_gone: Vec<(String, String, usize)>,
}

/// A field that is stored as another type than it has now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TypeChange {
    /// Its class.
    pub class: String,
    /// Its name.
    pub field: String,
    /// The type of what is stored.
    pub old: String,
    /// The type in the DC files.
    pub new: String,
    /// In how many objects it is stored so.
    pub objects: usize,
}

/// Fields are stored as other types than they have now.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Problem(pub Vec<TypeChange>);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for TypeChange { class, field, old, new, objects } in &self.0 {
            writeln!(
                f,
                "{class}.{field} is {new} in the DC files, but {objects} objects store it as {old}",
            )?;
        }
        f.write_str(
            "export the objects with the old DC files and import them with the new ones, or give \
             the field of the new type another name",
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes = self.classes_gone.iter();
        let classes = classes.map(|(class, count)| (class.as_str(), "", "", count));
        let fields = self.fields_gone.iter();
        let fields =
            fields.map(|(class, field, count)| (class.as_str(), ".", field.as_str(), count));
        for (at, (class, dot, field, count)) in classes.chain(fields).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{class}{dot}{field} ({count} objects)")?;
        }
        Ok(())
    }
}

impl Report {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.classes_gone.is_empty() && self.fields_gone.is_empty()
    }
}

/// The names that the store is to have keys for: of all classes, and of all fields that are stored,
/// with their types.
pub fn wanted(schema: &Schema) -> Result<Catalog, CatalogFull> {
    let mut catalog = Catalog::default();
    for class in schema.classes().iter().filter(|class| !class.is_struct) {
        catalog.class(&class.name)?;
    }
    for field in schema.fields().iter().filter(|field| is_stored(schema, field)) {
        catalog.field(&field.name, &schema.storage_type(field.id))?;
    }
    Ok(catalog)
}

/// Compares what is stored with the DC files. Looks at objects only of classes that may hold
/// something else, but at all of these, and waits for those that are not in memory.
pub fn examine(parts: &[Part], schema: &Schema) -> Result<Report, Problem> {
    let Some(first) = parts.first() else { return Ok(Report::default()) };
    let catalog = first.catalog();
    let (mut report, mut changes) = (Report::default(), Vec::new());
    let known = known_keys(schema, catalog);
    for (key, name) in catalog.classes() {
        let objects =
            || parts.iter().flat_map(|part| part.objects_of(key).iter().map(move |id| (part, *id)));
        let Some(class) = schema.class_by_name(name).filter(|class| !class.is_struct) else {
            let there = |(part, do_id): &(&Part, _)| is_of_class(part, *do_id, key);
            let count = objects().filter(there).count();
            if count > 0 {
                report.classes_gone.push((name.into(), count));
            }
            continue;
        };
        let own = Own::of(schema, class, catalog);
        if !own.may_differ(catalog, &known) {
            continue;
        }
        let strangers = count_strangers(objects(), key, &own);
        for (stranger, objects) in strangers {
            let (field, old) = catalog.field_name(stranger).expect("a stored field has a name");
            match own.types.get(field) {
                Some(new) => changes.push(TypeChange {
                    class: name.into(),
                    field: field.into(),
                    old: old.into(),
                    new: new.clone(),
                    objects,
                }),
                None => report.fields_gone.push((name.into(), field.into(), objects)),
            }
        }
    }
    if changes.is_empty() { Ok(report) } else { Err(Problem(changes)) }
}

/// The stored fields of a class as the DC files have them.
struct Own {
    keys: BTreeSet<FieldKey>,
    types: BTreeMap<String, String>,
}

impl Own {
    fn of(schema: &Schema, class: &dc::Class, catalog: &Catalog) -> Own {
        let mut own = Own { keys: BTreeSet::new(), types: BTreeMap::new() };
        for field in class.fields.iter().map(|&id| schema.field(id)) {
            if is_stored(schema, field) {
                let type_text = schema.storage_type(field.id);
                own.keys.extend(catalog.find_field(&field.name, &type_text));
                own.types.insert(field.name.clone(), type_text);
            }
        }
        own
    }

    /// Whether an object of the class may hold a field that is not one of these: one that no class
    /// has any more, or one of the same name that has another type elsewhere.
    fn may_differ(&self, catalog: &Catalog, known: &BTreeSet<FieldKey>) -> bool {
        catalog.fields().any(|(key, name, _)| {
            !known.contains(&key) || (self.types.contains_key(name) && !self.keys.contains(&key))
        })
    }
}

/// The keys of all fields that some class stores.
fn known_keys(schema: &Schema, catalog: &Catalog) -> BTreeSet<FieldKey> {
    let stored = schema.fields().iter().filter(|field| is_stored(schema, field));
    stored
        .filter_map(|field| catalog.find_field(&field.name, &schema.storage_type(field.id)))
        .collect()
}

fn is_stored(schema: &Schema, field: &Field) -> bool {
    let is_molecular = matches!(field.kind, FieldKind::Molecular(_));
    let db = schema.keyword("db").filter(|_| !is_molecular);
    db.is_some_and(|db| field.keywords.contain(db)) && !schema.class(field.class).is_struct
}

/// In how many objects of a class fields are set that it does not have.
fn count_strangers<'a>(
    objects: impl Iterator<Item = (&'a Part, DoId)>,
    class: ClassKey,
    own: &Own,
) -> BTreeMap<FieldKey, usize> {
    let mut counts = BTreeMap::new();
    for (part, do_id) in objects {
        let Found::Here(object) = part.find_waiting(do_id) else { continue };
        if object.class() == class {
            let strangers =
                object.fields().map(|(key, _)| key).filter(|key| !own.keys.contains(key));
            strangers.for_each(|key| *counts.entry(key).or_default() += 1);
        }
    }
    counts
}

fn is_of_class(part: &Part, do_id: DoId, class: ClassKey) -> bool {
    match part.find_waiting(do_id) {
        Found::Here(object) => object.class() == class,
        Found::Away(_) | Found::Damaged(_) => true,
        Found::Absent => false,
    }
}
