//! The schema as a State Server needs it: where a field's value lies in an object, and who hears
//! of it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use dc::{Class, Field, FieldKind, Keywords, Schema};
use hashbrown::HashMap;
use wire::ids::{ClassId, FieldId};

/// What a keyword or the kind of a field means here, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traits(u8);

impl Traits {
    /// Its value is always there.
    pub const REQUIRED: Traits = Traits(1);
    /// Its value is kept once it is set.
    pub const RAM: Traits = Traits(1 << 1);
    /// An update is told to the location.
    pub const BROADCAST: Traits = Traits(1 << 2);
    /// Shown to those who come to see the object.
    pub const CLRECV: Traits = Traits(1 << 3);
    /// An update is told to the AI.
    pub const AIRECV: Traits = Traits(1 << 4);
    /// An update is told to the owner.
    pub const OWNRECV: Traits = Traits(1 << 5);
    /// Several fields that are sent together.
    pub const MOLECULAR: Traits = Traits(1 << 6);
    /// Its value is stored in the database. To a State Server that is no DBSS no field has this.
    pub const DB: Traits = Traits(1 << 7);

    /// Whether any of `others` is among these.
    #[inline]
    pub const fn any(self, others: Traits) -> bool {
        self.0 & others.0 != 0
    }

    /// Both together.
    pub const fn or(self, other: Traits) -> Traits {
        Traits(self.0 | other.0)
    }

    /// Whether a value is kept.
    #[inline]
    pub const fn is_stored(self) -> bool {
        self.any(Traits::REQUIRED.or(Traits::RAM))
    }
}

/// A field of a class.
#[derive(Clone, Copy, Debug)]
pub struct FieldPlan {
    /// Its number on the wire.
    pub number: FieldId,
    /// Its place in the schema.
    pub id: dc::FieldId,
    /// What it is.
    pub traits: Traits,
    /// Its place among the required fields.
    pub required_at: u16,
    /// Where its value begins among the required ones, if those before it have a fixed length.
    pub offset: Option<u32>,
    /// The length of its value, if it is always the same.
    pub bytes: Option<u32>,
}

/// A class.
pub struct ClassPlan {
    /// Its required fields, in the order in which an object brings them.
    pub required: Vec<FieldPlan>,
    /// The length of all required values together, if any bytes of that length are such.
    pub free_bytes: Option<usize>,
    /// What all of its required fields have in common.
    shared: Traits,
    fields: HashMap<u16, FieldPlan, ahash::RandomState>,
}

/// All classes.
pub struct Classes {
    /// Where they come from.
    pub schema: Arc<Schema>,
    plans: Vec<Option<ClassPlan>>,
    keywords: KeywordBits,
}

impl Classes {
    /// Reads the schema, for objects that are stored or not.
    pub fn new(schema: Arc<Schema>, are_stored: bool) -> Classes {
        let keywords = KeywordBits::of(&schema, are_stored);
        let plan =
            |class: &Class| (!class.is_struct).then(|| ClassPlan::new(&schema, class, &keywords));
        let plans = schema.classes().iter().map(plan).collect();
        Classes { schema, plans, keywords }
    }

    /// The class of this number, if there is one; structs are none.
    #[inline]
    pub fn get(&self, id: ClassId) -> Option<&ClassPlan> {
        self.plans.get(id.0 as usize)?.as_ref()
    }

    /// The field of this number, of whichever class: for those who do not know the class. Where
    /// numbers do not count through all classes there may be several; then it is none.
    pub fn field_of_any(&self, number: FieldId) -> Option<FieldPlan> {
        let field = self.schema.fields().get(number.0 as usize);
        let field = field.filter(|field| field.number == number.0)?;
        let is_struct = self.get(ClassId(field.class.0)).is_none();
        (!is_struct).then(|| FieldPlan::new(&self.schema, field, &self.keywords))
    }

    /// The class of an object.
    #[inline]
    pub fn of(&self, id: ClassId) -> &ClassPlan {
        self.get(id).expect("an object has a class")
    }
}

impl FieldPlan {
    /// A field of which it is not known yet where among the required ones it stands.
    fn new(schema: &Schema, field: &Field, keywords: &KeywordBits) -> FieldPlan {
        FieldPlan {
            number: FieldId(field.number),
            id: field.id,
            traits: keywords.traits(field),
            required_at: u16::MAX,
            offset: None,
            bytes: fixed_bytes(schema, field),
        }
    }
}

impl ClassPlan {
    fn new(schema: &Schema, class: &Class, keywords: &KeywordBits) -> ClassPlan {
        let mut fields = HashMap::with_hasher(ahash::RandomState::with_seeds(5, 6, 7, 8));
        for &id in &class.fields {
            let field = schema.field(id);
            fields.insert(field.number, FieldPlan::new(schema, field, keywords));
        }
        let (mut required, mut offset, mut free) = (Vec::new(), Some(0), true);
        for (at, &id) in class.required.iter().enumerate() {
            let field = schema.field(id);
            let plan = fields.get_mut(&field.number).expect("a class has its required fields");
            (plan.required_at, plan.offset) = (at as u16, offset);
            offset = offset.zip(plan.bytes).map(|(offset, bytes)| offset + bytes);
            free &= field.is_free;
            required.push(*plan);
        }
        let all = Traits(u8::MAX);
        let shared = required.iter().fold(all, |all, plan| Traits(all.0 & plan.traits.0));
        let free_bytes = offset.filter(|_| free).map(|bytes| bytes as usize);
        ClassPlan { required, free_bytes, shared, fields }
    }

    /// Its field of this number, inherited or not.
    #[inline]
    pub fn field(&self, number: FieldId) -> Option<&FieldPlan> {
        self.fields.get(&number.0)
    }

    /// Whether every required field has one of `traits`.
    pub fn all_required_have(&self, traits: Traits) -> bool {
        self.shared.any(traits) || self.required.iter().all(|plan| plan.traits.any(traits))
    }
}

/// The length of a field's values, if all have the same.
fn fixed_bytes(schema: &Schema, field: &Field) -> Option<u32> {
    let members = schema.atoms(field.id).flat_map(|atom| atom.members());
    members.map(|member| member.of.is_fixed.then_some(member.of.bytes_min)).sum()
}

/// Which bits of the schema's keywords mean what.
struct KeywordBits([(Option<Keywords>, Traits); 7]);

impl KeywordBits {
    fn of(schema: &Schema, are_stored: bool) -> KeywordBits {
        let stored = if are_stored { Traits::DB } else { Traits::default() };
        let bits = [
            ("required", Traits::REQUIRED),
            ("ram", Traits::RAM),
            ("broadcast", Traits::BROADCAST),
            ("clrecv", Traits::CLRECV),
            ("airecv", Traits::AIRECV),
            ("ownrecv", Traits::OWNRECV),
            ("db", stored),
        ];
        KeywordBits(bits.map(|(name, traits)| (schema.keyword(name), traits)))
    }

    fn traits(&self, field: &Field) -> Traits {
        let mut traits = Traits::default();
        for &(bit, means) in &self.0 {
            if bit.is_some_and(|bit| field.keywords.contain(bit)) {
                traits = traits.or(means);
            }
        }
        match field.kind {
            FieldKind::Molecular(_) => traits.or(Traits::MOLECULAR),
            FieldKind::Parameter(_) | FieldKind::Atomic(_) => traits,
        }
    }
}
