//! Client worlds: new ground for a few seconds, and whether the checkers see what is broken on
//! purpose.

use sim::clients;
use sim::clients::sessions::Sessions;
use sim::plan::Sabotage;
use sim::seeds::{self, Kind};
use sim::trace::Show;

const SEEDS_MAX: u64 = 400;

#[test]
fn some_seeds() {
    seeds::must_pass(Kind::Clients, None, 0, 200, 6);
}

#[test]
fn some_seeds_with_1_2_3_and_8_shards() {
    for shards in [1, 2, 3, 8] {
        seeds::must_pass(Kind::Clients, Some(shards), 5_000, 50, 2);
    }
}

/// I9: one seed, one trace, byte for byte.
#[test]
fn one_seed_one_schedule() {
    for seed in 0..6 {
        let play = || match seeds::play(Kind::Clients, seed, None, Show::Keep(String::new())) {
            Ok(outcome) => (outcome.hash, outcome.trace),
            Err(failure) => panic!("\n{failure}\n"),
        };
        assert_eq!(play(), play(), "seed {seed}");
    }
}

/// The first rule that a seed finds broken under `sabotage`, with its seed.
fn found(sabotage: Sabotage, shards: Option<usize>) -> Option<(u64, String)> {
    (0..SEEDS_MAX).find_map(|seed| {
        let played = seeds::caught(|| clients::play(seed, shards, sabotage, Show::Nothing));
        let rule = match played {
            Ok(outcome) => outcome.violation?.rule.to_string(),
            Err(panic) => panic,
        };
        Some((seed, rule))
    })
}

#[track_caller]
fn is_found(sabotage: Sabotage, shards: Option<usize>, rules: &[&str]) {
    let (seed, rule) = found(sabotage, shards).expect("no seed has found it");
    println!("{sabotage:?}: seed {seed}: {rule}");
    assert!(rules.contains(&rule.as_str()), "seed {seed}: {rule}");
}

const TWICE: [&str; 7] = [
    "an object enters once",
    "first in, first out",
    "DONE comes once",
    "only what is seen leaves",
    "only what is owned is lost",
    "HELLO is answered once",
    "nothing follows an EJECT",
];
const VIEW: &str = "what a client sees is what there is";

#[test]
fn a_frame_heard_twice() {
    is_found(Sabotage::Double, None, &TWICE);
}

#[test]
fn an_echo() {
    is_found(Sabotage::Echo, None, &["no echo"]);
}

#[test]
fn a_frame_lost() {
    let rules = [
        VIEW,
        "DONE comes once",
        "only what is seen is updated",
        "only what is seen leaves",
        "an object enters once",
        "the honest are not ejected",
        "the silent go",
        "clients are counted",
        "updates reach who sees the object",
        "a channel is heard once",
    ];
    is_found(Sabotage::Lose, None, &rules);
}

#[test]
fn two_frames_swapped() {
    let rules = [
        VIEW,
        "first in, first out",
        "only what is seen is updated",
        "only what is seen leaves",
        "an object enters once",
        "values do not go back",
        "nothing follows an EJECT",
        "the cluster's interests are announced",
        "DONE comes once",
    ];
    is_found(Sabotage::Swap, None, &rules);
}

#[test]
fn what_was_said_to_another() {
    let rules =
        [&TWICE[..], &["no ghosts", "only what is seen is updated", "no echo", VIEW]].concat();
    is_found(Sabotage::Ghost, None, &rules);
}

#[test]
fn a_byte_changed() {
    let rules = [
        VIEW,
        "what is said can be read",
        "DONE comes once",
        "first in, first out",
        "values do not go back",
        "only what is seen leaves",
        "only what is seen is updated",
        "no ghosts",
        "an object enters once",
        "no echo",
        "a channel is heard once",
    ];
    is_found(Sabotage::Garble, None, &rules);
}

#[test]
fn what_no_client_said() {
    is_found(Sabotage::Forge, None, &["a client says only what it may"]);
}

/// What a daemon holds of clients does not grow with their number; see `sim --sessions`.
#[test]
fn crowds_leave_nothing() {
    for shards in [1, 3] {
        let mut sessions = Sessions::new(1, Some(shards)).expect("a daemon begins");
        for _ in 0..2 {
            if let Err(broken) = sessions.play_crowd() {
                panic!("{}: {}", broken.rule, broken.what);
            }
        }
        assert!(sessions.count > 400);
    }
}
