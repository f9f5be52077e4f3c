//! One TLS connection without its socket: bytes in, bytes out. Handshakes and records alike.
//!
//! It keeps a buffer only while the begin of a record, or of a handshake message, waits for its
//! rest: an idle connection has none. It keeps no plaintext.

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncryptError, UnbufferedStatus, WriteTraffic};
use rustls::{Error, HandshakeKind, ProtocolVersion, ServerConfig};
use std::sync::Arc;

/// The most bytes that one record can have.
const RECORD_BYTES_MAX: usize = 5 + (16 << 10) + 2048;
/// What is kept until it can be understood: a handshake message of 64 KiB at most, in records.
const PENDING_BYTES_MAX: usize = 128 << 10;
/// More than a record, its key update and their headers add to 16 KiB of plaintext.
const OVERHEAD_BYTES: usize = 512;

type Traffic<'c> = WriteTraffic<'c, ServerConnectionData>;

/// Bytes that are ready to be sent. Filled again and again, so that its memory is cleared once.
#[derive(Default)]
pub struct Sealed {
    bytes: Vec<u8>,
    len: usize,
}

impl Sealed {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Lets `write` fill some of the room behind them, of which there are `count` bytes at least.
    fn fill<E>(
        &mut self,
        count: usize,
        write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        if self.bytes.len() < self.len + count {
            self.bytes.resize(self.len + count, 0);
        }
        self.len += write(&mut self.bytes[self.len..])?;
        Ok(())
    }
}

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stand {
    /// Its handshake goes on when more has come.
    Shaking,
    /// Its handshake is done.
    Open,
    /// The peer has said that it writes no more.
    Closed,
}

/// A TLS connection, as the server of it.
pub struct Records {
    connection: UnbufferedServerConnection,
    /// What has come and is not understood yet.
    pending: Vec<u8>,
    /// Whether the peer is to show a certificate.
    asks_certificate: bool,
    /// It has failed; nothing may be asked of it any more.
    is_broken: bool,
}

impl Records {
    /// A connection of which nothing has come yet. `asks_certificate`: whether `config` wants one of
    /// the peer.
    pub fn new(config: Arc<ServerConfig>, asks_certificate: bool) -> Result<Records, Error> {
        Ok(Records {
            connection: UnbufferedServerConnection::new(config)?,
            pending: Vec::new(),
            asks_certificate,
            is_broken: false,
        })
    }

    /// Whether the handshake rested on an earlier one.
    pub fn is_resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Whether the keys are agreed and nothing is left to be signed or verified: what is left of the
    /// handshake takes no longer than some records. In TLS 1.3 that is so from the server's first
    /// flight on, unless the client shows a certificate.
    pub fn is_nearly_done(&self) -> bool {
        let is_tls13 = self.is_tls13();
        let is_agreed = self.connection.negotiated_key_exchange_group().is_some();
        is_tls13 && is_agreed && !self.asks_certificate
    }

