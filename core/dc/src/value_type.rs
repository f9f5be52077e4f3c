//! Types as they go over the wire.
//!
//! ```text
//! integers, floats       1, 2, 4 or 8 bytes, little-endian
//! string, blob, T[]      [length in bytes u16][bytes]; blob32 has a u32
//! string(n), T[n]        the bytes alone: what cannot vary in length has none; an array of n
//!                        strings can vary
//! struct                 its fields, one after the other
//! switch                 its key, then the fields of the case
//! ```
//! Every type takes at least one byte and at most a datagram. So whoever walks over bytes by type
//! comes to an end after as many steps as there are bytes, times the depth.

use std::ops::Range;
use std::slice;
use std::sync::Arc;

/// The longest fixed part of a type, in bytes: what a datagram can hold.
pub const TYPE_BYTES_MAX: u32 = 65_535;
/// Types inside each other, at most.
pub const TYPE_DEPTH_MAX: u32 = 64;
/// Types inside a type, at most.
pub const TYPE_WEIGHT_MAX: u32 = 1 << 18;

macro_rules! basics {
    ($($variant:ident $name:literal $panda:literal $classic:expr;)*) => {
        /// The types that have a name from the beginning.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Basic {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Basic {
            /// All of them.
            pub const ALL: &'static [Basic] = &[$(Basic::$variant),*];

            /// What a DC file calls it.
            pub const fn name(self) -> &'static str {
                match self { $(Basic::$variant => $name,)* }
            }

            /// The type of this name.
            pub fn from_name(name: &str) -> Option<Basic> {
                match name { $($name => Some(Basic::$variant),)* _ => None }
            }

            /// Its number in the hashes of modern parsers.
            pub const fn panda_code(self) -> u32 {
                match self { $(Basic::$variant => $panda,)* }
            }

            /// Its number in the hash of 2003; `None` if there was no such type.
            pub const fn classic_code(self) -> Option<u32> {
                match self { $(Basic::$variant => $classic,)* }
            }
        }
    };
}

basics! {
    Int8 "int8" 0 Some(0);
    Int16 "int16" 1 Some(1);
    Int32 "int32" 2 Some(2);
    Int64 "int64" 3 Some(3);
    Uint8 "uint8" 4 Some(4);
    Uint16 "uint16" 5 Some(5);
    Uint32 "uint32" 6 Some(6);
    Uint64 "uint64" 7 Some(7);
    Float64 "float64" 8 Some(8);
    String "string" 9 Some(9);
    Blob "blob" 10 Some(10);
    Blob32 "blob32" 11 None;
    Int16Array "int16array" 12 Some(11);
    Int32Array "int32array" 13 Some(12);
    Uint16Array "uint16array" 14 Some(13);
    Uint32Array "uint32array" 15 Some(14);
    Int8Array "int8array" 16 Some(15);
    Uint8Array "uint8array" 17 Some(16);
    Uint32Uint8Array "uint32uint8array" 18 Some(17);
    Char "char" 19 None;
    // Panda3D does not know it, and hashes it as it hashes any type that was not declared.
    Float32 "float32" 20 None;
}

impl Basic {
    /// What an array of this old kind consists of.
    pub fn array_of(self) -> Option<Basic> {
        match self {
            Basic::Int8Array => Some(Basic::Int8),
            Basic::Int16Array => Some(Basic::Int16),
            Basic::Int32Array => Some(Basic::Int32),
            Basic::Uint8Array => Some(Basic::Uint8),
            Basic::Uint16Array => Some(Basic::Uint16),
            Basic::Uint32Array => Some(Basic::Uint32),
            Basic::Int8
            | Basic::Int16
            | Basic::Int32
            | Basic::Int64
            | Basic::Uint8
            | Basic::Uint16
            | Basic::Uint32
            | Basic::Uint64
            | Basic::Float32
            | Basic::Float64
            | Basic::Char
            | Basic::String
            | Basic::Blob
            | Basic::Blob32
            | Basic::Uint32Uint8Array => None,
        }
    }

    /// Bytes of a number, and whether it has a sign; `None` if it is no whole number.
    pub fn integer(self) -> Option<(u32, bool)> {
        match self {
            Basic::Int8 => Some((1, true)),
            Basic::Int16 => Some((2, true)),
            Basic::Int32 => Some((4, true)),
            Basic::Int64 => Some((8, true)),
            Basic::Uint8 | Basic::Char => Some((1, false)),
            Basic::Uint16 => Some((2, false)),
            Basic::Uint32 => Some((4, false)),
            Basic::Uint64 => Some((8, false)),
            Basic::Float32
            | Basic::Float64
            | Basic::String
            | Basic::Blob
            | Basic::Blob32
            | Basic::Int8Array
            | Basic::Int16Array
            | Basic::Int32Array
            | Basic::Uint8Array
            | Basic::Uint16Array
            | Basic::Uint32Array
            | Basic::Uint32Uint8Array => None,
        }
    }
}

