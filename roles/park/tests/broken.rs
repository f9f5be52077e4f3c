//! Broken files and exactly what is said about them.

mod surroundings;

use std::path::Path;
use surroundings::Stub;

/// Reads `text` and compares all errors, one a line, with `expected`.
#[track_caller]
fn check(text: &str, expected: &str) {
    let found = match park::read(text, Path::new("park.yml"), &Stub) {
        Ok(_) => "no error".into(),
        Err(problems) => {
            problems.iter().map(|problem| format!("{problem}")).collect::<Vec<_>>().join("\n")
        }
    };
    assert_eq!(found, expected, "\n--- of this file:\n{text}");
}

#[test]
fn unknown_keys() {
    check(
        "messagedirector:\n  bnd: 127.0.0.1\n",
        "park.yml:2:3: messagedirector.bnd: unknown key; did you mean `bind`?",
    );
    check(
        "mesagedirector: {}\n",
        "park.yml:1:1: mesagedirector: unknown key; did you mean `messagedirector`?",
    );
    check(
        "web: {bind: 127.0.0.1, colour: red}\n",
        "park.yml:1:24: web.colour: unknown key; known here: bind",
    );
    check(
        "general:\n  Dialect: astron\n",
        "park.yml:2:3: general.Dialect: unknown key; did you mean `dialect`?",
    );
    check("? [a, b]\n: c\n", "park.yml:1:3: a key must be text");
}

#[test]
fn several_errors_at_once_in_the_order_of_the_file() {
    check(
        "daemon: {nme: Park}\nshards: many\ngeneral:\n  dialect: openopt\nmessagedirector:\n  threaded: perhaps\n",
        "park.yml:1:10: daemon.nme: unknown key; did you mean `name`?\n\
         park.yml:2:9: shards: expected auto, a number of shards from 1 to 64, or a list of CPU ids, found `many`\n\
         park.yml:4:12: general.dialect: expected openotp or astron, found `openopt`; did you mean `openotp`?\n\
         park.yml:6:13: messagedirector.threaded: expected true or false, found `perhaps`",
    );
}

#[test]
fn duplicate_keys() {
    check(
        "web: {bind: 127.0.0.1}\nshards: 1\nweb: {bind: 127.0.0.1}\n",
        "park.yml:3:1: web: stands here a second time; the first is in line 1",
    );
    check(
        "messagedirector:\n  limits:\n    stall_ms: 1000\n    stall_ms: 2000\n",
        "park.yml:4:5: messagedirector.limits.stall_ms: stands here a second time; the first is in line 3",
    );
}

#[test]
fn wrong_types() {
    check("- a\n- b\n", "park.yml:1:1: expected a section (key: value), found a list");
    check("hello\n", "park.yml:1:1: expected a section (key: value), found `hello`");
    check("general: 5\n", "park.yml:1:10: general: expected a section (key: value), found `5`");
    check("roles: {type: stateserver}\n", "park.yml:1:8: roles: expected a list, found a section");
    check("daemon:\n  name: [a]\n", "park.yml:2:9: daemon.name: expected text, found a list");
    check(
        "messagedirector: {bind: }\n",
        "park.yml:1:23: messagedirector.bind: expected an address such as 127.0.0.1:7199, [::1]:7199 or host:7199, found nothing",
    );
    check(
        "general: {dialect: \"\"}\n",
        "park.yml:1:20: general.dialect: expected openotp or astron, found empty text",
    );
}

#[test]
fn what_is_no_yaml() {
    check(
        "a: [1, 2\n",
        "park.yml:2:1: this is not YAML: while parsing a flow sequence, expected ',' or ']'",
    );
    check(
        "a: 1\n---\nb: 2\n",
        "park.yml:2:1: a configuration is one YAML document, and here begins another",
    );
    check(&"[".repeat(80), "park.yml:1:65: nested deeper than 64 levels");
}

#[test]
fn aliases_do_not_explode() {
    let mut text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
    for level in 1..8 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        text += &format!("a{level}: &a{level} [{items}]\n");
    }
    check(&text, "park.yml:5:45: more than 100000 values");
}

