//! The Event Logger role: what the others say happened, in files (seed protocol section 5,
//! `openotp.md` 19, `astron` section 8).
//!
//! It is no role of a shard: nothing of it is routed. It has a socket, a file and a thread of its own,
//! beside the shards, and knows nothing of them. What a packet means ([`write_line`]) and when a file
//! ends is decided without clock, socket or file.
//!
//! A line is one line, whatever a packet holds, and a packet is at most one line: nobody can write
//! an event that looks like two.

mod config;
mod counts;
mod file;
mod line;
mod map;
mod names;
mod orders;
mod own;
mod receiver;
mod schedule;
mod socket;
mod strings;
mod text;

pub use config::{Config, Pattern, PatternError};
pub use counts::{Count, Counts};
pub use line::{Malformed, PACKET_BYTES_MAX, Stamp, write_line};
pub use map::MapError;
pub use names::OpenError;

use file::LogFile;
use jiff::Zoned;
use orders::Orders;
use receiver::Receiver;
use socket::Socket;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use tracing::{error, info};

/// The role.
pub struct EventLogger;

/// Why an Event Logger could not start. Nothing runs then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its address cannot be had.
    #[error("cannot receive events on {address}: {error}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        error: io::Error,
    },
    /// Its file cannot be opened.
    #[error("cannot write events to {0}")]
    Open(#[from] OpenError),
    /// Something else that the system refused.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

/// A running Event Logger. If it is dropped, it stops in order first.
pub struct Running {
    /// Where packets arrive.
    pub address: SocketAddr,
    /// What it counts.
    pub counts: Arc<Counts>,
    /// Begins new files.
    pub rotate: Rotate,
    thread: Option<JoinHandle<()>>,
}

/// Asks for a new file, from any thread: what SIGHUP means.
#[derive(Clone)]
pub struct Rotate(Arc<Orders>);

impl EventLogger {
    /// Opens the socket and the file, and writes down what comes until it is told to stop.
    pub fn start(config: &Config) -> Result<Running, StartError> {
        let bind = |error| StartError::Bind { address: config.bind, error };
        let system = |what| move |error| StartError::System { what, error };
        let socket = Socket::bind(config.bind).map_err(bind)?;
        let (address, buffer_bytes) =
            (socket.address().map_err(bind)?, socket.buffer_bytes().map_err(bind)?);
        let orders = Arc::new(Orders::new().map_err(system("cannot make an eventfd"))?);
        let counts = Arc::new(Counts::default());
        let log = LogFile::open(config, Arc::clone(&counts), Arc::clone(&orders), &Zoned::now())?;
        info!(%address, buffer_bytes, path = %log.path().display(), "events are received");
        let receiver = Receiver::new(Arc::clone(&orders), socket, log, Arc::clone(&counts));
        let thread = Builder::new().name("events".into()).spawn(move || receiver.run());
        let thread = Some(thread.map_err(system("cannot start the thread of the Event Logger"))?);
        Ok(Running { address, counts, rotate: Rotate(orders), thread })
    }
}

impl Running {
    /// Writes down what lies in the socket, makes it durable and ends. What cannot be written within a
    /// second, as nobody reads it, is lost and counted.
    pub fn stop(self) {}

    /// Tells it to stop, and does not wait.
    pub fn tell_to_stop(&self) {
        self.rotate.0.stop();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.rotate.0.stop();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("the Event Logger did not stop in order");
        }
    }
}

impl Rotate {
    /// The next line stands in a new file.
    pub fn ask(&self) {
        self.0.rotate();
    }
}
