//! One daemon as a process: its command line, its sockets, its pages, its end.

mod ferris;

use ferris::{Daemon, Participant, datagram, ferriswheel, free_address, page, wait_for};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use wire::control::ControlMessage;
use wire::dialect::Dialect;
use wire::framing::BODY_BYTES_MAX;
use wire::ids::Channel;

fn ends(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } =
        ferriswheel().args(arguments).stderr(Stdio::piped()).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn start(dialect: Dialect, shards: &str, more: &str) -> Daemon {
    let md = free_address();
    let general = format!("general: {{dialect: {}}}\nshards: {shards}\n", dialect.name());
    Daemon::start(md, &format!("{general}messagedirector:\n  bind: {md}\n{more}"))
}

#[test]
fn the_sample_configurations_hold() {
    let etc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc");
    let files = ["park.yml", "astron.yml", "tree/root.yml", "tree/leaf-a.yml", "tree/leaf-b.yml"];
    for file in files {
        let file = etc.join(file);
        assert_eq!(ends(&["check", file.to_str().unwrap()]), (Some(0), String::new()));
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.yml");
    std::fs::write(&file, "messagedirector:\n  bnd: 127.0.0.1:7199\n").unwrap();
    let file = file.to_str().unwrap();
    for command in ["check", "run"] {
        let (code, said) = ends(&[command, file]);
        assert_eq!(code, Some(2));
        let place = format!("{file}:2:3: messagedirector.bnd: ");
        assert!(said.contains(&place) && said.contains("bind"), "{said}");
    }
    assert_eq!(ends(&["fly"]).0, Some(2));
    assert_eq!(ends(&["check", "/nowhere/park.yml"]).0, Some(2));
}

#[test]
fn a_taken_port_is_code_2() {
    let daemon = start(Dialect::OpenOtp, "1", "");
    let file = daemon.file();
    let (code, said) = ends(&["run", file.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(said.contains("park.yml:4:9: messagedirector.bind: cannot listen on"), "{said}");
}

#[test]
fn messages_are_routed_counted_and_shown() {
    for dialect in Dialect::ALL {
        let web = free_address();
        let daemon = start(dialect, "auto", &format!("web: {{bind: \"{web}\"}}\n"));
        let mut all: Vec<_> = (0..8).map(|_| Participant::join(&daemon, dialect)).collect();
        for (own, participant) in (100..).zip(&mut all) {
            participant.subscribe(&daemon, own);
        }
        // From each to each: with several shards, within one and across.
        for from in 0..8 {
            for to in (0..8).filter(|&to| to != from) {
                let text = format!("{from} to {to}");
                all[from].send(100 + to as u64, text.as_bytes());
                assert_eq!(all[to].hears(), text.as_bytes());
            }
        }
        assert_eq!(page(web, "/healthz"), (200, "ok\n".into()));
        assert_eq!(page(web, "/readyz"), (200, "ready\n".into()));
        let counted = || {
            let (_, text) = page(web, "/metrics");
            let line = text.lines().find(|line| line.starts_with("ferriswheel_deliveries_total{}"));
            let count: u64 = line?.rsplit_once(' ')?.1.parse().ok()?;
            (count >= 56).then_some(())
        };
        wait_for("56 deliveries on the page", counted);
        assert_eq!(daemon.stop().code(), Some(0));
    }
}

#[test]
fn a_frame_in_pieces_and_the_longest_one() {
    let daemon = start(Dialect::OpenOtp, "auto", "");
    let mut hearer = Participant::join(&daemon, Dialect::OpenOtp);
    hearer.subscribe(&daemon, 100);
    let mut sender = Participant::join(&daemon, Dialect::OpenOtp);
    for byte in datagram(100, b"one byte at a time") {
        sender.bytes(&[byte]);
    }
    assert_eq!(hearer.hears(), b"one byte at a time");
    let longest = vec![7; BODY_BYTES_MAX - 1 - 8 - 8 - 2];
    for _ in 0..20 {
        sender.send(100, &longest);
    }
    for _ in 0..20 {
        assert_eq!(hearer.hears(), longest);
    }
}

#[test]
fn hostile_bytes_cost_only_their_sender() {
    let daemon = start(Dialect::OpenOtp, "auto", "");
    let mut hearer = Participant::join(&daemon, Dialect::OpenOtp);
    hearer.subscribe(&daemon, 100);
    let mut sender = Participant::join(&daemon, Dialect::OpenOtp);
    let lying: [&[u8]; 4] = [
        &[0, 0],
        &[3, 0, 255, 1, 1],
        &[1, 0, 1],
        &[11, 0, 1, 0xa1, 0x0f, 0, 0, 0, 0, 0, 0, 0xd1, 7],
    ];
    for bytes in lying {
        let mut hostile = Participant::join(&daemon, Dialect::OpenOtp);
        hostile.bytes(bytes);
        hostile.is_closed();
        sender.send(100, b"still here");
        assert_eq!(hearer.hears(), b"still here");
    }
}

#[test]
fn post_removes_are_sent_however_a_link_breaks() {
    let daemon = start(Dialect::OpenOtp, "auto", "");
    let mut hearer = Participant::join(&daemon, Dialect::OpenOtp);
    hearer.subscribe(&daemon, 100);
    for how in ["finishes", "breaks in a frame", "is malformed"] {
        let mut leaver = Participant::join(&daemon, Dialect::OpenOtp);
        let (cleared, kept) = (datagram(100, b"cleared"), datagram(100, how.as_bytes()));
        let sender = Channel(0);
        leaver.control(ControlMessage::AddPostRemove { sender, message: &cleared[2..] });
        leaver.control(ControlMessage::ClearPostRemoves { sender });
        leaver.control(ControlMessage::AddPostRemove { sender, message: &kept[2..] });
        leaver.control(ControlMessage::AddPostRemove { sender, message: &kept[2..] });
        match how {
            "breaks in a frame" => leaver.bytes(&[200, 0, 1]),
            "is malformed" => leaver.bytes(&[0, 0]),
            _ => (),
        }
        drop(leaver);
        assert_eq!(hearer.hears(), how.as_bytes());
        assert_eq!(hearer.hears(), how.as_bytes());
    }
}

#[test]
fn who_does_not_read_is_closed_and_nobody_else_waits() {
    let limits = "  limits: {backlog_bytes_max: 262144, flood_bytes_max: 262144}\n";
    let daemon = start(Dialect::OpenOtp, "1", limits);
    let mut slow = Participant::join(&daemon, Dialect::OpenOtp);
    slow.subscribe(&daemon, 100);
    let mut hearer = Participant::join(&daemon, Dialect::OpenOtp);
    hearer.subscribe(&daemon, 100);
    let mut sender = Participant::join(&daemon, Dialect::OpenOtp);
    // Far more than the buffers of two sockets take; the other one reads all of it.
    let payload = vec![1; 32 << 10];
    for _ in 0..2_000 {
        sender.send(100, &payload);
        assert_eq!(hearer.hears().len(), payload.len());
    }
    slow.is_closed();
}

#[test]
fn starts_and_stops_again_and_again() {
    for _ in 0..10 {
        let daemon = start(Dialect::OpenOtp, "auto", "");
        let mut hearer = Participant::join(&daemon, Dialect::OpenOtp);
        hearer.subscribe(&daemon, 100);
        assert_eq!(hearer.hears_now(Duration::from_millis(1)), None);
        assert_eq!(daemon.stop().code(), Some(0));
    }
}
