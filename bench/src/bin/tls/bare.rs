//! Handshakes in memory: what the server's half of them takes when there is nothing else.

use crate::certificate::{Certificate, NAME};
use crate::clients::Kind;
use anyhow::{Result, ensure};
use rustls::{ClientConnection, HandshakeKind, ServerConnection};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Nanoseconds of the server's half of one handshake, over `count` of them.
pub fn server_ns(certificate: &Certificate, kind: Kind, count: usize) -> Result<f64> {
    let (server, client) = (certificate.server()?, certificate.client(kind == Kind::Resumed)?);
    let mut spent = Duration::ZERO;
    for number in 0..=count {
        let mut client = ClientConnection::new(Arc::clone(&client), NAME.try_into()?)?;
        let began = Instant::now();
        let mut server = ServerConnection::new(Arc::clone(&server))?;
        let mut took = began.elapsed();
        let (mut up, mut down) = (Vec::new(), Vec::new());
        while client.is_handshaking() || server.is_handshaking() || client.wants_write() {
            client.write_tls(&mut up)?;
            let began = Instant::now();
            server.read_tls(&mut &up[..])?;
            server.process_new_packets()?;
            while server.wants_write() {
                server.write_tls(&mut down)?;
            }
            took += began.elapsed();
            client.read_tls(&mut &down[..])?;
            client.process_new_packets()?;
            (up, down) = (Vec::new(), Vec::new());
        }
        let is_resumed = server.handshake_kind() == Some(HandshakeKind::Resumed);
        // The first one has nothing to resume.
        if number > 0 {
            ensure!(is_resumed == (kind == Kind::Resumed), "a handshake of another kind");
            spent += took;
        }
    }
    Ok(spent.as_nanos() as f64 / count as f64)
}
