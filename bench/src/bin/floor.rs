//! The floor: a bare router, the yardstick that the daemon is measured against.
//!
//! One thread, level-triggered epoll, one hash map from channel to connections, one send per
//! connection and round. It routes the datagrams of both dialects and knows the two control
//! messages that a router cannot do without. It has no ranges, post-removes, limits, counters,
//! upstream or back-pressure: what those cost is what the bench shows. It shares no code with the
//! daemon, so that the yardstick does not move with what it measures.
//!
//! Reviewed twice and frozen on 2026-11-23: not to be changed. Whoever finds it slow writes another one.
//!
//! `floor [--listen 127.0.0.1:PORT] [--dialect openotp|astron]`

use ahash::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags, SocketFlags, sockopt};
use smallvec::SmallVec;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};

/// Bytes of one receive.
const READ_BYTES: usize = 256 << 10;
/// Room in front of it for the begin of a frame that the last receive left: less than a frame.
const HEAD_BYTES: usize = 64 << 10;
/// Events of one round.
const ROUND_EVENTS: usize = 1024;
/// The listener's mark among the events; all others are descriptor numbers.
const LISTENER: u64 = u64::MAX;

fn main() -> Result<(), String> {
    let (mut listen, mut dialect) = ("127.0.0.1:7100".to_owned(), OPENOTP);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match (name.as_str(), value.as_str()) {
            ("--listen", _) => listen = value,
            ("--dialect", "openotp") => dialect = OPENOTP,
            ("--dialect", "astron") => dialect = ASTRON,
            _ => return Err(format!("what is {name} {value}?")),
        }
    }
    let (mut floor, address) =
        Floor::bind(&listen, dialect).map_err(|e| format!("{listen}: {e}"))?;
    println!("floor: listening on {address}");
    floor.run().map_err(|e| format!("epoll: {e}"))
}

/// The control channel of a dialect and its numbers for adding and removing a channel.
#[derive(Clone, Copy)]
struct Control {
    channel: u64,
    add: u16,
    remove: u16,
}

const OPENOTP: Control = Control { channel: 4001, add: 2001, remove: 2002 };
const ASTRON: Control = Control { channel: 1, add: 9000, remove: 9001 };

struct Floor {
    listener: TcpListener,
    epoll: OwnedFd,
    buffer: Box<[u8]>,
    routes: Routes,
}

/// All that a frame touches. Connections are indexed by their descriptor's number.
struct Routes {
    control: Control,
    conns: Vec<Option<Conn>>,
    subscribers: HashMap<u64, SmallVec<[u32; 4]>, RandomState>,
    /// Number of the datagram being routed; a connection that carries it has been served.
    datagram: u64,
    /// Connections whose empty out buffer got its first frame in this round.
    dirty: Vec<u32>,
}

/// One cache line per connection.
#[repr(align(64))]
struct Conn {
    out: Vec<u8>,
    tail: Vec<u8>,
    served: u64,
    /// How much of `out` has left already. Something is left over only while the socket is full.
    sent: u32,
    socket: OwnedFd,
}

impl Floor {
    fn bind(listen: &str, control: Control) -> io::Result<(Floor, SocketAddr)> {
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        net::listen(&listener, 4096)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        let address = listener.local_addr()?;
        let buffer = vec![0; HEAD_BYTES + READ_BYTES].into_boxed_slice();
        let routes = Routes {
            control,
            conns: Vec::new(),
            subscribers: HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4)),
            datagram: 0,
            dirty: Vec::new(),
        };
        Ok((Floor { listener, epoll, buffer, routes }, address))
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events: Vec<Event> = Vec::with_capacity(ROUND_EVENTS);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => (),
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let (mark, flags) = (event.data.u64(), event.flags);
                if mark == LISTENER {
                    self.accept()?;
                    continue;
                }
                if flags.contains(EventFlags::OUT) {
                    self.send(mark as u32, true);
                }
                if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                    self.receive(mark as u32);
                }
            }
            self.flush();
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        while let Ok(socket) = net::accept_with(&self.listener, flags) {
            let id = socket.as_raw_fd() as usize;
            sockopt::set_tcp_nodelay(&socket, true)?;
            epoll::add(&self.epoll, &socket, EventData::new_u64(id as u64), EventFlags::IN)?;
            if self.routes.conns.len() <= id {
                self.routes.conns.resize_with(id + 1, || None);
            }
            let (out, tail) = (Vec::new(), Vec::new());
            self.routes.conns[id] = Some(Conn { out, tail, served: 0, sent: 0, socket });
        }
        Ok(())
    }

    /// One receive: a level-triggered socket with more in it comes back in the next round.
    fn receive(&mut self, id: u32) {
        let Some(conn) = &mut self.routes.conns[id as usize] else { return };
        let room = &mut self.buffer[HEAD_BYTES..];
        let bytes = match net::recv(&conn.socket, room, RecvFlags::empty()) {
            Ok((bytes, _)) if bytes > 0 => bytes,
            Err(Errno::AGAIN | Errno::INTR) => return,
            Ok(_) | Err(_) => return self.routes.close(id),
        };
        let start = HEAD_BYTES - conn.tail.len();
        self.buffer[start..HEAD_BYTES].copy_from_slice(&conn.tail);
        conn.tail.clear();
        let mut rest = &self.buffer[start..HEAD_BYTES + bytes];
        while let Some((frame, after)) = split_frame(rest) {
            self.routes.route(id, frame);
            rest = after;
        }
        if let Some(conn) = &mut self.routes.conns[id as usize] {
            conn.tail.extend_from_slice(rest);
        }
    }

    /// One send for every connection that was written to in this round.
    fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.routes.dirty);
        dirty.drain(..).for_each(|id| self.send(id, false));
        self.routes.dirty = dirty;
    }

    /// Sends what the socket takes. Asks for EPOLLOUT while, and only while, something is left.
    fn send(&mut self, id: u32, was_full: bool) {
        let Some(conn) = &mut self.routes.conns[id as usize] else { return };
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match net::send(&conn.socket, &conn.out[conn.sent as usize..], flags) {
            Ok(bytes) => conn.sent += bytes as u32,
            Err(Errno::AGAIN | Errno::INTR) => (),
            Err(_) => return self.routes.close(id),
        }
        if conn.sent as usize > conn.out.len() / 2 {
            conn.out.drain(..conn.sent as usize);
            conn.sent = 0;
        }
        let is_full = !conn.out.is_empty();
        if is_full != was_full {
            let wanted = if is_full { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
            let mark = EventData::new_u64(u64::from(id));
            if epoll::modify(&self.epoll, &conn.socket, mark, wanted).is_err() {
                self.routes.close(id);
            }
        }
    }
}

