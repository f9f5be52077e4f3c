//! A shard without sockets: what routing a datagram and changing a subscription cost by
//! themselves, from the received block to the bytes of the send.

mod bare;

use bare::{World, write};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wire::control::ControlMessage;
use wire::datagram::write_datagram;
use wire::ids::{Channel, MsgType};

fn datagram(to: &[u64]) -> Vec<u8> {
    let to: Vec<Channel> = to.iter().copied().map(Channel).collect();
    let mut out = Vec::new();
    let payload = |out: &mut Vec<u8>| out.resize(out.len() + 64, 7);
    write_datagram(&mut out, &to, Channel(5), MsgType(6), payload).expect("it is short");
    out
}

/// 64 datagrams per turn from connection 0; `receivers` hear each.
fn route(criterion: &mut Criterion, name: &str, conns: u32, to: &[u64], receivers: u64) {
    let mut world = World::new(conns, |_| ());
    (1..conns).for_each(|conn| world.subscribe(conn, [1000 + u64::from(conn), 999]));
    let frame = datagram(to);
    let mut block = frame.repeat(64);
    block = world.turn(0, block);
    assert_eq!(world.sent(), frame.len() as u64 * 64 * receivers, "{name}");
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
    let mut world = World::new(8, |_| ());
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
