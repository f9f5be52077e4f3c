//! Whole runs against a small Database of our own, which can be told to make a mistake.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a stand-in knows what it needs to")]

mod server;

use dc::{Options, Schema, Source};
use loadtest::{DatabaseOutcome, DatabasePhase, DatabasePlan, Dialect, Faults, run_database};
use server::{Mistake, Request, Server};
use std::sync::Arc;
use std::time::Duration;

const BOTH: [Dialect; 2] = [Dialect::OpenOtp, Dialect::Astron];
const OBJECTS: u32 = 60;

fn plan(dialect: Dialect, mistake: Mistake) -> DatabasePlan {
    let text = include_str!("../../../etc/park.dc").to_owned();
    let source = Source { name: "park.dc".into(), text };
    let schema = Arc::new(Schema::load(&[source], Options::default()).unwrap());
    let addr = Server::start(dialect, schema.clone(), mistake);
    DatabasePlan {
        objects: OBJECTS,
        clients: 16,
        duration: Duration::from_millis(100),
        patience: Duration::from_secs(60),
        ..DatabasePlan::new(addr, dialect, schema)
    }
}

fn carry_out(plan: &DatabasePlan) -> DatabaseOutcome {
    run_database(plan, &mut |_| ()).unwrap()
}

/// Everything comes out as it should, and as often.
fn check(plan: &DatabasePlan) {
    let outcome = carry_out(plan);
    assert!(outcome.is_sound(), "{:?}", outcome.complaints());
    assert!(outcome.phases.iter().map(|phase| phase.phase).eq(plan.phases.iter().copied()));
    for phase in &outcome.phases {
        match phase.phase {
            DatabasePhase::Create | DatabasePhase::Delete => {
                assert_eq!(phase.operations, u64::from(plan.objects));
            }
            _ => assert!(phase.operations > 0, "{phase:?}"),
        }
        assert_eq!(phase.latency.len(), phase.operations);
        let has_floor = plan.floor.is_some() && phase.phase.is_durable();
        assert_eq!(phase.floor.as_ref().is_some_and(|floor| floor.appends > 0), has_floor);
    }
}

#[test]
fn all_phases_in_both_dialects() {
    for dialect in BOTH {
        check(&plan(dialect, Mistake::None));
        check(&DatabasePlan { has_listener: true, ..plan(dialect, Mistake::None) });
    }
}

#[test]
fn other_shapes() {
    let files = tempfile::tempdir().unwrap();
    for dialect in BOTH {
        let plan = plan(dialect, Mistake::None);
        check(&DatabasePlan { floor: Some(files.path().to_owned()), ..plan.clone() });
        check(&DatabasePlan { clients: 1, connections: 1, objects: 2, ..plan.clone() });
        check(&DatabasePlan { class: Some("Visitor".into()), object_bytes: 2000, ..plan.clone() });
        check(&DatabasePlan { phases: vec![DatabasePhase::Create], ..plan });
    }
    assert_eq!(std::fs::read_dir(files.path()).unwrap().count(), 0);
}

/// What the run says of a server with this mistake, the last phase that it begins, and the faults.
fn found(dialect: Dialect, mistake: Mistake, has_listener: bool) -> (DatabasePhase, Faults) {
    let patience = Duration::from_millis(400);
    let outcome = carry_out(&DatabasePlan { patience, has_listener, ..plan(dialect, mistake) });
    assert!(!outcome.is_sound() && !outcome.complaints().is_empty(), "{mistake:?}");
    (outcome.phases.last().unwrap().phase, outcome.faults)
}

/// (lost, doubled, unexpected)
fn counts(faults: &Faults) -> (u64, u64, u64) {
    (faults.lost, faults.doubled, faults.unexpected)
}

/// The mistake is found in this phase, in both dialects, and some sentence says so.
fn finds(mistake: Mistake, phase: DatabasePhase, wanted: (u64, u64, u64), sentence: &str) {
    for dialect in BOTH.into_iter().filter(|dialect| DatabasePhase::of(*dialect).contains(&phase)) {
        let (last, faults) = found(dialect, mistake, false);
        assert_eq!((last, counts(&faults)), (phase, wanted), "{mistake:?} {faults:?}");
        assert!(faults.sentences.iter().any(|s| s.contains(sentence)), "{faults:?}");
    }
}

