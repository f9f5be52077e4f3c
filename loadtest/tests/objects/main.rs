//! Whole runs against a small State Server of our own, which can be told to make a mistake.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a stand-in knows what it needs to")]

mod server;

use dc::{Options, Schema, Source};
use loadtest::{Dialect, Faults, ObjectsOutcome, ObjectsPlan, Phase, run_objects};
use server::{Mistake, Server, Word};
use std::sync::Arc;
use std::time::Duration;

const BOTH: [Dialect; 2] = [Dialect::OpenOtp, Dialect::Astron];
/// Fewer objects than operations in flight.
const OBJECTS: u32 = 40;
const SENTRIES: u64 = 32;

fn plan(dialect: Dialect, mistake: Mistake) -> ObjectsPlan {
    let text = include_str!("../../../etc/park.dc").to_owned();
    let source = Source { name: "park.dc".into(), text };
    let schema = Arc::new(Schema::load(&[source], Options::default()).unwrap());
    let addr = Server::start(dialect, schema.clone(), mistake);
    ObjectsPlan {
        objects: OBJECTS,
        zones: 4,
        listeners: 2,
        window: 100,
        duration: Duration::from_millis(150),
        moves: 0.3,
        patience: Duration::from_secs(60),
        ..ObjectsPlan::new(addr, dialect, schema)
    }
}

fn carry_out(plan: &ObjectsPlan) -> ObjectsOutcome {
    run_objects(plan, &mut |_| ()).unwrap()
}

/// Everything comes out as it should, and as often.
fn check(plan: &ObjectsPlan) {
    let outcome = carry_out(plan);
    assert!(outcome.is_sound(), "{:?}", outcome.complaints());
    assert!(outcome.phases.iter().map(|phase| phase.phase).eq(plan.phases.iter().copied()));
    let listeners = u64::from(plan.listeners);
    for phase in &outcome.phases {
        if phase.phase == Phase::Update {
            let share = phase.moves as f64 / phase.operations as f64;
            assert!(phase.operations > 100 && (share - plan.moves).abs() < 0.15, "{share}");
        } else {
            assert_eq!(phase.operations, u64::from(plan.objects));
        }
        assert_eq!(phase.deliveries, (phase.operations + phase.moves) * listeners);
        assert_eq!(phase.latency.len(), phase.deliveries);
    }
}

#[test]
fn all_phases_in_both_dialects() {
    for dialect in BOTH {
        check(&plan(dialect, Mistake::None));
    }
}

#[test]
fn other_shapes() {
    let plan = plan(Dialect::OpenOtp, Mistake::None);
    let other = |number: u32| ObjectsPlan {
        do_id_base: plan.do_id_base * number,
        duration: Duration::from_millis(100),
        ..plan.clone()
    };
    check(&ObjectsPlan { ais: 5, listeners: 1, groups: 4, moves: 1.0, ..other(2) });
    check(&ObjectsPlan { groups: 1, zones: 1, moves: 0.0, value_bytes: 2000, ..other(3) });
    check(&ObjectsPlan { window: 1, rate: Some(5000.0), object_bytes: 20_000, ..other(4) });
    check(&ObjectsPlan { class: Some("DistributedThing".into()), object_bytes: 0, ..other(5) });
}

#[test]
fn no_listeners_at_all() {
    for dialect in BOTH {
        let phases = vec![Phase::Create, Phase::Delete];
        check(&ObjectsPlan { listeners: 0, phases, objects: 3000, ..plan(dialect, Mistake::None) });
    }
}

#[test]
fn objects_that_stay_are_found_by_the_next_run() {
    let plan = plan(Dialect::Astron, Mistake::None);
    check(&ObjectsPlan { phases: vec![Phase::Create], ..plan.clone() });
    let error = run_objects(&plan, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("exists already"), "{error}");
}

/// What the run says of a server with this mistake, the last phase that it begins, and the faults.
fn found(mistake: Mistake) -> (Phase, Faults) {
    let mut faults = BOTH.map(|dialect| {
        let plan = plan(dialect, mistake);
        let outcome = carry_out(&ObjectsPlan { patience: Duration::from_millis(400), ..plan });
        assert!(!outcome.is_sound() && !outcome.complaints().is_empty(), "{mistake:?}");
        (outcome.phases.last().unwrap().phase, outcome.faults)
    });
    assert_eq!(faults[0].0, faults[1].0);
    std::mem::take(&mut faults[0].1.sentences);
    let [openotp, astron] = faults;
    assert_eq!(openotp.1, Faults { sentences: vec![], ..astron.1.clone() }, "{mistake:?}");
    astron
}

