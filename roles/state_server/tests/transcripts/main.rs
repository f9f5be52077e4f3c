//! Transcripts: what goes into a State Server and what must come out, one rule a file, named for
//! the rule. Those in `both/` are played in both dialects; each with 1, 2, 3 and 8 shards, with its
//! connections on different ones, with the shards taking turns in different orders, and with objects
//! that are many at once taken one by one: nothing of that may be seen.
//!
//! `TRANSCRIPT=name cargo test -p state_server --test transcripts` plays those whose name has this
//! in it, `TRANSCRIPT_WAYS=100` plays each in so many orders of turns. [`transcript::script`] says
//! how they are written.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

mod world;

use park::{Config, Outside};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use transcript::Suite;
use wire::dialect::Dialect;
use world::World;

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

/// Plays all of a folder.
#[track_caller]
fn play_all(folder: &str, dialect: Dialect) {
    // Work on many objects at once is done at once, or one by one.
    let configs = [1024, 1].map(|at_once| config(dialect, at_once));
    let schema = configs[0].general.classes.schema.as_deref().unwrap();
    let suite = Suite {
        root: &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts"),
        prelude: NAMES,
        schema,
        settings: &[(1, 2), (2, 4), (3, 4), (8, 4)],
        stage: &|script, _, setting| {
            let config = &configs[setting.variant % 2];
            Box::new(World::new(config, setting, script.conns.len()))
        },
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
