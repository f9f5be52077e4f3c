//! What is wrong with a configuration, and where.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where something stands in a configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// The key with all keys above it, as in `roles[0].client.type`.
    pub key: String,
}

/// Something that is wrong with a configuration, or deserves a warning.
///
/// Shown as `file:line:column: key: what`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Where in it; none if it is about the file as a whole.
    pub place: Option<Place>,
    /// What is wrong, and what was expected.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(Place { line, column, key }) = &self.place {
            write!(f, ":{line}:{column}")?;
            if !key.is_empty() {
                write!(f, ": {key}")?;
            }
        }
        write!(f, ": {}", self.what)
    }
}

/// Everything found while one file is read.
pub struct Findings {
    file: PathBuf,
    errors: RefCell<Vec<Found>>,
    warnings: RefCell<Vec<Found>>,
}

/// A problem, and where the configuration gives rise to it.
struct Found {
    at: (usize, usize),
    problem: Problem,
}

impl Findings {
    /// None yet.
    pub fn new(file: &Path) -> Findings {
        Findings { file: file.into(), errors: RefCell::default(), warnings: RefCell::default() }
    }

    /// Adds something that makes the file unusable.
    pub fn error(&self, place: Place, what: impl Into<String>) {
        self.errors.borrow_mut().push(self.found(place, what.into()));
    }

    /// Adds something that is wrong with another file, which the configuration names at `named`.
    pub fn error_in(&self, named: Place, file: &Path, place: Place, what: String) {
        let problem = Problem { file: file.into(), place: Some(place), what };
        self.errors.borrow_mut().push(Found { at: (named.line, named.column), problem });
    }

    /// Adds something to be said at every start.
    pub fn warning(&self, place: Place, what: impl Into<String>) {
        self.warnings.borrow_mut().push(self.found(place, what.into()));
    }

    /// The warnings, or all errors; in the order of the file.
    pub fn into_result(self) -> Result<Vec<Problem>, Vec<Problem>> {
        let in_order = |mut all: Vec<Found>| -> Vec<Problem> {
            all.sort_by_key(|found| found.at);
            all.into_iter().map(|found| found.problem).collect()
        };
        let errors = in_order(self.errors.into_inner());
        if errors.is_empty() { Ok(in_order(self.warnings.into_inner())) } else { Err(errors) }
    }

    fn found(&self, place: Place, what: String) -> Found {
        let at = (place.line, place.column);
        Found { at, problem: Problem { file: self.file.clone(), place: Some(place), what } }
    }
}

/// The one of `known` that was probably meant by `word`.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let far = |known: &str| strsim::osa_distance(&word, known);
    let near = |known: &&&str| far(known) <= (known.len() / 3).max(1);
    known.iter().filter(near).min_by_key(|known| far(known)).copied()
}

/// Ends a sentence about `word` with what was probably meant, or with all that is known.
pub fn suggest(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}