#[test]
fn addresses() {
    const EXPECTED: &str =
        "expected an address such as 127.0.0.1:7199, [::1]:7199 or host:7199, found";
    check(
        "messagedirector: {bind: 7199}\n",
        &format!("park.yml:1:25: messagedirector.bind: {EXPECTED} `7199`"),
    );
    check(
        "messagedirector: {bind: 127.0.0.1:99999}\n",
        "park.yml:1:25: messagedirector.bind: expected a port from 0 to 65535, found `127.0.0.1:99999`",
    );
    check(
        "messagedirector: {bind: nowhere.invalid}\n",
        "park.yml:1:25: messagedirector.bind: cannot resolve `nowhere.invalid`: no such name",
    );
    check(
        "messagedirector: {connect: 10.0.0.1:0}\n",
        "park.yml:1:28: messagedirector.connect: nobody can be reached at port 0",
    );
    check("web: {}\n", "park.yml:1:6: web: `bind` is missing");
    check(
        "general: {eventlogger: \"http://127.0.0.1\"}\n",
        &format!("park.yml:1:24: general.eventlogger: {EXPECTED} `http://127.0.0.1`"),
    );
}

#[test]
fn networks() {
    check(
        "messagedirector:\n  allow: [10.0.0.0/8, office, 10.0.0.1/8, 10.0.0.0/33, \"::1/8\", 10.0.0.0/x]\n",
        "park.yml:2:23: messagedirector.allow[1]: expected an address or a network such as 10.0.0.0/8, found `office`\n\
         park.yml:2:31: messagedirector.allow[2]: `10.0.0.1/8` is not where its network begins; write 10.0.0.0/8\n\
         park.yml:2:43: messagedirector.allow[3]: expected a prefix of at most 32 bits, found `10.0.0.0/33`\n\
         park.yml:2:56: messagedirector.allow[4]: `::1/8` is not where its network begins; write ::/8\n\
         park.yml:2:65: messagedirector.allow[5]: expected an address or a network such as 10.0.0.0/8, found `10.0.0.0/x`",
    );
    check(
        "messagedirector: {allow: 10.0.0.0/8}\n",
        "park.yml:1:26: messagedirector.allow: expected a list, found `10.0.0.0/8`",
    );
}

#[test]
fn shards() {
    const EXPECTED: &str =
        "expected auto, a number of shards from 1 to 64, or a list of CPU ids, found";
    check("shards: 0\n", &format!("park.yml:1:9: shards: {EXPECTED} `0`"));
    check("shards: 65\n", &format!("park.yml:1:9: shards: {EXPECTED} `65`"));
    check("shards: [0, 1, 0]\n", "park.yml:1:9: shards: CPU 0 stands here twice");
    check("shards: []\n", "park.yml:1:9: shards: expected 1 to 64 CPU ids, found 0");
    check(
        "shards: [a]\n",
        "park.yml:1:9: shards: expected a whole number from 0 to 1023, found `a`",
    );
}

#[test]
fn limits() {
    check(
        "messagedirector:\n  limits:\n    stall_ms: 10s\n    backlog_byte_max: 1\n    frame_bytes_max: 65538\n    post_removes_max: 0\n",
        "park.yml:3:15: messagedirector.limits.stall_ms: expected a whole number from 250 to 3600000, found `10s`\n\
         park.yml:4:5: messagedirector.limits.backlog_byte_max: unknown key; did you mean `backlog_bytes_max`?\n\
         park.yml:5:22: messagedirector.limits.frame_bytes_max: expected a whole number from 64 to 65537, found `65538`\n\
         park.yml:6:23: messagedirector.limits.post_removes_max: expected a whole number from 1 to 1048576, found `0`",
    );
    check(
        "messagedirector: {limits: {backlog_bytes_max: 500000, flood_bytes_max: 600000}}\n",
        "park.yml:1:72: messagedirector.limits.flood_bytes_max: 600000 is more than backlog_bytes_max (500000): it would never hold",
    );
}

#[test]
fn missing_dc_files() {
    check(
        "general:\n  dc_files:\n  - park.dc\n  - prak.dc\n",
        "park.yml:4:5: general.dc_files[1]: there is no file prak.dc",
    );
}

