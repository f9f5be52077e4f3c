//! Placed roles: an object's channel reaches the instance of its shard wherever a datagram comes
//! in, a control channel the instance that its message is about, and the upstream hears of both.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use runtime::{
    Arrival, Block, ConnId, Effect, Input, Limits, LinkId, ListenerId, Now, Objects, Outbox,
    Placing, Role, RoleId, Shard, ShardConfig, ShardId, Sockets, Split, Ticket, Write, place,
};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::rc::Rc;
use wire::control::ControlMessage;
use wire::datagram::{self, Datagram};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId, MsgType};

const CONTROL: Channel = Channel(4002);
/// The message number that makes an instance do something.
const SAY: MsgType = MsgType(1);

/// Routes what comes in, and begins the upstream link.
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

type Heard = Rc<RefCell<Vec<(usize, Vec<Channel>, Option<RoleId>)>>>;

/// Notes what it hears, and sends on what it is told to.
struct Owner {
    me: RoleId,
    shard: usize,
    heard: Heard,
}

impl Role for Owner {
    fn step(&mut self, _: Now, input: Input<'_>, out: &mut Outbox) {
        let Input::Datagram { frame, from } = input else { return };
        let dg = Datagram::parse(framing::body(frame)).unwrap();
        self.heard.borrow_mut().push((self.shard, dg.recipients().collect(), from));
        if dg.msgtype() == SAY {
            let [a, b] = [&dg.payload()[..8], &dg.payload()[8..]]
                .map(|bytes| Channel(u64::from_le_bytes(bytes.try_into().unwrap())));
            out.attract(self.me, a);
            out.send(self.me, &[a], dg.sender(), MsgType(2), |_| ()).unwrap();
            out.notify(self.me, &[b], dg.sender(), MsgType(2), |_| ()).unwrap();
            out.release(self.me, b);
        }
    }
}

fn split(_: Dialect, _: MsgType, payload: &[u8]) -> Option<DoId> {
    payload.first().map(|&byte| DoId(byte as u32))
}

#[derive(Default)]
struct Net(Vec<(ConnId, Vec<u8>)>);

impl Sockets for Net {
    fn write(&mut self, conn: ConnId, slices: &[&[u8]]) -> Write {
        let all = slices.concat();
        let count = all.len();
        self.0.push((conn, all));
        Write::Written(count)
    }
}

struct World {
    shards: Vec<Shard>,
    heard: Heard,
    net: Net,
}

impl World {
    fn new(shards: usize, upstream: Option<ShardId>) -> World {
        World::with(Objects::All, shards, upstream)
    }

    /// A role that has these objects.
    fn with(objects: Objects, shards: usize, upstream: Option<ShardId>) -> World {
        let heard = Heard::default();
        let make = |me| {
            let mut shard = Shard::new(ShardConfig {
                has_event_logger: false,
                me: ShardId(me as u16),
                shards,
                dialect: Dialect::OpenOtp,
                limits: Limits::default(),
                upstream,
                hash_seeds: [1, 2, 3, 4],
            });
            shard.add_role(&[ListenerId(0)], &[LinkId(0)], |_| Box::new(Director));
            let heard = Rc::clone(&heard);
            let controls = SmallVec::from_slice(&[CONTROL]);
            let (split, objects) = (split as Split, objects.clone());
            let placing = Placing { controls, split, objects, clients: None, store: None };
            shard.add_placed_role(placing, |id| Box::new(Owner { me: id, shard: me, heard }));
            shard.start(Now(0));
            let peer = "127.0.0.1:9".parse().unwrap();
            shard.accepted(Now(0), ConnId(0), ListenerId(0), Arrival::plain(peer, peer));
            if upstream == Some(ShardId(me as u16)) {
                shard.connected(Now(0), ConnId(1), LinkId(0), peer);
            }
            shard
        };
        let shards = (0..shards).map(make).collect();
        let mut world = World { shards, heard, net: Net::default() };
        world.settle();
        world
    }

