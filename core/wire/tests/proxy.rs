//! PROXY headers: what is taken, what is not, and that no bytes do harm. FERRIS_FUZZ_CASES=N plays N
//! cases of each property instead of the usual number.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use std::net::SocketAddr;
use wire::proxy::{Header, LINE_BYTES_MAX, NoHeader, TLV_BYTES_MAX, parse};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = (block.len() as u16).to_be_bytes();
    [SIGNATURE, &[0x20 | command, family], &length, block].concat()
}

/// The block of a header of version 2 between these ends.
fn block(source: SocketAddr, destination: SocketAddr, tlvs: &[u8]) -> Vec<u8> {
    let address = |end: SocketAddr| match end {
        SocketAddr::V4(end) => end.ip().octets().to_vec(),
        SocketAddr::V6(end) => end.ip().octets().to_vec(),
    };
    let port = |end: SocketAddr| end.port().to_be_bytes();
    let ports = [port(source), port(destination)].concat();
    [&address(source)[..], &address(destination), &ports, tlvs].concat()
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn proxied<'a>(source: &str, destination: &str, tlvs: &'a [u8]) -> Header<'a> {
    Header::Proxied { source: at(source), destination: at(destination), tlvs }
}

/// Whole headers, and what they say.
fn headers() -> Vec<(Vec<u8>, Header<'static>)> {
    let line = |text: &str| text.as_bytes().to_vec();
    let (v4, v6) = (["10.1.2.3:5", "10.4.5.6:7198"], ["[2001:db8::1]:65535", "[::1]:1"]);
    let longest = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255";
    let long = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let whole = |ends: [&str; 2], tlvs: &[u8]| block(at(ends[0]), at(ends[1]), tlvs);
    vec![
        (line("PROXY TCP4 10.1.2.3 10.4.5.6 5 7198\r\n"), proxied(v4[0], v4[1], &[])),
        (line("PROXY TCP6 2001:db8::1 ::1 65535 1\r\n"), proxied(v6[0], v6[1], &[])),
        (
            line(&format!("PROXY TCP6 {long} {long} 65535 65535\r\n")),
            proxied(&format!("[{long}]:65535"), &format!("[{long}]:65535"), &[]),
        ),
        (line("PROXY UNKNOWN\r\n"), Header::Own),
        (line(&format!("PROXY UNKNOWN {longest} {long} 65535\r\n")), Header::Own),
        (binary(1, 0x11, &whole(v4, &[])), proxied(v4[0], v4[1], &[])),
        (binary(1, 0x21, &whole(v6, &[])), proxied(v6[0], v6[1], &[])),
        (binary(1, 0x11, &whole(v4, b"\x04\0\x01x")), proxied(v4[0], v4[1], b"\x04\0\x01x")),
        (
            binary(1, 0x21, &whole(v6, &[7; TLV_BYTES_MAX])),
            proxied(v6[0], v6[1], &[7; TLV_BYTES_MAX]),
        ),
        (binary(0, 0x00, &[]), Header::Own),
        (binary(0, 0x11, &[]), Header::Own),
        (binary(0, 0x31, &[9; 216]), Header::Own),
        (binary(0, 0x21, &whole(v6, b"tlv")), Header::Own),
    ]
}

#[test]
fn headers_are_read_whole_wherever_they_are_cut() {
    for (bytes, wanted) in headers() {
        assert_eq!(parse(&bytes), Ok(Some((wanted, bytes.len()))));
        let behind = [&bytes[..], b"\x05\0hello"].concat();
        assert_eq!(parse(&behind), Ok(Some((wanted, bytes.len()))));
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]), Ok(None), "cut at {cut}");
        }
    }
}

#[test]
fn what_is_no_header_is_refused() {
    let too_long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LINE_BYTES_MAX - 15));
    for line in [
        "GET / HTTP/1.1\r\n",
        "PROXX",
        "\r\n\r\nX",
        "PROXY\r\n",
        "PROXY \r\n",
        "PROXY TCP5 10.1.2.3 10.4.5.6 5 6\r\n",
        "PROXY TCP4 10.1.2.3 10.4.5.6 5\r\n",
        "PROXY TCP4 10.1.2.3 10.4.5.6 5 6 7\r\n",
        "PROXY TCP4 10.1.2.3 10.4.5.6 5  6\r\n",
        "PROXY TCP4 10.1.2.3 10.4.5.6 5 65536\r\n",
        "PROXY TCP4 10.1.2.3 10.4.5.6 5 +6\r\n",
        "PROXY TCP4 10.1.2.3 10.4.5.6 5 -6\r\n",
        "PROXY TCP4 10.1.2.300 10.4.5.6 5 6\r\n",
        "PROXY TCP4 ::1 ::1 5 6\r\n",
        "PROXY TCP6 10.1.2.3 10.4.5.6 5 6\r\n",
        "PROXY TCP4 10.1.2.3 10.4.5.6 5 6\n\r\n",
        &too_long,
    ] {
        assert_eq!(parse(line.as_bytes()), Err(NoHeader), "{line:?}");
    }
    let ends = block(at("10.1.2.3:5"), at("10.4.5.6:7"), &[]);
    let too_long = binary(1, 0x21, &[0; 36 + TLV_BYTES_MAX + 1]);
    for bytes in [
        [SIGNATURE, &[0x11, 0x11, 0, 12], &ends].concat(),
        binary(2, 0x11, &ends),
        binary(1, 0x00, &ends),
        binary(1, 0x12, &ends),
        binary(1, 0x31, &[0; 216]),
        binary(1, 0x11, &ends[..11]),
        binary(1, 0x21, &ends),
        too_long[..16].to_vec(),
    ] {
        assert_eq!(parse(&bytes), Err(NoHeader), "{bytes:x?}");
    }
}

fn config() -> ProptestConfig {
    let cases = std::env::var("FERRIS_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(256),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

/// Headers with a few bytes changed, and bytes that begin like one.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop::sample::select(headers()).prop_map(|(bytes, _)| bytes);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let changed = (whole, changes).prop_map(|(mut bytes, changes)| {
        changes.iter().for_each(|(at, byte)| *at.get_mut(&mut bytes) = *byte);
        bytes
    });
    let begins = prop::sample::select(vec![&b"PROXY "[..], b"PROXY TCP4 ", SIGNATURE, b""]);
    let made_up = (begins, prop::collection::vec(any::<u8>(), 0..300));
    prop_oneof![changed, made_up.prop_map(|(begin, rest)| [begin, &rest].concat())]
}

proptest! {
    #![proptest_config(config())]

    /// More bytes never turn a header, or a refusal, into something else.
    #[test]
    fn what_is_said_once_holds(bytes in hostile()) {
        let mut said = None;
        for cut in 0..=bytes.len() {
            let now = parse(&bytes[..cut]);
            match said {
                None => said = (now != Ok(None)).then_some(now),
                Some(before) => prop_assert_eq!(before, now),
            }
            if let Ok(Some((_, length))) = now {
                prop_assert!(length <= cut);
            }
        }
    }
}