/// Values or lengths that are allowed; none means all.
#[derive(Clone, PartialEq, Debug)]
pub struct Ranges<T>(Arc<[(T, T)]>);

impl<T: PartialOrd + Copy> Ranges<T> {
    /// Those, each from its lowest to its highest.
    pub fn new(ranges: Vec<(T, T)>) -> Ranges<T> {
        Ranges(ranges.into())
    }

    /// Everything.
    pub fn all() -> Ranges<T> {
        Ranges(Arc::from([]))
    }

    /// Whether nothing is excluded.
    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `value` is allowed.
    #[inline]
    pub fn contain(&self, value: T) -> bool {
        self.0.is_empty() || self.0.iter().any(|&(low, high)| low <= value && value <= high)
    }

    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (T, T)> {
        self.0.iter().copied()
    }

    /// `zero` if it is allowed, else the lowest value of the first range.
    pub fn least(&self, zero: T) -> T {
        match self.0.first() {
            Some(&(low, _)) if !self.contain(zero) => low,
            Some(_) | None => zero,
        }
    }
}

impl Ranges<u32> {
    /// The only length that is allowed.
    pub fn fixed(&self) -> Option<u32> {
        match self.0[..] {
            [(low, high)] if low == high => Some(low),
            _ => None,
        }
    }

    fn lowest(&self) -> u32 {
        self.iter().map(|(low, _)| low).min().unwrap_or(0)
    }
}

/// A whole number, perhaps standing for a fraction of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Integer {
    /// What the file calls it.
    pub basic: Basic,
    /// Bytes on the wire.
    pub bytes: u32,
    /// Whether it has a sign.
    pub signed: bool,
    /// The value times this is on the wire.
    pub divisor: u32,
    /// On the wire it is below this, if there is a modulus.
    pub modulus: Option<u64>,
    /// What is allowed on the wire.
    pub ranges: Ranges<i128>,
}

impl Integer {
    /// The lowest and highest number that fit in its bytes.
    pub fn bounds(&self) -> (i128, i128) {
        let bits = 8 * self.bytes;
        if self.signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) }
    }

    /// Whether a number may be on the wire.
    #[inline]
    pub fn allows(&self, wire: i128) -> bool {
        self.ranges.contain(wire)
            && self.modulus.is_none_or(|modulus| (0..i128::from(modulus)).contains(&wire))
    }
}

/// A fraction.
#[derive(Clone, PartialEq, Debug)]
pub struct Float {
    /// What the file calls it.
    pub basic: Basic,
    /// The value times this is on the wire.
    pub divisor: u32,
    /// On the wire it is below this, if there is a modulus.
    pub modulus: Option<f64>,
    /// What is allowed on the wire.
    pub ranges: Ranges<f64>,
}

impl Float {
    /// Bytes on the wire.
    pub fn bytes(&self) -> u32 {
        if self.basic == Basic::Float32 { 4 } else { 8 }
    }

    /// A number as exact as it is on the wire.
    pub fn rounded(&self, wire: f64) -> f64 {
        if self.bytes() == 4 { f64::from(wire as f32) } else { wire }
    }

    /// Whether a number may be on the wire.
    pub fn allows(&self, wire: f64) -> bool {
        self.ranges.contain(wire)
            && self.modulus.is_none_or(|modulus| (0.0..modulus).contains(&wire))
    }
}

/// `string`, `blob` or `blob32`.
#[derive(Clone, PartialEq, Debug)]
pub struct Text {
    /// What the file calls it.
    pub basic: Basic,
    /// Lengths that are allowed, in bytes.
    pub sizes: Ranges<u32>,
}

impl Text {
    /// Bytes of the length on the wire; none where the length is fixed.
    pub fn length_bytes(&self) -> u32 {
        match self.sizes.fixed() {
            Some(_) => 0,
            None if self.basic == Basic::Blob32 => 4,
            None => 2,
        }
    }
}

/// Several of one type.
#[derive(Clone, PartialEq, Debug)]
pub struct Array {
    /// The type of each.
    pub element: Type,
    /// How many are allowed.
    pub sizes: Ranges<u32>,
    /// Whether its length in bytes is on the wire.
    pub has_length: bool,
    /// What the file calls it, if it is one of the old array types.
    pub legacy: Option<Legacy>,
}

/// One of the old array types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Legacy {
    /// What the file calls it.
    pub basic: Basic,
    /// Its divisor. In 2003 it was that of each element; Panda3D only puts it into the hash.
    pub divisor: u32,
}

