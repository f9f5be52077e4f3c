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
    or_none(rustix::net::send(socket, bytes, FLAGS))
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

/// Bytes that wait for room in a socket. Its users bound what they put in.
#[derive(Default)]
pub struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
}

impl Unsent {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Sends what waits; whether nothing is left.
    pub fn send(&mut self, socket: BorrowedFd<'_>) -> Result<bool, Errno> {
        if self.is_empty() {
            return Ok(true);
        }
        self.sent += send(socket, &self.bytes[self.sent..])?;
        let is_done = self.sent == self.bytes.len();
        if is_done {
            *self = Unsent::default(); // an idle connection keeps no memory
        }
        Ok(is_done)
    }

    /// Sends `bytes` behind what waits; keeps what is not taken. Whether nothing is left.
    pub fn send_behind(&mut self, socket: BorrowedFd<'_>, bytes: &[u8]) -> Result<bool, Errno> {
        let taken = if self.send(socket)? { send(socket, bytes)? } else { 0 };
        self.bytes.extend_from_slice(&bytes[taken..]);
        Ok(self.is_empty())
    }
}
