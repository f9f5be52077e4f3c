//! DC files: what a field update costs to check, an object to walk, a file to read.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dc::{FieldId, Options, Schema, Source, Value};
use std::hint::black_box;

const WORLD: &str = "
    struct Item { uint16 kind; uint8(1-99) count; };
    dclass DistributedNode {
      setXYH(int16 / 10 x, int16 / 10 y, int16 / 10 h) broadcast ownsend;
      setTurn(int16 / 10 (-100-100) x, int16 / 10 (-100-100) y, int16 % 360 / 10 h) broadcast;
      setName(string(1-24) name) required broadcast ram db;
      setPack(Item items[]) required ram db;
      setState(string state, int16 timestamp) required broadcast ram;
      setLevel(uint8(0-50) level) required ram db;
      setColours(uint8[4] colours) required broadcast ram db;
      setHp(int16 hp) required broadcast ram db;
    };";

fn world() -> Source {
    Source { name: "world.dc".into(), text: WORLD.into() }
}

fn schema() -> Schema {
    Schema::load(&[world()], Options::default()).expect("the file is in order")
}

fn field(schema: &Schema, name: &str) -> FieldId {
    let class = schema.class_by_name("DistributedNode").expect("the file has it");
    class.field_by_name(name).expect("the class has it")
}

fn packed(schema: &Schema, id: FieldId, value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    schema.pack(id, value, &mut bytes).expect("the value fits");
    bytes
}

fn checks(criterion: &mut Criterion) {
    let schema = schema();
    let mut group = criterion.benchmark_group("dc check");
    let three = Value::list([1.5, -2.0, 9.0].map(Value::real));
    let item = Value::list([Value::whole(7), Value::whole(3)]);
    let updates = [
        ("three int16 with divisor", "setXYH", three.clone()),
        ("the same with ranges", "setTurn", three),
        ("a string", "setName", Value::list([Value::Text(b"Gulliver Grey".to_vec())])),
        ("ten structs", "setPack", Value::list([Value::List(vec![(item, 10)])])),
    ];
    for (title, name, value) in updates {
        let id = field(&schema, name);
        let bytes = packed(&schema, id, &value);
        group.bench_function(title, |bencher| {
            bencher.iter(|| schema.check(id, black_box(&bytes)).is_ok());
        });
    }
    group.finish();
}

fn objects(criterion: &mut Criterion) {
    let schema = schema();
    let class = schema.class_by_name("DistributedNode").expect("the file has it");
    let defaults = class.required.iter().flat_map(|&id| schema.field(id).default.iter().copied());
    let object: Vec<u8> = defaults.collect();
    let mut group = criterion.benchmark_group("dc object");
    group.throughput(Throughput::Elements(class.required.len() as u64));
    group.bench_function("walk the required fields", |bencher| {
        bencher.iter(|| schema.required(class, black_box(&object)).filter(Result::is_ok).count());
    });
    group.finish();
    let mut group = criterion.benchmark_group("dc look-up");
    group.bench_function("field by number", |bencher| {
        bencher.iter(|| class.field_by_number(black_box(3)));
    });
    group.bench_function("field by name", |bencher| {
        bencher.iter(|| class.field_by_name(black_box("setState")));
    });
    group.finish();
}

fn files(criterion: &mut Criterion) {
    let sources = [world()];
    let mut group = criterion.benchmark_group("dc file");
    group.throughput(Throughput::Bytes(WORLD.len() as u64));
    group.bench_function("load", |bencher| {
        bencher.iter(|| Schema::load(black_box(&sources), Options::default()).is_ok());
    });
    group.finish();
}

criterion_group!(benches, checks, objects, files);
criterion_main!(benches);
