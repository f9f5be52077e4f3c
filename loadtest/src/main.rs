//! `loadtest`: drives a running server over TCP and checks what comes back.

mod cli;
mod report;

use anyhow::{Context, Result};
use clap::Parser;
use cli::{Arguments, Command, Md};
use loadtest::{Outcome, Plan};
use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

fn main() -> ExitCode {
    loadtest::holder::serve_if_asked();
    let Command::Md(md) = Arguments::parse().command;
    match drive(&md) {
        Ok(outcome) if outcome.is_sound() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("loadtest: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn drive(md: &Md) -> Result<Outcome> {
    let plan = md.plan()?;
    let shows_progress = md.progress || stderr().is_terminal();
    let outcome = loadtest::run(&plan, &mut |progress| {
        if shows_progress {
            eprintln!("{}", report::progress_line(&progress));
        }
    })?;
    print!("{}", report::table(&outcome));
    write_files(md, &plan, &outcome)?;
    for complaint in outcome.complaints() {
        eprintln!("loadtest: {complaint}");
    }
    Ok(outcome)
}

fn write_files(md: &Md, plan: &Plan, outcome: &Outcome) -> Result<()> {
    if let Some(path) = &md.json {
        let text = report::json(plan, outcome)?;
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &md.plot {
        let curves = [(plan.protocol.name().to_owned(), &outcome.latency)];
        loadtest::plot(path, &report::title(plan), &curves)?;
    }
    Ok(())
}
