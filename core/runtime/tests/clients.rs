//! What a gate for clients stands on: channels that are leased to shards, one encoding for many
//! connections, limits by listener, and an end that lets the last words arrive.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use runtime::{
    Arrival, Block, CloseReason, ConnId, Input, Leasing, Limits, LinkId, ListenerId, Now, Objects,
    Outbox, Placing, Refusal, Role, RoleId, Shard, ShardConfig, ShardId, Sockets, Split, Ticket,
    Write,
};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;
use wire::datagram::{self, Datagram};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, MsgType};

const LINKS: ListenerId = ListenerId(0);
const CLIENTS: ListenerId = ListenerId(1);
const LOW: u64 = 1_000_000;

/// Routes what comes in.
struct Director;

impl Role for Director {
    fn step(&mut self, _: Now, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Frame { conn, frame } => {
                let dg = Datagram::parse(frame.body()).unwrap();
                out.route(conn, frame, dg.recipients());
            }
            Input::Connected { conn, .. } => out.upstream_up(conn),
            _ => (),
        }
    }
}

/// Hears of all objects, which client channels are not.
struct Owner(Heard);

impl Role for Owner {
    fn step(&mut self, _: Now, input: Input<'_>, _: &mut Outbox) {
        if let Input::Datagram { .. } = input {
            self.0.borrow_mut().push("an object".into());
        }
    }
}

type Heard = Rc<RefCell<Vec<String>>>;

/// Does what the bodies of its clients' frames say.
struct Gate {
    me: RoleId,
    shard: usize,
    heard: Heard,
}

impl Role for Gate {
    fn step(&mut self, _: Now, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Datagram { .. } => self.hear(format!("datagram on {}", self.shard)),
            Input::Closed { conn, reason } => self.hear(format!("{} {}", conn.0, reason.name())),
            Input::Refused { why, .. } => self.hear(why.name().into()),
            Input::Told { message, .. } => {
                let to = ShardId(u16::from(message[1]));
                out.lease(self.me, u32::from(message[0]), (to.0 < 64).then_some(to));
            }
            Input::Frame { conn, frame } => match frame.body() {
                [b'e', rest @ ..] => {
                    let conns = rest.iter().map(|&conn| ConnId(u32::from(conn)));
                    out.write_each(conns, |own| say(own, b"each")).unwrap();
                }
                [b'f', ..] => {
                    out.write(conn, |own| say(own, b"last")).unwrap();
                    out.finish(conn, CloseReason::Ejected);
                    out.write(conn, |own| say(own, b"words")).unwrap();
                }
                [b'l', lease @ ..] => {
                    (0..out.shards()).for_each(|to| out.tell(ShardId(to as u16), self.me, lease));
                }
                other => self.hear(format!("{} bytes", other.len())),
            },
            _ => (),
        }
    }
}

impl Gate {
    fn hear(&self, what: String) {
        self.heard.borrow_mut().push(what);
    }
}

fn say(own: &mut Vec<u8>, body: &[u8]) -> Result<(), Infallible> {
    own.extend_from_slice(&frame(body));
    Ok(())
}

fn frame(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let start = framing::begin_frame(&mut out);
    out.extend_from_slice(body);
    framing::finish_frame(&mut out, start).unwrap();
    out
}

#[derive(Default)]
struct Net {
    got: BTreeMap<ConnId, Vec<u8>>,
    room: BTreeMap<ConnId, usize>,
}

impl Sockets for Net {
    fn write(&mut self, conn: ConnId, slices: &[&[u8]]) -> Write {
        let all = slices.concat();
        let room = self.room.entry(conn).or_insert(usize::MAX);
        let taken = all.len().min(*room);
        *room -= taken;
        self.got.entry(conn).or_default().extend_from_slice(&all[..taken]);
        Write::Written(taken)
    }
}

struct World {
    shards: Vec<(Shard, Net)>,
    heard: Heard,
    effects: Vec<String>,
}

