//! Tokens to syntax, by recursive descent. After an error it goes on behind the next semicolon,
//! so that one run finds most of what is wrong.

mod cursor;
mod terms;

use crate::diagnostic::Diagnostics;
use crate::lexer::{self, Kind, Token};
use crate::source::{FILE_BYTES_MAX, Source, Span};
use crate::syntax::{ClassSyntax, Declaration, FieldBody, FieldSyntax, ParameterSyntax};
use crate::value::Value;
use std::collections::BTreeSet;

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
    Parser::new(source, file, grammar, types, diagnostics).declarations()
}

/// Reads one value as a DC file has it. Names before values, as in `(x = 1)`, mean nothing.
pub fn parse_value(source: &Source) -> Result<Value, Diagnostics> {
    let (mut types, mut diagnostics) = (BTreeSet::new(), Diagnostics::default());
    let mut parser = Parser::new(source, 0, Grammar::Modern, &mut types, &mut diagnostics);
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

impl<'a> Parser<'a> {
    fn new(
        source: &'a Source,
        file: u32,
        grammar: Grammar,
        types: &'a mut BTreeSet<String>,
        diagnostics: &'a mut Diagnostics,
    ) -> Parser<'a> {
        let mut tokens = lexer::tokens(&source.text, file, diagnostics);
        tokens.retain(|token| token.kind != Kind::Comment);
        let is_end_told = tokens.iter().any(|token| token.kind == Kind::Wrong);
        let (text, at, depth) = (&*source.text, 0, 0);
        Parser { text, tokens, at, depth, grammar, types, diagnostics, is_end_told }
    }

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
}
