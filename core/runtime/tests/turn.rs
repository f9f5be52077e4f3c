//! Whole turns of one and two shards, driven by hand: what reaches which socket, in which order,
//! when a socket is slow, a sender floods, or a turn is too full.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use runtime::{
    Arrival, Block, CloseReason, ConnId, Effect, Input, Limits, ListenerId, Now, Outbox, Role,
    Shard, ShardConfig, ShardId, Sockets, Ticket, Write,
};
use std::collections::BTreeMap;
use wire::datagram::{self, Datagram};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, MsgType};

/// Routes datagrams; one to the control channel subscribes its sender channel.
struct Switch;

impl Role for Switch {
    fn step(&mut self, _: Now, input: Input<'_>, out: &mut Outbox) {
        let Input::Frame { conn, frame } = input else { return };
        let dg = Datagram::parse(frame.body()).unwrap();
        if dg.recipients().eq([Channel(4001)]) {
            out.subscribe(conn.into(), dg.sender()).unwrap();
        } else {
            out.route(conn, frame, dg.recipients());
        }
    }
}

fn dg(to: &[u64], payload: &[u8]) -> Vec<u8> {
    let to: Vec<Channel> = to.iter().copied().map(Channel).collect();
    let mut out = Vec::new();
    let payload = |out: &mut Vec<u8>| out.extend_from_slice(payload);
    datagram::write_datagram(&mut out, &to, Channel(5), MsgType(6), payload).unwrap();
    out
}

fn subscribe(channel: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let to = [Channel(4001)];
    datagram::write_datagram(&mut out, &to, Channel(channel), MsgType(0), |_| ()).unwrap();
    out
}

/// What each connection of a shard has got, and how much more it takes.
#[derive(Default)]
struct Net {
    got: BTreeMap<ConnId, Vec<u8>>,
    room: BTreeMap<ConnId, usize>,
    writes: usize,
}

impl Sockets for Net {
    fn write(&mut self, conn: ConnId, slices: &[&[u8]]) -> Write {
        self.writes += 1;
        let all = slices.concat();
        let room = self.room.entry(conn).or_insert(usize::MAX);
        let taken = all.len().min(*room);
        *room -= taken;
        self.got.entry(conn).or_default().extend_from_slice(&all[..taken]);
        Write::Written(taken)
    }
}

struct World {
    now: Now,
    shards: Vec<(Shard, Net)>,
    effects: Vec<(usize, Effect)>,
}

impl World {
    /// Whether a shard wanted this done.
    fn did(&self, shard: usize, effect: &Effect) -> bool {
        let is_it = |(at, other): &(usize, Effect)| {
            *at == shard && format!("{other:?}") == format!("{effect:?}")
        };
        self.effects.iter().any(is_it)
    }

    fn new(shards: usize, conns: u32, limits: Limits) -> World {
        let make = |me| {
            let config = ShardConfig {
                has_event_logger: false,
                me: ShardId(me as u16),
                shards,
                dialect: Dialect::OpenOtp,
                limits,
                upstream: None,
                hash_seeds: [1, 2, 3, 4],
            };
            let mut shard = Shard::new(config);
            shard.add_role(&[ListenerId(0)], &[], |_| Box::new(Switch));
            shard.start(Now(0));
            let peer = "127.0.0.1:9".parse().unwrap();
            (0..conns).for_each(|at| {
                shard.accepted(Now(0), ConnId(at), ListenerId(0), Arrival::plain(peer, peer))
            });
            (shard, Net::default())
        };
        World { now: Now(0), shards: (0..shards).map(make).collect(), effects: vec![] }
    }

    fn send(&mut self, shard: usize, conn: u32, bytes: &[u8]) {
        let block = Block::new(bytes.to_vec(), Ticket(7));
        self.shards[shard].0.received(self.now, ConnId(conn), block);
        self.settle();
    }

    /// Turns until nobody has anything to do.
    fn settle(&mut self) {
        let mut again = true;
        while again {
            again = false;
            for at in 0..self.shards.len() {
                self.shards[at].0.finish(self.now);
                for to in 0..self.shards.len() {
                    if let Some(batch) = self.shards[at].0.take_batch(ShardId(to as u16)) {
                        assert!(batch.bytes() > 0);
                        self.shards[to].0.batch(self.now, ShardId(at as u16), batch);
                        again = true;
                    }
                }
                let (shard, net) = &mut self.shards[at];
                shard.flush(self.now, net);
                self.effects.extend(shard.effects().map(|effect| (at, effect)));
                shard.recycle().for_each(drop);
                again |= shard.wants_turn();
            }
        }
    }

    fn got(&mut self, shard: usize, conn: u32) -> Vec<u8> {
        self.shards[shard].1.got.remove(&ConnId(conn)).unwrap_or_default()
    }

