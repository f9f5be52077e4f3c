//! How far long work has come, on standard error where that is a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Nobody reads faster.
const BETWEEN: Duration = Duration::from_millis(100);

/// A line that is written over and over.
pub struct Progress {
    /// What is being done, as in `reading`.
    doing: &'static str,
    /// When it was last shown; none if it is not to be shown.
    shown: Option<Instant>,
    /// Whether there is something to be wiped off.
    is_dirty: bool,
}

impl Progress {
    /// Nothing is shown before some time has passed: short work needs no progress.
    pub fn new(doing: &'static str) -> Progress {
        let is_terminal = io::stderr().is_terminal();
        Progress { doing, shown: is_terminal.then(Instant::now), is_dirty: false }
    }

    /// So much of so much is done; `what` names it, as in `objects`.
    pub fn at(&mut self, done: u64, of: u64, what: &str) {
        if self.shown.is_none_or(|shown| shown.elapsed() < BETWEEN) {
            return;
        }
        let percent = done.saturating_mul(100) / of.max(1);
        let text = format!("\r{}: {done} of {of} {what}, {percent} %\x1b[K", self.doing);
        self.is_dirty = true;
        // A terminal that went away is no reason to stop the work.
        self.shown = io::stderr().write_all(text.as_bytes()).is_ok().then(Instant::now);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_dirty {
            // A terminal that went away shows nothing in any case.
            io::stderr().write_all(b"\r\x1b[K").unwrap_or_default();
        }
    }
}
