//! Mutation tests of the checkers: a mesh, or a net, broken on purpose is found out.

use sim::plan::Sabotage;
use sim::scenario;
use sim::seeds;
use sim::trace::Show;

const SEEDS_MAX: u64 = 400;

/// The first rule that some seed finds broken under `sabotage`, with its seed.
fn found(sabotage: Sabotage, shards: Option<usize>) -> Option<(u64, String)> {
    (0..SEEDS_MAX).find_map(|seed| {
        let played = seeds::caught(|| scenario::play(seed, shards, sabotage, Show::Nothing));
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

#[test]
fn a_carrier_without_its_gate_breaks_causality() {
    let rules = ["causality", "nothing is lost", "no ghosts"];
    is_found(Sabotage::NoGate, Some(3), &rules);
}

#[test]
fn rings_drained_one_after_the_other_break_causality() {
    let rules = ["causality", "nothing is lost", "no ghosts"];
    is_found(Sabotage::Rings, Some(3), &rules);
}

#[test]
fn a_frame_heard_twice() {
    is_found(Sabotage::Double, None, &["at most once"]);
}

#[test]
fn an_echo() {
    is_found(Sabotage::Echo, None, &["no echo"]);
}

#[test]
fn a_frame_lost() {
    is_found(Sabotage::Lose, None, &["nothing is lost"]);
}

#[test]
fn two_frames_swapped() {
    is_found(Sabotage::Swap, None, &["first in, first out", "causality"]);
}

#[test]
fn what_was_not_subscribed() {
    is_found(Sabotage::Ghost, None, &["no ghosts"]);
}

#[test]
fn a_byte_changed() {
    is_found(Sabotage::Garble, None, &["to the byte", "invented"]);
}
