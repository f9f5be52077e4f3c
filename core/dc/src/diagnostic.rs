//! What is wrong with a DC file, and where.

use crate::source::{Source, Span, line_and_column};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// After so many errors the rest is not said.
pub const ERRORS_MAX: usize = 50;
/// A longer word is like no other.
const WORD_BYTES_MAX: usize = 64;
/// What a message shows of a line at most, in bytes: lines of hostile files can be long.
const LINE_BYTES_MAX: usize = 400;

/// Something wrong at a place of a DC file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Where.
    pub span: Span,
    /// What is wrong.
    pub what: String,
    /// What to do about it, if that can be said.
    pub help: Option<String>,
}

/// All that is wrong with some DC files.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
    unsaid: usize,
}

impl Diagnostics {
    /// Adds an error.
    pub fn error(&mut self, span: Span, what: impl Into<String>) {
        self.push(Diagnostic { span, what: what.into(), help: None });
    }

    /// Adds an error and what to do about it.
    pub fn error_with_help(
        &mut self,
        span: Span,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Diagnostic { span, what: what.into(), help: Some(help.into()) });
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        if self.is_full() {
            self.unsaid += 1;
        } else {
            self.found.push(diagnostic);
        }
    }

    /// Whether further errors would not be said.
    pub fn is_full(&self) -> bool {
        self.found.len() >= ERRORS_MAX
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// In the order of the files.
    pub(crate) fn sorted(mut self) -> Diagnostics {
        self.found.sort_by_key(|diagnostic| diagnostic.span);
        self
    }

    /// The errors.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.found.iter()
    }

    /// Each error with its file, line, column, the line itself and a caret.
    pub fn render(&self, sources: &[Source], renderer: &Renderer) -> String {
        let mut all: Vec<String> =
            self.found.iter().map(|diagnostic| diagnostic.render(sources, renderer)).collect();
        if self.unsaid > 0 {
            all.push(format!("and {} errors more", self.unsaid));
        }
        all.join("\n\n")
    }

    /// Each error on one line: `file:line:column: what`.
    pub fn lines(&self, sources: &[Source]) -> String {
        let line = |diagnostic: &Diagnostic| {
            let Source { name, text } = &sources[diagnostic.span.file as usize];
            let (line, column) = line_and_column(text, diagnostic.span.start as usize);
            format!("{name}:{line}:{column}: {}\n", diagnostic.what)
        };
        self.found.iter().map(line).collect()
    }
}

impl Diagnostic {
    fn render(&self, sources: &[Source], renderer: &Renderer) -> String {
        let Source { name, text } = &sources[self.span.file as usize];
        let (excerpt, excerpt_start, line) = excerpt(text, self.span);
        let start = (self.span.start as usize).saturating_sub(excerpt_start).min(excerpt.len());
        let end = (self.span.end as usize).saturating_sub(excerpt_start).min(excerpt.len());
        let snippet = Snippet::source(excerpt)
            .path(name)
            .line_start(line)
            .annotation(AnnotationKind::Primary.span(start..end.max(start)));
        let mut group = Level::ERROR.primary_title(self.what.as_str()).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

/// The line on which a span begins, or the part of it that is worth showing; where in the text
/// that is; and its number.
fn excerpt(text: &str, span: Span) -> (&str, usize, usize) {
    let at = (span.start as usize).min(text.len());
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    let start = char_start(text, line_start.max(at.saturating_sub(LINE_BYTES_MAX / 2)));
    let end = char_start(text, line_end.min(start + LINE_BYTES_MAX));
    (&text[start..end], start, text[..at].matches('\n').count() + 1)
}

fn char_start(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
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
