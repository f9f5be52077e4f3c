//! A tree of three daemons as processes: a root and two leaves.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod ferris;

use ferris::{Daemon, Participant, free_address, wait_for};
use std::net::SocketAddr;
use std::time::Duration;
use wire::dialect::Dialect;

const SOON: Duration = Duration::from_millis(20);
/// Where numbers go, from one leaf to the other.
const NUMBERS: u64 = 100;
/// Where is heard what others leave behind.
const WORDS: u64 = 200;

const POST_REMOVES: &str = "ferriswheel_post_removes";
const POST_REMOVES_SENT: &str = "ferriswheel_post_removes_sent_total";
const PARTICIPANTS: &str = "ferriswheel_participants";
const UPSTREAM_UP: &str = "ferriswheel_upstream_up";
const WAITING_BYTES: &str = "ferriswheel_upstream_queue_bytes";

fn daemon(dialect: Dialect, shards: u16, name: &str, director: &str) -> Daemon {
    let general = format!("general: {{dialect: {}}}\nshards: {shards}\n", dialect.name());
    let names = format!("daemon: {{name: {name}}}\nweb: {{bind: \"127.0.0.1:0\"}}\n");
    Daemon::start(&format!("{general}{names}messagedirector: {{{director}}}\n"))
}

fn root(dialect: Dialect, at: SocketAddr) -> Daemon {
    daemon(dialect, 1, "root", &format!("bind: \"{at}\""))
}

fn leaf(dialect: Dialect, name: &str, root: SocketAddr) -> Daemon {
    daemon(dialect, 2, name, &format!("bind: \"127.0.0.1:0\", connect: \"{root}\""))
}

/// Two participants on one leaf, one on the other, and the numbers that it sends to the first.
struct Parties {
    hearer: Participant,
    neighbour: Participant,
    sender: Participant,
    next: u64,
    last: u64,
}

impl Parties {
    /// Joins, and waits until both leaves hear each other.
    fn join(dialect: Dialect, leaf_a: &Daemon, leaf_b: &Daemon) -> Parties {
        let mut hearer = Participant::join(leaf_a, dialect);
        let mut neighbour = Participant::join(leaf_a, dialect);
        let mut sender = Participant::join(leaf_b, dialect);
        hearer.subscribe(leaf_a, NUMBERS);
        sender.subscribe(leaf_b, WORDS);
        sender.is_reached_by(&mut neighbour, WORDS);
        Parties { hearer, neighbour, sender, next: 1, last: 0 }
    }

    fn send_number(&mut self) {
        self.sender.send(NUMBERS, &self.next.to_le_bytes());
        self.next += 1;
    }

    /// A number was heard: each once and in order, though some may be lost.
    #[track_caller]
    fn number(&mut self, payload: Vec<u8>) -> u64 {
        let number = u64::from_le_bytes(payload.try_into().unwrap());
        assert!(number > self.last, "{number} after {}", self.last);
        assert!(number < self.next, "{number} was not sent");
        self.last = number;
        number
    }

    /// Sends numbers until one of them is heard.
    #[track_caller]
    fn numbers_flow(&mut self) {
        let first = self.next;
        wait_for("numbers through the tree", || {
            self.send_number();
            let payload = self.hearer.hears_now(SOON)?;
            (self.number(payload) >= first).then_some(())
        });
    }

    /// What the neighbour says is heard, whatever else comes.
    #[track_caller]
    fn local_traffic_flows(&mut self) {
        self.neighbour.send(NUMBERS, b"local");
        loop {
            match self.hearer.hears() {
                local if local == b"local" => return,
                payload => self.number(payload),
            };
        }
    }
}

/// The leaf's link is down, and what should go up waits.
fn waits(leaf: &Daemon) -> bool {
    leaf.metric(WAITING_BYTES) > 0 && leaf.metric(UPSTREAM_UP) == 0
}

fn the_root_dies_and_comes_back(dialect: Dialect) {
    let at = free_address();
    let above = root(dialect, at);
    let (leaf_a, leaf_b) = (leaf(dialect, "leaf-a", at), leaf(dialect, "leaf-b", at));
    let mut parties = Parties::join(dialect, &leaf_a, &leaf_b);
    parties.hearer.leave_word(WORDS, b"gone");
    parties.numbers_flow();
    above.await_metric(POST_REMOVES, 1);

    above.kill();
    wait_for("both leaves to miss the root", || {
        parties.send_number();
        parties.local_traffic_flows();
        (waits(&leaf_a) && waits(&leaf_b)).then_some(())
    });

    let above = root(dialect, at);
    parties.numbers_flow();
    assert_eq!([&leaf_a, &leaf_b].map(|leaf| leaf.metric(UPSTREAM_UP)), [1, 1]);
    // The leaf has told the new root what it told the old one.
    above.await_metric(POST_REMOVES, 1);
    let Parties { hearer, mut sender, .. } = parties;
    drop(hearer);
    assert_eq!(sender.hears(), b"gone");

    // It was said once: the root does not say it again for the leaf.
    above.await_metric(POST_REMOVES, 0);
    leaf_a.kill();
    above.await_metric(PARTICIPANTS, 1);
    assert_eq!(above.metric(POST_REMOVES_SENT), 0);
    assert_eq!(leaf_b.stop().code(), Some(0));
    assert_eq!(above.stop().code(), Some(0));
}

#[test]
fn the_root_dies_and_comes_back_openotp() {
    the_root_dies_and_comes_back(Dialect::OpenOtp);
}

#[test]
fn the_root_dies_and_comes_back_astron() {
    the_root_dies_and_comes_back(Dialect::Astron);
}

fn a_leaf_dies_and_the_root_speaks_for_it(dialect: Dialect) {
    let at = free_address();
    let above = root(dialect, at);
    let (leaf_a, leaf_b) = (leaf(dialect, "leaf-a", at), leaf(dialect, "leaf-b", at));
    let Parties { mut hearer, mut neighbour, mut sender, .. } =
        Parties::join(dialect, &leaf_a, &leaf_b);
    hearer.leave_word(WORDS, b"of one who left before");
    neighbour.leave_word(WORDS, b"of one who stayed");
    above.await_metric(POST_REMOVES, 2);
    drop(hearer);
    assert_eq!(sender.hears(), b"of one who left before");
    above.await_metric(POST_REMOVES, 1);

    leaf_a.kill();
    assert_eq!(sender.hears(), b"of one who stayed");
    above.await_metric(POST_REMOVES_SENT, 1);
    assert_eq!(above.metric(POST_REMOVES), 0);
}

#[test]
fn a_leaf_dies_and_the_root_speaks_for_it_openotp() {
    a_leaf_dies_and_the_root_speaks_for_it(Dialect::OpenOtp);
}

#[test]
fn a_leaf_dies_and_the_root_speaks_for_it_astron() {
    a_leaf_dies_and_the_root_speaks_for_it(Dialect::Astron);
}
