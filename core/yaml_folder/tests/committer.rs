//! A folder as the Database uses it: what is durable when, what a full or a broken disk does, and
//! that the next start finds what was promised.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod desk;

use desk::{Drawer, schema};
use std::sync::Arc;
use store::{Committer, Found, Heard, Options, Part, PartId, Request, Ticket};
use wire::ids::DoId;
use yaml_folder::{OpenError, Opened, open};

const ANNA: &str = "id: 7\nclass: Thing\nfields:\n  setName: (\"Anna\")\n";
const BERT: &str = "id: 8\nclass: Thing\nfields:\n  setName: (\"Bert\")\n";

/// A folder and the parts of its objects: odd ids in one, even ids in the other.
struct Shelf {
    drawer: Drawer,
    opened: Opened,
}

fn options() -> Options {
    Options { parts: 2, place: |do_id, _| do_id.0 as usize % 2, ..Options::default() }
}

fn try_open(drawer: &Drawer) -> Result<Opened, OpenError> {
    open(Box::new(drawer.clone()), Arc::new(schema()), &options())
}

impl Shelf {
    fn open(drawer: Drawer) -> Shelf {
        let opened = try_open(&drawer).unwrap();
        Shelf { drawer, opened }
    }

    fn part(&mut self, do_id: u32) -> &mut Part {
        &mut self.opened.parts[do_id as usize % 2]
    }

    /// Names an object, as the Database would.
    fn write(&mut self, do_id: u32, name: &str) -> Ticket {
        let part = self.part(do_id);
        let catalog = part.catalog();
        let (class, field) = (
            catalog.find_class("Thing").unwrap(),
            catalog.find_field("setName", "(string)").unwrap(),
        );
        let value = [&(name.len() as u16).to_le_bytes(), name.as_bytes()].concat();
        part.write(DoId(do_id), class, &[(field, &value)]).unwrap()
    }

    fn delete(&mut self, do_id: u32) {
        self.part(do_id).delete(DoId(do_id)).unwrap();
    }

    /// One commit with what both parts ask for.
    fn commit(&mut self) -> Vec<Heard> {
        let mut batch = Vec::<(PartId, Request)>::new();
        for part in &mut self.opened.parts {
            let id = part.id();
            batch.extend(part.take_requests().map(|request| (id, request)));
        }
        let mut out = Vec::new();
        self.opened.committer.commit(&mut batch, &mut out);
        assert!(batch.is_empty());
        assert!(self.opened.committer.next_chore().is_none());
        out.into_iter()
            .map(|(part, reply)| self.opened.parts[usize::from(part.0)].hear(reply))
            .collect()
    }

    /// The name that a reader sees.
    fn name(&mut self, do_id: u32) -> Option<String> {
        match self.part(do_id).find(DoId(do_id)) {
            Found::Here(object) => {
                let value = object.fields().next().unwrap().1;
                Some(String::from_utf8(value[2..].to_vec()).unwrap())
            }
            Found::Absent => None,
            other @ (Found::Away(_) | Found::Damaged(_)) => panic!("{other:?}"),
        }
    }

    /// The same folder after a loss of power.
    fn crash(self) -> Shelf {
        let left = Drawer::default();
        let durable = self.drawer.inside().durable.clone();
        left.inside().files = durable.clone();
        left.inside().durable = durable;
        Shelf::open(left)
    }
}

#[test]
fn objects_of_a_folder_are_there_and_the_next_id_is_above_them() {
    let files = [("7.yaml", ANNA), ("8.yaml", BERT), ("info.yaml", "next: 12\nfree: [3, 5]\n")];
    let mut shelf = Shelf::open(Drawer::with(&files));
    assert_eq!((shelf.name(7), shelf.name(8)), (Some("Anna".into()), Some("Bert".into())));
    assert_eq!(shelf.opened.next_do_id, DoId(12));
    let stats = shelf.opened.committer.stats();
    assert_eq!((stats.objects, stats.live_bytes), (2, 12));
    assert_eq!(shelf.opened.warnings, [""; 0]);
    assert_eq!(shelf.drawer.inside().prepared, 0, "opening writes nothing");
}

#[test]
fn what_is_told_to_be_durable_is() {
    let mut shelf =
        Shelf::open(Drawer::with(&[("8.yaml", BERT), ("info.yaml", "next: 9\nfree: [3]")]));
    let ticket = shelf.write(9, "Carl");
    shelf.write(8, "Bo");
    assert_eq!(shelf.drawer.durable("9.yaml"), None);
    assert_eq!(shelf.commit(), [Heard::Durable(Ticket(1)), Heard::Durable(ticket)]);
    let carl = "id: 9\nclass: Thing\nfields:\n  setName: \"(\\\"Carl\\\")\"\n";
    assert_eq!(shelf.drawer.durable("9.yaml").unwrap(), carl);
    assert_eq!(shelf.drawer.durable("info.yaml").unwrap(), "next: 10\nfree: [3]\n");
    shelf.delete(8);
    shelf.commit();
    let stats = shelf.opened.committer.stats();
    assert_eq!((stats.objects, stats.live_bytes), (1, 6));
    let mut shelf = shelf.crash();
    assert_eq!((shelf.name(8), shelf.name(9)), (None, Some("Carl".into())));
    shelf.delete(9);
    shelf.commit();
    assert_eq!(
        shelf.crash().opened.next_do_id,
        DoId(10),
        "the id of a deleted object is not given again"
    );
}

