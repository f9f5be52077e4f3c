//! Whole visits to a small park of our own, which can be told to make a mistake.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a stand-in knows what it needs to")]

mod proxy;
mod server;
mod workloads;

use dc::{Options, Schema, Source};
use loadtest::{Dialect, Faults, Habits, Login, Mover, Npcs, ParkOutcome, ParkPlan, Scenario, Tls};
use server::{Mistake, Server, Word};
use std::sync::Arc;
use std::time::Duration;

const BOTH: [Dialect; 2] = [Dialect::OpenOtp, Dialect::Astron];

fn plan(dialect: Dialect, mistake: Mistake) -> ParkPlan {
    let text = include_str!("../../../etc/park.dc").to_owned();
    let source = Source { name: "park.dc".into(), text };
    let schema = Arc::new(Schema::load(&[source], Options::default()).unwrap());
    let (agent, md) = Server::start(dialect, schema.clone(), mistake);
    let lively = Habits { updates: 20.0, says: 5.0, walks: 5.0, ..Habits::default() };
    let scenario = Scenario {
        per_zone: 3,
        npcs: Npcs { per_zone: 1, updates: 10.0, walks: 2.0 },
        visitors: vec![lively],
        ..Scenario::default()
    };
    ParkPlan {
        login: Login::Own,
        visitors: 24,
        scenario,
        duration: Duration::from_millis(700),
        patience: Duration::from_secs(20),
        ..ParkPlan::new(agent, md, dialect, schema)
    }
}

fn carry_out(plan: &ParkPlan) -> ParkOutcome {
    loadtest::run_park(plan, &mut |_| ()).unwrap()
}

/// Everybody sees what he should.
fn check(plan: &ParkPlan) -> ParkOutcome {
    let outcome = carry_out(plan);
    assert!(outcome.is_sound(), "{:#?}", outcome.complaints());
    let counts = &outcome.counts;
    assert!(counts.updates > 0 && counts.npc_updates > 0 && outcome.seen > 0, "{counts:?}");
    assert!(counts.deliveries > counts.updates && counts.entries > 0, "{counts:?}");
    assert!(outcome.latencies.iter().all(|(_, latency)| !latency.is_empty()));
    outcome
}

#[test]
fn all_see_what_there_is_in_both_dialects() {
    for dialect in BOTH {
        let counts = check(&plan(dialect, Mistake::None)).counts;
        assert!(counts.walks > 0 && counts.says > 0 && counts.interests > 0, "{counts:?}");
    }
}

#[test]
fn they_come_and_go_with_and_without_a_word() {
    for dialect in BOTH {
        let mut plan = plan(dialect, Mistake::None);
        let hasty = Habits { stays: 0.2, away: 0.05, ..plan.scenario.visitors[0].clone() };
        plan.scenario.visitors =
            vec![hasty.clone(), Habits { crashes: 1.0, ..hasty.clone() }, hasty];
        let counts = check(&plan).counts;
        assert!(counts.goodbyes > 5 && counts.crashes > 2 && counts.logins > 5, "{counts:?}");
    }
}

#[test]
fn the_ai_moves_them_where_they_may_not() {
    for dialect in BOTH {
        let plan = plan(dialect, Mistake::None);
        let counts = check(&ParkPlan { mover: Mover::Ai, ais: 3, ..plan }).counts;
        assert!(counts.walks > 0 && counts.interests > 0, "{counts:?}");
    }
}

#[test]
fn they_come_over_tls() {
    let files = tempfile::tempdir().unwrap();
    let authority = files.path().join("ca.pem");
    let plan = plan(Dialect::OpenOtp, Mistake::None);
    let (agent, certificate) = proxy::start(plan.agent);
    std::fs::write(&authority, certificate).unwrap();
    let tls = Some(Tls::trusting(&authority, "localhost").unwrap());
    check(&ParkPlan { agent, tls, ..plan.clone() });
    let tls = Some(Tls::trusting(&authority, "elsewhere").unwrap());
    let patience = Duration::from_millis(300);
    let outcome = carry_out(&ParkPlan { agent, tls, patience, ..plan });
    let is_named = |s: &String| s.contains("on his way in: TLS");
    assert!(outcome.faults.sentences.iter().any(is_named), "{:#?}", outcome.faults);
}

