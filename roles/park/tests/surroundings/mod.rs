//! A machine with one DC file and one host name.

use park::Outside;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

/// Knows `park.dc`, and `localhost` with addresses of both kinds.
pub struct Stub;

impl Outside for Stub {
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match host {
            "localhost" => Ok(vec![
                SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port)),
                SocketAddr::from(([127, 0, 0, 1], port)),
            ]),
            _ => Err(io::Error::other("no such name")),
        }
    }

    fn is_file(&self, path: &Path) -> bool {
        path.ends_with("park.dc")
    }
}
