//! `run` and `check`.

use crate::banner::{self, Served};
use crate::cli::{Log, LogFormat};
use crate::event_loggers::EventLoggers;
use crate::health::Health;
use crate::logins::Logins;
use crate::store_metrics::Stores as StoreMetrics;
use crate::stores::Stores;
use crate::web::{self, Pages};
use crate::{listeners, log, metrics};
use anyhow::Context;
use engine::{Hangup, Running, ShardCpus, StartError};
use park::{Config, Loaded, Problem, Shards, System};
use prometheus_client::collector::Collector;
use rand::TryRngCore;
use rand::rngs::OsRng;
use runtime::ShardId;
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use tracing::{error, info, warn};

/// What is run if nothing is named.
pub const DEFAULT_CONFIG: &str = "etc/park.yml";
const FAILED: u8 = 1;
const MISCONFIGURED: u8 = 2;

/// Why nothing runs.
pub enum Failure {
    /// The configuration is wrong.
    Config(Vec<Problem>),
    /// Something else.
    Other(anyhow::Error),
}

/// Says all that is wrong with a configuration.
pub fn check(path: &Path) -> ExitCode {
    let checked = park::load(path, &System).and_then(|loaded| {
        // Certificates are loaded to see that they can be, and dropped.
        listeners::open(&loaded.config).map(|_| loaded.warnings)
    });
    match checked {
        Ok(warnings) => {
            warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
            println!("{}: in order", path.display());
            ExitCode::SUCCESS
        }
        Err(problems) => misconfigured(&problems),
    }
}

/// Runs a configuration until it is told to stop.
pub fn run(path: Option<&Path>, log: &Log) -> ExitCode {
    let path = path.unwrap_or_else(|| Path::new(DEFAULT_CONFIG));
    if path == Path::new(DEFAULT_CONFIG) && !path.exists() {
        eprintln!("{}", nothing_here());
        return ExitCode::from(MISCONFIGURED);
    }
    let Loaded { config, warnings } = match park::load(path, &System) {
        Ok(loaded) => loaded,
        Err(problems) => return misconfigured(&problems),
    };
    log::begin(log);
    if let Err(error) = engine::expect_hangups() {
        warn!("SIGHUP ends the daemon until it is ready: {error}");
    }
    warnings.iter().for_each(|warning| warn!("{warning}"));
    match serve(config, log.log_format) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Config(problems)) => misconfigured(&problems),
        Err(Failure::Other(why)) => {
            error!("{why:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn serve(config: Config, format: LogFormat) -> Result<(), Failure> {
    let listener = config.web.as_ref().map(|web| {
        TcpListener::bind(web.bind.address).map_err(|error| {
            let what = format!("cannot listen on {}: {error}", web.bind.address);
            Failure::Config(vec![config.problem(&web.bind.place, what)])
        })
    });
    let listener = listener.transpose()?;
    let loggers = EventLoggers::start(&config)?;
    let running = start(&config, hangup(&loggers))?;
    let md = banner::address_of(&running, message_director::LISTENER);
    let logins = Logins::start(&config, md)?;
    let web = listener.as_ref().and_then(|listener| listener.local_addr().ok());
    banner::show(&config, &Served { running: &running, loggers: &loggers, web }, format);
    if let Some(listener) = listener {
        let pages = pages(&config, &running, &loggers, &logins);
        // The shards that run already are stopped on the way out.
        let served = web::serve(listener, pages).context("the web pages cannot be served");
        served.map_err(Failure::Other)?;
    }
    let ended = running.wait();
    logins.stop();
    loggers.stop();
    ended.map_err(|error| Failure::Other(error.into()))?;
    info!("stopped in order");
    Ok(())
}

fn pages(config: &Config, running: &Running, loggers: &EventLoggers, logins: &Logins) -> Pages {
    let stores = StoreMetrics { stats: running.store_stats(), directories: directories(config) };
    let figures: Vec<Box<dyn Collector>> =
        vec![Box::new(stores), Box::new(loggers.figures()), Box::new(logins.figures())];
    let health = Health::new(running.counters.clone(), running.cpus.len());
    let registry = metrics::registry(running.counters.clone(), figures);
    Pages::new(registry, running.stop.clone(), health, logins.figures())
}

/// What SIGHUP causes, beside the reload of certificates.
fn hangup(loggers: &EventLoggers) -> Hangup {
    let hangup = Hangup::default();
    loggers.rotates().into_iter().for_each(|rotate| hangup.add(move || rotate.ask()));
    hangup
}

fn directories(config: &Config) -> Vec<String> {
    let directory = |database: &park::Database| database.directory.display().to_string();
    config.databases.iter().map(directory).collect()
}

/// Starts the engine on what the configuration says.
fn start(config: &Config, on_hangup: Hangup) -> Result<Running, Failure> {
    let director = &config.message_director;
    let engine_config = engine::Config {
        cpus: match &config.shards {
            Shards::Auto => ShardCpus::Auto,
            Shards::Count(count) => ShardCpus::Count(*count),
            Shards::Cpus(cpus) => ShardCpus::List(cpus.clone()),
        },
        listeners: listeners::open(config).map_err(Failure::Config)?,
        on_hangup,
        eventlogger: config.general.eventlogger,
        inflight_bytes_max: director.limits.inflight_bytes_max,
        ..engine::Config::default()
    };
    let cpus = engine_config.cpus.resolve();
    let cpus = cpus.map_err(|error| explain(config, StartError::Cpus(error)))?;
    let seeds = hash_seeds()?;
    let (committers, shares) = Stores::open(config, cpus.len(), seeds)?.split();
    let engine_config = engine::Config { cpus: ShardCpus::List(cpus), ..engine_config };
    let park = config.clone();
    let make = move |me: ShardId, shards| {
        park::assemble(&park, me, shards, seeds, shares(usize::from(me.0)))
    };
    engine::start(&engine_config, committers, make).map_err(|error| explain(config, error))
}

/// Random, so that nobody can choose channels that collide.
fn hash_seeds() -> Result<[u64; 4], Failure> {
    let mut seeds = [0; 4];
    for seed in &mut seeds {
        let random = OsRng.try_next_u64();
        *seed =
            random.map_err(|error| Failure::Other(anyhow::anyhow!("no randomness: {error}")))?;
    }
    Ok(seeds)
}

/// What the engine refused, as a matter of the configuration where it is one.
fn explain(config: &Config, error: StartError) -> Failure {
    let bind_of = |id| config.listeners().into_iter().find(|(listener, _)| *listener == id);
    let place = match &error {
        StartError::Bind { listener, .. } => bind_of(*listener).map(|(_, bind)| &bind.place),
        StartError::Cpus(_) => Some(&config.shards_place),
        StartError::Preflight(_) | StartError::Shard { .. } | StartError::System { .. } => None,
    };
    match place {
        Some(place) => Failure::Config(vec![config.problem(place, error.to_string())]),
        None => Failure::Other(error.into()),
    }
}

fn misconfigured(problems: &[Problem]) -> ExitCode {
    problems.iter().for_each(|problem| eprintln!("error: {problem}"));
    ExitCode::from(MISCONFIGURED)
}

fn nothing_here() -> String {
    let here = std::env::current_dir().map(|here| format!(" in {}", here.display()));
    format!(
        "error: there is no {DEFAULT_CONFIG}{}: start ferriswheel from the folder of the repository, \
         or name a configuration: ferriswheel run CONFIG",
        here.unwrap_or_default()
    )
}
