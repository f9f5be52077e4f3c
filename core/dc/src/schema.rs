//! What DC files say, looked up and numbered. Immutable once read, and shared by all shards.

use crate::check::{check_members, skip_members};
use crate::value::{TextPolicy, Value, ValueError, pack_members};
use crate::value_type::Member;
use hashbrown::HashMap;
use std::slice;

/// Fields of a schema, at most.
pub const FIELDS_MAX: usize = 65_535;
/// Classes and structs of a schema, at most.
pub const CLASSES_MAX: usize = 65_535;
/// Keywords of a schema, at most: each is a bit.
pub const KEYWORDS_MAX: usize = 64;

/// Names of the hash tables below never come from a client: a fixed key will do.
pub(crate) type Names<K, V> = HashMap<K, V, ahash::RandomState>;

pub(crate) fn names<K, V>() -> Names<K, V> {
    HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4))
}

/// Which rules files are read by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rules {
    /// As today's Panda3D and Astron: several parents, field numbers count through all classes.
    #[default]
    Modern,
    /// The same, but with one parent at most, and field numbers that go on after the parent's
    /// (Panda3D's `dc-multiple-inheritance 0`).
    SingleInheritance,
    /// As in 2003 (`toontown-2003` section 7): the language of then, field numbers that go on after
    /// the first parent's, and the hash of then.
    Classic,
}

/// A class or struct, by its place in the files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClassId(pub u16);

/// A field, by its place in the files; with [`Rules::Modern`] that is its number on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FieldId(pub u16);

/// Keywords of a field, a bit each: see [`Schema::keyword`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Keywords(pub u64);

impl Keywords {
    /// Whether all of `others` are among these.
    pub const fn contain(self, others: Keywords) -> bool {
        self.0 & others.0 == others.0
    }
}

/// A class or a struct.
#[derive(Debug)]
pub struct Class {
    /// Its number, on the wire and in hashes.
    pub id: ClassId,
    /// Its name.
    pub name: String,
    /// Whether it is a struct.
    pub is_struct: bool,
    /// What it inherits from.
    pub parents: Vec<ClassId>,
    /// The field of its own name, if it has one.
    pub constructor: Option<FieldId>,
    /// Its own fields in the order of the file, without the constructor.
    pub own: Vec<FieldId>,
    /// All of its fields, inherited ones first; what it overrides is not among them.
    pub fields: Vec<FieldId>,
    /// Those of all fields that have the keyword `required` and are not molecular: what comes with
    /// an object when it enters.
    pub required: Vec<FieldId>,
    pub(crate) by_name: Names<String, FieldId>,
    pub(crate) by_number: Names<u16, FieldId>,
}

impl Class {
    /// Its field of this name, inherited or not.
    pub fn field_by_name(&self, name: &str) -> Option<FieldId> {
        self.by_name.get(name).copied()
    }

    /// Its field of this number on the wire, inherited or not.
    pub fn field_by_number(&self, number: u16) -> Option<FieldId> {
        self.by_number.get(&number).copied()
    }
}

/// What a field holds.
#[derive(Debug)]
pub enum FieldKind {
    /// One value.
    Parameter(Box<Member>),
    /// A method with its parameters.
    Atomic(Vec<Member>),
    /// Methods that are sent together, in order.
    Molecular(Vec<FieldId>),
}

/// A field.
#[derive(Debug)]
pub struct Field {
    /// Which one.
    pub id: FieldId,
    /// Its number on the wire, within its class unless the rules are [`Rules::Modern`].
    pub number: u16,
    /// The class that declares it.
    pub class: ClassId,
    /// Its name; may be empty in a struct.
    pub name: String,
    /// Its keywords.
    pub keywords: Keywords,
    /// What it holds.
    pub kind: FieldKind,
    /// Its value where nothing is said, as on the wire.
    pub default: Box<[u8]>,
    /// Whether the file gives a default for any part of it.
    pub has_default: bool,
    /// Bytes of the shortest value.
    pub bytes_min: u32,
    /// Whether any bytes of that length, and no others, are a value.
    pub is_free: bool,
}

/// All classes, fields and keywords of some DC files.
#[derive(Debug)]
pub struct Schema {
    pub(crate) rules: Rules,
    pub(crate) policy: TextPolicy,
    pub(crate) classes: Vec<Class>,
    pub(crate) fields: Vec<Field>,
    pub(crate) keywords: Vec<String>,
    /// Keywords that a file declared though they are known from the beginning.
    pub(crate) redeclared: Keywords,
    /// Whether a typedef gives a string or a blob another name.
    pub(crate) renames_text: bool,
    pub(crate) by_name: Names<String, ClassId>,
}

