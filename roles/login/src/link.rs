//! The connection to the Message Director. A thread reads; who holds the link writes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use wire::framing::{Assembly, body, split_frame};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(1);
/// A Message Director that takes nothing for so long is given up.
const WRITE: Duration = Duration::from_secs(5);
const READ_BYTES: usize = 64 << 10;

pub(crate) struct Link {
    stream: TcpStream,
    assembly: Assembly,
    reader: Option<JoinHandle<()>>,
}

impl Link {
    /// Connects. `heard` gets what comes, and `None` at the end; it returns false if nobody wants
    /// to hear more.
    pub(crate) fn connect(
        address: SocketAddr,
        heard: impl Fn(Option<Vec<u8>>) -> bool + Send + 'static,
    ) -> io::Result<Link> {
        let stream = TcpStream::connect_timeout(&address, CONNECT)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE))?;
        let reading = stream.try_clone()?;
        let read = move || read(reading, heard);
        let reader = thread::Builder::new().name("login-link".into()).spawn(read)?;
        Ok(Link { stream, assembly: Assembly::default(), reader: Some(reader) })
    }

    /// Writes whole frames.
    pub(crate) fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        self.stream.write_all(frames)
    }

    /// Calls `hear` with the body of each frame that is whole with these bytes.
    pub(crate) fn frames(&mut self, mut bytes: &[u8], mut hear: impl FnMut(&[u8])) {
        if !self.assembly.is_empty() {
            let (taken, whole) = self.assembly.complete(bytes);
            whole.iter().for_each(|frame| hear(body(frame)));
            bytes = &bytes[taken..];
        }
        while let Some((frame, rest)) = split_frame(bytes) {
            hear(body(frame));
            bytes = rest;
        }
        if !bytes.is_empty() {
            self.assembly.begin(bytes);
        }
    }
}

impl Drop for Link {
    /// The reader ends by itself; it may be waiting until somebody hears, so nobody waits for it.
    fn drop(&mut self) {
        // A link that is gone already cannot be shut down, which is as well.
        self.stream.shutdown(Shutdown::Both).ok();
        drop(self.reader.take());
    }
}

fn read(mut stream: TcpStream, heard: impl Fn(Option<Vec<u8>>) -> bool) {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(bytes) => {
                if !heard(Some(buffer[..bytes].to_vec())) {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(_) => break,
        }
    }
    heard(None);
}
