//! A store on a disk in memory, and the objects that tests put into it.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::sync::Arc;
use store::{Catalog, ClassKey, Disk, FieldKey, Found, Options, Together};
use wire::ids::DoId;

/// The field that objects have here.
pub const FIELD: FieldKey = FieldKey(0);

pub fn options(segment_bytes: u32) -> Options {
    let mut catalog = Catalog::default();
    catalog.class("Avatar").unwrap();
    catalog.field("blob", "blob").unwrap();
    Options { segment_bytes, catalog, hash_seeds: [1, 2, 3, 4], ..Options::default() }
}

pub fn open(disk: Arc<dyn Disk>, options: &Options) -> Together {
    Together::open(disk, options).unwrap().0
}

/// What object `do_id` has at its `version`: no two versions of any objects are the same.
pub fn value(do_id: u32, version: u32, bytes: usize) -> Vec<u8> {
    let start = [do_id.to_le_bytes(), version.to_le_bytes()].concat();
    start.into_iter().cycle().take(bytes.max(8)).collect()
}

pub fn write(store: &mut Together, do_id: u32, version: u32, bytes: usize) {
    let value = value(do_id, version, bytes);
    store.part(0).write(DoId(do_id), ClassKey(0), &[(FIELD, &value)]).unwrap();
}

/// The version that an object shows; None: there is no such object.
pub fn version(store: &mut Together, do_id: u32) -> Option<u32> {
    match store.part(0).find(DoId(do_id)) {
        Found::Absent => None,
        Found::Here(object) => {
            let found = object.field(FIELD).unwrap();
            let version = u32::from_le_bytes(found[4..8].try_into().unwrap());
            assert_eq!(found, value(do_id, version, found.len()), "object {do_id}");
            Some(version)
        }
        found @ (Found::Away(_) | Found::Damaged(_)) => panic!("object {do_id}: {found:?}"),
    }
}
