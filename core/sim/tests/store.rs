//! Stores on faulty disks: new ground for a few seconds, and whether the checkers see what is
//! broken on purpose.

use sim::disk::Lie;
use sim::seeds::{self, Kind, Many};
use sim::stored;
use sim::trace::Show;
use std::time::Duration;

const SEEDS_MAX: u64 = 2500;

#[test]
fn some_seeds() {
    let (kind, time) = (Some(Kind::Store), Some(Duration::from_secs(8)));
    let (from, count, shards) = (0, 1000, None);
    let many = Many { kind, from, count, time, shards, failures_max: 3, progress: false };
    let played = seeds::play_many(many);
    let failures: Vec<String> = played.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
    assert!(played.heard > 0, "no object was compared");
}

/// I9: one seed, one trace, byte for byte.
#[test]
fn one_seed_one_schedule() {
    for seed in 0..30 {
        let play = || match seeds::play(Kind::Store, seed, None, Show::Keep(String::new())) {
            Ok(outcome) => (outcome.hash, outcome.trace),
            Err(failure) => panic!("\n{failure}\n"),
        };
        assert_eq!(play(), play(), "seed {seed}");
    }
}

#[track_caller]
fn is_found(lie: Lie, rules: &[&str]) {
    let found = (0..SEEDS_MAX).find_map(|seed| {
        let rule = match seeds::caught(|| stored::play(seed, lie, Show::Nothing)) {
            Ok(outcome) => outcome.violation?.rule.to_string(),
            Err(panic) => panic,
        };
        Some((seed, rule))
    });
    let (seed, rule) = found.expect("no seed has found it");
    println!("{lie:?}: seed {seed}: {rule}");
    assert!(rules.contains(&rule.as_str()), "seed {seed}: {rule}");
}

const GONE: &str = "what was reported durable is there";
const WRONG: &str = "no value but the last one";
const BACK: &str = "nothing comes back and nothing is invented";

#[test]
fn a_sync_that_does_nothing() {
    is_found(Lie::SyncDoesNothing, &[GONE, WRONG, BACK, "a store opens"]);
}

#[test]
fn an_answer_before_its_sync() {
    is_found(Lie::SyncIsLate, &[GONE, WRONG, BACK, "a store opens"]);
}

#[test]
fn a_segment_that_is_made_and_forgotten() {
    is_found(Lie::CreateIsForgotten, &[GONE, WRONG, BACK, "a store opens"]);
}

#[test]
fn a_segment_that_comes_back() {
    is_found(Lie::RemoveIsForgotten, &[GONE, WRONG, BACK, "a store opens"]);
}

#[test]
fn a_footer_that_is_wrong() {
    is_found(Lie::FooterIsWrong, &[GONE, WRONG, BACK, "nothing is damaged by itself"]);
}

#[test]
fn an_id_that_comes_twice() {
    is_found(Lie::NextIdIsLost, &["no id is given twice"]);
}

#[test]
fn a_byte_that_is_changed() {
    is_found(Lie::ValueIsChanged, &[WRONG, "a part shows the newest value"]);
}

#[test]
fn a_tombstone_that_is_lost() {
    is_found(Lie::TombstoneIsLost, &[BACK, "a part shows the newest value"]);
}
