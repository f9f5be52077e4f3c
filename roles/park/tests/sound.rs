//! Sound files and what they mean.

mod surroundings;

use client_agent::InterestPermission;
use message_director::Allow;
use park::{Client, ClientAgent, Config, Loaded, Shards};
use std::net::SocketAddr;
use std::path::Path;
use surroundings::Stub;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, Zone};

/// The hash of `park.dc`, as Panda3D and Astron say it.
const HASH: u32 = 143_478;

/// Reads `text`, which must be sound.
#[track_caller]
fn read(text: &str) -> Loaded {
    park::read(text, Path::new("park.yml"), &Stub).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(|problem| format!("{problem}\n")).collect::<String>())
    })
}

fn config(text: &str) -> Config {
    read(text).config
}

fn warnings(text: &str) -> Vec<String> {
    read(text).warnings.iter().map(|warning| warning.to_string()).collect()
}

#[test]
fn an_empty_file_has_defaults() {
    for text in ["", "# nothing\n", "---\n", "general:\nroles:\nuberdogs: []\n"] {
        let config = config(text);
        assert_eq!(config.general.dialect, Dialect::Astron, "{text:?}");
        assert_eq!(config.shards, Shards::Auto);
        assert!(config.message_director.bind.is_none() && config.web.is_none());
        assert_eq!(config.message_director.limits, park::Limits::default());
    }
    let nobody =
        "messagedirector: no `bind` and no `connect`: this daemon will have nobody to talk to";
    assert_eq!(
        warnings("shards: 1\n"),
        ["park.yml:1:1: ".to_owned() + &nobody["messagedirector: ".len()..]]
    );
}

#[test]
fn everything_is_read() {
    let config = config(
        "general:\n  dialect: openotp\n  dc_files: [park.dc]\n  eventlogger: localhost\n\
         shards: [3, 1]\nweb: {bind: \"[::1]\"}\ndaemon: {name: 7, url: \"http://a\"}\n\
         messagedirector:\n  bind: localhost:1\n  allow: [10.0.0.0/8, \"2001:db8::1\"]\n  connect: \"::1\"\n  \
         threaded: No\n  limits: {stall_ms: 500, frame_bytes_max: 1026, inflight_bytes_max: 0x20000, event_burst: 7}\n\
         uberdogs:\n- {id: 20, class: LoginManager, anonymous: yes}\n\
         roles:\n- {type: stateserver, control: 4002, limits: {objects_max: 5, field_bytes_max: 0x20000}}\n",
    );
    assert_eq!(config.general.dialect, Dialect::OpenOtp);
    assert_eq!(config.general.eventlogger, Some("127.0.0.1:7197".parse().unwrap()));
    assert_eq!(config.general.classes.files, [Path::new("park.dc")]);
    let schema = config.general.classes.schema.as_ref().unwrap();
    assert!(schema.class_by_name("DistributedBench").is_some());
    assert_eq!(config.shards, Shards::Cpus(vec![3, 1]));
    assert_eq!(config.web.unwrap().bind.address, "[::1]:7190".parse::<SocketAddr>().unwrap());
    assert_eq!((&*config.daemon.name, &*config.daemon.url), ("7", "http://a"));
    let director = config.message_director;
    let bind = director.bind.unwrap();
    assert_eq!(bind.address, "127.0.0.1:1".parse::<SocketAddr>().unwrap());
    assert_eq!((bind.place.line, &*bind.place.key), (9, "messagedirector.bind"));
    assert!(matches!(director.allow, Allow::Networks(networks) if networks.len() == 2));
    assert_eq!(director.connect.unwrap(), "[::1]:7199");
    assert!(!director.threaded);
    assert_eq!(director.limits.shard.stall_ms, 500);
    assert_eq!(director.limits.shard.frame_bytes_max, 1024, "the body, without its tag");
    assert_eq!(director.limits.shard.event_burst, 7);
    assert_eq!(director.limits.inflight_bytes_max, 1 << 17);
    assert!(config.uberdogs[0].anonymous);
    let [server] = &config.state_servers[..] else { panic!("one State Server") };
    assert_eq!(server.control, Channel(4002));
    assert_eq!((server.limits.objects_max, server.limits.field_bytes_max), (5, 1 << 17));
}

