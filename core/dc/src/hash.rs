//! Hashes of a schema, by which a client and a server make sure that they have read the same files.
//!
//! All are sums of primes times numbers, modulo 2^32: the first number counts with the first prime,
//! and after the 10,000th prime it begins again.

use crate::schema::{Class, Field, FieldKind, Keywords, Rules, Schema};
use crate::value_type::{
    Array, Basic, Legacy, Member, Ranges, Shape, StructType, SwitchType, Type,
};
use std::sync::LazyLock;

const PRIMES: usize = 10_000;

static FIRST_PRIMES: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let mut primes: Vec<u32> = Vec::with_capacity(PRIMES);
    let mut next = 2;
    while primes.len() < PRIMES {
        let small = primes.iter().take_while(|&&prime| prime * prime <= next);
        if small.clone().all(|prime| next % prime != 0) {
            primes.push(next);
        }
        next += 1;
    }
    primes
});

#[derive(Default)]
struct Sum {
    sum: u32,
    index: usize,
}

impl Sum {
    fn int(&mut self, number: u32) {
        self.sum = self.sum.wrapping_add(FIRST_PRIMES[self.index].wrapping_mul(number));
        self.index = (self.index + 1) % PRIMES;
    }

    fn size(&mut self, size: usize) {
        self.int(size as u32);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.size(bytes.len());
        bytes.iter().for_each(|&byte| self.int(byte.into()));
    }
}

