//! `sim`: plays many seeds over all cores, or replays one with its whole trace.
//!
//! ```text
//! sim [--kind routing|objects|store|database|clients|park] [--seeds N] [--from N] [--seconds S] [--shards N]
//! sim --replay SEED [--kind routing|objects|store|database|clients|park] [--shards N]
//! sim --sessions N [--from SEED] [--shards N]
//! ```
//!
//! `--sessions` lets so many clients come and go in one daemon, and fails if that goes on growing.
//! Without `--kind` all are played in turn, and a replayed seed is one of routing.

use sim::clients::sessions::Sessions;
use sim::seeds::{self, Kind, Many};
use sim::trace::Show;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: sim [--kind routing|objects|store|database|clients|park] [--seeds N] \
                     [--from N] [--seconds S] [--shards N] | sim --replay SEED [--kind ...] \
                     [--shards N] | sim --sessions N [--from SEED] [--shards N]";

#[derive(Default)]
struct Asked {
    kind: Option<Kind>,
    seeds: Option<u64>,
    from: u64,
    seconds: Option<u64>,
    shards: Option<usize>,
    replay: Option<u64>,
    sessions: Option<u64>,
}

fn main() -> ExitCode {
    let Some(asked) = asked(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Some(count) = asked.sessions {
        return sessions(count, &asked);
    }
    match asked.replay {
        Some(seed) => replay(asked.kind.unwrap_or(Kind::Routing), seed, asked.shards),
        None => many(&asked),
    }
}

fn asked(mut arguments: impl Iterator<Item = String>) -> Option<Asked> {
    let mut asked = Asked::default();
    while let Some(name) = arguments.next() {
        let text = arguments.next()?;
        if name == "--kind" {
            asked.kind = Some(Kind::named(&text)?);
            continue;
        }
        let value: u64 = text.parse().ok()?;
        match name.as_str() {
            "--seeds" => asked.seeds = Some(value),
            "--from" => asked.from = value,
            "--seconds" => asked.seconds = Some(value),
            "--shards" if (1..=64).contains(&value) => asked.shards = Some(value as usize),
            "--sessions" => asked.sessions = Some(value),
            "--replay" => asked.replay = Some(value),
            _ => return None,
        }
    }
    Some(asked)
}

fn replay(kind: Kind, seed: u64, shards: Option<usize>) -> ExitCode {
    match seeds::play(kind, seed, shards, Show::Print) {
        Ok(outcome) => {
            println!("sim: seed {seed} passed; trace {:016x}", outcome.hash);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Growth behind the first tenth of the sessions that is the allocator's, in bytes.
const GROWTH_MAX: u64 = 8 << 20;

fn sessions(count: u64, asked: &Asked) -> ExitCode {
    let played = Sessions::new(asked.from, asked.shards).and_then(|mut sessions| {
        let mut warm = None;
        while sessions.count < count {
            sessions.play_crowd()?;
            if warm.is_none() && sessions.count * 10 >= count {
                warm = Some(resident_bytes());
            }
        }
        Ok((sessions.count, warm.unwrap_or(0)))
    });
    let (count, warm) = match played {
        Ok(played) => played,
        Err(broken) => {
            println!("sim: sessions failed: {}: {}", broken.rule, broken.what);
            return ExitCode::FAILURE;
        }
    };
    let end = resident_bytes();
    println!("sim: {count} sessions; {warm} bytes after a tenth of them, {end} at the end");
    if end > warm + GROWTH_MAX { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What this process has in memory; 0 where the system does not tell.
fn resident_bytes() -> u64 {
    const PAGE: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE
}

fn many(asked: &Asked) -> ExitCode {
    let begin = Instant::now();
    let count = asked.seeds.unwrap_or(if asked.seconds.is_some() { u64::MAX } else { 10_000 });
    let played = seeds::play_many(Many {
        kind: asked.kind,
        from: asked.from,
        count,
        time: asked.seconds.map(Duration::from_secs),
        shards: asked.shards,
        failures_max: 20,
        progress: true,
    });
    println!(
        "sim: {} seeds from {}: {} failed; {} steps, {} frames heard, {:.1} s",
        played.seeds,
        asked.from,
        played.failures.len(),
        played.steps,
        played.heard,
        begin.elapsed().as_secs_f64()
    );
    if played.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
