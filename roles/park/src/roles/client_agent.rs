//! `type: clientagent`

mod limits;
mod tls;

pub use tls::{NamedFile, Tls};

use super::{Cluster, Kind, NO_CLASSES, Purpose};
use crate::address::{CLIENT_PORT, network, resolved};
use crate::message_director::Bind;
use crate::section::Section;
use crate::value::{boolean, choice, number, text};
use client_agent::{InterestPermission, Limits};
use dc::{Schema, astron_hash, panda_hash};
use runtime::{Admission, Network};
use std::ops::RangeInclusive;
use wire::dialect::Dialect;
use wire::ids::Channel;

pub const KIND: Kind = Kind { name: "clientagent", check };

const MILLISECONDS_MAX: u64 = 86_400_000;
/// Astron's version if nothing is said.
const VERSION: &str = "dev";
const INTEREST_MS: u64 = 500;

/// A Client Agent, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAgent {
    /// Where clients connect.
    pub bind: Bind,
    /// The version that clients must have.
    pub version: String,
    /// The hash of the classes that clients must have.
    pub dc_hash: u32,
    /// The channels that clients get.
    pub channels: RangeInclusive<Channel>,
    /// What clients may do.
    pub client: Client,
    /// After so long an interest is complete although its parent has not answered, in milliseconds.
    pub interest_ms: u64,
    /// The proxies that clients come through, if they do: each connection begins with what one of
    /// these says of it. None of them: whoever connects is taken for one.
    pub proxies: Option<Vec<Network>>,
    /// With what connections are encrypted, if they are.
    pub tls: Option<Tls>,
    /// How many may connect, before the role hears of them.
    pub admission: Admission,
    /// What of a client's connection grows no further.
    pub connection: runtime::Limits,
    /// What of a client grows no further.
    pub limits: Limits,
}

/// The section `client`: what clients may do, and what they are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Whether they may move what they own.
    pub relocate: bool,
    /// Which interests they may open and close themselves.
    pub add_interest: InterestPermission,
    /// Whether one with another hash is told the right one.
    pub send_hash: bool,
    /// Whether one with another version is told the right one.
    pub send_version: bool,
    /// One that says neither HELLO nor HEARTBEAT for so long is ejected, in milliseconds; 0: it may
    /// be silent.
    pub heartbeat_ms: u64,
}

impl Default for Client {
    fn default() -> Self {
        Client {
            relocate: false,
            add_interest: InterestPermission::default(),
            send_hash: true,
            send_version: true,
            heartbeat_ms: 0,
        }
    }
}

fn check(section: &mut Section<'_>, cluster: &mut Cluster<'_>) {
    let address = section.get("bind", resolved(cluster.outside, CLIENT_PORT));
    let address = address.unwrap_or_else(|| ([0, 0, 0, 0], CLIENT_PORT).into());
    let bind = Bind { address, place: section.place_of("bind") };
    let version = section.get("version", text).unwrap_or_else(|| VERSION.into());
    let proxies = read_proxies(section, &bind);
    let channels = section.section("channels", |range| cluster.range(range, Purpose::Clients));
    if channels.is_none() {
        section.error("`channels` is missing");
    }
    let mut connection = limits::connection();
    let read_client = |client: &mut Section<'_>| Client::read(client, &mut connection);
    let client = section.section("client", read_client).unwrap_or_default();
    let tuning =
        |tuning: &mut Section<'_>| tuning.get("interest_timeout", number(0..=MILLISECONDS_MAX));
    let interest_ms = section.section("tuning", tuning).flatten().unwrap_or(INTEREST_MS);
    let tls = section.section("tls", |tls| Tls::read(tls, cluster)).flatten();
    let (mut limits, mut admission) =
        (limits::client(cluster.general.dialect), limits::admission());
    section.section("limits", |rows| {
        limits::read(rows, &mut limits, &mut admission, &mut connection);
    });
    let hash = section.get("manual_dc_hash", number(0..=u32::MAX as u64)).unwrap_or(0) as u32;
    if !cluster.general.classes.are_named {
        section.error_at("type", NO_CLASSES);
    }
    let Some(schema) = &cluster.general.classes.schema else { return };
    let dc_hash =
        if hash != 0 { hash } else { computed_hash(section, cluster.general.dialect, schema) };
    let Some(Some(channels)) = channels else { return };
    cluster.read.client_agents.push(ClientAgent {
        bind,
        version,
        dc_hash,
        channels: Channel(*channels.start())..=Channel(*channels.end()),
        client,
        interest_ms,
        proxies,
        tls,
        admission,
        connection,
        limits,
    });
}

/// Reads `haproxy` and `proxy_from`. Astron trusts whoever connects, so a file that names nobody
/// must go on to work; but it should not stay so.
fn read_proxies(section: &mut Section<'_>, bind: &Bind) -> Option<Vec<Network>> {
    let haproxy = section.get("haproxy", boolean).unwrap_or(false);
    let from = section.list("proxy_from", network);
    if !haproxy {
        if from.is_some() {
            section.warning_at("proxy_from", "has no effect without `haproxy: true`");
        }
        return None;
    }
    let from = from.unwrap_or_default();
    let address = bind.address;
    if from.is_empty() && !address.ip().to_canonical().is_loopback() {
        let what = format!(
            "whoever reaches {address} may say that it is somebody else; say which proxies may \
             with proxy_from"
        );
        section.warning_at("haproxy", what);
    }
    Some(from)
}

impl Client {
    fn read(section: &mut Section<'_>, connection: &mut runtime::Limits) -> Client {
        let usual = Client::default();
        section.get("type", choice(&[("libastron", ())]));
        let relocate = section.get("relocate", boolean).unwrap_or(usual.relocate);
        let permissions = [
            ("enabled", InterestPermission::Enabled),
            ("visible", InterestPermission::Visible),
            ("disabled", InterestPermission::Disabled),
        ];
        let add_interest = section.get("add_interest", choice(&permissions));
        let send_hash = section.get("send_hash", boolean).unwrap_or(usual.send_hash);
        let send_version = section.get("send_version", boolean).unwrap_or(usual.send_version);
        let heartbeat_ms = section.get("heartbeat_timeout", number(0..=MILLISECONDS_MAX));
        limits::read_writing(section, connection);
        Client {
            relocate,
            add_interest: add_interest.unwrap_or(usual.add_interest),
            send_hash,
            send_version,
            heartbeat_ms: heartbeat_ms.unwrap_or(usual.heartbeat_ms),
        }
    }
}

/// The hash that the clients of this dialect compute.
fn computed_hash(section: &Section<'_>, dialect: Dialect, schema: &Schema) -> u32 {
    match dialect {
        Dialect::OpenOtp => panda_hash(schema),
        Dialect::Astron => astron_hash(schema).unwrap_or_else(|unknown| {
            let hash = panda_hash(schema);
            let what = format!(
                "{unknown}; here, without `manual_dc_hash`, clients must have Panda3D's, {hash:#010x}"
            );
            section.warning_at("manual_dc_hash", what);
            hash
        }),
    }
}
