//! How a command ends: one sentence, and the exit code.

use std::io::{self, Write};
use std::process::ExitCode;

/// Something is wrong with the data, or the command failed.
const WRONG: u8 = 1;
/// It cannot be done as it was asked for.
const MISASKED: u8 = 2;

/// What a command came to.
pub struct Ending {
    /// Whether all is in order.
    pub in_order: bool,
    /// The sentence for the operator.
    pub sentence: String,
    /// Whether standard output has something else on it, so that the sentence goes beside.
    pub is_beside: bool,
}

impl Ending {
    /// All is in order.
    pub fn in_order(sentence: impl Into<String>) -> Ending {
        Ending { in_order: true, sentence: sentence.into(), is_beside: false }
    }

    /// Something is wrong with the data.
    pub fn wrong(sentence: impl Into<String>) -> Ending {
        Ending { in_order: false, sentence: sentence.into(), is_beside: false }
    }

    /// The same with the sentence on standard error.
    pub fn beside(self, is_beside: bool) -> Ending {
        Ending { is_beside, ..self }
    }
}

/// Why a command did not come to an end.
pub enum Failure {
    /// It failed.
    Failed(anyhow::Error),
    /// It cannot be done as it was asked for.
    Question(String),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Failed(error.into())
    }
}

/// How a command ends.
pub type Done = Result<Ending, Failure>;

/// It cannot be done as it was asked for.
pub fn question<T>(what: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Question(what.into()))
}

/// Says how a command ended.
pub fn tell(done: Done) -> ExitCode {
    match done.and_then(say) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(WRONG),
        Err(Failure::Failed(error)) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => {
            eprintln!("error: {error:#}");
            ExitCode::from(WRONG)
        }
        Err(Failure::Question(what)) => {
            eprintln!("error: {what}");
            ExitCode::from(MISASKED)
        }
    }
}

fn say(ending: Ending) -> Result<bool, Failure> {
    let line = format!("{}\n", ending.sentence);
    match ending.is_beside {
        true => io::stderr().write_all(line.as_bytes())?,
        false => io::stdout().write_all(line.as_bytes())?,
    }
    Ok(ending.in_order)
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// A number with what is counted, as in `1 object` and `2 objects`.
pub fn count(number: impl Into<u64>, what: &str) -> String {
    match number.into() {
        1 => format!("1 {what}"),
        number => format!("{number} {what}{}", if what.ends_with('s') { "es" } else { "s" }),
    }
}

/// A number of bytes for people.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut scaled = bytes as f64;
    let mut unit = "bytes";
    for next in UNITS {
        if scaled < 1024.0 {
            break;
        }
        (scaled, unit) = (scaled / 1024.0, next);
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{scaled:.1} {unit}") }
}