/// (lost, doubled, out of order, unexpected)
fn counts(faults: &Faults) -> (u64, u64, u64, u64) {
    (faults.lost, faults.doubled, faults.out_of_order, faults.unexpected)
}

/// Deliveries of the creation of sentries and of so many objects.
fn enters(objects: u64) -> u64 {
    2 * (SENTRIES + objects)
}

#[test]
fn a_lost_word_is_caught() {
    let words = [
        (Phase::Create, Word::Enter, enters(7), "with value 0 of object"),
        (Phase::Update, Word::Update, 70, "UPDATE_FIELD with value"),
        (Phase::Update, Word::Change, 40, "CHANGE_ZONE from zone"),
        (Phase::Update, Word::Enter, enters(100), "ENTERZONE of zone"),
        (Phase::Delete, Word::Delete, 33, "DELETE_RAM of object"),
    ];
    for (phase, word, number, sentence) in words {
        let (last, faults) = found(Mistake::Lose(word, number));
        assert_eq!((last, counts(&faults)), (phase, (1, 0, 0, 0)), "{faults:?}");
        let is_named = |s: &String| s.contains("did not hear") && s.contains(sentence);
        assert!(faults.sentences.iter().any(is_named), "{faults:?}");
    }
}

#[test]
fn a_doubled_word_is_caught() {
    let (last, faults) = found(Mistake::Double(Word::Update, 70));
    assert_eq!((last, counts(&faults)), (Phase::Update, (0, 1, 0, 0)), "{faults:?}");
    let words = [(Word::Enter, enters(OBJECTS.into()) - 1), (Word::Delete, 79), (Word::Change, 40)];
    for (word, number) in words {
        // Once all have heard of it, the same again is something unexpected.
        let (_, faults) = found(Mistake::Double(word, number));
        let (lost, doubled, out_of_order, unexpected) = counts(&faults);
        assert_eq!((lost, doubled + unexpected, out_of_order), (0, 1, 0), "{faults:?}");
    }
}

#[test]
fn swapped_words_are_caught() {
    for (word, number) in [(Word::Update, 2 * SENTRIES + 50), (Word::Change, 50)] {
        let (last, faults) = found(Mistake::Swap(word, number));
        assert_eq!(last, Phase::Update);
        let (lost, doubled, out_of_order, unexpected) = counts(&faults);
        // An object that has left for the listeners of another zone says no more to this one.
        assert_eq!((lost + out_of_order, doubled, unexpected), (1, 0, 0), "{faults:?}");
    }
}

#[test]
fn a_wrong_zone_is_caught() {
    for (phase, number) in [(Phase::Create, enters(10)), (Phase::Update, enters(100))] {
        let (last, faults) = found(Mistake::WrongZone(number));
        assert_eq!((last, counts(&faults)), (phase, (2, 0, 0, 2)), "{faults:?}");
    }
    let (last, faults) = found(Mistake::WrongTarget(40));
    assert_eq!((last, counts(&faults)), (Phase::Update, (2, 0, 0, 2)), "{faults:?}");
}

#[test]
fn an_update_that_is_heard_elsewhere_is_caught() {
    let (last, faults) = found(Mistake::Astray(60));
    let (lost, doubled, out_of_order, unexpected) = counts(&faults);
    let others = (lost, doubled + unexpected, out_of_order);
    assert_eq!((last, others), (Phase::Update, (0, 2, 0)), "{faults:?}");
}

#[test]
fn an_update_that_says_something_else_is_caught() {
    for mistake in [Mistake::Garble(60), Mistake::Disown(60)] {
        let (last, faults) = found(mistake);
        assert_eq!((last, counts(&faults)), (Phase::Update, (2, 0, 0, 2)), "{faults:?}");
    }
}

#[test]
fn an_update_that_is_not_kept_is_caught() {
    // Of a sentry, after the last update of the phase: only the query of its zone shows it.
    let plan = plan(Dialect::OpenOtp, Mistake::Forget(SENTRIES - 1));
    let outcome = carry_out(&ObjectsPlan { duration: Duration::ZERO, ..plan });
    assert_eq!(counts(&outcome.faults), (1, 0, 0, 1), "{:?}", outcome.faults);
    assert!(outcome.faults.sentences[0].contains("has value 0, it was given 1"));
}

