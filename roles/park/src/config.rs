//! The whole file, typed.

use crate::address::{EVENT_PORT, Outside, WEB_PORT, resolved};
use crate::classes::Classes;
use crate::document::{self, Node};
use crate::message_director::{Bind, MessageDirector};
use crate::problem::{Findings, Place, Problem};
use crate::roles::{self, ClientAgent, Database, Dbss, EventLogger, Login, Roles, StateServer};
use crate::section::Section;
use crate::value::{choice, do_id, number, scalar, text};
use dc::{ClassId, Schema};
use runtime::ShardId;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use wire::dialect::Dialect;
use wire::ids::DoId;

/// A configuration that holds.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The file that it was read from.
    pub file: PathBuf,
    /// `general`
    pub general: General,
    /// `shards`
    pub shards: Shards,
    /// Where `shards` stands, for the message should a core be forbidden.
    pub shards_place: Place,
    /// `web`, if it is there.
    pub web: Option<Web>,
    /// `daemon`
    pub daemon: Daemon,
    /// `messagedirector`
    pub message_director: MessageDirector,
    /// `uberdogs`
    pub uberdogs: Vec<Uberdog>,
    /// The roles of type `stateserver`.
    pub state_servers: Vec<StateServer>,
    /// The roles of type `database`.
    pub databases: Vec<Database>,
    /// The roles of type `dbss`.
    pub dbss: Vec<Dbss>,
    /// The roles of type `clientagent`.
    pub client_agents: Vec<ClientAgent>,
    /// The roles of type `eventlogger`.
    pub event_loggers: Vec<EventLogger>,
    /// The roles of type `login`.
    pub logins: Vec<Login>,
}

/// What all roles share.
#[derive(Clone, Debug)]
pub struct General {
    /// What messages look like.
    pub dialect: Dialect,
    /// What `dc_files` say.
    pub classes: Classes,
    /// Where events go.
    pub eventlogger: Option<SocketAddr>,
}

impl Default for General {
    fn default() -> Self {
        General { dialect: Dialect::Astron, classes: Classes::default(), eventlogger: None }
    }
}

/// On which cores the shards run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shards {
    /// One per core that the process may use.
    #[default]
    Auto,
    /// So many.
    Count(usize),
    /// One on each of these.
    Cpus(Vec<usize>),
}

/// What the daemon calls itself upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Daemon {
    /// Its name; empty: it says none.
    pub name: String,
    /// Where its status page is; empty: it says nowhere.
    pub url: String,
}

/// The metrics page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Where it listens.
    pub bind: Bind,
}

/// An object that every client knows from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uberdog {
    /// Its id.
    pub id: DoId,
    /// Where the id stands.
    pub id_place: Place,
    /// The name of its class.
    pub class: String,
    /// Where the name stands.
    pub class_place: Place,
    /// Whether clients may talk to it before they have logged in.
    pub anonymous: bool,
}

/// A configuration, with what is to be said at every start.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The warnings.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Something that turned out to be wrong with the value at `place` only when it was used.
    pub fn problem(&self, place: &Place, what: impl Into<String>) -> Problem {
        Problem { file: self.file.clone(), place: Some(place.clone()), what: what.into() }
    }
}

