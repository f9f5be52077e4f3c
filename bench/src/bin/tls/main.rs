//! `tls`: what handshakes cost the server, against what they cost rustls alone, in one run; and what
//! an idle encrypted client costs in memory, against a plain one.
//!
//! `cargo build --release --workspace --bins && target/release/tls`

mod bare;
mod certificate;
mod clients;
mod server;

use anyhow::{Context, Result, bail, ensure};
use bench::report::{Style, grid};
use certificate::Certificate;
use clap::Parser;
use clients::{Clients, Guest, Kind};
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use server::{Door, Server};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

/// Handshakes per second of CPU through the server are to be so much of what rustls does alone.
const TARGET_SHARE: f64 = 0.70;
/// Bytes that an idle encrypted client may cost more than a plain one.
const TARGET_BYTES: f64 = 20480.0;
/// The CPU of the server, with all its threads, and of the bare loop; in turn.
const SERVER_CPU: usize = 0;
const GENERATOR_CPU: usize = 1;
/// A server that has used nothing for so long has done all that it was asked for.
const QUIET: Duration = Duration::from_millis(20);
const QUIET_LOOKS_MAX: usize = 500;
/// Handshakes before the first that count.
const WARM_UP: usize = 500;

/// Measures TLS 1.3 handshakes (ECDSA on P-256, X25519) through a Client Agent and in a bare loop.
///
/// Both run on CPU 0, in turn, many times, and only their CPU time counts; the clients run on CPU 1
/// and leave out what only they would have to do. The table shows medians, and the median of the
/// ratios.
#[derive(Parser)]
struct Arguments {
    /// Everything for a moment with small numbers: whether it still works.
    #[arg(long)]
    tiny: bool,
    /// Handshakes of each round.
    #[arg(long, default_value_t = 1000)]
    handshakes: usize,
    /// Rounds.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Idle clients that are looked at.
    #[arg(long, default_value_t = 4000)]
    idle: usize,
    /// The table in Markdown.
    #[arg(long)]
    markdown: bool,
    /// End with code 1 if a target is missed.
    #[arg(long)]
    gate: bool,
}

fn main() -> Result<ExitCode> {
    let mut arguments = Arguments::parse();
    if arguments.tiny {
        (arguments.handshakes, arguments.rounds, arguments.idle) = (50, 1, 50);
    }
    raise_descriptors()?;
    let certificate = Certificate::new()?;
    let server = Server::start(&certificate)?;
    let mut own_cpu = CpuSet::new();
    own_cpu.set(GENERATOR_CPU);
    sched_setaffinity(None, &own_cpu).context("the generator wants CPU 1")?;

    // First, while nothing lies about that others have left behind.
    let bytes = idle_bytes(&arguments, &certificate, &server)?;
    let fits = bytes.secure - bytes.plain <= TARGET_BYTES;
    let mut rows =
        vec![["what", "rustls alone", "ours", "ours : alone", "target"].map(str::to_owned)];
    let mut is_reached = fits;
    for kind in [Kind::Full, Kind::FullAndEnd, Kind::ResumedAndEnd] {
        let pairs = pairs(&arguments, &certificate, &server, kind)?;
        let share = median(pairs.iter().map(|(alone, ours)| alone / ours));
        let reached = share >= TARGET_SHARE;
        let is_target = kind == Kind::Full;
        is_reached &= reached || !is_target;
        let target = match (is_target, reached) {
            (false, _) => String::new(),
            (true, true) => format!("{:.0} %: reached", 100.0 * TARGET_SHARE),
            (true, false) => format!("{:.0} %: NOT REACHED", 100.0 * TARGET_SHARE),
        };
        rows.push([
            kind.title().to_owned(),
            figure(median(pairs.iter().map(|(alone, _)| *alone))),
            figure(median(pairs.iter().map(|(_, ours)| *ours))),
            format!("{:.0} %", 100.0 * share),
            target,
        ]);
    }
    rows.push([
        "memory of an idle client, encrypted; plain".to_owned(),
        String::new(),
        format!("{:.0}; {:.0} B", bytes.secure, bytes.plain),
        String::new(),
        format!("20 KiB more: {}", if fits { "reached" } else { "NOT REACHED" }),
    ]);
    print!("{}", grid(&rows, if arguments.markdown { Style::Markdown } else { Style::Text }));
    let failed = arguments.gate && !is_reached;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Nanoseconds of CPU of one handshake, alone and through the server, once per round.
fn pairs(
    arguments: &Arguments,
    certificate: &Certificate,
    server: &Server,
    kind: Kind,
) -> Result<Vec<(f64, f64)>> {
    let count = arguments.handshakes;
    let clients = Clients::new(server.address(Door::Secure), certificate, kind)?;
    // Nobody is the first one.
    clients.shake_hands(count.min(WARM_UP))?.into_iter().try_for_each(Guest::go)?;
    let round = |_| {
        let alone = bare::server_ns(certificate, kind, SERVER_CPU, count)?;
        let before = quiet_cpu_ns(server)?;
        let guests = clients.shake_hands(count)?;
        let ours = (quiet_cpu_ns(server)? - before) as f64 / count as f64;
        guests.into_iter().try_for_each(Guest::go)?;
        Ok((alone, ours))
    };
    (0..arguments.rounds).map(round).collect()
}

/// What the server has used of its CPU, once it is done.
fn quiet_cpu_ns(server: &Server) -> Result<u64> {
    let mut used = server.process.cpu_ns()?;
    for _ in 0..QUIET_LOOKS_MAX {
        sleep(QUIET);
        let before = std::mem::replace(&mut used, server.process.cpu_ns()?);
        if used == before {
            return Ok(used);
        }
    }
    bail!("the server does not become quiet")
}

/// Bytes of the server for each idle client.
struct IdleBytes {
    plain: f64,
    secure: f64,
}

fn idle_bytes(
    arguments: &Arguments,
    certificate: &Certificate,
    server: &Server,
) -> Result<IdleBytes> {
    let count = arguments.idle;
    let cost = |door| {
        let before = server.process.settled_rss()?;
        let held = clients::come_and_stay(server.address(door), door, certificate, count)?;
        let after = server.process.settled_rss()?;
        ensure!(held.len() == count, "some clients are missing");
        anyhow::Ok(after.saturating_sub(before) as f64 / count as f64)
    };
    // Whoever comes second finds what the first one has grown.
    Ok(IdleBytes { plain: cost(Door::Plain)?, secure: cost(Door::Secure)? })
}

fn figure(ns: f64) -> String {
    format!("{:.1} us ({:.1} k/s)", ns / 1e3, 1e6 / ns)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The server inherits the limit.
fn raise_descriptors() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raising the limit of descriptors")
}
