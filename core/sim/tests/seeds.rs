//! Seeds: those that failed once, always; then new ground for a few seconds.

use sim::seeds::{self, Kind};
use sim::trace::Show;

#[test]
fn seeds_that_once_failed() {
    for (kind, seed) in seeds::read(seeds::KEPT) {
        for shards in [None, Some(1), Some(2), Some(3), Some(8)] {
            if let Err(failure) = seeds::check(kind, seed, shards) {
                panic!("\n{failure}\n");
            }
        }
    }
}

#[test]
fn some_seeds() {
    seeds::must_pass(Kind::Routing, None, 0, 150, 5);
}

#[test]
fn some_seeds_with_1_2_3_and_8_shards_everywhere() {
    for shards in [1, 2, 3, 8] {
        seeds::must_pass(Kind::Routing, Some(shards), 5_000, 20, 2);
    }
}

/// I9: one seed, one trace, byte for byte.
#[test]
fn one_seed_one_schedule() {
    for seed in 0..6 {
        let play = || match seeds::play(Kind::Routing, seed, None, Show::Keep(String::new())) {
            Ok(outcome) => (outcome.hash, outcome.trace),
            Err(failure) => panic!("\n{failure}\n"),
        };
        let (hash, trace) = play();
        assert!(trace.lines().count() > 100);
        assert_eq!((hash, trace), play(), "seed {seed}");
    }
}
