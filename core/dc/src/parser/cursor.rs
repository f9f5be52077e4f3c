//! The tokens as the parser goes over them: looking, taking, and saying what was expected.

use super::{Lost, Parsed, Parser};
use crate::diagnostic::nearest;
use crate::lexer::{Kind, Token};
use crate::source::Span;
use crate::syntax::Name;
use crate::value_type::{Basic, TYPE_DEPTH_MAX};

/// Characters of a name, at most.
const NAME_BYTES_MAX: usize = 255;
/// Types inside each other as one statement writes them, at most.
pub(super) const TYPES_DEPTH_MAX: u32 = 32;
/// Values inside each other, at most: the deepest type has one, and so has a method of it.
pub(super) const VALUES_DEPTH_MAX: u32 = TYPE_DEPTH_MAX + 2;

impl Parser<'_> {
    /// Words up to the first token that is none.
    pub(super) fn words(&mut self) -> Vec<Name> {
        let mut words = Vec::new();
        while self.kind() == Kind::Word && !self.begins_field() {
            let span = self.next().span;
            words.push(Name { text: self.text[span.range()].to_owned(), span });
        }
        words
    }

    /// Whether this word is no keyword but begins the next field: where semicolons may be missing,
    /// and where one is missing.
    pub(super) fn begins_field(&self) -> bool {
        let next = self.kind_ahead(1);
        let is_first_of_two =
            next == Kind::Word && (is_reserved(self.word()) || self.is_type(self.word()));
        is_first_of_two || matches!(next, Kind::Mark(b'(' | b':' | b'{' | b'/' | b'%' | b'['))
    }

    pub(super) fn is_type(&self, word: &str) -> bool {
        Basic::from_name(word).is_some() || self.types.contains(word)
    }

    pub(super) fn name(&mut self, what: &str) -> Parsed<Name> {
        if self.kind() != Kind::Word || is_reserved(self.word()) {
            return self.expected(what);
        }
        let span = self.next().span;
        if span.range().len() > NAME_BYTES_MAX {
            return self.lost(span, format!("a name has at most {NAME_BYTES_MAX} characters"));
        }
        Ok(Name { text: self.text[span.range()].to_owned(), span })
    }

    pub(super) fn no_name(&self) -> Name {
        let Span { file, start, .. } = self.token().span;
        Name { text: String::new(), span: Span { file, start, end: start } }
    }

    pub(super) fn deeper<T>(
        &mut self,
        depth_max: u32,
        inner: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        if self.depth >= depth_max {
            let what = format!("more than {depth_max} types or values inside each other");
            return self.lost(self.token().span, what);
        }
        self.depth += 1;
        let inner = inner(self);
        self.depth -= 1;
        inner
    }

    pub(super) fn token(&self) -> Token {
        self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    pub(super) fn kind(&self) -> Kind {
        self.token().kind
    }

    pub(super) fn kind_ahead(&self, ahead: usize) -> Kind {
        self.tokens.get(self.at + ahead).map_or(Kind::End, |token| token.kind)
    }

    pub(super) fn is_mark(&self, mark: u8) -> bool {
        self.kind() == Kind::Mark(mark)
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.token();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    pub(super) fn word(&self) -> &str {
        let Token { kind, span } = self.token();
        if kind == Kind::Word { &self.text[span.range()] } else { "" }
    }

    pub(super) fn next_word(&mut self) -> &str {
        let span = self.next().span;
        &self.text[span.range()]
    }

    pub(super) fn take(&mut self, mark: u8) -> bool {
        let is_it = self.is_mark(mark);
        if is_it {
            self.next();
        }
        is_it
    }

    pub(super) fn expect(&mut self, mark: u8, what: &str) -> Parsed<()> {
        if self.take(mark) { Ok(()) } else { self.expected(what) }
    }

    pub(super) fn expect_end(&mut self) -> Parsed<()> {
        if self.kind() == Kind::End { Ok(()) } else { self.expected("nothing more") }
    }

    /// Where the last token ended that was taken.
    pub(super) fn last(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    pub(super) fn lost<T>(&mut self, span: Span, what: impl Into<String>) -> Parsed<T> {
        self.diagnostics.error(span, what);
        Err(Lost)
    }

    pub(super) fn expected<T>(&mut self, what: &str) -> Parsed<T> {
        if self.is_told() {
            return Err(Lost);
        }
        let found = self.found();
        self.lost(self.token().span, format!("expected {what}, found {found}"))
    }

    /// Whether the user knows already what is wrong here.
    pub(super) fn is_told(&mut self) -> bool {
        let is_end = self.kind() == Kind::End;
        self.kind() == Kind::Wrong || (is_end && std::mem::replace(&mut self.is_end_told, true))
    }

    pub(super) fn expected_one_of<T>(&mut self, what: &str, known: &[&str]) -> Parsed<T> {
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

    pub(super) fn found(&self) -> String {
        let Token { kind, span } = self.token();
        if kind == Kind::End {
            return "the end of the file".to_owned();
        }
        let text: String = self.text[span.range()].chars().take(40).collect();
        format!("`{text}`")
    }

    /// Goes on behind the statement, or before the brace that ends the class.
    pub(super) fn find_field(&mut self, start: usize) {
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
    pub(super) fn find_declaration(&mut self, start: usize) {
        self.at = self.at.max(start + 1).min(self.tokens.len() - 1);
        const BEGINS: [&str; 6] = ["dclass", "struct", "typedef", "keyword", "import", "from"];
        while self.kind() != Kind::End && !BEGINS.contains(&self.word()) {
            self.next();
        }
    }
}

const RESERVED: [&str; 10] = [
    "dclass", "struct", "typedef", "keyword", "switch", "case", "default", "break", "import",
    "from",
];

/// Whether a word never is a name.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}
