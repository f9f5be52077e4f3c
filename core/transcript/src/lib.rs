//! Transcripts: what goes into a daemon and what must come out, one rule a file, named for the rule.
//! Tests of roles stand on it; it knows the wire and the DC language, and no role.
//!
//! Each file is played in all [`Setting`]s, on a [`Stage`] that is made for it: with its connections
//! on different shards, with the shards taking turns in different orders. Nothing of that may be
//! seen. [`script`] says how transcripts are written.
//!
//! `TRANSCRIPT=name` plays those whose name has this in it, `TRANSCRIPT_WAYS=100` plays each in so
//! many orders of turns.

mod codec;
mod expected;
mod play;
pub mod script;
mod show;
mod stage;
pub mod words;

pub use script::Script;
pub use stage::{Setting, Stage};

use dc::Schema;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use wire::dialect::Dialect;

/// Transcripts of one kind.
pub struct Suite<'a> {
    /// Where their folders are.
    pub root: &'a Path,
    /// The lines that stand before each: names, and what else all have in common.
    pub prelude: &'a str,
    /// The classes.
    pub schema: &'a Schema,
    /// With how many shards each is played, and in how many ways.
    pub settings: &'a [(usize, usize)],
    /// Makes a daemon that has started, with all connections that are there from the beginning.
    pub stage: &'a dyn Fn(&Script, Dialect, Setting) -> Box<dyn Stage>,
}

impl Suite<'_> {
    /// Plays all of a folder.
    #[track_caller]
    pub fn play(&self, folder: &str, dialect: Dialect) {
        let wanted = std::env::var("TRANSCRIPT").unwrap_or_default();
        let (files, mut failures) = (self.files(folder, &wanted), Vec::new());
        for file in &files {
            let text = fs::read_to_string(file).expect("it is there, and text");
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            if let Some(wrong) = self.play_file(&text, dialect) {
                failures.push(format!("{folder}/{name}.txt in {} {wrong}", dialect.name()));
            }
        }
        let (failed, played) = (failures.len(), files.len());
        assert!(failures.is_empty(), "{failed} of {played} failed\n{}", failures.join("\n"));
    }

    /// The transcripts of a folder whose names have `wanted` in them.
    fn files(&self, folder: &str, wanted: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(self.root.join(folder)).expect("there is such a folder");
        let files = files.map(|entry| entry.expect("the folder can be read").path());
        let is_wanted = |path: &PathBuf| {
            path.file_stem().is_some_and(|name| name.to_string_lossy().contains(wanted))
        };
        let mut files: Vec<PathBuf> = files.filter(is_wanted).collect();
        files.sort();
        files
    }

    /// Plays a file in all settings; what went wrong first.
    fn play_file(&self, text: &str, dialect: Dialect) -> Option<String> {
        let script = match Script::read(self.prelude, text) {
            Ok(script) => script,
            Err(what) => return Some(what),
        };
        self.settings().find_map(|setting| {
            let play = || {
                let stage = (self.stage)(&script, dialect, setting);
                play::play(&script, self.schema, dialect, stage)
            };
            let played = catch_unwind(AssertUnwindSafe(play));
            let wrong =
                played.unwrap_or_else(|_| Err(vec!["a shard panicked".to_owned()])).err()?;
            let Setting { shards, variant } = setting;
            Some(format!("with {shards} shards, variant {variant}:\n    {}", wrong.join("\n    ")))
        })
    }

    fn settings(&self) -> impl Iterator<Item = Setting> + '_ {
        let ways = std::env::var("TRANSCRIPT_WAYS").ok().and_then(|ways| ways.parse().ok());
        self.settings.iter().flat_map(move |&(shards, variants)| {
            let variants = if shards == 1 { variants } else { ways.unwrap_or(variants) };
            (0..variants).map(move |variant| Setting { shards, variant })
        })
    }
}
