//! The types of parameters: what modifiers make of a type, and what defaults fit.

use crate::load::{Loader, Named};
use crate::schema::{ClassId, FieldKind, Keywords, Rules};
use crate::source::Span;
use crate::syntax::{
    ClassSyntax, FieldBody, FieldSyntax, Modifier, NumberSyntax, ParameterSyntax, RangeSyntax,
    SwitchSyntax, TypeSyntax, ValueSyntax,
};
use crate::value::{Number, pack, pack_implicit};
use crate::value_type::{
    Array, Basic, Float, Integer, Legacy, Member, Ranges, Shape, StructType, SwitchType, Text, Type,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Types that all fields have inside them, at most.
const WEIGHT_MAX: u64 = 1 << 22;
/// Bytes of all defaults, at most.
const DEFAULT_BYTES_MAX: usize = 16 << 20;

/// Something wrong, of which the user has been told.
type Said<T> = Option<T>;

impl Loader<'_> {
    /// A parameter with its type and its default.
    pub(crate) fn member(&mut self, syntax: &ParameterSyntax) -> Said<Member> {
        if self.diagnostics.is_full() {
            return None;
        }
        let of = self.parameter_type(syntax)?;
        let default = match &syntax.default {
            Some(value) => self.value(&of, value, "this is no default for it")?,
            None => {
                let mut bytes = Vec::new();
                if let Err(error) = pack_implicit(&of, &mut bytes) {
                    return self.wrong(syntax.span, format!("its default is too long: {error}"));
                }
                bytes
            }
        };
        self.weigh(of.weight.into(), default.len(), syntax.span)?;
        Some(Member {
            name: syntax.name.text.clone(),
            has_default: syntax.default.is_some() || has_default(&of),
            of,
            default: default.into(),
            keywords: 0,
            number: 0,
        })
    }

    /// Counts what a parameter takes in memory and time, in all fields together.
    pub(crate) fn weigh(&mut self, weight: u64, default_bytes: usize, span: Span) -> Said<()> {
        self.weight += weight;
        self.default_bytes += default_bytes;
        if self.weight > WEIGHT_MAX {
            return self.wrong(span, "the types of all fields together are too large");
        }
        if self.default_bytes > DEFAULT_BYTES_MAX {
            return self.wrong(span, "the defaults of all fields together are too large");
        }
        Some(())
    }

    fn value(&mut self, of: &Type, value: &ValueSyntax, what: &str) -> Said<Vec<u8>> {
        let mut bytes = Vec::new();
        match pack(of, &value.value, self.options.policy, &mut bytes) {
            Ok(()) => Some(bytes),
            Err(error) => self.wrong(value.span, format!("{what}: {error}")),
        }
    }

    /// The type of a parameter, its modifiers applied.
    pub(crate) fn parameter_type(&mut self, syntax: &ParameterSyntax) -> Said<Type> {
        let base = match &syntax.base {
            TypeSyntax::Named(name) => self.named_type(&name.text, name.span)?,
            TypeSyntax::Struct(class) => self.inline_struct(class)?,
            TypeSyntax::Switch(switch) => self.switch_type(switch)?,
        };
        let mut shape = base.shape;
        // Ranges are in units of the value: the divisor must be known before them.
        let divisors = syntax.modifiers.iter().filter(|it| matches!(it, Modifier::Divisor(_)));
        let others = syntax.modifiers.iter().filter(|it| !matches!(it, Modifier::Divisor(_)));
        let mut brackets = 0;
        for modifier in divisors.chain(others) {
            shape = self.modified(shape, modifier, brackets)?;
            brackets += usize::from(matches!(modifier, Modifier::Array(..)));
        }
        self.of_shape(shape, syntax.span)
    }

    fn of_shape(&mut self, shape: Shape, span: Span) -> Said<Type> {
        match Type::new(shape) {
            Ok(of) => Some(of),
            Err(error) => self.wrong(span, error.to_string()),
        }
    }

    fn named_type(&mut self, name: &str, span: Span) -> Said<Type> {
        if let Some(basic) = Basic::from_name(name) {
            if self.options.rules == Rules::Classic && basic.classic_code().is_none() {
                return self.wrong(span, format!("files of 2003 have no type `{name}`"));
            }
            return self.of_shape(basic_shape(basic), span);
        }
        match self.types.get(name) {
            Some(Named::Type(of)) => Some(of.clone()),
            Some(Named::Wrong) => None,
            Some(&Named::Nothing(error)) => self.wrong(span, error.to_string()),
            None if self.schema.by_name.contains_key(name) => {
                self.wrong(span, format!("`{name}` is a class: only structs are types"))
            }
            None => {
                let known = Basic::ALL.iter().map(|basic| basic.name());
                let help = self.help_with(name, known.chain(self.types.keys().map(String::as_str)));
                self.diagnostics.error_with_help(
                    span,
                    format!("there is no type `{name}` yet"),
                    help,
                );
                None
            }
        }
    }

    fn inline_struct(&mut self, syntax: &ClassSyntax) -> Said<Type> {
        // It is no class of the schema, but its fields take numbers like any other.
        let class = ClassId(self.schema.classes.len() as u16);
        let (mut fields, mut seen) = (Vec::new(), BTreeSet::new());
        for field in &syntax.fields {
            let member = self.plain_field(field)?;
            if !member.name.is_empty() && !seen.insert(member.name.clone()) {
                let what = format!("this struct has a field `{}` already", member.name);
                return self.wrong(field.name.span, what);
            }
            let number = self.number(fields.len(), field.name.span)?;
            let (keywords, kind) =
                (Keywords::default(), FieldKind::Parameter(Box::new(member.clone())));
            self.add_field(class, &member.name, number, keywords, kind, field.name.span)?;
            fields.push(Member { number, ..member });
        }
        let name = syntax.name.text.clone();
        let of = StructType { name, parents: Vec::new(), fields, inherited: 0 };
        self.of_shape(Shape::Struct(Arc::new(of)), syntax.name.span)
    }

    /// A field of a struct inside another type, or of a switch.
    fn plain_field(&mut self, field: &FieldSyntax) -> Said<Member> {
        if let Some(word) = field.keywords.first() {
            return self.wrong(word.span, "only fields of classes and structs have keywords");
        }
        match &field.body {
            FieldBody::Parameter(parameter) => self.member(parameter),
            FieldBody::Atomic(_) | FieldBody::Molecular(_) => {
                self.wrong(field.name.span, "only classes have methods")
            }
        }
    }

    /// A switch as a type.
    pub(crate) fn switch_type(&mut self, syntax: &SwitchSyntax) -> Said<Type> {
        let key = self.member(&syntax.key)?;
        let fields: Said<Vec<Member>> =
            syntax.fields.iter().map(|field| self.plain_field(field)).collect();
        let (mut cases, mut seen) = (Vec::new(), BTreeSet::new());
        for case in &syntax.cases {
            let label = match &case.value {
                Some(value) => Some(self.value(&key.of, value, "this is no value of the key")?),
                None => None,
            };
            if !seen.insert(label.clone()) {
                return self.wrong(case.span, "the switch has this case already");
            }
            self.weigh(0, label.as_ref().map_or(0, Vec::len), case.span)?;
            cases.push((label.map(Into::into), case.fields.clone()));
        }
        if cases.is_empty() {
            return self.wrong(syntax.name.span, "a switch has at least one case");
        }
        let (name, fields) = (syntax.name.text.clone(), fields?);
        let switch = SwitchType { name, key, fields, cases };
        self.of_shape(Shape::Switch(Arc::new(switch)), syntax.name.span)
    }

    fn modified(&mut self, shape: Shape, modifier: &Modifier, brackets: usize) -> Said<Shape> {
        match modifier {
            Modifier::Divisor(number) => self.divided(shape, number),
            Modifier::Modulus(number) => self.reduced(shape, number),
            Modifier::Ranges(ranges, span) => self.ranged(shape, ranges, *span),
            Modifier::Array(ranges, span) => self.repeated(shape, brackets, ranges, *span),
        }
    }

    /// `T[2][3]` is two arrays of three, as in C: a bracket makes an array of what the `before`
    /// brackets before it have made an array of. (Panda3D decides whether there is a length on the
    /// wire as if there were no other bracket.)
    fn repeated(
        &mut self,
        shape: Shape,
        before: usize,
        ranges: &[RangeSyntax],
        span: Span,
    ) -> Said<Shape> {
        if let Shape::Array(mut array) = shape {
            if before > 0 {
                let inner = self.repeated(array.element.shape, before - 1, ranges, span)?;
                array.element = self.of_shape(inner, span)?;
                return Some(Shape::Array(array));
            }
            return self.array_of(Shape::Array(array), ranges, span);
        }
        self.array_of(shape, ranges, span)
    }

    fn array_of(&mut self, shape: Shape, ranges: &[RangeSyntax], span: Span) -> Said<Shape> {
        let element = self.of_shape(shape, span)?;
        let sizes = self.sizes(ranges, span)?;
        let has_length = sizes.fixed().is_none() || !element.is_fixed;
        Some(Shape::Array(Box::new(Array { element, sizes, has_length, legacy: None })))
    }

    fn divided(&mut self, shape: Shape, number: &NumberSyntax) -> Said<Shape> {
        let divisor = match number.number {
            Number::Whole(divisor @ 1..=0x7fff_ffff) => divisor as u32,
            Number::Whole(_) | Number::Real(_) => {
                return self.wrong(number.span, "a divisor is a whole number from 1 to 2147483647");
            }
        };
        match shape {
            Shape::Integer(Integer { divisor: 1, ranges, modulus: None, basic, bytes, signed })
                if ranges.is_all() && basic != Basic::Char =>
            {
                Some(Shape::Integer(Integer {
                    divisor,
                    ranges,
                    modulus: None,
                    basic,
                    bytes,
                    signed,
                }))
            }
            Shape::Float(Float { divisor: 1, ranges, modulus: None, basic }) if ranges.is_all() => {
                Some(Shape::Float(Float { divisor, ranges, modulus: None, basic }))
            }
            Shape::Array(mut array) if array.legacy.is_some() => {
                array.legacy.iter_mut().for_each(|legacy| legacy.divisor = divisor);
                if self.options.rules == Rules::Classic {
                    let shape = self.divided(array.element.shape, number)?;
                    array.element = self.of_shape(shape, number.span)?;
                }
                Some(Shape::Array(array))
            }
            Shape::Integer(Integer { basic: Basic::Char, .. })
            | Shape::Text(_)
            | Shape::Array(_)
            | Shape::Struct(_)
            | Shape::Switch(_) => self.wrong(number.span, "only numbers have a divisor"),
            Shape::Integer(_) | Shape::Float(_) => {
                self.wrong(number.span, "this type has a divisor, a modulus or a range already")
            }
        }
    }

    fn reduced(&mut self, shape: Shape, number: &NumberSyntax) -> Said<Shape> {
        let real = number.number.real();
        match shape {
            Shape::Integer(integer) if integer.basic != Basic::Char => {
                let wire = Integer { modulus: None, ..integer.clone() }.to_wire(number.number);
                let (_, high) = integer.bounds();
                match wire {
                    Ok(wire) if (1..=high + 1).contains(&wire) && wire <= u64::MAX.into() => {
                        Some(Shape::Integer(Integer { modulus: Some(wire as u64), ..integer }))
                    }
                    Ok(_) | Err(_) => self
                        .wrong(number.span, "the type does not hold all values below this modulus"),
                }
            }
            Shape::Float(float) if real > 0.0 && real.is_finite() => {
                let modulus = Some(real * f64::from(float.divisor));
                Some(Shape::Float(Float { modulus, ..float }))
            }
            Shape::Float(_) => self.wrong(number.span, "a modulus is above zero"),
            Shape::Integer(_)
            | Shape::Text(_)
            | Shape::Array(_)
            | Shape::Struct(_)
            | Shape::Switch(_) => self.wrong(number.span, "only numbers have a modulus"),
        }
    }

    fn ranged(&mut self, shape: Shape, ranges: &[RangeSyntax], span: Span) -> Said<Shape> {
        match shape {
            Shape::Integer(integer) => {
                let ranges = self.integer_ranges(&integer, ranges)?;
                Some(Shape::Integer(Integer { ranges, ..integer }))
            }
            Shape::Float(float) => {
                let scale = f64::from(float.divisor);
                let wire = |number: &NumberSyntax| float.rounded(number.number.real() * scale);
                let scaled = ranges.iter().map(|RangeSyntax { low, high }| (wire(low), wire(high)));
                let ranges = self.disjoint(scaled.collect(), ranges)?;
                Some(Shape::Float(Float { ranges, ..float }))
            }
            Shape::Text(text) => {
                let sizes = self.sizes(ranges, span)?;
                Some(Shape::Text(Text { sizes, ..text }))
            }
            Shape::Array(mut array) if array.legacy.is_some() => {
                array.sizes = self.sizes(ranges, span)?;
                Some(Shape::Array(array))
            }
            Shape::Array(_) => {
                self.wrong(span, "how many elements an array has stands in brackets: `[a-b]`")
            }
            Shape::Struct(_) | Shape::Switch(_) => {
                self.wrong(span, "only numbers and strings have a range")
            }
        }
    }

    fn integer_ranges(&mut self, integer: &Integer, ranges: &[RangeSyntax]) -> Said<Ranges<i128>> {
        let (lowest, highest) = integer.bounds();
        let unreduced = Integer { modulus: None, ..integer.clone() };
        let mut scaled = Vec::new();
        for RangeSyntax { low, high } in ranges {
            let mut wire = |number: &NumberSyntax| match unreduced.to_wire(number.number) {
                Ok(wire) if (lowest..=highest).contains(&wire) => Some(wire),
                Ok(_) | Err(_) => self.wrong(number.span, "the type does not hold this number"),
            };
            scaled.push((wire(low)?, wire(high)?));
        }
        self.disjoint(scaled, ranges)
    }

    fn sizes(&mut self, ranges: &[RangeSyntax], span: Span) -> Said<Ranges<u32>> {
        let size = |number: &NumberSyntax| match number.number {
            Number::Whole(size) => u32::try_from(size).ok(),
            Number::Real(_) => None,
        };
        let sizes: Option<Vec<(u32, u32)>> =
            ranges.iter().map(|range| Some((size(&range.low)?, size(&range.high)?))).collect();
        match sizes {
            Some(sizes) => self.disjoint(sizes, ranges),
            None => self.wrong(span, "a size is a whole number, not below zero"),
        }
    }

    /// Each range the right way round, and none over another.
    fn disjoint<T: PartialOrd + Copy>(
        &mut self,
        scaled: Vec<(T, T)>,
        ranges: &[RangeSyntax],
    ) -> Said<Ranges<T>> {
        for ((low, high), syntax) in scaled.iter().zip(ranges) {
            if low > high {
                return self.wrong(
                    syntax.low.span.to(syntax.high.span),
                    "this range ends before it begins",
                );
            }
        }
        let mut order: Vec<usize> = (0..scaled.len()).collect();
        order.sort_by(|&a, &b| {
            scaled[a].0.partial_cmp(&scaled[b].0).unwrap_or(std::cmp::Ordering::Equal)
        });
        for pair in order.windows(2) {
            if scaled[pair[0]].1 >= scaled[pair[1]].0 {
                let span = ranges[pair[0].max(pair[1])].low.span;
                return self.wrong(span, "this range lies over another one");
            }
        }
        Some(Ranges::new(scaled))
    }

    fn wrong<T>(&mut self, span: Span, what: impl Into<String>) -> Said<T> {
        self.diagnostics.error(span, what);
        None
    }
}

