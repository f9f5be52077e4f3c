//! Which role instances a shard has.

use crate::config::Config;
use crate::listeners::client_listener;
use crate::stores::StoreShare;
use client_agent::{ClientAgent, Uberdog};
use database::Database;
use message_director::{LISTENER, MessageDirector, UPSTREAM_LINK, UpstreamConfig};
use runtime::{ListenerId, Objects, Placing, Shard, ShardConfig, ShardId, Split, StoreId};
use state_server::StateServer;

/// The shard that holds the upstream link.
const UPSTREAM_SHARD: ShardId = ShardId(0);

/// Makes shard `me` of `shards`, with its shares of the stores of all Databases, in order.
/// `hash_seeds` are random in production and fixed in the simulator; all shards of a daemon have
/// the same.
pub fn assemble(
    config: &Config,
    me: ShardId,
    shards: usize,
    hash_seeds: [u64; 4],
    shares: Vec<StoreShare>,
) -> Shard {
    let director = &config.message_director;
    let mut shard = Shard::new(ShardConfig {
        has_event_logger: config.general.eventlogger.is_some(),
        me,
        shards,
        dialect: config.general.dialect,
        limits: director.limits.shard,
        upstream: director.connect.as_ref().map(|_| UPSTREAM_SHARD),
        hash_seeds,
    });
    shard.add_role(&[LISTENER], &[UPSTREAM_LINK], |id| {
        Box::new(MessageDirector::new(id, message_director(config)))
    });
    let servers =
        config.state_servers.iter().map(|server| (Some(server.control), None, server.limits));
    let dbss = config.dbss.iter().map(|dbss| (None, Some(dbss.stored.clone()), dbss.limits));
    for (control, database, limits) in servers.chain(dbss) {
        let schema = config.general.classes.schema.clone();
        let schema = schema.expect("objects without classes are refused when the file is read");
        let role = state_server::Config { control, database, schema, limits, hash_seeds };
        let controls = role.controls(config.general.dialect);
        let (split, objects) = (StateServer::split as Split, role.objects());
        let placing = Placing { controls, split, objects, clients: None, store: None };
        shard.add_placed_role(placing, |id| Box::new(StateServer::new(id, role)));
    }
    for (at, agent) in config.client_agents.iter().enumerate() {
        add_client_agent(config, agent, client_listener(at), hash_seeds, &mut shard);
    }
    assert_eq!(shares.len(), config.databases.len(), "each Database has a store");
    for (at, (database, share)) in config.databases.iter().zip(shares).enumerate() {
        add_database(config, database, share, StoreId(at as u16), hash_seeds, &mut shard);
    }
    shard
}

fn add_database(
    config: &Config,
    database: &crate::Database,
    share: StoreShare,
    store: StoreId,
    hash_seeds: [u64; 4],
    shard: &mut Shard,
) {
    let schema = config.general.classes.schema.clone();
    let role = database::Config {
        control: database.control,
        generate: database.generate.clone().into_inner(),
        broadcast: database.broadcast,
        schema: schema.expect("a Database without classes is refused when it is read"),
        indexes: database.indexes.clone(),
        limits: database.limits,
        hash_seeds,
    };
    let controls = role.controls(config.general.dialect);
    let (split, objects) = (Database::split as Split, Objects::None);
    let placing = Placing { controls, split, objects, clients: None, store: Some(store) };
    let StoreShare { part, next_do_id } = share;
    shard.add_placed_role(placing, |id| Box::new(Database::new(id, role, part, next_do_id)));
}

fn add_client_agent(
    config: &Config,
    agent: &crate::ClientAgent,
    listener: ListenerId,
    hash_seeds: [u64; 4],
    shard: &mut Shard,
) {
    let schema = config.general.classes.schema.clone();
    let schema = schema.expect("a Client Agent without classes is refused when it is read");
    let uberdog = |uberdog: &crate::Uberdog| Uberdog {
        id: uberdog.id,
        dclass: uberdog.class_of(&schema).expect("an UberDOG without a class is refused"),
        is_anonymous: uberdog.anonymous,
    };
    let role = client_agent::Config {
        listener,
        version: agent.version.clone(),
        dc_hash: agent.dc_hash,
        channels: agent.channels.clone(),
        uberdogs: config.uberdogs.iter().map(uberdog).collect(),
        schema,
        relocate: agent.client.relocate,
        add_interest: agent.client.add_interest,
        send_hash: agent.client.send_hash,
        send_version: agent.client.send_version,
        heartbeat_ms: agent.client.heartbeat_ms,
        interest_ms: agent.interest_ms,
        limits: agent.limits,
        hash_seeds,
    };
    shard.add_placed_role(ClientAgent::placing(&role), |id| Box::new(ClientAgent::new(id, role)));
    shard.add_listener(listener, agent.connection);
}

fn message_director(config: &Config) -> message_director::Config {
    let director = &config.message_director;
    let upstream = director.connect.as_ref().map(|address| UpstreamConfig {
        address: address.clone(),
        shard: UPSTREAM_SHARD,
        name: config.daemon.name.clone(),
        url: config.daemon.url.clone(),
    });
    let event_logger = config.general.eventlogger.is_some();
    message_director::Config { allow: director.allow.clone(), upstream, event_logger }
}
