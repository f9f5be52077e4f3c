//! The folder of a real file system.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod desk;

use desk::schema;
use std::fs;
use wire::ids::DoId;
use yaml_folder::{Export, ExportError, Files, Folder, FolderError, TextObject, read};

fn object(do_id: u32) -> TextObject {
    TextObject { do_id: DoId(do_id), class: "Thing".into(), class_line: 0, fields: Vec::new() }
}

#[test]
fn only_one_process_has_a_folder_and_anyone_may_look() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::open(place.path()).unwrap();
    assert!(matches!(Folder::open(place.path()), Err(FolderError::InUse(_))));
    Folder::look(place.path()).unwrap();
    drop(folder);
    Folder::open(place.path()).unwrap();
    let nowhere = place.path().join("nowhere");
    assert!(matches!(Folder::open(&nowhere), Err(FolderError::Failed { .. })));
    Folder::create(&nowhere).unwrap();
}

#[test]
fn a_file_is_replaced_as_a_whole_and_what_a_crash_left_is_removed() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::open(place.path()).unwrap();
    folder.prepare("7.yaml", b"old").unwrap();
    folder.publish("7.yaml").unwrap();
    folder.prepare("7.yaml", b"new").unwrap();
    assert_eq!(folder.read("7.yaml").unwrap(), b"old");
    folder.discard("7.yaml").unwrap();
    folder.discard("7.yaml").unwrap();
    folder.prepare("8.yaml", b"half").unwrap();
    folder.sync().unwrap();
    fs::write(place.path().join("mine.unfinished"), "").unwrap();
    drop(folder);
    let folder = Folder::open(place.path()).unwrap();
    assert_eq!(folder.list().unwrap(), ["7.yaml", "mine.unfinished"], "only ours is removed");
    folder.remove("7.yaml").unwrap();
    folder.remove("7.yaml").unwrap();
    assert_eq!(folder.list().unwrap(), ["mine.unfinished"]);
}

#[test]
fn an_export_is_a_folder_that_can_be_read_and_nothing_is_written_over() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("new");
    let export = Export::new(&path).unwrap();
    export.put(&object(7)).unwrap();
    export.put(&object(9)).unwrap();
    assert!(!path.join("info.yaml").exists(), "which says that the export is whole");
    export.finish(12, &[3]).unwrap();
    let (schema, mut ids) = (schema(), Vec::new());
    let folder = Folder::look(&path).unwrap();
    let mut keep = |object: yaml_folder::PackedObject| ids.push(object.do_id);
    let contents = read(&folder, &schema, &mut keep, &mut |_, _| ()).unwrap();
    assert!(contents.problems.is_empty(), "{}", contents.problems);
    assert_eq!((contents.next, contents.info.free), (12, vec![3]));
    assert_eq!(ids, [DoId(7), DoId(9)]);
    assert!(matches!(Export::new(&path), Err(ExportError::NotEmpty(_))));
}
