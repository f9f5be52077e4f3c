//! The engine on loopback: real sockets, real shards, a Message Director on top.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod server;

use engine::StartError;
use runtime::CloseReason;
use server::{Client, Server, alone, datagram, free_address, wait_until};
use std::fs::DirEntry;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::{array, fs, io, thread};
use wire::control::ControlMessage;
use wire::ids::Channel;

/// The channel of the first client; the others have the next ones.
const FIRST: u64 = 1000;

/// Two clients that hear each other, on channels from `first` on.
fn pair(server: &Server, first: u64) -> [Client; 2] {
    server.clients(first, 2).try_into().ok().unwrap()
}

/// Sends to and fro.
#[track_caller]
fn talk([one, other]: &mut [Client; 2], first: u64) {
    for number in 0..500u32 {
        let number = number.to_le_bytes();
        one.send(first + 1, &number);
        assert_eq!(other.hears(), number);
        other.send(first, &number);
        assert_eq!(one.hears(), number);
    }
}

#[test]
fn two_connections_hear_each_other() {
    let _alone = alone();
    for shards in [1, 2] {
        let server = Server::start(shards);
        talk(&mut pair(&server, FIRST), FIRST);
    }
}

const MANY: u64 = 64;
const FRAMES: u32 = 100;
/// Who hears a frame, counted from its sender.
const STEPS: [u64; 8] = [1, 2, 3, 5, 8, 13, 21, 34];

/// Sender, number, and as many bytes as that makes, below `bytes_max`.
fn numbered(from: u64, number: u32, bytes_max: u64) -> Vec<u8> {
    let filler = (u64::from(number) * 997 + from * 61) % bytes_max;
    let mut payload = [&from.to_le_bytes()[..], &number.to_le_bytes()].concat();
    payload.resize(payload.len() + filler as usize, number as u8);
    payload
}

/// Hears `count` numbered frames, those of each sender in order.
fn hears_all(client: &mut Client, count: u64, bytes_max: u64) {
    let mut next = [0; MANY as usize];
    for _ in 0..count {
        let payload = client.hears();
        let from = u64::from_le_bytes(*payload.first_chunk().unwrap());
        let number = &mut next[from as usize];
        assert!(payload == numbered(from, *number, bytes_max), "frame {number} of {from}");
        *number += 1;
    }
}

#[test]
fn many_connections_exchange_frames_in_order() {
    const BYTES_MAX: u64 = 6000;
    let _alone = alone();
    let to_each = u64::from(FRAMES) * STEPS.len() as u64;
    for shards in [1, 2] {
        // So few and so small that they run out.
        let server = Server::start_with_buffers(shards, (8, 1024));
        let mut clients = server.clients(FIRST, MANY);
        let sockets: Vec<TcpStream> = clients.iter().map(Client::socket).collect();
        thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(|| hears_all(client, to_each, BYTES_MAX));
            }
            for number in 0..FRAMES {
                for (from, mut socket) in (0..).zip(&sockets) {
                    let to = STEPS.map(|step| FIRST + (from + step) % MANY);
                    let frame = datagram(&to, &numbered(from, number, BYTES_MAX));
                    socket.write_all(&frame).unwrap();
                }
            }
        });
        server.await_count("deliveries", MANY * to_each);
        assert_eq!(server.count("datagrams_crossed") > 0, shards > 1);
    }
}

/// Sockets that this process has.
fn sockets() -> usize {
    let is_socket = |fd: &io::Result<DirEntry>| {
        let target = fs::read_link(fd.as_ref().unwrap().path());
        target.is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    fs::read_dir("/proc/self/fd").unwrap().filter(is_socket).count()
}

/// Where all speak while connections come and go.
const SQUARE: u64 = 500;

/// Joins, speaks, and leaves in one of several ways.
fn comes_and_goes(server: &Server, how: usize) {
    let mut client = Client::join(server.address);
    if how == 0 {
        return client.reset();
    }
    client.control(ControlMessage::AddChannel(Channel(SQUARE)));
    client.control(ControlMessage::AddRange(Channel(SQUARE), Channel(SQUARE + 99)));
    client.send(SQUARE, &[1; 5000]);
    match how {
        1 => client.reset(),
        2 => {
            client.half_close();
            client.is_closed();
        }
        3 => client.bytes(&[200, 0, 1]),
        _ => (),
    }
}

#[test]
fn a_storm_of_connects_and_closes_leaves_nothing_behind() {
    const THREADS: usize = 8;
    const EACH: usize = 100;
    let _alone = alone();
    for shards in [1, 2] {
        let server = Server::start(shards);
        let before = sockets();
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| (0..EACH).for_each(|number| comes_and_goes(&server, number % 5)));
            }
        });
        server.await_accepted((THREADS * EACH) as u64);
        for name in ["participants", "subscriptions", "range_pieces", "backlog_bytes"] {
            server.await_count(name, 0);
        }
        wait_until("the last socket to be closed", || sockets() == before);
        talk(&mut pair(&server, FIRST), FIRST);
    }
}

/// A client leaves two words and `ends`: both are heard, in order.
#[track_caller]
fn leaves_words(server: &Server, hearer: &mut Client, ends: impl FnOnce(Client)) {
    let mut leaver = Client::join(server.address);
    leaver.leave_word(FIRST, b"first word");
    leaver.leave_word(FIRST, b"second word");
    server.await_count("post_removes", 2);
    ends(leaver);
    assert_eq!(hearer.hears(), b"first word");
    assert_eq!(hearer.hears(), b"second word");
    server.await_count("post_removes", 0);
    server.await_count("participants", 1);
}

