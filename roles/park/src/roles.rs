//! `roles`: which there are, and what each one's section may say.
//!
//! A role type is one file here and one line in [`KINDS`]. The sections of those that this version
//! does not run are checked, and then refused, since nothing starts half.

mod client_agent;
mod database;
mod dbss;
mod event_logger;
mod state_server;

pub use database::{Backend, Database};
pub use dbss::Dbss;
pub use state_server::StateServer;

use crate::address::Outside;
use crate::classes::Classes;
use crate::problem::{Place, suggest};
use crate::section::Section;
use crate::value::{channel, do_id, scalar};
use std::ops::RangeInclusive;
use std::path::Path;
use wire::dialect::Dialect;

/// A type of role.
struct Kind {
    /// What `type` says.
    name: &'static str,
    /// Whether this version runs it.
    is_built: bool,
    /// Reads the rest of the section.
    check: fn(&mut Section<'_>, &mut Cluster<'_>),
}

const KINDS: [Kind; 5] =
    [state_server::KIND, database::KIND, dbss::KIND, client_agent::KIND, event_logger::KIND];

/// What roles must agree about, and what they need to be checked.
struct Cluster<'a> {
    dialect: Dialect,
    classes: &'a Classes,
    /// The folder of the file.
    folder: &'a Path,
    outside: &'a dyn Outside,
    claims: Vec<Claim>,
    state_servers: Vec<StateServer>,
    databases: Vec<Database>,
    dbss: Vec<Dbss>,
}

/// What `roles` asks for, by type.
#[derive(Default)]
pub struct Roles {
    pub state_servers: Vec<StateServer>,
    pub databases: Vec<Database>,
    pub dbss: Vec<Dbss>,
}

/// A range that a role has for itself.
struct Claim {
    purpose: Purpose,
    range: RangeInclusive<u64>,
    place: Place,
}

/// What a range is for. A database and a DBSS share object ids; clients share with nobody.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Ids that a database gives to new objects.
    Generate,
    /// Objects that a DBSS answers for.
    Objects,
    /// Channels that clients get.
    Clients,
}

/// Reads the list of roles of a file in `folder`.
pub fn read(
    root: &mut Section<'_>,
    dialect: Dialect,
    classes: &Classes,
    folder: &Path,
    outside: &dyn Outside,
) -> Roles {
    let (claims, state_servers, databases, dbss) = <(Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    let mut cluster =
        Cluster { dialect, classes, folder, outside, claims, state_servers, databases, dbss };
    root.sections("roles", |role| check(role, &mut cluster));
    let Cluster { state_servers, databases, dbss, .. } = cluster;
    Roles { state_servers, databases, dbss }
}

fn check(role: &mut Section<'_>, cluster: &mut Cluster<'_>) {
    let name = role.required("type", |node| scalar(node, "a role type").map(str::to_owned));
    let Some(name) = name else { return role.skip_rest() };
    match KINDS.iter().find(|kind| kind.name == name) {
        Some(kind) => {
            if !kind.is_built {
                let built = KINDS.iter().filter(|kind| kind.is_built).map(|kind| kind.name);
                let built: Vec<&str> = ["messagedirector"].into_iter().chain(built).collect();
                let built = built.join(", ");
                let what = format!("`{name}` is not built yet in this version; it runs: {built}");
                role.error_at("type", what);
            }
            (kind.check)(role, cluster);
        }
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
    /// Reads `min` and `max` of a section and claims what lies between.
    fn range(
        &mut self,
        section: &mut Section<'_>,
        purpose: Purpose,
    ) -> Option<RangeInclusive<u64>> {
        let (min, max) = match purpose {
            Purpose::Generate | Purpose::Objects => (
                section.required("min", do_id(self.dialect)),
                section.required("max", do_id(self.dialect)),
            ),
            Purpose::Clients => (
                section.required("min", channel(self.dialect)),
                section.required("max", channel(self.dialect)),
            ),
        };
        let (Some(min), Some(max)) = (min, max) else { return None };
        if min > max {
            section.error_at("max", format!("{max} is less than min ({min})"));
            return None;
        }
        self.claim(section, Claim { purpose, range: min..=max, place: section.place_of("min") });
        Some(min..=max)
    }

    fn claim(&mut self, section: &Section<'_>, claim: Claim) {
        let clash = self.claims.iter().find(|other| other.excludes(&claim));
        if let Some(other) = clash {
            let (low, high) = (other.range.start(), other.range.end());
            let above = other.place.key.trim_end_matches(".min");
            let what = format!("overlaps {above} ({low} to {high}) in line {}", other.place.line);
            section.error_at("min", what);
        }
        self.claims.push(claim);
    }
}

impl Claim {
    fn excludes(&self, other: &Claim) -> bool {
        let shared = [Purpose::Generate, Purpose::Objects];
        let together = self.purpose != other.purpose
            && shared.contains(&self.purpose)
            && shared.contains(&other.purpose);
        let overlap =
            self.range.start() <= other.range.end() && other.range.start() <= self.range.end();
        overlap && !together
    }
}
