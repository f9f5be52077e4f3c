//! Whole parks: new ground for a few seconds, and whether the checkers see a store that forgets.

use sim::clients;
use sim::plan::Sabotage;
use sim::seeds::{self, Kind};
use sim::trace::Show;

const SEEDS_MAX: u64 = 400;

#[test]
fn some_seeds() {
    seeds::must_pass(Kind::Park, None, 0, 200, 6);
}

#[test]
fn some_seeds_with_1_2_3_and_8_shards() {
    for shards in [1, 2, 3, 8] {
        seeds::must_pass(Kind::Park, Some(shards), 5_000, 50, 2);
    }
}

/// I9: one seed, one trace, byte for byte.
#[test]
fn one_seed_one_schedule() {
    for seed in 0..6 {
        let play = || match seeds::play(Kind::Park, seed, None, Show::Keep(String::new())) {
            Ok(outcome) => (outcome.hash, outcome.trace),
            Err(failure) => panic!("\n{failure}\n"),
        };
        assert_eq!(play(), play(), "seed {seed}");
    }
}

/// The rules that seeds find broken under `sabotage` are these.
#[track_caller]
fn is_found(sabotage: Sabotage, rules: &[&str]) {
    let find = |seed| {
        let played = seeds::caught(|| clients::play_park(seed, None, sabotage, Show::Nothing));
        match played {
            Ok(outcome) => Some((seed, outcome.violation?.rule.to_string())),
            Err(panic) => Some((seed, panic)),
        }
    };
    let (seed, rule) = (0..SEEDS_MAX).find_map(find).expect("no seed has found it");
    println!("{sabotage:?}: seed {seed}: {rule}");
    assert!(rules.contains(&rule.as_str()), "seed {seed}: {rule}");
}

#[test]
fn what_is_answered_before_it_is_durable() {
    let rules = ["what was stored lasts", "what was created is there until it is deleted"];
    is_found(Sabotage::EarlyAnswers, &rules);
}

#[test]
fn what_is_stored_as_it_was_before() {
    let rules = ["what is stored was written last", "an object has what is stored"];
    is_found(Sabotage::Forgetful, &rules);
}