#[test]
fn what_a_zone_query_should_not_say_is_caught() {
    let (last, faults) = found(Mistake::Keep(11));
    assert_eq!((last, counts(&faults)), (Phase::Delete, (0, 0, 0, 1)), "{faults:?}");
    assert!(faults.sentences[0].contains("where it should not be"), "{faults:?}");
    let openotp = plan(Dialect::OpenOtp, Mistake::Repeat);
    let outcome = carry_out(&openotp);
    assert_eq!(counts(&outcome.faults), (0, 4, 0, 0), "{:?}", outcome.faults);
}

#[test]
fn an_object_that_is_missing_is_caught_without_listeners() {
    for dialect in BOTH {
        let plan = plan(dialect, Mistake::Refuse(1_000_018));
        let phases = vec![Phase::Create, Phase::Delete];
        let outcome = carry_out(&ObjectsPlan { listeners: 0, phases, ..plan });
        assert_eq!(counts(&outcome.faults), (1, 0, 0, 0), "{:?}", outcome.faults);
        assert!(outcome.faults.sentences[0].contains("1000018 is not in zone"));
        assert!(outcome.faults.sentences[1].contains("the delete phase was not begun"));
    }
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for() {
    let patience = Duration::from_millis(300);
    for (listeners, phases) in [(2, vec![Phase::Create, Phase::Update]), (0, vec![Phase::Create])] {
        let plan = plan(Dialect::OpenOtp, Mistake::Sleep(120));
        let outcome =
            carry_out(&ObjectsPlan { listeners, phases, patience, objects: 1000, ..plan });
        let is_said = |s: &String| s.contains("nothing more was heard for 0.3 s");
        assert!(outcome.faults.sentences.iter().any(is_said), "{:?}", outcome.faults);
    }
    let plan = plan(Dialect::OpenOtp, Mistake::Sleep(0));
    let error = run_objects(&ObjectsPlan { patience, ..plan }, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("no State Server answers"), "{error}");
}

#[test]
fn a_closed_connection_is_caught() {
    let plan = plan(Dialect::OpenOtp, Mistake::Close(300));
    let outcome = carry_out(&plan);
    let is_said = |s: &String| s.contains("closed by the server");
    assert!(outcome.faults.sentences.iter().any(is_said), "{:?}", outcome.faults);
}

#[test]
fn the_command_says_it_with_its_exit_code() {
    let files = tempfile::tempdir().unwrap();
    let [json, plot] = ["a.json", "a.svg"].map(|name| files.path().join(name));
    for (mistake, code) in [(Mistake::None, 0), (Mistake::Lose(Word::Delete, 3), 1)] {
        let addr = plan(Dialect::Astron, mistake).addrs[0].to_string();
        let park = concat!(env!("CARGO_MANIFEST_DIR"), "/../etc/park.dc");
        let pid = std::process::id().to_string();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_loadtest"))
            .args(["objects", &addr, "--dialect", "astron", "--control", "4002", "--dc", park])
            .args(["-n", "100", "--zones", "4", "--duration", "0.2", "--patience", "0.5"])
            .args(["--window", "64", "--server-pid", &pid, "--progress"])
            .args(["--json", json.to_str().unwrap(), "--plot", plot.to_str().unwrap()])
            .output()
            .unwrap();
        let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        assert_eq!(output.status.code(), Some(code), "{out}{err}");
        assert!(out.contains("... per update or move") && out.contains("latency p99.9"), "{out}");
        assert_eq!(err.contains("did not hear DELETE_RAM of object"), code == 1, "{err}");
    }
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(json["outcome"]["phases"][0]["operations"], 100);
    assert_eq!(json["outcome"]["faults"]["lost"], 1);
    assert!(std::fs::read_to_string(plot).unwrap().contains("update"));
}

#[test]
fn nonsense_is_refused() {
    let plan = plan(Dialect::OpenOtp, Mistake::None);
    let refused = |plan: ObjectsPlan| run_objects(&plan, &mut |_| ()).unwrap_err().to_string();
    assert!(refused(ObjectsPlan { listeners: 0, ..plan.clone() }).contains("nobody hears"));
    assert!(refused(ObjectsPlan { value_bytes: 23, ..plan.clone() }).contains("24 bytes"));
    assert!(refused(ObjectsPlan { zones: 1, ..plan.clone() }).contains("more groups"));
    assert!(
        refused(ObjectsPlan { phases: vec![Phase::Delete], ..plan.clone() }).contains("create")
    );
    assert!(refused(ObjectsPlan { moves: 1.5, ..plan }).contains("0 to 1"));
}
