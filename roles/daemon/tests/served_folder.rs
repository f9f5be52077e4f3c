//! A folder of YAML files as Astron has it, served: what a participant is told to be stored is in
//! its file, and is there again after a start.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod ferris;

use ferris::{Daemon, Participant, wait_for};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use wire::database::{DatabaseMessage, DatabaseNotice};
use wire::datagram::{Datagram, write_datagram};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, ClassId, DoId, FieldId};

const ASTRON: Dialect = Dialect::Astron;
const DATABASE: Channel = Channel(4003);
const ME: u64 = 1 << 40 | 5;
const CLASSES: &str = "dclass Avatar { setName(string name) required db; };";

/// A folder `astron` and a DC file.
struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        fs::write(desk.path("park.dc"), CLASSES).unwrap();
        fs::create_dir(desk.path("astron")).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path("astron").join(name)).ok()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path("astron").join(name), text).unwrap();
    }

    fn serve(&self) -> Daemon {
        Daemon::start(&format!(
            "general: {{dialect: astron, dc_files: [{}]}}\nshards: 2\n\
             messagedirector: {{bind: \"127.0.0.1:0\"}}\nroles:\n  - type: database\n    \
             control: {DATABASE}\n    generate: {{min: 1000, max: 9999}}\n    \
             backend: {{type: yaml, directory: {}}}\n",
            self.path("park.dc").display(),
            self.path("astron").display()
        ))
    }
}

fn send(participant: &mut Participant, message: &DatabaseMessage<'_>) {
    let mut frame = Vec::new();
    let msgtype = message.msgtype(ASTRON).unwrap();
    let write = |out: &mut Vec<u8>| message.write(ASTRON, out);
    write_datagram(&mut frame, &[DATABASE], Channel(ME), msgtype, write).unwrap();
    participant.bytes(&frame);
}

/// The id that the answer to a Create gives.
#[track_caller]
fn created(participant: &mut Participant) -> DoId {
    let frame = participant.hears_frame(Duration::from_secs(20)).expect("no answer");
    let dg = Datagram::parse(framing::body(&frame)).unwrap();
    let notice = DatabaseNotice::decode(ASTRON, dg.msgtype(), dg.payload()).unwrap();
    let DatabaseNotice::CreateResp { do_id, .. } = notice else { panic!("{notice:?}") };
    do_id
}

#[track_caller]
fn create(participant: &mut Participant, name: &[u8]) -> DoId {
    let fields = [&[0, 0, name.len() as u8, 0], name].concat();
    let create =
        DatabaseMessage::Create { context: 1, dclass: ClassId(0), count: 1, fields: &fields };
    send(participant, &create);
    created(participant)
}

#[test]
fn what_is_told_to_be_stored_is_in_its_file() {
    let desk = Desk::new();
    desk.write("1007.yaml", "id: 1007\nclass: Avatar\nfields:\n  setName: (\"Anna\")\n");
    desk.write("1008.yaml", "id: 1008\nclass: Avatar\nfields:\n  setName: (\"Bert\")\n");
    desk.write("info.yaml", "next: 1020\nfree:\n  - 1019\n");
    let daemon = desk.serve();
    let mut participant = Participant::join(&daemon, ASTRON);
    participant.subscribe(&daemon, ME);
    assert_eq!(create(&mut participant, b"Carl"), DoId(1020));
    // No wait: it was told to be stored.
    let carl = "id: 1020\nclass: Avatar\nfields:\n  setName: \"(\\\"Carl\\\")\"\n";
    assert_eq!(desk.file("1020.yaml").as_deref(), Some(carl));
    assert_eq!(desk.file("info.yaml").as_deref(), Some("next: 1021\nfree: [1019]\n"));
    let (do_id, field) = (DoId(1007), FieldId(0));
    send(&mut participant, &DatabaseMessage::UpdateField { do_id, field, value: b"\x01\x00A" });
    send(&mut participant, &DatabaseMessage::Delete { do_id: DoId(1008), verify_code: None });
    wait_for("a file", || desk.file("1007.yaml")?.contains("\\\"A\\\"").then_some(()));
    wait_for("a file that goes", || desk.file("1008.yaml").is_none().then_some(()));
    daemon.kill();
    let daemon = desk.serve();
    let mut participant = Participant::join(&daemon, ASTRON);
    participant.subscribe(&daemon, ME);
    assert_eq!(create(&mut participant, b"Dora"), DoId(1021));
    assert!(daemon.stop().success());
    let mut names: Vec<String> = entries(&desk.path("astron"));
    names.sort();
    assert_eq!(names, ["1007.yaml", "1020.yaml", "1021.yaml", "info.yaml"]);
}

#[test]
fn a_folder_is_begun_where_there_is_none() {
    let desk = Desk::new();
    fs::remove_dir(desk.path("astron")).unwrap();
    let daemon = desk.serve();
    let mut participant = Participant::join(&daemon, ASTRON);
    participant.subscribe(&daemon, ME);
    assert_eq!(create(&mut participant, b"Anna"), DoId(1000));
    assert_eq!(desk.file("info.yaml").as_deref(), Some("next: 1001\nfree: []\n"));
    assert!(daemon.stop().success());
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
