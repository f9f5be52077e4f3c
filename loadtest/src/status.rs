//! Progress on stderr: on a terminal one line that is written over, elsewhere, if it is asked for, a
//! line each time.

use std::io::{IsTerminal, Write, stderr};

pub(crate) struct StatusLine {
    is_terminal: bool,
    is_wanted: bool,
    is_begun: bool,
}

/// To the begin of the line, and nothing behind it.
const OVER: &str = "\r\x1b[K";

impl StatusLine {
    /// `is_wanted`: elsewhere than on a terminal too.
    pub(crate) fn new(is_wanted: bool) -> StatusLine {
        StatusLine { is_terminal: stderr().is_terminal(), is_wanted, is_begun: false }
    }

    pub(crate) fn show(&mut self, line: &str) {
        if self.is_terminal {
            self.is_begun = true;
            eprint!("{OVER}{line}");
            // Progress that cannot be shown is no reason to stop.
            stderr().flush().unwrap_or_default();
        } else if self.is_wanted {
            eprintln!("{line}");
        }
    }

    /// The last line stays; what follows begins on a new one.
    pub(crate) fn end(&mut self) {
        if std::mem::take(&mut self.is_begun) {
            eprintln!();
        }
    }
}
