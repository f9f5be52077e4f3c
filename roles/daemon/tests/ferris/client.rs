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

/// A client.
pub struct Client {
    socket: TcpStream,
    dialect: Dialect,
    read: Vec<u8>,
}

impl Client {
    /// Connects.
    pub fn connect(daemon: &Daemon, dialect: Dialect) -> Client {
        let socket = TcpStream::connect(daemon.clients.expect("clients may connect")).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_write_timeout(Some(CEILING)).unwrap();
        socket.set_read_timeout(Some(CEILING)).unwrap();
        Client { socket, dialect, read: Vec::new() }
    }

    /// Connects and says that it has the right classes and the right version.
    #[track_caller]
    pub fn greeted(daemon: &Daemon, dialect: Dialect) -> Client {
        let mut client = Client::connect(daemon, dialect);
        client.says(FromClient::Hello { dc_hash: dc_hash(), version: VERSION.as_bytes() });
        client.hears(|heard| assert_eq!(*heard, ToClient::HelloResp));
        client
    }

    /// Says something.
    pub fn says(&mut self, message: FromClient<'_>) {
        let mut frame = Vec::new();
        message.encode(self.dialect, &mut frame).unwrap();
        self.socket.write_all(&frame).unwrap();
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
            match self.socket.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.read.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("waited in vain: {error}"),
            }
        }
    }
}

/// The hash of the classes beside the configuration, which both dialects agree on.
pub fn dc_hash() -> u32 {
    let source = Source { name: "park.dc".into(), text: CLASSES.into() };
    dc::panda_hash(&Schema::load(&[source], Options::default()).unwrap())
}
