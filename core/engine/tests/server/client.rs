//! The other end of a connection: a participant, or an upstream.

use super::{CEILING, DIALECT};
use socket2::SockRef;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;
use wire::control::ControlMessage;
use wire::datagram::{Datagram, control_message, write_datagram};
use wire::framing;
use wire::ids::{Channel, MsgType};

pub struct Client {
    incoming: BufReader<TcpStream>,
}

impl Client {
    #[track_caller]
    pub fn join(address: SocketAddr) -> Client {
        Client::new(TcpStream::connect(address).unwrap())
    }

    pub fn new(socket: TcpStream) -> Client {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(CEILING)).unwrap();
        socket.set_write_timeout(Some(CEILING)).unwrap();
        Client { incoming: BufReader::new(socket) }
    }

    /// Its socket once more, to write from another thread.
    pub fn socket(&self) -> TcpStream {
        self.incoming.get_ref().try_clone().unwrap()
    }

    pub fn control(&mut self, message: ControlMessage<'_>) {
        let mut frame = Vec::new();
        message.encode(DIALECT, &mut frame).unwrap();
        self.bytes(&frame);
    }

    /// Leaves a message to `channel` for when this connection ends.
    pub fn leave_word(&mut self, channel: u64, word: &[u8]) {
        let frame = datagram(&[channel], word);
        let message = framing::body(&frame);
        self.control(ControlMessage::AddPostRemove { sender: Channel(0), message });
    }

    #[track_caller]
    pub fn send(&mut self, channel: u64, payload: &[u8]) {
        self.bytes(&datagram(&[channel], payload));
    }

    #[track_caller]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.incoming.get_mut().write_all(bytes).unwrap();
    }

    /// The payload of the next datagram.
    #[track_caller]
    pub fn hears(&mut self) -> Vec<u8> {
        Datagram::parse(&self.body()).unwrap().payload().to_vec()
    }

    /// The next message, which is a control message; how it is shown.
    #[track_caller]
    pub fn hears_control(&mut self) -> String {
        let body = self.body();
        let rest = control_message(&body, DIALECT.control_channel()).unwrap();
        format!("{:?}", ControlMessage::decode(DIALECT, rest).unwrap())
    }

    #[track_caller]
    fn body(&mut self) -> Vec<u8> {
        let mut length = [0; framing::LENGTH_BYTES];
        self.incoming.read_exact(&mut length).unwrap();
        let mut body = vec![0; u16::from_le_bytes(length) as usize];
        self.incoming.read_exact(&mut body).unwrap();
        body
    }

    /// Says that it writes no more.
    pub fn half_close(&self) {
        self.incoming.get_ref().shutdown(Shutdown::Write).unwrap();
    }

    /// Ends by a reset.
    pub fn reset(self) {
        SockRef::from(self.incoming.get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Waits until the other end closes.
    #[track_caller]
    pub fn is_closed(&mut self) {
        if let Err(error) = self.incoming.read_to_end(&mut Vec::new()) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
    }
}

/// A frame to `channels`.
pub fn datagram(channels: &[u64], payload: &[u8]) -> Vec<u8> {
    let channels: Vec<Channel> = channels.iter().copied().map(Channel).collect();
    let mut frame = Vec::new();
    let write = |out: &mut Vec<u8>| out.extend_from_slice(payload);
    write_datagram(&mut frame, &channels, Channel(77), MsgType(5), write).unwrap();
    frame
}
