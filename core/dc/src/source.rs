//! The files of a schema, and places in them.

use std::ops::Range;

/// A file longer than this is refused: the largest real ones have 100 KB.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// One DC file.
#[derive(Clone, Debug)]
pub struct Source {
    /// What messages call it.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// A file that is too long to be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: a DC file has at most {FILE_BYTES_MAX} bytes")]
pub struct FileTooLong {
    /// What messages call it.
    pub name: String,
}

impl Source {
    /// The file of which `bytes` are all. Old files have comments in old encodings: what is not
    /// UTF-8 is replaced, so where it stands elsewhere it is an error.
    pub fn new(name: String, bytes: &[u8]) -> Result<Source, FileTooLong> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(FileTooLong { name });
        }
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
        Ok(Source { name, text })
    }
}

/// Where something stands: bytes of one file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Span {
    /// Which file.
    pub file: u32,
    /// The first byte.
    pub start: u32,
    /// The byte after the last one.
    pub end: u32,
}

impl Span {
    /// From the begin of this to the end of another.
    pub fn to(self, end: Span) -> Span {
        Span { end: end.end.max(self.start), ..self }
    }

    /// The bytes.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Line and column of a byte, both from 1; columns count characters.
pub fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
