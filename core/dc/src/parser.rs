//! Tokens to syntax, by recursive descent. After an error it goes on behind the next semicolon,
//! so that one run finds most of what is wrong.

use crate::diagnostic::Diagnostics;
use crate::lexer::{self, Kind, Token};
use crate::source::{FILE_BYTES_MAX, Source, Span};
use crate::syntax::{
    CaseSyntax, ClassSyntax, Declaration, FieldBody, FieldSyntax, Modifier, Name, NumberSyntax,
    ParameterSyntax, RangeSyntax, SwitchSyntax, TypeSyntax, ValueSyntax,
};
use crate::types::Basic;
use crate::value::{Number, Value};
use std::collections::BTreeSet;

/// Types and values inside each other, at most.
const DEPTH_MAX: u32 = 32;
/// Values of a list after `value * count` is worked out, at most.
const LIST_MAX: u32 = 65_535;
/// A longer word is like no other.
const WORD_BYTES_MAX: usize = 64;

/// What the parser bears with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grammar {
    /// As Panda3D and Astron have it.
    Modern,
    /// As files of 2003 have it: semicolons may be missing everywhere.
    Classic,
}

/// What goes wrong: the rest of the statement is passed over.
struct Lost;

type Parsed<T> = Result<T, Lost>;

/// Reads one file. `types` are the names of types declared in files before; those of this file
/// are added.
pub fn parse(
    source: &Source,
    file: u32,
    grammar: Grammar,
    types: &mut BTreeSet<String>,
    diagnostics: &mut Diagnostics,
) -> Vec<Declaration> {
    if source.text.len() > FILE_BYTES_MAX {
        let start = Span { file, start: 0, end: 0 };
        diagnostics.error(start, format!("a DC file has at most {FILE_BYTES_MAX} bytes"));
        return Vec::new();
    }
    let mut tokens = lexer::tokens(&source.text, file, diagnostics);
    tokens.retain(|token| token.kind != Kind::Comment);
    let is_end_told = tokens.iter().any(|token| token.kind == Kind::Wrong);
    let mut parser = Parser {
        text: &source.text,
        tokens,
        at: 0,
        depth: 0,
        grammar,
        types,
        diagnostics,
        is_end_told,
    };
    parser.declarations()
}

/// Reads one value as a DC file has it. Names before values, as in `(x = 1)`, mean nothing.
pub fn parse_value(source: &Source) -> Result<Value, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let mut tokens = lexer::tokens(&source.text, 0, &mut diagnostics);
    tokens.retain(|token| token.kind != Kind::Comment);
    let (grammar, types) = (Grammar::Modern, &mut BTreeSet::new());
    let mut parser = Parser {
        text: &source.text,
        tokens,
        at: 0,
        depth: 0,
        grammar,
        types,
        diagnostics: &mut diagnostics,
        is_end_told: false,
    };
    let value = parser.value().and_then(|value| parser.expect_end().map(|()| value.value));
    match value {
        Ok(value) if diagnostics.is_empty() => Ok(value),
        Ok(_) | Err(Lost) => Err(diagnostics),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
    grammar: Grammar,
    types: &'a mut BTreeSet<String>,
    diagnostics: &'a mut Diagnostics,
    /// Whether the user knows that the file ends too early, or ends in a string or a comment.
    is_end_told: bool,
}