impl World {
    /// Shards with a link, 0, and clients from 1 on.
    fn new(shards: usize, clients: u32, limits: Limits) -> World {
        let heard = Heard::default();
        let peer = "127.0.0.1:9".parse().unwrap();
        let make = |shard: usize| {
            let me = ShardId(shard as u16);
            let mut made = Shard::new(ShardConfig {
                has_event_logger: false,
                me,
                shards,
                dialect: Dialect::OpenOtp,
                limits: Limits::default(),
                upstream: Some(ShardId(0)),
                hash_seeds: [1, 2, 3, 4],
            });
            made.add_role(&[LINKS], &[LinkId(0)], |_| Box::new(Director));
            let placing = |objects, clients| {
                let (split, controls) = ((|_, _, _| None) as Split, SmallVec::new());
                Placing { controls, split, objects, clients, store: None }
            };
            let of_objects = Rc::clone(&heard);
            made.add_placed_role(placing(Objects::All, None), |_| Box::new(Owner(of_objects)));
            let leasing = Leasing { range: Channel(LOW)..=Channel(LOW + 9), chunk: 4 };
            assert_eq!(leasing.chunks(), 3);
            assert_eq!(leasing.channels_of(2), Channel(LOW + 8)..=Channel(LOW + 9));
            let heard = Rc::clone(&heard);
            made.add_placed_role(placing(Objects::None, Some(leasing)), |me| {
                Box::new(Gate { me, shard, heard })
            });
            made.add_listener(CLIENTS, limits);
            made.start(Now(0));
            made.accepted(Now(0), ConnId(0), LINKS, Arrival::plain(peer, peer));
            for conn in 1..=clients {
                made.accepted(Now(0), ConnId(conn), CLIENTS, Arrival::plain(peer, peer));
            }
            if shard == 0 {
                made.connected(Now(0), ConnId(clients + 1), LinkId(0), peer);
            }
            (made, Net::default())
        };
        let shards = (0..shards).map(make).collect();
        let mut world = World { shards, heard, effects: vec![] };
        world.settle();
        world
    }

    fn send(&mut self, shard: usize, conn: u32, bytes: Vec<u8>) {
        self.shards[shard].0.received(Now(0), ConnId(conn), Block::new(bytes, Ticket(7)));
        self.settle();
    }

    /// Whether a datagram to `channel` that comes in on a shard reaches anybody, and whom.
    fn route(&mut self, shard: usize, channel: u64) -> Vec<String> {
        let mut bytes = Vec::new();
        datagram::write_datagram(&mut bytes, &[Channel(channel)], Channel(5), MsgType(6), |_| ())
            .unwrap();
        self.send(shard, 0, bytes);
        self.heard()
    }

    fn settle(&mut self) {
        let mut again = true;
        while again {
            again = false;
            for at in 0..self.shards.len() {
                self.shards[at].0.finish(Now(0));
                for to in 0..self.shards.len() {
                    if let Some(batch) = self.shards[at].0.take_batch(ShardId(to as u16)) {
                        self.shards[to].0.batch(Now(0), ShardId(at as u16), batch);
                        again = true;
                    }
                }
                let (shard, net) = &mut self.shards[at];
                shard.flush(Now(0), net);
                self.effects.extend(shard.effects().map(|effect| format!("{effect:?}")));
                shard.recycle().for_each(drop);
                again |= shard.wants_turn();
            }
        }
    }

    fn heard(&mut self) -> Vec<String> {
        std::mem::take(&mut self.heard.borrow_mut())
    }

    fn got(&mut self, conn: u32) -> Vec<u8> {
        self.shards[0].1.got.remove(&ConnId(conn)).unwrap_or_default()
    }
}

#[test]
fn a_leased_channel_reaches_the_shard_that_has_it_and_is_no_object() {
    for shards in [1, 2, 3] {
        let mut world = World::new(shards, 1, Limits::default());
        let owner = shards - 1;
        for from in 0..shards {
            assert_eq!(world.route(from, LOW + 5), ["datagram on 0"], "nobody has it");
        }
        assert_eq!(world.route(0, LOW - 1), ["an object"]);
        world.send(0, 1, frame(&[b'l', 1, owner as u8]));
        for from in 0..shards {
            assert_eq!(world.route(from, LOW + 4), [format!("datagram on {owner}")]);
            assert_eq!(world.route(from, LOW + 7), [format!("datagram on {owner}")]);
            for others in [LOW + 3, LOW + 8] {
                assert_eq!(world.route(from, others), ["datagram on 0"]);
            }
        }
        world.send(0, 1, frame(&[b'l', 1, 99]));
        assert_eq!(world.route(0, LOW + 4), ["datagram on 0"], "it was given back");
    }
}