#[test]
fn they_come_in_several_processes() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    for (mistake, code) in [(Mistake::None, 0), (Mistake::Double(Word::Update, 40), 1)] {
        let plan = plan(Dialect::OpenOtp, mistake);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_loadtest"))
            .args(["park", &plan.agent.to_string(), "--md", &plan.md.to_string()])
            .args(["--login", "own", "-n", "41", "--seconds", "2", "--processes", "3"])
            .args(["--patience", "1", "--progress"])
            .args(["--dc", &format!("{root}/etc/park.dc")])
            .args(["--scenario", &format!("{root}/etc/visitors.yml")])
            .output()
            .unwrap();
        let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        assert_eq!(output.status.code(), Some(code), "{out}{err}");
        assert!(out.contains("41 in ") && out.contains("update seen p50"), "{out}");
        assert_eq!(err.contains(": visitor-"), code == 1, "{err}");
    }
}

/// What is found wrong with a server that makes this mistake.
fn found(mistake: Mistake) -> Vec<Faults> {
    let of = |dialect| {
        let plan = ParkPlan { patience: Duration::from_millis(400), ..plan(dialect, mistake) };
        let faults = carry_out(&plan).faults;
        assert!(!faults.is_empty(), "{mistake:?}");
        faults
    };
    BOTH.map(of).into()
}

type Count = fn(&Faults) -> u64;

/// Checks that each is found, named with these words, and that nothing but `count` is counted.
fn finds(mistake: Mistake, words: &[&str], count: Count) {
    for faults in found(mistake) {
        let is_named = |sentence: &String| words.iter().all(|word| sentence.contains(word));
        assert!(faults.sentences.iter().any(is_named), "{mistake:?}: {faults:#?}");
        assert!(count(&faults) > 0, "{mistake:?}: {faults:#?}");
        let has_place = |s: &String| s.starts_with("at ") && s.contains(" s: visitor-0-");
        assert!(faults.sentences.iter().all(has_place), "{faults:#?}");
    }
}

#[test]
fn a_lost_update_is_caught() {
    finds(Mistake::Lose(Word::Update, 40), &["before it"], |faults| faults.lost);
}

#[test]
fn an_object_that_is_never_shown_is_caught() {
    for faults in found(Mistake::Lose(Word::Enter, 60)) {
        assert!(faults.lost + faults.unexpected > 0, "{faults:#?}");
    }
}

#[test]
fn an_object_that_does_not_leave_is_caught() {
    for word in [Word::Leave, Word::Move] {
        for faults in found(Mistake::Lose(word, 15)) {
            assert!(faults.lost + faults.unexpected > 0, "{faults:#?}");
        }
    }
}

#[test]
fn a_doubled_word_is_caught() {
    let [doubled, unexpected]: [Count; 2] = [|faults| faults.doubled, |faults| faults.unexpected];
    finds(Mistake::Double(Word::Update, 40), &["again"], doubled);
    finds(Mistake::Double(Word::Enter, 40), &["enter zone", "again"], doubled);
    finds(Mistake::Double(Word::Leave, 10), &["was not shown"], unexpected);
    for faults in found(Mistake::Double(Word::Move, 10)) {
        assert_eq!(faults.lost + faults.out_of_order, 0, "{faults:#?}");
    }
}

#[test]
fn swapped_updates_are_caught() {
    for faults in found(Mistake::Swap(100)) {
        assert!(faults.lost + faults.doubled + faults.unexpected > 0, "{faults:#?}");
    }
}

#[test]
fn what_nobody_should_hear_is_caught() {
    let unexpected: Count = |faults| faults.unexpected;
    finds(Mistake::Echo(60), &["his own avatar"], unexpected);
    finds(Mistake::Astray(60), &["was not shown"], unexpected);
    finds(Mistake::WrongZone(60), &["enter zone"], unexpected);
    finds(Mistake::Secret(60), &["enter: ", " with "], unexpected);
    finds(Mistake::Garble(60), &["update", "which nobody caused"], unexpected);
}

