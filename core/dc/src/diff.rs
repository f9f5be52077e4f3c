//! `dc diff`: what someone who has read the old files would misunderstand.

use crate::describe::describe_field;
use crate::schema::{Class, Field, FieldKind, Schema};
use std::collections::BTreeMap;
use std::fmt;

/// How much a change matters to someone with the old files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Nothing is misread.
    Harmless,
    /// What is sent is read as it is meant, but who may send it, or what is stored, changes.
    Meaning,
    /// Bytes are read as something else, or not at all.
    Misread,
}

impl Severity {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Harmless => "harmless",
            Severity::Meaning => "meaning",
            Severity::Misread => "misread",
        }
    }
}

/// A difference between two schemas.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// How much it matters.
    pub severity: Severity,
    /// The class, or the class and the field.
    pub place: String,
    /// What is different.
    pub what: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { severity, place, what } = self;
        write!(f, "{:8}  {place}: {what}", severity.name())
    }
}

/// All differences, in the order of the old files, new things last.
pub fn diff(old: &Schema, new: &Schema) -> Vec<Change> {
    let mut changes = Vec::new();
    for class in old.classes() {
        match new.class_by_name(&class.name) {
            Some(other) => diff_class([old, new], class, other, &mut changes),
            None => changes.push(Change {
                severity: Severity::Misread,
                place: class.name.clone(),
                what: "is gone".into(),
            }),
        }
    }
    for class in new.classes().iter().filter(|class| old.class_by_name(&class.name).is_none()) {
        let what = format!("is new, with number {}", class.id.0);
        let place = class.name.clone();
        changes.push(Change { severity: Severity::Harmless, place, what });
    }
    changes
}

fn diff_class(schemas: [&Schema; 2], old: &Class, new: &Class, changes: &mut Vec<Change>) {
    let mut say = |severity, what| {
        changes.push(Change { severity, place: old.name.clone(), what });
    };
    if old.is_struct != new.is_struct {
        say(Severity::Misread, "one is a struct, the other a class".into());
    }
    if !old.is_struct && old.id != new.id {
        say(Severity::Misread, format!("has number {} instead of {}", new.id.0, old.id.0));
    }
    let names = |schema: &Schema, class: &Class| -> Vec<String> {
        class.parents.iter().map(|&parent| schema.class(parent).name.clone()).collect()
    };
    let parents = [names(schemas[0], old), names(schemas[1], new)];
    if parents[0] != parents[1] {
        let what = format!("inherits from {:?} instead of {:?}", parents[1], parents[0]);
        say(Severity::Meaning, what);
    }
    let entries = [entry(schemas[0], old), entry(schemas[1], new)];
    if entries[0] != entries[1] {
        let what = format!(
            "enters with its required fields {} instead of {}",
            entries[1].join(", "),
            entries[0].join(", ")
        );
        say(Severity::Misread, what);
    }
    let moved = moved(schemas, [old, new]);
    if !moved.is_empty() {
        say(Severity::Misread, format!("inherits with other numbers: {}", moved.join(", ")));
    }
    let [old_fields, new_fields] = [named(schemas[0], old), named(schemas[1], new)];
    let [in_old, in_new] = [by_name(&old_fields), by_name(&new_fields)];
    for (name, field) in &old_fields {
        let place = format!("{}.{name}", old.name);
        match in_new.get(name.as_str()) {
            Some(other) => diff_field(schemas, place, field, other, changes),
            None => {
                let what = format!("is gone (its number was {})", field.number);
                changes.push(Change { severity: Severity::Misread, place, what });
            }
        }
    }
    for (name, field) in new_fields.iter().filter(|(name, _)| !in_old.contains_key(name.as_str())) {
        // What a struct adds is among bytes that the old reader takes apart.
        let severity = if new.is_struct { Severity::Misread } else { Severity::Harmless };
        let place = format!("{}.{name}", new.name);
        let what =
            format!("is new, with number {}: {}", field.number, describe_field(schemas[1], field));
        changes.push(Change { severity, place, what });
    }
}

fn by_name<'a>(fields: &'a [(String, &'a Field)]) -> BTreeMap<&'a str, &'a Field> {
    fields.iter().map(|(name, field)| (name.as_str(), *field)).collect()
}

/// What an object brings when it enters, field by field.
fn entry(schema: &Schema, class: &Class) -> Vec<String> {
    class.required.iter().map(|&id| schema.field(id).name.clone()).collect()
}

/// Inherited fields that both have, under different numbers.
fn moved(schemas: [&Schema; 2], [old, new]: [&Class; 2]) -> Vec<String> {
    let inherited = old.fields.iter().map(|&id| schemas[0].field(id));
    let inherited = inherited.filter(|field| field.class != old.id && !field.name.is_empty());
    let other = |field: &Field| {
        let other = schemas[1].field(new.field_by_name(&field.name)?);
        let [is, was] = [other.number, field.number];
        (is != was).then(|| format!("`{}` {is} instead of {was}", field.name))
    };
    inherited.filter_map(other).collect()
}

/// The own fields of a class with their names; one without a name goes by its place.
fn named<'a>(schema: &'a Schema, class: &Class) -> Vec<(String, &'a Field)> {
    let all = class.constructor.iter().chain(&class.own).map(|&id| schema.field(id));
    let name = |(at, field): (usize, &'a Field)| match field.name.is_empty() {
        true => (format!("#{at}"), field),
        false => (field.name.clone(), field),
    };
    all.enumerate().map(name).collect()
}

fn diff_field(
    [old_schema, new_schema]: [&Schema; 2],
    place: String,
    old: &Field,
    new: &Field,
    changes: &mut Vec<Change>,
) {
    let mut say = |severity, what| {
        changes.push(Change { severity, place: place.clone(), what });
    };
    if old.number != new.number {
        say(Severity::Misread, format!("has number {} instead of {}", new.number, old.number));
    }
    let [was, is] = [describe_field(old_schema, old), describe_field(new_schema, new)];
    if !is_same_on_wire([old_schema, new_schema], old, new) {
        let what = match was == is {
            true => format!("a type in `{is}` has changed"),
            false => format!("is `{is}` instead of `{was}`"),
        };
        say(Severity::Misread, what);
    } else if was != is {
        say(Severity::Meaning, format!("is `{is}` instead of `{was}`"));
    }
    if old.default != new.default {
        say(Severity::Meaning, "has another default".into());
    }
}

/// Whether both read the same bytes as the same values.
fn is_same_on_wire(schemas: [&Schema; 2], old: &Field, new: &Field) -> bool {
    match (&old.kind, &new.kind) {
        (FieldKind::Molecular(old_atoms), FieldKind::Molecular(new_atoms)) => {
            let name = |at: usize, id| schemas[at].field(id).name.as_str();
            old_atoms.len() == new_atoms.len()
                && old_atoms.iter().zip(new_atoms).all(|(&a, &b)| name(0, a) == name(1, b))
        }
        (FieldKind::Molecular(_), _) | (_, FieldKind::Molecular(_)) => false,
        (FieldKind::Parameter(_), FieldKind::Atomic(_))
        | (FieldKind::Atomic(_), FieldKind::Parameter(_)) => false,
        (FieldKind::Parameter(_), FieldKind::Parameter(_))
        | (FieldKind::Atomic(_), FieldKind::Atomic(_)) => {
            let [old, new] = [old.members(), new.members()];
            old.len() == new.len() && old.iter().zip(new).all(|(a, b)| a.of.reads_as(&b.of))
        }
    }
}
