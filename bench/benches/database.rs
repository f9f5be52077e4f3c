//! The Database on a shard without sockets and with a disk in memory: what a select, an update and a
//! query cost by themselves, from the received block to the bytes of the sends.

use bare_world::World;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wire::database::DatabaseMessage;
use wire::datagram::write_datagram;
use wire::ids::{Channel, ClassId, DoId, FieldId};
use wire::lists::Fields;

#[path = "database/bare_world.rs"]
mod bare_world;

use bare_world::{CONTROL, DIALECT, FIRST};

const ASKER: Channel = Channel(1_000_000_000_000);
const ACCOUNT: ClassId = ClassId(0);
const SET_USER: FieldId = FieldId(0);
const SET_COINS: FieldId = FieldId(1);
/// Bytes of the fields of an object.
const OBJECT_BYTES: usize = 300;
/// Requests in a turn.
const TOGETHER: u32 = 64;

fn user(of: u32) -> Vec<u8> {
    let name = format!("user{of:08}");
    [(name.len() as u16).to_le_bytes().as_slice(), name.as_bytes()].concat()
}

fn ask(message: &DatabaseMessage<'_>, out: &mut Vec<u8>) {
    let msgtype = message.msgtype(DIALECT).expect("the dialect has it");
    let write = |out: &mut Vec<u8>| message.write(DIALECT, out);
    write_datagram(out, &[CONTROL], ASKER, msgtype, write).expect("it is short");
}

fn create(of: u32, out: &mut Vec<u8>) {
    let mut fields = SET_USER.0.to_le_bytes().to_vec();
    fields.extend(user(of));
    fields.extend([2, 0]);
    let rest = OBJECT_BYTES - fields.len() - 2;
    fields.extend((rest as u16).to_le_bytes());
    fields.resize(OBJECT_BYTES, 7);
    let count = 2;
    ask(&DatabaseMessage::Create { context: of, dclass: ACCOUNT, count, fields: &fields }, out);
}

/// A Database with so many objects, and somebody who hears its answers.
fn populated(objects: u32) -> World {
    let mut world = World::new();
    world.subscribe(ASKER);
    let mut block = Vec::new();
    for of in 0..objects {
        create(of, &mut block);
        if of % TOGETHER == TOGETHER - 1 {
            world.turn(std::mem::take(&mut block));
        }
    }
    world.turn(block);
    assert_eq!(world.shard.counts().objects_stored, u64::from(objects));
    // A part forgets slowly what it need not keep.
    world.restart()
}

/// Objects that lie far from each other.
fn some(objects: u32) -> impl Iterator<Item = DoId> {
    (0..TOGETHER).map(move |at| DoId(FIRST + at.wrapping_mul(2_654_435_761) % objects))
}

fn selects(criterion: &mut Criterion) {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let objects = if is_bench { 100_000 } else { 1_000 };
    let mut world = populated(objects);
    let fields = [SET_USER.0.to_le_bytes(), SET_COINS.0.to_le_bytes()];
    let (mut few, mut all) = (Vec::new(), Vec::new());
    for do_id in some(objects) {
        ask(&DatabaseMessage::Select { context: 1, do_id, fields: Fields(&fields) }, &mut few);
        ask(&DatabaseMessage::SelectAll { context: 1, do_id }, &mut all);
    }
    let mut group = criterion.benchmark_group("database");
    group.throughput(Throughput::Elements(TOGETHER.into()));
    for (name, mut block) in [("select of two fields", few), ("select of all fields", all)] {
        let before = world.answers();
        block = world.turn(block);
        assert_eq!(world.answers() - before, u64::from(TOGETHER), "each is answered");
        group.bench_function(name, |bencher| {
            bencher.iter(|| block = world.turn(std::mem::take(&mut block)));
        });
    }
    group.finish();
}

fn updates(criterion: &mut Criterion) {
    let mut world = populated(1000);
    let mut block = Vec::new();
    for do_id in some(1000) {
        let fields = [&SET_COINS.0.to_le_bytes()[..], &5_i32.to_le_bytes()].concat();
        let context = Some(0);
        ask(&DatabaseMessage::Update { context, do_id, count: 1, fields: &fields }, &mut block);
    }
    let mut group = criterion.benchmark_group("database");
    group.throughput(Throughput::Elements(TOGETHER.into()));
    group.bench_function("update, 64 in a commit", |bencher| {
        bencher.iter(|| block = world.turn(std::mem::take(&mut block)));
    });
    group.finish();
}

/// The other objects must not matter.
fn queries(criterion: &mut Criterion) {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    for objects in if is_bench { [1_000, 100_000] } else { [100, 1_000] } {
        let mut world = populated(objects);
        let mut block = Vec::new();
        for at in 0..8 {
            let comparison = [&[0][..], &SET_USER.0.to_le_bytes(), &user(at * 11)].concat();
            let message = DatabaseMessage::SelectQuery {
                context: at,
                dclass: ACCOUNT.0.into(),
                count: 1,
                comparisons: &comparison,
            };
            ask(&message, &mut block);
        }
        let before = world.answers();
        block = world.turn(block);
        assert_eq!(world.answers() - before, 8, "each is answered");
        let mut group = criterion.benchmark_group("database");
        group.throughput(Throughput::Elements(8));
        group.bench_function(format!("query by an indexed field, {objects} objects"), |bencher| {
            bencher.iter(|| block = world.turn(std::mem::take(&mut block)));
        });
        group.finish();
    }
}

criterion_group!(benches, selects, updates, queries);
criterion_main!(benches);
