//! Daemons as processes, and participants that speak to them.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use wire::control::ControlMessage;
use wire::datagram::{Datagram, write_datagram};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, MsgType};

/// Nothing takes this long unless it never comes.
const CEILING: Duration = Duration::from_secs(30);

/// Waits until `done` gives something.
#[track_caller]
pub fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(result) = done() {
            return result;
        }
        assert!(began.elapsed() < CEILING, "waited in vain for {what}");
        sleep(Duration::from_millis(5));
    }
}

/// An address that nobody listens on.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The program.
pub fn ferriswheel() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferriswheel"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// A running daemon; ends with this value.
pub struct Daemon {
    child: Child,
    /// Where its Message Director listens.
    pub md: SocketAddr,
    folder: TempDir,
}

impl Daemon {
    /// Starts a daemon on `config` and waits until it serves; `md` is where that says it listens.
    pub fn start(md: SocketAddr, config: &str) -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("park.yml");
        std::fs::write(&file, config).unwrap();
        let child = ferriswheel().arg("run").arg(file).spawn().unwrap();
        let mut daemon = Daemon { child, md, folder };
        daemon.await_banner();
        daemon
    }

    /// The file it runs.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("park.yml")
    }

    fn await_banner(&mut self) {
        let mut lines = BufReader::new(self.child.stdout.take().unwrap()).lines();
        let last = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("SIGTERM")));
        assert!(last.is_some(), "it ended before it served");
    }

    /// SIGTERM, and how it ends.
    pub fn stop(mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        wait_for("the end of a daemon", || self.child.try_wait().unwrap())
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A participant.
pub struct Participant {
    socket: TcpStream,
    dialect: Dialect,
    read: Vec<u8>,
}

impl Participant {
    /// Joins `daemon`.
    pub fn join(daemon: &Daemon, dialect: Dialect) -> Participant {
        let socket = TcpStream::connect(daemon.md).unwrap();
        socket.set_nodelay(true).unwrap();
        Participant { socket, dialect, read: Vec::new() }
    }

    /// Says something to the Message Director.
    pub fn control(&mut self, message: ControlMessage<'_>) {
        let mut frame = Vec::new();
        message.encode(self.dialect, &mut frame).unwrap();
        self.bytes(&frame);
    }

    /// Subscribes a channel and waits until that is so: a message that it sends itself through
    /// another connection comes back.
    pub fn subscribe(&mut self, daemon: &Daemon, channel: u64) {
        self.control(ControlMessage::AddChannel(Channel(channel)));
        let mut other = Participant::join(daemon, self.dialect);
        let mark = format!("mark {channel}");
        wait_for("a subscription", || {
            other.send(channel, mark.as_bytes());
            self.hears_now(Duration::from_millis(50))
                .map(|heard| assert_eq!(heard, mark.as_bytes()))
        });
        // All marks that are still under way come before this one.
        other.send(channel, b"end of marks");
        while self.hears() != b"end of marks" {}
    }

    /// Sends `payload` to `channel`.
    pub fn send(&mut self, channel: u64, payload: &[u8]) {
        let frame = datagram(channel, payload);
        self.bytes(&frame);
    }

    /// Writes bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// The next payload.
    #[track_caller]
    pub fn hears(&mut self) -> Vec<u8> {
        self.hears_now(CEILING).expect("nothing was heard")
    }

    /// The next payload, if one comes within `time`.
    pub fn hears_now(&mut self, time: Duration) -> Option<Vec<u8>> {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut buffer = [0; 4096];
        loop {
            if let Some((frame, _)) = framing::split_frame(&self.read) {
                let (payload, length) = (payload(frame), frame.len());
                self.read.drain(..length);
                return Some(payload);
            }
            match self.socket.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.read.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(_) => return None,
            }
        }
    }

    /// Whether the other end has closed.
    #[track_caller]
    pub fn is_closed(&mut self) {
        self.socket.set_read_timeout(Some(CEILING)).unwrap();
        let mut rest = Vec::new();
        match self.socket.read_to_end(&mut rest) {
            Ok(_) => (),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

fn payload(frame: &[u8]) -> Vec<u8> {
    Datagram::parse(framing::body(frame)).unwrap().payload().to_vec()
}

/// A frame to `channel`.
pub fn datagram(channel: u64, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let write = |out: &mut Vec<u8>| out.extend_from_slice(payload);
    write_datagram(&mut frame, &[Channel(channel)], Channel(77), MsgType(5), write).unwrap();
    frame
}

/// The body of a web page, with its status.
pub fn page(web: SocketAddr, path: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(web).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    (status, text.split_once("\r\n\r\n").unwrap().1.to_owned())
}
