//! The scripts in `blackbox/` against the daemon: all of the State Server's rules, in both
//! dialects, seen from outside. Skipped with a word where there is no Python 3.8 or newer.
//!
//! By hand, with any number of shards and names of tests:
//! `python3 roles/daemon/tests/blackbox/run.py --binary target/debug/ferriswheel --shards 1,2,3`
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::path::Path;
use std::process::{Command, Stdio};

/// `FERRIS_PYTHON` names another Python than `python3`.
fn python() -> Option<String> {
    let python = std::env::var("FERRIS_PYTHON").unwrap_or_else(|_| "python3".into());
    let question = "import sys; sys.exit(sys.version_info < (3, 8))";
    let mut command = Command::new(&python);
    command.args(["-c", question]).stdin(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success()).then_some(python)
}

#[test]
fn the_black_box_scripts_pass() {
    let Some(python) = python() else {
        eprintln!("skipped: the black-box scripts need Python 3.8 or newer, and there is none");
        return;
    };
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blackbox/run.py");
    let mut command = Command::new(python);
    command.arg(run).args(["--binary", env!("CARGO_BIN_EXE_ferriswheel"), "--shards", "2"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let failed: Vec<&str> = said.lines().filter(|line| !line.starts_with("ok ")).collect();
    let trouble = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{trouble}", failed.join("\n"));
}