#[test]
fn post_removes_are_sent_however_a_link_ends() {
    let _alone = alone();
    for shards in [1, 2] {
        let server = Server::start(shards);
        let mut hearer = server.clients(FIRST, 1).remove(0);
        for round in 1..=8 {
            leaves_words(&server, &mut hearer, Client::reset);
            server.await_closed(CloseReason::Reset, round);
            leaves_words(&server, &mut hearer, drop);
            leaves_words(&server, &mut hearer, |mut leaver| {
                leaver.half_close();
                leaver.is_closed();
            });
            server.await_closed(CloseReason::ClosedByPeer, 2 * round);
        }
    }
}

#[test]
fn an_upstream_may_come_late_and_go() {
    let _alone = alone();
    for shards in [1, 2] {
        let upstream = free_address();
        let server = Server::start_at(free_address(), shards, Some(upstream)).unwrap();
        let [mut hearer, mut sender] = pair(&server, FIRST);
        hearer.control(ControlMessage::AddRange(Channel(2000), Channel(2999)));
        // Behind the range on the same way: whoever hears it knows the range.
        hearer.send(FIRST + 1, b"nobody above");
        assert_eq!(sender.hears(), b"nobody above");

        let listener = TcpListener::bind(upstream).unwrap();
        for time in 1..=2 {
            let mut above = Client::new(accept(&listener));
            let mut announced: [String; 3] = array::from_fn(|_| above.hears_control());
            announced.sort();
            let wanted = [
                "AddChannel(Channel(1000))",
                "AddChannel(Channel(1001))",
                "AddRange(Channel(2000), Channel(2999))",
            ];
            assert_eq!(announced, wanted);
            if time == 1 {
                assert_eq!(above.hears(), b"nobody above");
            }
            above.send(2500, b"from above");
            assert_eq!(hearer.hears(), b"from above");
            hearer.send(3000, b"from below");
            assert_eq!(above.hears(), b"from below");
            server.await_count("upstream_connects", time);
        }
    }
}

/// Accepts a connection, if one comes in time.
#[track_caller]
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let mut accepted = None;
    wait_until("a connection", || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (socket, _) = accepted.unwrap();
    socket.set_nonblocking(false).unwrap();
    socket
}

#[test]
fn a_stop_closes_everything_and_frees_the_port() {
    const CLIENTS: u64 = 32;
    const ROUNDS: usize = 10;
    /// Sockets that each engine leaves to the process, which hears of signals through them.
    const SIGNALS: usize = 2;
    let _alone = alone();
    let (address, before) = (free_address(), sockets());
    for round in 1..=ROUNDS {
        let server = Server::start_at(address, 1 + round % 2, None).unwrap();
        let mut clients = server.clients(FIRST, CLIENTS);
        clients[0].send(FIRST + CLIENTS - 1, b"all here");
        assert_eq!(clients[CLIENTS as usize - 1].hears(), b"all here");
        let second = Server::start_at(address, 1, None);
        assert!(matches!(second, Err(StartError::Bind { .. })), "the port is taken");
        server.stop();
        clients.iter_mut().for_each(Client::is_closed);
        assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
        drop(clients);
        assert!(sockets() <= before + SIGNALS * round, "sockets are left");
    }
}

#[test]
fn an_engine_that_is_dropped_stops_first() {
    let _alone = alone();
    for shards in [1, 2] {
        let address = free_address();
        let server = Server::start_at(address, shards, None).unwrap();
        let mut clients = server.clients(FIRST, 8);
        clients[0].leave_word(FIRST + 1, b"last word");
        server.await_count("post_removes", 1);
        server.abandon();
        assert_eq!(clients[1].hears(), b"last word");
        clients.iter_mut().for_each(Client::is_closed);
        assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    }
}

const FLOODERS: u64 = 16;
const FLOOD_FRAMES: u32 = 512;
const FLOOD_BYTES_MAX: u64 = 32 << 10;

/// Many flood one that does not read, until they are paused; others talk on. Then `ends` does
/// something about the one that does not read.
fn flood(shards: usize, ends: impl FnOnce(Client)) {
    // Of many small buffers some are full already when their sender is paused.
    let server = Server::start_with_buffers(shards, (2048, 512));
    let mut others = pair(&server, FIRST);
    let slow = server.clients(SQUARE, 1).remove(0);
    let mut senders: Vec<Client> = (0..FLOODERS).map(|_| Client::join(server.address)).collect();
    thread::scope(|scope| {
        for (from, sender) in (0..).zip(&mut senders) {
            scope.spawn(move || {
                for number in 0..FLOOD_FRAMES {
                    sender.send(SQUARE, &numbered(from, number, FLOOD_BYTES_MAX));
                }
            });
        }
        wait_until("a pause", || server.count("flood_pauses") > 0);
        talk(&mut others, FIRST);
        ends(slow);
    });
    for sender in &mut senders {
        sender.send(FIRST, b"done");
        assert_eq!(others[0].hears(), b"done");
    }
    server.await_closed(CloseReason::Backlog, 0);
}

#[test]
fn who_reads_late_gets_all_and_nobody_else_waits() {
    let _alone = alone();
    let all = FLOODERS * u64::from(FLOOD_FRAMES);
    for shards in [1, 2] {
        flood(shards, |mut slow| hears_all(&mut slow, all, FLOOD_BYTES_MAX));
    }
}

#[test]
fn who_never_reads_and_leaves_holds_nobody_up() {
    let _alone = alone();
    for shards in [1, 2] {
        flood(shards, drop);
    }
}
