//! Sockets: listening ones, one per shard and address, and what every connection is set to. What a
//! listening one is set to, those have that it accepts.

use crate::ring;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::net::sockopt;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

const ACCEPT_BACKLOG: i32 = 4096;
const KEEPALIVE_AFTER: Duration = Duration::from_secs(15);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Binds `address` once per shard; the kernel spreads connections over them. With port 0 all get
/// the port that the first one was given. Where the client `speaks_first`, a connection is accepted
/// when something has come on it, or a second later: the shard is woken once for both.
pub fn bind(
    address: SocketAddr,
    shards: usize,
    speaks_first: bool,
) -> io::Result<(SocketAddr, Vec<Socket>)> {
    // The first one listens alone before it lets others in: with SO_REUSEPORT from the start, a
    // second daemon would join this one instead of failing.
    let first = listen(address, false, speaks_first)?;
    let address = first.local_addr()?.as_socket().unwrap_or(address);
    first.set_reuse_port(true)?;
    let mut sockets = vec![first];
    for _ in 1..shards {
        sockets.push(listen(address, true, speaks_first)?);
    }
    Ok((address, sockets))
}

fn listen(address: SocketAddr, joins: bool, speaks_first: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(joins)?;
    configure(socket.as_fd())?;
    if speaks_first {
        ring::defer_accept(socket.as_fd())?;
    }
    socket.bind(&address.into())?;
    socket.listen(ACCEPT_BACKLOG)?;
    Ok(socket)
}

/// Sets what every connection that is dialled has, and every listening socket for those who come: no
/// delay, and an end after 30 s without an answer, whether or not something is under way.
pub fn configure(socket: BorrowedFd<'_>) -> io::Result<()> {
    sockopt::set_tcp_nodelay(socket, true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEPALIVE_AFTER)?;
    sockopt::set_tcp_keepintvl(socket, KEEPALIVE_EVERY)?;
    sockopt::set_tcp_user_timeout(socket, ANSWER_WITHIN.as_millis() as u32)?;
    Ok(())
}

/// The address at the other end; one of IPv4 is shown as such.
pub fn peer(socket: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    let address = rustix::net::getpeername(socket)?.ok_or(io::ErrorKind::NotConnected)?;
    Ok(canonical(SocketAddr::try_from(address)?))
}

/// The address at this end, likewise.
pub fn local(socket: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    Ok(canonical(SocketAddr::try_from(rustix::net::getsockname(socket)?)?))
}

/// An IPv4 address that is written as one of IPv6, as IPv4.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::io::Write;
    use std::net::TcpStream;
    use std::time::Instant;

    /// On a machine that is busy.
    const PATIENCE: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

    /// The next connection, which comes in time; who it is from.
    fn accept(listener: &Socket) -> Option<SocketAddr> {
        let ready = poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&PATIENCE)).unwrap();
        assert_eq!(ready, 1, "nobody is accepted");
        listener.accept().unwrap().1.as_socket()
    }

    #[test]
    fn who_is_accepted_has_what_the_listener_has() {
        let (address, sockets) = bind(([127, 0, 0, 1], 0).into(), 1, false).unwrap();
        let _client = TcpStream::connect(address).unwrap();
        let (accepted, _) = sockets[0].accept().unwrap();
        assert!(sockopt::tcp_nodelay(&accepted).unwrap());
        assert!(sockopt::socket_keepalive(&accepted).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&accepted).unwrap(), KEEPALIVE_AFTER);
        assert_eq!(sockopt::tcp_keepintvl(&accepted).unwrap(), KEEPALIVE_EVERY);
        let within = sockopt::tcp_user_timeout(&accepted).unwrap();
        assert_eq!(u128::from(within), ANSWER_WITHIN.as_millis());
    }

    #[test]
    fn who_speaks_first_is_accepted_first_and_who_is_silent_too() {
        let (address, sockets) = bind(([127, 0, 0, 1], 0).into(), 1, true).unwrap();
        let since = Instant::now();
        let silent = TcpStream::connect(address).unwrap();
        let mut speaker = TcpStream::connect(address).unwrap();
        speaker.write_all(b"hello").unwrap();
        let at_once = since.elapsed() < Duration::from_millis(500);
        let came = [accept(&sockets[0]), accept(&sockets[0])];
        let clients = [speaker, silent].map(|client| client.local_addr().ok());
        // On a machine that stood still meanwhile, the second of the silent one may have been over.
        let turned_round = !at_once && came == [clients[1], clients[0]];
        assert!(came == clients || turned_round, "{came:?} came, not {clients:?}");
    }
}
