//! How a transcript wants the agent and its clients to be.
//!
//! ```text
//! config relocate=true add_interest=enabled   as the configuration file has it: relocate,
//!                                             add_interest, send_version, send_hash,
//!                                             heartbeat_timeout, interest_timeout, channels
//!                                             (how many), and every limit by its name; and
//!                                             subscriptions_max of the Message Director
//! client anna from=10.0.0.7:5000 to=10.0.0.1:7198 tlvs=<010000>
//! ```

use client_agent::{Config, InterestPermission, Limits, Uberdog};
use dc::Schema;
use runtime::{Arrival, ListenerId};
use std::net::SocketAddr;
use std::sync::Arc;
use wire::ids::{Channel, DoId};

/// Where clients connect.
pub const CLIENTS: ListenerId = ListenerId(1);
/// The first channel that a client gets; `names.txt` has it, too.
const FIRST_CHANNEL: u64 = 1_000_000;
const CHANNELS: u64 = 8;
/// The hash that clients must have; `names.txt` has it, too.
const DC_HASH: u32 = 0x0bad_cafe;

/// The objects that clients know from the start; `names.txt` has them, too.
const UBERDOGS: [(u32, &str, bool); 2] =
    [(4665, "DistributedLogin", true), (4666, "DistributedFriends", false)];

/// What the configuration file would say.
pub fn config(said: &[String], schema: &Arc<Schema>) -> Config {
    let uberdog = |(id, class, is_anonymous)| Uberdog {
        id: DoId(id),
        dclass: schema.class_by_name(class).unwrap().id,
        is_anonymous,
    };
    let mut config = Config {
        listener: CLIENTS,
        version: "dev".to_owned(),
        dc_hash: DC_HASH,
        channels: Channel(FIRST_CHANNEL)..=Channel(FIRST_CHANNEL + CHANNELS - 1),
        schema: schema.clone(),
        uberdogs: UBERDOGS.map(uberdog).into(),
        relocate: false,
        add_interest: InterestPermission::Visible,
        send_hash: true,
        send_version: true,
        heartbeat_ms: 0,
        interest_ms: 500,
        limits: Limits::default(),
        hash_seeds: [1, 2, 3, 4],
    };
    for pair in said {
        let (name, value) = pair.split_once('=').expect("config NAME=VALUE");
        set(&mut config, name, value);
    }
    config
}

fn set(config: &mut Config, name: &str, value: &str) {
    let is = || value == "true";
    let number = || value.parse::<u64>().expect("a number");
    let limits = &mut config.limits;
    match name {
        "relocate" => config.relocate = is(),
        "send_version" => config.send_version = is(),
        "send_hash" => config.send_hash = is(),
        "add_interest" => {
            config.add_interest = match value {
                "enabled" => InterestPermission::Enabled,
                "visible" => InterestPermission::Visible,
                "disabled" => InterestPermission::Disabled,
                _ => panic!("{value} is no permission"),
            }
        }
        "heartbeat_timeout" => config.heartbeat_ms = number(),
        "interest_timeout" => config.interest_ms = number(),
        "channels" => {
            config.channels = Channel(FIRST_CHANNEL)..=Channel(FIRST_CHANNEL + number() - 1);
        }
        "clients_max" => limits.clients_max = number() as usize,
        "hello_ms" => limits.hello_ms = number(),
        "established_ms" => limits.established_ms = number(),
        "messages_per_second" => limits.messages_per_second = number() as u32,
        "message_burst" => limits.message_burst = number() as u32,
        "bytes_per_second" => limits.bytes_per_second = number() as u32,
        "byte_burst" => limits.byte_burst = number() as u32,
        "held_bytes_max" => limits.held_bytes_max = number() as usize,
        "interests_max" => limits.interests_max = number() as usize,
        "zones_max" => limits.zones_max = number() as usize,
        "objects_max" => limits.objects_max = number() as usize,
        "granted_max" => limits.granted_max = number() as usize,
        "post_removes_max" => limits.post_removes_max = number() as usize,
        "post_remove_bytes_max" => limits.post_remove_bytes_max = number() as usize,
        "subscriptions_max" => (), // the shard's, see below
        _ => panic!("config {name} is not known"),
    }
}

/// How the shards of a transcript are limited.
pub fn shard_limits(said: &[String]) -> runtime::Limits {
    let mut limits = runtime::Limits::default();
    for most in said.iter().filter_map(|pair| pair.strip_prefix("subscriptions_max=")) {
        limits.subscriptions_max = most.parse().expect("a number");
    }
    limits
}

/// How a client comes; `tlvs` is memory for what it brings along.
pub fn arrival<'t>(said: &[String], tlvs: &'t mut Vec<u8>) -> Arrival<'t> {
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let (mut peer, mut local) = (address("127.0.0.1:9"), address("127.0.0.1:7198"));
    for pair in said {
        match pair.split_once('=').expect("client WHO NAME=VALUE") {
            ("from", value) => peer = address(value),
            ("to", value) => local = address(value),
            ("tlvs", value) => *tlvs = transcript::words::hex(value).unwrap().unwrap(),
            (name, _) => panic!("a client has no {name}"),
        }
    }
    Arrival { tlvs, ..Arrival::plain(peer, local) }
}
