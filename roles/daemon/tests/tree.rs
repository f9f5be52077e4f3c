//! A tree of three daemons as processes: a root and two leaves.

mod ferris;

use ferris::{Daemon, Participant, datagram, free_address, wait_for};
use std::net::SocketAddr;
use std::time::Duration;
use wire::control::ControlMessage;
use wire::dialect::Dialect;
use wire::ids::Channel;

const SOON: Duration = Duration::from_millis(20);

fn root(at: SocketAddr) -> Daemon {
    let general = "general: {dialect: openotp}\nshards: 1\ndaemon: {name: root}\n";
    Daemon::start(at, &format!("{general}messagedirector: {{bind: \"{at}\"}}\n"))
}

fn leaf(name: &str, root: SocketAddr) -> Daemon {
    let at = free_address();
    let general =
        format!("general: {{dialect: openotp}}\nshards: auto\ndaemon: {{name: {name}}}\n");
    let director = format!("messagedirector: {{bind: \"{at}\", connect: \"{root}\"}}\n");
    Daemon::start(at, &(general + &director))
}

/// Sends numbers from `next` on until one of them is heard; returns it.
fn first_heard(from: &mut Participant, to: &mut Participant, next: &mut u64) -> u64 {
    wait_for("traffic through the tree", || {
        from.send(100, &next.to_le_bytes());
        *next += 1;
        to.hears_now(SOON).map(number)
    })
}

fn number(payload: Vec<u8>) -> u64 {
    u64::from_le_bytes(payload.try_into().unwrap())
}

/// What is heard until nothing comes any more, each once and in order after `last`.
fn drain(hearer: &mut Participant, mut last: u64) -> u64 {
    while let Some(payload) = hearer.hears_now(Duration::from_millis(300)) {
        let heard = number(payload);
        assert!(heard > last, "{heard} after {last}");
        last = heard;
    }
    last
}

/// Waits until what is sent to 200 on one leaf is heard on the other.
fn connect(from: &mut Participant, to: &mut Participant) {
    wait_for("a subscription through the tree", || {
        from.send(200, b"mark");
        to.hears_now(SOON)
    });
    from.send(200, b"end of marks");
    while to.hears() != b"end of marks" {}
}

fn leave_word(who: &mut Participant, word: &[u8]) {
    let message = datagram(200, word);
    who.control(ControlMessage::AddPostRemove { sender: Channel(0), message: &message[2..] });
}

#[test]
fn the_root_dies_and_comes_back() {
    let at = free_address();
    let above = root(at);
    let (leaf_a, leaf_b) = (leaf("leaf-a", at), leaf("leaf-b", at));
    let join = |leaf| Participant::join(leaf, Dialect::OpenOtp);
    let (mut hearer, mut neighbour, mut sender) = (join(&leaf_a), join(&leaf_a), join(&leaf_b));
    hearer.subscribe(&leaf_a, 100);
    sender.subscribe(&leaf_b, 200);
    connect(&mut neighbour, &mut sender);

    let mut next = 1;
    let heard = first_heard(&mut sender, &mut hearer, &mut next);
    let last = drain(&mut hearer, heard);

    above.kill();
    for _ in 0..50 {
        sender.send(100, &next.to_le_bytes());
        next += 1;
    }
    // What can be heard without the root is heard without it.
    let local = 1_000_000u64.to_le_bytes();
    neighbour.send(100, &local);
    let mut heard = number(hearer.hears());
    while heard < 1_000_000 {
        heard = number(hearer.hears());
    }

    next = 2_000_000;
    let above = root(at);
    let heard = first_heard(&mut sender, &mut hearer, &mut next);
    assert!(heard > last);
    drain(&mut hearer, heard);

    // Told before the root came back or after: what a link leaves behind is said.
    leave_word(&mut hearer, b"gone");
    drop(hearer);
    assert_eq!(sender.hears(), b"gone");
    for daemon in [leaf_a, leaf_b, above] {
        assert_eq!(daemon.stop().code(), Some(0));
    }
}

#[test]
fn a_leaf_dies_and_the_root_speaks_for_it() {
    let at = free_address();
    let above = root(at);
    let (leaf_a, leaf_b) = (leaf("leaf-a", at), leaf("leaf-b", at));
    let mut left_behind = Participant::join(&leaf_a, Dialect::OpenOtp);
    let mut hearer = Participant::join(&leaf_b, Dialect::OpenOtp);
    hearer.subscribe(&leaf_b, 200);
    leave_word(&mut left_behind, b"the leaf is gone");
    // Behind the post-remove on the same way, so that it has arrived when this has.
    connect(&mut left_behind, &mut hearer);
    leaf_a.kill();
    assert_eq!(hearer.hears(), b"the leaf is gone");
    drop(above);
}