/// Reads the file at `path`, or says all that is wrong with it.
pub fn load(path: &Path, outside: &dyn Outside) -> Result<Loaded, Vec<Problem>> {
    let problem = |what| vec![Problem { file: path.into(), place: None, what }];
    let bytes = std::fs::read(path).map_err(|error| problem(format!("cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let sound = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..sound].iter().filter(|&&byte| byte == b'\n').count();
        problem(format!("is not UTF-8 text: see line {line}"))
    })?;
    read(&text, path, outside)
}

/// Reads `text` as what stands in the file at `path`.
pub fn read(text: &str, path: &Path, outside: &dyn Outside) -> Result<Loaded, Vec<Problem>> {
    let findings = Findings::new(path);
    let document = document::parse(text).map_err(|(at, what)| {
        let place = Place { line: at.line, column: at.column, key: String::new() };
        vec![Problem { file: path.into(), place: Some(place), what }]
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let config = Section::read(&findings, &document, String::new(), |root| Config {
        file: path.into(),
        ..Config::read(root, folder, outside)
    });
    let warnings = findings.into_result()?;
    Ok(Loaded { config: config.unwrap_or_default(), warnings })
}

impl Config {
    fn read(root: &mut Section<'_>, folder: &Path, outside: &dyn Outside) -> Config {
        let read_general = |general: &mut Section<'_>| General::read(general, folder, outside);
        let general = root.section("general", read_general).unwrap_or_default();
        let read_director = |director: &mut Section<'_>| MessageDirector::read(director, outside);
        let message_director = root.section("messagedirector", read_director).unwrap_or_default();
        if message_director.bind.is_none() && message_director.connect.is_none() {
            let what = "no `bind` and no `connect`: this daemon will have nobody to talk to";
            root.warning_at("messagedirector", what);
        }
        let web = root.section("web", |web| Web::read(web, outside)).flatten();
        let daemon = root.section("daemon", Daemon::read).unwrap_or_default();
        let mut uberdogs = Vec::new();
        root.sections("uberdogs", |section| {
            uberdogs.extend(Uberdog::read(section, general.dialect, &uberdogs));
        });
        let shards = root.get("shards", shards).unwrap_or_default();
        let shards_place = root.place_of("shards");
        let roles = roles::read(root, &general, &message_director, &uberdogs, folder, outside);
        let Roles { state_servers, databases, dbss, client_agents, event_loggers, logins } = roles;
        if !client_agents.is_empty() {
            uberdogs.iter().for_each(|uberdog| uberdog.check_class(root, &general.classes));
        }
        Config {
            file: PathBuf::new(),
            general,
            shards,
            shards_place,
            web,
            daemon,
            message_director,
            uberdogs,
            state_servers,
            databases,
            dbss,
            client_agents,
            event_loggers,
            logins,
        }
    }
}

impl General {
    fn read(section: &mut Section<'_>, folder: &Path, outside: &dyn Outside) -> General {
        let dialects = [("openotp", Dialect::OpenOtp), ("astron", Dialect::Astron)];
        let dialect = section.get("dialect", choice(&dialects)).unwrap_or(Dialect::Astron);
        let classes = Classes::read(section, folder, dialect, outside);
        let eventlogger = section.get("eventlogger", resolved(outside, EVENT_PORT));
        General { dialect, classes, eventlogger }
    }
}

impl Web {
    fn read(section: &mut Section<'_>, outside: &dyn Outside) -> Option<Web> {
        let address = section.required("bind", resolved(outside, WEB_PORT))?;
        Some(Web { bind: Bind { address, place: section.place_of("bind") } })
    }
}

impl Daemon {
    fn read(section: &mut Section<'_>) -> Daemon {
        let name = section.get("name", text).unwrap_or_default();
        Daemon { name, url: section.get("url", text).unwrap_or_default() }
    }
}

impl Uberdog {
    fn read(section: &mut Section<'_>, dialect: Dialect, others: &[Uberdog]) -> Option<Uberdog> {
        let id = section.required("id", do_id(dialect));
        let class =
            section.required("class", |node| scalar(node, "a class name").map(str::to_owned));
        let anonymous = section.get("anonymous", crate::value::boolean).unwrap_or(false);
        let (id_place, class_place) = (section.place_of("id"), section.place_of("class"));
        let id = DoId(id? as u32);
        if let Some(other) = others.iter().find(|other| other.id == id) {
            section.error_at("id", format!("{} is already {}", id.0, other.class));
        }
        Some(Uberdog { id, id_place, class: class?, class_place, anonymous })
    }
}

impl Uberdog {
    /// Its class, where there are classes and it is one.
    pub fn class_of(&self, schema: &Schema) -> Option<ClassId> {
        schema.class_by_name(&self.class).filter(|class| !class.is_struct).map(|class| class.id)
    }

    /// Clients talk to it by its class.
    fn check_class(&self, root: &Section<'_>, classes: &Classes) {
        if let Some(schema) = &classes.schema
            && self.class_of(schema).is_none()
        {
            let what = format!("there is no class {}", self.class);
            root.error_there(self.class_place.clone(), what);
        }
    }
}

/// `auto`, a number, or a list of CPU ids.
fn shards(node: &Node) -> Result<Shards, String> {
    const EXPECTED: &str = "auto, a number of shards from 1 to 64, or a list of CPU ids";
    let wrong = |_| format!("expected {EXPECTED}, found {}", crate::value::describe(node));
    if let document::Value::List(items) = &node.value {
        return cpus(items);
    }
    match scalar(node, EXPECTED)? {
        "auto" => Ok(Shards::Auto),
        _ => {
            let count = number(1..=ShardId::COUNT_MAX as u64)(node).map_err(wrong)?;
            Ok(Shards::Count(count as usize))
        }
    }
}

fn cpus(items: &[Node]) -> Result<Shards, String> {
    if items.is_empty() || items.len() > ShardId::COUNT_MAX {
        let (most, found) = (ShardId::COUNT_MAX, items.len());
        return Err(format!("expected 1 to {most} CPU ids, found {found}"));
    }
    let mut cpus = Vec::new();
    for item in items {
        let cpu = number(0..=1023)(item)? as usize;
        if cpus.contains(&cpu) {
            return Err(format!("CPU {cpu} stands here twice"));
        }
        cpus.push(cpu);
    }
    Ok(Shards::Cpus(cpus))
}