#[test]
fn uberdogs() {
    check(
        "uberdogs:\n- {id: 4665, class: LoginManager}\n- {id: 999, class: A}\n- {id: 5000}\n- {id: 0x1000000000, class: B}\n- {id: 4665, class: C}\n",
        "park.yml:3:8: uberdogs[1].id: object id 999 is reserved (in the astron dialect 1 to 999, and those shifted by 32 bits, are)\n\
         park.yml:4:3: uberdogs[2]: `class` is missing\n\
         park.yml:5:8: uberdogs[3].id: expected a whole number from 0 to 4294967295, found `0x1000000000`\n\
         park.yml:6:8: uberdogs[4].id: 4665 is already LoginManager",
    );
}

const NO_CLASSES: &str = "its objects need classes: name the DC files in general.dc_files";

#[test]
fn keys_of_roles() {
    check(
        "roles:\n- {type: statserver, control: 4002}\n- {control: 4002}\n- {type: mailman}\n",
        "park.yml:2:10: roles[0].type: unknown role type `statserver`; did you mean `stateserver`?\n\
         park.yml:3:3: roles[1]: `type` is missing\n\
         park.yml:4:10: roles[2].type: unknown role type `mailman`; known here: stateserver, database, dbss, clientagent, eventlogger, login",
    );
    check(
        "roles:\n- type: stateserver\n  contrl: 4002\n",
        &format!(
            "park.yml:2:3: roles[0]: `control` is missing\n\
             park.yml:2:9: roles[0].type: {NO_CLASSES}\n\
             park.yml:3:3: roles[0].contrl: unknown key; did you mean `control`?"
        ),
    );
    check(
        "roles:\n- type: database\n  control: 4003\n  generate: {min: 5000, max: 4000}\n  backend: {type: mongodb, server: x}\n",
        &format!(
            "park.yml:2:9: roles[0].type: {NO_CLASSES}\n\
             park.yml:4:30: roles[0].generate.max: 4000 is less than min (5000)\n\
             park.yml:5:19: roles[0].backend.type: expected store or yaml, found `mongodb`"
        ),
    );
}

#[test]
fn reserved_channels() {
    let roles = |control: &str| format!("roles:\n- {{type: stateserver, control: {control}}}\n");
    let no_classes = |line| format!("park.yml:{line}:10: roles[0].type: {NO_CLASSES}");
    let openotp = |control: &str| format!("general: {{dialect: openotp}}\n{}", roles(control));
    let reserved =
        "is reserved (in the astron dialect 1 to 999, and those shifted by 32 bits, are)";
    for control in ["999", "12", "4294967296000"] {
        let what = format!("park.yml:2:32: roles[0].control: channel {control} {reserved}");
        check(
            &roles(control),
            &if control == "4294967296000" {
                no_classes(2)
            } else {
                format!("{}\n{what}", no_classes(2))
            },
        );
    }
    let shifted = (7u64 << 32).to_string();
    let what = format!("park.yml:2:32: roles[0].control: channel {shifted} {reserved}");
    check(&roles(&shifted), &format!("{}\n{what}", no_classes(2)));
    check(&openotp("20"), &no_classes(3));
    let what =
        "park.yml:3:32: roles[0].control: channel 4001 is reserved (the Message Director's own)";
    check(&openotp("4001"), &format!("{}\n{what}", no_classes(3)));
}

#[test]
fn state_servers() {
    let file = |roles: &str| format!("general: {{dc_files: [park.dc]}}\nroles:\n{roles}");
    check(
        &file("- {type: stateserver, control: 4002}\n- {type: stateserver, control: 4002}\n"),
        "park.yml:4:32: roles[1].control: another State Server has channel 4002 already",
    );
    check(
        &file("- {type: stateserver, control: 4002, limits: {objects_max: 0, objct_max: 1}}\n"),
        "park.yml:3:60: roles[0].limits.objects_max: expected a whole number from 1 to 4294967294, found `0`\n\
         park.yml:3:63: roles[0].limits.objct_max: unknown key; did you mean `objects_max`?",
    );
}

