//! A role that notes who comes and goes, answers, and throws out whoever asks for it; an engine
//! with it; and clients that speak to it. Every wait has an end.

use engine::counters::EngineCounts;
use engine::{Config, Listener, Running, ShardCpus, Transport};
use runtime::{
    Arrival, CloseReason, ConnId, Input, Limits, ListenerId, Now, Outbox, Refusal, Role, Shard,
    ShardConfig, ShardId,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};
use wire::dialect::Dialect;
use wire::framing;

use crate::certificates::NAME;

/// Nothing takes this long unless it never comes.
pub const CEILING: Duration = Duration::from_secs(30);
const LISTENER: ListenerId = ListenerId(3);
/// Asks the porter for so many frames of [`FLOOD_BYTES`] each: behind it stands the number.
pub const FLOOD: &[u8] = b"flood";
/// Bytes of each frame that [`FLOOD`] asks for.
pub const FLOOD_BYTES: usize = 60_000;
/// What begins with this is noted and not answered.
pub const NOTE: &[u8] = b"note";
/// Asks the porter to be thrown out.
pub const THROW_OUT: &[u8] = b"throw me out";
/// What the porter says to whom it throws out.
pub const LAST_WORDS: &[u8] = b"thrown out";

/// One test at a time: they share the cores.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `done`.
#[track_caller]
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < CEILING, "waited in vain for {what}");
        sleep(Duration::from_millis(2));
    }
}

/// What the porter has noted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Noted {
    Came {
        peer: SocketAddr,
        local: SocketAddr,
        tlvs: Vec<u8>,
        is_secure: bool,
    },
    Refused(SocketAddr, Refusal),
    /// A frame that begins with [`NOTE`].
    Said(Vec<u8>),
    Went(CloseReason),
}

type Notes = Arc<Mutex<Vec<Noted>>>;

struct Porter(Notes);

impl Role for Porter {
    fn step(&mut self, _: Now, input: Input<'_>, out: &mut Outbox) {
        let note = |noted| self.0.lock().unwrap().push(noted);
        match input {
            Input::Accepted { arrival: Arrival { peer, local, tlvs, is_secure }, .. } => {
                note(Noted::Came { peer, local, tlvs: tlvs.to_vec(), is_secure });
            }
            Input::Refused { peer, why, .. } => note(Noted::Refused(peer, why)),
            Input::Closed { reason, .. } => note(Noted::Went(reason)),
            Input::Frame { conn, frame } if frame.body() == THROW_OUT => {
                write(out, conn, LAST_WORDS);
                out.finish(conn, CloseReason::Ejected);
            }
            Input::Frame { frame, .. } if frame.body().starts_with(NOTE) => {
                note(Noted::Said(frame.body().to_vec()));
            }
            Input::Frame { conn, frame } => match frame.body().strip_prefix(FLOOD) {
                None => write(out, conn, frame.body()),
                Some(number) => {
                    let number: u32 = std::str::from_utf8(number).unwrap().parse().unwrap();
                    (0..number).for_each(|at| write(out, conn, &flood_frame(at)));
                }
            },
            Input::Started | Input::Stopping | Input::Paused { .. } => (),
            Input::Connected { .. }
            | Input::ConnectFailed { .. }
            | Input::Datagram { .. }
            | Input::Told { .. }
            | Input::Stored(_)
            | Input::Wake { .. } => panic!("a porter hears nothing like this"),
        }
    }
}

/// The frame `at` of a flood.
pub fn flood_frame(at: u32) -> Vec<u8> {
    (0..FLOOD_BYTES as u32).map(|byte| (byte.wrapping_mul(31) ^ at) as u8).collect()
}

fn write(out: &mut Outbox, conn: ConnId, body: &[u8]) {
    let written = out.write(conn, |own| {
        let start = framing::begin_frame(own);
        own.extend_from_slice(body);
        framing::finish_frame(own, start)
    });
    written.unwrap();
}

/// A running engine with a porter on each shard; stopped when it goes.
pub struct House {
    pub address: SocketAddr,
    running: Option<Running>,
    notes: Notes,
}

impl House {
    pub fn open(shards: usize, transport: Transport) -> House {
        House::open_with(shards, transport, free_address(), Limits::default())
    }

