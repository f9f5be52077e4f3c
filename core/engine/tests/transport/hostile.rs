//! Clients that shake hands as they should and then send records that they should not. They end their
//! own connection and nothing else.

use crate::certificates::{Certificates, NAME};
use crate::porter::{
    CEILING, Client, FLOOD, House, NOTE, Noted, alone, dial, frame, rest, shake, wait_until,
};
use engine::{TlsAcceptor, Transport};
use runtime::CloseReason;
use rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, ContentType, ProtocolVersion,
    SupportedCipherSuite,
};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// A client that has shaken hands and makes its records itself.
struct Forger {
    socket: TcpStream,
    encrypter: Box<dyn MessageEncrypter>,
    sequence: u64,
}

impl Forger {
    fn come(house: &House, config: &Arc<ClientConfig>) -> Forger {
        let stream = shake(config, dial(house.address)).unwrap();
        let (connection, socket) = stream.into_parts();
        let suite = connection.negotiated_cipher_suite();
        let Some(SupportedCipherSuite::Tls13(suite)) = suite else { panic!("TLS 1.3") };
        let (sequence, secrets) = connection.dangerous_extract_secrets().unwrap().tx;
        let (ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets
        else {
            panic!("a suite that is not known")
        };
        Forger { socket, encrypter: suite.aead_alg.encrypter(key, iv), sequence }
    }

    fn record(&mut self, typ: ContentType, payload: &[u8]) -> Vec<u8> {
        let payload = OutboundChunks::Single(payload);
        let message = OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload };
        let sealed = self.encrypter.encrypt(message, self.sequence).unwrap();
        self.sequence += 1;
        sealed.encode()
    }

    /// Sends `bytes`, as far as the other end is still there.
    fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.socket.write_all(bytes) {
            let is_gone = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
            assert!(is_gone.contains(&error.kind()), "{error}");
        }
    }
}

fn house_of_forgers() -> (House, Certificates, Arc<ClientConfig>) {
    let certificates = Certificates::new();
    let tls = Some(TlsAcceptor::load(certificates.files(None)).unwrap());
    let house = House::open(1, Transport { tls, ..Transport::default() });
    let mut config = ClientConfig::clone(&certificates.client(&TLS13, None));
    config.enable_secret_extraction = true;
    (house, certificates, Arc::new(config))
}

/// A KeyUpdate that wants to be answered.
const KEY_UPDATE: &[u8] = &[24, 0, 0, 1, 1];

#[test]
fn half_a_handshake_message_may_wait_while_others_are_written() {
    let _alone = alone();
    let (house, certificates, config) = house_of_forgers();
    for cut in 1..KEY_UPDATE.len() {
        let mut forger = Forger::come(&house, &config);
        let flood = frame(&[FLOOD, b"3"].concat());
        let asks = forger.record(ContentType::ApplicationData, &flood);
        let begins = forger.record(ContentType::Handshake, &KEY_UPDATE[..cut]);
        let ends = forger.record(ContentType::Handshake, &KEY_UPDATE[cut..]);
        forger.send(&[asks.clone(), begins].concat());
        // Three frames of 60,000 bytes, in records.
        forger.socket.read_exact(&mut vec![0; 180_000]).unwrap();
        forger.send(&ends);
        forger.send(&asks); // by keys that are no longer those
        rest(forger.socket);
    }
    house.await_gone(CloseReason::Malformed, KEY_UPDATE.len() - 1);
    Client::secure(house.address, &certificates.client(&TLS13, None)).echo(b"all is well");
}

#[test]
fn a_key_update_is_answered() {
    let _alone = alone();
    let (house, certificates, _) = house_of_forgers();
    let mut client = Client::secure(house.address, &certificates.client(&TLS13, None));
    for _ in 0..3 {
        client.stream.conn.refresh_traffic_keys().unwrap();
        client.echo(b"by new keys");
    }
}

#[test]
fn a_handshake_message_that_never_ends_is_given_up() {
    let _alone = alone();
    let (house, certificates, config) = house_of_forgers();
    let mut forger = Forger::come(&house, &config);
    let begin = forger.record(ContentType::Handshake, &[24, 0, 0xff, 0xff]);
    forger.send(&begin);
    for _ in 0..20_000 {
        let byte = forger.record(ContentType::Handshake, &[1]);
        forger.send(&byte);
    }
    rest(forger.socket);
    house.await_gone(CloseReason::Malformed, 1);
    Client::secure(house.address, &certificates.client(&TLS13, None)).echo(b"all is well");
}

/// Numbers that look like chance, the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }
}

#[test]
fn records_of_any_kind_end_their_own_connection_at_most() {
    const FORGERS: u64 = 300;
    let _alone = alone();
    let (house, certificates, config) = house_of_forgers();
    let mut witness = Client::secure(house.address, &certificates.client(&TLS13, None));
    let types = [
        ContentType::ApplicationData,
        ContentType::Handshake,
        ContentType::Alert,
        ContentType::ChangeCipherSpec,
        ContentType::Heartbeat,
        ContentType::Unknown(99),
    ];
    for seed in 0..FORGERS {
        let mut chance = Chance(seed);
        let mut forger = Forger::come(&house, &config);
        for _ in 0..chance.below(8) + 1 {
            let length = [0, 1, 2, 4, 5, 100, 16_384, 20_000][chance.below(8)];
            let mut payload: Vec<u8> = (0..length).map(|_| chance.below(256) as u8).collect();
            match chance.below(4) {
                0 => payload.splice(0..length.min(4), [24, 0, 0, 1]).for_each(drop),
                1 => payload = frame(&[NOTE, &payload].concat()),
                _ => (),
            }
            let mut record = forger.record(types[chance.below(types.len())], &payload);
            if chance.below(4) == 0 {
                let at = chance.below(record.len());
                record[at] ^= 1 << chance.below(8);
            }
            if chance.below(4) == 0 {
                record.truncate(chance.below(record.len()));
            }
            forger.send(&record);
        }
        if seed % 50 == 0 {
            witness.echo(b"still here");
        }
    }
    witness.echo(b"still here");
    drop(certificates);
    // What lies right behind the last flight is judged together with it.
    let is_gone = |noted: &Noted| matches!(noted, Noted::Went(_) | Noted::Refused(..));
    wait_until("all forgers to be gone", || house.times(is_gone) as u64 == FORGERS);
}

#[test]
fn any_bytes_instead_of_a_handshake_are_turned_away() {
    let _alone = alone();
    let (house, certificates, _) = house_of_forgers();
    let name = NAME.try_into().unwrap();
    let mut connection = ClientConnection::new(certificates.client(&TLS13, None), name).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    for seed in 0..200 {
        let mut chance = Chance(seed);
        let mut bytes = hello.clone();
        for _ in 0..chance.below(4) + 1 {
            let at = chance.below(bytes.len());
            bytes[at] = chance.below(256) as u8;
        }
        let mut socket = dial(house.address);
        socket.set_read_timeout(Some(CEILING)).unwrap();
        // What follows the hello is no second flight, whatever came of the first one.
        socket.write_all(&bytes).unwrap();
        socket.write_all(&[22, 3, 3, 0, 4, 9, 9, 9, 9]).ok();
        drop(socket);
    }
    Client::secure(house.address, &certificates.client(&TLS13, None)).echo(b"all is well");
    house.await_figure("no handshakes", |counts| counts.handshakes_in_flight, 0);
}
