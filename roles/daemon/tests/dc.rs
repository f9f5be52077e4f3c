//! The `dc` commands, as someone types them.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder with files.
struct Desk(TempDir);

impl Desk {
    fn with(files: &[(&str, &str)]) -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, text)| fs::write(desk.path(name), text).unwrap());
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What `ferriswheel dc` says, its errors after its answers, and its exit code.
    fn dc(&self, arguments: &str) -> (String, i32) {
        let output = Command::new(env!("CARGO_BIN_EXE_ferriswheel"))
            .current_dir(self.0.path())
            .arg("dc")
            .args(arguments.split(' '))
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (String::from_utf8(said).unwrap(), output.status.code().unwrap())
    }

    #[track_caller]
    fn says(&self, arguments: &str, wanted: &str, code: i32) {
        assert_eq!(self.dc(arguments), (wanted.to_owned(), code), "dc {arguments}");
    }
}

const CHAIR: &str = "dclass Chair {
  setPos(int16 / 10 x, int16 / 10 y) required broadcast;
  setName(string(1-8) name = \"oak\") db;
};
";

#[test]
fn a_broken_file_is_shown_with_carets() {
    let desk =
        Desk::with(&[("broken.dc", "dclass Chair {\n  setPos(imt16 x) requierd;\n  f() g\n};\n")]);
    let wanted = "\
error: there is no type `imt16` yet
 --> broken.dc:2:10
  |
2 |   setPos(imt16 x) requierd;
  |          ^^^^^
  |
  = help: did you mean `int16`?

error: the keyword `requierd` is not declared
 --> broken.dc:2:19
  |
2 |   setPos(imt16 x) requierd;
  |                   ^^^^^^^^
  |
  = help: did you mean `required`?
";
    let (said, code) = desk.dc("check broken.dc");
    assert_eq!(code, 1);
    assert!(said.starts_with(wanted), "{said}");
    assert!(said.contains("broken.dc:3:8\n"), "{said}");
}

#[test]
fn files_in_order_are_counted_hashed_and_listed() {
    let desk = Desk::with(&[("chair.dc", CHAIR), ("room.dc", "struct Spot { int8 x; };")]);
    desk.says("check chair.dc room.dc", "in order: 1 classes, 1 structs, 3 fields\n", 0);
    let (said, code) = desk.dc("hash chair.dc");
    assert_eq!((said.lines().count(), code), (2, 0));
    let wanted = "\
dclass Chair  #0
      0  setPos(int16 / 10 x, int16 / 10 y) required broadcast
      1  setName(string(1-8) name) db  = (name = \"oak\")
struct Spot  #1
      2  int8 x
";
    desk.says("list chair.dc room.dc", wanted, 0);
    let (json, _) = desk.dc("list --json chair.dc");
    let classes: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(classes[0]["fields"][0]["keywords"][1], "broadcast");
    assert_eq!(classes[0]["fields"][1]["number"], 1);
    let (said, code) = desk.dc("check nowhere.dc");
    assert_eq!((said.contains("nowhere.dc"), code), (true, 2));
}

#[test]
fn values_are_packed_and_unpacked() {
    let desk = Desk::with(&[("chair.dc", CHAIR)]);
    desk.says("pack chair.dc -- Chair.setPos (1,2.5)", "0a001900\n", 0);
    desk.says("unpack chair.dc -- Chair.setPos 0a001900", "(x = 1, y = 2.5)\n", 0);
    let wanted = "no value of `setPos(int16 / 10 x, int16 / 10 y) required broadcast`: ";
    let too_far = format!("{wanted}the number is out of range\n");
    desk.says("pack chair.dc -- Chair.setPos (1,9999)", &too_far, 2);
    let cut = format!("{wanted}the bytes end in the middle of a value\n");
    desk.says("unpack chair.dc -- Chair.setPos 0a00", &cut, 2);
    let unknown = "`Chair` has no field `setPose`: did you mean `setPos`?\n";
    desk.says("pack chair.dc -- Chair.setPose (1)", unknown, 2);
}

#[test]
fn files_are_laid_out() {
    let squeezed = CHAIR.replace("  set", "set").replace(" / ", "/");
    let desk = Desk::with(&[("chair.dc", CHAIR), ("squeezed.dc", &squeezed)]);
    desk.says("fmt --check chair.dc", "", 0);
    desk.says("fmt --check chair.dc squeezed.dc", "squeezed.dc: not in the usual layout\n", 1);
    desk.says("fmt squeezed.dc", "", 0);
    assert_eq!(fs::read_to_string(desk.path("squeezed.dc")).unwrap(), CHAIR);
}

#[test]
fn what_an_old_client_would_misread() {
    let wider = CHAIR.replace("int16 / 10 y", "int16 / 100 y");
    let more = CHAIR.replace("};", "  sit(uint8 legs) clsend;\n};");
    let desk = Desk::with(&[("old.dc", CHAIR), ("wider.dc", &wider), ("more.dc", &more)]);
    desk.says("diff old.dc old.dc", "no difference\n", 0);
    let wanted = "misread   Chair.setPos: is `setPos(int16 / 10 x, int16 / 100 y) required broadcast` \
        instead of `setPos(int16 / 10 x, int16 / 10 y) required broadcast`\n";
    desk.says("diff old.dc wider.dc", wanted, 1);
    let wanted = "harmless  Chair.sit: is new, with number 2: sit(uint8 legs) clsend\n";
    desk.says("diff old.dc more.dc", wanted, 0);
}

/// The files of `etc` are what we show people.
#[test]
fn our_own_files_are_in_order() {
    let etc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc/park.dc");
    let desk = Desk::with(&[("park.dc", &fs::read_to_string(etc).unwrap())]);
    assert_eq!(desk.dc("check park.dc").1, 0);
    desk.says("fmt --check park.dc", "", 0);
}