#[test]
fn the_upstream_hears_of_the_whole_range() {
    let mut world = World::new(2, 1, Limits::default());
    let up = world.got(2);
    let [low, high] = [LOW, LOW + 9].map(u64::to_le_bytes);
    let range = [&low[..], &high].concat();
    assert!(up.windows(16).any(|bytes| bytes == range), "{up:?}");
}

#[test]
fn one_encoding_for_many() {
    let mut world = World::new(1, 4, Limits::default());
    let before = world.shards[0].0.counts().bytes_out;
    world.send(0, 1, frame(&[b'e', 2, 3, 2, 77]));
    assert_eq!(
        [1, 2, 3, 4].map(|conn| world.got(conn)),
        [vec![], frame(b"each"), frame(b"each"), vec![]]
    );
    assert_eq!(world.shards[0].0.counts().bytes_out - before, 12);
}

#[test]
fn last_words_arrive_and_nothing_after_them() {
    let mut world = World::new(1, 2, Limits::default());
    let said = [frame(b"f"), frame(b"e\x01"), frame(b"hello")].concat();
    world.send(0, 1, said);
    assert_eq!(world.got(1), frame(b"last"));
    assert_eq!(world.heard(), ["1 ejected"], "what it said after that is not heard");
    assert_eq!(world.effects, ["Finish(ConnId(1), Ejected)", "Released(ConnId(1))"]);
    assert_eq!(world.shards[0].0.counts().closed_ejected, 1);
    world.send(0, 2, frame(b"hello"));
    assert_eq!(world.heard(), ["5 bytes"], "others are not concerned");
}

#[test]
fn last_words_that_a_socket_does_not_take_keep_nothing() {
    let mut world = World::new(1, 1, Limits::default());
    world.shards[0].1.room.insert(ConnId(1), 3);
    world.send(0, 1, frame(b"f"));
    assert_eq!(world.got(1).len(), 3);
    assert_eq!(world.effects, ["Finish(ConnId(1), Ejected)", "Released(ConnId(1))"]);
    assert_eq!(world.shards[0].0.counts().backlog_bytes, 0);
}

#[test]
fn one_that_ends_while_its_last_words_are_queued() {
    let mut world = World::new(1, 1, Limits::default());
    world.shards[0].0.received(Now(0), ConnId(1), Block::new(frame(b"f"), Ticket(7)));
    world.shards[0].0.closed(Now(0), ConnId(1), CloseReason::Reset);
    world.settle();
    assert_eq!(world.heard(), ["1 ejected"], "it ended once");
    let released = world.effects.iter().filter(|effect| effect.starts_with("Released")).count();
    assert_eq!(released, 1);
}

#[test]
fn connections_keep_to_the_limits_of_their_listener() {
    let limits = Limits { frame_bytes_max: 64, backlog_bytes_max: 1000, ..Limits::default() };
    let mut world = World::new(1, 3, limits);
    world.send(0, 1, frame(&[0; 64]));
    world.send(0, 1, frame(&[0; 65]));
    assert_eq!(world.heard(), ["64 bytes", "1 frame_too_long"]);
    let mut long = Vec::new();
    datagram::write_datagram(&mut long, &[Channel(1)], Channel(5), MsgType(6), |out| {
        out.extend_from_slice(&[0; 500]);
    })
    .unwrap();
    world.send(0, 0, long);
    assert_eq!(world.heard(), ["an object"], "a link may say more");
    world.shards[0].1.room.insert(ConnId(3), 0);
    for _ in 0..200 {
        world.send(0, 2, frame(&[b'e', 2, 3]));
    }
    assert_eq!(world.heard(), ["3 backlog"]);
    assert_eq!(world.got(2).len(), 200 * frame(b"each").len());
}

#[test]
fn who_is_turned_away_is_told_of_and_counted() {
    let mut world = World::new(1, 0, Limits::default());
    let peer = "192.0.2.1:5".parse().unwrap();
    world.shards[0].0.refused(Now(0), CLIENTS, peer, Refusal::TooManyOfAddress);
    assert_eq!(world.heard(), ["too_many_of_address"]);
    assert_eq!(world.shards[0].0.counts().refused_too_many_of_address, 1);
}
