//! The daemon `ferriswheel`: reads a configuration, starts the engine, serves the metrics page.
//!
//! It has no logic of its own: `park` says what is to run, `engine` runs it.

mod banner;
mod cli;
mod db;
mod dc;
mod event_loggers;
mod figures;
mod health;
mod listeners;
mod log;
mod logins;
mod metrics;
mod run;
mod store_metrics;
mod stores;
mod try_next;
mod web;

use clap::Parser;
use cli::{Cli, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Cli { command, log } = Cli::parse();
    match command {
        Some(Command::Check { config }) => run::check(&config),
        Some(Command::Dc(command)) => dc::run(&command),
        Some(Command::Db(command)) => db::run(&command),
        Some(Command::Run { config }) => run::run(config.as_deref(), &log),
        None => run::run(None, &log),
    }
}
