//! `loadtest`: drives a running server over TCP and checks what comes back.

mod cli;
mod report;
mod status;

use anyhow::{Context, Result};
use clap::Parser;
use cli::{Arguments, Command, Database, Md, Objects, Park};
use loadtest::{ParkPlan, Workload};
use status::StatusLine;
use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    loadtest::holder::serve_if_asked();
    let complaints = match Arguments::parse().command {
        Command::Md(md) => drive_md(&md),
        Command::Objects(objects) => drive_objects(&objects),
        Command::Database(database) => drive_database(&database),
        Command::Park(park) => drive_park(&park),
    };
    match complaints {
        Ok(complaints) if complaints.is_empty() => ExitCode::SUCCESS,
        Ok(complaints) => {
            for complaint in complaints {
                eprintln!("loadtest: {complaint}");
            }
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("loadtest: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// What is wrong with what came back, one line each.
type Complaints = Vec<String>;

fn drive_md(md: &Md) -> Result<Complaints> {
    let plan = md.plan()?;
    let shows_progress = md.progress || stderr().is_terminal();
    let outcome = loadtest::run(&plan, &mut |progress| {
        if shows_progress {
            eprintln!("{}", report::progress_line(&progress));
        }
    })?;
    print!("{}", report::table(&outcome));
    if let Some(path) = &md.json {
        write(path, &report::json(&plan, &outcome)?)?;
    }
    if let Some(path) = &md.plot {
        let curves = [(plan.protocol.name().to_owned(), &outcome.latency)];
        loadtest::plot(path, &report::title(&plan), &curves)?;
    }
    Ok(outcome.complaints())
}

fn drive_objects(objects: &Objects) -> Result<Complaints> {
    let plan = objects.plan()?;
    let shows_progress = objects.progress || stderr().is_terminal();
    let outcome = loadtest::run_objects(&plan, &mut |progress| {
        if shows_progress {
            eprintln!("{}", report::objects::progress_line(&progress));
        }
    })?;
    print!("{}", report::objects::table(&outcome));
    if let Some(path) = &objects.json {
        write(path, &report::objects::json(&plan, &outcome)?)?;
    }
    if let Some(path) = &objects.plot {
        let heard = outcome.phases.iter().filter(|phase| !phase.latency.is_empty());
        let curves: Vec<_> =
            heard.map(|phase| (phase.phase.name().to_owned(), &phase.latency)).collect();
        loadtest::plot(path, &report::objects::title(&plan), &curves)?;
    }
    Ok(outcome.complaints())
}

fn drive_database(database: &Database) -> Result<Complaints> {
    let plan = database.plan()?;
    let shows_progress = database.progress || stderr().is_terminal();
    let outcome = loadtest::run_database(&plan, &mut |progress| {
        if shows_progress {
            eprintln!("{}", report::database::progress_line(&progress));
        }
    })?;
    print!("{}", report::database::table(&outcome));
    if let Some(path) = &database.json {
        write(path, &report::database::json(&plan, &outcome)?)?;
    }
    if let Some(path) = &database.plot {
        let heard = outcome.phases.iter().filter(|phase| !phase.latency.is_empty());
        let curves: Vec<_> =
            heard.map(|phase| (phase.phase.name().to_owned(), &phase.latency)).collect();
        loadtest::plot(path, &report::database::title(&plan), &curves)?;
    }
    Ok(outcome.complaints())
}

fn drive_park(park: &Park) -> Result<Complaints> {
    if let Some(workloads) = park.workloads()? {
        return measure_park(park, &workloads);
    }
    let plan = park.plan()?;
    if let Some(part) = park.part {
        return loadtest::serve_park_part(&plan, part).map(|()| Complaints::new());
    }
    let mut line = StatusLine::new(park.progress);
    let outcome = loadtest::run_park(&plan, &mut |moment| {
        line.show(&report::park::progress_line(&moment));
    });
    line.end();
    let outcome = outcome?;
    print!("{}", report::park::table(&outcome));
    if let Some(path) = &park.json {
        write(path, &report::park::json(&plan, &outcome)?)?;
    }
    if let Some(path) = &park.plot {
        loadtest::plot_park(path, &report::park::title(&plan), &outcome)?;
    }
    Ok(outcome.complaints())
}

fn measure_park(park: &Park, workloads: &[(Workload, ParkPlan)]) -> Result<Complaints> {
    print!("{}", report::workload::HEAD);
    let (mut rows, mut complaints) = (Vec::new(), Complaints::new());
    for (workload, plan) in workloads {
        match loadtest::run_workload(plan, *workload) {
            Ok(measured) => {
                measured.iter().for_each(|row| print!("{}", report::workload::line(row)));
                rows.extend(measured);
            }
            Err(error) => complaints.push(format!("{workload:?}: {error:#}")),
        }
    }
    if let Some(path) = &park.json {
        write(path, &(serde_json::to_string_pretty(&rows)? + "\n"))?;
    }
    Ok(complaints)
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