/// Whether the file gives a default inside a struct.
fn has_default(of: &Type) -> bool {
    match &of.shape {
        Shape::Struct(of) => of.fields.iter().any(|field| field.has_default),
        Shape::Array(array) => has_default(&array.element),
        Shape::Integer(_) | Shape::Float(_) | Shape::Text(_) | Shape::Switch(_) => false,
    }
}

fn basic_shape(basic: Basic) -> Shape {
    if let Some((bytes, signed)) = basic.integer() {
        let (divisor, modulus, ranges) = (1, None, Ranges::all());
        return Shape::Integer(Integer { basic, bytes, signed, divisor, modulus, ranges });
    }
    if matches!(basic, Basic::Float32 | Basic::Float64) {
        let (divisor, modulus, ranges) = (1, None, Ranges::all());
        return Shape::Float(Float { basic, divisor, modulus, ranges });
    }
    let element = match basic.array_of() {
        Some(element) => basic_shape(element),
        None if basic == Basic::Uint32Uint8Array => pair(),
        None => return Shape::Text(Text { basic, sizes: Ranges::all() }),
    };
    let element = Type::new(element).expect("numbers and pairs of numbers are types");
    let (sizes, legacy) = (Ranges::all(), Some(Legacy { basic, divisor: 1 }));
    Shape::Array(Box::new(Array { element, sizes, has_length: true, legacy }))
}

/// The element of `uint32uint8array`: five bytes.
fn pair() -> Shape {
    let fields = [Basic::Uint32, Basic::Uint8].map(|basic| {
        let of = Type::new(basic_shape(basic)).expect("a number is a type");
        let default = vec![0u8; of.bytes_min as usize].into();
        Member { name: String::new(), of, default, has_default: false, keywords: 0, number: 0 }
    });
    let (name, parents) = (String::new(), Vec::new());
    Shape::Struct(Arc::new(StructType { name, parents, fields: fields.into(), inherited: 0 }))
}
