//! The State Server on a shard without sockets: what an update, a move, a creation and a zone query
//! cost by themselves, from the received block to the bytes of the sends.

mod bare;

use bare::{DIALECT, World};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dc::{Options, Schema, Source};
use runtime::{Objects, Placing, Shard, Split};
use rustix::time::{ClockId, clock_gettime};
use state_server::{Config, Limits, StateServer};
use std::sync::Arc;
use std::time::Duration;
use wire::datagram::write_datagram;
use wire::ids::{Channel, ClassId, DoId, FieldId, MsgType, Zone};
use wire::state_server::{Entry, Location, ObjectMessage, StateServerMessage, Zones};

const CONTROL: Channel = Channel(4002);
const AI: u64 = 1_000_000_000_000;
const PARENT: DoId = DoId(500_000_000);
const CLASS: &str = "dclass DistributedKite {
    setPosition(int16 / 10 x, int16 / 10 y, int16 / 10 z) required broadcast airecv;
    setTail(blob tail) required broadcast;
};";
/// The number of `setPosition`.
const SET_POSITION: FieldId = FieldId(0);
/// Bytes of the fields of an object.
const OBJECT_BYTES: usize = 300;

fn with_objects(shard: &mut Shard) {
    let sources = [Source { name: "bench.dc".into(), text: CLASS.into() }];
    let schema = Schema::load(&sources, Options::default()).expect("the class is in order");
    let config = Config {
        control: Some(CONTROL),
        database: None,
        schema: Arc::new(schema),
        limits: Limits::default(),
        hash_seeds: [1, 2, 3, 4],
    };
    let controls = config.controls(DIALECT);
    let make = |id| -> Box<dyn runtime::Role> { Box::new(StateServer::new(id, config)) };
    let (split, objects) = (StateServer::split as Split, Objects::All);
    shard.add_placed_role(Placing { controls, split, objects, clients: None, store: None }, make);
}

fn frame(to: Channel, msgtype: MsgType, payload: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    write_datagram(out, &[to], Channel(AI), msgtype, payload).expect("it is short");
}

fn to_object(do_id: DoId, message: &ObjectMessage<'_>, out: &mut Vec<u8>) {
    let msgtype = message.msgtype(DIALECT).expect("the dialect has it");
    frame(Channel::object(do_id), msgtype, |out| message.write(DIALECT, out), out);
}

fn create(do_id: DoId, location: Location, out: &mut Vec<u8>) {
    let mut fields = vec![0; 6];
    let tail = OBJECT_BYTES - fields.len() - 2;
    fields.extend_from_slice(&(tail as u16).to_le_bytes());
    fields.resize(OBJECT_BYTES, 7);
    let entry = Entry { do_id, location, dclass: ClassId(0), has_other: false, fields: &fields };
    let message = StateServerMessage::Generate(entry);
    let msgtype = message.msgtype(DIALECT).expect("the dialect has it");
    frame(CONTROL, msgtype, |out| message.write(DIALECT, out), out);
}

fn zone(zone: u32) -> Location {
    Location { parent: PARENT, zone: Zone(zone) }
}

/// A world with a parent and `objects` objects in zones of `per_zone`, all managed by the AI.
fn populated(objects: u32, per_zone: u32) -> World {
    let mut world = World::new(3, with_objects);
    let mut out = Vec::new();
    create(PARENT, Location::NOWHERE, &mut out);
    let ai = ObjectMessage::SetAi { do_id: Some(PARENT), ai: Channel(AI) };
    to_object(PARENT, &ai, &mut out);
    for id in 0..objects {
        create(DoId(100_000_000 + id), zone(id / per_zone), &mut out);
        if out.len() > 48 << 10 {
            world.turn(0, std::mem::take(&mut out));
        }
    }
    world.turn(0, out);
    assert_eq!(world.shard.counts().objects, u64::from(objects) + 1);
    world
}

