//! Transcripts: what goes into a State Server and what must come out, one rule a file, named for
//! the rule. Those in `both/` are played in both dialects; each with 1, 2, 3 and 8 shards, with its
//! connections on different ones, with the shards taking turns in different orders, and with objects
//! that are many at once taken one by one: nothing of that may be seen.
//!
//! `TRANSCRIPT=name cargo test -p state_server --test transcripts` plays those whose name has this
//! in it, `TRANSCRIPT_WAYS=100` plays each in so many orders of turns. [`script`] says how they are
//! written.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

mod codec;
mod play;
mod script;
mod show;
mod words;
mod world;

use park::{Config, Outside};
use script::Script;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use wire::dialect::Dialect;
use world::Setting;

const CLASSES: &str = include_str!("classes.dc");
const NAMES: &str = include_str!("names.txt");
/// The channels of the State Server and of the database of its DBSS, which a transcript plays;
/// `names.txt` has them, too.
const CONTROL: u64 = 400_000;
const DATABASE: u64 = 700_000;

/// A machine that has `classes.dc` and nothing else.
struct Machine;

impl Outside for Machine {
    fn resolve(&self, _: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
    }

    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Ok(CLASSES.into())
    }
}

fn config(dialect: Dialect, at_once: usize) -> Config {
    let text = format!(
        "general: {{dialect: {}, dc_files: [classes.dc], eventlogger: localhost}}\n\
         messagedirector: {{bind: localhost}}\n\
         roles:\n\
         - {{type: stateserver, control: {CONTROL}, limits: {{objects_at_once: {at_once}}}}}\n\
         - {{type: dbss, database: {DATABASE}, ranges: [{{min: 31000, max: 31099}}, {{min: 31200, \
         max: 31200}}], limits: {{objects_at_once: {at_once}}}}}\n\
         - {{type: dbss, database: {DATABASE}, ranges: [{{min: 32000, max: 32999}}], limits: \
         {{loading_max: 1, waiting_bytes_max: 65536, objects_at_once: {at_once}}}}}\n",
        dialect.name()
    );
    match park::read(&text, Path::new("park.yml"), &Machine) {
        Ok(loaded) => loaded.config,
        Err(problems) => panic!("{problems:#?}"),
    }
}

/// The transcripts of a folder whose names have `wanted` in them.
fn transcripts(folder: &str, wanted: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(folder);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    let mut files: Vec<PathBuf> = files.filter(|path| name(path).contains(wanted)).collect();
    files.sort();
    files
}

/// With how many shards, in how many ways each.
fn settings() -> impl Iterator<Item = Setting> {
    let ways = std::env::var("TRANSCRIPT_WAYS").ok().and_then(|ways| ways.parse().ok());
    let ways = ways.unwrap_or(4);
    [(1, 2), (2, ways), (3, ways), (8, ways)].into_iter().flat_map(|(shards, variants)| {
        (0..variants).map(move |variant| Setting { shards, variant })
    })
}

/// Plays a file in all settings; what went wrong first.
fn play(text: &str, configs: &[Config; 2]) -> Option<String> {
    let script = match Script::read(NAMES, text) {
        Ok(script) => script,
        Err(what) => return Some(what),
    };
    settings().find_map(|setting| {
        let config = &configs[setting.variant % 2];
        let played = catch_unwind(AssertUnwindSafe(|| play::play(&script, config, setting)));
        let wrong = played.unwrap_or_else(|_| Err(vec!["a shard panicked".to_owned()])).err()?;
        let Setting { shards, variant } = setting;
        Some(format!("with {shards} shards, variant {variant}:\n    {}", wrong.join("\n    ")))
    })
}

/// Plays all of a folder; those that are known to fail must.
#[track_caller]
fn play_all(folder: &str, dialect: Dialect) {
    // Work on many objects at once is done at once, or one by one.
    let configs = [1024, 1].map(|at_once| config(dialect, at_once));
    let wanted = std::env::var("TRANSCRIPT").unwrap_or_default();
    let (files, mut failures) = (transcripts(folder, &wanted), Vec::new());
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let name = format!("{folder}/{}", file.file_stem().unwrap().to_string_lossy());
        let wrong = play(&text, &configs);
        if let Some(wrong) = wrong {
            failures.push(format!("{name}.txt in {} {wrong}", dialect.name()));
        }
    }
    let (failed, played) = (failures.len(), files.len());
    assert!(failures.is_empty(), "{failed} of {played} failed\n{}", failures.join("\n"));
}

#[test]
fn what_both_dialects_do_in_openotp() {
    play_all("both", Dialect::OpenOtp);
}

#[test]
fn what_both_dialects_do_in_astron() {
    play_all("both", Dialect::Astron);
}

#[test]
fn what_openotp_alone_does() {
    play_all("openotp", Dialect::OpenOtp);
}

#[test]
fn what_astron_alone_does() {
    play_all("astron", Dialect::Astron);
}
