//! What happened, in order: hashed always, written down on request.
//!
//! The hash is part of a run's outcome (I9): two runs of one seed that differ anywhere, be it in
//! one byte of one write, have different hashes.

use std::fmt::Write as _;

/// The trace of one run.
#[derive(Debug, Default)]
pub struct Trace {
    hash: u64,
    lines: u64,
    show: Show,
}

/// What becomes of the text of a trace.
#[derive(Debug, Default)]
pub enum Show {
    /// Nothing: only the hash is kept.
    #[default]
    Nothing,
    /// It is printed as it happens.
    Print,
    /// It is kept.
    Keep(String),
}

impl Trace {
    /// An empty trace.
    pub fn new(show: Show) -> Trace {
        Trace { show, ..Trace::default() }
    }

    /// The hash of everything noted so far.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many lines it has.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The text, if it was kept.
    pub fn text(&self) -> &str {
        match &self.show {
            Show::Keep(text) => text,
            Show::Nothing | Show::Print => "",
        }
    }

    /// Whether somebody sees the text.
    pub fn is_shown(&self) -> bool {
        !matches!(self.show, Show::Nothing)
    }

    /// Notes that something happened.
    pub fn note(&mut self, now: u64, what: &'static str, fields: &[(&'static str, u64)]) {
        self.lines += 1;
        self.mix(now);
        self.bytes(what.as_bytes());
        fields.iter().for_each(|&(_, value)| self.mix(value));
        if self.is_shown() {
            let mut line = format!("{:>13} {what}", Micros(now));
            for (name, value) in fields {
                line.write_fmt(format_args!(" {name}={value}")).expect("a String takes all");
            }
            self.line(&line);
        }
    }

    /// Says more about what was noted last, to a reader; the hash does not see it.
    pub fn say(&mut self, now: u64, text: impl FnOnce() -> String) {
        if self.is_shown() {
            let line = format!("{:>13}   {}", Micros(now), text());
            self.line(&line);
        }
    }

    /// Takes bytes into the hash.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.mix(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    fn mix(&mut self, value: u64) {
        let mixed = (self.hash ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.hash = mixed ^ (mixed >> 29);
    }

    fn line(&mut self, line: &str) {
        match &mut self.show {
            Show::Nothing => (),
            Show::Print => println!("{line}"),
            Show::Keep(text) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
}

struct Micros(u64);

impl std::fmt::Display for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}.{:03}us", self.0 / 1000, self.0 % 1000))
    }
}
