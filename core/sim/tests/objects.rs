//! Object worlds: new ground for a few seconds, and whether the checkers see what is broken on
//! purpose.

use sim::objects;
use sim::objects::plan::{Mode, Plan};
use sim::plan::Sabotage;
use sim::seeds::{self, Kind};
use sim::trace::Show;

const SEEDS_MAX: u64 = 400;

#[test]
fn some_seeds() {
    seeds::must_pass(Kind::Objects, None, 0, 200, 6);
}

#[test]
fn some_seeds_with_1_2_3_and_8_shards() {
    for shards in [1, 2, 3, 8] {
        seeds::must_pass(Kind::Objects, Some(shards), 5_000, 50, 2);
    }
}

/// I9: one seed, one trace, byte for byte.
#[test]
fn one_seed_one_schedule() {
    for seed in 0..6 {
        let play = || match seeds::play(Kind::Objects, seed, None, Show::Keep(String::new())) {
            Ok(outcome) => (outcome.hash, outcome.trace),
            Err(failure) => panic!("\n{failure}\n"),
        };
        assert_eq!(play(), play(), "seed {seed}");
    }
}

/// The first rule that a seed of this mode finds broken under `sabotage`, with its seed.
fn found(sabotage: Sabotage, mode: Mode, shards: Option<usize>) -> Option<(u64, String)> {
    let is_of_mode = |seed: &u64| Plan::of(*seed, shards, sabotage).mode == mode;
    (0..SEEDS_MAX).filter(is_of_mode).find_map(|seed| {
        let played = seeds::caught(|| objects::play(seed, shards, sabotage, Show::Nothing));
        let rule = match played {
            Ok(outcome) => outcome.violation?.rule.to_string(),
            Err(panic) => panic,
        };
        Some((seed, rule))
    })
}

#[track_caller]
fn is_found(sabotage: Sabotage, mode: Mode, shards: Option<usize>, rules: &[&str]) {
    let (seed, rule) = found(sabotage, mode, shards).expect("no seed has found it");
    println!("{sabotage:?}, {mode:?}: seed {seed}: {rule}");
    assert!(rules.contains(&rule.as_str()), "seed {seed}: {rule}");
}

const INVENTED: &str = "nothing else is said";
const MISSING: &str = "all that is to be said is said";
const ORDER: &str = "first in, first out";

#[test]
fn a_carrier_without_its_gate() {
    is_found(Sabotage::NoGate, Mode::Parallel, Some(3), &["causality", INVENTED, MISSING, ORDER]);
}

#[test]
fn rings_drained_one_after_the_other() {
    is_found(Sabotage::Rings, Mode::Parallel, Some(3), &["causality", INVENTED, MISSING, ORDER]);
}

#[test]
fn a_datagram_heard_twice_or_by_its_sender() {
    for mode in [Mode::Sequential, Mode::Parallel] {
        is_found(Sabotage::Double, mode, None, &[INVENTED]);
        is_found(Sabotage::Echo, mode, None, &[INVENTED]);
    }
}

#[test]
fn a_datagram_lost() {
    for mode in [Mode::Sequential, Mode::Parallel] {
        is_found(Sabotage::Lose, mode, None, &[MISSING, "causality"]);
    }
    let rules = ["what is seen is what is there", "an AI knows its objects", "one answer"];
    is_found(Sabotage::Lose, Mode::Chaos, None, &[&rules[..], &["objects are counted"]].concat());
}

#[test]
fn two_datagrams_swapped() {
    for mode in [Mode::Sequential, Mode::Parallel] {
        is_found(
            Sabotage::Swap,
            mode,
            None,
            &[ORDER, "causality", "counts come first, and DONE last"],
        );
    }
    let rules =
        ["what is seen is what is there", "the dead say nothing", "an AI knows its objects"];
    is_found(Sabotage::Swap, Mode::Chaos, None, &rules);
}

#[test]
fn what_was_not_subscribed() {
    for mode in [Mode::Sequential, Mode::Parallel] {
        is_found(Sabotage::Ghost, mode, None, &[INVENTED]);
    }
}

#[test]
fn a_byte_changed() {
    for mode in [Mode::Sequential, Mode::Parallel] {
        is_found(Sabotage::Garble, mode, None, &[INVENTED]);
    }
}

#[test]
fn an_object_that_answers_although_it_was_deleted() {
    is_found(Sabotage::Undead, Mode::Sequential, None, &[INVENTED]);
}

#[test]
fn two_answers_where_there_is_one_object() {
    let rules = ["one answer", "the dead say nothing", "what is seen is what is there"];
    is_found(Sabotage::Double, Mode::Chaos, None, &rules);
}
