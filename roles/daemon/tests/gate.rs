//! Clients at the gate of daemons that are processes, and what is written down of them.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod ferris;

use ferris::{Client, Daemon, Participant, free_address, wait_for};
use rustix::process::Signal;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use wire::client::{AgentMessage, FromClient, ToClient, Zones};
use wire::datagram::{Datagram, write_datagram};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, ClassId, DoId, FieldId, Zone};
use wire::state_server::{Entry, Location, StateServerMessage};

/// The channel of the first client.
const FIRST: Channel = Channel(1_000_000);
const GATE: DoId = DoId(4665);
/// `knock`
const KNOCK: FieldId = FieldId(1);
const STATE_SERVER: Channel = Channel(4002);
const LANTERN: DoId = DoId(50_000);
const LIT: DoId = DoId(60_000);
const ZONE: Zone = Zone(7);

const CLIENT_AGENT: &str = "- {type: clientagent, bind: \"127.0.0.1:0\", version: lantern-1, \
                            channels: {min: 1000000, max: 1000999}}\n";

/// What stands in a file besides roles.
fn head(dialect: Dialect, more: &str) -> String {
    format!(
        "general: {{dialect: {}, dc_files: [park.dc]{more}}}\nshards: 2\n\
         web: {{bind: \"127.0.0.1:0\"}}\n\
         uberdogs: [{{id: 4665, class: DistributedGate, anonymous: true}}]\n",
        dialect.name()
    )
}

fn start(dialect: Dialect, more: &str, roles: &str) -> Daemon {
    let director = "messagedirector: {bind: \"127.0.0.1:0\"}\n";
    Daemon::start(&format!("{}{director}roles:\n{roles}", head(dialect, more)))
}

#[test]
fn a_client_is_greeted_and_ends_with_the_daemon() {
    for dialect in Dialect::ALL {
        let daemon = start(dialect, "", CLIENT_AGENT);
        let mut clients: Vec<Client> = (0..40).map(|_| Client::greeted(&daemon, dialect)).collect();
        daemon.await_metric("ferriswheel_clients", 40);
        assert_eq!(daemon.page("/readyz"), (200, "ready\n".into()));
        assert_eq!(daemon.stop().code(), Some(0));
        clients.iter_mut().for_each(Client::is_closed);
    }
}

#[test]
fn a_client_of_another_version_is_told_and_closed() {
    for dialect in Dialect::ALL {
        let daemon = start(dialect, "", CLIENT_AGENT);
        let mut client = Client::connect(&daemon, dialect);
        client.says(FromClient::Hello { dc_hash: 1, version: b"lantern-0" });
        client.hears(|heard| match heard {
            ToClient::Eject { code: 124, reason } => {
                let reason = String::from_utf8_lossy(reason);
                assert!(reason.contains("lantern-1") && reason.contains("lantern-0"), "{reason}");
            }
            other => panic!("heard {}", other.name(dialect)),
        });
        client.is_closed();
    }
}

/// Says something to clients.
fn tell(from: &mut Participant, dialect: Dialect, to: Channel, message: &AgentMessage<'_>) {
    let msgtype = message.msgtype(dialect).unwrap();
    let mut frame = Vec::new();
    let write = |out: &mut Vec<u8>| message.write(dialect, out);
    write_datagram(&mut frame, &[to], Channel(77), msgtype, write).unwrap();
    from.bytes(&frame);
}

fn create(from: &mut Participant, dialect: Dialect, do_id: DoId, parent: DoId) {
    let location = Location { parent, zone: ZONE };
    let entry = Entry { do_id, location, dclass: ClassId(0), has_other: false, fields: &[9] };
    let message = StateServerMessage::Generate(entry);
    let msgtype = message.msgtype(dialect).unwrap();
    let mut frame = Vec::new();
    let write = |out: &mut Vec<u8>| message.write(dialect, out);
    write_datagram(&mut frame, &[STATE_SERVER], Channel(77), msgtype, write).unwrap();
    from.bytes(&frame);
}

/// The gate in one daemon, the objects in another, and the game's UberDOG at that other one.
fn a_gate_of_its_own(dialect: Dialect) {
    let at = free_address();
    let role = format!("- {{type: stateserver, control: {STATE_SERVER}}}\n");
    let director = format!("messagedirector: {{bind: \"{at}\"}}\n");
    let above = Daemon::start(&format!("{}{director}roles:\n{role}", head(dialect, "")));
    let director = format!("messagedirector: {{bind: \"127.0.0.1:0\", connect: \"{at}\"}}\n");
    let gate = Daemon::start(&format!("{}{director}roles:\n{CLIENT_AGENT}", head(dialect, "")));

    let mut game = Participant::join(&above, dialect);
    game.subscribe(&above, GATE.0.into());
    let mut client = Client::greeted(&gate, dialect);
    let words = [2, 0, b'h', b'i'];
    let frame = wait_for("the gate to have joined the tree", || {
        client.says(FromClient::UpdateField { do_id: GATE, field: KNOCK, value: &words });
        game.hears_frame(std::time::Duration::from_millis(100))
    });
    assert_eq!(Datagram::parse(framing::body(&frame)).unwrap().sender(), FIRST);

    create(&mut game, dialect, LANTERN, DoId(0));
    create(&mut game, dialect, LIT, LANTERN);
    above.await_metric("ferriswheel_objects", 2);
    let known = AgentMessage::DeclareObject { do_id: LANTERN, dclass: ClassId(0) };
    tell(&mut game, dialect, FIRST, &known);
    tell(&mut game, dialect, FIRST, &AgentMessage::SetState { state: 2 });
    let zones = [ZONE.0.to_le_bytes()];
    let interest = AgentMessage::AddInterest { interest: 3, parent: LANTERN, zones: Zones(&zones) };
    tell(&mut game, dialect, FIRST, &interest);
    let entered = wait_for("what the client sees", || {
        client.hears(|heard| match heard {
            ToClient::Enter(entry) => Some(entry.do_id),
            _ => None,
        })
    });
    assert_eq!(entered, LIT);
    assert_eq!(gate.stop().code(), Some(0));
    assert_eq!(above.stop().code(), Some(0));
}