/// Why Astron's hash of a schema cannot be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("Astron's hash is not known for {0}: set `manual_dc_hash` there")]
pub struct AstronHashUnknown(pub &'static str);

/// What Panda3D's `DCFile.getHash()` says of the same files.
pub fn panda_hash(schema: &Schema) -> u32 {
    Modern { schema, sum: Sum::default(), flavour: Flavour::Panda }.schema()
}

/// What Astron says of the same files (`astron` section 9, "legacy" hash). It differs from
/// Panda3D's where there is a `float32`. Where Astron is known to differ in a way that nobody has
/// written down, or to crash, this is an error.
pub fn astron_hash(schema: &Schema) -> Result<u32, AstronHashUnknown> {
    if schema.keywords.len() > HISTORICAL {
        return Err(AstronHashUnknown("keywords that a file declares (Astron crashes)"));
    }
    if schema.redeclared != Keywords::default() {
        return Err(AstronHashUnknown("keywords declared again"));
    }
    if schema.renames_text {
        return Err(AstronHashUnknown("typedefs of string and blob"));
    }
    let members = schema.fields().iter().flat_map(Field::members);
    if members.clone().any(|member| has_wide_range(&member.of)) {
        return Err(AstronHashUnknown("ranges beyond 31 bits"));
    }
    if members.clone().any(|member| has_legacy(&member.of)) {
        return Err(AstronHashUnknown("the old array types (Astron does not read them)"));
    }
    Ok(Modern { schema, sum: Sum::default(), flavour: Flavour::Astron }.schema())
}

/// The hash of 2003 (`toontown-2003` section 7); `None` if the files have what there was not.
pub fn classic_hash(schema: &Schema) -> Option<u32> {
    (schema.rules == Rules::Classic).then(|| {
        let mut classic = Classic { schema, sum: Sum::default() };
        classic.schema();
        classic.sum.sum
    })
}

/// How many keywords have a bit in hashes.
const HISTORICAL: usize = 9;

fn has_wide_range(of: &Type) -> bool {
    match &of.shape {
        Shape::Integer(integer) => {
            integer.ranges.iter().any(|(low, high)| low < i32::MIN.into() || high > i32::MAX.into())
        }
        Shape::Array(array) => has_wide_range(&array.element),
        Shape::Struct(of) => of.fields.iter().any(|field| has_wide_range(&field.of)),
        Shape::Switch(switch) => {
            has_wide_range(&switch.key.of)
                || switch.fields.iter().any(|field| has_wide_range(&field.of))
        }
        Shape::Float(_) | Shape::Text(_) => false,
    }
}

fn has_legacy(of: &Type) -> bool {
    match &of.shape {
        Shape::Array(array) => array.legacy.is_some() || has_legacy(&array.element),
        Shape::Struct(of) => of.fields.iter().any(|field| has_legacy(&field.of)),
        Shape::Switch(switch) => switch.fields.iter().any(|field| has_legacy(&field.of)),
        Shape::Integer(_) | Shape::Float(_) | Shape::Text(_) => false,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flavour {
    Panda,
    Astron,
}

/// The hash of today's parsers.
struct Modern<'a> {
    schema: &'a Schema,
    sum: Sum,
    flavour: Flavour,
}

impl Modern<'_> {
    fn schema(mut self) -> u32 {
        self.sum.int(1);
        self.sum.size(self.schema.classes.len());
        self.schema.classes.iter().for_each(|class| self.class(class));
        self.sum.sum
    }

    fn class(&mut self, class: &Class) {
        self.sum.bytes(class.name.as_bytes());
        if class.is_struct {
            self.sum.int(1);
        }
        self.sum.size(class.parents.len());
        class.parents.iter().for_each(|parent| self.parent(parent.0));
        if let Some(constructor) = class.constructor {
            self.field(self.schema.field(constructor));
        }
        self.sum.size(class.own.len());
        class.own.iter().for_each(|&field| self.field(self.schema.field(field)));
    }

    /// Structs have no number in the hash.
    fn parent(&mut self, parent: u16) {
        let is_struct = self.schema.classes[parent as usize].is_struct;
        self.sum.int(if is_struct { u32::MAX } else { parent.into() });
    }

    fn field(&mut self, field: &Field) {
        match &field.kind {
            FieldKind::Parameter(member) => self.member(member),
            FieldKind::Atomic(members) => {
                self.name_and_number(field);
                self.sum.size(members.len());
                members.iter().for_each(|member| self.member(member));
                self.keywords(field.keywords);
            }
            FieldKind::Molecular(atoms) => {
                self.name_and_number(field);
                self.sum.size(atoms.len());
                atoms.iter().for_each(|&atom| self.field(self.schema.field(atom)));
            }
        }
    }

    fn name_and_number(&mut self, field: &Field) {
        self.sum.bytes(field.name.as_bytes());
        if self.schema.rules == Rules::Modern {
            self.sum.int(field.number.into());
        }
    }

    fn keywords(&mut self, keywords: Keywords) {
        let historical = (1 << HISTORICAL) - 1;
        if keywords.0 & !historical == 0 && keywords.0 & self.schema.redeclared.0 == 0 {
            return self.sum.int(keywords.0 as u32);
        }
        let mut names: Vec<&str> = self.schema.keyword_names(keywords).collect();
        names.sort_unstable();
        self.sum.size(names.len());
        names.iter().for_each(|name| self.sum.bytes(name.as_bytes()));
    }

    fn member(&mut self, member: &Member) {
        if member.keywords != 0 {
            self.keywords(Keywords(member.keywords));
        }
        self.type_of(&member.of);
    }

    fn type_of(&mut self, of: &Type) {
        match &of.shape {
            Shape::Integer(integer) => {
                let modulus = integer.modulus.map(|modulus| modulus as u32);
                self.basic(integer.basic, integer.divisor, modulus);
                self.ranges(&integer.ranges, |bound| bound as u32);
            }
            Shape::Float(float) if float.basic == Basic::Float32 => {
                if self.flavour == Flavour::Panda {
                    self.basic(Basic::Float32, 1, None);
                }
            }
            Shape::Float(float) => {
                let modulus = float.modulus.map(|modulus| modulus as i64 as u32);
                self.basic(float.basic, float.divisor, modulus);
                self.ranges(&float.ranges, |bound| bound as i64 as u32);
            }
            Shape::Text(text) => {
                self.basic(text.basic, 1, None);
                self.ranges(&text.sizes, |bound| bound);
            }
            Shape::Array(array) => self.array(array),
            Shape::Struct(of) => self.struct_of(of),
            Shape::Switch(switch) => self.switch(switch),
        }
    }

    fn basic(&mut self, basic: Basic, divisor: u32, modulus: Option<u32>) {
        self.sum.int(basic.panda_code());
        self.sum.int(divisor);
        modulus.into_iter().for_each(|modulus| self.sum.int(modulus));
    }

    fn ranges<T: PartialOrd + Copy>(&mut self, ranges: &Ranges<T>, number: impl Fn(T) -> u32) {
        if ranges.is_all() {
            return;
        }
        self.sum.size(ranges.iter().len());
        for (low, high) in ranges.iter() {
            self.sum.int(number(low));
            self.sum.int(number(high));
        }
    }

    fn array(&mut self, array: &Array) {
        match array.legacy {
            Some(Legacy { basic, divisor }) => self.basic(basic, divisor, None),
            None => self.type_of(&array.element),
        }
        self.ranges(&array.sizes, |bound| bound);
    }

    fn struct_of(&mut self, of: &StructType) {
        self.sum.bytes(of.name.as_bytes());
        self.sum.int(1);
        self.sum.size(of.parents.len());
        of.parents.iter().for_each(|&parent| self.parent(parent));
        let own = &of.fields[of.inherited..];
        self.sum.size(own.len());
        own.iter().for_each(|field| self.member(field));
    }

    fn switch(&mut self, switch: &SwitchType) {
        self.sum.bytes(switch.name.as_bytes());
        self.member(&switch.key);
        let named = switch.cases.iter().filter_map(|(label, case)| Some((label.as_ref()?, case)));
        self.sum.size(named.clone().count());
        for (label, case) in named {
            self.sum.bytes(label);
            self.case(&switch.key, &switch.fields[case.clone()]);
        }
        if let Some((_, case)) = switch.cases.iter().find(|(label, _)| label.is_none()) {
            self.case(&switch.key, &switch.fields[case.clone()]);
        }
    }

    /// The key counts as the first field of every case.
    fn case(&mut self, key: &Member, fields: &[Member]) {
        self.sum.size(1 + fields.len());
        self.member(key);
        fields.iter().for_each(|field| self.member(field));
    }
}

/// The hash of 2003.
struct Classic<'a> {
    schema: &'a Schema,
    sum: Sum,
}

