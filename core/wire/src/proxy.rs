//! The header by which a proxy says for whom it connects: PROXY protocol, versions 1 and 2, as
//! HAProxy specifies it.
//!
//! ```text
//! version 1   "PROXY TCP4 " source " " destination " " source port " " destination port "\r\n"
//!             TCP6 likewise; "PROXY UNKNOWN" anything "\r\n"; at most 107 bytes
//! version 2   +-----------------+-------------+--------+-----------------+-----------+------+
//!             | signature (12)  | 2 | command | family | length (u16 BE) | addresses | TLVs |
//!             +-----------------+-------------+--------+-----------------+-----------+------+
//!             command 0 LOCAL, 1 PROXY; family 0x11 TCP over IPv4: 4 + 4 + 2 + 2 bytes,
//!             0x21 TCP over IPv6: 16 + 16 + 2 + 2 bytes; `length` counts what follows it
//! ```
//! Only what a proxy in front of TCP sends is taken. Type-length-value vectors are not looked into.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;

/// The longest header of version 1, its end of line included, in bytes.
pub const LINE_BYTES_MAX: usize = 107;
/// The most bytes of type-length-value vectors that are taken.
pub const TLV_BYTES_MAX: usize = 4096;

const LINE: &[u8] = b"PROXY ";
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED_BYTES: usize = SIGNATURE.len() + 4;
const VERSION: u8 = 2;
const LOCAL: u8 = 0;
const PROXY: u8 = 1;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;
const BLOCK_BYTES_MAX: usize = 36 + TLV_BYTES_MAX;

/// What a header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Header<'a> {
    /// The proxy connects for somebody else.
    Proxied {
        /// Who that is.
        source: SocketAddr,
        /// What address that one has connected to.
        destination: SocketAddr,
        /// Type-length-value vectors, as they came; version 1 has none.
        tlvs: &'a [u8],
    },
    /// The proxy connects for itself (a health check), or does not know for whom: the addresses of
    /// the connection are the real ones.
    Own,
}

/// Something else than a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no PROXY header that is taken here")]
pub struct NoHeader;

/// Reads the header at the begin of `bytes`, and says how long it is; `None` while it is not whole.
/// What can never become one is refused at its first wrong byte, but for the inside of a line.
pub fn parse(bytes: &[u8]) -> Result<Option<(Header<'_>, usize)>, NoHeader> {
    let begins = |with: &[u8]| bytes.iter().zip(with).all(|(one, other)| one == other);
    if begins(SIGNATURE) {
        parse_binary(bytes)
    } else if begins(LINE) {
        parse_line(bytes)
    } else {
        Err(NoHeader)
    }
}

fn parse_line(bytes: &[u8]) -> Result<Option<(Header<'_>, usize)>, NoHeader> {
    let head = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = head.windows(2).position(|pair| pair == b"\r\n") else {
        return if head.len() < LINE_BYTES_MAX { Ok(None) } else { Err(NoHeader) };
    };
    let line = head.get(LINE.len()..end).ok_or(NoHeader)?;
    let line = core::str::from_utf8(line).map_err(|_| NoHeader)?;
    let mut words = line.split(' ');
    let header = match words.next() {
        Some("UNKNOWN") => return Ok(Some((Header::Own, end + 2))),
        Some("TCP4") => ends::<Ipv4Addr>(&mut words)?,
        Some("TCP6") => ends::<Ipv6Addr>(&mut words)?,
        Some(_) | None => return Err(NoHeader),
    };
    if words.next().is_some() {
        return Err(NoHeader);
    }
    Ok(Some((header, end + 2)))
}

/// The two ends, as a line has them.
fn ends<'w, A: FromStr + Into<core::net::IpAddr>>(
    words: &mut impl Iterator<Item = &'w str>,
) -> Result<Header<'static>, NoHeader> {
    let mut word = || words.next().ok_or(NoHeader);
    let [source, destination] = [word()?, word()?].map(|word| word.parse::<A>());
    let [from, to] = [word()?, word()?].map(port);
    let end = |address: Result<A, _>, port| {
        Ok(SocketAddr::new(address.map_err(|_| NoHeader)?.into(), port?))
    };
    Ok(Header::Proxied {
        source: end(source, from)?,
        destination: end(destination, to)?,
        tlvs: &[],
    })
}

fn port(word: &str) -> Result<u16, NoHeader> {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|_| is_number).ok_or(NoHeader)
}

fn parse_binary(bytes: &[u8]) -> Result<Option<(Header<'_>, usize)>, NoHeader> {
    let Some(fixed) = bytes.first_chunk::<FIXED_BYTES>() else { return Ok(None) };
    let [version_and_command, family, high, low] = fixed[SIGNATURE.len()..] else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if version_and_command >> 4 != VERSION || length > BLOCK_BYTES_MAX {
        return Err(NoHeader);
    }
    let block = bytes.get(FIXED_BYTES..FIXED_BYTES + length);
    let header = match (version_and_command & 0xf, family) {
        (LOCAL, _) => block.map(|_| Header::Own),
        (PROXY, TCP_OVER_IPV4) if length >= 12 => block.map(block_of::<4>),
        (PROXY, TCP_OVER_IPV6) if length >= 36 => block.map(block_of::<16>),
        _ => return Err(NoHeader),
    };
    Ok(header.map(|header| (header, FIXED_BYTES + length)))
}

/// The two ends, as a block has them whose addresses are `BYTES` long, and what is behind them.
fn block_of<const BYTES: usize>(block: &[u8]) -> Header<'_>
where
    [u8; BYTES]: Into<core::net::IpAddr>,
{
    const WHOLE: &str = "the length has been checked";
    let (source, rest) = block.split_first_chunk::<BYTES>().expect(WHOLE);
    let (destination, rest) = rest.split_first_chunk::<BYTES>().expect(WHOLE);
    let ([a, b, c, d], tlvs) = rest.split_first_chunk::<4>().expect(WHOLE);
    let end = |address: &[u8; BYTES], port| SocketAddr::new((*address).into(), port);
    Header::Proxied {
        source: end(source, u16::from_be_bytes([*a, *b])),
        destination: end(destination, u16::from_be_bytes([*c, *d])),
        tlvs,
    }
}
