//! The socket that packets arrive at, and how many of them it had no room for.

use crate::line::PACKET_BYTES_MAX;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt::RxqOvfl,
};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::net::sockopt;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};

/// What packets wait in while a batch is written.
const BUFFER_BYTES: usize = 8 << 20;

/// Receives packets.
pub struct Socket {
    socket: UdpSocket,
    /// One byte more than a packet may have.
    packet: Vec<u8>,
    control: Vec<u8>,
    /// What the kernel said last of the packets that found no room; it begins anew after 2^32.
    overflowed: u32,
}

/// A packet that has arrived.
pub struct Packet<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Where it comes from.
    pub from: SockaddrStorage,
    /// How many found no room between the one before and this one.
    pub overflowed: u32,
}

impl Socket {
    /// Listens on `address`.
    pub fn bind(address: SocketAddr) -> io::Result<Socket> {
        let socket = UdpSocket::bind(address)?;
        setsockopt(&socket, RxqOvfl, &1)?;
        // More than the system allows everybody is for privileged processes.
        if sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER_BYTES).is_err() {
            sockopt::set_socket_recv_buffer_size(&socket, BUFFER_BYTES)?;
        }
        let packet = vec![0; PACKET_BYTES_MAX + 1];
        Ok(Socket { socket, packet, control: nix::cmsg_space!(u32), overflowed: 0 })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// What packets wait in, in bytes, the kernel's own share included.
    pub fn buffer_bytes(&self) -> io::Result<usize> {
        Ok(sockopt::socket_recv_buffer_size(&self.socket)?)
    }

    /// The next packet, if one has arrived.
    pub fn receive(&mut self) -> io::Result<Option<Packet<'_>>> {
        let mut parts = [IoSliceMut::new(&mut self.packet)];
        let (socket, control) = (self.socket.as_raw_fd(), Some(&mut self.control[..]));
        let message =
            match recvmsg::<SockaddrStorage>(socket, &mut parts, control, MsgFlags::MSG_DONTWAIT) {
                Ok(message) => message,
                Err(nix::Error::EAGAIN | nix::Error::EINTR) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
        let mut overflowed = 0;
        for part in message.cmsgs()? {
            if let ControlMessageOwned::RxqOvfl(all) = part {
                overflowed = all.wrapping_sub(self.overflowed);
                self.overflowed = all;
            }
        }
        let length = message.bytes;
        let from = message.address.expect("what came by UDP comes from somewhere");
        Ok(Some(Packet { bytes: &self.packet[..length], from, overflowed }))
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
