//! A store whose process was killed: this program runs itself, lets that write, and kills it.

use crate::engine::Kind;
use crate::objects::Model;
use crate::scale::Scale;
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Commits that the killed process has made, so that its end is not that of an idle one.
pub const COMMITS: usize = 50;
/// Objects of each.
pub const OBJECTS: usize = 64;

const DONE: &str = "durable";

/// In the process that will be killed: `present` objects are there, more are created. Ends by
/// itself only if nobody is left to kill it.
pub fn hold(kind: Kind, folder: &Path, scale: Scale, present: usize) -> Result<()> {
    let mut engine = kind.open(folder, scale)?;
    let mut model = Model::new();
    model.expect(present);
    for _ in 0..COMMITS {
        engine.commit(&model.create(OBJECTS))?;
    }
    println!("{DONE}");
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Has more objects created below `folder` by a process that is then killed; `model` knows them.
pub fn kill(kind: Kind, folder: &Path, scale: Scale, model: &mut Model) -> Result<()> {
    let program = std::env::current_exe().context("this program")?;
    let mut command = Command::new(program);
    command.args(["hold", kind.name(), &model.len().to_string()]);
    command.arg(scale.segment_bytes.to_string()).arg(folder);
    let mut child = Held(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
    let out = child.0.stdout.take().context("the child's output")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    ensure!(line.trim() == DONE, "{}: the process to be killed ended by itself", kind.name());
    model.expect(COMMITS * OBJECTS);
    Ok(())
}

/// Killed with this value.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