impl Array {
    /// How many there are where there is no length on the wire.
    pub fn fixed_count(&self) -> Option<u32> {
        self.sizes.fixed().filter(|_| !self.has_length)
    }
}

/// A struct as a type.
#[derive(PartialEq, Debug)]
pub struct StructType {
    /// Its name; empty where it stands inside another type without one.
    pub name: String,
    /// Class numbers of what it inherits from.
    pub parents: Vec<u16>,
    /// Its fields, inherited ones first.
    pub fields: Vec<Member>,
    /// How many of them are inherited.
    pub inherited: usize,
}

/// A named type: a parameter of a method, or a field that is not a method.
#[derive(Clone, PartialEq, Debug)]
pub struct Member {
    /// Its name; may be empty.
    pub name: String,
    /// Its type.
    pub of: Type,
    /// What it is where the file says nothing else, as on the wire.
    pub default: Arc<[u8]>,
    /// Whether the file says so.
    pub has_default: bool,
    /// A bit for each of its keywords, if it is a field.
    pub keywords: u64,
    /// Its number, if it is a field.
    pub number: u16,
}

/// A value of a key on the wire, or `None` for `default`.
pub type Label = Option<Box<[u8]>>;

/// A switch as a type.
#[derive(PartialEq, Debug)]
pub struct SwitchType {
    /// Its name; may be empty.
    pub name: String,
    /// What decides.
    pub key: Member,
    /// All fields of all cases.
    pub fields: Vec<Member>,
    /// The cases with the fields that each has, in the order of the file.
    pub cases: Vec<(Label, Range<usize>)>,
}

impl SwitchType {
    /// The fields for a key as it is on the wire.
    pub fn case(&self, key: &[u8]) -> Option<&[Member]> {
        let named = self.cases.iter().find(|(label, _)| label.as_deref() == Some(key));
        let default = || self.cases.iter().find(|(label, _)| label.is_none());
        named.or_else(default).map(|(_, fields)| &self.fields[fields.clone()])
    }
}

/// What a type is.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    /// A whole number.
    Integer(Integer),
    /// A fraction.
    Float(Float),
    /// Bytes.
    Text(Text),
    /// Several of one type.
    Array(Box<Array>),
    /// A struct.
    Struct(Arc<StructType>),
    /// A switch.
    Switch(Arc<SwitchType>),
}

/// A type, and what is known of all of its values.
#[derive(Clone, PartialEq, Debug)]
pub struct Type {
    /// What it is.
    pub shape: Shape,
    /// Bytes of the shortest value.
    pub bytes_min: u32,
    /// Whether all values have that length.
    pub is_fixed: bool,
    /// Whether any bytes of the right length are a value.
    pub is_free: bool,
    /// Types inside it, at the deepest place.
    pub depth: u32,
    /// Types inside it, all together and with itself: how long it takes to walk over it.
    pub weight: u32,
}

/// Why something is no type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TypeError {
    /// It would take no bytes.
    #[error("this holds nothing: every value of it is empty")]
    Nothing,
    /// No datagram could hold it.
    #[error("no value of this fits in a datagram: the shortest has over {TYPE_BYTES_MAX} bytes")]
    TooLong,
    /// Too many types inside it.
    #[error("more than {TYPE_WEIGHT_MAX} types inside it")]
    TooHeavy,
    /// Too many types inside each other.
    #[error("more than {TYPE_DEPTH_MAX} types inside each other")]
    TooDeep,
}

