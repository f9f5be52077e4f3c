//! Sends that never block, and what a socket did not take although the shard counts it as written:
//! TLS records, which cannot be taken back.

use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::net::SendFlags;
use smallvec::SmallVec;
use std::io::IoSlice;

const FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// Sends `bytes`; returns how many the socket took. None is no error.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Errno> {
    send_with(socket, bytes, SendFlags::empty())
}

fn send_with(socket: BorrowedFd<'_>, bytes: &[u8], flags: SendFlags) -> Result<usize, Errno> {
    or_none(rustix::net::send(socket, bytes, FLAGS | flags))
}

/// Sends `slices` one after the other, likewise.
pub fn send_slices(socket: BorrowedFd<'_>, slices: &[&[u8]]) -> Result<usize, Errno> {
    let slices: SmallVec<[IoSlice<'_>; 64]> =
        slices.iter().map(|slice| IoSlice::new(slice)).collect();
    let mut none = rustix::net::SendAncillaryBuffer::default();
    or_none(rustix::net::sendmsg(socket, &slices, &mut none, FLAGS))
}

fn or_none(sent: Result<usize, Errno>) -> Result<usize, Errno> {
    match sent {
        Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS | Errno::NOMEM) => Ok(0),
        sent => sent,
    }
}

/// Bytes that wait for room in a socket, or for company. Its users bound what they put in.
#[derive(Default)]
pub struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
    /// The socket was not asked for room: they go with what is sent next.
    is_held: bool,
}

impl Unsent {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether something waits for room.
    pub fn lacks_room(&self) -> bool {
        !self.is_empty() && !self.is_held
    }

    /// Keeps `bytes` until something else is sent, or behind what waits.
    pub fn hold(&mut self, bytes: &[u8]) {
        self.is_held |= self.is_empty();
        self.bytes.extend_from_slice(bytes);
    }

    /// Sends what waits; whether nothing is left.
    pub fn send(&mut self, socket: BorrowedFd<'_>) -> Result<bool, Errno> {
        self.send_all(socket, SendFlags::empty())
    }

    fn send_all(&mut self, socket: BorrowedFd<'_>, flags: SendFlags) -> Result<bool, Errno> {
        if self.is_empty() {
            return Ok(true);
        }
        self.is_held = false;
        self.sent += send_with(socket, &self.bytes[self.sent..], flags)?;
        let is_done = self.sent == self.bytes.len();
        if is_done {
            *self = Unsent::default(); // an idle connection keeps no memory
        }
        Ok(is_done)
    }

    /// Sends `bytes` behind what waits; keeps what is not taken. Whether nothing is left.
    pub fn send_behind(&mut self, socket: BorrowedFd<'_>, bytes: &[u8]) -> Result<bool, Errno> {
        self.send_behind_with(socket, bytes, SendFlags::empty())
    }

    /// The same where nothing follows and the socket is shut down next: both are one packet.
    pub fn send_last(&mut self, socket: BorrowedFd<'_>, bytes: &[u8]) -> Result<bool, Errno> {
        self.send_behind_with(socket, bytes, SendFlags::MORE)
    }

    fn send_behind_with(
        &mut self,
        socket: BorrowedFd<'_>,
        bytes: &[u8],
        flags: SendFlags,
    ) -> Result<bool, Errno> {
        if self.is_held {
            self.bytes.extend_from_slice(bytes);
            return self.send_all(socket, flags);
        }
        let taken = match self.send_all(socket, SendFlags::empty())? {
            true => send_with(socket, bytes, flags)?,
            false => 0,
        };
        self.bytes.extend_from_slice(&bytes[taken..]);
        Ok(self.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_is_held_goes_before_what_is_sent_next() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut unsent = Unsent::default();
        unsent.hold(b"ticket,");
        assert!(!unsent.is_empty() && !unsent.lacks_room());
        assert!(unsent.send_behind(ours.as_fd(), b"word,").unwrap());
        unsent.hold(b"ticket,");
        assert!(unsent.send_last(ours.as_fd(), b"end").unwrap() && unsent.is_empty());
        drop(ours);
        let mut heard = String::new();
        theirs.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "ticket,word,ticket,end");
    }

    #[test]
    fn what_lacks_room_is_waited_for_and_what_is_held_behind_it_too() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut unsent = Unsent::default();
        let bytes = vec![7; 4 << 20];
        assert!(!unsent.send_behind(ours.as_fd(), &bytes).unwrap() && unsent.lacks_room());
        unsent.hold(b"ticket");
        assert!(unsent.lacks_room());
        let mut heard = Vec::new();
        while heard.len() < bytes.len() + 6 {
            let mut some = [0; 64 << 10];
            let count = theirs.read(&mut some).unwrap();
            heard.extend_from_slice(&some[..count]);
            unsent.send(ours.as_fd()).unwrap();
        }
        assert!(unsent.is_empty() && heard.ends_with(b"\x07ticket"));
    }
}
