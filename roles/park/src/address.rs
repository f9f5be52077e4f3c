//! Addresses: `host`, `host:port`, `[v6]:port`; and networks.

use crate::document::Node;
use crate::value::scalar;
use runtime::Network;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::Path;

/// Astron's port of a Message Director.
pub const MD_PORT: u16 = 7199;
/// Astron's port of a Client Agent.
pub const CLIENT_PORT: u16 = 7198;
/// Astron's port of an Event Logger.
pub const EVENT_PORT: u16 = 7197;
/// Our port of the web pages.
pub const WEB_PORT: u16 = 7190;

const EXPECTED: &str = "an address such as 127.0.0.1:7199, [::1]:7199 or host:7199";

/// What only the surroundings know.
pub trait Outside {
    /// The addresses of a host name.
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
    /// What is in a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// The machine that this runs on.
pub struct System;

impl Outside for System {
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }
}

/// A host and a port, not resolved.
struct HostPort<'a> {
    host: &'a str,
    port: u16,
}

/// An address to listen on or to send to, names resolved at once. A name with addresses of both
/// kinds stands for the IPv4 one, since old clients know no other.
pub fn resolved(outside: &dyn Outside, port: u16) -> impl Fn(&Node) -> Result<SocketAddr, String> {
    move |node| {
        let HostPort { host, port } = host_port(scalar(node, EXPECTED)?, port)?;
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(SocketAddr::new(ip, port));
        }
        let addresses = outside.resolve(host, port);
        let addresses = addresses.map_err(|error| format!("cannot resolve `{host}`: {error}"))?;
        let v4 = addresses.iter().find(|address| address.is_ipv4());
        let any = v4.or(addresses.first()).copied();
        any.ok_or_else(|| format!("cannot resolve `{host}`: the name has no address"))
    }
}

/// An address to connect to, as `host:port`: resolved each time that it is dialled.
pub fn dialled(port: u16) -> impl Fn(&Node) -> Result<String, String> {
    move |node| {
        let HostPort { host, port } = host_port(scalar(node, EXPECTED)?, port)?;
        if port == 0 {
            return Err("nobody can be reached at port 0".into());
        }
        Ok(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
    }
}

/// An address, or a network such as `10.0.0.0/8`.
pub fn network(node: &Node) -> Result<Network, String> {
    const EXPECTED: &str = "an address or a network such as 10.0.0.0/8";
    let text = scalar(node, EXPECTED)?;
    let wrong = || format!("expected {EXPECTED}, found `{text}`");
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Ok(bits), str::parse).map_err(|_| wrong())?;
    if prefix > bits {
        return Err(format!("expected a prefix of at most {bits} bits, found `{text}`"));
    }
    match first(address, prefix) {
        begins if begins == address => Ok(Network { address, prefix }),
        begins => Err(format!("`{text}` is not where its network begins; write {begins}/{prefix}")),
    }
}

/// The first address of the network of `address`.
fn first(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - prefix as u32).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - prefix as u32).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

fn host_port(text: &str, default_port: u16) -> Result<HostPort<'_>, String> {
    let wrong = || format!("expected {EXPECTED}, found `{text}`");
    let (host, port) = split(text).ok_or_else(wrong)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    let sound = match host.parse::<IpAddr>() {
        Ok(_) => true,
        Err(_) => !host.is_empty() && host.chars().all(is_name) && !host.chars().all(digits),
    };
    if !sound {
        return Err(wrong());
    }
    let Some(port) = port else { return Ok(HostPort { host, port: default_port }) };
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let port = port.parse().map_err(|_| format!("expected a port from 0 to 65535, found `{text}`"));
    Ok(HostPort { host, port: port? })
}

/// Host and port; the brackets of an IPv6 address are taken off.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        return match rest {
            "" => Some((host, None)),
            _ => Some((host, Some(rest.strip_prefix(':')?))),
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some((text, None));
    }
    Some(text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_told_apart() {
        for (text, expected) in [
            ("127.0.0.1:7199", Some(("127.0.0.1", 7199))),
            ("127.0.0.1", Some(("127.0.0.1", 1))),
            ("[::1]:80", Some(("::1", 80))),
            ("[::1]", Some(("::1", 1))),
            ("::1", Some(("::1", 1))),
            ("park-1.example.org:9", Some(("park-1.example.org", 9))),
            ("localhost", Some(("localhost", 1))),
            ("7199", None),
            (":7199", None),
            ("127.0.0.1:", None),
            ("127.0.0.1:+5", None),
            ("127.0.0.1:65536", None),
            ("127.0.0.256:1", None),
            ("[localhost]:1", None),
            ("http://a", None),
            ("*:1", None),
        ] {
            let found = host_port(text, 1).ok().map(|found| (found.host, found.port));
            assert_eq!(found, expected, "{text}");
        }
    }
}
