//! What is said once when everything runs.

use crate::cli::LogFormat;
use crate::event_loggers::EventLoggers;
use crate::try_next;
use engine::Running;
use message_director::LISTENER;
use park::{
    Backend, ClientAgent, Config, Database, Dbss, EventLogger, Login, StateServer, client_listener,
};
use runtime::ListenerId;
use std::fmt::Write;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use tracing::{debug, info};
use wire::dialect::Dialect;

/// What serves, besides what the configuration says.
pub struct Served<'a> {
    /// The shards.
    pub running: &'a Running,
    /// The Event Loggers.
    pub loggers: &'a EventLoggers,
    /// Where the web pages are, if anywhere.
    pub web: Option<SocketAddr>,
}

impl Served<'_> {
    /// Where clients connect, by Client Agent.
    fn gates<'a>(&self, config: &'a Config) -> Vec<(&'a ClientAgent, SocketAddr)> {
        let agents = config.client_agents.iter().enumerate();
        agents
            .filter_map(|(at, agent)| Some((agent, address_of(self.running, client_listener(at))?)))
            .collect()
    }
}

/// Where a listener listens; with port 0 the kernel chose one.
pub fn address_of(running: &Running, listener: ListenerId) -> Option<SocketAddr> {
    running.local_addrs.iter().find(|(id, _)| *id == listener).map(|(_, address)| *address)
}

/// Shows what is served: text on standard output, or one log message.
pub fn show(config: &Config, served: &Served<'_>, format: LogFormat) {
    let md = address_of(served.running, LISTENER);
    match format {
        LogFormat::Json => {
            let Served { running, loggers, web } = served;
            let (dialect, cpus) = (dialect(config), &running.cpus);
            let clients: Vec<SocketAddr> =
                served.gates(config).iter().map(|(_, address)| *address).collect();
            let events = loggers.addresses();
            info!(
                dialect,
                ?md,
                ?clients,
                ?events,
                ?web,
                shards = cpus.len(),
                ?cpus,
                nofile = running.nofile,
                "serving"
            );
        }
        LogFormat::Text => {
            let text = text(config, served, md);
            if let Err(error) = io::stdout().write_all(text.as_bytes()) {
                debug!(%error, "nobody reads standard output");
            }
        }
    }
}

fn text(config: &Config, served: &Served<'_>, md: Option<SocketAddr>) -> String {
    let Served { running, loggers, web } = served;
    let mut rows = vec![("configuration", config.file.display().to_string())];
    rows.push(("dialect", dialect(config).into()));
    let bound = md.map_or("not listening (no messagedirector.bind)".into(), |md| md.to_string());
    rows.push(("message director", bound));
    rows.extend(
        config.state_servers.iter().map(|server| ("state server", objects(config, server))),
    );
    rows.extend(config.databases.iter().map(|database| ("database", stored(database))));
    rows.extend(config.dbss.iter().map(|dbss| ("dbss", activated(dbss))));
    let gates = served.gates(config);
    rows.extend(gates.iter().map(|(agent, address)| ("client agent", gate(agent, *address))));
    let loggers = config.event_loggers.iter().zip(loggers.addresses());
    rows.extend(loggers.map(|(logger, address)| ("event logger", files(logger, address))));
    rows.extend(config.logins.iter().map(|login| ("login", manager(login))));
    rows.extend(config.message_director.connect.as_ref().map(|up| ("upstream", up.clone())));
    rows.extend(config.general.eventlogger.map(|to| ("events go to", to.to_string())));
    rows.push(("shards", shards(&running.cpus)));
    rows.push(("limits", limits(config, running.nofile)));
    if let Some(web) = web {
        rows.push(("web", format!("http://{web}/metrics  /healthz  /readyz")));
    }
    let gate = gates.first().map(|(agent, address)| (*agent, *address));
    rows.extend(try_next::commands(config, md, gate).map(|command| ("try next", command)));
    let mut text = format!("ferriswheel {} is running\n", env!("CARGO_PKG_VERSION"));
    for (name, value) in rows {
        writeln!(text, "  {name:<17} {value}").expect("a String takes everything");
    }
    text + "  stop it with Ctrl-C or SIGTERM\n"
}

fn dialect(config: &Config) -> &'static str {
    match config.general.dialect {
        Dialect::OpenOtp => "openotp",
        Dialect::Astron => "astron",
    }
}

fn shards(cpus: &[usize]) -> String {
    let names: Vec<String> = cpus.iter().map(usize::to_string).collect();
    let noun = if cpus.len() == 1 { "cpu" } else { "cpus" };
    format!("{} on {noun} {}", cpus.len(), names.join(", "))
}

fn limits(config: &Config, nofile: u64) -> String {
    let limits = &config.message_director.limits.shard;
    format!(
        "{} participants a shard, {nofile} descriptors; per participant {} subscriptions, \
         {} MiB backlog, {} ms stall",
        limits.participants_max,
        limits.subscriptions_max,
        limits.backlog_bytes_max >> 20,
        limits.stall_ms,
    )
}

fn objects(config: &Config, server: &StateServer) -> String {
    let classes = config.general.classes.schema.iter().flat_map(|schema| schema.classes());
    let classes = classes.filter(|class| !class.is_struct).count();
    format!("control channel {}, {classes} classes", server.control)
}

fn stored(database: &Database) -> String {
    let (low, high) = (database.generate.start(), database.generate.end());
    let how = match database.backend {
        Backend::Store { .. } => "store in",
        Backend::Yaml => "YAML files in",
    };
    let directory = database.directory.display();
    format!("control channel {}, ids {low} to {high}, {how} {directory}", database.control)
}

fn activated(dbss: &Dbss) -> String {
    let ranges = dbss.stored.ranges.iter();
    let ranges: Vec<String> =
        ranges.map(|range| format!("{} to {}", range.start(), range.end())).collect();
    format!("objects {}, database channel {}", ranges.join(", "), dbss.stored.channel)
}

fn gate(agent: &ClientAgent, address: SocketAddr) -> String {
    let (low, high) = (agent.channels.start(), agent.channels.end());
    let tls = if agent.tls.is_some() { ", TLS" } else { "" };
    let proxies = if agent.proxies.is_some() { ", behind a proxy" } else { "" };
    let (version, hash) = (&agent.version, agent.dc_hash);
    format!(
        "{address}{tls}{proxies}, version {version:?}, hash {hash:#010x}, channels {low} to {high}"
    )
}

fn files(logger: &EventLogger, address: SocketAddr) -> String {
    let path = logger.config.folder.join(logger.config.output.to_string());
    format!("{address} (UDP), writes {}", path.display())
}

fn manager(login: &Login) -> String {
    let Login { uberdog, park, zone, register, .. } = login;
    let new = if *register { "new names are registered" } else { "new names are refused" };
    format!("UberDOG {uberdog}, visitors arrive in park {park}, zone {zone}; {new}")
}
