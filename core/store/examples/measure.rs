//! Measures the store on a real disk: durable creates and updates in large batches, opening clean and after a kill,
//! random reads by id. `cargo run --release -p store --features files --example measure -- DIRECTORY
//! [OBJECTS] [ROUNDS of reads] [UPDATES]`; the directory must not exist and is removed at the end.
#![allow(clippy::unwrap_used, reason = "a measurement ends where something is missing")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};
use store::{Access, Catalog, ClassKey, Committer, FieldKey, Files, Found, Options, Together};
use wire::ids::DoId;

const VALUE_BYTES: usize = 300;
const RECORD_BYTES: usize = 344;
/// Others on the machine disturb some of them.
const SLICES: u32 = 100;
const BATCH: u32 = 4096;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().expect("an argument: the directory");
    let directory = Path::new(&directory);
    assert!(!directory.exists(), "the directory is made here, and removed at the end");
    let mut number = |default| arguments.next().map_or(default, |said| said.parse().unwrap());
    let (objects, rounds, updates) = (number(1_000_000), number(3), number(1_000_000));
    let mut store = open(directory);
    create(&mut store, objects);
    let stats = store.committer.stats();
    println!("disk: {} bytes per object", stats.disk_bytes / u64::from(objects));
    drop(store);
    let mut killed = timed("open after a kill", 1, || open(directory));
    killed.committer.close().unwrap();
    drop(killed);
    let mut store = timed("open clean", 1, || open(directory));
    for _ in 0..rounds {
        reads(&mut store, objects);
        floor(objects);
    }
    let mut chance = Chance(7);
    timed("updates, 4096 per commit", updates, || {
        for at in 0..updates {
            write(&mut store, 1 + chance.below(objects), at as u8);
            if at % BATCH == 0 {
                store.commit();
                store.chore();
                store.work();
            }
        }
    });
    store.settle();
    let stats = store.committer.stats();
    println!("{stats:?}");
    println!("disk / live: {:.2}", stats.disk_bytes as f64 / stats.live_bytes as f64);
    reads(&mut store, objects);
    drop(store);
    std::fs::remove_dir_all(directory).unwrap();
}

fn open(directory: &Path) -> Together {
    let mut catalog = Catalog::default();
    catalog.class("Avatar").unwrap();
    catalog.field("blob", "blob").unwrap();
    let options = Options { catalog, hash_seeds: [1, 2, 3, 4], ..Options::default() };
    Together::open(Files::open(directory, Access::Serve).unwrap(), &options).unwrap().0
}

fn create(store: &mut Together, objects: u32) {
    timed("creates, 4096 per commit", objects, || {
        for do_id in 1..=objects {
            write(store, do_id, do_id as u8);
            if do_id % BATCH == 0 {
                store.commit();
                store.chore();
            }
        }
        store.settle();
    });
}

fn write(store: &mut Together, do_id: u32, fill: u8) {
    let value = [fill; VALUE_BYTES];
    let fields = [(FieldKey(0), &value[..])];
    store.part(0).write(DoId(do_id), ClassKey(0), &fields).unwrap();
}

fn reads(store: &mut Together, objects: u32) {
    let mut chance = Chance(1);
    let part = store.part(0);
    let mut away = 0;
    let mut best = Duration::MAX;
    timed("random reads", objects, || {
        for _ in 0..SLICES {
            let start = busy();
            for _ in 0..objects / SLICES {
                match part.find(DoId(1 + chance.below(objects))) {
                    Found::Here(object) => {
                        black_box(object.field(FieldKey(0)).unwrap()[0]);
                    }
                    Found::Away(_) => away += 1,
                    found @ (Found::Absent | Found::Damaged(_)) => panic!("{found:?}"),
                }
            }
            best = best.min(busy() - start);
        }
    });
    println!("the best of {SLICES}: {:.0}", f64::from(objects / SLICES) / best.as_secs_f64());
    println!("of them not in memory: {away}");
}

/// What any index and any bytes in memory cost: one entry of a table and one record, each at a random
/// place, the record's place known only from the entry, all of its bytes read.
fn floor(objects: u32) {
    let mut chance = Chance(1);
    let table: Vec<[u32; 4]> = (0..objects).map(|at| [at ^ 1; 4]).collect();
    let records = vec![1_u8; (objects as usize + 1) * RECORD_BYTES];
    timed("the same from two arrays", objects, || {
        for _ in 0..objects {
            let entry = table[chance.below(objects) as usize];
            let record = &records[entry[0] as usize * RECORD_BYTES..][..RECORD_BYTES];
            black_box(record.iter().fold(0_u8, |sum, byte| sum ^ byte));
        }
    });
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % u64::from(bound)) as u32
    }
}

fn timed<T>(what: &str, times: u32, run: impl FnOnce() -> T) -> T {
    let (start, start_busy) = (Instant::now(), busy());
    let result = run();
    let (took, busy) = (start.elapsed(), busy() - start_busy);
    let rate = |time: Duration| f64::from(times) / time.as_secs_f64();
    println!(
        "{what}: {took:?}, {:.0} per second; on the core {busy:?}, {:.0}",
        rate(took),
        rate(busy)
    );
    result
}

/// How long this thread has been on a core.
fn busy() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
