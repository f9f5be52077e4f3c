//! The schema as the database needs it: which fields are stored, and under which key.

use alloc::sync::Arc;
use alloc::vec::Vec;
use dc::{Class, Field, FieldKind, Keywords, Schema};
use hashbrown::HashMap;
use store::{Catalog, ClassKey, FieldKey};
use wire::ids::{ClassId, FieldId};

/// How a field is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// It is not.
    No,
    /// Under this key.
    As(FieldKey),
    /// It is molecular: as its methods, of which at least one is stored.
    Parts,
}

/// A field of a class.
#[derive(Clone, Copy, Debug)]
pub struct FieldPlan {
    /// Its number on the wire.
    pub number: FieldId,
    /// Its place in the schema.
    pub id: dc::FieldId,
    /// How it is stored.
    pub kept: Kept,
    /// Whether it is required.
    pub required: bool,
    /// Whether the file gives it a default.
    pub has_default: bool,
    /// Whether it is molecular.
    pub molecular: bool,
}

/// A class.
pub struct ClassPlan {
    /// Its number on the wire.
    pub id: ClassId,
    /// Its key in the store.
    pub key: ClassKey,
    /// Its required fields, in the order in which an object brings them.
    pub required: Vec<FieldPlan>,
    /// Its stored fields, ascending.
    pub stored: Vec<(FieldPlan, FieldKey)>,
    fields: Numbers<FieldPlan>,
    /// The methods of its molecular fields, in order.
    parts: Numbers<Vec<FieldPlan>>,
}

type Numbers<V> = HashMap<u16, V, ahash::RandomState>;

/// All classes.
pub struct Classes {
    /// Where they come from.
    pub schema: Arc<Schema>,
    plans: Vec<Option<ClassPlan>>,
    /// The class of each key, if the schema has it.
    by_key: Vec<Option<ClassId>>,
}

impl Classes {
    /// Reads the schema. The catalog has all of its names.
    pub fn new(schema: Arc<Schema>, catalog: &Catalog) -> Classes {
        let plan =
            |class: &Class| (!class.is_struct).then(|| ClassPlan::new(&schema, class, catalog));
        let plans: Vec<Option<ClassPlan>> = schema.classes().iter().map(plan).collect();
        let mut by_key = Vec::new();
        for plan in plans.iter().flatten() {
            let at = plan.key.0 as usize;
            by_key.resize(by_key.len().max(at + 1), None);
            by_key[at] = Some(plan.id);
        }
        Classes { schema, plans, by_key }
    }

    /// The class of this number, if there is one; structs are none.
    pub fn get(&self, id: ClassId) -> Option<&ClassPlan> {
        self.plans.get(id.0 as usize)?.as_ref()
    }

    /// The class of a stored object, if the DC files still have it.
    pub fn of(&self, key: ClassKey) -> Option<&ClassPlan> {
        self.get((*self.by_key.get(key.0 as usize)?)?)
    }
}

impl ClassPlan {
    fn new(schema: &Schema, class: &Class, catalog: &Catalog) -> ClassPlan {
        let key =
            catalog.find_class(&class.name).expect("the catalog has all classes of the schema");
        let db = schema.keyword("db");
        let required = schema.keyword("required");
        let mut fields = Numbers::with_hasher(ahash::RandomState::with_seeds(5, 6, 7, 8));
        for &id in &class.fields {
            let field = schema.field(id);
            let plan = FieldPlan {
                number: FieldId(field.number),
                id,
                kept: kept(schema, field, db, catalog),
                required: required.is_some_and(|required| field.keywords.contain(required)),
                has_default: field.has_default,
                molecular: matches!(field.kind, FieldKind::Molecular(_)),
            };
            fields.insert(field.number, plan);
        }
        let parts = molecular_parts(schema, class, &mut fields);
        let of_class = |&id| fields[&schema.field(id).number];
        let mut stored: Vec<(FieldPlan, FieldKey)> = fields.values().filter_map(by_key).collect();
        stored.sort_unstable_by_key(|(plan, _)| plan.number);
        let required = class.required.iter().map(of_class).collect();
        ClassPlan { id: ClassId(class.id.0), key, required, stored, fields, parts }
    }

    /// Its field of this number, inherited or not.
    pub fn field(&self, number: FieldId) -> Option<&FieldPlan> {
        self.fields.get(&number.0)
    }

    /// Its stored field of this name, and its key.
    pub fn stored_by_name(&self, schema: &Schema, name: &str) -> Option<FieldKey> {
        let is = |(plan, _): &&(FieldPlan, FieldKey)| schema.field(plan.id).name == name;
        self.stored.iter().find(is).map(|(_, key)| *key)
    }

    /// The methods of a molecular field of it.
    pub fn parts(&self, field: &FieldPlan) -> &[FieldPlan] {
        self.parts.get(&field.number.0).map_or(&[], |parts| parts)
    }
}

fn by_key(plan: &FieldPlan) -> Option<(FieldPlan, FieldKey)> {
    match plan.kept {
        Kept::As(key) => Some((*plan, key)),
        Kept::No | Kept::Parts => None,
    }
}

fn kept(schema: &Schema, field: &Field, db: Option<Keywords>, catalog: &Catalog) -> Kept {
    let is_db = db.is_some_and(|db| field.keywords.contain(db));
    match field.kind {
        FieldKind::Molecular(_) => Kept::No,
        FieldKind::Parameter(_) | FieldKind::Atomic(_) if is_db => {
            let key = catalog.find_field(&field.name, &schema.storage_type(field.id));
            Kept::As(key.expect("the catalog has all `db` fields of the schema"))
        }
        FieldKind::Parameter(_) | FieldKind::Atomic(_) => Kept::No,
    }
}

/// The methods of the molecular fields of a class. A class that overrides a method of an inherited
/// molecular field does not have that one: it is not stored for it.
fn molecular_parts(
    schema: &Schema,
    class: &Class,
    fields: &mut Numbers<FieldPlan>,
) -> Numbers<Vec<FieldPlan>> {
    let mut parts = Numbers::with_hasher(ahash::RandomState::with_seeds(5, 6, 7, 8));
    for &id in &class.fields {
        let field = schema.field(id);
        let FieldKind::Molecular(atoms) = &field.kind else { continue };
        let plan = |&atom: &dc::FieldId| {
            let own = fields.get(&schema.field(atom).number).filter(|plan| plan.id == atom);
            let foreign = FieldPlan {
                number: FieldId(schema.field(atom).number),
                id: atom,
                kept: Kept::No,
                required: false,
                has_default: false,
                molecular: false,
            };
            own.copied().unwrap_or(foreign)
        };
        let atoms: Vec<FieldPlan> = atoms.iter().map(plan).collect();
        if atoms.iter().any(|atom| atom.kept != Kept::No)
            && let Some(plan) = fields.get_mut(&field.number)
        {
            plan.kept = Kept::Parts;
        }
        parts.insert(field.number, atoms);
    }
    parts
}
