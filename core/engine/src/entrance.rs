//! Somebody on the way in: what has come, and what is to be done next. The shard does not know of it
//! yet.
//!
//! ```text
//! accepted -> [PROXY header] -> named -> [first record -> handshake, flight by flight] -> enters
//! ```
//! A handshake counts as one only from its first whole record on: who says nothing, or half a hello,
//! keeps nobody else from shaking hands.

use crate::listen::canonical;
use crate::records::Records;
use crate::send::Unsent;
use crate::transport::Transport;
use runtime::{CloseReason, Refusal};
use std::net::SocketAddr;
use wire::proxy::{self, Header};

/// The most bytes that are kept of somebody who is not in yet: a PROXY header, a client's
/// certificates, what it says before it has heard the server's answer.
const INCOMING_BYTES_MAX: usize = 64 << 10;
const RECORD_HEAD_BYTES: usize = 5;
const RECORD_BODY_BYTES_MAX: usize = (16 << 10) + 256;
/// The type of records that handshakes consist of.
const HANDSHAKE_RECORD: u8 = 22;

/// Somebody who is not in yet.
pub struct Entering {
    /// The door, by its place among the shard's.
    pub door: usize,
    /// Its address, as far as it is known.
    pub peer: SocketAddr,
    /// The address that it connected to, likewise.
    pub local: SocketAddr,
    /// What its proxy said besides.
    pub tlvs: Vec<u8>,
    /// What has come and is not understood yet.
    pub incoming: Vec<u8>,
    /// What of the handshake its socket has not taken.
    pub unsent: Unsent,
    /// It said, or the socket did, that nothing more comes, while its handshake was at a worker.
    pub left: Option<CloseReason>,
    awaits: Awaits,
}

enum Awaits {
    Header,
    Hello,
    /// The handshake is at a worker.
    Worker,
    Flight(Box<Records>),
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Wait until more comes.
    Wait,
    /// Its addresses are known now: count it.
    Named,
    /// Its handshake goes on, at a worker.
    Shake,
    /// It is in.
    Enter,
    /// Turn it away.
    Refuse(Refusal),
}

impl Entering {
    /// Somebody who has come through `door` and said nothing yet.
    pub fn new(
        door: usize,
        transport: &Transport,
        peer: SocketAddr,
        local: SocketAddr,
    ) -> Entering {
        let awaits = if transport.proxy.is_some() { Awaits::Header } else { Awaits::Hello };
        Entering {
            door,
            peer,
            local,
            tlvs: Vec::new(),
            incoming: Vec::new(),
            unsent: Unsent::default(),
            left: None,
            awaits,
        }
    }

    /// Takes what has come.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.incoming.extend_from_slice(bytes);
    }

    /// Looks at what has come.
    pub fn next(&mut self, transport: &Transport) -> Step {
        if self.incoming.len() > INCOMING_BYTES_MAX {
            return Step::Refuse(self.failure());
        }
        match &self.awaits {
            Awaits::Header => self.read_header(),
            Awaits::Hello if transport.tls.is_none() => Step::Enter,
            Awaits::Hello => match self.incoming.first() {
                Some(&HANDSHAKE_RECORD) | None => self.shake_if_whole(),
                Some(_) => Step::Refuse(Refusal::HandshakeFailed),
            },
            Awaits::Flight(_) => self.shake_if_whole(),
            Awaits::Worker => Step::Wait,
        }
    }

    /// What it is refused for if it does not go on.
    pub fn failure(&self) -> Refusal {
        match self.awaits {
            Awaits::Header => Refusal::BadProxyHeader,
            Awaits::Hello | Awaits::Worker | Awaits::Flight(_) => Refusal::HandshakeFailed,
        }
    }

    /// Whether it has said nothing that anybody would want to hear of.
    pub fn is_silent(&self) -> bool {
        let is_new = matches!(self.awaits, Awaits::Header | Awaits::Hello);
        is_new && self.incoming.is_empty()
    }

    /// Hands the handshake over to go to a worker, with all that has come; `None` if it has not begun.
    pub fn send_off(&mut self) -> Option<Box<Records>> {
        match std::mem::replace(&mut self.awaits, Awaits::Worker) {
            Awaits::Flight(records) => Some(records),
            Awaits::Header | Awaits::Hello | Awaits::Worker => None,
        }
    }

    /// Whether its handshake has begun.
    pub fn is_shaking(&self) -> bool {
        matches!(self.awaits, Awaits::Worker | Awaits::Flight(_))
    }

    /// Whether its handshake is at a worker.
    pub fn is_away(&self) -> bool {
        matches!(self.awaits, Awaits::Worker)
    }

    /// The handshake is back and waits for the next flight.
    pub fn come_back(&mut self, records: Box<Records>) {
        self.awaits = Awaits::Flight(records);
    }

    fn read_header(&mut self) -> Step {
        let (header, length) = match proxy::parse(&self.incoming) {
            Ok(None) => return Step::Wait,
            Ok(Some(whole)) => whole,
            Err(_) => return Step::Refuse(Refusal::BadProxyHeader),
        };
        if let Header::Proxied { source, destination, tlvs } = header {
            (self.peer, self.local) = (canonical(source), canonical(destination));
            self.tlvs = tlvs.to_vec();
        }
        self.incoming.drain(..length);
        self.awaits = Awaits::Hello;
        Step::Named
    }

    fn shake_if_whole(&self) -> Step {
        let Some(&[_, _, _, high, low]) = self.incoming.first_chunk::<RECORD_HEAD_BYTES>() else {
            return Step::Wait;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > RECORD_BODY_BYTES_MAX {
            return Step::Refuse(Refusal::HandshakeFailed);
        }
        let is_whole = self.incoming.len() >= RECORD_HEAD_BYTES + length;
        if is_whole { Step::Shake } else { Step::Wait }
    }
}