#[test]
fn a_dbss_has_the_ranges_of_its_objects_and_a_database() {
    let config = config(
        "general: {dc_files: [park.dc]}\nmessagedirector: {bind: 127.0.0.1}\n\
         roles:\n\
         - {type: dbss, database: 4003, ranges: [{min: 5000, max: 5999}, {min: 8000, max: 8000}]}\n\
         - {type: dbss, database: 4004, ranges: [{min: 6000, max: 7999}], limits: {loading_max: 9}}\n",
    );
    let [one, other] = &config.dbss[..] else { panic!("two DBSS") };
    let ranges = vec![DoId(5000)..=DoId(5999), DoId(8000)..=DoId(8000)];
    assert_eq!((one.stored.channel, &one.stored.ranges), (Channel(4003), &ranges));
    assert_eq!((other.stored.channel, other.limits.loading_max), (Channel(4004), 9));
}

#[test]
fn an_open_door_is_warned_of() {
    let said = |address| {
        format!(
            "park.yml:1:25: messagedirector.bind: whoever reaches {address}:7199 may join, and owns \
             the cluster; say who may with messagedirector.allow"
        )
    };
    assert_eq!(warnings("messagedirector: {bind: 0.0.0.0}\n"), [said("0.0.0.0")]);
    assert_eq!(warnings("messagedirector: {bind: \"::\"}\n"), [said("[::]")]);
    for quiet in ["{bind: 127.0.0.1}", "{bind: \"::1\"}", "{bind: 0.0.0.0, allow: []}"] {
        assert!(warnings(&format!("messagedirector: {quiet}\n")).is_empty(), "{quiet}");
    }
}

#[test]
fn anchors_work() {
    let config = config(
        "messagedirector: {bind: &here 127.0.0.1:5, connect: db.example:9}\nweb: {bind: *here}\n",
    );
    assert_eq!(config.web.unwrap().bind.address.port(), 5);
    assert_eq!(config.message_director.connect.unwrap(), "db.example:9");
}

#[test]
fn what_a_flood_is_follows_a_smaller_backlog() {
    let config = config("messagedirector: {connect: a, limits: {backlog_bytes_max: 524288}}\n");
    assert_eq!(config.message_director.limits.shard.flood_bytes_max, 524_288);
}

#[test]
fn an_inbox_follows_a_smaller_backlog() {
    for (limits, inflight_bytes_max) in [
        ("backlog_bytes_max: 1048576, flood_bytes_max: 65536", 131_072),
        ("backlog_bytes_max: 262144, flood_bytes_max: 65536", 32_768),
        ("backlog_bytes_max: 1073741824", 8 << 20),
        ("backlog_bytes_max: 1048576, flood_bytes_max: 65536, inflight_bytes_max: 131072", 131_072),
        ("inflight_bytes_max: 4194304", 4 << 20),
    ] {
        let config = config(&format!("messagedirector: {{connect: a, limits: {{{limits}}}}}\n"));
        let read = config.message_director.limits.inflight_bytes_max;
        assert_eq!(read, inflight_bytes_max, "{limits}");
    }
}

const CLIENT_AGENT: &str = "type: clientagent\n  channels: {min: 1000000, max: 1009999}\n";

/// The only Client Agent of a file in which it has these keys besides.
#[track_caller]
fn client_agent(general: &str, keys: &str) -> (ClientAgent, Vec<String>) {
    let text = format!(
        "messagedirector: {{bind: 127.0.0.1}}\ngeneral: {{dc_files: [park.dc]{general}}}\nroles:\n- {CLIENT_AGENT}{keys}"
    );
    let Loaded { config, warnings } = read(&text);
    let warnings = warnings.iter().map(|warning| warning.to_string()).collect();
    let [agent] = &config.client_agents[..] else { panic!("one Client Agent") };
    (agent.clone(), warnings)
}

