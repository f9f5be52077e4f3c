//! Who is thrown out hears why, whatever it has said itself; and nobody stays for it for long.

use crate::certificates::{Certificates, VERSIONS};
use crate::porter::{
    Client, FLOOD, FLOOD_BYTES, House, LAST_WORDS, NOTE, Noted, THROW_OUT, alone, flood_frame,
    frame, rest, wait_until,
};
use engine::{TlsAcceptor, Transport};
use runtime::CloseReason;
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

fn secure(certificates: &Certificates) -> Transport {
    let tls = Some(TlsAcceptor::load(certificates.files(None)).unwrap());
    Transport { tls, ..Transport::default() }
}

/// Asks to be thrown out, says a lot more, and reads only then.
fn thrown_out<S: Read + Write>(house: &House, mut client: Client<S>) {
    const UNREAD_BYTES: usize = 1 << 20;
    let before = house.times(|noted| *noted == Noted::Went(CloseReason::Ejected));
    let unread = frame(&[NOTE, &[7; 60_000]].concat()).repeat(UNREAD_BYTES / 60_000 + 1);
    let all = [frame(THROW_OUT), unread].concat();
    client.stream.write_all(&all).and_then(|()| client.stream.flush()).unwrap();
    house.await_gone(CloseReason::Ejected, before + 1);
    thread::sleep(Duration::from_millis(20));
    assert_eq!(rest(client.stream), frame(LAST_WORDS));
}

#[test]
fn who_is_thrown_out_hears_why() {
    let _alone = alone();
    let certificates = Certificates::new();
    for shards in [1, 2] {
        let house = House::open(shards, Transport::default());
        (0..20).for_each(|_| thrown_out(&house, Client::plain(house.address)));
        house.await_figure("nobody lingers", |counts| counts.lingering, 0);
        let house = House::open(shards, secure(&certificates));
        for version in VERSIONS {
            let config = certificates.client(version, None);
            (0..10).for_each(|_| thrown_out(&house, Client::secure(house.address, &config)));
        }
        house.await_figure("nobody lingers", |counts| counts.lingering, 0);
    }
}

#[test]
fn an_end_in_order_is_told_as_such() {
    let _alone = alone();
    let certificates = Certificates::new();
    let house = House::open(1, secure(&certificates));
    for version in VERSIONS {
        let mut client = Client::secure(house.address, &certificates.client(version, None));
        client.send(THROW_OUT);
        let mut heard = Vec::new();
        let end = client.stream.read_to_end(&mut heard);
        assert!(end.is_ok() && heard == frame(LAST_WORDS), "{end:?}");
    }
}

#[test]
fn who_does_not_go_is_shut() {
    let _alone = alone();
    let house = House::open(1, Transport::default());
    let mut client = Client::plain(house.address);
    client.send(THROW_OUT);
    assert_eq!(client.hears(), LAST_WORDS);
    house.await_figure("one that lingers", |counts| counts.lingering, 1);
    house.await_figure("nobody lingers", |counts| counts.lingering, 0);
    wait_until("it to be shut", || client.stream.write_all(b"x").is_err());
}

#[test]
fn what_waits_for_room_is_said_first() {
    const FRAMES: u32 = 40;
    let _alone = alone();
    let certificates = Certificates::new();
    let house = House::open(1, secure(&certificates));
    for version in VERSIONS {
        let mut client = Client::secure(house.address, &certificates.client(version, None));
        // As much as the sockets hold, or less.
        client.send(&[FLOOD, b"2"].concat());
        client.send(THROW_OUT);
        (0..2).for_each(|at| assert!(client.hears() == flood_frame(at)));
        assert_eq!(client.hears(), LAST_WORDS);
        let mut never_reads = Client::secure(house.address, &certificates.client(version, None));
        never_reads.send(&[FLOOD, FRAMES.to_string().as_bytes()].concat());
        never_reads.send(THROW_OUT);
        assert!(rest(never_reads.stream).len() <= FRAMES as usize * (FLOOD_BYTES + 2) + 20);
    }
    house.await_gone(CloseReason::Ejected, 4);
    house.await_figure("nobody lingers", |counts| counts.lingering, 0);
}

#[test]
fn a_house_that_closes_says_so() {
    let _alone = alone();
    let certificates = Certificates::new();
    let house = House::open(2, secure(&certificates));
    let mut clients = VERSIONS.map(|version| {
        let mut client = Client::secure(house.address, &certificates.client(version, None));
        client.echo(b"hello");
        client
    });
    house.close();
    for client in &mut clients {
        assert_eq!(client.stream.read(&mut [0]).unwrap(), 0, "an end in order");
    }
}
