//! The Event Logger role: what the others say happened, in files (seed protocol section 5,
//! `openotp.md` 19, `astron` section 8).

mod config;
mod counts;

pub use config::{Config, Pattern, PatternError};
pub use counts::{Count, Counts};

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;

/// The role. It stands beside the shards, on a thread of its own: nothing of it is routed.
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
    #[error("cannot write events to {}: {error}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
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
    _socket: UdpSocket,
}

/// Asks for a new file, from any thread: what SIGHUP means.
#[derive(Clone)]
pub struct Rotate;

impl EventLogger {
    /// Opens the file and the socket, and writes down what comes until it is told to stop.
    pub fn start(config: &Config) -> Result<Running, StartError> {
        let bind = |error| StartError::Bind { address: config.bind, error };
        let socket = UdpSocket::bind(config.bind).map_err(bind)?;
        let address = socket.local_addr().map_err(bind)?;
        Ok(Running { address, counts: Arc::default(), rotate: Rotate, _socket: socket })
    }
}

impl Running {
    /// Writes down what lies in the socket, flushes and ends.
    pub fn stop(self) {}
}

impl Rotate {
    /// The next line stands in a new file.
    pub fn ask(&self) {}
}
