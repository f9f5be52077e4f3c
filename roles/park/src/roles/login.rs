//! `type: login`

use super::{Cluster, Kind, NO_CLASSES, Purpose};
use crate::config::Uberdog;
use crate::problem::Place;
use crate::section::Section;
use crate::value::{boolean, do_id, number};
use dc::Schema;
use login::{Classes, Config, Hashing, Limits};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, Zone};

pub const KIND: Kind = Kind { name: "login", check };

/// The class of the UberDOG that it is.
const CLASS: &str = "LoginManager";
const PARK: DoId = DoId(5000);
const ZONE: Zone = Zone(1);

/// A LoginManager, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Where its section is, for the message should it not start.
    pub place: Place,
    /// Its own id, which is its channel too.
    pub uberdog: DoId,
    /// Where the id stands.
    pub uberdog_place: Place,
    /// The control channel of the Database that keeps accounts and visitors.
    pub database: Channel,
    /// The control channel of the State Server on which the park is created.
    pub state_server: Channel,
    /// The park: the parent of all zones.
    pub park: DoId,
    /// The zone of the park in which visitors arrive.
    pub zone: Zone,
    /// Whether a name that nobody has is registered, with the password given.
    pub register: bool,
    /// How passwords are kept.
    pub hashing: Hashing,
    /// What grows no further.
    pub limits: Limits,
}

impl Login {
    /// What it is to do where the Message Director of its daemon listens at `bound`.
    pub fn config(&self, bound: SocketAddr, schema: Arc<Schema>) -> Config {
        Config {
            message_director: SocketAddr::new(reached(bound.ip()), bound.port()),
            uberdog: self.uberdog,
            database: self.database,
            state_server: self.state_server,
            park: self.park,
            zone: self.zone,
            register: self.register,
            hashing: self.hashing,
            limits: self.limits,
            schema,
        }
    }
}

/// One key of `limits`: its name, the least and the most that it may be, where its value goes.
struct Row(&'static str, u64, u64, fn(&mut Limits, u64));

const ROWS: [Row; 6] = [
    Row("logins_max", 1, 1 << 20, |to, n| to.logins_max = n as usize),
    Row("clients_max", 1, 1 << 24, |to, n| to.clients_max = n as usize),
    Row("hash_queue_max", 1, 1 << 20, |to, n| to.hash_queue_max = n as usize),
    Row("wrong_passwords_max", 1, 1 << 20, |to, n| to.wrong_passwords_max = n as u32),
    Row("login_ms", 100, 600_000, |to, n| to.login_ms = n),
    Row("takeover_ms", 100, 600_000, |to, n| to.takeover_ms = n),
];

fn check(section: &mut Section<'_>, cluster: &mut Cluster<'_>) {
    let dialect = cluster.general.dialect;
    let uberdog = section.required("uberdog", do_id(dialect)).map(|id| DoId(id as u32));
    let database = cluster.channel(section, "database");
    let state_server = cluster.channel(section, "stateserver");
    let park = section.get("park", do_id(dialect)).map_or(PARK, |id| DoId(id as u32));
    cluster.claim_one(section, "park", Purpose::Object, park.0.into());
    let zone = section.get("zone", number(0..=u32::MAX as u64));
    let zone = zone.map_or(ZONE, |zone| Zone(zone as u32));
    let register = section.get("register", boolean).unwrap_or(false);
    let hashing = section.section("hashing", read_hashing).unwrap_or_default();
    let limits = section.section("limits", read_limits).unwrap_or_default();
    if dialect != Dialect::OpenOtp {
        let what = "is for the openotp dialect: in astron the game brings its own UberDOG";
        section.error_at("type", what);
    }
    check_way(section, cluster);
    check_classes(section, cluster);
    let (Some(uberdog), Some(database), Some(state_server)) = (uberdog, database, state_server)
    else {
        return;
    };
    cluster.claim_one(section, "uberdog", Purpose::Channel, uberdog.0.into());
    let uberdog_place = section.place_of("uberdog");
    cluster.read.logins.push(Login {
        place: section.place_of("type"),
        uberdog,
        uberdog_place,
        database,
        state_server,
        park,
        zone,
        register,
        hashing,
        limits,
    });
}

/// It joins the Message Director of its own daemon, which must let it in.
fn check_way(section: &Section<'_>, cluster: &Cluster<'_>) {
    let Some(bind) = &cluster.message_director.bind else {
        return section.error_at("type", "it joins messagedirector.bind, which is missing");
    };
    let from = reached(bind.address.ip());
    if !cluster.message_director.allow.admits(from) {
        let what = format!(
            "it joins the Message Director from {from}, which messagedirector.allow \
                            does not admit"
        );
        section.error_at("type", what);
    }
}

fn check_classes(section: &Section<'_>, cluster: &Cluster<'_>) {
    if !cluster.general.classes.are_named {
        section.error_at("type", NO_CLASSES);
    }
    if let Some(schema) = &cluster.general.classes.schema
        && let Err(unsuitable) = Classes::find(schema)
    {
        section.error_at("type", unsuitable.to_string());
    }
}

fn read_hashing(section: &mut Section<'_>) -> Hashing {
    let mut hashing = Hashing::default();
    let mut read = |key, range| section.get(key, number(range)).map(|number| number as u32);
    hashing.memory_kib = read("memory_kib", 8..=4 << 20).unwrap_or(hashing.memory_kib);
    hashing.passes = read("passes", 1..=1 << 10).unwrap_or(hashing.passes);
    hashing.lanes = read("lanes", 1..=64).unwrap_or(hashing.lanes);
    hashing.threads = read("threads", 1..=64).map_or(hashing.threads, |threads| threads as usize);
    if !hashing.is_possible() {
        let Hashing { memory_kib, lanes, .. } = hashing;
        let what = format!("{memory_kib} is less than 8 for each of {lanes} lanes");
        section.error_at("memory_kib", what);
    }
    hashing
}

fn read_limits(section: &mut Section<'_>) -> Limits {
    let mut limits = Limits::default();
    for Row(key, low, high, set) in &ROWS {
        if let Some(value) = section.get(key, number(*low..=*high)) {
            set(&mut limits, value);
        }
    }
    limits
}

/// Clients of this daemon must know each LoginManager, and be let talk to it.
pub fn check_uberdogs(root: &Section<'_>, cluster: &Cluster<'_>) {
    if cluster.read.client_agents.is_empty() {
        return;
    }
    for Login { uberdog: id, uberdog_place, .. } in &cluster.read.logins {
        let is_meant =
            |uberdog: &Uberdog| uberdog.id == *id && uberdog.class == CLASS && uberdog.anonymous;
        if !cluster.uberdogs.iter().any(is_meant) {
            let what = format!(
                "clients cannot reach it: `uberdogs` needs {{id: {}, class: {CLASS}, anonymous: true}}",
                id.0
            );
            root.error_there(uberdog_place.clone(), what);
        }
    }
}

/// From where, or at which address, a Message Director is reached that listens on `bound`.
fn reached(bound: IpAddr) -> IpAddr {
    match bound {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => bound,
    }
}
