//! Clients that come to shake hands, and clients that come and stay.

use crate::certificate::{Certificate, NAME};
use crate::server::Door;
use anyhow::{Context, Result, anyhow, ensure};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, Stream};
use std::io::{ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Clients at a time.
const AT_ONCE: usize = 16;
const CEILING: Duration = Duration::from_secs(20);

/// What a handshake rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// On nothing: keys are agreed and a signature is made.
    Full,
    /// On an earlier one: keys are agreed.
    Resumed,
}

impl Kind {
    /// What the table calls it.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Full => "full handshake, TLS 1.3, ECDSA P-256",
            Kind::Resumed => "resumed handshake, TLS 1.3",
        }
    }
}

/// Lets `count` clients come one after the other, some at a time: each shakes hands, says that it
/// goes, and waits until the server has closed.
pub fn shake_hands(
    address: SocketAddr,
    certificate: &Certificate,
    kind: Kind,
    count: usize,
) -> Result<()> {
    let left = AtomicUsize::new(count);
    let client = || -> Result<()> {
        let config = certificate.client(kind == Kind::Resumed)?;
        if kind == Kind::Resumed {
            come_and_go(address, &config)?;
        }
        let takes = |left: usize| left.checked_sub(1);
        while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, takes).is_ok() {
            let resumed = come_and_go(address, &config)? == HandshakeKind::Resumed;
            ensure!(resumed == (kind == Kind::Resumed), "a handshake of another kind");
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(client)).collect();
        let mut ended = threads.into_iter().map(|thread| thread.join());
        ended.try_for_each(|ended| ended.map_err(|_| anyhow!("a client has panicked"))?)
    })
}

fn come_and_go(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<HandshakeKind> {
    let (mut connection, mut socket) = come(address, config)?;
    let kind = connection.handshake_kind().context("no handshake")?;
    connection.send_close_notify();
    connection.write_tls(&mut socket)?;
    socket.shutdown(Shutdown::Write)?;
    // The ticket, and then the end.
    match Stream::new(&mut connection, &mut socket).read(&mut [0]) {
        Ok(0) => Ok(kind),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(kind),
        other => Err(anyhow!("instead of the end: {other:?}")),
    }
}

fn come(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<(ClientConnection, TcpStream)> {
    let mut socket = dial(address)?;
    let mut connection = ClientConnection::new(Arc::clone(config), NAME.try_into()?)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    while connection.wants_write() {
        connection.write_tls(&mut socket)?;
    }
    Ok((connection, socket))
}

/// Lets `count` clients come through `door` and say nothing; they stay as long as what is returned.
pub fn come_and_stay(
    address: SocketAddr,
    door: Door,
    certificate: &Certificate,
    count: usize,
) -> Result<Vec<TcpStream>> {
    let config = certificate.client(false)?;
    let one = |_| match door {
        Door::Plain => dial(address),
        Door::Secure => Ok(come(address, &config)?.1),
    };
    (0..count).map(one).collect()
}

fn dial(address: SocketAddr) -> Result<TcpStream> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(CEILING))?;
    Ok(socket)
}
