//! A LoginManager that runs, against a Message Director that is a socket of the test.
#![allow(clippy::wildcard_enum_match_arm, reason = "a stand-in knows what it needs to")]
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use dc::{Options, Schema, Source};
use login::{Config, Hashing, Limits, Running};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use wire::control::ControlMessage;
use wire::database::{DatabaseMessage, DatabaseNotice, DoIds};
use wire::datagram::{Datagram, control_message, write_datagram};
use wire::dialect::Dialect;
use wire::framing::{self, split_frame};
use wire::ids::{Channel, DoId, FieldId, MsgType, Zone};
use wire::state_server::{Location, ObjectMessage, ObjectNotice};

const OPENOTP: Dialect = Dialect::OpenOtp;
const GATE: DoId = DoId(4665);
const PARK: DoId = DoId(5000);
const DATABASE: Channel = Channel(4003);
const CLIENT: Channel = Channel(1_000_000);
/// Nothing takes this long unless it never comes.
const CEILING: Duration = Duration::from_secs(20);

fn schema() -> Arc<Schema> {
    let text = include_str!("../../../etc/park.dc").into();
    let source = Source { name: "park.dc".into(), text };
    Arc::new(Schema::load(&[source], Options::default()).unwrap())
}

fn start(director: &TcpListener) -> Running {
    start_at(director.local_addr().unwrap())
}

fn start_at(message_director: SocketAddr) -> Running {
    let config = Config {
        message_director,
        uberdog: GATE,
        database: DATABASE,
        state_server: Channel(4002),
        park: PARK,
        zone: Zone(1),
        register: false,
        hashing: Hashing { memory_kib: 8, passes: 1, lanes: 1, threads: 2 },
        limits: Limits::default(),
        schema: schema(),
    };
    login::start(config).unwrap()
}

/// The Message Director's end of a link.
struct End {
    socket: TcpStream,
    read: Vec<u8>,
}

impl End {
    fn accept(director: &TcpListener) -> End {
        let (socket, _) = director.accept().unwrap();
        socket.set_read_timeout(Some(CEILING)).unwrap();
        End { socket, read: Vec::new() }
    }

    /// The body of the next frame.
    #[track_caller]
    fn hears(&mut self) -> Vec<u8> {
        loop {
            if let Some((frame, rest)) = split_frame(&self.read) {
                let (body, rest) = (framing::body(frame).to_vec(), rest.to_vec());
                self.read = rest;
                return body;
            }
            let mut buffer = [0; 4096];
            let count = self.socket.read(&mut buffer).unwrap();
            assert!(count > 0, "the link is closed");
            self.read.extend_from_slice(&buffer[..count]);
        }
    }

    /// Hears until somebody asks the Database something that `answer` answers.
    fn database(
        &mut self,
        answer: impl for<'a> Fn(DatabaseMessage<'a>) -> Option<DatabaseNotice<'static>>,
    ) {
        loop {
            let body = self.hears();
            let Ok(dg) = Datagram::parse(&body) else { continue };
            let asked = DatabaseMessage::decode(OPENOTP, dg.msgtype(), dg.payload());
            if let Some(notice) = asked.ok().and_then(&answer) {
                let msgtype = notice.msgtype(OPENOTP).unwrap();
                return self.say(DATABASE, msgtype, |out| notice.write(OPENOTP, out));
            }
        }
    }

    /// Says something in whole.
    fn say(&mut self, sender: Channel, msgtype: MsgType, write: impl FnOnce(&mut Vec<u8>)) {
        let mut frame = Vec::new();
        write_datagram(&mut frame, &[Channel::object(GATE)], sender, msgtype, write).unwrap();
        self.socket.write_all(&frame).unwrap();
    }

    fn park_is_here(&mut self) {
        let notice =
            ObjectNotice::LocateResp { context: 0, do_id: PARK, location: Location::NOWHERE };
        let msgtype = notice.msgtype(OPENOTP).unwrap();
        self.say(Channel::object(PARK), msgtype, |out| notice.write(OPENOTP, out));
    }

    /// The first thing that is said on a link.
    #[track_caller]
    fn is_joined(&mut self) {
        for wanted in [
            ControlMessage::SetConName(b"LoginManager"),
            ControlMessage::AddChannel(Channel::object(GATE)),
        ] {
            let body = self.hears();
            let message = control_message(&body, OPENOTP.control_channel()).unwrap();
            assert_eq!(ControlMessage::decode(OPENOTP, message), Ok(wanted));
        }
    }
}

