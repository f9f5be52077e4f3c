//! A machine with a few files and one host name.

use park::Outside;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

/// Knows some DC files, some PEM files, and `localhost` with addresses of both kinds.
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

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = match path.file_name().and_then(|name| name.to_str()) {
            Some("park.dc") => {
                "dclass DistributedBench { setSeats(uint8 seats) required broadcast; };"
            }
            Some("login.dc") => include_str!("../../../../etc/park.dc"),
            Some("keywords.dc") => {
                "keyword mastersend; dclass Bench { seat(uint8 n) mastersend; };"
            }
            Some("cert.pem" | "key.pem" | "ca.pem" | "chain.pem") => "PEM",
            Some("broken.dc") => "dclass DistributedBin {\n  setWeight(unit8 kilos) required;\n};",
            _ => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(text.into())
    }
}
