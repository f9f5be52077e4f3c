//! TLS as clients see it.

use crate::certificates::{Authority, Certificates, NAME, VERSIONS};
use crate::porter::{
    Client, FLOOD, House, NOTE, Noted, Tls, alone, dial, flood_frame, rest, shake, wait_until,
};
use engine::{TlsAcceptor, TlsError, TlsFiles, Transport};
use runtime::{Admission, CloseReason, Limits, Refusal};
use rustls::HandshakeKind;
use rustls::version::TLS13;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

fn transport(files: TlsFiles) -> Transport {
    Transport { tls: Some(TlsAcceptor::load(files).unwrap()), ..Transport::default() }
}

fn secure(certificates: &Certificates) -> Transport {
    transport(certificates.files(None))
}

/// Bytes of some length that differ from each other.
fn body(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(7) ^ (at >> 8) ^ seed) as u8).collect()
}

#[test]
fn both_versions_are_spoken_and_frames_come_as_they_are() {
    let _alone = alone();
    let certificates = Certificates::new();
    for shards in [1, 2] {
        let house = House::open(shards, secure(&certificates));
        for version in VERSIONS {
            let mut client = Client::secure(house.address, &certificates.client(version, None));
            for length in [0, 1, 100, 4000, 16_384, 16_385, 65_535] {
                client.echo(&body(length, length));
            }
            let spoken = client.stream.conn.protocol_version();
            assert_eq!(spoken, Some(version.version));
        }
        let came = |noted: &Noted| matches!(noted, Noted::Came { is_secure: true, .. });
        wait_until("notes", || house.times(came) == VERSIONS.len());
        house.await_gone(CloseReason::ClosedByPeer, VERSIONS.len());
        house.await_figure("handshakes", |counts| counts.handshakes_done, 2);
        house.await_figure("no handshakes", |counts| counts.handshakes_in_flight, 0);
    }
}

#[test]
fn big_messages_go_both_ways_at_once() {
    const FRAMES: usize = 400;
    let _alone = alone();
    let certificates = Certificates::new();
    let house = House::open(1, secure(&certificates));
    for version in VERSIONS {
        let client = certificates.client(version, None);
        let Tls { mut conn, mut sock } = shake(&client, dial(house.address)).unwrap();
        sock.set_nonblocking(true).unwrap();
        let sent: Vec<u8> =
            (0..FRAMES).flat_map(|at| crate::porter::frame(&body(65_535, at))).collect();
        let (mut taken, mut heard) = (0, Vec::new());
        wait_until("all to come back", || {
            taken += conn.writer().write(&sent[taken..]).unwrap();
            while conn.wants_write() && conn.write_tls(&mut sock).is_ok() {}
            while conn.read_tls(&mut sock).is_ok_and(|bytes| bytes > 0) {
                conn.process_new_packets().unwrap();
                conn.reader().read_to_end(&mut heard).ok();
            }
            heard.len() == sent.len()
        });
        assert!(heard == sent);
    }
}

#[test]
fn who_comes_back_resumes() {
    let _alone = alone();
    let certificates = Certificates::new();
    let house = House::open(2, secure(&certificates));
    for version in VERSIONS {
        let config = certificates.client(version, None);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            let mut client = Client::secure(house.address, &config);
            client.echo(b"tickets come with the first answer");
            assert_eq!(client.stream.conn.handshake_kind(), Some(kind));
        }
    }
    house.await_figure("resumptions", |counts| counts.handshakes_resumed, 4);
}

#[test]
fn who_was_told_nothing_has_its_ticket_before_the_end() {
    let _alone = alone();
    let certificates = Certificates::new();
    let house = House::open(1, secure(&certificates));
    let config = certificates.client(&TLS13, None);
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let mut client = Client::secure(house.address, &config);
        assert_eq!(client.stream.conn.handshake_kind(), Some(kind));
        client.half_close();
        assert!(rest(&mut client.stream).is_empty());
    }
}