#[test]
fn a_client_agent_has_astrons_defaults() {
    let (agent, warnings) = client_agent("", "");
    assert_eq!(agent.bind.address, "0.0.0.0:7198".parse::<SocketAddr>().unwrap());
    assert_eq!((&*agent.version, agent.dc_hash), ("dev", HASH));
    assert_eq!(agent.channels, Channel(1_000_000)..=Channel(1_009_999));
    assert_eq!(agent.client, Client::default());
    assert!(!agent.client.relocate && agent.client.send_hash && agent.client.send_version);
    assert_eq!(agent.client.add_interest, InterestPermission::Visible);
    assert_eq!((agent.client.heartbeat_ms, agent.interest_ms), (0, 500));
    assert!(agent.tls.is_none() && agent.proxies.is_none());
    assert_eq!((agent.connection.backlog_bytes_max, agent.connection.stall_ms), (262_144, 5000));
    let limits = client_agent::Limits::default();
    assert_eq!(agent.limits, client_agent::Limits { established_ms: 0, ..limits });
    assert_eq!(client_agent(", dialect: openotp", "").0.limits, limits);
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn a_client_agent_written_for_astron_is_read() {
    let (agent, warnings) = client_agent(
        "",
        "  bind: 127.0.0.1:57214\n  version: \"Sword Art Online v5.1\"\n  manual_dc_hash: 0xABCD\n  \
         haproxy: true\n  client:\n    type: libastron\n    relocate: true\n    add_interest: enabled\n    \
         send_hash: false\n    send_version: false\n    write_buffer_size: 1000\n    \
         write_timeout_ms: 60\n    heartbeat_timeout: 5000\n  tuning:\n    interest_timeout: 750\n",
    );
    assert_eq!(agent.bind.address.port(), 57214);
    assert_eq!((&*agent.version, agent.dc_hash), ("Sword Art Online v5.1", 0xabcd));
    let client = Client {
        relocate: true,
        add_interest: InterestPermission::Enabled,
        send_hash: false,
        send_version: false,
        heartbeat_ms: 5000,
    };
    assert_eq!((agent.client, agent.interest_ms), (client, 750));
    assert_eq!(agent.proxies, Some(vec![]), "whoever connects");
    assert_eq!((agent.connection.backlog_bytes_max, agent.connection.stall_ms), (1000, 60));
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn a_client_agent_has_limits_of_its_own() {
    let (agent, _) = client_agent(
        "",
        "  limits: {clients_max: 5, hello_ms: 0, frame_bytes_max: 1026, per_address_max: 7, handshake_ms: 900}\n",
    );
    assert_eq!((agent.limits.clients_max, agent.limits.hello_ms), (5, 0));
    assert_eq!(agent.connection.frame_bytes_max, 1024, "the body, without its tag");
    assert_eq!((agent.admission.per_address_max, agent.admission.handshake_ms), (7, 900));
}

#[test]
fn what_is_written_to_a_client_may_be_without_limits() {
    let (agent, warnings) =
        client_agent("", "  client: {write_buffer_size: 0, write_timeout_ms: 0}\n");
    assert_eq!(agent.connection.backlog_bytes_max, usize::MAX);
    assert!(agent.connection.stall_ms > 1 << 38, "years");
    assert_eq!(
        warnings,
        [
            "park.yml:6:31: roles[0].client.write_buffer_size: without write_timeout_ms too, a client \
          that does not read may fill all memory"
        ]
    );
}

#[test]
fn files_of_tls_are_named_and_its_old_keys_mean_nothing() {
    let (agent, warnings) = client_agent(
        "",
        "  tls:\n    certificate: cert.pem\n    key_file: key.pem\n    chain_file: chain.pem\n    \
         tlsv1: false\n    sslv3: true\n    cert_authority: ca.pem\n    max_verify_depth: 3\n",
    );
    let tls = agent.tls.unwrap();
    assert_eq!((&*tls.key_file.path, tls.key_file.place.line), (Path::new("key.pem"), 8));
    assert_eq!((tls.chain_file.unwrap().place.line, tls.max_verify_depth), (9, Some(3)));
    let old = |at, key| {
        format!("park.yml:{at}: roles[0].tls.{key}: means nothing here: TLS 1.2 and 1.3 are spoken")
    };
    assert_eq!(warnings, [old("10:12", "tlsv1"), old("11:12", "sslv3")]);
}

#[test]
fn proxies_that_nobody_names_are_warned_of_at_an_open_door() {
    let (_, warnings) = client_agent("", "  haproxy: true\n");
    assert_eq!(
        warnings,
        [
            "park.yml:6:12: roles[0].haproxy: whoever reaches 0.0.0.0:7198 may say that it is somebody \
          else; say which proxies may with proxy_from"
        ]
    );
    let (agent, warnings) = client_agent("", "  haproxy: true\n  proxy_from: [10.0.0.0/8]\n");
    assert_eq!((agent.proxies.map(|from| from.len()), warnings.len()), (Some(1), 0));
    let (agent, warnings) = client_agent("", "  proxy_from: [10.0.0.0/8]\n");
    assert!(agent.proxies.is_none());
    assert_eq!(
        warnings,
        ["park.yml:6:15: roles[0].proxy_from: has no effect without `haproxy: true`"]
    );
}

#[test]
fn the_hash_of_clients_is_that_of_their_dialect() {
    let files = |dialect: &str, file: &str| {
        format!(
            "messagedirector: {{bind: 127.0.0.1}}\ngeneral: {{dialect: {dialect}, dc_files: [{file}]}}\n\
             roles:\n- {CLIENT_AGENT}"
        )
    };
    for dialect in ["openotp", "astron"] {
        assert_eq!(config(&files(dialect, "park.dc")).client_agents[0].dc_hash, HASH);
    }
    let unknown = read(&files("astron", "keywords.dc"));
    let hash = unknown.config.client_agents[0].dc_hash;
    let said: Vec<String> = unknown.warnings.iter().map(|warning| warning.to_string()).collect();
    let expected = format!(
        "park.yml:4:3: roles[0]: Astron's hash is not known for keywords that a file declares (Astron \
         crashes): set `manual_dc_hash` there; here, without `manual_dc_hash`, clients must have \
         Panda3D's, {hash:#010x}"
    );
    assert_eq!(said, [expected]);
    assert!(read(&files("openotp", "keywords.dc")).warnings.is_empty());
    assert_eq!(config(&files("openotp", "keywords.dc")).client_agents[0].dc_hash, hash);
}

#[test]
fn several_client_agents_have_listeners_of_their_own() {
    let config = config(
        "messagedirector: {connect: a}\ngeneral: {dc_files: [park.dc]}\nroles:\n\
         - {type: clientagent, bind: 127.0.0.1:1, channels: {min: 5000, max: 5999}}\n\
         - {type: clientagent, bind: 127.0.0.1:2, channels: {min: 6000, max: 6999}}\n",
    );
    let listeners: Vec<(u16, u16)> =
        config.listeners().iter().map(|(id, bind)| (id.0, bind.address.port())).collect();
    assert_eq!(listeners, [(1, 1), (2, 2)]);
}

/// The only Event Logger of a file in which it has these keys.
#[track_caller]
fn event_logger(keys: &str) -> event_logger::Config {
    let config = config(&format!(
        "messagedirector: {{bind: 127.0.0.1}}\nroles: [{{type: eventlogger{keys}}}]\n"
    ));
    let [logger] = &config.event_loggers[..] else { panic!("one Event Logger") };
    logger.config.clone()
}

#[test]
fn an_event_logger_has_astrons_defaults() {
    let config = event_logger("");
    assert_eq!(config.bind, "0.0.0.0:7197".parse::<SocketAddr>().unwrap());
    assert_eq!(config.output, "events-%Y%m%d-%H%M%S.log".parse().unwrap());
    assert_eq!((config.rotate_interval, config.rotate_bytes), (None, None));
}

#[test]
fn files_of_events_end_after_a_time_or_a_size() {
    for (interval, seconds) in
        [("1d", 86_400), ("12h", 43_200), ("30m", 1800), ("5s", 5), ("90", 90), ("2 H", 7200)]
    {
        let config = event_logger(&format!(", rotate_interval: {interval}"));
        assert_eq!(config.rotate_interval.unwrap().as_secs(), seconds, "{interval}");
    }
    for (size, bytes) in
        [("100MiB", 100 << 20), ("1 gib", 1 << 30), ("4KiB", 4096), ("70000", 70_000)]
    {
        let config = event_logger(&format!(", rotate_bytes: {size}"));
        assert_eq!(config.rotate_bytes, Some(bytes), "{size}");
    }
    let never = event_logger(", rotate_interval: 0, rotate_bytes: 0");
    assert_eq!((never.rotate_interval, never.rotate_bytes), (None, None));
}

#[test]
fn an_event_logger_to_which_its_daemon_says_nothing_is_warned_of() {
    let file = |general: &str| {
        format!(
            "general: {{{general}}}\nmessagedirector: {{bind: 127.0.0.1}}\nroles: [{{type: eventlogger}}]\n"
        )
    };
    assert_eq!(
        warnings(&file("")),
        [
            "park.yml:3:16: roles[0].type: without general.eventlogger this daemon itself has nothing \
          written down"
        ]
    );
    assert!(warnings(&file("eventlogger: localhost")).is_empty());
}

#[test]
fn a_login_joins_the_message_director_of_its_daemon() {
    let config = config(
        "general: {dialect: openotp, dc_files: [login.dc]}\nmessagedirector: {bind: 0.0.0.0, allow: []}\n\
         roles:\n- {type: login, uberdog: 4665, database: 4003, stateserver: 4002, zone: 7, \
         register: true, hashing: {memory_kib: 64, threads: 1}, limits: {logins_max: 9}}\n",
    );
    let [login] = &config.logins[..] else { panic!("one LoginManager") };
    let schema = config.general.classes.schema.clone().unwrap();
    let role = login.config("0.0.0.0:1234".parse().unwrap(), schema);
    assert_eq!(role.message_director, "127.0.0.1:1234".parse::<SocketAddr>().unwrap());
    assert_eq!((role.uberdog, role.park, role.zone), (DoId(4665), DoId(5000), Zone(7)));
    assert_eq!((role.database, role.state_server), (Channel(4003), Channel(4002)));
    let hashing = role.hashing;
    assert_eq!((hashing.memory_kib, hashing.passes, hashing.threads), (64, 2, 1));
    assert!(role.register && role.limits.logins_max == 9);
}
