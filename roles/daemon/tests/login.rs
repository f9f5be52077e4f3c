//! Clients that log in at the LoginManager of a daemon that is a process.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod ferris;

use dc::{Options, Schema, Source};
use ferris::{Client, Daemon, Participant};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use wire::client::{AgentMessage, FromClient, ToClient, Zones};
use wire::datagram::{Datagram, write_datagram};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId, FieldId, MsgType, Zone};
use wire::reader::Reader;
use wire::state_server::Location;

const OPENOTP: Dialect = Dialect::OpenOtp;
const GATE: DoId = DoId(4665);
const PARK: DoId = DoId(5000);
const ENTRANCE: Location = Location { parent: PARK, zone: Zone(1) };

fn park_dc() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc/park.dc")
}

fn schema() -> Schema {
    let source = Source { name: "park.dc".into(), text: fs::read_to_string(park_dc()).unwrap() };
    Schema::load(&[source], Options::default()).unwrap()
}

fn field(class: &str, field: &str) -> FieldId {
    let schema = schema();
    let class = schema.class_by_name(class).unwrap();
    FieldId(schema.field(class.field_by_name(field).unwrap()).number)
}

fn config(login: &str) -> String {
    format!(
        "general: {{dialect: openotp, dc_files: [\"{}\"]}}
shards: 2
web: {{bind: \"127.0.0.1:0\"}}
messagedirector: {{bind: \"127.0.0.1:0\"}}
uberdogs: [{{id: 4665, class: LoginManager, anonymous: true}}]
roles:
- {{type: stateserver, control: 4002}}
- type: database
  control: 4003
  generate: {{min: 100000000, max: 100000999}}
  backend: {{type: store, directory: store, indexes: [Account.setUsername]}}
- {{type: dbss, database: 4003, ranges: [{{min: 100000000, max: 100000999}}]}}
- {{type: clientagent, bind: \"127.0.0.1:0\", version: park-1, channels: {{min: 1000000, max: 1099999}}}}
- type: login
  uberdog: 4665
  database: 4003
  stateserver: 4002
  hashing: {{memory_kib: 8, passes: 1}}
  {login}\n",
        park_dc().display()
    )
}

/// A daemon on whose gate everybody is registered.
#[track_caller]
fn start() -> Daemon {
    ready(Daemon::start(&config("register: true")))
}

/// Waits until clients are heard.
#[track_caller]
fn ready(daemon: Daemon) -> Daemon {
    daemon.await_metric("ferriswheel_login_linked{uberdog=\"4665\"}", 1);
    daemon
}

/// A client that has been greeted, but has not logged in.
fn greeted(daemon: &Daemon) -> Client {
    let mut client = Client::connect(daemon, OPENOTP);
    let dc_hash = dc::panda_hash(&schema());
    client.says(FromClient::Hello { dc_hash, version: b"park-1" });
    client.hears(|heard| assert_eq!(*heard, ToClient::HelloResp));
    client
}

fn ask(client: &mut Client, name: &str, password: &str) {
    let text = |text: &str| [&(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
    let value = [text(name), text(password)].concat();
    let field = field("LoginManager", "login");
    client.says(FromClient::UpdateField { do_id: GATE, field, value: &value });
}

/// What the gate says next: the code, and who the client is. What comes before is not looked at.
fn answer(client: &mut Client) -> (u8, DoId) {
    loop {
        let result = client.hears(|heard| match heard {
            ToClient::UpdateField { do_id: GATE, value, .. } => Some(result(value)),
            _ => None,
        });
        if let Some(result) = result {
            return result;
        }
    }
}

/// The parameters of `loginResult`.
fn result(value: &[u8]) -> (u8, DoId) {
    let mut reader = Reader::new(value);
    let (code, _why) = (reader.u8().unwrap(), reader.blob().unwrap());
    (code, reader.do_id().unwrap())
}

fn login(client: &mut Client, name: &str, password: &str) -> (u8, DoId) {
    ask(client, name, password);
    answer(client)
}

/// A client that is let in and has been shown its visitor as its own, and who that is.
#[track_caller]
fn let_in(daemon: &Daemon, name: &str, password: &str) -> (Client, DoId) {
    let mut client = greeted(daemon);
    ask(&mut client, name, password);
    let (mut told, mut owned) = (None, None);
    // Which of the two comes first does not matter.
    while told.is_none() || owned.is_none() {
        client.hears(|heard| match heard {
            ToClient::UpdateField { do_id: GATE, value, .. } => told = Some(result(value)),
            ToClient::EnterOwner(entry) => owned = Some(entry.do_id),
            _ => (),
        });
    }
    let (code, visitor) = told.unwrap();
    assert_eq!((code, Some(visitor)), (0, owned));
    (client, visitor)
}

/// Why the client is ejected. What comes before is not looked at.
fn ejected(client: &mut Client) -> (u16, String) {
    loop {
        let eject = client.hears(|heard| match heard {
            ToClient::Eject { code, reason } => {
                Some((*code, String::from_utf8(reason.to_vec()).unwrap()))
            }
            _ => None,
        });
        if let Some(eject) = eject {
            return eject;
        }
    }
}

/// Waits until the park is empty: of all objects the park alone is left.
#[track_caller]
fn is_empty(daemon: &Daemon) {
    daemon.await_metric("ferriswheel_login_clients{uberdog=\"4665\"}", 0);
    daemon.await_metric("ferriswheel_login_visitors{uberdog=\"4665\"}", 0);
    daemon.await_metric("ferriswheel_objects", 1);
}

#[test]
fn a_visitor_is_in_the_park_while_his_client_is() {
    let daemon = start();
    let (anna, visitor) = let_in(&daemon, "Anna", "sesame");
    let (mut bert, _) = let_in(&daemon, "Bert", "poppy");
    let zones = [ENTRANCE.zone.0.to_le_bytes()];
    let (context, interest, zones) = (1, 1, Zones(&zones));
    bert.says(FromClient::AddInterest { context, interest, parent: PARK, zones });
    let sees = |bert: &mut Client| {
        while bert.hears(|heard| match heard {
            ToClient::Enter(entry) if entry.do_id == visitor => {
                assert_eq!(entry.location, ENTRANCE);
                false
            }
            _ => true,
        }) {}
    };
    sees(&mut bert);
    drop(anna);
    while bert.hears(|heard| *heard != ToClient::Leaving { do_id: visitor }) {}
    let (_anna, again) = let_in(&daemon, "Anna", "sesame");
    assert_eq!(again, visitor);
    sees(&mut bert);
}

#[test]
fn accounts_outlive_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("kept").display().to_string();
    let config =
        config("register: true").replace("directory: store", &format!("directory: {place}"));
    let start = || ready(Daemon::start_in(TempDir::new().unwrap(), &config));
    let daemon = start();
    let (_, visitor) = let_in(&daemon, "Anna", "sesame");
    assert_eq!(daemon.stop().code(), Some(0));
    let daemon = start();
    assert_eq!(login(&mut greeted(&daemon), "Anna", "poppy").0, 1);
    assert_eq!(let_in(&daemon, "Anna", "sesame").1, visitor);
    assert!(!daemon.log().contains("sesame") && !daemon.log().contains("poppy"));
    assert_eq!(daemon.stop().code(), Some(0));
}

#[test]
fn a_second_login_of_an_account_takes_the_place_of_the_first() {
    let daemon = start();
    let (mut first, visitor) = let_in(&daemon, "Anna", "sesame");
    for _ in 0..5 {
        let (second, again) = let_in(&daemon, "Anna", "sesame");
        assert_eq!(again, visitor);
        assert_eq!(ejected(&mut first), (100, "logged in elsewhere".into()));
        first.is_closed();
        first = second;
    }
    // The last one is still there, and heard.
    let field = field("Visitor", "wave");
    first.says(FromClient::UpdateField { do_id: visitor, field, value: &[3] });
    daemon.await_metric("ferriswheel_object_updates_total", 1);
    drop(first);
    is_empty(&daemon);
}

#[test]
fn who_guesses_is_ejected_and_a_name_that_nobody_has_looks_the_same() {
    let daemon = ready(Daemon::start(&config("register: false")));
    let mut client = greeted(&daemon);
    for password in ["a", "b", "c", "d", "e"] {
        assert_eq!(login(&mut client, "Nobody", password), (1, DoId(0)));
    }
    assert_eq!(ejected(&mut client), (100, "too many wrong passwords".into()));
    client.is_closed();
    is_empty(&daemon);
}

#[test]
fn the_same_new_name_from_many_is_one_account() {
    let daemon = start();
    let mut clients: Vec<Client> = (0..24).map(|_| greeted(&daemon)).collect();
    for (at, client) in clients.iter_mut().enumerate() {
        ask(client, &format!("Anna {}", at % 4), "sesame");
    }
    let mut visitors: Vec<DoId> = clients
        .iter_mut()
        .map(|client| {
            let (code, visitor) = answer(client);
            assert_eq!(code, 0);
            visitor
        })
        .collect();
    visitors.sort_unstable();
    visitors.dedup();
    assert_eq!(visitors.len(), 4);
    daemon.await_metric("ferriswheel_objects_stored", 8);
    daemon.await_metric("ferriswheel_login_visitors{uberdog=\"4665\"}", 4);
    drop(clients);
    is_empty(&daemon);
}

#[test]
fn clients_that_ask_and_leave_at_once_leave_nothing_behind() {
    let daemon = start();
    for round in 0..60 {
        let mut client = greeted(&daemon);
        ask(&mut client, &format!("Anna {}", round % 20), "sesame");
        drop(client);
    }
    let asked = "ferriswheel_logins_asked_total{uberdog=\"4665\"}";
    daemon.await_metric(asked, 60);
    daemon.await_metric("ferriswheel_logins_under_way{uberdog=\"4665\"}", 0);
    daemon.await_metric("ferriswheel_registrations_under_way{uberdog=\"4665\"}", 0);
    is_empty(&daemon);
    assert_eq!(daemon.stop().code(), Some(0));
}

#[test]
fn a_post_remove_for_a_client_that_is_gone_is_said_at_once() {
    const AGENT: &str = "general: {dialect: DIALECT, dc_files: [park.dc]}
messagedirector: {bind: \"127.0.0.1:0\"}
shards: 2
roles:
- {type: clientagent, bind: \"127.0.0.1:0\", version: lantern-1, channels: {min: 1000000, max: 1000999}}\n";
    for dialect in Dialect::ALL {
        let daemon = Daemon::start(&AGENT.replace("DIALECT", dialect.name()));
        let mut game = Participant::join(&daemon, dialect);
        game.subscribe(&daemon, 7000);
        let client = Client::greeted(&daemon, dialect);
        let mut ask = |word: &[u8]| {
            let (mut last, mut frame) = (Vec::new(), Vec::new());
            let write = |out: &mut Vec<u8>| out.extend_from_slice(word);
            write_datagram(&mut last, &[Channel(7000)], Channel(8), MsgType(9), write).unwrap();
            let message = AgentMessage::AddPostRemove { message: framing::body(&last) };
            let msgtype = message.msgtype(dialect).unwrap();
            let write = |out: &mut Vec<u8>| message.write(dialect, out);
            write_datagram(&mut frame, &[Channel(1_000_000)], Channel(7000), msgtype, write)
                .unwrap();
            game.bytes(&frame);
            // The frame that comes within that time, if any.
            let long = if word == b"later" { 200 } else { 20_000 };
            game.hears_frame(Duration::from_millis(long))
        };
        assert_eq!(ask(b"later"), None, "the client is there");
        drop(client);
        let heard = |frame: Vec<u8>| {
            let dg = Datagram::parse(framing::body(&frame)).unwrap();
            assert_eq!((dg.sender(), dg.msgtype()), (Channel(8), MsgType(9)));
            dg.payload().to_vec()
        };
        // Which of the two comes first does not matter.
        let first = heard(ask(b"now").unwrap());
        let second = heard(game.hears_frame(Duration::from_secs(20)).unwrap());
        let mut words = [first, second];
        words.sort();
        assert_eq!(words, [b"later".to_vec(), b"now".to_vec()]);
    }
}
