//! Whole runs against a small router of our own, which can be told to lose, double or swap.

#![allow(clippy::unwrap_used, reason = "a test")]

mod router;

use loadtest::{Dialect, Ferris, Length, Load, Outcome, Pattern, Plan, run};
use router::{Fault, Router};
use std::sync::Arc;
use std::time::Duration;

const BOTH: [Dialect; 2] = [Dialect::OpenOtp, Dialect::Astron];

fn plan(dialect: Dialect, fault: Fault, pattern: Pattern) -> Plan {
    let addr = Router::start(dialect, fault);
    let mut plan = Plan::new(Arc::new(Ferris { dialect }), addr, pattern);
    plan.senders = plan.senders.min(6);
    plan.receivers = plan.receivers.min(7);
    plan.warmup = Duration::ZERO;
    plan.length = Length::Messages(2000);
    plan.patience = Duration::from_secs(60);
    plan
}

fn carry_out(plan: &Plan) -> Outcome {
    run(plan, &mut |_| ()).unwrap()
}

/// Everything arrives, and as often as the pattern says.
fn check(plan: &Plan, deliveries_per_message: u64) {
    let outcome = carry_out(plan);
    assert!(outcome.is_sound(), "{:?}", outcome.complaints());
    assert_eq!((outcome.sent, outcome.sent_total), (2000, 2000));
    assert_eq!(outcome.delivered_total, 2000 * deliveries_per_message);
    assert_eq!(outcome.latency.len(), outcome.delivered_total);
}

#[test]
fn p2p_in_both_dialects() {
    for dialect in BOTH {
        check(&plan(dialect, Fault::None, Pattern::P2p), 1);
    }
}

#[test]
fn p2p_with_receivers_channels_and_threads() {
    let plan = plan(Dialect::OpenOtp, Fault::None, Pattern::P2p);
    check(&Plan { receivers: 4, channels: 3, threads: 2, ..plan.clone() }, 1);
    check(&Plan { channels: 5, threads: 3, ..plan.clone() }, 1);
    check(&Plan { payload_bytes: 9000, load: Load::Closed { window: 500 }, ..plan }, 1);
}

#[test]
fn fan_out() {
    check(&plan(Dialect::Astron, Fault::None, Pattern::FanOut), 7);
    let several = plan(Dialect::OpenOtp, Fault::None, Pattern::FanOut);
    check(&Plan { senders: 3, channels: 2, ..several }, 7);
}

#[test]
fn several_recipients() {
    for (recipients, reached) in [(1, 1), (4, 4), (5, 5), (255, 5)] {
        check(&plan(Dialect::OpenOtp, Fault::None, Pattern::Multi { recipients }), reached);
    }
}

#[test]
fn churn_counts_its_changes() {
    let plan = plan(Dialect::OpenOtp, Fault::None, Pattern::Churn { changes: 8 });
    let outcome = carry_out(&Plan { preload: 10_000, ..plan });
    assert!(outcome.is_sound(), "{:?}", outcome.complaints());
    assert_eq!((outcome.changes, outcome.preloaded, outcome.sent), (16_000, 10_000, 2000));
}

#[test]
fn the_open_loop_sends_all_and_beside_idle_connections() {
    let plan = plan(Dialect::Astron, Fault::None, Pattern::P2p);
    check(&Plan { load: Load::Open { rate: 1e5 }, idle: 20, threads: 2, ..plan }, 1);
}

#[test]
fn idle_connections_move_to_other_processes() {
    let plan = plan(Dialect::OpenOtp, Fault::None, Pattern::P2p);
    let holder = Some(env!("CARGO_BIN_EXE_loadtest").into());
    check(&Plan { idle: 30, connections_per_process: Some(16), holder, ..plan }, 1);
}

/// What the run says of a router with this fault.
fn found(fault: Fault) -> Outcome {
    let plan = plan(Dialect::OpenOtp, fault, Pattern::P2p);
    let outcome = carry_out(&Plan { patience: Duration::from_secs(1), ..plan });
    assert!(!outcome.is_sound() && !outcome.complaints().is_empty());
    outcome
}

#[test]
fn a_lost_message_is_caught() {
    let outcome = found(Fault::Lose(1000));
    assert!(outcome.lost >= 1 && outcome.losses[0].contains("lost"), "{:?}", outcome.losses);
}

#[test]
fn a_doubled_message_is_caught() {
    for at in [0, 1000, 1999] {
        assert_eq!(found(Fault::Double(at)).doubled, 1);
    }
}

#[test]
fn swapped_messages_are_caught() {
    let outcome = found(Fault::Swap(1000));
    assert_eq!((outcome.out_of_order, outcome.doubled), (1, 0));
}

#[test]
fn a_closed_connection_is_caught() {
    let outcome = found(Fault::Close(1000));
    assert!(!outcome.broken.is_empty());
}

#[test]
fn nonsense_is_refused() {
    let plan = plan(Dialect::OpenOtp, Fault::None, Pattern::P2p);
    let refused = |plan: Plan| run(&plan, &mut |_| ()).unwrap_err().to_string();
    assert!(refused(Plan { senders: 1, ..plan.clone() }).contains("nobody hears"));
    assert!(refused(Plan { payload_bytes: 23, ..plan.clone() }).contains("24 bytes"));
    assert!(refused(Plan { payload_bytes: 70_000, ..plan }).contains("does not fit"));
}
