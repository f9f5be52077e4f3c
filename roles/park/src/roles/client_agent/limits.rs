//! What of the clients of a Client Agent grows no further: `limits`, and of `client` what is
//! written to one.

use crate::section::Section;
use crate::value::number;
use client_agent::Limits;
use runtime::Admission;
use wire::dialect::Dialect;

/// Bytes of the length tag of a frame.
const TAG_BYTES: u64 = 2;
const MILLISECONDS_MAX: u64 = 86_400_000;
/// So many milliseconds never pass.
const NEVER_MS: u64 = 1 << 40;
/// As Astron has them.
const WRITE_BUFFER_BYTES: usize = 256 << 10;
const WRITE_TIMEOUT_MS: u64 = 5000;
const CONNECTIONS_MAX: usize = 1 << 20;

/// The limits of a client if nothing is said. Astron lets one wait at the login for as long as it
/// likes.
pub fn client(dialect: Dialect) -> Limits {
    let usual = Limits::default();
    match dialect {
        Dialect::OpenOtp => usual,
        Dialect::Astron => Limits { established_ms: 0, ..usual },
    }
}

/// How many may connect if nothing is said.
pub fn admission() -> Admission {
    Admission { connections_max: CONNECTIONS_MAX, ..Admission::default() }
}

/// The limits of a client's connection if nothing is said.
pub fn connection() -> runtime::Limits {
    runtime::Limits {
        backlog_bytes_max: WRITE_BUFFER_BYTES,
        flood_bytes_max: WRITE_BUFFER_BYTES,
        stall_ms: WRITE_TIMEOUT_MS,
        ..runtime::Limits::default()
    }
}

/// All that the section `limits` is about.
struct All<'a> {
    client: &'a mut Limits,
    admission: &'a mut Admission,
    connection: &'a mut runtime::Limits,
}

/// One key: its name, the least and the most that it may be, where its value goes.
struct Row(&'static str, u64, u64, fn(&mut All<'_>, u64));

const ROWS: [Row; 19] = [
    Row("connections_max", 1, 1 << 24, |to, n| to.admission.connections_max = n as usize),
    Row("per_address_max", 0, 1 << 24, |to, n| {
        to.admission.per_address_max = if n == 0 { usize::MAX } else { n as usize };
    }),
    Row("handshakes_max", 1, 1 << 20, |to, n| to.admission.handshakes_max = n as usize),
    Row("handshake_ms", 100, 600_000, |to, n| to.admission.handshake_ms = n),
    Row("frame_bytes_max", 64, 65_537, |to, n| {
        to.connection.frame_bytes_max = (n - TAG_BYTES) as usize;
    }),
    Row("clients_max", 1, 1 << 24, |to, n| to.client.clients_max = n as usize),
    Row("hello_ms", 0, MILLISECONDS_MAX, |to, n| to.client.hello_ms = n),
    Row("established_ms", 0, MILLISECONDS_MAX, |to, n| to.client.established_ms = n),
    Row("messages_per_second", 0, 1 << 24, |to, n| to.client.messages_per_second = n as u32),
    Row("message_burst", 1, 1 << 24, |to, n| to.client.message_burst = n as u32),
    Row("bytes_per_second", 0, u32::MAX as u64, |to, n| to.client.bytes_per_second = n as u32),
    Row("byte_burst", 64, u32::MAX as u64, |to, n| to.client.byte_burst = n as u32),
    Row("held_bytes_max", 64, 16 << 20, |to, n| to.client.held_bytes_max = n as usize),
    Row("interests_max", 1, 1 << 16, |to, n| to.client.interests_max = n as usize),
    Row("zones_max", 1, 1 << 24, |to, n| to.client.zones_max = n as usize),
    Row("objects_max", 1, 1 << 24, |to, n| to.client.objects_max = n as usize),
    Row("granted_max", 1, 1 << 20, |to, n| to.client.granted_max = n as usize),
    Row("post_removes_max", 1, 1 << 20, |to, n| to.client.post_removes_max = n as usize),
    Row("post_remove_bytes_max", 1, 1 << 30, |to, n| to.client.post_remove_bytes_max = n as usize),
];

/// Reads the section `limits`.
pub fn read(
    section: &mut Section<'_>,
    client: &mut Limits,
    admission: &mut Admission,
    connection: &mut runtime::Limits,
) {
    let mut all = All { client, admission, connection };
    for Row(key, low, high, set) in &ROWS {
        if let Some(value) = section.get(key, number(*low..=*high)) {
            set(&mut all, value);
        }
    }
}

/// Reads `write_buffer_size` and `write_timeout_ms`; 0 of one is no limit.
pub fn read_writing(section: &mut Section<'_>, connection: &mut runtime::Limits) {
    const BUFFER: &str = "write_buffer_size";
    if let Some(bytes) = section.get(BUFFER, number(0..=16 << 30)) {
        connection.backlog_bytes_max = if bytes == 0 { usize::MAX } else { bytes as usize };
        connection.flood_bytes_max = connection.backlog_bytes_max;
    }
    if let Some(ms) = section.get("write_timeout_ms", number(0..=MILLISECONDS_MAX)) {
        connection.stall_ms = if ms == 0 { NEVER_MS } else { ms };
    }
    if connection.backlog_bytes_max == usize::MAX && connection.stall_ms == NEVER_MS {
        let what = "without write_timeout_ms too, a client that does not read may fill all memory";
        section.warning_at(BUFFER, what);
    }
}
