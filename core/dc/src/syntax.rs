//! What a DC file says, as it says it: names are not looked up yet.

use crate::source::Span;
use crate::value::{Number, Value};
use std::ops::Range;

/// A name and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// Something at the top level of a file.
#[derive(Clone, Debug)]
pub enum Declaration {
    /// `dclass` or `struct`.
    Class(ClassSyntax),
    /// `switch NAME (key) {...}`.
    Switch(SwitchSyntax),
    /// `typedef TYPE NAME`.
    Typedef(ParameterSyntax),
    /// `keyword a b;`.
    Keywords(Vec<Name>),
    /// `import ...` and `from ... import ...`: what the file says, word for word.
    Import(Span),
}

/// A class or a struct.
#[derive(Clone, Debug)]
pub struct ClassSyntax {
    /// Whether it is a `struct`.
    pub is_struct: bool,
    /// Its name; without text if it is a struct inside another type.
    pub name: Name,
    /// What it inherits from.
    pub parents: Vec<Name>,
    /// Its own fields.
    pub fields: Vec<FieldSyntax>,
}

/// A field of a class or a struct.
#[derive(Clone, Debug)]
pub struct FieldSyntax {
    /// Its name; without text where the file gives none.
    pub name: Name,
    /// What it holds.
    pub body: FieldBody,
    /// Its keywords.
    pub keywords: Vec<Name>,
}

/// What a field holds.
#[derive(Clone, Debug)]
pub enum FieldBody {
    /// `name(parameters)`.
    Atomic(Vec<ParameterSyntax>),
    /// `name : field, field`.
    Molecular(Vec<Name>),
    /// `type name`.
    Parameter(ParameterSyntax),
}

/// A type with a name, and perhaps a default.
#[derive(Clone, Debug)]
pub struct ParameterSyntax {
    /// Its name; without text where the file gives none.
    pub name: Name,
    /// The type that it begins with.
    pub base: TypeSyntax,
    /// What follows the type and the name, in that order.
    pub modifiers: Vec<Modifier>,
    /// What it is where nothing is said.
    pub default: Option<ValueSyntax>,
    /// All of it.
    pub span: Span,
}

/// What a parameter begins with.
#[derive(Clone, Debug)]
pub enum TypeSyntax {
    /// A type of the language, a typedef, a struct, a class or a switch.
    Named(Name),
    /// A struct written out.
    Struct(Box<ClassSyntax>),
    /// A switch written out.
    Switch(Box<SwitchSyntax>),
}

/// Something that narrows or changes a type.
#[derive(Clone, Debug)]
pub enum Modifier {
    /// `% n`.
    Modulus(NumberSyntax),
    /// `/ n`.
    Divisor(NumberSyntax),
    /// `(a-b, c)`.
    Ranges(Vec<RangeSyntax>, Span),
    /// `[a-b, c]`.
    Array(Vec<RangeSyntax>, Span),
}

/// `a` or `a-b`.
#[derive(Clone, Debug)]
pub struct RangeSyntax {
    /// The lowest.
    pub low: NumberSyntax,
    /// The highest.
    pub high: NumberSyntax,
}

/// A number as written. A quoted character stands for its code.
#[derive(Clone, Debug)]
pub struct NumberSyntax {
    /// The number.
    pub number: Number,
    /// Where.
    pub span: Span,
}

/// A switch.
#[derive(Clone, Debug)]
pub struct SwitchSyntax {
    /// Its name; may be without text.
    pub name: Name,
    /// What decides.
    pub key: ParameterSyntax,
    /// All fields of all cases, in order.
    pub fields: Vec<FieldSyntax>,
    /// Its cases, in order.
    pub cases: Vec<CaseSyntax>,
}

/// What a value of the key leads to.
#[derive(Clone, Debug)]
pub struct CaseSyntax {
    /// The value of the key; `None` for `default`.
    pub value: Option<ValueSyntax>,
    /// Which fields it has: those up to `break`, past the labels of other cases.
    pub fields: Range<usize>,
    /// Where its label stands.
    pub span: Span,
}

/// A value as written.
#[derive(Clone, Debug)]
pub struct ValueSyntax {
    /// The value.
    pub value: Value,
    /// Where.
    pub span: Span,
}
