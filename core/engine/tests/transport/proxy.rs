//! PROXY headers, as proxies send them, before plain bytes and before TLS.

use crate::certificates::{Certificates, VERSIONS};
use crate::porter::{Client, House, Noted, alone, dial, frame, rest, shake, wait_until};
use engine::{ProxyPolicy, TlsAcceptor, Transport};
use runtime::{Admission, CloseReason, Network, Refusal};
use std::io::Write;
use std::net::{Shutdown, SocketAddr};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const LINE: &[u8] = b"PROXY TCP4 203.0.113.9 198.51.100.7 1025 7198\r\n";

fn behind_proxies() -> Transport {
    Transport { proxy: Some(ProxyPolicy::default()), ..Transport::default() }
}

fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = (block.len() as u16).to_be_bytes();
    [SIGNATURE, &[0x20 | command, family], &length, block].concat()
}

/// Version 2, between the ends of [`LINE`].
fn binary_v4(tlvs: &[u8]) -> Vec<u8> {
    let ends = [203, 0, 113, 9, 198, 51, 100, 7, 0x04, 0x01, 0x1c, 0x1e];
    binary(1, 0x11, &[&ends, tlvs].concat())
}

fn binary_v6() -> Vec<u8> {
    let end = |last| [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    binary(1, 0x21, &[&end(1)[..], &end(2), &[0, 80, 0, 81]].concat())
}

fn came(peer: &str, local: &str, tlvs: &[u8]) -> Noted {
    let [peer, local] = [peer, local].map(|end| end.parse().unwrap());
    Noted::Came { peer, local, tlvs: tlvs.to_vec(), is_secure: false }
}

fn named() -> Noted {
    came("203.0.113.9:1025", "198.51.100.7:7198", b"")
}

#[test]
fn a_proxy_says_for_whom_it_connects() {
    let _alone = alone();
    let house = House::open(2, behind_proxies());
    let tlvs = b"\x04\x00\x03abc\xea\x00\x01\x00";
    for (header, wanted) in [
        (LINE.to_vec(), named()),
        (
            b"PROXY TCP6 2001:db8::1 2001:db8::2 80 81\r\n".to_vec(),
            came("[2001:db8::1]:80", "[2001:db8::2]:81", b""),
        ),
        (
            b"PROXY TCP6 ::ffff:203.0.113.9 ::1 80 81\r\n".to_vec(),
            came("203.0.113.9:80", "[::1]:81", b""),
        ),
        (binary_v4(b""), named()),
        (binary_v4(tlvs), came("203.0.113.9:1025", "198.51.100.7:7198", tlvs)),
        (binary_v6(), came("[2001:db8::1]:80", "[2001:db8::2]:81", b"")),
    ] {
        let mut client = Client::plain(house.address);
        client.stream.write_all(&header).unwrap();
        client.echo(b"hello");
        assert!(house.notes().contains(&wanted), "{wanted:?} in {:?}", house.notes());
    }
}

#[test]
fn a_proxy_may_speak_for_itself() {
    let _alone = alone();
    let house = House::open(1, behind_proxies());
    let health_check =
        [binary(0, 0, b""), binary(0, 0x21, &[7; 36]), b"PROXY UNKNOWN\r\n".to_vec()];
    for (round, header) in health_check.into_iter().enumerate() {
        // Nobody hears of one that goes without a word.
        let mut check = dial(house.address);
        check.write_all(&header).unwrap();
        check.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(check), b"");
        house.await_figure("health checks", |counts| counts.left_early, round as u64 + 1);
        assert_eq!(house.times(|noted| matches!(noted, Noted::Came { .. })), round);
        let mut client = Client::plain(house.address);
        client.stream.write_all(&header).unwrap();
        client.echo(b"hello");
        let own = client.stream.local_addr().unwrap();
        let wanted = came(&own.to_string(), &house.address.to_string(), b"");
        assert_eq!(house.times(|noted| *noted == wanted), 1, "{round}");
    }
}

#[test]
fn a_header_may_be_cut_anywhere() {
    let _alone = alone();
    let house = House::open(1, behind_proxies());
    for header in [LINE.to_vec(), binary_v4(b"\x04\x00\x01x"), binary_v6()] {
        let all = [header, frame(b"behind it")].concat();
        for cut in 1..all.len() {
            let mut client = Client::plain(house.address);
            client.stream.write_all(&all[..cut]).unwrap();
            client.stream.write_all(&all[cut..]).unwrap();
            assert_eq!(client.hears(), b"behind it", "cut at {cut}");
        }
        let mut client = Client::plain(house.address);
        all.iter().for_each(|byte| client.stream.write_all(&[*byte]).unwrap());
        assert_eq!(client.hears(), b"behind it");
    }
    assert_eq!(house.times(|noted| matches!(noted, Noted::Refused(..))), 0);
}