#[test]
fn databases() {
    let file = |roles: &str| format!("general: {{dc_files: [park.dc]}}\nroles:\n{roles}");
    let database = |control: u32, min: u32, backend: &str| {
        let generate = format!("generate: {{min: {min}, max: {}}}", min + 999);
        format!("- {{type: database, control: {control}, {generate}, backend: {backend}}}\n")
    };
    let store = "{type: store, directory: db}";
    check(
        &file(&(database(4003, 1000, store) + &database(4003, 2000, "{type: yaml}"))),
        "park.yml:4:29: roles[1].control: another Database has channel 4003 already",
    );
    check(
        &file(&(database(4003, 1000, store) + &database(4004, 2000, store))),
        "park.yml:4:78: roles[1].backend: another Database has db already",
    );
    check(
        &file(&database(4003, 1000, "{type: store, indexes: [Nobody.name, username]}")),
        "park.yml:3:78: roles[0].backend: `directory` is missing\n\
         park.yml:3:102: roles[0].backend.indexes[0]: there is no class Nobody\n\
         park.yml:3:115: roles[0].backend.indexes[1]: expected Class.field, found `username`",
    );
    check(
        &file(&database(4003, 1000, "{type: store, directory: db, segment_bytes: 5}")),
        "park.yml:3:122: roles[0].backend.segment_bytes: expected a whole number from 1048576 to 1073741824, found `5`",
    );
}

#[test]
fn a_dc_file_that_is_wrong_is_said_where_it_is_wrong() {
    check(
        "general: {dc_files: [broken.dc, park.dc], strings: utf9}\nroles: [{type: stateserver, control: 4002}]\n",
        "broken.dc:2:13: there is no type `unit8` yet\n\
         park.yml:1:52: general.strings: expected utf8 or ascii or bytes, found `utf9`; did you mean `utf8`?",
    );
}

#[test]
fn overlapping_ranges() {
    let database = "{type: database, control: 4003, generate: {min: 10000, max: 19999}, backend: {type: yaml}}";
    let dbss = "{type: dbss, database: 4003, ranges: [{min: 10000, max: 14999}, {min: 14999, max: 19999}]}";
    let agent = "{type: clientagent, channels: {min: 19999, max: 30000}}";
    check(
        &format!("roles:\n- {database}\n- {dbss}\n- {agent}\n"),
        &format!(
            "park.yml:2:10: roles[0].type: {NO_CLASSES}\n\
             park.yml:3:10: roles[1].type: {NO_CLASSES}\n\
             park.yml:3:73: roles[1].ranges[1].min: overlaps roles[1].ranges[0] (10000 to 14999) in line 3\n\
             park.yml:4:10: roles[2].type: {NO_CLASSES}\n\
             park.yml:4:39: roles[2].channels.min: overlaps roles[0].generate (10000 to 19999) in line 2"
        ),
    );
}

#[test]
fn channels_of_clients_are_nobody_elses() {
    check(
        "general: {dc_files: [park.dc]}\nuberdogs: [{id: 5000, class: DistributedBench}]\nroles:\n\
         - {type: clientagent, channels: {min: 4000, max: 5999}}\n\
         - {type: stateserver, control: 4002}\n\
         - {type: dbss, database: 5999, ranges: [{min: 6000, max: 6999}]}\n\
         - {type: clientagent, channels: {min: 3000, max: 4000}}\n",
        "park.yml:4:39: roles[0].channels.min: overlaps uberdogs[0].id (5000) in line 2\n\
         park.yml:5:32: roles[1].control: overlaps roles[0].channels (4000 to 5999) in line 4\n\
         park.yml:6:26: roles[2].database: overlaps roles[0].channels (4000 to 5999) in line 4\n\
         park.yml:7:39: roles[3].channels.min: overlaps roles[0].channels (4000 to 5999) in line 4",
    );
}

#[test]
fn the_control_channel_is_no_clients() {
    check(
        "general: {dialect: openotp, dc_files: [park.dc]}\nroles:\n\
         - {type: clientagent, channels: {min: 4000, max: 5999}}\n",
        "park.yml:3:39: roles[0].channels.min: channel 4001 is among them, the Message Director's own",
    );
}

const CHANNELS: &str = "channels: {min: 10000, max: 19999}";

/// What is said of a Client Agent with these keys besides its type and its channels.
#[track_caller]
fn check_client_agent(keys: &str, expected: &str) {
    check(
        &format!(
            "general: {{dc_files: [park.dc]}}\nroles:\n- type: clientagent\n  {CHANNELS}\n{keys}"
        ),
        expected,
    );
}