    fn send(&mut self, shard: usize, to: &[u64], msgtype: MsgType, payload: &[u8]) {
        let to: Vec<Channel> = to.iter().copied().map(Channel).collect();
        let mut frame = Vec::new();
        let write = |out: &mut Vec<u8>| out.extend_from_slice(payload);
        datagram::write_datagram(&mut frame, &to, Channel(5), msgtype, write).unwrap();
        self.shards[shard].received(Now(0), ConnId(0), Block::new(frame, Ticket(7)));
        self.settle();
    }

    fn settle(&mut self) {
        let mut again = true;
        while again {
            again = false;
            for at in 0..self.shards.len() {
                self.shards[at].finish(Now(0));
                for to in 0..self.shards.len() {
                    if let Some(batch) = self.shards[at].take_batch(ShardId(to as u16)) {
                        self.shards[to].batch(Now(0), ShardId(at as u16), batch);
                        again = true;
                    }
                }
                let shard = &mut self.shards[at];
                shard.flush(Now(0), &mut self.net);
                assert!(shard.effects().all(|effect| matches!(effect, Effect::Released(_))));
                shard.recycle().for_each(drop);
                again |= shard.wants_turn();
            }
        }
    }

    fn heard(&mut self) -> Vec<(usize, Vec<Channel>, Option<RoleId>)> {
        std::mem::take(&mut self.heard.borrow_mut())
    }

    /// The control messages that went up since the last look.
    fn told_upstream(&mut self) -> Vec<String> {
        let sent = std::mem::take(&mut self.net.0);
        let mut told = Vec::new();
        for (_, bytes) in sent.iter().filter(|(conn, _)| *conn == ConnId(1)) {
            let mut rest = &bytes[..];
            while let Some((frame, after)) = framing::split_frame(rest) {
                rest = after;
                let control = Dialect::OpenOtp.control_channel();
                if let Some(message) = datagram::control_message(framing::body(frame), control) {
                    let message = ControlMessage::decode(Dialect::OpenOtp, message).unwrap();
                    told.push(format!("{message:?}"));
                }
            }
        }
        told
    }
}

/// An id on this shard.
fn id_on(shard: usize, shards: usize) -> u64 {
    (100_u32..).find(|&id| place(DoId(id), shards) == ShardId(shard as u16)).unwrap() as u64
}

#[test]
fn an_objects_channel_reaches_its_shard_from_everywhere() {
    for shards in [1, 2, 3] {
        let mut world = World::new(shards, None);
        for (from, owner) in (0..shards).flat_map(|from| (0..shards).map(move |to| (from, to))) {
            let id = id_on(owner, shards);
            world.send(from, &[id], MsgType(0), &[]);
            assert_eq!(world.heard(), [(owner, vec![Channel(id)], None)]);
            world.send(from, &[id, 1 << 32 | 7, id], MsgType(0), &[9; 3000]);
            assert_eq!(world.heard().len(), 1, "a large one, and once");
        }
    }
}

#[test]
fn a_control_channel_reaches_one_or_all() {
    let mut world = World::new(3, None);
    for from in 0..3 {
        for byte in [1, 2, 3, 4, 200] {
            world.send(from, &[CONTROL.0], MsgType(0), &[byte]);
            let owner = place(DoId(byte as u32), 3).0 as usize;
            assert_eq!(world.heard(), [(owner, vec![CONTROL], None)]);
        }
        world.send(from, &[CONTROL.0], MsgType(0), &[]);
        let mut shards: Vec<usize> = world.heard().into_iter().map(|(shard, ..)| shard).collect();
        shards.sort_unstable();
        assert_eq!(shards, [0, 1, 2]);
    }
}

#[test]
fn a_role_sends_to_objects_and_notifies_only_subscribers() {
    for shards in [1, 3] {
        let mut world = World::new(shards, None);
        let (here, other) = (id_on(0, shards), id_on(shards - 1, shards) + 1000);
        let payload = [other.to_le_bytes(), other.to_le_bytes()].concat();
        world.send(0, &[here], SAY, &payload);
        let heard = world.heard();
        assert_eq!(heard.len(), 2, "the request, and what was sent; not the notice");
        assert_eq!(heard[1].1, [Channel(other)]);
        assert_eq!(heard[1].2, Some(RoleId(1)), "it is known that an instance sent it");
    }
}

