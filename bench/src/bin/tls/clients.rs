//! Clients that come to shake hands, and clients that come and stay.

use crate::certificate::{Certificate, NAME};
use crate::server::Door;
use anyhow::{Context, Result, anyhow, ensure};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, Stream};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Clients at a time: as many as the load tester lets log in at a time.
const AT_ONCE: usize = 64;
const CEILING: Duration = Duration::from_secs(20);

/// What a handshake rests on, and whether who has shaken hands goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// On nothing: keys are agreed and a signature is made. Who is in stays.
    Full,
    /// The same, but who is in goes at once.
    FullAndEnd,
    /// On an earlier one: keys are agreed. Who is in goes at once.
    ResumedAndEnd,
}

impl Kind {
    /// What the table calls it.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Full => "full handshake, TLS 1.3, ECDSA P-256",
            Kind::FullAndEnd => "the same, and the connection's end",
            Kind::ResumedAndEnd => "resumed handshake, TLS 1.3, and the end",
        }
    }

    /// Whether it rests on an earlier one.
    pub fn is_resumed(self) -> bool {
        self == Kind::ResumedAndEnd
    }

    /// Whether the connection's end counts too.
    pub fn ends(self) -> bool {
        self != Kind::Full
    }
}

/// Somebody who has shaken hands.
pub struct Guest {
    connection: ClientConnection,
    socket: TcpStream,
}

/// Clients that come to shake hands, some at a time.
pub struct Clients {
    address: SocketAddr,
    kind: Kind,
    /// One for each that is there at a time.
    configs: Vec<Arc<ClientConfig>>,
}

impl Clients {
    /// Gets them ready, so that they have what they rest on.
    pub fn new(address: SocketAddr, certificate: &Certificate, kind: Kind) -> Result<Clients> {
        let configs = (0..AT_ONCE).map(|_| certificate.client(kind.is_resumed()));
        let configs = configs.collect::<Result<Vec<_>>>()?;
        if kind.is_resumed() {
            configs.iter().try_for_each(|config| Guest::come(address, config)?.go())?;
        }
        Ok(Clients { address, kind, configs })
    }

    /// Lets `count` come one after the other and shake hands. They are given back, or say at once
    /// that they go, and wait until the server has closed.
    ///
    /// One thread looks at all of them in turn and never sleeps: whoever sends to one that does has
    /// to wake it, and here that would be the server. What they say first is ready before the first
    /// one comes, lest the server wait for them, if it does not rest on what one before them was told.
    pub fn shake_hands(&self, count: usize) -> Result<Vec<Guest>> {
        let mut present: Vec<Option<Guest>> = self.configs.iter().map(|_| None).collect();
        let ready = if self.kind.is_resumed() { 0 } else { count };
        let ready = self.configs.iter().cycle().take(ready).map(Outside::new);
        let mut ready = ready.collect::<Result<VecDeque<_>>>()?;
        let (mut begun, mut over, mut guests) = (0, 0, Vec::new());
        let mut since = Instant::now();
        while over < count {
            ensure!(since.elapsed() < CEILING, "the server answers nobody");
            for (place, config) in present.iter_mut().zip(&self.configs) {
                let Some(guest) = place else {
                    if begun < count {
                        let next = ready.pop_front().map_or_else(|| Outside::new(config), Ok)?;
                        *place = Some(next.come(self.address)?);
                        begun += 1;
                    }
                    continue;
                };
                if guest.go_on(self.kind)? {
                    guests.extend(place.take().filter(|_| !self.kind.ends()));
                    (over, since) = (over + 1, Instant::now());
                }
            }
        }
        Ok(guests)
    }
}

/// Somebody who is about to come.
struct Outside {
    connection: ClientConnection,
    hello: Vec<u8>,
}

impl Outside {
    fn new(config: &Arc<ClientConfig>) -> Result<Outside> {
        let mut connection = ClientConnection::new(Arc::clone(config), NAME.try_into()?)?;
        let mut hello = Vec::new();
        connection.write_tls(&mut hello)?;
        Ok(Outside { connection, hello })
    }

    /// Comes, and says hello.
    fn come(self, address: SocketAddr) -> Result<Guest> {
        let mut socket = dial(address)?;
        socket.write_all(&self.hello)?;
        socket.set_nonblocking(true)?;
        Ok(Guest { connection: self.connection, socket })
    }
}

impl Guest {
    /// Does what can be done without waiting; whether that was all.
    fn go_on(&mut self, kind: Kind) -> Result<bool> {
        let Guest { connection, socket } = self;
        match connection.read_tls(socket) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            count => ensure!(count? > 0, "the server has closed"),
        }
        let was_shaking = connection.is_handshaking();
        let has_ended = connection.process_new_packets()?.peer_has_closed();
        if connection.is_handshaking() || !was_shaking {
            return Ok(has_ended);
        }
        let is_resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
        ensure!(is_resumed == kind.is_resumed(), "a handshake of another kind");
        if kind.ends() {
            connection.send_close_notify();
        }
        while connection.wants_write() {
            connection.write_tls(socket)?;
        }
        if kind.ends() {
            socket.shutdown(Shutdown::Write)?;
        }
        Ok(!kind.ends())
    }

    /// Comes and shakes hands.
    pub fn come(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Guest> {
        let mut guest = Outside::new(config)?.come(address)?;
        guest.socket.set_nonblocking(false)?;
        while !guest.go_on(Kind::Full)? {}
        Ok(guest)
    }

    /// Says that it goes, and waits for the ticket and the end.
    pub fn go(self) -> Result<()> {
        let Guest { mut connection, mut socket } = self;
        socket.set_nonblocking(false)?;
        connection.send_close_notify();
        connection.write_tls(&mut socket)?;
        socket.shutdown(Shutdown::Write)?;
        // The server says so too, encrypted: to it the handshake is done.
        match Stream::new(&mut connection, &mut socket).read(&mut [0]) {
            Ok(0) => Ok(()),
            other => Err(anyhow!("instead of the end: {other:?}")),
        }
    }
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
        Door::Secure => Ok(Guest::come(address, &config)?.socket),
    };
    (0..count).map(one).collect()
}

fn dial(address: SocketAddr) -> Result<TcpStream> {
    let socket = TcpStream::connect(address).context("connecting")?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(CEILING))?;
    Ok(socket)
}