#[test]
fn keys_of_a_client_agent() {
    check(
        "roles: [{type: clientagent}]\n",
        &format!(
            "park.yml:1:9: roles[0]: `channels` is missing\n\
             park.yml:1:16: roles[0].type: {NO_CLASSES}"
        ),
    );
    check_client_agent(
        "  bnd: 127.0.0.1\n  manual_dc_hash: -1\n  proxy_from: [10.0.0.1/8]\n",
        "park.yml:5:3: roles[0].bnd: unknown key; did you mean `bind`?\n\
         park.yml:6:19: roles[0].manual_dc_hash: expected a whole number from 0 to 4294967295, found `-1`\n\
         park.yml:7:16: roles[0].proxy_from[0]: `10.0.0.1/8` is not where its network begins; write 10.0.0.0/8",
    );
    check_client_agent(
        "  client: {type: astron, relocate: perhaps, add_interest: all, heartbeat_timeout: -1}\n",
        "park.yml:5:18: roles[0].client.type: expected libastron, found `astron`; did you mean `libastron`?\n\
         park.yml:5:36: roles[0].client.relocate: expected true or false, found `perhaps`\n\
         park.yml:5:59: roles[0].client.add_interest: expected enabled or visible or disabled, found `all`\n\
         park.yml:5:83: roles[0].client.heartbeat_timeout: expected a whole number from 0 to 86400000, found `-1`",
    );
    check_client_agent(
        "  limits: {clients_max: 0, client_max: 1, frame_bytes_max: 65538}\n  tuning: {intrest_timeout: 5}\n",
        "park.yml:5:25: roles[0].limits.clients_max: expected a whole number from 1 to 16777216, found `0`\n\
         park.yml:5:28: roles[0].limits.client_max: unknown key; did you mean `clients_max`?\n\
         park.yml:5:60: roles[0].limits.frame_bytes_max: expected a whole number from 64 to 65537, found `65538`\n\
         park.yml:6:12: roles[0].tuning.intrest_timeout: unknown key; did you mean `interest_timeout`?",
    );
    check_client_agent(
        "  tls: {certificate: cert.pem, cert_authority: nobody.pem, max_verify_depth: 101}\n",
        "park.yml:5:8: roles[0].tls: `key_file` is missing\n\
         park.yml:5:48: roles[0].tls.cert_authority: there is no file nobody.pem\n\
         park.yml:5:78: roles[0].tls.max_verify_depth: expected a whole number from 0 to 100, found `101`",
    );
}

#[test]
fn uberdogs_of_clients_have_a_class() {
    let uberdogs = "uberdogs: [{id: 1234, class: LoginManager}]\n";
    check(
        &format!(
            "general: {{dc_files: [park.dc]}}\n{uberdogs}roles: [{{type: clientagent, {CHANNELS}}}]\n"
        ),
        "park.yml:2:30: uberdogs[0].class: there is no class LoginManager",
    );
    check(&format!("general: {{dc_files: [park.dc]}}\n{uberdogs}"), "no error");
}

#[test]
fn keys_of_an_event_logger() {
    check(
        "roles:\n- type: eventlogger\n  bind: 7197\n  output: \"log/%!.csv\"\n  rotate_interval: daily\n  rotate_bytes: 5MB\n  format: json\n",
        "park.yml:3:9: roles[0].bind: expected an address such as 127.0.0.1:7199, [::1]:7199 or host:7199, found `7197`\n\
         park.yml:4:11: roles[0].output: `log/%!.csv` cannot be a file: strftime formatting failed: found unrecognized specifier directive `!`; %% stands for a percent sign\n\
         park.yml:5:20: roles[0].rotate_interval: expected a time such as 1d, 12h, 30m or a number of seconds, found `daily`\n\
         park.yml:6:17: roles[0].rotate_bytes: expected a size such as 100MiB or a number of bytes, found `5MB`\n\
         park.yml:7:3: roles[0].format: unknown key; known here: type, bind, output, rotate_interval, rotate_bytes",
    );
    check(
        "roles:\n- {type: eventlogger}\n- {type: eventlogger, output: \"events-%Y%m%d-%H%M%S.log\"}\n",
        "park.yml:3:31: roles[1].output: another Event Logger writes there already",
    );
    check(
        "roles: [{type: eventlogger, output: \"log/\"}]\n",
        "park.yml:1:37: roles[0].output: `log/` cannot be a file: it must name a file",
    );
}

/// What is said of a LoginManager with these keys, in a file that is right in all else.
#[track_caller]
fn check_login(keys: &str, expected: &str) {
    check(
        &format!(
            "general: {{dialect: openotp, dc_files: [login.dc]}}\n\
             messagedirector: {{bind: 127.0.0.1}}\nroles:\n- type: login\n  {keys}\n"
        ),
        expected,
    );
}