#[test]
fn an_answer_that_ends_too_early_is_caught() {
    for faults in found(Mistake::Early(30)) {
        assert!(faults.lost + faults.unexpected > 0, "{faults:#?}");
    }
}

#[test]
fn what_should_be_gone_is_caught() {
    let unexpected: Count = |faults| faults.unexpected;
    finds(Mistake::Stay(30), &["still has object", "given up"], unexpected);
    let mistake = Mistake::Ghost(1);
    for dialect in BOTH {
        let mut plan = ParkPlan { patience: Duration::from_millis(400), ..plan(dialect, mistake) };
        let stays = 0.2;
        plan.scenario.visitors[0] = Habits { stays, ..plan.scenario.visitors[0].clone() };
        let faults = carry_out(&plan).faults;
        let is_named = |s: &String| s.contains("where it is not");
        assert!(faults.sentences.iter().any(is_named), "{faults:#?}");
    }
}

#[test]
fn who_is_thrown_out_is_named() {
    for faults in found(Mistake::Eject(5)) {
        let is_named = |s: &String| s.contains("ejected with 100: go");
        assert!(faults.sentences.iter().any(is_named), "{faults:#?}");
    }
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for() {
    let patience = Duration::from_millis(300);
    let plan_of = |at| ParkPlan { patience, ..plan(Dialect::OpenOtp, Mistake::Sleep(at)) };
    let faults = carry_out(&plan_of(60)).faults;
    assert!(faults.sentences[0].contains("visitors did not come in"), "{faults:#?}");
    let error = loadtest::run_park(&plan_of(0), &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("no State Server answers"), "{error}");
}

#[test]
fn a_park_that_is_not_there_is_named() {
    let plan = plan(Dialect::OpenOtp, Mistake::None);
    let patience = Duration::from_millis(300);
    let plan = ParkPlan { login: Login::Park, patience, ..plan };
    let error = loadtest::run_park(&plan, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("there is no park"), "{error}");
}

#[test]
fn the_command_says_it_with_its_exit_code() {
    let files = tempfile::tempdir().unwrap();
    let [json, plot] = ["a.json", "a.svg"].map(|name| files.path().join(name));
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    // Whoever crashes, or sees nothing of who walked away, does not find out what was lost.
    let lively = files.path().join("lively.yml");
    std::fs::write(&lively, "visitors: [{name: talkers, share: 1, updates: 10, says: 1}]").unwrap();
    let usual = format!("{root}/etc/visitors.yml");
    let runs = [
        (Mistake::None, usual.as_str(), 0),
        (Mistake::Lose(Word::Update, 40), lively.to_str().unwrap(), 1),
    ];
    for (mistake, scenario, code) in runs {
        let plan = plan(Dialect::Astron, mistake);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_loadtest"))
            .args(["park", &plan.agent.to_string(), "--md", &plan.md.to_string()])
            .args(["--dialect", "astron", "--login", "own", "-n", "30", "--seconds", "2"])
            .args(["--patience", "1", "--progress"])
            .args(["--dc", &format!("{root}/etc/park.dc")])
            .args(["--scenario", scenario])
            .args(["--json", json.to_str().unwrap(), "--plot", plot.to_str().unwrap()])
            .output()
            .unwrap();
        let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        assert_eq!(output.status.code(), Some(code), "{out}{err}");
        assert!(out.contains("update seen p50 / p99") && out.contains("server cpu"), "{out}");
        assert!(err.contains(" visitors  logins "), "{err}");
        assert_eq!(err.contains("before it"), code == 1, "{err}");
    }
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(json["outcome"]["visitors"], 30);
    assert_eq!(json["outcome"]["faults"]["lost"], 1);
    let plot = std::fs::read_to_string(plot).unwrap();
    assert!(plot.contains("interest") && plot.contains("resident MiB"));
}