/// A client asks to log in; the bytes are the frame.
fn login() -> Vec<u8> {
    let schema = schema();
    let class = schema.class_by_name("LoginManager").unwrap();
    let field = FieldId(schema.field(class.field_by_name("login").unwrap()).number);
    let update =
        ObjectMessage::UpdateField { do_id: GATE, field, value: b"\x04\0Anna\x06\0sesame" };
    let (mut frame, msgtype) = (Vec::new(), update.msgtype(OPENOTP).unwrap());
    let write = |out: &mut Vec<u8>| update.write(OPENOTP, out);
    write_datagram(&mut frame, &[Channel::object(GATE)], CLIENT, msgtype, write).unwrap();
    frame
}

#[track_caller]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < CEILING, "waited in vain for {what}");
        sleep(Duration::from_millis(2));
    }
}

/// Nobody has the name: nobody's object is read, and nobody's password verified.
fn answer(asked: DatabaseMessage<'_>) -> Option<DatabaseNotice<'static>> {
    match asked {
        DatabaseMessage::SelectQuery { context, .. } => {
            Some(DatabaseNotice::SelectQueryResp { context, do_ids: DoIds(&[]) })
        }
        DatabaseMessage::Select { context, do_id: DoId(0), .. } => {
            Some(DatabaseNotice::SelectResp { context, fields: None })
        }
        _ => None,
    }
}

#[test]
fn a_login_goes_through_the_link_and_the_threads() {
    let director = TcpListener::bind("127.0.0.1:0").unwrap();
    let running = start(&director);
    let figures = running.figures();
    let mut end = End::accept(&director);
    end.is_joined();
    assert_eq!(figures.snapshot().linked, 0);
    end.park_is_here();
    running.wait_until_linked(CEILING);
    assert_eq!(figures.snapshot().linked, 1);
    // It comes in pieces.
    for byte in login() {
        end.socket.write_all(&[byte]).unwrap();
    }
    end.database(answer);
    end.database(answer);
    wait_for("a wrong password", || figures.snapshot().wrong_passwords == 1);
    running.stop();
    // The answer, then the end: nothing else holds the link open.
    end.socket.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_lost_link_comes_again() {
    let director = TcpListener::bind("127.0.0.1:0").unwrap();
    let running = start(&director);
    let figures = running.figures();
    let mut end = End::accept(&director);
    end.is_joined();
    end.park_is_here();
    wait_for("the park", || figures.snapshot().linked == 1);
    end.socket.write_all(&login()).unwrap();
    wait_for("a login", || figures.snapshot().under_way == 1);
    // Half of a frame is not taken along to the next link.
    end.socket.write_all(&login()[..9]).unwrap();
    drop(end);
    wait_for("the end of the link", || figures.snapshot().linked == 0);

    let mut end = End::accept(&director);
    end.is_joined();
    assert_eq!(figures.snapshot().under_way, 0);
    end.park_is_here();
    wait_for("the park", || figures.snapshot().linked == 1);
    assert_eq!(figures.snapshot().failed, 1, "the client was told to come later");
    end.socket.write_all(&login()).unwrap();
    end.database(answer);
    end.database(answer);
    wait_for("a wrong password", || figures.snapshot().wrong_passwords == 1);
    running.stop();
}

#[test]
fn a_director_that_is_not_there_is_dialled_until_it_is() {
    // Connections are made from 127.0.0.1, so none of them takes this port meanwhile.
    let address = TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap();
    let running = start_at(address);
    running.wait_until_linked(Duration::from_millis(100));
    let director = TcpListener::bind(address).unwrap();
    End::accept(&director).is_joined();
    running.stop();
    // One that never comes does not keep anybody from stopping.
    drop(director);
    start_at(address).stop();
}