    fn set_room(&mut self, shard: usize, conn: u32, room: usize) {
        self.shards[shard].1.room.insert(ConnId(conn), room);
        self.shards[shard].0.writable(ConnId(conn));
        self.settle();
    }

    fn closed(&self) -> Vec<(usize, u32, CloseReason)> {
        let close = |(at, effect): &(usize, Effect)| match effect {
            Effect::Close(conn, reason) => Some((*at, conn.0, *reason)),
            _ => None,
        };
        self.effects.iter().filter_map(close).collect()
    }
}

#[test]
fn what_a_turn_has_for_a_connection_leaves_in_one_write() {
    let mut world = World::new(1, 2, Limits::default());
    world.send(0, 1, &subscribe(70));
    let frames = [dg(&[70], b"a"), dg(&[70], &[3; 5000]), dg(&[70, 71], b""), dg(&[99], b"x")];
    world.send(0, 0, &frames.concat());
    assert_eq!(world.got(0, 1), frames[..3].concat());
    assert_eq!(world.shards[0].1.writes, 1);
}

#[test]
fn a_participant_hears_a_datagram_once_and_never_its_own() {
    for shards in [1, 2] {
        let mut world = World::new(shards, 2, Limits::default());
        let other = shards - 1;
        for (shard, conn) in [(0, 0), (other, 1)] {
            world.send(shard, conn, &[subscribe(70), subscribe(71), subscribe(70)].concat());
        }
        let frame = dg(&[71, 70, 71], b"hello");
        world.send(0, 0, &frame);
        assert_eq!(world.got(other, 1), frame);
        assert_eq!(world.got(0, 0), []);
    }
}

#[test]
fn a_frame_may_come_in_pieces_of_any_length() {
    let frames = [dg(&[70], b"first"), dg(&[70], &[8; 3000]), dg(&[70], b"")];
    let stream = frames.concat();
    for cut in 1..stream.len() {
        let mut world = World::new(1, 2, Limits::default());
        world.send(0, 1, &subscribe(70));
        world.send(0, 0, &stream[..cut]);
        world.send(0, 0, &stream[cut..]);
        assert_eq!(world.got(0, 1), stream, "cut at {cut}");
    }
}

#[test]
fn a_slow_reader_gets_all_in_order_later() {
    let mut world = World::new(1, 3, Limits::default());
    world.send(0, 1, &subscribe(70));
    world.send(0, 2, &subscribe(70));
    let frames: Vec<Vec<u8>> = (0..90).map(|at| dg(&[70], &vec![at as u8; at * 97])).collect();
    let room = 1234;
    world.shards[0].1.room.insert(ConnId(1), room);
    frames.iter().for_each(|frame| world.send(0, 0, frame));
    assert_eq!(world.got(0, 2), frames.concat());
    assert!(world.shards[0].0.counts().backlog_bytes > 0);
    let mut all = world.got(0, 1);
    while world.shards[0].0.counts().backlog_bytes > 0 {
        world.set_room(0, 1, 3333);
        all.extend(world.got(0, 1));
    }
    assert_eq!(all, frames.concat());
}

#[test]
fn who_does_not_read_is_closed_and_nobody_else_is() {
    let limits = Limits { backlog_bytes_max: 10_000, ..Limits::default() };
    for shards in [1, 2] {
        let mut world = World::new(shards, 3, limits);
        let other = shards - 1;
        world.send(other, 1, &subscribe(70));
        world.send(other, 2, &subscribe(70));
        world.shards[other].1.room.insert(ConnId(1), 0);
        let frame = dg(&[70], &[1; 900]);
        (0..20).for_each(|_| world.send(0, 0, &frame));
        assert_eq!(world.closed(), [(other, 1, CloseReason::Backlog)]);
        assert!(world.did(other, &Effect::Released(ConnId(1))));
        assert_eq!(world.got(other, 2), frame.repeat(20));
        assert_eq!(world.shards[other].0.counts().backlog_bytes, 0);
    }
}

#[test]
fn who_takes_nothing_for_too_long_is_closed() {
    let mut world = World::new(1, 2, Limits { stall_ms: 1000, ..Limits::default() });
    world.send(0, 1, &subscribe(70));
    world.shards[0].1.room.insert(ConnId(1), 10);
    world.send(0, 0, &dg(&[70], b"hello"));
    world.now = Now(0).plus_ms(900);
    world.set_room(0, 1, 1);
    world.now = Now(0).plus_ms(1800);
    world.settle();
    assert_eq!(world.closed(), []);
    let wake = world.shards[0].0.next_wake().unwrap();
    assert!(wake <= Now(0).plus_ms(2100), "it looks again by itself: {wake:?}");
    world.now = Now(0).plus_ms(2100);
    world.settle();
    assert_eq!(world.closed(), [(0, 1, CloseReason::Stalled)]);
}