impl Parser<'_> {
    fn declarations(&mut self) -> Vec<Declaration> {
        let mut all = Vec::new();
        while self.kind() != Kind::End && !self.diagnostics.is_full() {
            if self.take(b';') {
                continue;
            }
            let start = self.at;
            match self.declaration() {
                Ok(declaration) => all.push(declaration),
                Err(Lost) => self.find_declaration(start),
            }
        }
        all
    }

    fn declaration(&mut self) -> Parsed<Declaration> {
        match self.word() {
            "dclass" => self.class(false).map(Declaration::Class),
            "struct" => self.class(true).map(Declaration::Class),
            "typedef" => self.typedef().map(Declaration::Typedef),
            "switch" => {
                let switch = self.switch()?;
                self.types.insert(switch.name.text.clone());
                Ok(Declaration::Switch(switch))
            }
            "keyword" => {
                self.next();
                let words = self.words();
                if words.is_empty() {
                    return self.expected("the name of a keyword");
                }
                Ok(Declaration::Keywords(words))
            }
            "import" | "from" => self.import(),
            _ => {
                const KNOWN: [&str; 7] =
                    ["dclass", "struct", "typedef", "keyword", "switch", "import", "from"];
                self.expected_one_of("a declaration", &KNOWN)
            }
        }
    }

    fn import(&mut self) -> Parsed<Declaration> {
        let start = self.next().span;
        let from = &self.text[start.range()] == "from";
        self.module()?;
        if from {
            if self.word() != "import" {
                return self.expected("`import`");
            }
            self.next();
            self.symbol()?;
            while self.take(b',') {
                self.symbol()?;
            }
        }
        Ok(Declaration::Import(start.to(self.last())))
    }

    /// `a.b/AI/UD`.
    fn module(&mut self) -> Parsed<()> {
        self.name("the name of a module")?;
        while self.take(b'.') || self.take(b'/') {
            self.name("the name of a module")?;
        }
        Ok(())
    }

    fn symbol(&mut self) -> Parsed<()> {
        if self.take(b'*') { Ok(()) } else { self.module() }
    }

    fn typedef(&mut self) -> Parsed<ParameterSyntax> {
        self.next();
        let parameter = self.parameter()?;
        if parameter.name.text.is_empty() {
            return self.expected("the name of the new type");
        }
        self.types.insert(parameter.name.text.clone());
        Ok(parameter)
    }

    fn class(&mut self, is_struct: bool) -> Parsed<ClassSyntax> {
        self.next();
        let name =
            self.name(if is_struct { "the name of the struct" } else { "the name of the class" })?;
        let mut parents = Vec::new();
        if self.take(b':') {
            parents.push(self.name("the name of a class to inherit from")?);
            while self.take(b',') {
                parents.push(self.name("the name of a class to inherit from")?);
            }
        }
        // A field of this name is the constructor, not a field of this type.
        let known_before = self.types.remove(&name.text);
        let fields = self.fields(&name.text)?;
        if is_struct || known_before {
            self.types.insert(name.text.clone());
        }
        Ok(ClassSyntax { is_struct, name, parents, fields })
    }

    fn fields(&mut self, class: &str) -> Parsed<Vec<FieldSyntax>> {
        self.expect(b'{', "`{`")?;
        let mut fields = Vec::new();
        loop {
            while self.take(b';') {}
            if self.take(b'}') {
                return Ok(fields);
            }
            if self.kind() == Kind::End || self.diagnostics.is_full() {
                return self.expected("`}`");
            }
            let start = self.at;
            match self.field(class) {
                Ok(field) => fields.push(field),
                Err(Lost) => self.find_field(start),
            }
        }
    }

    /// A field with what ends it.
    fn field(&mut self, class: &str) -> Parsed<FieldSyntax> {
        let mut field = self.field_body(class)?;
        field.keywords = self.words();
        let ends = self.take(b';') || self.grammar == Grammar::Classic;
        if !ends && matches!(self.kind(), Kind::Word | Kind::Mark(b'}')) {
            // Nothing else seems to be wrong: the field counts, and the next one is read.
            let after = Span { start: self.last().end, end: self.last().end, ..self.last() };
            self.diagnostics.error(after, "expected `;` after the field");
        } else if !ends {
            return self.expected("`;` after the field");
        }
        Ok(field)
    }

    fn field_body(&mut self, class: &str) -> Parsed<FieldSyntax> {
        let keywords = Vec::new();
        let word = self.word();
        let is_name = self.kind() == Kind::Word && (word == class || !self.is_type(word));
        match self.kind_ahead(1) {
            Kind::Mark(b'(') if is_name && word != "switch" => {
                let name = self.name("the name of a field")?;
                Ok(FieldSyntax { name, body: FieldBody::Atomic(self.parameters()?), keywords })
            }
            Kind::Mark(b':') if self.kind() == Kind::Word => {
                let name = self.name("the name of a field")?;
                self.next();
                let mut members = vec![self.name("the name of a method")?];
                while self.take(b',') {
                    members.push(self.name("the name of a method")?);
                }
                Ok(FieldSyntax { name, body: FieldBody::Molecular(members), keywords })
            }
            Kind::Word
            | Kind::Number
            | Kind::Text
            | Kind::Hex
            | Kind::Mark(_)
            | Kind::Comment
            | Kind::Wrong
            | Kind::End => {
                let parameter = self.parameter()?;
                let name = parameter.name.clone();
                Ok(FieldSyntax { name, body: FieldBody::Parameter(parameter), keywords })
            }
        }
    }

    /// `(a, b)`.
    fn parameters(&mut self) -> Parsed<Vec<ParameterSyntax>> {
        self.expect(b'(', "`(`")?;
        let mut parameters = Vec::new();
        if self.take(b')') {
            return Ok(parameters);
        }
        loop {
            parameters.push(self.parameter()?);
            if self.take(b')') {
                return Ok(parameters);
            }
            self.expect(b',', "`,` or `)`")?;
        }
    }

    fn parameter(&mut self) -> Parsed<ParameterSyntax> {
        let start = self.token().span;
        let base = self.deeper(|parser| parser.base_type())?;
        let mut modifiers = Vec::new();
        self.modifiers(&mut modifiers)?;
        let is_name = self.kind() == Kind::Word && !self.is_keyword_position();
        let name = if is_name { self.name("a name")? } else { self.no_name() };
        self.modifiers(&mut modifiers)?;
        let default = if self.take(b'=') { Some(self.value()?) } else { None };
        Ok(ParameterSyntax { name, base, modifiers, default, span: start.to(self.last()) })
    }

    fn base_type(&mut self) -> Parsed<TypeSyntax> {
        match self.word() {
            "struct" => {
                self.next();
                let is_named = self.kind() == Kind::Word;
                let name = if is_named { self.name("a name")? } else { self.no_name() };
                let fields = self.fields(&name.text)?;
                let (is_struct, parents) = (true, Vec::new());
                let class = ClassSyntax { is_struct, name, parents, fields };
                Ok(TypeSyntax::Struct(Box::new(class)))
            }
            "switch" => Ok(TypeSyntax::Switch(Box::new(self.switch()?))),
            _ => self.name("a type").map(TypeSyntax::Named),
        }
    }

    fn switch(&mut self) -> Parsed<SwitchSyntax> {
        self.next();
        let name = if self.kind() == Kind::Word { self.name("a name")? } else { self.no_name() };
        self.expect(b'(', "`(` and the key of the switch")?;
        let key = self.parameter()?;
        self.expect(b')', "`)`")?;
        self.expect(b'{', "`{`")?;
        let mut cases = Vec::new();
        // Cases that have not met a `break`: what follows belongs to them too.
        let mut open = 0;
        while !self.take(b'}') {
            if self.take(b';') {
                continue;
            }
            match self.word() {
                "case" | "default" => {
                    let span = self.token().span;
                    let value =
                        if self.next_word() == "default" { None } else { Some(self.value()?) };
                    self.expect(b':', "`:`")?;
                    cases.push(CaseSyntax { value, fields: Vec::new(), span });
                }
                "break" => {
                    self.next();
                    self.expect(b';', "`;`")?;
                    open = cases.len();
                }
                _ if cases.is_empty() => return self.expected("`case` or `default`"),
                _ => {
                    let field = self.field(&name.text)?;
                    cases[open..].iter_mut().for_each(|case| case.fields.push(field.clone()));
                }
            }
        }
        Ok(SwitchSyntax { name, key, cases })
    }

    fn modifiers(&mut self, modifiers: &mut Vec<Modifier>) -> Parsed<()> {
        loop {
            let start = self.token().span;
            if self.take(b'%') {
                modifiers.push(Modifier::Modulus(self.number()?));
            } else if self.take(b'/') {
                modifiers.push(Modifier::Divisor(self.number()?));
            } else if self.take(b'(') {
                let ranges = self.ranges(b')')?;
                modifiers.push(Modifier::Ranges(ranges, start.to(self.last())));
            } else if self.take(b'[') {
                let ranges = self.ranges(b']')?;
                modifiers.push(Modifier::Array(ranges, start.to(self.last())));
            } else {
                return Ok(());
            }
        }
    }

    /// `a-b, c` up to what closes them.
    fn ranges(&mut self, close: u8) -> Parsed<Vec<RangeSyntax>> {
        let mut ranges = Vec::new();
        if self.take(close) {
            return Ok(ranges);
        }
        loop {
            let low = self.number()?;
            let high = if self.take(b'-') { self.number()? } else { low.clone() };
            ranges.push(RangeSyntax { low, high });
            if self.take(close) {
                return Ok(ranges);
            }
            self.expect(b',', "`,` or the end of the range")?;
        }
    }

    fn number(&mut self) -> Parsed<NumberSyntax> {
        let start = self.token().span;
        let negative = self.take(b'-');
        if !negative {
            self.take(b'+');
        }
        let token = self.token();
        let text = &self.text[token.span.range()];
        let span = start.to(token.span);
        match token.kind {
            Kind::Number => {
                self.next();
                Ok(NumberSyntax { number: number(text, negative), span })
            }
            Kind::Text => match lexer::unquote(text)[..] {
                [code] => {
                    self.next();
                    Ok(NumberSyntax { number: Number::Whole(code.into()), span })
                }
                _ => self.expected("one character between quotes"),
            },
            Kind::Word | Kind::Hex | Kind::Mark(_) | Kind::Comment | Kind::Wrong | Kind::End => {
                self.expected("a number")
            }
        }
    }

    fn value(&mut self) -> Parsed<ValueSyntax> {
        let start = self.token().span;
        let value = self.deeper(Self::shallow_value)?;
        Ok(ValueSyntax { value, span: start.to(self.last()) })
    }

    fn shallow_value(&mut self) -> Parsed<Value> {
        let Token { kind, span } = self.token();
        let text = &self.text[span.range()];
        match kind {
            Kind::Text => {
                self.next();
                Ok(Value::Text(lexer::unquote(text)))
            }
            Kind::Hex => {
                self.next();
                Ok(Value::Hex(lexer::unhex(text)))
            }
            Kind::Mark(b'[') => self.list(b']').map(Value::List),
            Kind::Mark(b'{') => self.list(b'}').map(Value::List),
            Kind::Mark(b'(') => self.list(b')').map(Value::List),
            Kind::Number | Kind::Mark(b'-' | b'+') => {
                self.number().map(|number| Value::Number(number.number))
            }
            Kind::Word | Kind::Mark(_) | Kind::Comment | Kind::Wrong | Kind::End => {
                self.expected("a value")
            }
        }
    }

    fn list(&mut self, close: u8) -> Parsed<Vec<(Value, u32)>> {
        self.next();
        let (mut items, mut total) = (Vec::new(), 0u32);
        loop {
            if self.take(close) {
                return Ok(items);
            }
            // The name of what is given, as the tool prints it, means nothing.
            if self.kind() == Kind::Word && self.kind_ahead(1) == Kind::Mark(b'=') {
                self.at += 2;
            }
            let value = self.value()?;
            let mut count = 1;
            if self.take(b'*') {
                let number = self.number()?;
                count = match number.number {
                    Number::Whole(count @ 0..=65_535) => count as u32,
                    Number::Whole(_) | Number::Real(_) => {
                        return self.lost(number.span, "a count is a number from 0 to 65535");
                    }
                };
            }
            total = total.saturating_add(count);
            if total > LIST_MAX {
                return self.lost(value.span, format!("a list has at most {LIST_MAX} values"));
            }
            items.push((value.value, count));
            if !self.take(b',') && !self.is_mark(close) {
                return self.expected("`,` or the end of the list");
            }
        }
    }

    /// Words up to the first token that is none.
    fn words(&mut self) -> Vec<Name> {
        let mut words = Vec::new();
        while self.kind() == Kind::Word && !self.begins_field() {
            let span = self.next().span;
            words.push(Name { text: self.text[span.range()].to_owned(), span });
        }
        words
    }

    /// Whether this word is no keyword but begins the next field: where semicolons may be missing,
    /// and where one is missing.
    fn begins_field(&self) -> bool {
        let next = self.kind_ahead(1);
        let is_first_of_two =
            next == Kind::Word && (is_reserved(self.word()) || self.is_type(self.word()));
        is_first_of_two || matches!(next, Kind::Mark(b'(' | b':' | b'{' | b'/' | b'%' | b'['))
    }

    /// After a type, a word is a name; but `break` and the like never are.
    fn is_keyword_position(&self) -> bool {
        is_reserved(self.word())
    }

    fn is_type(&self, word: &str) -> bool {
        Basic::from_name(word).is_some() || self.types.contains(word)
    }

    fn name(&mut self, what: &str) -> Parsed<Name> {
        if self.kind() != Kind::Word || is_reserved(self.word()) {
            return self.expected(what);
        }
        let span = self.next().span;
        Ok(Name { text: self.text[span.range()].to_owned(), span })
    }

    fn no_name(&self) -> Name {
        let Span { file, start, .. } = self.token().span;
        Name { text: String::new(), span: Span { file, start, end: start } }
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH_MAX {
            let what = format!("more than {DEPTH_MAX} types or values inside each other");
            return self.lost(self.token().span, what);
        }
        self.depth += 1;
        let inner = inner(self);
        self.depth -= 1;
        inner
    }

    fn token(&self) -> Token {
        self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn kind(&self) -> Kind {
        self.token().kind
    }

    fn kind_ahead(&self, ahead: usize) -> Kind {
        self.tokens.get(self.at + ahead).map_or(Kind::End, |token| token.kind)
    }

    fn is_mark(&self, mark: u8) -> bool {
        self.kind() == Kind::Mark(mark)
    }

    fn next(&mut self) -> Token {
        let token = self.token();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn word(&self) -> &str {
        let Token { kind, span } = self.token();
        if kind == Kind::Word { &self.text[span.range()] } else { "" }
    }

    fn next_word(&mut self) -> &str {
        let span = self.next().span;
        &self.text[span.range()]
    }

    fn take(&mut self, mark: u8) -> bool {
        let is_it = self.is_mark(mark);
        if is_it {
            self.next();
        }
        is_it
    }

    fn expect(&mut self, mark: u8, what: &str) -> Parsed<()> {
        if self.take(mark) { Ok(()) } else { self.expected(what) }
    }

    fn expect_end(&mut self) -> Parsed<()> {
        if self.kind() == Kind::End { Ok(()) } else { self.expected("nothing more") }
    }

    /// Where the last token ended that was taken.
    fn last(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    fn lost<T>(&mut self, span: Span, what: impl Into<String>) -> Parsed<T> {
        self.diagnostics.error(span, what);
        Err(Lost)
    }

    fn expected<T>(&mut self, what: &str) -> Parsed<T> {
        if self.is_told() {
            return Err(Lost);
        }
        let found = self.found();
        self.lost(self.token().span, format!("expected {what}, found {found}"))
    }

    /// Whether the user knows already what is wrong here.
    fn is_told(&mut self) -> bool {
        let is_end = self.kind() == Kind::End;
        self.kind() == Kind::Wrong || (is_end && std::mem::replace(&mut self.is_end_told, true))
    }

    fn expected_one_of<T>(&mut self, what: &str, known: &[&str]) -> Parsed<T> {
        if self.is_told() {
            return Err(Lost);
        }
        let (span, found) = (self.token().span, self.found());
        let what = format!("expected {what}, found {found}");
        match nearest(self.word(), known.iter().copied()) {
            Some(meant) => {
                self.diagnostics.error_with_help(span, what, format!("did you mean `{meant}`?"));
            }
            None => {
                self.diagnostics.error_with_help(span, what, format!("one of {}", known.join(", ")))
            }
        }
        Err(Lost)
    }

    fn found(&self) -> String {
        let Token { kind, span } = self.token();
        if kind == Kind::End {
            return "the end of the file".to_owned();
        }
        let text: String = self.text[span.range()].chars().take(40).collect();
        format!("`{text}`")
    }

    /// Goes on behind the statement, or before the brace that ends the class.
    fn find_field(&mut self, start: usize) {
        self.at = self.at.max(start);
        let mut depth = 0;
        loop {
            if self.kind() == Kind::End || (depth == 0 && self.is_mark(b'}')) {
                return;
            }
            if depth == 0 && self.take(b';') {
                return;
            }
            depth += i32::from(self.is_mark(b'{')) - i32::from(self.is_mark(b'}'));
            self.next();
        }
    }

    /// Goes on at the next word that begins a declaration.
    fn find_declaration(&mut self, start: usize) {
        self.at = self.at.max(start + 1).min(self.tokens.len() - 1);
        const BEGINS: [&str; 6] = ["dclass", "struct", "typedef", "keyword", "import", "from"];
        while self.kind() != Kind::End && !BEGINS.contains(&self.word()) {
            self.next();
        }
    }
}

/// The number that a token stands for. A whole number too long for any type is a real one.
fn number(text: &str, negative: bool) -> Number {
    let digits = text.strip_prefix("0x").or(text.strip_prefix("0X"));
    let (digits, radix) = digits.map_or((text, 10), |digits| (digits, 16));
    match i128::from_str_radix(digits, radix) {
        Ok(whole) => Number::Whole(if negative { -whole } else { whole }),
        Err(_) => {
            let real = text.parse().unwrap_or(f64::INFINITY);
            Number::Real(if negative { -real } else { real })
        }
    }
}

const RESERVED: [&str; 10] = [
    "dclass", "struct", "typedef", "keyword", "switch", "case", "default", "break", "import",
    "from",
];

fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// The one of `known` that was probably meant by `word`.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = if word.len() <= WORD_BYTES_MAX { word } else { "" };
    let far = |known: &str| strsim::osa_distance(word, known);
    let near = |known: &&str| far(known) <= (known.len().min(word.len()) / 3).max(1);
    known.filter(near).min_by_key(|known| far(known))
}

/// `: did you mean ...?`, or nothing.
pub fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(word, known).map_or(String::new(), |meant| format!(": did you mean `{meant}`?"))
}