fn updates(criterion: &mut Criterion) {
    let mut world = populated(1000, 50);
    world.subscribe(1, (0..20).map(|at| Channel::location(PARENT, Zone(at)).0));
    world.subscribe(2, [AI]);
    let mut block = Vec::new();
    for at in 0..64 {
        let do_id = DoId(100_000_000 + at * 15);
        // Sent by somebody else, so that the AI hears it.
        let update = ObjectMessage::UpdateField { do_id, field: SET_POSITION, value: &[1; 6] };
        let msgtype = update.msgtype(DIALECT).expect("the dialect has it");
        let payload = |out: &mut Vec<u8>| update.write(DIALECT, out);
        write_datagram(&mut block, &[Channel::object(do_id)], Channel(AI + 1), msgtype, payload)
            .expect("it is short");
    }
    let before = world.sent();
    block = world.turn(0, block);
    assert_eq!(world.sent() - before, (block.len() as u64 + 64 * 8) * 2, "two hear each update");
    let mut group = criterion.benchmark_group("objects");
    group.throughput(Throughput::Elements(64));
    group.bench_function("update, one AI and one listener", |bencher| {
        bencher.iter(|| block = world.turn(0, std::mem::take(&mut block)));
    });
    group.finish();
}

fn moves(criterion: &mut Criterion) {
    let mut world = populated(1000, 50);
    let mut block = Vec::new();
    for at in 0..64 {
        for to in [900, at / 50] {
            let message = ObjectMessage::SetZone { location: zone(to) };
            to_object(DoId(100_000_000 + at), &message, &mut block);
        }
    }
    let mut group = criterion.benchmark_group("objects");
    group.throughput(Throughput::Elements(128));
    group.bench_function("move, nobody sees it", |bencher| {
        bencher.iter(|| block = world.turn(0, std::mem::take(&mut block)));
    });
    group.finish();
}

fn births(criterion: &mut Criterion) {
    let mut world = populated(1000, 50);
    let mut block = Vec::new();
    for at in 0..64 {
        create(DoId(200_000_000 + at), zone(at / 8), &mut block);
    }
    for at in 0..64 {
        let do_id = DoId(200_000_000 + at);
        to_object(do_id, &ObjectMessage::DeleteRam { do_id }, &mut block);
    }
    let mut group = criterion.benchmark_group("objects");
    group.throughput(Throughput::Elements(64));
    group.bench_function("create and delete, 300 bytes", |bencher| {
        bencher.iter(|| block = world.turn(0, std::mem::take(&mut block)));
    });
    group.finish();
}

/// The parent's other children must not matter.
fn zone_queries(criterion: &mut Criterion) {
    for children in [1_000, 10_000] {
        let mut world = populated(children, 50);
        let mut block = Vec::new();
        for at in 0..8_u32 {
            let zones = [at.to_le_bytes()];
            let message =
                ObjectMessage::QueryZones { context: 0, parent: PARENT, zones: Zones(&zones) };
            to_object(PARENT, &message, &mut block);
        }
        world.subscribe(1, [AI]);
        let mut group = criterion.benchmark_group("objects");
        group.throughput(Throughput::Elements(8));
        group.bench_function(format!("query of a zone of 50, {children} children"), |bencher| {
            bencher.iter(|| block = world.turn(0, std::mem::take(&mut block)));
        });
        group.finish();
    }
}

/// A million objects come, 64 in a turn: how long the longest turn took, by the thread's own clock,
/// while all tables grew.
fn growth(_: &mut Criterion) {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let objects: u32 = if is_bench { 1_000_000 } else { 10_000 };
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let mut world = populated(0, 1);
    let (mut block, mut turns) = (Vec::new(), Vec::new());
    for first in (0..objects).step_by(64) {
        block.clear();
        for id in first..first + 64 {
            create(DoId(300_000_000 + id), zone(id / 50), &mut block);
        }
        let began = now();
        block = world.turn(0, block);
        turns.push(now() - began);
    }
    turns.sort_unstable();
    let (median, longest) = (turns[turns.len() / 2], turns[turns.len() - 1]);
    println!("{objects} objects come, 64 in a turn: median {median:?}, longest {longest:?}");
}

criterion_group!(benches, updates, moves, births, zone_queries, growth);
criterion_main!(benches);