#[test]
fn a_batch_costs_a_file_for_each_object_and_one_sync() {
    let mut shelf = Shelf::open(Drawer::default());
    for at in 0..50 {
        shelf.write(100, &format!("name {at}"));
        shelf.write(101, &format!("name {at}"));
    }
    assert_eq!(shelf.commit().len(), 100);
    let inside = shelf.drawer.inside();
    assert_eq!((inside.prepared, inside.syncs), (3, 1), "two objects and info.yaml");
    drop(inside);
    assert_eq!(shelf.crash().name(101).unwrap(), "name 49");
}

#[test]
fn an_object_that_was_written_and_deleted_at_once_leaves_no_file() {
    let mut shelf = Shelf::open(Drawer::with(&[("8.yaml", BERT)]));
    shelf.write(10, "Dora");
    shelf.delete(10);
    shelf.delete(8);
    shelf.write(8, "Bert again");
    shelf.commit();
    let mut shelf = shelf.crash();
    assert_eq!((shelf.name(10), shelf.name(8)), (None, Some("Bert again".into())));
}

/// Whatever was refused is as it was before, here and after a restart; and what was written in
/// ignorance of that is refused too.
#[test]
fn a_full_disk_refuses_writes_and_goes_on_with_deletes() {
    let carl = ANNA.replace('7', "9").replace("Anna", "Carl");
    let files = [
        ("7.yaml", ANNA),
        ("8.yaml", BERT),
        ("9.yaml", &carl),
        ("info.yaml", "next: 10\nfree: []\n"),
    ];
    let mut shelf = Shelf::open(Drawer::with(&files));
    shelf.drawer.inside().space = Some(1);
    shelf.write(7, "Anna 2");
    shelf.write(8, "Bert 2");
    shelf.delete(9);
    let heard = shelf.commit();
    // Part 0 has object 8, part 1 has the others; there was space for one file.
    let refused = Heard::Refused { ticket: Ticket(1), do_id: DoId(7) };
    assert_eq!(heard, [Heard::Durable(Ticket(1)), refused, Heard::Durable(Ticket(2))]);
    assert!(shelf.opened.committer.stats().full);
    let names = [7, 8, 9].map(|do_id| shelf.name(do_id));
    assert_eq!(names, [Some("Anna".into()), Some("Bert 2".into()), None]);
    shelf.drawer.inside().space = None;
    shelf.write(7, "Anna 3");
    assert_eq!(shelf.commit(), [Heard::Durable(Ticket(3))]);
    assert!(!shelf.opened.committer.stats().full);
    let mut shelf = shelf.crash();
    let names = [7, 8, 9].map(|do_id| shelf.name(do_id));
    assert_eq!(names, [Some("Anna 3".into()), Some("Bert 2".into()), None]);
}

/// There is space for the new object, and none for the id that comes after it.
#[test]
fn a_new_object_is_stored_with_its_id_or_not_at_all() {
    let mut shelf =
        Shelf::open(Drawer::with(&[("7.yaml", ANNA), ("info.yaml", "next: 8\nfree: []\n")]));
    shelf.drawer.inside().space = Some(1);
    shelf.write(9, "Carl");
    let refused = Heard::Refused { ticket: Ticket(1), do_id: DoId(9) };
    assert_eq!(shelf.commit(), [refused]);
    assert_eq!((shelf.name(9), shelf.drawer.inside().unfinished.len()), (None, 0));
    shelf.drawer.inside().space = Some(2);
    shelf.write(9, "Carl");
    assert_eq!(shelf.commit(), [Heard::Durable(Ticket(2))]);
    let mut shelf = shelf.crash();
    assert_eq!((shelf.name(9), shelf.opened.next_do_id), (Some("Carl".into()), DoId(10)));
}

/// Only the object's file says that its id was given: without space for `info.yaml` it stays.
#[test]
fn the_id_of_an_object_deleted_on_a_full_disk_is_not_given_again() {
    let files = [("7.yaml", ANNA), ("8.yaml", BERT), ("info.yaml", "next: 8\nfree: []\n")];
    let mut shelf = Shelf::open(Drawer::with(&files));
    shelf.drawer.inside().space = Some(0);
    shelf.delete(8);
    shelf.delete(7);
    let refused = Heard::Refused { ticket: Ticket(1), do_id: DoId(8) };
    assert_eq!(shelf.commit(), [refused, Heard::Durable(Ticket(1))]);
    assert_eq!((shelf.name(7), shelf.name(8)), (None, Some("Bert".into())));
    shelf.drawer.inside().space = Some(1);
    shelf.delete(8);
    shelf.commit();
    assert_eq!(shelf.crash().opened.next_do_id, DoId(9));
}