impl Classic<'_> {
    fn schema(&mut self) {
        self.sum.size(self.schema.classes.len());
        for class in &self.schema.classes {
            self.sum.bytes(class.name.as_bytes());
            self.sum.size(class.parents.len());
            class.parents.iter().for_each(|parent| self.sum.int(parent.0.into()));
            self.sum.size(class.own.len());
            class.own.iter().for_each(|&field| self.field(self.schema.field(field)));
        }
    }

    fn field(&mut self, field: &Field) {
        self.sum.bytes(field.name.as_bytes());
        if let FieldKind::Molecular(atoms) = &field.kind {
            self.sum.size(atoms.len());
            return atoms.iter().for_each(|&atom| self.field(self.schema.field(atom)));
        }
        self.sum.size(field.members().len());
        for member in field.members() {
            let (code, divisor) = match &member.of.shape {
                Shape::Integer(integer) => (integer.basic, integer.divisor),
                Shape::Float(float) => (float.basic, float.divisor),
                Shape::Text(text) => (text.basic, 1),
                Shape::Array(array) => match array.legacy {
                    Some(Legacy { basic, divisor }) => (basic, divisor),
                    None => continue,
                },
                Shape::Struct(_) | Shape::Switch(_) => continue,
            };
            self.sum.int(code.classic_code().unwrap_or(0));
            self.sum.int(divisor);
        }
        self.sum.int(field.keywords.0 as u32);
    }
}
