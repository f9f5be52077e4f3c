//! What to try next against a daemon that serves: commands for another terminal of this machine.

use dc::{astron_hash, panda_hash};
use park::{ClientAgent, Config};
use std::net::SocketAddr;
use wire::dialect::Dialect;

const TEST: &str = "cargo run --release -p loadtest --";

/// What `loadtest park` takes for granted.
const GATE: &str = "127.0.0.1:7198";
const DIRECTOR: &str = "127.0.0.1:7199";
const CLASSES: &str = "etc/park.dc";
const VERSION: &str = "park-1";
const STATE_SERVER: u64 = 4002;
const UBERDOG: u32 = 4665;
const PARK: u32 = 5000;

/// The commands, that which sends a thousand visitors last. `md` is where the Message Director
/// listens, `gate` where the first Client Agent does.
pub fn commands(
    config: &Config,
    md: Option<SocketAddr>,
    gate: Option<(&ClientAgent, SocketAddr)>,
) -> impl Iterator<Item = String> {
    let mut commands = Vec::new();
    if let Some(md) = md {
        commands.extend(of_participants(config, &reached(md)));
        let database = config.databases.first();
        let file = config.file.display();
        let stat = database.map(|_| format!("cargo run --release -- db stat --config {file}"));
        commands.extend(stat);
        commands.extend(gate.and_then(|(agent, address)| {
            of_visitors(config, &reached(md), agent, &reached(address))
        }));
    }
    commands.into_iter()
}

/// Load tests at the Message Director.
fn of_participants(config: &Config, md: &str) -> Vec<String> {
    let dialect = config.general.dialect.name();
    let mut commands = vec![format!("{TEST} md {md} --dialect {dialect}")];
    let [dc, ..] = &*config.general.classes.files else { return commands };
    let server = config.state_servers.first().map(|server| ("objects", server.control));
    let database = config.databases.first().map(|database| ("database", database.control));
    let dc = dc.display();
    commands.extend(server.into_iter().chain(database).map(|(what, control)| {
        format!("{TEST} {what} {md} --dialect {dialect} --control {control} --dc {dc}")
    }));
    commands
}

/// The load test at the gate, where it can get in and there is something to see.
fn of_visitors(config: &Config, md: &str, agent: &ClientAgent, gate: &str) -> Option<String> {
    let server = config.state_servers.first().filter(|_| is_plain(agent))?;
    let [dc, ..] = &*config.general.classes.files else { return None };
    let (login, dialect) = (config.logins.first(), config.general.dialect);
    let mut command = format!("{TEST} park");
    let mut say = |option: &str, value: String, usual: &str| {
        if value != usual {
            command.extend([" ", option, if option.is_empty() { "" } else { " " }, value.as_str()]);
        }
    };
    say("", gate.into(), GATE);
    say("--md", md.into(), DIRECTOR);
    say("--dialect", dialect.name().into(), Dialect::OpenOtp.name());
    say("--dc", dc.display().to_string(), CLASSES);
    say("--client-version", agent.version.clone(), VERSION);
    say("--hash", agent.dc_hash.to_string(), &usual_hash(config)?.to_string());
    say("--control", server.control.to_string(), &STATE_SERVER.to_string());
    match login {
        Some(login) => {
            say("--uberdog", login.uberdog.to_string(), &UBERDOG.to_string());
            say("--park", login.park.to_string(), &PARK.to_string());
        }
        None if dialect == Dialect::OpenOtp => say("--login", "own".into(), ""),
        None => (),
    }
    Some(command)
}

/// What clients compute if nobody tells them.
fn usual_hash(config: &Config) -> Option<u32> {
    let schema = config.general.classes.schema.as_ref()?;
    Some(match config.general.dialect {
        Dialect::OpenOtp => panda_hash(schema),
        Dialect::Astron => astron_hash(schema).unwrap_or_else(|_| panda_hash(schema)),
    })
}

/// Whether clients connect without a certificate or a proxy.
fn is_plain(agent: &ClientAgent) -> bool {
    agent.tls.is_none() && agent.proxies.is_none()
}

/// At which address this machine reaches a listener.
fn reached(bound: SocketAddr) -> String {
    let port = bound.port();
    match bound {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => format!("127.0.0.1:{port}"),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => format!("[::1]:{port}"),
        SocketAddr::V4(_) | SocketAddr::V6(_) => bound.to_string(),
    }
}
