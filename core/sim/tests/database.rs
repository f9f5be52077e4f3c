//! Database worlds: new ground for a few seconds, and whether the checkers see what is broken on
//! purpose.

use sim::database;
use sim::database::plan::{Mode, Plan};
use sim::plan::Sabotage;
use sim::seeds::{self, Kind};
use sim::trace::Show;

const SEEDS_MAX: u64 = 600;

#[test]
fn some_seeds() {
    seeds::must_pass(Kind::Database, None, 0, 200, 10);
}

#[test]
fn some_seeds_with_1_2_3_and_8_shards() {
    for shards in [1, 2, 3, 8] {
        seeds::must_pass(Kind::Database, Some(shards), 5_000, 50, 3);
    }
}

/// I9: one seed, one trace, byte for byte.
#[test]
fn one_seed_one_schedule() {
    for seed in 0..6 {
        let play = || match seeds::play(Kind::Database, seed, None, Show::Keep(String::new())) {
            Ok(outcome) => (outcome.hash, outcome.trace),
            Err(failure) => panic!("\n{failure}\n"),
        };
        assert_eq!(play(), play(), "seed {seed}");
    }
}

/// Every mode is played, in both dialects.
#[test]
fn all_modes_come() {
    let plans: Vec<Plan> = (0..100).map(|seed| Plan::of(seed, None, Sabotage::None)).collect();
    for mode in
        [Mode::Sequential, Mode::Parallel, Mode::Crashes, Mode::Full, Mode::Broken, Mode::Rot]
    {
        let of_mode = || plans.iter().filter(|plan| plan.mode == mode);
        assert!(of_mode().any(|plan| plan.dialect.name() == "astron"), "{mode:?}");
        assert!(of_mode().any(|plan| plan.dialect.name() == "openotp"), "{mode:?}");
    }
}

/// The first rule that a seed of this mode finds broken under `sabotage`, with its seed.
fn found(sabotage: Sabotage, mode: Mode) -> Option<(u64, String)> {
    let is_of_mode = |seed: &u64| Plan::of(*seed, None, sabotage).mode == mode;
    (0..SEEDS_MAX).filter(is_of_mode).find_map(|seed| {
        let played = seeds::caught(|| database::play(seed, None, sabotage, Show::Nothing));
        let rule = match played {
            Ok(outcome) => outcome.violation?.rule.to_string(),
            Err(panic) => panic,
        };
        Some((seed, rule))
    })
}

#[track_caller]
fn is_found(sabotage: Sabotage, mode: Mode, rules: &[&str]) {
    let (seed, rule) = found(sabotage, mode).expect("no seed has found it");
    println!("{sabotage:?}, {mode:?}: seed {seed}: {rule}");
    // A store that is made to believe in what is not there may notice that by itself.
    let is_noticed = sabotage == Sabotage::NoRollback && rule.starts_with("panicked at core/store");
    assert!(is_noticed || rules.contains(&rule.as_str()), "seed {seed}: {rule}");
}

const INVENTED: &str = "nothing else is said";
const MISSING: &str = "all that is to be said is said";
const UNEXPLAINED: &str = "what was heard has an explanation";
const FORGOTTEN: &str = "what was acknowledged stays";
const ONE_ANSWER: &str = "one answer";

#[test]
fn answers_before_what_they_rest_on_is_durable() {
    is_found(Sabotage::EarlyAnswers, Mode::Crashes, &[FORGOTTEN, UNEXPLAINED]);
}

#[test]
fn writes_that_are_lost() {
    is_found(Sabotage::LostWrites, Mode::Crashes, &[FORGOTTEN, UNEXPLAINED]);
}

#[test]
fn an_index_that_forgets() {
    is_found(Sabotage::Forgetful, Mode::Sequential, &[INVENTED]);
    is_found(Sabotage::Forgetful, Mode::Parallel, &[UNEXPLAINED, "queries find what there is"]);
}

#[test]
fn an_id_that_is_given_twice() {
    is_found(Sabotage::TwiceGiven, Mode::Sequential, &[INVENTED]);
    let rules = ["ids are given once", FORGOTTEN, UNEXPLAINED];
    is_found(Sabotage::TwiceGiven, Mode::Parallel, &rules);
}

#[test]
fn what_a_full_disk_did_not_take_is_taken_for_stored() {
    let rules = [FORGOTTEN, UNEXPLAINED, "objects are counted", "with room there are writes again"];
    is_found(Sabotage::NoRollback, Mode::Full, &rules);
}

#[test]
fn a_datagram_heard_twice_or_not_at_all_or_garbled() {
    is_found(Sabotage::Double, Mode::Sequential, &[INVENTED]);
    is_found(Sabotage::Double, Mode::Parallel, &[ONE_ANSWER, UNEXPLAINED]);
    is_found(Sabotage::Lose, Mode::Sequential, &[MISSING]);
    is_found(Sabotage::Lose, Mode::Parallel, &[ONE_ANSWER, UNEXPLAINED]);
    is_found(Sabotage::Garble, Mode::Sequential, &[INVENTED]);
}

#[test]
fn announcements_that_are_swapped() {
    let rules = [UNEXPLAINED, "answers of an object come in order"];
    is_found(Sabotage::Swap, Mode::Parallel, &rules);
}
