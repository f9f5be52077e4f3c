//! The connections of one thread: connecting, epoll, one read buffer for all, what could not be
//! sent yet. Knows bytes only.
//!
//! Level-triggered; EPOLLOUT is asked for while, and only while, something could not be sent, and
//! until a connection that was opened without waiting stands.

mod tls;

use crate::protocol::Malformed;
use anyhow::{Context, Result};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::{Domain, Socket, Type};
use std::fmt;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;
use tls::Secured;
pub use tls::Tls;

/// Why a connection ended, if the server ended it.
const CLOSED: &str = "closed by the server";
/// Bytes of one receive.
const READ_BYTES: usize = 256 << 10;
/// Room in front of it for what the last receive left: less than a frame.
const HEAD_BYTES: usize = 64 << 10;
/// Bytes already sent that a connection may hold in front of those not yet sent.
const SENT_BYTES_MAX: usize = 1 << 20;
/// The longest wait for events.
const NAP_MAX: Duration = Duration::from_millis(999);
/// Events of one round.
const ROUND_EVENTS: usize = 1024;
/// Connections per source address: fewer than there are ports.
pub(crate) const CONNECTIONS_PER_SOURCE: u32 = 2_000;
/// A process has 2 to this power source addresses for itself, on loopback.
const SOURCES_BITS: u32 = 8;

#[derive(Default)]
struct Conn {
    /// None: not open.
    socket: Option<Socket>,
    /// What encrypts it, if it is encrypted.
    secured: Option<Secured>,
    /// Bytes not yet sent, from `sent` on.
    pending: Vec<u8>,
    sent: usize,
    /// The begin of a frame that the last receive left.
    tail: Vec<u8>,
    waits_for_room: bool,
}

pub(crate) struct Sockets {
    epoll: OwnedFd,
    conns: Vec<Conn>,
    buffer: Box<[u8]>,
    /// What a receive of an encrypted connection says.
    plain: Vec<u8>,
    events: Vec<Event>,
    pub(crate) broken: Vec<Broken>,
}

/// A connection that broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) conn: u32,
    pub(crate) why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}: {}", self.conn, self.why)
    }
}

/// How we end a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The other side reads that it ended.
    Closed,
    /// What is under way is thrown away, and no port stays behind.
    Reset,
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) conn: u32,
    pub(crate) is_readable: bool,
    pub(crate) is_writable: bool,
}

impl Event {
    fn of(event: &epoll::Event) -> Event {
        let (flags, data) = (event.flags, event.data);
        let readable = epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR;
        Event {
            conn: data.u64() as u32,
            is_readable: flags.intersects(readable),
            is_writable: flags.contains(epoll::EventFlags::OUT),
        }
    }
}

impl Sockets {
    /// Connects `count` times, to `addrs` in turn.
    pub(crate) fn connect(addrs: &[SocketAddr], count: u32) -> Result<Sockets> {
        let mut sockets = Sockets::closed(count)?;
        for (index, addr) in (0..count).zip(addrs.iter().cycle()) {
            let socket =
                connect_one(*addr, index / CONNECTIONS_PER_SOURCE).with_context(
                    || match index {
                        0 => format!("no server at {addr}"),
                        _ => format!("connection {index} of {count} to {addr}"),
                    },
                )?;
            sockets.take(index, socket)?;
        }
        Ok(sockets)
    }