    pub fn open_with(
        shards: usize,
        transport: Transport,
        address: SocketAddr,
        limits: Limits,
    ) -> House {
        let listener = Listener { id: LISTENER, address, transport };
        let config = Config {
            cpus: ShardCpus::Count(shards),
            listeners: vec![listener],
            ..Config::default()
        };
        let notes = Notes::default();
        let for_shards = Arc::clone(&notes);
        let make = move |me, shards| {
            let mut shard = Shard::new(ShardConfig {
                me,
                shards,
                dialect: Dialect::OpenOtp,
                limits: Limits::default(),
                upstream: None,
                has_event_logger: false,
                hash_seeds: [1, 2, 3, 4],
            });
            let notes = Arc::clone(&for_shards);
            shard.add_role(&[], &[], |_| Box::new(Porter(notes)));
            shard.add_listener(LISTENER, limits);
            shard
        };
        let make = move |me: ShardId, shards| make(me, shards);
        let running = engine::start(&config, Vec::new(), make).unwrap();
        House { address: running.local_addrs[0].1, running: Some(running), notes }
    }

    /// What has been noted so far.
    pub fn notes(&self) -> Vec<Noted> {
        self.notes.lock().unwrap().clone()
    }

    /// How often `noted` was noted.
    pub fn times(&self, is_it: impl Fn(&Noted) -> bool) -> usize {
        self.notes().iter().filter(|noted| is_it(noted)).count()
    }

    /// Waits until so many were refused for `why`.
    #[track_caller]
    pub fn await_refused(&self, why: Refusal, times: usize) {
        let is_it = |noted: &Noted| matches!(noted, Noted::Refused(_, reason) if *reason == why);
        wait_until(why.name(), || self.times(is_it) == times);
    }

    /// Waits until so many have gone for `reason`.
    #[track_caller]
    pub fn await_gone(&self, reason: CloseReason, times: usize) {
        wait_until(reason.name(), || self.times(|noted| *noted == Noted::Went(reason)) == times);
    }

    /// Waits until a figure, summed up over the shards, is `value`.
    #[track_caller]
    pub fn await_figure(&self, what: &str, of: impl Fn(&EngineCounts) -> u64, value: u64) {
        let running = self.running.as_ref().unwrap();
        let sum = || running.counters.snapshot().iter().map(|shard| of(&shard.engine)).sum::<u64>();
        wait_until(what, || sum() == value);
    }

    /// Stops it in order.
    #[track_caller]
    pub fn close(mut self) {
        let running = self.running.take().unwrap();
        running.stop.ask();
        running.wait().unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.ask();
            drop(running.wait());
        }
    }
}

/// An address that nobody listens on. Connections are made from 127.0.0.1, so none of them can
/// take a port of 127.0.0.2 meanwhile.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap()
}

/// A plain connection.
#[track_caller]
pub fn dial(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(CEILING)).unwrap();
    socket.set_write_timeout(Some(CEILING)).unwrap();
    socket
}

/// What is heard until the other end closes; a reset ends it as well.
pub fn rest(mut socket: impl Read) -> Vec<u8> {
    let mut heard = Vec::new();
    match socket.read_to_end(&mut heard) {
        Ok(_) => (),
        Err(error) => assert!(
            matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof),
            "{error}"
        ),
    }
    heard
}

pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// An encrypted connection over `socket`, shaken hands on.
pub fn shake(config: &Arc<ClientConfig>, mut socket: TcpStream) -> std::io::Result<Tls> {
    let name = ServerName::try_from(NAME).unwrap();
    let mut connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(connection, socket))
}

/// Frames to and from the porter.
pub struct Client<S> {
    pub stream: S,
}

impl Client<TcpStream> {
    #[track_caller]
    pub fn plain(address: SocketAddr) -> Client<TcpStream> {
        Client { stream: dial(address) }
    }
}

impl Client<Tls> {
    #[track_caller]
    pub fn secure(address: SocketAddr, config: &Arc<ClientConfig>) -> Client<Tls> {
        Client { stream: shake(config, dial(address)).unwrap() }
    }

    /// Says that it writes no more.
    pub fn half_close(&mut self) {
        self.stream.conn.send_close_notify();
        self.stream.flush().unwrap();
        self.stream.sock.shutdown(Shutdown::Write).unwrap();
    }
}

impl<S: Read + Write> Client<S> {
    #[track_caller]
    pub fn send(&mut self, body: &[u8]) {
        self.stream.write_all(&frame(body)).unwrap();
        self.stream.flush().unwrap();
    }

    #[track_caller]
    pub fn hears(&mut self) -> Vec<u8> {
        let mut length = [0; framing::LENGTH_BYTES];
        self.stream.read_exact(&mut length).unwrap();
        let mut body = vec![0; u16::from_le_bytes(length).into()];
        self.stream.read_exact(&mut body).unwrap();
        body
    }

    /// Says `body`, and is answered.
    #[track_caller]
    pub fn echo(&mut self, body: &[u8]) {
        self.send(body);
        assert!(self.hears() == body);
    }
}

/// `body` with its length.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = (body.len() as u16).to_le_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}
