//! What an Event Logger itself has to say in its files: an object of JSON, or a row where the name of
//! the file ends in `.csv`.

use crate::line::{Stamp, write_line};
use std::path::Path;
use wire::dialect::Dialect;
use wire::event::{Event, Value};

const SENDER: &str = "EventLogger";

/// The first line of what is appended to `file` from now on.
pub fn write_opened(file: &Path, stamp: &Stamp, out: &mut Vec<u8>) {
    let values = [("msg", Value::Text("Log opened."))];
    write(file, &Event { sender: SENDER, kind: "log-opened", values: &values }, stamp, out);
}

/// So many events should stand before this line and do not.
pub fn write_lost(file: &Path, count: u64, stamp: &Stamp, out: &mut Vec<u8>) {
    let values = [("count", Value::Id(count))];
    write(file, &Event { sender: SENDER, kind: "events-lost", values: &values }, stamp, out);
}

fn write(file: &Path, event: &Event<'_>, stamp: &Stamp, out: &mut Vec<u8>) {
    let is_csv = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let packet = event.encode(if is_csv { Dialect::OpenOtp } else { Dialect::Astron });
    write_line(&packet, stamp, out).expect("what the roles say is an event");
}