#[test]
fn a_gate_of_its_own_openotp() {
    a_gate_of_its_own(Dialect::OpenOtp);
}

#[test]
fn a_gate_of_its_own_astron() {
    a_gate_of_its_own(Dialect::Astron);
}

/// A UDP address that nobody has.
fn free_udp_address() -> SocketAddr {
    UdpSocket::bind("127.0.0.2:0").unwrap().local_addr().unwrap()
}

/// All lines of all files of events of a daemon.
fn events(daemon: &Daemon) -> String {
    let mut files: Vec<_> = fs::read_dir(daemon.folder().join("written")).unwrap().collect();
    files.sort_by_key(|file| file.as_ref().unwrap().file_name());
    files.iter().map(|file| fs::read_to_string(file.as_ref().unwrap().path()).unwrap()).collect()
}

fn await_event(daemon: &Daemon, wanted: &str) {
    wait_for(wanted, || events(daemon).contains(wanted).then_some(()));
}

#[test]
fn what_happens_is_written_down() {
    for dialect in Dialect::ALL {
        let to = free_udp_address();
        let logger =
            format!("- {{type: eventlogger, bind: \"{to}\", output: written/%Y%m%d-%H%M%S.log}}\n");
        let daemon =
            start(dialect, &format!(", eventlogger: \"{to}\""), &format!("{logger}{CLIENT_AGENT}"));
        let client = Client::greeted(&daemon, dialect);
        await_event(&daemon, "client-connected");
        drop(client);
        await_event(&daemon, "client-lost");
        let mut client = Client::greeted(&daemon, dialect);
        client.says(FromClient::Disconnect);
        client.is_closed();
        await_event(&daemon, "client-disconnected");
        assert!(daemon.metric(&format!("ferriswheel_event_lines_total{{address=\"{to}\"}}")) >= 4);

        daemon.signal(Signal::HUP);
        let files = || fs::read_dir(daemon.folder().join("written")).unwrap().count();
        wait_for("a second file", || (files() == 2).then_some(()));
        let begun = format!("ferriswheel_event_files_total{{address=\"{to}\"}}");
        daemon.await_metric(&begun, 1);
        assert_eq!(daemon.stop().code(), Some(0));
    }
}

/// Everything that a file for Astron may have, with addresses that the kernel chooses.
const ASTRON: &str = r#"
daemon:
  name: "Lantern Town"
  url: http://lanterns.example

general:
  eventlogger: EVENTS
  dc_files:
    - park.dc

uberdogs:
  - class: DistributedGate
    id: 4665
    anonymous: true

messagedirector:
  bind: 127.0.0.1:0
  threaded: true

roles:
  - type: clientagent
    bind: 127.0.0.1:0
    version: "lantern-1"
    haproxy: false
    manual_dc_hash: 0x0
    client:
      type: libastron
      relocate: true
      add_interest: enabled
      send_hash: true
      send_version: true
      write_buffer_size: 262144
      write_timeout_ms: 5000
      heartbeat_timeout: 60000
    channels:
      min: 1000000
      max: 1000999
    tuning:
      interest_timeout: 500

  - type: stateserver
    control: 402000

  - type: database
    control: 402001
    broadcast: true
    generate:
      min: 100000000
      max: 200000000
    backend:
      type: yaml
      directory: yaml_db

  - type: dbss
    database: 402001
    ranges:
      - min: 100000000
        max: 200000000

  - type: eventlogger
    bind: EVENTS
    output: "written/events-%y%m%d_%H%M%S.log"
    rotate_interval: 1d
"#;

#[test]
fn a_file_written_for_astron_runs_as_it_is() {
    let events = free_udp_address().to_string();
    let daemon = Daemon::start(&ASTRON.replace("EVENTS", &events));
    let mut game = Participant::join(&daemon, Dialect::Astron);
    game.subscribe(&daemon, GATE.0.into());
    let mut client = Client::greeted(&daemon, Dialect::Astron);
    let words = [2, 0, b'h', b'i'];
    client.says(FromClient::UpdateField { do_id: GATE, field: KNOCK, value: &words });
    assert!(game.hears().ends_with(&words));
    client.says(FromClient::Heartbeat);
    await_event(&daemon, "client-connected");
    assert_eq!(daemon.stop().code(), Some(0));
    client.is_closed();
}