#[test]
fn an_answer_that_does_not_come_is_caught() {
    let requests = [
        (Request::Create, DatabasePhase::Create),
        (Request::Select, DatabasePhase::Update),
        (Request::Compare, DatabasePhase::Compare),
        (Request::Query, DatabasePhase::Query),
    ];
    for (request, phase) in requests {
        finds(Mistake::Lose(request, 10), phase, (1, 0, 0), "no answer came");
    }
}

#[test]
fn an_answer_that_comes_twice_is_caught() {
    let requests = [
        (Request::Create, DatabasePhase::Create),
        (Request::Select, DatabasePhase::Update),
        (Request::Compare, DatabasePhase::Compare),
        (Request::Query, DatabasePhase::Query),
    ];
    for (request, phase) in requests {
        finds(Mistake::Double(request, 10), phase, (0, 1, 0), "came again");
    }
}

#[test]
fn what_is_acknowledged_and_not_done_is_caught() {
    let mistake = |request| Mistake::Forget(request, 10);
    let sentence = "it was given";
    finds(mistake(Request::Update), DatabasePhase::Update, (0, 0, 1), sentence);
    finds(mistake(Request::Delete), DatabasePhase::Delete, (0, 0, 1), "it is still there");
}

#[test]
fn what_nobody_asks_about_is_caught_at_the_end() {
    let whole = [DatabasePhase::Create, DatabasePhase::Compare];
    let mistakes = [
        (Mistake::Forget(Request::Create, u64::from(OBJECTS) - 1), &whole[..1]),
        (Mistake::Forget(Request::Compare, 0), &whole[..]),
    ];
    for dialect in BOTH {
        for (mistake, phases) in mistakes {
            let duration = Duration::from_millis(1);
            let plan = DatabasePlan { phases: phases.to_vec(), duration, ..plan(dialect, mistake) };
            let faults = carry_out(&plan).faults;
            assert_eq!(counts(&faults), (0, 0, 1), "{faults:?}");
            // If chance asks about the object again, that finds it before the end does.
            let sentences = ["it is not there", "it was given", "its condition is true"];
            let is_said = |wanted: &&str| faults.sentences[0].contains(*wanted);
            assert!(sentences.iter().any(is_said), "{faults:?}");
        }
    }
}

#[test]
fn an_answer_that_says_something_else_is_caught() {
    let bytes = "bytes that are not its own";
    finds(Mistake::Garble(Request::Select, 10), DatabasePhase::Update, (0, 0, 1), bytes);
    finds(Mistake::Garble(Request::SelectAll, 10), DatabasePhase::SelectAll, (0, 0, 1), bytes);
    finds(Mistake::WrongClass(10), DatabasePhase::SelectAll, (0, 0, 1), "it has class");
    let sender = "the answer is from 100000001";
    finds(Mistake::Disown(Request::Compare, 10), DatabasePhase::Compare, (0, 0, 1), sender);
    finds(Mistake::Refuse(10), DatabasePhase::Create, (0, 0, 1), "was not created");
    finds(Mistake::SameId(10), DatabasePhase::Create, (0, 1, 0), "was given before");
}

#[test]
fn a_query_that_finds_too_little_or_too_much_is_caught() {
    let count = |number| (0..number).map(Mistake::Blind);
    // Of 20 queries not all are for what is not there.
    let blind = count(20).map(|mistake| run_queries(mistake).faults.unexpected);
    assert!(blind.sum::<u64>() >= 1);
    let outcome = run_queries(Mistake::Generous(10));
    assert_eq!(counts(&outcome.faults), (0, 0, 1), "{:?}", outcome.faults);
    assert!(outcome.faults.sentences[0].contains("were found"), "{:?}", outcome.faults);
}

fn run_queries(mistake: Mistake) -> DatabaseOutcome {
    let phases = vec![DatabasePhase::Create, DatabasePhase::Query];
    let duration = Duration::from_millis(20);
    carry_out(&DatabasePlan { phases, duration, ..plan(Dialect::OpenOtp, mistake) })
}

