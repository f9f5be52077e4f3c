//! A shard without sockets: what routing a datagram and changing a subscription cost by
//! themselves, from the received block to the bytes of the send.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use message_director::{Allow, Config, LISTENER, MessageDirector};
use runtime::{Block, ConnId, Limits, Now, Shard, ShardConfig, ShardId, Sockets, Ticket, Write};
use wire::control::ControlMessage;
use wire::datagram::write_datagram;
use wire::dialect::Dialect;
use wire::ids::{Channel, MsgType};

const DIALECT: Dialect = Dialect::OpenOtp;
const NOW: Now = Now(1);

/// Takes everything and remembers how much it was.
#[derive(Default)]
struct Swallow {
    bytes: usize,
}

impl Sockets for Swallow {
    fn write(&mut self, _: ConnId, slices: &[&[u8]]) -> Write {
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        self.bytes += bytes;
        Write::Written(bytes)
    }
}

struct World {
    shard: Shard,
    sockets: Swallow,
}

impl World {
    fn new(conns: u32) -> World {
        let mut shard = Shard::new(ShardConfig {
            me: ShardId(0),
            shards: 1,
            dialect: DIALECT,
            limits: Limits::default(),
            upstream: None,
            hash_seeds: [1, 2, 3, 4],
        });
        let config = Config { allow: Allow::Everyone, upstream: None, event_logger: false };
        shard.add_role(&[LISTENER], &[], |id| Box::new(MessageDirector::new(id, config)));
        shard.start(NOW);
        let peer = ([127, 0, 0, 1], 9).into();
        (0..conns).for_each(|conn| shard.accepted(NOW, ConnId(conn), LISTENER, peer));
        World { shard, sockets: Swallow::default() }
    }

    /// One turn with one block, which comes back.
    fn turn(&mut self, conn: u32, bytes: Vec<u8>) -> Vec<u8> {
        self.shard.received(NOW, ConnId(conn), Block::new(bytes, Ticket(0)));
        let mut back = Vec::new();
        loop {
            self.shard.finish(NOW);
            self.shard.flush(NOW, &mut self.sockets);
            assert_eq!(self.shard.effects().count(), 0, "nobody is to be closed");
            back.extend(self.shard.recycle().filter_map(|block| block.into_parts().1));
            if !self.shard.wants_turn() {
                return back.pop().expect("a block of small frames comes back");
            }
        }
    }

    fn subscribe(&mut self, conn: u32, channels: impl IntoIterator<Item = u64>) {
        let mut out = Vec::new();
        for channel in channels {
            write(ControlMessage::AddChannel(Channel(channel)), &mut out);
            if out.len() > 48 << 10 {
                self.turn(conn, std::mem::take(&mut out));
            }
        }
        if !out.is_empty() {
            self.turn(conn, out);
        }
    }
}

fn write(message: ControlMessage<'_>, out: &mut Vec<u8>) {
    message.encode(DIALECT, out).expect("both dialects have it, and it is short");
}

fn datagram(to: &[u64]) -> Vec<u8> {
    let to: Vec<Channel> = to.iter().copied().map(Channel).collect();
    let mut out = Vec::new();
    let payload = |out: &mut Vec<u8>| out.resize(out.len() + 64, 7);
    write_datagram(&mut out, &to, Channel(5), MsgType(6), payload).expect("it is short");
    out
}

/// 64 datagrams per turn from connection 0; `receivers` hear each.
fn route(criterion: &mut Criterion, name: &str, conns: u32, to: &[u64], receivers: u64) {
    let mut world = World::new(conns);
    (1..conns).for_each(|conn| world.subscribe(conn, [1000 + u64::from(conn), 999]));
    let frame = datagram(to);
    let mut block = frame.repeat(64);
    block = world.turn(0, block);
    assert_eq!(world.sockets.bytes as u64, frame.len() as u64 * 64 * receivers, "{name}");
    let mut group = criterion.benchmark_group("routing, per delivery");
    group.throughput(Throughput::Elements(64 * receivers));
    group.bench_function(name, |bencher| {
        bencher.iter(|| block = world.turn(0, std::mem::take(&mut block)));
    });
    group.finish();
}

fn routing(criterion: &mut Criterion) {
    route(criterion, "1 to 1", 64, &[1001], 1);
    route(criterion, "1 to 100", 101, &[999], 100);
    route(criterion, "1 to 1000", 1001, &[999], 1000);
    let eight: Vec<u64> = (1001..1009).collect();
    route(criterion, "8 recipients", 33, &eight, 8);
    route(criterion, "to nobody", 64, &[7], 0);
}

/// 512 subscriptions and 512 removals per turn, with 1,000,000 others there (fewer as a test).
fn churn(criterion: &mut Criterion) {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let present = if is_bench { 1_000_000 } else { 10_000 };
    let mut world = World::new(8);
    for conn in 0..8 {
        let first = 1_000_000 + u64::from(conn) * present;
        world.subscribe(conn, (first..first + present / 8).map(|n| n.wrapping_mul(0x9e37_79b9)));
    }
    let mut block = Vec::new();
    let fresh = |n: u64| Channel((1 << 63) | n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (0..512).for_each(|n| write(ControlMessage::AddChannel(fresh(n)), &mut block));
    (0..512).for_each(|n| write(ControlMessage::RemoveChannel(fresh(n)), &mut block));
    let mut group = criterion.benchmark_group("churn, per change");
    group.throughput(Throughput::Elements(1024));
    group.bench_function("with many present", |bencher| {
        bencher.iter(|| block = world.turn(0, std::mem::take(&mut block)));
    });
    group.finish();
}

criterion_group!(benches, routing, churn);
criterion_main!(benches);