impl Type {
    /// The type of this shape.
    pub fn new(shape: Shape) -> Result<Type, TypeError> {
        let facts = match &shape {
            Shape::Integer(integer) => {
                let is_free = integer.ranges.is_all() && integer.modulus.is_none();
                Facts { bytes_min: integer.bytes.into(), is_free, ..Facts::LEAF }
            }
            Shape::Float(float) => {
                let is_free = float.ranges.is_all() && float.modulus.is_none();
                Facts { bytes_min: float.bytes().into(), is_free, ..Facts::LEAF }
            }
            Shape::Text(text) => {
                let is_fixed = text.sizes.fixed().is_some();
                let length_bytes = u64::from(text.length_bytes());
                let bytes_min = length_bytes + u64::from(text.sizes.lowest());
                let is_free = is_fixed && text.basic != Basic::String;
                Facts { bytes_min, is_fixed, is_free, ..Facts::LEAF }
            }
            Shape::Array(array) => {
                let Type { bytes_min, is_fixed, is_free, depth, weight, .. } = array.element;
                let is_fixed = is_fixed && array.fixed_count().is_some();
                let length_bytes = if array.has_length { 2 } else { 0 };
                let bytes_min =
                    length_bytes + u64::from(array.sizes.lowest()) * u64::from(bytes_min);
                Facts {
                    bytes_min,
                    is_fixed,
                    is_free: is_free && is_fixed,
                    depth: depth + 1,
                    weight: 1 + u64::from(weight),
                }
            }
            Shape::Struct(of) => Facts::of_all(&of.fields),
            Shape::Switch(switch) => {
                let key = Facts::of_all(slice::from_ref(&switch.key));
                let fields = switch.cases.iter().map(|(_, range)| &switch.fields[range.clone()]);
                let cases: Vec<Facts> = fields.map(Facts::of_all).collect();
                let shortest = cases.iter().map(|case| case.bytes_min).min().unwrap_or(0);
                let deepest = cases.iter().map(|case| case.depth).max().unwrap_or(0);
                let same_length = |case: &Facts| case.is_fixed && case.bytes_min == shortest;
                Facts {
                    bytes_min: key.bytes_min + shortest,
                    is_fixed: key.is_fixed && cases.iter().all(same_length),
                    is_free: false,
                    depth: key.depth.max(deepest),
                    // The key is walked over with each case.
                    weight: cases.iter().map(|case| key.weight + case.weight).sum(),
                }
            }
        };
        facts.check(shape)
    }
}

impl Type {
    /// Whether every value of this type reads as the same value of `other`.
    pub fn reads_as(&self, other: &Type) -> bool {
        match (&self.shape, &other.shape) {
            (Shape::Integer(a), Shape::Integer(b)) => {
                (a.bytes, a.signed, a.divisor) == (b.bytes, b.signed, b.divisor)
            }
            (Shape::Float(a), Shape::Float(b)) => (a.basic, a.divisor) == (b.basic, b.divisor),
            (Shape::Text(a), Shape::Text(b)) => {
                (a.basic, a.sizes.fixed()) == (b.basic, b.sizes.fixed())
            }
            (Shape::Array(a), Shape::Array(b)) => {
                a.fixed_count() == b.fixed_count() && a.element.reads_as(&b.element)
            }
            (Shape::Struct(a), Shape::Struct(b)) => read_as(&a.fields, &b.fields),
            (Shape::Switch(a), Shape::Switch(b)) => a.reads_as(b),
            (Shape::Integer(_) | Shape::Float(_) | Shape::Text(_), _)
            | (Shape::Array(_) | Shape::Struct(_) | Shape::Switch(_), _) => false,
        }
    }
}

impl SwitchType {
    /// Whether every value reads as the same one of `other`; the order of cases does not matter.
    fn reads_as(&self, other: &SwitchType) -> bool {
        let same = |(label, fields): &(Label, Range<usize>)| {
            let case = other.cases.iter().find(|(other, _)| other == label);
            case.is_some_and(|(_, others)| {
                read_as(&self.fields[fields.clone()], &other.fields[others.clone()])
            })
        };
        self.key.of.reads_as(&other.key.of)
            && self.cases.len() == other.cases.len()
            && self.cases.iter().all(same)
    }
}

fn read_as(these: &[Member], others: &[Member]) -> bool {
    these.len() == others.len() && these.iter().zip(others).all(|(a, b)| a.of.reads_as(&b.of))
}

struct Facts {
    bytes_min: u64,
    is_fixed: bool,
    is_free: bool,
    depth: u32,
    weight: u64,
}

impl Facts {
    const LEAF: Facts = Facts { bytes_min: 0, is_fixed: true, is_free: true, depth: 0, weight: 1 };

    fn of_all(members: &[Member]) -> Facts {
        members.iter().fold(Facts::LEAF, |all, Member { of, .. }| Facts {
            bytes_min: all.bytes_min + u64::from(of.bytes_min),
            is_fixed: all.is_fixed && of.is_fixed,
            is_free: all.is_free && of.is_free,
            depth: all.depth.max(of.depth + 1),
            weight: all.weight + u64::from(of.weight),
        })
    }

    fn check(self, shape: Shape) -> Result<Type, TypeError> {
        let Facts { bytes_min, is_fixed, is_free, depth, weight } = self;
        match bytes_min {
            0 => Err(TypeError::Nothing),
            _ if bytes_min > TYPE_BYTES_MAX.into() => Err(TypeError::TooLong),
            _ if depth > TYPE_DEPTH_MAX => Err(TypeError::TooDeep),
            _ if weight > TYPE_WEIGHT_MAX.into() => Err(TypeError::TooHeavy),
            _ => {
                let (bytes_min, weight) = (bytes_min as u32, weight as u32);
                Ok(Type { shape, bytes_min, is_fixed, is_free, depth, weight })
            }
        }
    }
}