#[test]
fn a_condition_that_is_not_looked_at_is_caught() {
    for dialect in BOTH {
        let (last, faults) = found(dialect, Mistake::Careless, false);
        assert_eq!((last, faults.lost, faults.doubled), (DatabasePhase::Compare, 0, 0));
        let is_said = |s: &String| s.contains("its condition is false, it was done");
        assert!(faults.sentences.iter().any(is_said), "{faults:?}");
    }
}

#[test]
fn announcements_are_compared_too() {
    let mistakes = [
        (Mistake::Silent(10), (1, 0, 0), "no announcement came"),
        (Mistake::Echo(10), (0, 1, 0), "heard of object"),
        (Mistake::Misquote(10), (0, 0, 1), "bytes that are not its own"),
    ];
    for (mistake, wanted, sentence) in mistakes {
        for dialect in BOTH {
            let (last, faults) = found(dialect, mistake, true);
            assert_eq!((last, counts(&faults)), (DatabasePhase::Update, wanted), "{faults:?}");
            assert!(faults.sentences.iter().any(|s| s.contains(sentence)), "{faults:?}");
        }
    }
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for() {
    let patience = Duration::from_millis(300);
    let plan = |mistake| DatabasePlan { patience, ..plan(Dialect::OpenOtp, mistake) };
    let outcome = carry_out(&plan(Mistake::Sleep(30)));
    let is_said = |s: &String| s.contains("nothing more was heard for 0.3 s");
    assert!(outcome.faults.sentences.iter().any(is_said), "{:?}", outcome.faults);
    let error = run_database(&plan(Mistake::Sleep(0)), &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("no Database answers"), "{error}");
    let outcome = carry_out(&plan(Mistake::Close(300)));
    let is_said = |s: &String| s.contains("closed by the server");
    assert!(outcome.faults.sentences.iter().any(is_said), "{:?}", outcome.faults);
}

#[test]
fn the_command_says_it_with_its_exit_code() {
    let files = tempfile::tempdir().unwrap();
    let [json, plot] = ["a.json", "a.svg"].map(|name| files.path().join(name));
    for (mistake, code) in [(Mistake::None, 0), (Mistake::Lose(Request::Select, 99), 1)] {
        let addr = plan(Dialect::Astron, mistake).addrs[0].to_string();
        let park = concat!(env!("CARGO_MANIFEST_DIR"), "/../etc/park.dc");
        let pid = std::process::id().to_string();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_loadtest"))
            .args(["database", &addr, "--dialect", "astron", "--control", "4003", "--dc", park])
            .args(["-n", "100", "--clients", "8", "--duration", "0.2", "--patience", "0.5"])
            .args(["--phases", "create,update,select,delete", "--server-pid", &pid, "--progress"])
            .args(["--floor", files.path().to_str().unwrap()])
            .args(["--json", json.to_str().unwrap(), "--plot", plot.to_str().unwrap()])
            .output()
            .unwrap();
        let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        assert_eq!(output.status.code(), Some(code), "{out}{err}");
        assert!(out.contains("... per operation") && out.contains("floor p50 / p99"), "{out}");
        assert_eq!(err.contains("no answer came"), code == 1, "{err}");
    }
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(json["outcome"]["phases"][0]["operations"], 100);
    assert_eq!(json["outcome"]["faults"]["lost"], 1);
    assert!(std::fs::read_to_string(plot).unwrap().contains("update"));
}

#[test]
fn nonsense_is_refused() {
    let plan = plan(Dialect::Astron, Mistake::None);
    let refused = |plan: DatabasePlan| run_database(&plan, &mut |_| ()).unwrap_err().to_string();
    assert!(refused(DatabasePlan { clients: 31, ..plan.clone() }).contains("need 62 objects"));
    assert!(refused(DatabasePlan { value_bytes: 23, ..plan.clone() }).contains("24 bytes"));
    let of = |phases| DatabasePlan { phases, ..plan.clone() };
    assert!(refused(of(vec![DatabasePhase::Delete])).contains("create, then update"));
    let query = vec![DatabasePhase::Create, DatabasePhase::Query];
    assert!(refused(of(query)).contains("astron has the phases"));
}