#[test]
fn many_shake_hands_at_once() {
    let _alone = alone();
    let certificates = Certificates::new();
    let house = House::open(2, secure(&certificates));
    let config = certificates.client(&TLS13, None);
    // More of them finish in one turn than a shard ends by itself.
    let hellos = (0..100).map(|_| {
        let name = NAME.try_into().unwrap();
        let mut connection = rustls::ClientConnection::new(config.clone(), name).unwrap();
        let mut socket = dial(house.address);
        connection.write_tls(&mut socket).unwrap();
        (connection, socket)
    });
    let mut hellos: Vec<_> = hellos.collect();
    for (connection, socket) in &mut hellos {
        while connection.is_handshaking() && !connection.wants_write() {
            read_tls(connection, socket);
            connection.process_new_packets().unwrap();
        }
    }
    for (connection, socket) in &mut hellos {
        while connection.wants_write() {
            connection.write_tls(socket).unwrap();
        }
    }
    for (connection, socket) in hellos {
        let mut client = Client { stream: rustls::StreamOwned::new(connection, socket) };
        client.echo(b"who is there?");
    }
    house.await_figure("handshakes", |counts| counts.handshakes_done, 100);
}

#[test]
fn clients_show_the_certificates_that_are_asked_for() {
    let _alone = alone();
    let (certificates, clients, others) =
        (Certificates::new(), Authority::new("clients"), Authority::new("others"));
    let house = House::open(1, transport(certificates.files(Some(&clients))));
    for (round, version) in (1..).zip(VERSIONS) {
        let anna = certificates.client(version, Some(clients.sign("anna")));
        Client::secure(house.address, &anna).echo(b"hello");
        let below = clients.below("clients of clients").sign_in_chain("berta");
        let berta = certificates.client(version, Some(below));
        Client::secure(house.address, &berta).echo(b"hello");
        for stranger in [None, Some(others.sign("anna"))] {
            let config = certificates.client(version, stranger);
            // With TLS 1.3 a client learns of it only when it reads.
            let refused = shake(&config, dial(house.address))
                .and_then(|mut stream| stream.read(&mut [0]).map(drop));
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains("fatal alert"), "{refused}");
        }
        house.await_refused(Refusal::HandshakeFailed, 2 * round);
    }
    house.await_figure("failures", |counts| counts.handshakes_failed, 4);
    house.await_figure("no handshakes", |counts| counts.handshakes_in_flight, 0);
    house.await_figure("nobody lingers", |counts| counts.lingering, 0);
}

#[test]
fn chains_of_clients_are_no_longer_than_they_may_be() {
    let _alone = alone();
    let (certificates, clients) = (Certificates::new(), Authority::new("clients"));
    let files = TlsFiles { verify_depth_max: Some(0), ..certificates.files(Some(&clients)) };
    let house = House::open(1, transport(files));
    let anna = certificates.client(&TLS13, Some(clients.sign("anna")));
    Client::secure(house.address, &anna).echo(b"hello");
    let below = clients.below("clients of clients").sign_in_chain("berta");
    let berta = certificates.client(&TLS13, Some(below));
    assert!(shake(&berta, dial(house.address)).and_then(|mut s| s.read(&mut [0])).is_err());
    house.await_refused(Refusal::HandshakeFailed, 1);
}