    /// Whether TLS 1.3 is spoken: then nothing but tickets is answered to the end of the handshake.
    pub fn is_tls13(&self) -> bool {
        self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_3)
    }

    /// Takes what has come and does nothing yet.
    pub fn wait_with(&mut self, bytes: Vec<u8>) {
        if self.pending.is_empty() {
            self.pending = bytes;
        } else {
            self.pending.extend_from_slice(&bytes);
        }
    }

    /// Understands `bytes`, which are changed: what the peer says goes behind `plain`, what it is to
    /// be answered behind `out`; both also if it fails.
    pub fn receive(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Sealed,
    ) -> Result<Stand, Error> {
        if self.is_broken {
            return Err(broken());
        }
        if self.pending.is_empty() {
            let (used, stand) = self.process(bytes, plain, out);
            self.pending.extend_from_slice(&bytes[used..]);
            return stand;
        }
        self.pending.extend_from_slice(bytes);
        let mut pending = std::mem::take(&mut self.pending);
        let (used, stand) = self.process(&mut pending, plain, out);
        if used < pending.len() {
            pending.drain(..used);
            self.pending = pending;
        }
        if self.pending.len() > PENDING_BYTES_MAX {
            self.is_broken = true;
            return Err(Error::General("a handshake message that never ends".into()));
        }
        stand
    }

    /// Encrypts `plain` behind `out`, in as few records as hold it.
    pub fn seal(&mut self, plain: &[u8], out: &mut Sealed) -> Result<(), Error> {
        let room = plain.len() + plain.len() / 16 + OVERHEAD_BYTES;
        self.write(room, out, |traffic, room| traffic.encrypt(plain, room))
    }

    /// Says behind `out` that nothing follows.
    pub fn seal_end(&mut self, out: &mut Sealed) -> Result<(), Error> {
        self.write(OVERHEAD_BYTES, out, |traffic, room| traffic.queue_close_notify(room))
    }

    /// Processes `bytes` from their begin on; returns how many are done with.
    fn process(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Sealed,
    ) -> (usize, Result<Stand, Error>) {
        let mut used = 0;
        loop {
            let (done, stand) = self.step(&mut bytes[used..], plain, out);
            used += done;
            let is_shaking = self.connection.is_handshaking();
            let stand = match stand {
                Ok(None) => continue,
                Ok(Some(Stand::Open)) if is_shaking => Ok(Stand::Shaking),
                Ok(Some(Stand::Closed)) if is_shaking => {
                    Err(Error::General("closed during its handshake".into()))
                }
                Ok(Some(stand)) => Ok(stand),
                Err(error) => Err(error),
            };
            if stand.is_err() {
                self.is_broken = true;
                self.seal_alert(out);
            }
            return (used, stand);
        }
    }

    /// One step of [`Records::process`]; `None` if another one is to follow.
    fn step(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Sealed,
    ) -> (usize, Result<Option<Stand>, Error>) {
        let UnbufferedStatus { discard, state, .. } = self.connection.process_tls_records(bytes);
        let mut done = discard;
        let stand = match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                let mut result = Ok(None);
                while let Some(record) = traffic.next_record() {
                    match record {
                        Ok(record) => {
                            done += record.discard;
                            plain.extend_from_slice(record.payload);
                        }
                        Err(error) => result = Err(error),
                    }
                }
                result
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                let encoded = out.fill(RECORD_BYTES_MAX, |room| data.encode(room));
                encoded.map(|()| None).map_err(|error| Error::General(error.to_string()))
            }
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                Ok(None)
            }
            Ok(ConnectionState::WriteTraffic(_)) => Ok(Some(Stand::Open)),
            Ok(ConnectionState::BlockedHandshake) => Ok(Some(Stand::Shaking)),
            Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Ok(Some(Stand::Closed)),
            Ok(_) => Err(Error::General("early data, which was not offered".into())),
            Err(error) => Err(error),
        };
        (done, stand)
    }

    /// Puts the alert behind `out` by which a failed connection says why.
    fn seal_alert(&mut self, out: &mut Sealed) {
        while self.connection.wants_write()
            && let Ok(ConnectionState::EncodeTlsData(mut data)) =
                self.connection.process_tls_records(&mut []).state
            && out.fill(RECORD_BYTES_MAX, |room| data.encode(room)).is_ok()
        {}
    }

    /// Lets `write` fill `room` bytes behind `out`, after all that is to be said before.
    fn write(
        &mut self,
        room: usize,
        out: &mut Sealed,
        write: impl FnOnce(&mut Traffic<'_>, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> Result<(), Error> {
        let failed = |error: String| Error::General(error);
        if self.is_broken {
            return Err(broken());
        }
        loop {
            // Not of nothing: what it has understood in part is counted from the begin.
            match self.connection.process_tls_records(&mut self.pending).state? {
                ConnectionState::EncodeTlsData(mut data) => {
                    let encoded = out.fill(RECORD_BYTES_MAX, |room| data.encode(room));
                    encoded.map_err(|error| failed(error.to_string()))?;
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::WriteTraffic(mut traffic) => {
                    let written = out.fill(room, |room| write(&mut traffic, room));
                    return written.map_err(|error| failed(error.to_string()));
                }
                ConnectionState::PeerClosed => (),
                ConnectionState::ReadTraffic(_)
                | ConnectionState::ReadEarlyData(_)
                | ConnectionState::BlockedHandshake
                | ConnectionState::Closed
                | _ => return Err(broken()),
            }
        }
    }
}

fn broken() -> Error {
    Error::General("the connection has failed before".into())
}