#[test]
fn what_is_no_header_is_turned_away() {
    let _alone = alone();
    let house = House::open(1, behind_proxies());
    let cases = [
        frame(b"hello"),
        b"PROXY TCP4 203.0.113.9 198.51.100.7 1025\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.9".to_vec(), // and then nothing
        binary(1, 0x12, &[0; 12]),
        binary(1, 0x11, &[0; 11]),
    ];
    for (number, bytes) in cases.into_iter().enumerate() {
        let mut socket = dial(house.address);
        socket.write_all(&bytes).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&socket), b"");
        house.await_refused(Refusal::BadProxyHeader, number + 1);
    }
    drop(dial(house.address));
    house.await_figure("one that left", |counts| counts.left_early, 1);
    assert_eq!(house.notes().len(), 5);
}

#[test]
fn a_header_has_its_time() {
    let _alone = alone();
    let admission = Admission { handshake_ms: 200, ..Admission::default() };
    let house = House::open(1, Transport { admission, ..behind_proxies() });
    let mut in_time = Client::plain(house.address);
    in_time.stream.write_all(LINE).unwrap();
    in_time.echo(b"hello");
    for (number, begin) in [&b""[..], &LINE[..20]].into_iter().enumerate() {
        let mut socket = dial(house.address);
        socket.write_all(begin).unwrap();
        assert_eq!(rest(&socket), b"");
        house.await_refused(Refusal::HandshakeTimeout, number + 1);
    }
    in_time.echo(b"still here");
}

#[test]
fn only_trusted_ones_are_believed() {
    let _alone = alone();
    let network = |address: &str, prefix| Network { address: address.parse().unwrap(), prefix };
    let house = |trusted| {
        let proxy = Some(ProxyPolicy { trusted });
        House::open(1, Transport { proxy, ..Transport::default() })
    };
    let open = house(vec![network("10.0.0.0", 8), network("127.0.0.0", 8)]);
    let mut client = Client::plain(open.address);
    client.stream.write_all(LINE).unwrap();
    client.echo(b"hello");
    drop(open);
    let closed = house(vec![network("10.0.0.0", 8)]);
    rest(dial(closed.address));
    closed.await_refused(Refusal::ProxyNotTrusted, 1);
    let Some(Noted::Refused(peer, _)) = closed.notes().pop() else { panic!("a refusal") };
    assert!(peer.ip().is_loopback());
}

#[test]
fn addresses_behind_a_proxy_count_as_they_are_named() {
    let _alone = alone();
    let admission = Admission { per_address_max: 2, ..Admission::default() };
    let house = House::open(2, Transport { admission, ..behind_proxies() });
    let come = |address: &str| {
        let mut client = Client::plain(house.address);
        write!(client.stream, "PROXY TCP4 {address} 198.51.100.7 1025 7198\r\n").unwrap();
        client
    };
    let mut first: Vec<_> =
        ["203.0.113.1", "203.0.113.1", "203.0.113.2"].into_iter().map(come).collect();
    first.iter_mut().for_each(|client| client.echo(b"hello"));
    assert_eq!(rest(come("203.0.113.1").stream), b"");
    house.await_refused(Refusal::TooManyOfAddress, 1);
    let refused: SocketAddr = "203.0.113.1:1025".parse().unwrap();
    assert!(house.notes().contains(&Noted::Refused(refused, Refusal::TooManyOfAddress)));
    first.remove(0);
    house.await_gone(CloseReason::ClosedByPeer, 1);
    wait_until("room again", || {
        let mut client = come("203.0.113.1");
        client.stream.write_all(&frame(b"hello")).unwrap();
        rest_begins(&mut client)
    });
}

/// Whether it is answered.
fn rest_begins(client: &mut Client<std::net::TcpStream>) -> bool {
    use std::io::Read;
    matches!(client.stream.read(&mut [0]), Ok(1))
}

#[test]
fn a_header_comes_before_the_handshake() {
    let _alone = alone();
    let certificates = Certificates::new();
    let tls = Some(TlsAcceptor::load(certificates.files(None)).unwrap());
    let house = House::open(1, Transport { tls, ..behind_proxies() });
    for version in VERSIONS {
        for header in [LINE.to_vec(), binary_v4(b"\x04\x00\x01x")] {
            let mut socket = dial(house.address);
            socket.write_all(&header).unwrap();
            let config = certificates.client(version, None);
            Client { stream: shake(&config, socket).unwrap() }.echo(b"hello");
        }
    }
    let is_it = |noted: &Noted| matches!(noted, Noted::Came { peer, is_secure: true, .. } if peer.port() == 1025);
    assert_eq!(house.times(is_it), 4);
    let mut socket = dial(house.address);
    socket.write_all(&[LINE, b"no hello"].concat()).unwrap();
    rest(socket);
    house.await_refused(Refusal::HandshakeFailed, 1);
}
