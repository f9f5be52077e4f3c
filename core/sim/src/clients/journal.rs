//! What the Event Logger is sent of clients: one line when one comes, one when it goes.

use crate::ledger::Violation;
use event_logger::{Stamp, write_line};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What was written down of a client.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
struct Lines {
    came: u32,
    went: u32,
}

/// What was written down.
#[derive(Default)]
pub struct Journal {
    by_client: BTreeMap<u16, Lines>,
}

const WENT: [&str; 4] =
    ["client-ejected-security", "client-ejected", "client-disconnected", "client-lost"];

/// Where a client comes from.
pub fn address(client: usize) -> SocketAddr {
    ([10, 1, 0, 1], 1 + client as u16).into()
}

impl Journal {
    /// An event came.
    pub fn hear(&mut self, packet: &[u8]) -> Result<(), Violation> {
        let mut line = Vec::new();
        let written = write_line(packet, &Stamp::new(&jiff::Zoned::default()), &mut line);
        let line = String::from_utf8_lossy(&line).into_owned();
        if let Err(error) = written {
            return Err(Violation::new("events can be written down", format!("{error}")));
        }
        let Some((_, behind)) = line.split_once("10.1.0.1:") else { return Ok(()) };
        let port: String = behind.chars().take_while(char::is_ascii_digit).collect();
        let lines = self.by_client.entry(port.parse().unwrap_or(0)).or_default();
        lines.came += u32::from(line.contains("client-connected"));
        lines.went += u32::from(WENT.iter().any(|kind| line.contains(kind)));
        Ok(())
    }

    /// A client has left: it was written down that it came, if it was there long enough to be given a
    /// channel, and how it went.
    pub fn check(&self, client: usize, was_known: bool) -> Result<(), Violation> {
        let lines = self.by_client.get(&address(client).port()).copied().unwrap_or_default();
        if lines.went == 1 && (lines.came == 1 || lines.came == 0 && !was_known) {
            return Ok(());
        }
        let what = format!("client {client}: {lines:?}");
        Err(Violation::new("who comes and goes is written down once", what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::dialect::Dialect;
    use wire::event::{Event, Value};

    #[test]
    fn who_is_written_down_twice_or_not_at_all_is_found() {
        for dialect in [Dialect::OpenOtp, Dialect::Astron] {
            let mut journal = Journal::default();
            let say = |journal: &mut Journal, kind| {
                let values = [("remote_address", Value::Text("10.1.0.1:3"))];
                let event = Event { sender: "Client:1000", kind, values: &values };
                journal.hear(&event.encode(dialect)).expect("it is an event");
            };
            assert!(journal.check(2, false).is_err());
            say(&mut journal, "client-lost");
            assert!(journal.check(2, false).is_ok() && journal.check(2, true).is_err());
            say(&mut journal, "client-connected");
            assert!(journal.check(2, true).is_ok() && journal.check(1, false).is_err());
            say(&mut journal, "client-ejected");
            assert!(journal.check(2, true).is_err());
            assert!(journal.hear(b"").is_err());
        }
    }
}
