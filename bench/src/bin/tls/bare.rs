//! Handshakes in memory: what the server's half of them takes when there is nothing else.

use crate::certificate::{Certificate, NAME};
use crate::clients::Kind;
use anyhow::{Context, Result, ensure};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection};
use std::sync::Arc;
use std::thread;

/// Handshakes side by side, flight by flight: the clock is read once for all of them, and the
/// server's code is as warm as in a server with so many guests. No more than a client keeps tickets.
const SIDE_BY_SIDE: usize = 8;

/// Nanoseconds of CPU time of the server's half of one handshake, over at least `count` of them, on
/// `cpu`.
pub fn server_ns(certificate: &Certificate, kind: Kind, cpu: usize, count: usize) -> Result<f64> {
    let alone = || -> Result<f64> {
        let mut one = CpuSet::new();
        one.set(cpu);
        sched_setaffinity(None, &one).context("the bare loop wants the server's CPU")?;
        let server = certificate.server()?;
        let client = certificate.client(kind.is_resumed())?;
        // The first ones have nothing to resume, and find everything cold.
        shake_hands(&server, &client, Kind::Full)?;
        let rounds = count.div_ceil(SIDE_BY_SIDE);
        let spent = (0..rounds).map(|_| shake_hands(&server, &client, kind));
        let spent = spent.sum::<Result<u64>>()?;
        Ok(spent as f64 / (rounds * SIDE_BY_SIDE) as f64)
    };
    thread::scope(|scope| scope.spawn(alone).join()).expect("it does not panic")
}

/// Lets some shake hands; the CPU time of the server's half of it, in nanoseconds.
fn shake_hands(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>, kind: Kind) -> Result<u64> {
    let mut clients = Vec::new();
    for _ in 0..SIDE_BY_SIDE {
        clients.push(ClientConnection::new(Arc::clone(client), NAME.try_into()?)?);
    }
    let began = cpu_ns();
    let servers = (0..SIDE_BY_SIDE).map(|_| ServerConnection::new(Arc::clone(server)));
    let mut servers = servers.collect::<Result<Vec<_>, _>>()?;
    let mut spent = cpu_ns() - began;
    // The hello; then what is finished, and perhaps that the client goes.
    for flight in 0..2 {
        let mut ups = Vec::new();
        for client in &mut clients {
            if flight == 1 && kind.ends() {
                client.send_close_notify();
            }
            let mut up = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut up)?;
            }
            ups.push(up);
        }
        let began = cpu_ns();
        let mut downs = Vec::new();
        for (server, up) in servers.iter_mut().zip(&ups) {
            let mut down = Vec::new();
            server.read_tls(&mut &up[..])?;
            if server.process_new_packets()?.peer_has_closed() {
                server.send_close_notify();
            }
            while server.wants_write() {
                server.write_tls(&mut down)?;
            }
            downs.push(down);
        }
        spent += cpu_ns() - began;
        for (client, down) in clients.iter_mut().zip(&downs) {
            client.read_tls(&mut &down[..])?;
            client.process_new_packets()?;
        }
    }
    let wanted = if kind.is_resumed() { HandshakeKind::Resumed } else { HandshakeKind::Full };
    let are_done = servers.iter().all(|server| !server.is_handshaking());
    let are_such = servers.iter().all(|server| server.handshake_kind() == Some(wanted));
    ensure!(are_done && are_such, "a handshake of another kind");
    if kind.ends() {
        let began = cpu_ns();
        drop(servers);
        spent += cpu_ns() - began;
    }
    Ok(spent)
}

/// What this thread has used of its CPU.
fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
