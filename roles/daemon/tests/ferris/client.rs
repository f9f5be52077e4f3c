//! A game client on one TCP connection.

use super::{CEILING, CLASSES, Daemon};
use dc::{Options, Schema, Source};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use wire::client::{FromClient, ToClient, split};
use wire::dialect::Dialect;
use wire::framing;

/// The version that clients of these tests have.
pub const VERSION: &str = "lantern-1";

/// What a client speaks through: TCP, or TLS above it.
pub trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// A client.
pub struct Client {
    stream: Box<dyn Stream>,
    dialect: Dialect,
    read: Vec<u8>,
}

impl Client {
    /// Connects.
    pub fn connect(daemon: &Daemon, dialect: Dialect) -> Client {
        Client::over(Box::new(socket(daemon)), dialect)
    }

    /// Speaks through what stands already.
    pub fn over(stream: Box<dyn Stream>, dialect: Dialect) -> Client {
        Client { stream, dialect, read: Vec::new() }
    }

    /// Connects and says that it has the right classes and the right version.
    #[track_caller]
    pub fn greeted(daemon: &Daemon, dialect: Dialect) -> Client {
        let mut client = Client::connect(daemon, dialect);
        client.is_greeted();
        client
    }

    /// Says that it has the right classes and the right version.
    #[track_caller]
    pub fn is_greeted(&mut self) {
        self.says(FromClient::Hello { dc_hash: dc_hash(), version: VERSION.as_bytes() });
        self.hears(|heard| assert_eq!(*heard, ToClient::HelloResp));
    }

    /// Writes bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// Says something.
    pub fn says(&mut self, message: FromClient<'_>) {
        let mut frame = Vec::new();
        message.encode(self.dialect, &mut frame).unwrap();
        self.bytes(&frame);
    }

    /// What `look` makes of what comes next.
    #[track_caller]
    pub fn hears<T>(&mut self, look: impl FnOnce(&ToClient<'_>) -> T) -> T {
        let frame = self.frame().expect("nothing was heard");
        let (msgtype, payload) = split(framing::body(&frame)).unwrap();
        look(&ToClient::decode(self.dialect, msgtype, payload).unwrap())
    }

    /// Waits until the other end closes; nothing comes before that.
    #[track_caller]
    pub fn is_closed(&mut self) {
        assert_eq!(self.frame(), None);
    }

    fn frame(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 4096];
        loop {
            if let Some((frame, _)) = framing::split_frame(&self.read) {
                let frame = frame.to_vec();
                self.read.drain(..frame.len());
                return Some(frame);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.read.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("waited in vain: {error}"),
            }
        }
    }
}

/// A connection to where clients connect.
pub fn socket(daemon: &Daemon) -> TcpStream {
    let socket = TcpStream::connect(daemon.clients.expect("clients may connect")).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_write_timeout(Some(CEILING)).unwrap();
    socket.set_read_timeout(Some(CEILING)).unwrap();
    socket
}

/// The hash of the classes beside the configuration, which both dialects agree on.
pub fn dc_hash() -> u32 {
    let source = Source { name: "park.dc".into(), text: CLASSES.into() };
    dc::panda_hash(&Schema::load(&[source], Options::default()).unwrap())
}
