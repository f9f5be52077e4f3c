//! Panda3D's DC parser in a process of its own.

use serde::Deserialize;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What Panda3D makes of a file.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// It reads it.
    Read(Facts),
    /// It does not.
    #[allow(dead_code, reason = "its presence says it all")]
    Refused { refused: bool },
}

/// What Panda3D says of a file that it reads.
#[derive(Deserialize)]
pub struct Facts {
    /// `DCFile.getHash()`.
    pub hash: u32,
    /// Classes and structs, in order.
    pub classes: Vec<ClassFacts>,
    /// Each value packed, in hex.
    pub packed: Vec<Option<String>>,
}

/// A class or struct.
#[derive(Deserialize)]
pub struct ClassFacts {
    /// Its name.
    pub name: String,
    /// Name, number and default (in hex, if the file gives one) of its own fields.
    pub fields: Vec<(String, u16, Option<String>)>,
    /// Numbers of all of its fields.
    pub all: Vec<u16>,
}

/// A running peer.
pub struct Panda {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Panda {
    /// Starts it, or says that it is not installed. `FERRIS_PYTHON` names the Python that has it.
    pub fn start(config: &str) -> Option<Panda> {
        let python = std::env::var("FERRIS_PYTHON").unwrap_or_else(|_| "python3".into());
        let has_it = Command::new(&python).args(["-c", "import panda3d"]).output();
        if !has_it.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: {python} has no panda3d");
            return None;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/panda/peer.py");
        let mut child = Command::new(python)
            .args([script, config])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (questions, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Some(Panda { child, questions, answers: BufReader::new(answers) })
    }

    /// Lets it read a file and pack some values: class, field and text of each.
    pub fn ask(&mut self, text: &str, values: &[[String; 3]]) -> Answer {
        writeln!(self.questions, "{}", json!({"text": text, "values": values})).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

impl Drop for Panda {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
