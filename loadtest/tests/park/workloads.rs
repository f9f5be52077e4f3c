//! Workloads against the small park: they count what they say they count, and notice mistakes.

use super::plan;
use super::server::{Mistake, Word};
use loadtest::{Dialect, ParkPlan, Sizes, Workload, WorkloadRow, run_workload};
use std::time::Duration;

fn tiny(dialect: Dialect, mistake: Mistake) -> ParkPlan {
    let server_pid = Some(std::process::id());
    let duration = Duration::from_millis(300);
    ParkPlan { server_pid, duration, ..plan(dialect, mistake) }
}

#[test]
fn each_measures_something() {
    let mut workloads = Workload::table(Sizes::TINY);
    // The park is slow: once each is enough.
    workloads.retain(|workload| !matches!(workload, Workload::ClientUpdates { window: 4096, .. }));
    for dialect in super::BOTH {
        let plan = tiny(dialect, Mistake::None);
        for (round, workload) in (0..).zip(&workloads) {
            for row in run_workload(&plan.for_round(round), *workload).unwrap() {
                check(*workload, &row);
            }
        }
    }
}

fn check(workload: Workload, row: &WorkloadRow) {
    let WorkloadRow { count, per_cpu_second, bytes_each, unit, .. } = row;
    assert!(*count > 0, "{row:?}");
    let wanted = match workload {
        Workload::AiUpdates { .. } | Workload::ClientUpdates { .. } | Workload::Walk { .. } => {
            "deliveries"
        }
        Workload::Login { .. } => "logins",
        Workload::Interest { .. } => "interests",
        Workload::Memory { .. } => "clients",
    };
    assert_eq!(unit, wanted);
    match workload {
        // The park has a thread per connection; of those that have ended nothing is known, so it may
        // seem to have used no time.
        Workload::Login { .. } | Workload::Memory { .. } => (),
        _ => assert!(*per_cpu_second >= 0.0 && *bytes_each == 0.0, "{row:?}"),
    }
}

#[test]
fn mistakes_end_it() {
    let patience = Duration::from_millis(500);
    let wrong = |mistake, workload| {
        let plan = ParkPlan { patience, ..tiny(Dialect::OpenOtp, mistake) };
        format!("{:#}", run_workload(&plan, workload).unwrap_err())
    };
    let watching = Workload::AiUpdates { window: 64, clients: 50 };
    for mistake in [Mistake::Lose(Word::Update, 300), Mistake::Double(Word::Update, 300)] {
        let sentence = wrong(mistake, watching);
        let is_noticed = sentence.contains("instead of") || sentence.contains("not seen by all");
        assert!(is_noticed, "{sentence}");
    }
    let looking = Workload::Interest { clients: 4, children: 200 };
    let sentence = wrong(Mistake::Lose(Word::Enter, 300), looking);
    assert!(sentence.contains("saw 49 objects of 50"), "{sentence}");
    let sentence = wrong(Mistake::Eject(30), Workload::Login { clients: 50 });
    assert!(sentence.contains("ejected with 100"), "{sentence}");
    let sentence = wrong(Mistake::Sleep(100), watching);
    assert!(sentence.contains("clients are not let in"), "{sentence}");
}