#[test]
fn the_upstream_hears_of_control_channels_and_of_what_is_attracted() {
    for (shards, upstream) in [(1, 0), (3, 0), (3, 2)] {
        let mut world = World::new(shards, Some(ShardId(upstream)));
        assert_eq!(world.told_upstream(), ["AddChannel(Channel(4002))"]);
        for shard in 0..shards {
            let id = id_on(shard, shards);
            let object = [id.to_le_bytes(), (1_u64 << 40).to_le_bytes()].concat();
            world.send(0, &[id], SAY, &object);
            world.send(0, &[id], SAY, &object);
            let added = format!("AddChannel(Channel({id}))");
            assert_eq!(world.told_upstream(), [added], "once, whichever shard holds the link");
            let both = [(1_u64 << 41).to_le_bytes(), id.to_le_bytes()].concat();
            world.send(0, &[id], SAY, &both);
            let told = world.told_upstream();
            assert!(told.contains(&format!("RemoveChannel(Channel({id}))")), "{told:?}");
        }
    }
}

#[test]
fn a_role_hears_of_its_ranges_and_of_no_other_objects() {
    let ranges = [DoId(1000)..=DoId(1999), DoId(5000)..=DoId(5000)];
    let ranges = Objects::Ranges(SmallVec::from_iter(ranges));
    for shards in [1, 2, 3] {
        let mut world = World::with(ranges.clone(), shards, None);
        for id in [999, 1000, 1500, 1999, 2000, 4999, 5000, 5001, 1 << 32 | 1500] {
            world.send(0, &[id], MsgType(0), &[]);
            let is_its = (1000..=1999).contains(&id) || id == 5000;
            let owner = place(DoId(id as u32), shards).0 as usize;
            let expected: Vec<_> =
                is_its.then(|| (owner, vec![Channel(id)], None)).into_iter().collect();
            assert_eq!(world.heard(), expected, "{id}");
        }
        let mut none = World::with(Objects::None, shards, None);
        none.send(0, &[1500], MsgType(0), &[]);
        assert_eq!(none.heard(), []);
        none.send(0, &[CONTROL.0], MsgType(0), &[1]);
        assert_eq!(none.heard().len(), 1, "its control channel is another matter");
    }
}

/// Above, what is for the control channel alone is a command.
#[test]
fn what_a_role_says_to_the_control_channel_does_not_go_up() {
    for shards in [1, 3] {
        let mut world = World::new(shards, Some(ShardId(shards as u16 - 1)));
        world.told_upstream();
        let (here, other) = (id_on(0, shards), id_on(0, shards) + 1000);
        let control = Dialect::OpenOtp.control_channel().0;
        world.send(0, &[here], SAY, &[other.to_le_bytes(), control.to_le_bytes()].concat());
        assert_eq!(world.told_upstream(), [format!("AddChannel(Channel({other}))")]);
    }
}

#[test]
fn the_upstream_hears_of_ranges_once_and_they_keep_no_holes() {
    let ranges = Objects::Ranges(SmallVec::from_iter([DoId(1000)..=DoId(1999)]));
    for shards in [1, 3] {
        let mut world = World::with(ranges.clone(), shards, Some(ShardId(0)));
        let told = world.told_upstream();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().any(|told| told.contains("1000") && told.contains("1999")), "{told:?}");
        let id = (1000..=1999).find(|&id| place(DoId(id), shards).0 as usize == shards - 1);
        let id = id.unwrap() as u64;
        world.send(0, &[id], SAY, &[id.to_le_bytes(), id.to_le_bytes()].concat());
        assert_eq!(world.told_upstream(), Vec::<String>::new(), "it is in the range");
    }
}