#[test]
fn keys_of_a_login() {
    let keys = "uberdog: 4665\n  database: 4003\n  stateserver: 4002";
    check_login(keys, "no error");
    check_login(
        "uberdog: 0",
        "park.yml:4:3: roles[0]: `database` is missing\n\
         park.yml:4:3: roles[0]: `stateserver` is missing\n\
         park.yml:5:12: roles[0].uberdog: object id 0 is reserved (0 is no channel)",
    );
    check_login(
        &format!("{keys}\n  park: 0\n  zone: here\n  register: perhaps\n  limits: {{login_ms: 5}}"),
        "park.yml:8:9: roles[0].park: object id 0 is reserved (0 is no channel)\n\
         park.yml:9:9: roles[0].zone: expected a whole number from 0 to 4294967295, found `here`\n\
         park.yml:10:13: roles[0].register: expected true or false, found `perhaps`\n\
         park.yml:11:22: roles[0].limits.login_ms: expected a whole number from 100 to 600000, found `5`",
    );
    check_login(
        &format!("{keys}\n  hashing: {{memory_kib: 15, lanes: 2, passes: 0}}"),
        "park.yml:8:25: roles[0].hashing.memory_kib: 15 is less than 8 for each of 2 lanes\n\
         park.yml:8:47: roles[0].hashing.passes: expected a whole number from 1 to 1024, found `0`",
    );
    check_login(
        &format!("{keys}\n- {{type: dbss, database: 4003, ranges: [{{min: 5000, max: 5999}}]}}"),
        "park.yml:8:47: roles[1].ranges[0].min: overlaps roles[0] (5000) in line 4",
    );
}

#[test]
fn a_login_needs_its_dialect_its_classes_and_a_way() {
    let login = "{type: login, uberdog: 4665, database: 4003, stateserver: 4002}";
    check(
        &format!("general: {{dc_files: [park.dc]}}\nroles: [{login}]\n"),
        "park.yml:2:16: roles[0].type: is for the openotp dialect: in astron the game brings its own UberDOG\n\
         park.yml:2:16: roles[0].type: it joins messagedirector.bind, which is missing\n\
         park.yml:2:16: roles[0].type: there is no class LoginManager, which a LoginManager needs",
    );
    check(
        &format!(
            "general: {{dialect: openotp, dc_files: [login.dc]}}\nroles: [{login}]\n\
             messagedirector: {{bind: 10.0.0.1, allow: [10.1.0.0/16]}}\n"
        ),
        "park.yml:2:16: roles[0].type: it joins the Message Director from 10.0.0.1, which messagedirector.allow does not admit",
    );
}

#[test]
fn clients_must_be_able_to_reach_a_login() {
    let file = |uberdogs: &str| {
        format!(
            "general: {{dialect: openotp, dc_files: [login.dc]}}\nmessagedirector: {{bind: 0.0.0.0, allow: []}}\n\
             uberdogs: [{uberdogs}]\nroles:\n- {{type: clientagent, {CHANNELS}}}\n\
             - {{type: login, uberdog: 4665, database: 4003, stateserver: 4002}}\n"
        )
    };
    let said = "park.yml:6:26: roles[1].uberdog: clients cannot reach it: `uberdogs` needs \
                {id: 4665, class: LoginManager, anonymous: true}";
    check(&file("{id: 4665, class: LoginManager, anonymous: true}"), "no error");
    check(&file("{id: 4665, class: LoginManager}"), said);
    check(&file("{id: 4665, class: Account, anonymous: true}"), said);
    check(&file(""), said);
}

#[test]
fn an_inbox_must_fit_into_a_quarter_of_a_backlog() {
    check(
        "messagedirector:\n  limits: {backlog_bytes_max: 1048576, flood_bytes_max: 65536, inflight_bytes_max: 131073}\n",
        "park.yml:2:84: messagedirector.limits.inflight_bytes_max: 131073 is more than an eighth of backlog_bytes_max (1048576)",
    );
    check(
        "messagedirector: {limits: {inflight_bytes_max: 8388609}}\n",
        "park.yml:1:48: messagedirector.limits.inflight_bytes_max: 8388609 is more than an eighth of backlog_bytes_max (67108864)",
    );
}
