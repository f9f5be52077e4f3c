//! The connections of one thread: connecting, epoll, one read buffer for all, what could not be
//! sent yet. Knows bytes only.
//!
//! Level-triggered; EPOLLOUT is asked for while, and only while, something could not be sent.

use crate::protocol::Malformed;
use anyhow::{Context, Result};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::{Domain, Socket, Type};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

/// Why a connection ended, if the server ended it.
const CLOSED: &str = "closed by the server";
/// Bytes of one receive.
const READ_BYTES: usize = 256 << 10;
/// Room in front of it for what the last receive left: less than a frame.
const HEAD_BYTES: usize = 64 << 10;
/// Bytes already sent that a connection may hold in front of those not yet sent.
const SENT_BYTES_MAX: usize = 1 << 20;
/// Events of one round.
const ROUND_EVENTS: usize = 1024;
/// Connections per source address: fewer than there are ports.
pub(crate) const CONNECTIONS_PER_SOURCE: u32 = 2_000;
/// A process has 2 to this power source addresses for itself, on loopback.
const SOURCES_BITS: u32 = 8;

struct Conn {
    socket: Socket,
    /// Bytes not yet sent, from `sent` on.
    pending: Vec<u8>,
    sent: usize,
    /// The begin of a frame that the last receive left.
    tail: Vec<u8>,
    is_open: bool,
    waits_for_room: bool,
}

pub(crate) struct Sockets {
    epoll: OwnedFd,
    conns: Vec<Conn>,
    buffer: Box<[u8]>,
    events: Vec<Event>,
    /// Connections that broke, and why.
    pub(crate) broken: Vec<String>,
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
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("epoll")?;
        let mut conns = Vec::with_capacity(count as usize);
        for (index, addr) in (0..count).zip(addrs.iter().cycle()) {
            let socket =
                connect_one(*addr, index / CONNECTIONS_PER_SOURCE).with_context(
                    || match index {
                        0 => format!("no server at {addr}"),
                        _ => format!("connection {index} of {count} to {addr}"),
                    },
                )?;
            let mark = epoll::EventData::new_u64(u64::from(index));
            epoll::add(&epoll, &socket, mark, epoll::EventFlags::IN).context("epoll")?;
            let (pending, tail) = (Vec::new(), Vec::new());
            conns.push(Conn {
                socket,
                pending,
                sent: 0,
                tail,
                is_open: true,
                waits_for_room: false,
            });
        }
        Ok(Sockets {
            epoll,
            conns,
            buffer: vec![0; HEAD_BYTES + READ_BYTES].into_boxed_slice(),
            events: Vec::with_capacity(ROUND_EVENTS),
            broken: Vec::new(),
        })
    }

    /// Waits at most `timeout_ms` and returns how many events there are.
    pub(crate) fn poll(&mut self, timeout_ms: u32) -> Result<usize> {
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(timeout_ms.min(999)) * 1_000_000 };
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
        let Some(Conn { socket, tail, is_open: true, .. }) = self.conns.get_mut(conn as usize)
        else {
            return;
        };
        let bytes = match recv(&*socket, &mut self.buffer[HEAD_BYTES..], RecvFlags::empty()) {
            Ok((bytes, _)) if bytes > 0 => bytes,
            Err(Errno::AGAIN | Errno::INTR) => return,
            Ok(_) => return self.give_up(conn, CLOSED),
            Err(error) => return self.give_up(conn, &why(error)),
        };
        let start = HEAD_BYTES - tail.len();
        self.buffer[start..HEAD_BYTES].copy_from_slice(tail);
        tail.clear();
        let there = &self.buffer[start..HEAD_BYTES + bytes];
        match parse(there) {
            Ok(done) if there.len() - done <= HEAD_BYTES => tail.extend_from_slice(&there[done..]),
            Ok(_) | Err(Malformed) => self.give_up(conn, "malformed bytes from the server"),
        }
    }

    /// Whether something waits to be sent.
    #[inline]
    pub(crate) fn is_blocked(&self, conn: u32) -> bool {
        !self.conns[conn as usize].pending.is_empty()
    }

    /// Sends `bytes`, after what still waits.
    #[inline]
    pub(crate) fn send(&mut self, conn: u32, bytes: &[u8]) {
        if self.is_blocked(conn) {
            return self.queue(conn).extend_from_slice(bytes);
        }
        let Conn { socket, is_open: true, .. } = &self.conns[conn as usize] else { return };
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

    /// What waits to be sent, to append to. [`Sockets::flush`] sends it.
    #[inline]
    pub(crate) fn queue(&mut self, conn: u32) -> &mut Vec<u8> {
        &mut self.conns[conn as usize].pending
    }

    /// Sends what waits, as far as the socket takes it.
    pub(crate) fn flush(&mut self, conn: u32) {
        let Conn { socket, pending, sent, is_open, .. } = &mut self.conns[conn as usize];
        if !*is_open {
            return pending.clear();
        }
        match send(&*socket, &pending[*sent..], SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
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
        let Conn { socket, waits_for_room, .. } = &mut self.conns[conn as usize];
        if *waits_for_room == wanted {
            return;
        }
        *waits_for_room = wanted;
        let out = if wanted { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
        let mark = epoll::EventData::new_u64(u64::from(conn));
        if let Err(error) = epoll::modify(&self.epoll, &*socket, mark, epoll::EventFlags::IN | out)
        {
            self.give_up(conn, &error.to_string());
        }
    }

    #[cold]
    fn give_up(&mut self, index: u32, why: &str) {
        let conn = &mut self.conns[index as usize];
        if std::mem::take(&mut conn.is_open) {
            conn.pending = Vec::new();
            let mut why = format!("connection {index}: {why}");
            if let Err(error) = epoll::delete(&self.epoll, &conn.socket) {
                why.push_str(&format!(" (epoll: {error})"));
            }
            self.broken.push(why);
        }
    }
}

/// Connects; `source` numbers the source addresses, of which there are many on loopback alone.
pub(crate) fn connect_one(addr: SocketAddr, source: u32) -> Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    if source > 0 && matches!(addr.ip(), IpAddr::V4(ip) if ip.is_loopback()) {
        // Each process has its own: ports of the one before may still be in TIME-WAIT.
        let ours = (std::process::id() & 0x7fff) << SOURCES_BITS;
        let from = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + ours + source);
        socket.bind(&SocketAddr::from((from, 0)).into())?;
    }
    socket.connect(&addr.into())?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
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
