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

/// When so much has come while a handshake is at a worker, no more is received until it is back.
/// While it is here, less than one PROXY header or one record can be kept.
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
    /// A proxy has come for itself: a health check, which need not be told to anybody if it goes
    /// without a word.
    is_proxy: bool,
    records: RecordEnds,
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
    /// Receive no more until its handshake is back.
    Pause,
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
            is_proxy: false,
            records: RecordEnds::default(),
        }
    }

    /// Takes what has come.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.incoming.extend_from_slice(bytes);
        if !matches!(self.awaits, Awaits::Header) {
            self.records.pass(bytes);
        }
    }

    /// Looks at what has come.
    pub fn next(&mut self, transport: &Transport) -> Step {
        match &self.awaits {
            Awaits::Header => self.read_header(),
            Awaits::Hello if transport.tls.is_none() => match self.is_proxy && self.is_silent() {
                true => Step::Wait,
                false => Step::Enter,
            },
            Awaits::Hello => match self.incoming.first() {
                Some(&HANDSHAKE_RECORD) | None => self.shake_if_whole(),
                Some(_) => Step::Refuse(Refusal::HandshakeFailed),
            },
            Awaits::Flight(_) => self.shake_if_whole(),
            Awaits::Worker if self.incoming.len() > INCOMING_BYTES_MAX => Step::Pause,
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
        self.records.has_ended = false;
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
        match header {
            Header::Own => self.is_proxy = true,
            Header::Proxied { source, destination, tlvs } => {
                (self.peer, self.local) = (canonical(source), canonical(destination));
                self.tlvs = tlvs.to_vec();
            }
        }
        self.incoming.drain(..length);
        self.records.pass(&self.incoming);
        self.awaits = Awaits::Hello;
        Step::Named
    }

    fn shake_if_whole(&self) -> Step {
        match self.records {
            RecordEnds { is_wrong: true, .. } => Step::Refuse(Refusal::HandshakeFailed),
            RecordEnds { has_ended: true, .. } => Step::Shake,
            RecordEnds { .. } => Step::Wait,
        }
    }
}

/// Where records end in what comes, so that no worker is troubled with less than one. Of what a
/// worker has been given already this knows only how it is to go on.
#[derive(Default)]
struct RecordEnds {
    head: [u8; RECORD_HEAD_BYTES],
    /// How much of the head is known.
    known: usize,
    /// How much of the body is to come.
    left: usize,
    /// Whether one has ended since a worker was last asked.
    has_ended: bool,
    /// Whether one was announced that is too long.
    is_wrong: bool,
}

impl RecordEnds {
    fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_wrong {
            let of_head = bytes.len().min(RECORD_HEAD_BYTES - self.known);
            self.head[self.known..][..of_head].copy_from_slice(&bytes[..of_head]);
            self.known += of_head;
            bytes = &bytes[of_head..];
            if self.known < RECORD_HEAD_BYTES {
                return;
            }
            if of_head > 0 {
                let [_, _, _, high, low] = self.head;
                self.left = usize::from(u16::from_be_bytes([high, low]));
                self.is_wrong = self.left > RECORD_BODY_BYTES_MAX;
            }
            let of_body = bytes.len().min(self.left);
            self.left -= of_body;
            bytes = &bytes[of_body..];
            if self.left == 0 {
                (self.known, self.has_ended) = (0, true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_end_where_their_heads_say() {
        let lengths = [3, 0, 300, RECORD_BODY_BYTES_MAX];
        let record = |length: &usize| {
            let [high, low] = (*length as u16).to_be_bytes();
            [vec![22, 3, 3, high, low], vec![9; *length]].concat()
        };
        let bytes: Vec<u8> = lengths.iter().flat_map(record).collect();
        for step in [1, 2, 5, 7, 1000] {
            let (mut ends, mut found, mut at) = (RecordEnds::default(), Vec::new(), 0);
            for piece in bytes.chunks(step) {
                ends.pass(piece);
                at += piece.len();
                if std::mem::take(&mut ends.has_ended) {
                    found.push(at);
                }
            }
            let whole = lengths.iter().scan(0, |end, length| {
                *end += RECORD_HEAD_BYTES + length;
                Some(*end)
            });
            let mut wanted: Vec<usize> =
                whole.map(|end: usize| end.next_multiple_of(step).min(bytes.len())).collect();
            wanted.dedup();
            assert_eq!(found, wanted, "in steps of {step}");
        }
        let mut ends = RecordEnds::default();
        ends.pass(&[22, 3, 3, 0xff, 0xff]);
        assert!(ends.is_wrong);
    }
}
