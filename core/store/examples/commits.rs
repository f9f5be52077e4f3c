//! What a commit of 64 objects costs beside the disk: the same over and over on a disk in memory, to
//! be counted by `valgrind --tool=callgrind`. `cargo run --release -p store --features files --example
//! commits -- [COMMITS]`; says the times too.
#![allow(clippy::unwrap_used, reason = "a measurement ends where something is missing")]

use std::time::{Duration, Instant};
use store::{Catalog, ClassKey, Committer, FieldKey, MemoryDisk, Options, PartId, Together};
use wire::ids::DoId;

const VALUE_BYTES: usize = 300;
const BATCH: u32 = 64;

fn main() {
    let commits = std::env::args().nth(1).map_or(2000, |said| said.parse().unwrap());
    let mut catalog = Catalog::default();
    catalog.class("Avatar").unwrap();
    catalog.field("blob", "blob").unwrap();
    let options = Options { catalog, hash_seeds: [1, 2, 3, 4], ..Options::default() };
    let mut store = Together::open(MemoryDisk::new(), &options).unwrap().0;
    let [mut write, mut commit, mut hear] = [Duration::ZERO; 3];
    let (mut batch, mut replies) = (Vec::new(), Vec::new());
    let mut do_id = 0;
    for _ in 0..commits {
        let part = &mut store.parts[0];
        let began = Instant::now();
        for _ in 0..BATCH {
            do_id += 1;
            let value = [do_id as u8; VALUE_BYTES];
            part.write(DoId(do_id), ClassKey(0), &[(FieldKey(0), &value[..])]).unwrap();
        }
        batch.extend(part.take_requests().map(|request| (PartId(0), request)));
        let written = Instant::now();
        store.committer.commit(&mut batch, &mut replies);
        let committed = Instant::now();
        for (_, reply) in replies.drain(..) {
            store.parts[0].hear(reply);
        }
        hear += committed.elapsed();
        commit += committed - written;
        write += written - began;
        store.chore();
    }
    let objects = f64::from(commits * BATCH);
    for (what, took) in [("write", write), ("commit", commit), ("hear", hear)] {
        println!("{what}: {:.0} ns an object", took.as_nanos() as f64 / objects);
    }
}
