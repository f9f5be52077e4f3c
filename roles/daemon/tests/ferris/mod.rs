//! Daemons as processes, and participants that speak to them. Every wait has an end.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

mod client;
mod daemon;
mod participant;

pub use client::{Client, socket};
pub use daemon::{CLASSES, Daemon, ends};
pub use participant::{Participant, datagram};

use std::net::{SocketAddr, TcpListener};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Nothing takes this long unless it never comes.
const CEILING: Duration = Duration::from_secs(20);

/// Waits until `done` gives something.
#[track_caller]
pub fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(result) = done() {
            return result;
        }
        assert!(began.elapsed() < CEILING, "waited in vain for {what}");
        sleep(Duration::from_millis(5));
    }
}

/// An address that nobody listens on, for a daemon that must come back at the same one.
///
/// Connections are made from 127.0.0.1, so none of them can take a port of 127.0.0.2 meanwhile.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap()
}
