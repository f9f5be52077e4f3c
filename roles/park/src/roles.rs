//! `roles`: which there are, and what each one's section may say.
//!
//! A role type is one file here and one line in [`KINDS`].

mod client_agent;
mod database;
mod dbss;
mod event_logger;
mod login;
mod state_server;

pub use client_agent::{Client, ClientAgent, NamedFile, Tls};
pub use database::{Backend, Database};
pub use dbss::Dbss;
pub use event_logger::EventLogger;
pub use login::Login;
pub use state_server::StateServer;

use crate::address::Outside;
use crate::config::{General, Uberdog};
use crate::message_director::MessageDirector;
use crate::problem::{Place, suggest};
use crate::section::Section;
use crate::value::{channel, do_id, scalar};
use std::ops::RangeInclusive;
use std::path::Path;
use wire::ids::Channel;

/// A type of role.
struct Kind {
    /// What `type` says.
    name: &'static str,
    /// Reads the rest of the section.
    check: fn(&mut Section<'_>, &mut Cluster<'_>),
}

const KINDS: [Kind; 6] = [
    state_server::KIND,
    database::KIND,
    dbss::KIND,
    client_agent::KIND,
    event_logger::KIND,
    login::KIND,
];

/// Said of a role that has objects, where there are no classes.
const NO_CLASSES: &str = "its objects need classes: name the DC files in general.dc_files";

/// What roles must agree about, and what they need to be checked.
struct Cluster<'a> {
    general: &'a General,
    message_director: &'a MessageDirector,
    uberdogs: &'a [Uberdog],
    /// The folder of the file.
    folder: &'a Path,
    outside: &'a dyn Outside,
    claims: Vec<Claim>,
    read: Roles,
}

/// What `roles` asks for, by type.
#[derive(Default)]
pub struct Roles {
    pub state_servers: Vec<StateServer>,
    pub databases: Vec<Database>,
    pub dbss: Vec<Dbss>,
    pub client_agents: Vec<ClientAgent>,
    pub event_loggers: Vec<EventLogger>,
    pub logins: Vec<Login>,
}

/// A range that a role has for itself.
struct Claim {
    purpose: Purpose,
    range: RangeInclusive<u64>,
    place: Place,
}

/// What a range is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Ids that a database gives to new objects.
    Generate,
    /// Objects that a DBSS answers for.
    Objects,
    /// Channels that clients get.
    Clients,
    /// The one channel of a role or of an UberDOG.
    Channel,
    /// One object of a State Server.
    Object,
}

/// Reads the list of roles of a file in `folder`.
pub fn read(
    root: &mut Section<'_>,
    general: &General,
    message_director: &MessageDirector,
    uberdogs: &[Uberdog],
    folder: &Path,
    outside: &dyn Outside,
) -> Roles {
    let claim = |uberdog: &Uberdog| {
        let id = u64::from(uberdog.id.0);
        Claim { purpose: Purpose::Channel, range: id..=id, place: uberdog.id_place.clone() }
    };
    let (claims, read) = (uberdogs.iter().map(claim).collect(), Roles::default());
    let mut cluster =
        Cluster { general, message_director, uberdogs, folder, outside, claims, read };
    root.sections("roles", |role| check(role, &mut cluster));
    login::check_uberdogs(root, &cluster);
    cluster.read
}

fn check(role: &mut Section<'_>, cluster: &mut Cluster<'_>) {
    let name = role.required("type", |node| scalar(node, "a role type").map(str::to_owned));
    let Some(name) = name else { return role.skip_rest() };
    match KINDS.iter().find(|kind| kind.name == name) {
        Some(kind) => (kind.check)(role, cluster),
        None => {
            let names = KINDS.map(|kind| kind.name);
            role.error_at(
                "type",
                format!("unknown role type `{name}`; {}", suggest(&name, &names)),
            );
            role.skip_rest();
        }
    }
}

impl Cluster<'_> {
    /// Reads the channel `key` of a role.
    fn channel(&mut self, section: &mut Section<'_>, key: &'static str) -> Option<Channel> {
        let channel = section.required(key, channel(self.general.dialect))?;
        self.claim_one(section, key, Purpose::Channel, channel);
        Some(Channel(channel))
    }

    /// Claims the single channel or object that `key` of a section says.
    fn claim_one(&mut self, section: &Section<'_>, key: &'static str, purpose: Purpose, one: u64) {
        self.claim(section, key, Claim { purpose, range: one..=one, place: section.place_of(key) });
    }

    /// Reads `min` and `max` of a section and claims what lies between.
    fn range(
        &mut self,
        section: &mut Section<'_>,
        purpose: Purpose,
    ) -> Option<RangeInclusive<u64>> {
        let (min, max) = match purpose {
            Purpose::Generate | Purpose::Objects => (
                section.required("min", do_id(self.general.dialect)),
                section.required("max", do_id(self.general.dialect)),
            ),
            Purpose::Clients | Purpose::Channel | Purpose::Object => (
                section.required("min", channel(self.general.dialect)),
                section.required("max", channel(self.general.dialect)),
            ),
        };
        let (Some(min), Some(max)) = (min, max) else { return None };
        if min > max {
            section.error_at("max", format!("{max} is less than min ({min})"));
            return None;
        }
        let control = self.general.dialect.control_channel().0;
        if purpose == Purpose::Clients && (min..=max).contains(&control) {
            let what = format!("channel {control} is among them, the Message Director's own");
            section.error_at("min", what);
        }
        let claim = Claim { purpose, range: min..=max, place: section.place_of("min") };
        self.claim(section, "min", claim);
        Some(min..=max)
    }

    /// Claims what `key` of a section says.
    fn claim(&mut self, section: &Section<'_>, key: &'static str, claim: Claim) {
        let clash = self.claims.iter().find(|other| other.excludes(&claim));
        if let Some(Claim { range, place, .. }) = clash {
            let above = place.key.trim_end_matches(".min");
            let what = match (range.start(), range.end()) {
                (low, high) if low == high => format!("{low}"),
                (low, high) => format!("{low} to {high}"),
            };
            section.error_at(key, format!("overlaps {above} ({what}) in line {}", place.line));
        }
        self.claims.push(claim);
    }
}

impl Claim {
    fn excludes(&self, other: &Claim) -> bool {
        let overlap =
            self.range.start() <= other.range.end() && other.range.start() <= self.range.end();
        overlap && !self.purpose.shares_with(other.purpose)
    }
}

impl Purpose {
    /// Whether what the one has the other may have too. A Database and a DBSS share object ids,
    /// who has a single channel says by himself who else may; clients share with nobody.
    fn shares_with(self, other: Purpose) -> bool {
        match (self, other) {
            (Purpose::Clients, _) | (_, Purpose::Clients) => false,
            (Purpose::Channel, _) | (_, Purpose::Channel) => true,
            (Purpose::Object, other) | (other, Purpose::Object) => other == Purpose::Object,
            (Purpose::Generate, Purpose::Objects) | (Purpose::Objects, Purpose::Generate) => true,
            (Purpose::Generate, Purpose::Generate) | (Purpose::Objects, Purpose::Objects) => false,
        }
    }
}