    /// So many connections, none of them open.
    pub(crate) fn closed(count: u32) -> Result<Sockets> {
        Ok(Sockets {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).context("epoll")?,
            conns: (0..count).map(|_| Conn::default()).collect(),
            buffer: vec![0; HEAD_BYTES + READ_BYTES].into_boxed_slice(),
            plain: Vec::new(),
            events: Vec::with_capacity(ROUND_EVENTS),
            broken: Vec::new(),
        })
    }

    /// Takes over a connection that stands.
    pub(crate) fn take(&mut self, conn: u32, socket: Socket) -> Result<()> {
        self.adopt(conn, socket, epoll::EventFlags::IN)
    }

    /// Opens a connection that is not open, without waiting until it stands; what is sent before
    /// goes out then. `source` is as in [`connect_one`].
    pub(crate) fn open(
        &mut self,
        conn: u32,
        addr: SocketAddr,
        source: u32,
        tls: Option<&Tls>,
    ) -> Result<()> {
        let socket = socket_for(addr, source)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&addr.into()) {
            Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => {
                return Err(error).with_context(|| format!("connecting to {addr}"));
            }
            Ok(()) | Err(_) => (),
        }
        self.adopt(conn, socket, epoll::EventFlags::IN | epoll::EventFlags::OUT)?;
        self.conns[conn as usize].secured = tls.map(Tls::begin).transpose()?;
        Ok(())
    }

    fn adopt(&mut self, index: u32, socket: Socket, wanted: epoll::EventFlags) -> Result<()> {
        let mark = epoll::EventData::new_u64(u64::from(index));
        epoll::add(&self.epoll, &socket, mark, wanted).context("epoll")?;
        let waits_for_room = wanted.contains(epoll::EventFlags::OUT);
        self.conns[index as usize] =
            Conn { socket: Some(socket), waits_for_room, ..Conn::default() };
        Ok(())
    }

    /// Ends a connection; nothing more is heard of it.
    pub(crate) fn close(&mut self, conn: u32, ending: Ending) {
        if ending == Ending::Closed
            && let Some(secured) = &mut self.conns[conn as usize].secured
        {
            secured.finish();
            self.send_secured(conn);
        }
        let Conn { socket: Some(socket), .. } = std::mem::take(&mut self.conns[conn as usize])
        else {
            return;
        };
        if ending == Ending::Reset {
            // Without it the connection ends all the same, if more gently.
            socket.set_linger(Some(Duration::ZERO)).unwrap_or_default();
        }
    }

    /// Waits at most `timeout_ms` and returns how many events there are.
    pub(crate) fn poll(&mut self, timeout_ms: u32) -> Result<usize> {
        self.poll_for(Duration::from_millis(timeout_ms.into()))
    }

    /// Waits at most `timeout`, and less than a second, and returns how many events there are.
    pub(crate) fn poll_for(&mut self, timeout: Duration) -> Result<usize> {
        let nanoseconds = timeout.min(NAP_MAX).subsec_nanos();
        let timeout = Timespec { tv_sec: 0, tv_nsec: nanoseconds.into() };
        self.events.clear();
        let mut room = [const { MaybeUninit::uninit() }; ROUND_EVENTS];
        match epoll::wait(&self.epoll, &mut room[..], Some(&timeout)) {
            Ok((events, _)) => self.events.extend(events.iter().map(Event::of)),
            Err(Errno::INTR) => (),
            Err(error) => return Err(error).context("epoll"),
        }
        Ok(self.events.len())
    }

    /// Event number `index` of the last poll.
    #[inline]
    pub(crate) fn event(&self, index: usize) -> Event {
        self.events[index]
    }

    /// One receive. `parse` gets what is there and says how much of it it is done with.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        conn: u32,
        parse: impl FnOnce(&[u8]) -> Result<usize, Malformed>,
    ) {
        let Some(Conn { socket: Some(socket), secured, tail, .. }) =
            self.conns.get_mut(conn as usize)
        else {
            return;
        };
        let bytes = match recv(socket, &mut self.buffer[HEAD_BYTES..], RecvFlags::empty()) {
            Ok((bytes, _)) if bytes > 0 => bytes,
            Err(Errno::AGAIN | Errno::INTR) => return,
            Ok(_) => return self.give_up(conn, CLOSED),
            Err(error) => return self.give_up(conn, &why(error)),
        };
        if secured.is_some() {
            return self.receive_secured(conn, bytes, parse);
        }
        let start = HEAD_BYTES - tail.len();
        self.buffer[start..HEAD_BYTES].copy_from_slice(tail);
        tail.clear();
        let there = &self.buffer[start..HEAD_BYTES + bytes];
        match parse(there) {
            Ok(done) if there.len() - done <= HEAD_BYTES => tail.extend_from_slice(&there[done..]),
            Ok(_) | Err(Malformed) => self.give_up(conn, "malformed bytes from the server"),
        }
    }

    /// So many bytes of an encrypted connection stand in the buffer.
    fn receive_secured(
        &mut self,
        conn: u32,
        bytes: usize,
        parse: impl FnOnce(&[u8]) -> Result<usize, Malformed>,
    ) {
        let Sockets { conns, buffer, plain, .. } = self;
        let Conn { secured: Some(secured), tail, .. } = &mut conns[conn as usize] else { return };
        plain.clear();
        plain.append(tail);
        if let Err(error) = secured.decrypt(&buffer[HEAD_BYTES..HEAD_BYTES + bytes], plain) {
            return self.give_up(conn, &format!("{error:#}"));
        }
        match parse(plain) {
            Ok(done) => tail.extend_from_slice(&plain[done..]),
            Err(Malformed) => return self.give_up(conn, "malformed bytes from the server"),
        }
        self.send_secured(conn);
    }

    /// Sends what an encrypted connection has to say.
    fn send_secured(&mut self, conn: u32) {
        let Conn { secured: Some(secured), pending, .. } = &mut self.conns[conn as usize] else {
            return;
        };
        if let Err(error) = secured.write_to(pending) {
            return self.give_up(conn, &format!("{error:#}"));
        }
        self.flush(conn);
    }

    /// Whether something waits to be sent.
    #[inline]
    pub(crate) fn is_blocked(&self, conn: u32) -> bool {
        !self.conns[conn as usize].pending.is_empty()
    }

    /// Sends `bytes`, after what still waits.
    #[inline]
    pub(crate) fn send(&mut self, conn: u32, bytes: &[u8]) {
        if let Some(secured) = &mut self.conns[conn as usize].secured {
            return match secured.encrypt(bytes) {
                Ok(()) => self.send_secured(conn),
                Err(error) => self.give_up(conn, &format!("{error:#}")),
            };
        }
        if self.is_blocked(conn) {
            return self.queue(conn).extend_from_slice(bytes);
        }
        let Conn { socket: Some(socket), .. } = &self.conns[conn as usize] else { return };
        let sent = match send(socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(sent) => sent,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(error) => return self.give_up(conn, &why(error)),
        };
        if sent < bytes.len() {
            self.queue(conn).extend_from_slice(&bytes[sent..]);
            self.wait_for_room(conn, true);
        }
    }

    /// What waits to be sent on a connection that is not encrypted, to append to.
    /// [`Sockets::flush`] sends it.
    #[inline]
    pub(crate) fn queue(&mut self, conn: u32) -> &mut Vec<u8> {
        &mut self.conns[conn as usize].pending
    }

    /// Sends what waits, as far as the socket takes it.
    pub(crate) fn flush(&mut self, conn: u32) {
        let Conn { socket, pending, sent, .. } = &mut self.conns[conn as usize];
        let Some(socket) = socket else { return pending.clear() };
        match send(socket, &pending[*sent..], SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(bytes) => *sent += bytes,
            Err(Errno::AGAIN | Errno::INTR) => (),
            Err(error) => return self.give_up(conn, &why(error)),
        }
        if *sent == pending.len() {
            pending.clear();
            *sent = 0;
        }
        if *sent >= SENT_BYTES_MAX {
            pending.drain(..*sent);
            *sent = 0;
        }
        let is_full = !pending.is_empty();
        self.wait_for_room(conn, is_full);
    }

    fn wait_for_room(&mut self, conn: u32, wanted: bool) {
        let Conn { socket: Some(socket), waits_for_room, .. } = &mut self.conns[conn as usize]
        else {
            return;
        };
        if *waits_for_room == wanted {
            return;
        }
        *waits_for_room = wanted;
        let out = if wanted { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
        let mark = epoll::EventData::new_u64(u64::from(conn));
        if let Err(error) = epoll::modify(&self.epoll, socket, mark, epoll::EventFlags::IN | out) {
            self.give_up(conn, &error.to_string());
        }
    }

    #[cold]
    fn give_up(&mut self, conn: u32, why: &str) {
        if std::mem::take(&mut self.conns[conn as usize]).socket.is_some() {
            self.broken.push(Broken { conn, why: why.to_owned() });
        }
    }

    /// All that broke so far, in one line.
    pub(crate) fn all_broken(&self) -> String {
        self.broken.iter().map(Broken::to_string).collect::<Vec<_>>().join("; ")
    }
}

/// Connects; `source` numbers the source addresses, of which there are many on loopback alone.
pub(crate) fn connect_one(addr: SocketAddr, source: u32) -> Result<Socket> {
    let socket = socket_for(addr, source)?;
    socket.connect(&addr.into())?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A socket of this source address.
fn socket_for(addr: SocketAddr, source: u32) -> Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    if source > 0 && matches!(addr.ip(), IpAddr::V4(ip) if ip.is_loopback()) {
        // Each process has its own: ports of the one before may still be in TIME-WAIT.
        let ours = (std::process::id() & 0x7fff) << SOURCES_BITS;
        let from = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + ours + source);
        socket.bind(&SocketAddr::from((from, 0)).into())?;
    }
    Ok(socket)
}

/// Why a connection broke. Who writes to one that the other side has closed hears of it by an error,
/// if it has not read that it ended.
fn why(error: Errno) -> String {
    match error {
        Errno::PIPE | Errno::CONNRESET => CLOSED.into(),
        error => error.to_string(),
    }
}
