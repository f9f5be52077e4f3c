//! Sound files and what they mean.

mod surroundings;

use message_director::Allow;
use park::{Config, Loaded, Shards};
use std::net::SocketAddr;
use std::path::Path;
use surroundings::Stub;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId};

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
         threaded: No\n  limits: {stall_ms: 500, frame_bytes_max: 1026, inflight_bytes_max: 0x20000}\n\
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