#[test]
fn writes_that_rest_on_a_refused_one_are_refused() {
    let mut shelf = Shelf::open(Drawer::with(&[("7.yaml", ANNA)]));
    shelf.drawer.inside().space = Some(0);
    shelf.write(7, "Anna 2");
    let requests: Vec<Request> = shelf.part(7).take_requests().collect();
    shelf.write(7, "Anna 3");
    let mut out = Vec::new();
    let mut batch = requests.into_iter().map(|request| (PartId(1), request)).collect();
    shelf.opened.committer.commit(&mut batch, &mut out);
    // The part asked for the second write before it hears of the first.
    shelf.drawer.inside().space = None;
    let second = shelf.part(7).take_requests().map(|request| (PartId(1), request)).collect();
    batch = second;
    shelf.opened.committer.commit(&mut batch, &mut out);
    let heard: Vec<Heard> = out.into_iter().map(|(_, reply)| shelf.part(7).hear(reply)).collect();
    let refused = |ticket| Heard::Refused { ticket: Ticket(ticket), do_id: DoId(7) };
    assert_eq!(heard, [refused(1), refused(2)]);
    assert_eq!(shelf.name(7).unwrap(), "Anna");
    shelf.write(7, "Anna 4");
    assert_eq!(shelf.commit(), [Heard::Durable(Ticket(3))]);
    assert_eq!(shelf.crash().name(7).unwrap(), "Anna 4");
}

#[test]
fn a_failed_write_or_sync_is_final() {
    for operation in ["prepare", "publish", "sync"] {
        let mut shelf = Shelf::open(Drawer::with(&[("7.yaml", ANNA), ("8.yaml", BERT)]));
        shelf.drawer.inside().broken = Some(operation);
        shelf.write(7, "Anna 2");
        let heard = shelf.commit();
        assert!(
            matches!(&heard[..], [Heard::Failed(_), Heard::Failed(_)]),
            "{operation} {heard:?}"
        );
        assert_eq!(shelf.name(7).unwrap(), "Anna", "{operation}: nobody sees what may be lost");
        shelf.drawer.inside().broken = None;
        let class = shelf.part(8).catalog().find_class("Thing").unwrap();
        assert!(shelf.part(8).write(DoId(8), class, &[]).is_err(), "{operation}");
        assert!(shelf.opened.committer.stats().read_only);
        let name = shelf.crash().name(7).unwrap();
        assert_eq!(name, "Anna", "{operation}: nothing was durable");
    }
}

#[track_caller]
fn refused(files: &[(&str, &str)], wanted: &str) {
    let drawer = Drawer::with(files);
    match try_open(&drawer) {
        Err(error) => assert_eq!(error.to_string(), wanted),
        Ok(_) => panic!("opened"),
    }
    assert_eq!(drawer.inside().prepared, 0);
}

#[test]
fn a_folder_with_files_that_cannot_be_read_is_not_opened_and_all_of_them_are_named() {
    let wanted = "\
drawer/info.yaml:1: expected the id of an object, found `x`
drawer/7.yaml:2: there is no class `Thong`: did you mean `Thing`?
drawer/8.yaml:1: the name of the file says 8, and `id` says 7";
    let thong = ANNA.replace("Thing", "Thong");
    refused(&[("7.yaml", &thong), ("8.yaml", ANNA), ("info.yaml", "next: x")], wanted);
    let wanted = "drawer/007.yaml: is no file of an object: its name is not the id of one";
    refused(&[("007.yaml", ANNA)], wanted);
    let names: Vec<String> = (1000..1025).map(|id| format!("{id}.yaml")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), ANNA)).collect();
    let drawer = Drawer::with(&many);
    let said = try_open(&drawer).err().unwrap().to_string();
    assert_eq!(said.lines().count(), 21);
    assert!(said.ends_with("and 5 more"), "{said}");
}

#[test]
fn what_is_odd_is_said_and_dealt_with() {
    let files = [("7.yaml", ANNA), ("notes.txt", "x"), ("info.yaml", "next: 3\nfree: [7, 2]\n")];
    let mut shelf = Shelf::open(Drawer::with(&files));
    assert_eq!(
        shelf.opened.warnings,
        [
            "drawer/info.yaml: `next` is 3, and there is an object above: 8 comes next",
            "drawer/info.yaml: `free` has ids of objects that are there (1, the first is 7): they \
             are taken out",
            "drawer/notes.txt: is no file of an object, and is left alone",
        ]
    );
    shelf.write(7, "Anna 2");
    shelf.commit();
    assert_eq!(shelf.drawer.durable("info.yaml").unwrap(), "next: 8\nfree: [2]\n");
    assert_eq!(shelf.drawer.durable("notes.txt").unwrap(), "x");
}

#[test]
fn the_last_id_of_all() {
    let text = ANNA.replace('7', "4294967295");
    let shelf = Shelf::open(Drawer::with(&[("4294967295.yaml", &text)]));
    assert_eq!(shelf.opened.next_do_id, DoId(u32::MAX));
}
