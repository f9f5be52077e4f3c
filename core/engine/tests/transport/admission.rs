//! How many may come, and through which addresses.

use crate::certificates::Certificates;
use crate::porter::{Client, House, Noted, alone, dial, rest, wait_until};
use engine::{TlsAcceptor, Transport};
use runtime::{Admission, CloseReason, Limits, Refusal};
use rustls::version::TLS13;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Connects until one gets in.
fn await_room(house: &House) -> Client<TcpStream> {
    let mut client = None;
    wait_until("room", || {
        use std::io::Write;
        let mut stream = dial(house.address);
        let is_in =
            stream.write_all(&[0, 0]).is_ok() && matches!(stream.read_exact(&mut [0; 2]), Ok(()));
        client = is_in.then_some(Client { stream });
        is_in
    });
    client.unwrap()
}

#[test]
fn no_more_come_than_may() {
    let _alone = alone();
    for shards in [1, 2] {
        let admission = Admission { connections_max: 3, ..Admission::default() };
        let house = House::open(shards, Transport { admission, ..Transport::default() });
        for round in 1..4 {
            let mut all = [(); 3].map(|()| await_room(&house));
            all.iter_mut().for_each(|client| client.echo(b"hello"));
            let before = house.times(is_refused(Refusal::TooMany));
            rest(dial(house.address));
            house.await_refused(Refusal::TooMany, before + 1);
            drop(all);
            wait_until("all to be gone", || house.times(is_gone) == 3 * round);
        }
    }
}

fn is_refused(why: Refusal) -> impl Fn(&Noted) -> bool {
    move |noted| matches!(noted, Noted::Refused(_, reason) if *reason == why)
}

fn is_gone(noted: &Noted) -> bool {
    *noted == Noted::Went(CloseReason::ClosedByPeer)
}

#[test]
fn no_more_come_from_one_address_than_may() {
    let _alone = alone();
    let certificates = Certificates::new();
    let admission = Admission { per_address_max: 2, ..Admission::default() };
    let tls = TlsAcceptor::load(certificates.files(None)).unwrap();
    for tls in [None, Some(tls)] {
        let house = House::open(2, Transport { admission, tls, ..Transport::default() });
        // Those that say nothing count as well. They come in on either shard: any may be the third.
        let mut three = [(); 3].map(|()| dial(house.address));
        wait_until("one is turned away", || {
            house.times(is_refused(Refusal::TooManyOfAddress)) == 1
        });
        wait_until("it is closed", || three.iter_mut().any(has_ended));
        // What the other shard notes may come behind it.
        let refused = |noted: Noted| match noted {
            Noted::Refused(peer, _) => Some(peer),
            Noted::Came { .. } | Noted::Said(_) | Noted::Went(_) => None,
        };
        let peer = house.notes().into_iter().find_map(refused).unwrap();
        assert_eq!(peer.ip(), three[0].local_addr().unwrap().ip());
    }
}

/// Whether the other end has closed a connection on which nothing is said.
fn has_ended(socket: &mut TcpStream) -> bool {
    socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    match socket.read(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn ipv6_and_ipv4_come_through_one_door_and_are_told_apart() {
    let _alone = alone();
    let address: SocketAddr = "[::]:0".parse().unwrap();
    let house = House::open_with(2, Transport::default(), address, Limits::default());
    for ip in ["127.0.0.1", "::1"] {
        let address = SocketAddr::new(ip.parse().unwrap(), house.address.port());
        let mut client = Client::plain(address);
        client.echo(b"hello");
        let (peer, local) = (client.stream.local_addr().unwrap(), address);
        let wanted = Noted::Came { peer, local, tlvs: Vec::new(), is_secure: false };
        assert!(house.notes().contains(&wanted), "{wanted:?} in {:?}", house.notes());
    }
}

#[test]
fn who_is_turned_away_by_a_full_house_of_tls_is_closed() {
    let _alone = alone();
    let certificates = Certificates::new();
    let admission = Admission { connections_max: 1, ..Admission::default() };
    let tls = Some(TlsAcceptor::load(certificates.files(None)).unwrap());
    let house = House::open(1, Transport { admission, tls, ..Transport::default() });
    let config = certificates.client(&TLS13, None);
    let mut one = Client::secure(house.address, &config);
    rest(dial(house.address));
    house.await_refused(Refusal::TooMany, 1);
    one.echo(b"hello");
}
