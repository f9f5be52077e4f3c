//! The scripts in `blackbox/` against the daemon: the rules of the State Server, of the Client Agent,
//! of the Database and of the DBSS, in both dialects, what an Event Logger writes down, and bad nights
//! of a store, seen from outside. Skipped with a word where there is no Python 3.8 or newer.
//!
//! By hand, with any number of shards and names of tests:
//! `python3 roles/daemon/tests/blackbox/run.py --binary target/debug/ferriswheel --shards 1,2,3`
//! `python3 roles/daemon/tests/blackbox/clients/run.py --binary target/debug/ferriswheel`
//! `python3 roles/daemon/tests/blackbox/stored/run.py --binary target/debug/ferriswheel`
//! `python3 roles/daemon/tests/blackbox/stored/kill_loop.py --binary .. --kills 200`
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

/// Runs a script with two shards, and fails with all that it found wrong.
fn pass(script: &str, arguments: &[&str]) {
    let Some(python) = python() else {
        eprintln!("skipped: the black-box scripts need Python 3.8 or newer, and there is none");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blackbox").join(script);
    let mut command = Command::new(python);
    command.arg(script).args(["--binary", env!("CARGO_BIN_EXE_ferriswheel"), "--shards", "2"]);
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let failed: Vec<&str> = said.lines().filter(|line| !line.starts_with("ok ")).collect();
    for skipped in failed.iter().filter(|line| line.starts_with("skip ")) {
        eprintln!("{skipped}");
    }
    let trouble = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{trouble}", failed.join("\n"));
}

#[test]
fn the_black_box_scripts_pass() {
    pass("run.py", &[]);
}

#[test]
fn the_scripts_of_clients_pass_in_openotp() {
    pass("clients/run.py", &["--dialect", "openotp"]);
}

#[test]
fn the_scripts_of_clients_pass_in_astron() {
    pass("clients/run.py", &["--dialect", "astron"]);
}

#[test]
fn the_scripts_of_the_database_pass_in_openotp() {
    pass("stored/run.py", &["--dialect", "openotp", "--daemons", "a database"]);
}

#[test]
fn the_scripts_of_the_database_pass_in_astron() {
    pass("stored/run.py", &["--dialect", "astron", "--daemons", "a database"]);
}

#[test]
fn the_scripts_of_the_dbss_pass_in_openotp() {
    pass("stored/run.py", &["--dialect", "openotp", "--daemons", "a DBSS"]);
}

#[test]
fn the_scripts_of_the_dbss_pass_in_astron() {
    pass("stored/run.py", &["--dialect", "astron", "--daemons", "a DBSS"]);
}

#[test]
fn what_was_promised_survives_kills() {
    pass("stored/kill_loop.py", &["--kills", "3"]);
}

#[test]
fn a_damaged_store_says_so() {
    pass("stored/damage.py", &["--dialect", "openotp"]);
}

#[test]
fn a_directory_that_a_store_must_not_take_is_refused() {
    pass("stored/directory.py", &["--dialect", "openotp"]);
}

#[test]
fn a_full_disk_costs_nothing_that_was_promised() {
    pass("stored/full_disk.py", &["--dialect", "openotp"]);
}

#[test]
fn a_folder_of_yaml_files_is_served_read_and_written() {
    pass("stored/yaml_folder.py", &[]);
}

#[test]
fn copies_of_a_store_are_good_for_something() {
    pass("stored/tool.py", &["--dialect", "openotp"]);
}

#[test]
fn what_is_not_in_memory_is_read_in_order() {
    pass("stored/cold.py", &["--dialect", "openotp"]);
}

#[test]
fn what_happens_is_written_down() {
    pass("events.py", &[]);
}