#[test]
fn garbage_and_silence_are_turned_away() {
    let _alone = alone();
    let certificates = Certificates::new();
    let admission = Admission { handshake_ms: 300, ..Admission::default() };
    let house = House::open(1, Transport { admission, ..secure(&certificates) });
    let hello = hello(&certificates);
    let starts: [(&[u8], Refusal); 7] = [
        (b"GET / HTTP/1.1\r\n\r\n", Refusal::HandshakeFailed),
        (b"\x05\x00hello", Refusal::HandshakeFailed),
        (b"\x16\x03\x01\xff\xff", Refusal::HandshakeFailed),
        (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", Refusal::HandshakeFailed),
        (b"", Refusal::HandshakeTimeout),
        (&hello[..hello.len() / 2], Refusal::HandshakeTimeout),
        (&hello, Refusal::HandshakeTimeout),
    ];
    for (round, (start, why)) in starts.into_iter().enumerate() {
        let before = house.times(|noted| matches!(noted, Noted::Refused(..)));
        assert_eq!(before, round);
        let mut socket = dial(house.address);
        socket.write_all(start).unwrap();
        rest(socket);
        wait_until("a refusal", || {
            house.times(|noted| matches!(noted, Noted::Refused(..))) > before
        });
        assert!(matches!(house.notes().last(), Some(Noted::Refused(_, reason)) if *reason == why));
    }
    // Who goes without a word is none of the porter's business.
    drop(dial(house.address));
    house.await_figure("one that left", |counts| counts.left_early, 1);
    house.await_figure("no handshakes", |counts| counts.handshakes_in_flight, 0);
    assert_eq!(house.notes().len(), starts.len());
    Client::secure(house.address, &certificates.client(&TLS13, None)).echo(b"all is well");
}

/// The first flight of a client.
fn hello(certificates: &Certificates) -> Vec<u8> {
    let name = NAME.try_into().unwrap();
    let config = certificates.client(&TLS13, None);
    let mut connection = rustls::ClientConnection::new(config, name).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    hello
}

#[test]
fn a_handshake_may_come_in_single_bytes() {
    let _alone = alone();
    let certificates = Certificates::new();
    let house = House::open(1, secure(&certificates));
    for version in VERSIONS {
        let name = NAME.try_into().unwrap();
        let config = certificates.client(version, None);
        let mut connection = rustls::ClientConnection::new(config, name).unwrap();
        let mut socket = dial(house.address);
        connection.writer().write_all(&crate::porter::frame(b"right behind it")).unwrap();
        while connection.is_handshaking() || connection.wants_write() {
            let mut flight = Vec::new();
            while connection.wants_write() {
                connection.write_tls(&mut flight).unwrap();
            }
            flight.iter().for_each(|byte| socket.write_all(&[*byte]).unwrap());
            if connection.is_handshaking() {
                read_tls(&mut connection, &mut socket);
                connection.process_new_packets().unwrap();
            }
        }
        let mut client = Client { stream: rustls::StreamOwned::new(connection, socket) };
        assert_eq!(client.hears(), b"right behind it");
    }
}

/// Reads once. A thread that has just had an io_uring is interrupted now and then.
fn read_tls(connection: &mut rustls::ClientConnection, socket: &mut TcpStream) {
    while let Err(error) = connection.read_tls(socket) {
        assert_eq!(error.kind(), ErrorKind::Interrupted);
    }
}

#[test]
fn what_is_said_in_one_breath_with_the_handshake_is_heard() {
    let _alone = alone();
    let certificates = Certificates::new();
    let house = House::open(2, secure(&certificates));
    let said = [NOTE, b" said, and gone"].concat();
    for version in VERSIONS {
        let config = certificates.client(version, None);
        for _ in 0..20 {
            let mut client = Client::secure(house.address, &config);
            client.send(&said);
            client.half_close();
            assert_eq!(rest(client.stream), b"", "an end in order");
        }
    }
    house.await_gone(CloseReason::ClosedByPeer, 40);
    assert_eq!(house.times(|noted| *noted == Noted::Said(said.clone())), 40);
}

#[test]
fn silent_ones_keep_nobody_out() {
    let _alone = alone();
    let certificates = Certificates::new();
    let house = House::open(2, secure(&certificates));
    let hello = hello(&certificates);
    let quiet: Vec<TcpStream> = (0..500)
        .map(|number| {
            let mut socket = dial(house.address);
            socket.write_all(&hello[..if number % 2 == 0 { 0 } else { hello.len() - 1 }]).unwrap();
            socket
        })
        .collect();
    let config = certificates.client(&TLS13, None);
    for _ in 0..20 {
        Client::secure(house.address, &config).echo(b"let in");
    }
    drop(quiet);
}

#[test]
fn handshakes_beyond_their_limit_are_refused() {
    let _alone = alone();
    let certificates = Certificates::new();
    let admission = Admission { handshakes_max: 3, ..Admission::default() };
    let house = House::open(2, Transport { admission, ..secure(&certificates) });
    let hello = hello(&certificates);
    let begin = || {
        let mut socket = dial(house.address);
        socket.write_all(&hello).unwrap();
        socket
    };
    let begun: Vec<TcpStream> = (0..3).map(|_| begin()).collect();
    house.await_figure("three handshakes", |counts| counts.handshakes_in_flight, 3);
    rest(begin());
    house.await_refused(Refusal::TooManyHandshakes, 1);
    drop(begun);
    house.await_refused(Refusal::HandshakeFailed, 3);
    Client::secure(house.address, &certificates.client(&TLS13, None)).echo(b"room again");
}

#[test]
fn who_is_on_the_way_in_holds_up_no_end() {
    let _alone = alone();
    let certificates = Certificates::new();
    let house = House::open(2, secure(&certificates));
    let hello = hello(&certificates);
    let begun: Vec<TcpStream> = (0..10)
        .map(|number| {
            let mut socket = dial(house.address);
            socket.write_all(&hello[..if number % 2 == 0 { hello.len() } else { 9 }]).unwrap();
            socket
        })
        .collect();
    house.await_figure("handshakes", |counts| counts.handshakes_in_flight, 5);
    house.close();
    begun.into_iter().for_each(|socket| drop(rest(socket)));
}

#[test]
fn who_reads_slowly_is_closed_and_others_are_not() {
    let _alone = alone();
    let certificates = Certificates::new();
    let limits = Limits { backlog_bytes_max: 8 << 20, stall_ms: 3_600_000, ..Limits::default() };
    let house = House::open_with(1, secure(&certificates), crate::porter::free_address(), limits);
    for version in VERSIONS {
        let config = certificates.client(version, None);
        let mut others = [(); 3].map(|()| Client::secure(house.address, &config));
        let mut reader = Client::secure(house.address, &config);
        let mut slow = Client::secure(house.address, &config);
        // Held by the backlog, and then read: all of it, in order.
        reader.send(&[FLOOD, b"100"].concat());
        thread::sleep(Duration::from_millis(50));
        let before = house.times(|noted| *noted == Noted::Went(CloseReason::Backlog));
        slow.send(&[FLOOD, b"500"].concat());
        house.await_gone(CloseReason::Backlog, before + 1);
        others.iter_mut().for_each(|other| other.echo(&body(30_000, 1)));
        (0..100).for_each(|at| assert!(reader.hears() == flood_frame(at), "frame {at}"));
        reader.echo(b"and on");
    }
}

#[test]
fn certificates_are_read_again_while_clients_are_connected() {
    let _alone = alone();
    let certificates = Certificates::new();
    let files = certificates.files(None);
    let house = House::open(1, transport(files.clone()));
    let config = certificates.client(&TLS13, None);
    let shown = |client: &Client<Tls>| client.stream.conn.peer_certificates().unwrap()[0].clone();
    let hang_up = || {
        let me = rustix::process::getpid();
        rustix::process::kill_process(me, rustix::process::Signal::HUP).unwrap();
    };
    let mut old = Client::secure(house.address, &config);
    let first = shown(&old);

    // Files that are no good change nothing.
    certificates.write("key.pem", "nothing");
    hang_up();
    thread::sleep(Duration::from_millis(100));
    let mut between = Client::secure(house.address, &config);
    assert!(shown(&between) == first);

    let renewed = certificates.renew();
    hang_up();
    wait_until("the new certificate", || {
        let config = certificates.client(&TLS13, None);
        shown(&Client::secure(house.address, &config)) == renewed
    });
    old.echo(b"still here");
    between.echo(b"still here");
}

#[test]
fn files_that_are_no_good_are_named() {
    let certificates = Certificates::new();
    let files = || certificates.files(None);
    let text = |files: TlsFiles| TlsAcceptor::load(files).unwrap_err().to_string();
    let missing = certificates.write("missing.pem", "");
    std::fs::remove_file(&missing).unwrap();
    let empty = certificates.write("empty.pem", "no certificate\n");
    let garbled = certificates
        .write("garbled.pem", "-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----\n");
    let no_der = certificates
        .write("no_der.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for path in [&missing, &empty, &garbled, &no_der] {
        let named = path.display().to_string();
        assert!(
            text(TlsFiles { certificate: path.clone(), ..files() }).contains(&named),
            "{named}"
        );
        assert!(
            text(TlsFiles { chain: Some(path.clone()), ..files() }).contains(&named),
            "{named}"
        );
        assert!(
            text(TlsFiles { authority: Some(path.clone()), ..files() }).contains(&named),
            "{named}"
        );
        assert!(text(TlsFiles { key: path.clone(), ..files() }).contains(&named), "{named}");
    }
    let other = Certificates::new();
    let mismatched = TlsFiles { key: other.files(None).key, ..files() };
    assert!(matches!(TlsAcceptor::load(mismatched), Err(TlsError::Unusable { .. })));
}