#[test]
fn who_floods_is_paused_until_the_reader_has_caught_up() {
    let limits =
        Limits { backlog_bytes_max: 100_000, flood_bytes_max: 10_000, ..Limits::default() };
    for shards in [1, 2] {
        let mut world = World::new(shards, 3, limits);
        let other = shards - 1;
        world.send(other, 1, &subscribe(70));
        world.shards[other].1.room.insert(ConnId(1), 0);
        let frame = dg(&[70], &[1; 1000]);
        // A modest sender is never paused, the flooding one is.
        world.send(0, 2, &frame);
        (0..70).for_each(|_| world.send(0, 0, &frame));
        world.send(0, 2, &frame);
        let pauses = |world: &World| world.did(0, &Effect::Pause(ConnId(0)));
        assert!(pauses(&world));
        assert!(!world.did(0, &Effect::Pause(ConnId(2))));
        assert!(!world.did(0, &Effect::Resume(ConnId(0))));
        world.set_room(other, 1, usize::MAX);
        assert!(world.did(0, &Effect::Resume(ConnId(0))));
        assert_eq!(world.got(other, 1), frame.repeat(72));
        assert_eq!(world.closed(), []);
    }
}

#[test]
fn a_paused_sender_goes_on_when_the_reader_is_closed() {
    let limits = Limits { backlog_bytes_max: 100_000, flood_bytes_max: 1000, ..Limits::default() };
    let mut world = World::new(2, 2, limits);
    world.send(1, 1, &subscribe(70));
    world.shards[1].1.room.insert(ConnId(1), 0);
    (0..60).for_each(|_| world.send(0, 0, &dg(&[70], &[1; 1000])));
    assert!(world.did(0, &Effect::Pause(ConnId(0))));
    world.shards[1].0.closed(world.now, ConnId(1), CloseReason::Reset);
    world.settle();
    assert!(world.did(0, &Effect::Resume(ConnId(0))));
}

#[test]
fn frames_of_all_lengths_cross_in_order() {
    let mut world = World::new(3, 2, Limits::default());
    world.send(1, 0, &subscribe(70));
    world.send(2, 1, &subscribe(70));
    let lengths = [0, 1, 2000, 2100, 40_000, 65_000, 3, 2048, 7];
    let frames: Vec<u8> =
        lengths.iter().flat_map(|&length| dg(&[70], &vec![length as u8; length])).collect();
    world.send(0, 0, &frames);
    assert_eq!(world.got(1, 0), frames);
    assert_eq!(world.got(2, 1), frames);
}

#[test]
fn a_turn_too_full_goes_on_in_the_next_one() {
    const READERS: u32 = 2000;
    for shards in [1, 2] {
        let mut world = World::new(shards, READERS, Limits::default());
        let other = shards - 1;
        for conn in 1..READERS {
            world.send(other, conn, &subscribe(70 + conn as u64 % 2));
        }
        // Neighbouring frames go to different readers, so each delivery is a piece of its own.
        let frames: Vec<Vec<u8>> =
            (0..600u64).map(|at| dg(&[70 + at % 2], &at.to_le_bytes())).collect();
        world.send(0, 0, &frames.concat());
        let writes = world.shards[other].1.writes;
        assert!(writes > 2 * READERS as usize, "the turn was cut: {writes} writes");
        for conn in 1..READERS {
            let wanted: Vec<u8> =
                frames.iter().skip(conn as usize % 2).step_by(2).flatten().copied().collect();
            assert_eq!(world.got(other, conn), wanted, "reader {conn}");
        }
    }
}

#[test]
fn a_connection_that_ends_leaves_nothing_behind() {
    let mut world = World::new(2, 2, Limits::default());
    let channels: Vec<u8> = (100..40_000).flat_map(subscribe).collect();
    world.send(0, 0, &channels);
    assert_eq!(world.shards[1].0.counts().subscriptions, 39_900);
    world.send(0, 0, &subscribe(7)[..5]);
    world.shards[0].0.closed(world.now, ConnId(0), CloseReason::ClosedByPeer);
    world.settle();
    for (shard, _) in &world.shards {
        assert_eq!(shard.counts().subscriptions, 0);
    }
    assert_eq!(world.shards[0].0.counts().participants, 1);
    assert!(world.did(0, &Effect::Released(ConnId(0))) && world.effects.len() == 1);
}

#[test]
fn a_frame_over_the_limit_closes_its_sender() {
    let mut world = World::new(1, 2, Limits { frame_bytes_max: 100, ..Limits::default() });
    world.send(0, 1, &subscribe(70));
    let fits = dg(&[70], &[0; 100 - 19]);
    world.send(0, 0, &[&fits[..], &dg(&[70], &[0; 100 - 18]), &fits].concat());
    assert_eq!(world.closed(), [(0, 0, CloseReason::FrameTooLong)]);
    assert_eq!(world.got(0, 1), fits);
    assert_eq!(framing::body(&fits).len(), 100);
}
