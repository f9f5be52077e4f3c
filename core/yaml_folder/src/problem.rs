//! What is wrong with a file of the folder, and where.

use std::fmt;

/// After so many problems the rest is counted and not said.
pub const PROBLEMS_MAX: usize = 20;

/// Something in a file that cannot be read as an object.
///
/// Shown as `file:line: what`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; none if it is about the file as a whole.
    pub line: Option<usize>,
    /// What is wrong, and what was expected.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// All that is wrong, of which the first [`PROBLEMS_MAX`] are said.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Problems {
    /// The first ones.
    pub said: Vec<Problem>,
    /// How many there are.
    pub count: usize,
}

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.count += 1;
        if self.said.len() < PROBLEMS_MAX {
            self.said.push(problem);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.said.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))?;
        match self.count - self.said.len() {
            0 => Ok(()),
            unsaid => write!(f, "\nand {unsaid} more"),
        }
    }
}

/// What is wrong in one file, whose name is known further up: the line, and what.
pub type InFile = (Option<usize>, String);