impl Schema {
    /// The rules it was read by.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// All classes and structs, in the order of the files.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// A class or struct.
    pub fn class(&self, id: ClassId) -> &Class {
        &self.classes[id.0 as usize]
    }

    /// The class of this number, if there is one.
    pub fn class_by_number(&self, number: u16) -> Option<&Class> {
        self.classes.get(number as usize)
    }

    /// The class or struct of this name.
    pub fn class_by_name(&self, name: &str) -> Option<&Class> {
        self.by_name.get(name).map(|&id| self.class(id))
    }

    /// All fields, in the order of the files.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// A field.
    pub fn field(&self, id: FieldId) -> &Field {
        &self.fields[id.0 as usize]
    }

    /// The bit of a keyword; `None` if no file declares it.
    pub fn keyword(&self, name: &str) -> Option<Keywords> {
        let at = self.keywords.iter().position(|keyword| keyword == name)?;
        Some(Keywords(1 << at))
    }

    /// The names of keywords, in the order of their bits.
    pub fn keyword_names(&self, keywords: Keywords) -> impl Iterator<Item = &str> {
        let has = move |at: &usize| keywords.0 >> at & 1 == 1;
        self.keywords
            .iter()
            .enumerate()
            .filter(move |(at, _)| has(at))
            .map(|(_, name)| name.as_str())
    }

    /// The methods that a molecular field consists of; any other field is its only one.
    pub fn atoms(&self, id: FieldId) -> impl Iterator<Item = &Field> + Clone {
        let field = self.field(id);
        let atoms = match &field.kind {
            FieldKind::Molecular(atoms) => &atoms[..],
            FieldKind::Parameter(_) | FieldKind::Atomic(_) => slice::from_ref(&field.id),
        };
        atoms.iter().map(|&atom| self.field(atom))
    }

    /// Checks that `bytes` are a value of the field, nothing more and nothing less.
    #[inline]
    pub fn check(&self, id: FieldId, bytes: &[u8]) -> Result<(), ValueError> {
        let field = self.field(id);
        if field.is_free && bytes.len() == field.bytes_min as usize {
            return Ok(());
        }
        let mut rest = bytes;
        self.check_prefix(id, &mut rest)?;
        if rest.is_empty() { Ok(()) } else { Err(ValueError::Trailing) }
    }

    /// Checks that `bytes` begin with a value of the field; they begin behind it then.
    pub fn check_prefix(&self, id: FieldId, bytes: &mut &[u8]) -> Result<(), ValueError> {
        self.atoms(id).try_for_each(|atom| check_members(atom.members(), bytes, self.policy))
    }

    /// Passes over a value of the field without looking at what it says.
    pub fn skip(&self, id: FieldId, bytes: &mut &[u8]) -> Result<(), ValueError> {
        self.atoms(id).try_for_each(|atom| skip_members(atom.members(), bytes))
    }

    /// Splits a value of a molecular field into those of its methods.
    pub fn split<'a>(
        &self,
        id: FieldId,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Result<(FieldId, &'a [u8]), ValueError>> {
        self.walk(self.atoms(id).map(|atom| atom.id), bytes)
    }

    /// Splits the required fields of an object, one after the other as it brings them when it
    /// enters. What follows them is not looked at.
    pub fn required<'a>(
        &self,
        class: &Class,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Result<(FieldId, &'a [u8]), ValueError>> {
        self.walk(class.required.iter().copied(), bytes)
    }

    fn walk<'a>(
        &self,
        fields: impl Iterator<Item = FieldId>,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Result<(FieldId, &'a [u8]), ValueError>> {
        let mut rest = bytes;
        fields.map(move |id| {
            let whole = rest;
            skip_members(self.field(id).members(), &mut rest)?;
            Ok((id, &whole[..whole.len() - rest.len()]))
        })
    }

    /// Appends `value` as a value of the field: of a method or a molecular field the list of all
    /// parameters.
    pub fn pack(&self, id: FieldId, value: &Value, out: &mut Vec<u8>) -> Result<(), ValueError> {
        match &self.field(id).kind {
            FieldKind::Parameter(member) => crate::value::pack(&member.of, value, self.policy, out),
            FieldKind::Atomic(_) | FieldKind::Molecular(_) => {
                let members = self.atoms(id).flat_map(|atom| atom.members());
                pack_members(members, value, self.policy, out)
            }
        }
    }
}

impl Field {
    /// The parameters of a method, or the one of a parameter field; none of a molecular field.
    pub fn members(&self) -> &[Member] {
        match &self.kind {
            FieldKind::Parameter(member) => slice::from_ref(member),
            FieldKind::Atomic(members) => members,
            FieldKind::Molecular(_) => &[],
        }
    }
}
