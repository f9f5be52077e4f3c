//! Transcripts: what clients and the cluster say to a Client Agent and what must come out, one rule
//! a file, named for the rule. Those in `both/` are played in both dialects; each with 1, 2 and 3
//! shards, with its connections on different ones, and with the shards taking turns in different
//! orders: nothing of that may be seen. Behind the agent are a Message Director and a State Server.
//!
//! `TRANSCRIPT=name cargo test -p client_agent --test transcripts` plays those whose name has this
//! in it, `TRANSCRIPT_WAYS=100` plays each in so many orders of turns. [`transcript::script`] says
//! how they are written; [`setup`] what `config` may say.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

mod setup;
mod world;

use dc::{Options, Schema, Source, TextPolicy};
use std::path::Path;
use std::sync::Arc;
use transcript::Suite;
use wire::dialect::Dialect;
use world::World;

const NAMES: &str = include_str!("names.txt");
const CLASSES: &str = include_str!("classes.dc");

/// Plays all of a folder.
#[track_caller]
fn play_all(folder: &str, dialect: Dialect) {
    let source = Source::new("classes.dc".to_owned(), CLASSES.as_bytes()).unwrap();
    let options = Options { policy: TextPolicy::Ascii, ..Options::default() };
    let schema = Arc::new(Schema::load(&[source], options).unwrap());
    let suite = Suite {
        root: &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts"),
        prelude: NAMES,
        schema: &schema,
        settings: &[(1, 2), (2, 4), (3, 4)],
        stage: &|script, dialect, setting| Box::new(World::new(script, &schema, dialect, setting)),
    };
    suite.play(folder, dialect);
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
