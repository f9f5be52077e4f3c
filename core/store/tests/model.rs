//! The store against a map: random operations, commits and chores at random moments, and the store
//! closed, or left as it is, and opened again.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Catalog, ClassKey, Disk, FieldKey, Found, MemoryDisk, Options, Stats, Together};
use store::{Committer, Part};
use wire::ids::DoId;

type Values = Vec<(u16, Vec<u8>)>;
type Model = BTreeMap<u32, (u16, Values)>;

#[derive(Clone, Debug)]
enum Step {
    Write(u32, u16, Values),
    Delete(u32),
    Commit,
    Chore,
    Work,
    Settle,
    Reopen { parts: usize, close: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = prop::collection::vec(any::<u8>(), 0..60);
    let values = prop::collection::btree_map(0_u16..5, value, 0..4)
        .prop_map(|values| values.into_iter().collect::<Values>());
    let step = prop_oneof![
        12 => (1_u32..40, 0_u16..3, values).prop_map(|(id, class, v)| Step::Write(id, class, v)),
        4 => (1_u32..40).prop_map(Step::Delete),
        6 => Just(Step::Commit),
        6 => Just(Step::Chore),
        6 => Just(Step::Work),
        1 => Just(Step::Settle),
        1 => (1_usize..4, any::<bool>()).prop_map(|(parts, close)| Step::Reopen { parts, close }),
    ];
    prop::collection::vec(step, 1..400)
}

fn options(parts: usize) -> Options {
    let mut catalog = Catalog::default();
    for class in ["Avatar", "House", "Ship"] {
        catalog.class(class).unwrap();
    }
    for field in 0..5 {
        catalog.field(&format!("field{field}"), "blob").unwrap();
    }
    let place = |do_id: DoId, parts| do_id.0 as usize % parts;
    Options { parts, place, segment_bytes: 2048, catalog, ..Options::default() }
}

fn check(part: &Part, do_id: u32, model: &Model) {
    match (part.find(DoId(do_id)), model.get(&do_id)) {
        (Found::Absent, None) => {}
        (Found::Here(object), Some((class, values))) => {
            assert_eq!(object.do_id(), DoId(do_id));
            assert_eq!(object.class(), ClassKey(*class));
            let found: Values = object.fields().map(|(key, v)| (key.0, v.to_vec())).collect();
            assert_eq!(&found, values);
        }
        (found, expected) => panic!("object {do_id}: {found:?}, expected {expected:?}"),
    }
}

fn check_all(store: &mut Together, options: &Options, model: &Model) {
    for do_id in 1..40 {
        check(store.part_of(DoId(do_id), options), do_id, model);
    }
    for class in 0..3 {
        let mut listed: Vec<u32> = Vec::new();
        for part in &store.parts {
            let ids = part.objects_of(ClassKey(class));
            assert!(ids.is_sorted());
            listed.extend(ids.iter().map(|id| id.0));
        }
        for (do_id, (of, _)) in model {
            assert!(*of != class || listed.contains(do_id), "{do_id} is not listed");
        }
    }
}

/// The figures that do not depend on what was done since open.
fn held(stats: &Stats) -> [u64; 4] {
    [stats.objects, stats.live_bytes, stats.dead_bytes, stats.tombstone_bytes]
}

fn run(steps: Vec<Step>) {
    let disk = MemoryDisk::new();
    let mut now = options(1);
    let (mut store, _) = Together::open(disk.clone(), &now).unwrap();
    // What was asked for, and what of it is durable.
    let (mut model, mut durable) = (Model::new(), Model::new());
    let mut highest = 0;
    for step in steps {
        match step {
            Step::Write(id, class, values) => {
                let fields: Vec<_> = values.iter().map(|(k, v)| (FieldKey(*k), &v[..])).collect();
                let part = store.part_of(DoId(id), &now);
                part.write(DoId(id), ClassKey(class), &fields).unwrap();
                assert!(part.exposed(DoId(id)).is_some());
                model.insert(id, (class, values));
            }
            Step::Delete(id) => {
                let deleted = store.part_of(DoId(id), &now).delete(DoId(id));
                assert_eq!(deleted.is_ok(), model.remove(&id).is_some());
            }
            Step::Commit => {
                store.commit();
                durable = model.clone();
                highest = highest.max(model.keys().max().copied().unwrap_or(0));
            }
            Step::Chore => {
                store.chore();
            }
            Step::Work => {
                store.work();
            }
            Step::Settle => {
                store.settle();
                durable = model.clone();
            }
            Step::Reopen { parts, close } => {
                if close {
                    store.settle();
                    durable = model.clone();
                    let before = held(&store.committer.stats());
                    store.committer.close().unwrap();
                    now = options(parts);
                    store = Together::open(disk.clone(), &now).unwrap().0;
                    assert_eq!(before, held(&store.committer.stats()));
                } else {
                    now = options(parts);
                    let opened = Together::open(disk.clone(), &now).unwrap();
                    assert!(highest == 0 || opened.1.next_do_id > DoId(highest));
                    assert_eq!(opened.1.objects, durable.len() as u64);
                    store = opened.0;
                }
                model = durable.clone();
            }
        }
        check_all(&mut store, &now, &model);
    }
    store.settle();
    check_all(&mut store, &now, &model);
    let stats = store.committer.stats();
    assert_eq!(stats.objects, model.len() as u64);
    assert_eq!(stats.disk_bytes, disk.bytes());
    let again = Together::open(disk.copy() as Arc<dyn Disk>, &now).unwrap();
    assert_eq!(held(&stats), held(&again.0.committer.stats()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_a_map(steps in steps()) {
        run(steps);
    }
}