impl Routes {
    fn route(&mut self, from: u32, frame: &[u8]) {
        let Some((&count, rest)) = frame[2..].split_first() else { return };
        let Some((recipients, rest)) = rest.split_at_checked(8 * count as usize) else { return };
        let recipients = recipients.as_chunks::<8>().0;
        if let [channel] = recipients
            && u64::from_le_bytes(*channel) == self.control.channel
        {
            return self.control(from, rest);
        }
        self.datagram += 1;
        if let Some(conn) = &mut self.conns[from as usize] {
            conn.served = self.datagram;
        }
        for channel in recipients {
            let Some(ids) = self.subscribers.get(&u64::from_le_bytes(*channel)) else { continue };
            for &id in ids {
                let Some(conn) = &mut self.conns[id as usize] else { continue };
                if conn.served != self.datagram {
                    conn.served = self.datagram;
                    if conn.out.is_empty() {
                        self.dirty.push(id);
                    }
                    conn.out.extend_from_slice(frame);
                }
            }
        }
    }

    fn control(&mut self, from: u32, message: &[u8]) {
        let Some((number, rest)) = message.split_first_chunk::<2>() else { return };
        let Some((channel, _)) = rest.split_first_chunk::<8>() else { return };
        let (number, channel) = (u16::from_le_bytes(*number), u64::from_le_bytes(*channel));
        if number == self.control.add {
            let ids = self.subscribers.entry(channel).or_default();
            if !ids.contains(&from) {
                ids.push(from);
            }
        } else if number == self.control.remove
            && let Entry::Occupied(mut entry) = self.subscribers.entry(channel)
        {
            entry.get_mut().retain(|id| *id != from);
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }

    /// Closing is rare here, so it may search the whole map.
    fn close(&mut self, id: u32) {
        self.conns[id as usize] = None;
        self.subscribers.retain(|_, ids| {
            ids.retain(|other| *other != id);
            !ids.is_empty()
        });
    }
}

#[inline]
fn split_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, _) = bytes.split_first_chunk::<2>()?;
    bytes.split_at_checked(2 + u16::from_le_bytes(*tag) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    fn frame(recipients: &[u64], rest: &[u8]) -> Vec<u8> {
        let length = (1 + 8 * recipients.len() + rest.len()) as u16;
        let mut out = [&length.to_le_bytes()[..], &[recipients.len() as u8]].concat();
        recipients.iter().for_each(|channel| out.extend(channel.to_le_bytes()));
        out.extend(rest);
        out
    }

    fn hears(stream: &mut TcpStream, wanted: &[u8]) {
        let mut bytes = vec![0; wanted.len()];
        stream.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, wanted);
    }

    /// What `a` and `b` write was routed once `c` hears their "done".
    fn routes(dialect: Control) {
        let (mut floor, address) = Floor::bind("127.0.0.1:0", dialect).unwrap();
        std::thread::spawn(move || floor.run().unwrap());
        let [mut a, mut b, mut c] = [(); 3].map(|()| TcpStream::connect(address).unwrap());
        let control = |number: u16, channel: u64| {
            let rest = [&number.to_le_bytes()[..], &channel.to_le_bytes()].concat();
            frame(&[dialect.channel], &rest)
        };
        let done = frame(&[9], b"done");
        c.write_all(&control(dialect.add, 9)).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let adds = [control(dialect.add, 100), control(dialect.add, 101), done.clone()].concat();
        for stream in [&mut a, &mut b] {
            stream.write_all(&adds).unwrap();
            hears(&mut c, &done);
        }
        let (big, both) = (frame(&[100], &[7; 65_000]), frame(&[100, 101, 9], b"both"));
        a.write_all(&[&big[..], &both, &big[..1]].concat()).unwrap();
        hears(&mut b, &[&big[..], &both].concat());
        hears(&mut c, &both);
        a.write_all(&[&big[1..], &control(dialect.remove, 100), &done].concat()).unwrap();
        hears(&mut c, &done);
        hears(&mut b, &big);
        b.write_all(&both).unwrap();
        hears(&mut a, &both);
    }

    #[test]
    fn it_routes() {
        routes(OPENOTP);
        routes(ASTRON);
    }
}
