//! A participant on one TCP connection.

use super::{CEILING, Daemon, wait_for};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use wire::control::ControlMessage;
use wire::datagram::{Datagram, write_datagram};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, MsgType};

/// A participant.
pub struct Participant {
    socket: TcpStream,
    dialect: Dialect,
    read: Vec<u8>,
    /// How many datagrams it has heard.
    pub heard: u64,
}

impl Participant {
    /// Joins `daemon`.
    pub fn join(daemon: &Daemon, dialect: Dialect) -> Participant {
        let socket = TcpStream::connect(daemon.md).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_write_timeout(Some(CEILING)).unwrap();
        Participant { socket, dialect, read: Vec::new(), heard: 0 }
    }

    /// Says something to the Message Director.
    pub fn control(&mut self, message: ControlMessage<'_>) {
        let mut frame = Vec::new();
        message.encode(self.dialect, &mut frame).unwrap();
        self.bytes(&frame);
    }

    /// Subscribes a channel and waits until that is so: what another connection sends there
    /// is heard.
    #[track_caller]
    pub fn subscribe(&mut self, daemon: &Daemon, channel: u64) {
        self.control(ControlMessage::AddChannel(Channel(channel)));
        let mut other = Participant::join(daemon, self.dialect);
        self.is_reached_by(&mut other, channel);
    }

    /// Waits until what `other` sends to `channel` is heard, and hears all of it.
    #[track_caller]
    pub fn is_reached_by(&mut self, other: &mut Participant, channel: u64) {
        wait_for("a subscription", || {
            other.send(channel, b"mark");
            self.hears_now(Duration::from_millis(50))
        });
        // All marks that are still under way come before this one.
        other.send(channel, b"end of marks");
        while self.hears() != b"end of marks" {}
    }

    /// Leaves a message to `channel` for when this connection ends.
    pub fn leave_word(&mut self, channel: u64, word: &[u8]) {
        let frame = datagram(channel, word);
        let message = framing::body(&frame);
        self.control(ControlMessage::AddPostRemove { sender: Channel(0), message });
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
        self.hears_frame(time).map(|frame| payload(&frame))
    }

    /// The next whole frame, if one comes within `time`.
    pub fn hears_frame(&mut self, time: Duration) -> Option<Vec<u8>> {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut buffer = [0; 4096];
        loop {
            if let Some(frame) = self.take_frame() {
                return Some(frame);
            }
            match self.socket.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.read.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(_) => return None,
            }
        }
    }

    fn take_frame(&mut self) -> Option<Vec<u8>> {
        let (frame, _) = framing::split_frame(&self.read)?;
        let frame = frame.to_vec();
        self.read.drain(..frame.len());
        self.heard += 1;
        Some(frame)
    }

    /// Waits until the other end closes.
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
