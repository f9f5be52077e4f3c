//! `throughput`: measures the floor, ours and, where they are installed, NATS and Redis in turn,
//! and prints how ours stands to each.
//!
//! `cargo build --release --workspace && cargo run --release -p bench --bin throughput`

use anyhow::{Context, Result, ensure};
use bench::contender::Contender;
use bench::report::{self, Style};
use bench::rows::{Measure, ROWS, Row, Sample, Scale};
use bench::verdict::Line;
use clap::Parser;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures CPU time per message of the floor, ours, NATS and Redis in one run.
///
/// The server runs on CPU 0, the generator on CPU 1; all are measured in turn, several times, and
/// the table shows medians and ratios.
#[derive(Parser)]
struct Arguments {
    /// Shorter runs: for a look, not for a claim.
    #[arg(long)]
    quick: bool,
    /// Everything for a moment with small numbers: whether it still works.
    #[arg(long, conflicts_with = "quick")]
    tiny: bool,
    /// Only these rows.
    #[arg(long, value_name = "ROW", value_parser = ROWS.iter().map(|row| row.name).collect::<Vec<_>>())]
    only: Vec<String>,
    /// Only these: floor, ours, nats, redis.
    #[arg(long, value_name = "SERVER")]
    among: Vec<String>,
    /// Rounds instead of the usual number.
    #[arg(long)]
    rounds: Option<usize>,
    /// All samples, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The table in Markdown.
    #[arg(long)]
    markdown: bool,
    /// End with code 1 if a target is missed or a run failed.
    #[arg(long)]
    gate: bool,
}

fn main() -> Result<ExitCode> {
    loadtest::holder::serve_if_asked();
    let arguments = Arguments::parse();
    raise_descriptors()?;
    let scale = match (arguments.quick, arguments.tiny) {
        (_, true) => Scale::Tiny,
        (true, false) => Scale::Quick,
        (false, false) => Scale::Full,
    };
    let contenders = contenders(&arguments.among)?;
    let mut bench = Bench { scale, contenders, lines: Vec::new(), failures: Vec::new() };
    let rounds = arguments.rounds.unwrap_or(scale.rounds());
    let is_asked = |row: &&Row| {
        arguments.only.is_empty() || arguments.only.iter().any(|name| name == row.name)
    };
    ROWS.iter().filter(is_asked).try_for_each(|row| bench.measure(row, rounds))?;
    let style = if arguments.markdown { Style::Markdown } else { Style::Text };
    print!("{}", report::table(&bench.lines, style, scale != Scale::Tiny));
    bench.failures.iter().for_each(|failure| println!("failed: {failure}"));
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(&bench.lines)?;
        std::fs::write(file, text).with_context(|| file.display().to_string())?;
    }
    Ok(if arguments.gate && !bench.is_passed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Who is there and asked for; a missing one of ours is an error, of the others a remark.
fn contenders(among: &[String]) -> Result<BTreeSet<Contender>> {
    let asked = |contender: &Contender| {
        let name = contender.name();
        let name = name.split(',').next().unwrap_or_default();
        among.is_empty() || among.iter().any(|asked| asked == name)
    };
    let all = ROWS.iter().flat_map(|row| row.contenders).copied();
    let mut there: BTreeSet<Contender> = all.filter(asked).collect();
    let missing: Vec<Contender> =
        there.iter().copied().filter(|contender| contender.program().is_none()).collect();
    for contender in missing {
        let name = contender.name();
        ensure!(
            contender.is_optional(),
            "{name} is not beside this program: cargo build --release --workspace"
        );
        println!("{name} is not installed and left out");
        there.remove(&contender);
    }
    Ok(there)
}

struct Bench {
    scale: Scale,
    contenders: BTreeSet<Contender>,
    lines: Vec<Line>,
    failures: Vec<String>,
}

type Samples = BTreeMap<Contender, Vec<Sample>>;

impl Bench {
    fn measure(&mut self, row: &Row, rounds: usize) -> Result<()> {
        let mut samples: Vec<Samples> = row.measures.iter().map(|_| Samples::new()).collect();
        let mut failed: BTreeSet<Contender> = BTreeSet::new();
        for round in 1..=rounds {
            for &contender in row.contenders {
                if !self.contenders.contains(&contender) || failed.contains(&contender) {
                    continue;
                }
                eprintln!("{}, round {round} of {rounds}: {}", row.title, contender.name());
                match measure_once(row, contender, self.scale) {
                    Ok(found) => {
                        let lines = samples.iter_mut().zip(found);
                        lines.for_each(|(line, found)| {
                            line.entry(contender).or_default().push(found)
                        });
                    }
                    Err(error) => {
                        // A missing round would shift all later ones against the others'.
                        failed.insert(contender);
                        samples.iter_mut().for_each(|line| drop(line.remove(&contender)));
                        self.failures.push(format!(
                            "{}: {}: {error:#}",
                            row.title,
                            contender.name()
                        ));
                    }
                }
            }
        }
        let names = (row.name, row.title);
        let lines = row.measures.iter().zip(samples);
        self.lines.extend(lines.map(|(&measure, samples)| Line::new(names, measure, samples)));
        Ok(())
    }

    fn is_passed(&self) -> bool {
        let findings = self.lines.iter().flat_map(|line| &line.findings);
        self.failures.is_empty() && { findings }.all(|found| found.is_reached() != Some(false))
    }
}

/// One server, one run, all that the row wants to know of it.
fn measure_once(row: &Row, contender: Contender, scale: Scale) -> Result<Vec<Sample>> {
    let folder = tempfile::tempdir()?;
    let server = contender.start(folder.path())?;
    let outcome = loadtest::run(&row.plan(contender, &server, scale), &mut |_| ())?;
    ensure!(outcome.is_sound(), "{}", outcome.complaints().join(", "));
    let of = |(measure, _): &(Measure, _)| measure.of(&outcome);
    Ok(row.measures.iter().map(of).collect())
}

/// The servers inherit the limit.
fn raise_descriptors() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raising the limit of descriptors")
}
