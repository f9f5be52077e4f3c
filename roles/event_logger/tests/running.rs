//! A running Event Logger, from its socket to its files.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use event_logger::{Config, EventLogger, Running, StartError};
use rustix::fs::OFlags;
use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use wire::dialect::Dialect;
use wire::event::{Event, Value};

fn config(folder: &Path) -> Config {
    Config {
        bind: ([127, 0, 0, 1], 0).into(),
        folder: folder.into(),
        output: "log/events.csv".parse().unwrap(),
        rotate_interval: None,
        rotate_bytes: None,
    }
}

fn start() -> (TempDir, Running, UdpSocket) {
    let folder = tempfile::tempdir().unwrap();
    let running = EventLogger::start(&config(folder.path())).unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.connect(running.address).unwrap();
    (folder, running, sender)
}

fn packet(number: i64, dialect: Dialect) -> Vec<u8> {
    let values = [("number", Value::Number(number))];
    Event { sender: "Test", kind: "sent", values: &values }.encode(dialect)
}

fn lines(folder: &TempDir, name: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.path().join("log").join(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn packets_of_both_kinds_are_lines_of_the_file_at_once() {
    let (folder, running, sender) = start();
    sender.send(&packet(1, Dialect::OpenOtp)).unwrap();
    sender.send(b"neither").unwrap();
    sender.send(&packet(2, Dialect::Astron)).unwrap();
    wait_until("both events are written", || running.counts.written.get() == 2);
    let lines = lines(&folder, "events.csv");
    let [opened, row, object] = &lines[..] else { panic!("three lines: {lines:?}") };
    assert!(opened.ends_with(",EventLogger,log-opened,Log opened."), "{opened}");
    assert!(row.ends_with(",Test,sent,1"), "{row}");
    assert!(object.ends_with(r#","type":"sent","sender":"Test","number":2}"#), "{object}");
    let counts = &running.counts;
    assert_eq!((counts.received.get(), counts.malformed.get(), counts.lost.get()), (3, 1, 0));
}

#[test]
fn what_lies_in_the_socket_is_written_when_it_stops() {
    for round in 0..20 {
        let (folder, running, sender) = start();
        (0..100).for_each(|number| {
            sender.send(&packet(number, Dialect::OpenOtp)).unwrap();
        });
        running.stop();
        let lines = lines(&folder, "events.csv");
        assert_eq!(lines.len(), 101, "round {round}");
        for (number, line) in lines[1..].iter().enumerate() {
            assert!(line.ends_with(&format!(",sent,{number}")), "they keep their order: {line}");
        }
    }
}

#[test]
fn a_new_file_is_begun_when_somebody_asks() {
    let (folder, running, sender) = start();
    let rotate = running.rotate.clone();
    rotate.ask();
    wait_until("the new file is there", || lines(&folder, "events-1.csv").len() == 1);
    sender.send(&packet(1, Dialect::OpenOtp)).unwrap();
    wait_until("the event is in it", || lines(&folder, "events-1.csv").len() == 2);
    assert_eq!(lines(&folder, "events.csv").len(), 1);
    assert_eq!(running.counts.rotations.get(), 1);
    running.stop();
    rotate.ask(); // of one that is no more: nothing happens
}

#[test]
fn a_flood_is_bounded_and_what_is_lost_is_counted() {
    const PACKETS: u64 = 100_000;
    let (folder, running, sender) = start();
    let packet = packet(7, Dialect::OpenOtp);
    (0..PACKETS).for_each(|_| {
        sender.send(&packet).unwrap();
    });
    // The count of what found no room comes with a packet that did.
    wait_until("every packet is received or counted", || {
        sender.send(&packet).unwrap();
        let counts = &running.counts;
        counts.received.get() + counts.overflowed.get() > PACKETS
    });
    let counts = running.counts.clone();
    running.stop();
    assert_eq!(counts.written.get(), counts.received.get());
    let lines = lines(&folder, "events.csv");
    let events = lines.iter().filter(|line| line.ends_with(",Test,sent,7")).count();
    assert_eq!(events as u64, counts.written.get());
    let told = lines.iter().filter_map(|line| line.split_once(",events-lost,"));
    let told: u64 = told.map(|(_, count)| count.parse::<u64>().unwrap()).sum();
    assert_eq!(told, counts.overflowed.get());
}

/// An end by order must not wait for ever for who reads the events.
#[test]
fn it_stops_though_its_pipe_is_full_and_nobody_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.csv");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let mut pipe = fs::OpenOptions::new();
    let pipe = pipe.read(true).write(true).custom_flags(OFlags::NONBLOCK.bits() as i32);
    let mut pipe = pipe.open(&path).unwrap();
    while pipe.write(&[b'x'; 4096]).is_ok() {}
    let (ended, end) = mpsc::channel();
    // A thread of its own, as the test is to fail and not to hang.
    thread::spawn(move || {
        let output = "events.csv".parse().unwrap();
        let config = Config { output, ..config(folder.path()) };
        let running = EventLogger::start(&config).unwrap();
        let counts = Arc::clone(&running.counts);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(&packet(1, Dialect::OpenOtp), running.address).unwrap();
        wait_until("the event is received", || counts.received.get() == 1);
        running.rotate.ask();
        running.stop();
        ended.send((counts.written.get(), counts.lost.get())).unwrap();
    });
    let counted = end.recv_timeout(Duration::from_secs(20));
    assert_eq!(counted, Ok((0, 1)), "it stops and counts the event as lost");
}

#[test]
fn nothing_runs_on_a_taken_port_or_without_a_file() {
    let (folder, running, _sender) = start();
    let taken = Config { bind: running.address, ..config(folder.path()) };
    assert!(matches!(EventLogger::start(&taken), Err(StartError::Bind { .. })));
    let no_file = Config { output: "/proc/events.csv".parse().unwrap(), ..config(folder.path()) };
    assert!(matches!(EventLogger::start(&no_file), Err(StartError::Open(_))));
}

#[test]
fn an_output_must_name_a_file() {
    let why = |output: &str| {
        output.parse::<event_logger::Pattern>().map(|_| ()).map_err(|why| why.to_string())
    };
    assert_eq!(why("log/events-%Y%m%d-%H%M%S.log"), Ok(()));
    assert_eq!(why("100%%"), Ok(()));
    assert_eq!(why("..events."), Ok(()));
    for output in ["", "log/", ".", "..", "log/.", "log/..", "/", "%Y/"] {
        assert_eq!(why(output), Err("it must name a file".into()), "{output:?}");
    }
    assert_eq!(why("a\0b"), Err("a path holds no byte 0".into()));
    let unknown = why("%Y-%J").unwrap_err();
    assert!(unknown.contains("`J`") && unknown.contains("%%"), "{unknown}");
    let unfinished = why("events%").unwrap_err();
    assert!(unfinished.contains("%%"), "{unfinished}");
}
