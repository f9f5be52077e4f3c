//! Outbound connections: names are resolved and sockets connected on a thread of their own, since
//! both can take seconds.

use crate::wake::Waker;
use runtime::LinkId;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::Sender;
use std::time::Duration;
use std::{io, thread};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What came of a connection that a role asked for.
pub struct Dialled {
    /// As which it was asked for.
    pub link: LinkId,
    /// The connection, or why there is none.
    pub result: Result<(TcpStream, SocketAddr), String>,
}

/// Dials `address` and sends what came of it to `answers`, waking the shard.
pub fn dial(link: LinkId, address: String, answers: Sender<Dialled>, waker: Waker) {
    let attempt = move || {
        let result = connect(&address).map_err(|error| error.to_string());
        // A shard that has ended meanwhile wants no answer.
        if answers.send(Dialled { link, result }).is_ok() {
            waker.wake();
        }
    };
    thread::Builder::new()
        .name("dial".into())
        .spawn(attempt)
        .expect("a process that cannot start a thread cannot go on");
}

fn connect(address: &str) -> io::Result<(TcpStream, SocketAddr)> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok((stream, address)),
            Err(error) => last = error,
        }
    }
    Err(last)
}
