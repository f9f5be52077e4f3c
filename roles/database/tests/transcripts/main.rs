//! Transcripts: what goes into a Database and what must come out, one rule a file, named for the
//! rule. Those in `both/` are played in both dialects; each with 1, 2 and 3 shards, with its
//! connections on different ones, with shards and log taking turns in different orders, with objects
//! that are many at once taken one by one, and with and without indexes: nothing of that may be seen.
//!
//! `TRANSCRIPT=name cargo test -p database --test transcripts` plays those whose name has this in
//! it, `TRANSCRIPT_WAYS=100` plays each in so many orders of turns. [`script`] says how they are
//! written.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

mod codec;
mod disk;
mod play;
mod script;
mod show;
mod world;

use database::{Config, Limits};
use dc::{Options, Schema, Source};
use script::Script;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId};
use world::Setting;

const NAMES: &str = include_str!("names.txt");
/// The channel of the Database; `names.txt` has it, too.
const CONTROL: u64 = 400_000;
/// Its first ids have names there.
const GENERATE: (DoId, DoId) = (DoId(100_000), DoId(100_019));

/// What all transcripts stand on.
pub struct Ground {
    broadcast: bool,
}

impl Ground {
    /// The classes of a file in the folder of the transcripts.
    pub fn schema(&self, file: &str) -> Result<Arc<Schema>, String> {
        let text = fs::read(folder("").join(file)).map_err(|error| format!("{file}: {error}"))?;
        let source = Source::new(file.to_owned(), &text).map_err(|error| error.to_string())?;
        let sources = [source];
        let schema = Schema::load(&sources, Options::default());
        schema.map(Arc::new).map_err(|errors| errors.lines(&sources))
    }

    /// How a Database is played in a variant.
    pub fn config(&self, variant: usize) -> Config {
        let index = |class: &str, field: &str| (class.to_owned(), field.to_owned());
        let indexes = [index("Account", "setUser"), index("Account", "setAge")];
        Config {
            control: Channel(CONTROL),
            generate: GENERATE,
            broadcast: self.broadcast,
            schema: self.schema("classes.dc").expect("the classes are sound"),
            indexes: if variant % 3 == 1 { indexes.into() } else { Vec::new() },
            limits: Limits {
                objects_at_once: [1024, 1][variant % 2],
                waiting_bytes_max: 1 << 20,
                ..Limits::default()
            },
            hash_seeds: [1, 2, 3, 4],
        }
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(name)
}

/// The transcripts of a folder whose names have `wanted` in them.
fn transcripts(name: &str, wanted: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    let mut files: Vec<PathBuf> = files.filter(|path| name(path).contains(wanted)).collect();
    files.sort();
    files
}

/// With how many shards, in how many ways each.
fn settings() -> impl Iterator<Item = Setting> {
    let ways = std::env::var("TRANSCRIPT_WAYS").ok().and_then(|ways| ways.parse().ok());
    let ways = ways.unwrap_or(5);
    [(1, 2), (2, ways), (3, ways)].into_iter().flat_map(|(shards, variants)| {
        (0..variants).map(move |variant| Setting { shards, variant })
    })
}

/// Plays a file in all settings; what went wrong first.
fn play(text: &str, dialect: Dialect) -> Option<String> {
    let script = match Script::read(NAMES, text) {
        Ok(script) => script,
        Err(what) => return Some(what),
    };
    let ground = Ground { broadcast: !text.contains("\n# quiet\n") };
    settings().find_map(|setting| {
        let play = AssertUnwindSafe(|| play::play(&script, &ground, dialect, setting));
        let played = catch_unwind(play);
        let wrong = played.unwrap_or_else(|_| Err(vec!["a shard panicked".to_owned()])).err()?;
        let Setting { shards, variant } = setting;
        Some(format!("with {shards} shards, variant {variant}:\n    {}", wrong.join("\n    ")))
    })
}

/// Plays all of a folder.
#[track_caller]
fn play_all(folder: &str, dialect: Dialect) {
    let wanted = std::env::var("TRANSCRIPT").unwrap_or_default();
    let (files, mut failures) = (transcripts(folder, &wanted), Vec::new());
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let name = format!("{folder}/{}", file.file_stem().unwrap().to_string_lossy());
        if let Some(wrong) = play(&text, dialect) {
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
