//! The store's bench, for a moment: whether it still works, not how fast it is.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;

#[test]
fn the_whole_run_works() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("store.json");
    let output = Command::new(env!("CARGO_BIN_EXE_store"))
        .args(["--tiny", "--among", "ours", "--dir", folder.path().to_str().unwrap()])
        .args(["--json", json.to_str().unwrap()])
        .output()
        .unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("random updates, 64 per commit") && !out.contains("NOT REACHED"), "{out}");
    let whole: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let rows = whole["rows"].as_array().unwrap();
    let is_measured = |row: &serde_json::Value| row["samples"]["ours"][0]["value"].is_number();
    assert!(rows.len() == 18 && rows.iter().all(is_measured), "{whole:#}");
    // What lies there afterwards is only what the test asked for.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
