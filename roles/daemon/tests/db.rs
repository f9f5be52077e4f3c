//! The `db` commands, as someone types them.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod ferris;

use ferris::Daemon;
use serde_json::Value;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const CLASSES: &str = "
dclass Account {
  string username db;
  setMoney(uint32 money = 5) db;
  setSeal(blob seal) db;
};
dclass Avatar {
  setName(string name) required broadcast db;
  setXY(int16 / 10 x, int16 / 10 y) ram db;
};
";

/// A folder as Astron has it; the object with the id 119 was deleted.
const ASTRON: [(&str, &str); 4] = [
    ("info.yaml", "next: 120\nfree:\n  - 119\n"),
    (
        "100.yaml",
        "id: 100\nclass: Account\nfields:\n  username: \"\\\"anna\\\"\"\n  setMoney: (12)\n  setSeal: (<00ff>)\n",
    ),
    (
        "101.yaml",
        "id: 101\nclass: Avatar\nfields:\n  setName: '(\"Anna: \\\"é\\\" #1\\nx\")'\n  setXY: (1, -2.5)\n",
    ),
    ("118.yaml", "id: 118\nclass: Avatar\nfields:\n  setName: (\"Bert\")\n"),
];

/// The same as a dump.
const DUMP: &str = r##"{"id":100,"class":"Account","fields":{"username":"\"anna\"","setMoney":"(12)","setSeal":"(<00ff>)"}}
{"id":101,"class":"Avatar","fields":{"setName":"(\"Anna: \\\"é\\\" #1\\nx\")","setXY":"(1, -2.5)"}}
{"id":118,"class":"Avatar","fields":{"setName":"(\"Bert\")"}}
"##;

/// A folder with a DC file, in which commands are typed.
struct Desk(TempDir);

/// What a command said and how it ended.
struct Said {
    out: String,
    err: String,
    code: i32,
}

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        desk.write("park.dc", CLASSES);
        desk
    }

    /// With a store that has the objects of [`ASTRON`].
    fn filled() -> Desk {
        let desk = Desk::new();
        desk.folder("astron", &ASTRON);
        desk.in_order("import astron -d store --dc park.dc");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn folder(&self, name: &str, files: &[(&str, &str)]) {
        fs::create_dir(self.path(name)).unwrap();
        files.iter().for_each(|(file, text)| self.write(&format!("{name}/{file}"), text));
    }

    fn db(&self, arguments: &str) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_ferriswheel"))
            .current_dir(self.0.path())
            .arg("db")
            .args(arguments.split(' '))
            .output()
            .unwrap();
        let [out, err] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        Said { out, err, code: output.status.code().unwrap() }
    }

    /// The command ends well; what it said on standard output.
    #[track_caller]
    fn in_order(&self, arguments: &str) -> String {
        let Said { out, err, code } = self.db(arguments);
        assert_eq!(code, 0, "db {arguments}\n{out}{err}");
        out
    }

    /// The command ends with this code and says this somewhere.
    #[track_caller]
    fn ends(&self, arguments: &str, code: i32, wanted: &str) -> Said {
        let said = self.db(arguments);
        let all = format!("{}{}", said.out, said.err);
        assert_eq!(said.code, code, "db {arguments}\n{all}");
        assert!(all.contains(wanted), "db {arguments}\n{all}");
        said
    }

    #[track_caller]
    fn json(&self, arguments: &str, code: i32) -> Value {
        let said = self.ends(arguments, code, "");
        serde_json::from_str(&said.out).unwrap()
    }

    fn segments(&self, directory: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path(directory)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut segments: Vec<PathBuf> =
            paths.filter(|path| path.extension().is_some_and(|end| end == "segment")).collect();
        segments.sort();
        segments
    }

    /// Spoils the bytes of a store where they say `what`.
    #[track_caller]
    fn spoil(&self, directory: &str, what: &[u8]) {
        for path in self.segments(directory) {
            let mut bytes = fs::read(&path).unwrap();
            if let Some(at) = bytes.windows(what.len()).position(|window| window == what) {
                bytes[at] ^= 0x20;
                return fs::write(&path, bytes).unwrap();
            }
        }
        panic!("nothing to spoil");
    }
}

#[test]
fn a_folder_of_astron_is_imported_dumped_exported_and_imported_again() {
    let desk = Desk::new();
    desk.folder("astron", &ASTRON);
    let said = desk.in_order("import astron -d store --dc park.dc");
    assert_eq!(said, "3 objects of 2 classes imported from astron; store has 3 objects now.\n");
    let said = desk.ends("dump store --dc park.dc", 0, "");
    assert_eq!((said.out.as_str(), said.err.as_str()), (DUMP, "3 objects dumped.\n"));
    let said = desk.in_order("export back -d store --dc park.dc");
    assert_eq!(said, "3 objects exported to back.\n");
    assert_eq!(desk.read("back/info.yaml"), "next: 120\nfree: []\n");
    desk.in_order("import back -d second --dc park.dc");
    assert_eq!(desk.db("dump second --dc park.dc").out, DUMP);
    desk.in_order("export third -d second --dc park.dc");
    for file in ["100.yaml", "101.yaml", "118.yaml", "info.yaml"] {
        assert_eq!(desk.read(&format!("back/{file}")), desk.read(&format!("third/{file}")));
    }
    desk.write("dump.json", DUMP);
    desk.in_order("import dump.json -d fourth --dc park.dc");
    assert_eq!(desk.db("dump fourth --dc park.dc").out, DUMP);
    assert_eq!(desk.db("dump back --dc park.dc").out, DUMP, "from a folder as well");
}

#[test]
fn a_dump_goes_to_a_file_and_may_be_of_one_class() {
    let desk = Desk::filled();
    desk.in_order("dump store --dc park.dc --class Account -o accounts.json");
    assert_eq!(desk.read("accounts.json").lines().count(), 1);
    desk.ends("dump store --dc park.dc -o accounts.json", 2, "is there already");
    let unknown = "the DC files have no class `Acount`: did you mean `Account`?";
    desk.ends("dump store --dc park.dc --class Acount", 2, unknown);
    desk.ends("dump store", 2, "name them with --dc");
}

#[test]
fn stat_says_what_there_is() {
    let desk = Desk::filled();
    let stat = desk.json("stat store --json", 0);
    assert_eq!((&stat["classes"]["Account"], &stat["classes"]["Avatar"]), (&1.into(), &2.into()));
    assert_eq!((&stat["next_id"], &stat["in_use"]), (&120.into(), &false.into()));
    let said = desk.in_order("stat store");
    assert!(said.ends_with("store: 3 objects; no server is using it.\n"), "{said}");
    let stat = desk.json("stat astron --json --dc park.dc", 0);
    assert_eq!((&stat["objects"], &stat["backend"]), (&3.into(), &"yaml".into()));
    desk.ends("stat nowhere", 2, "nowhere: there is no such directory");
    desk.ends("stat", 2, "there is no etc/park.yml here");
    fs::create_dir(desk.path("empty")).unwrap();
    desk.ends("stat empty", 2, "there is no database in this directory");
}

#[test]
fn nothing_is_imported_from_a_source_that_cannot_be_read() {
    let desk = Desk::new();
    desk.folder("astron", &ASTRON);
    desk.write("astron/102.yaml", "id: 102\nclass: Acount\n");
    desk.write("astron/103.yaml", "id: 13\nclass: Account\nfields:\n  setMony: (1)\n");
    let said =
        desk.ends("import astron -d store --dc park.dc", 1, "Nothing was imported: 2 problems");
    let wanted = [
        "astron/102.yaml:2: there is no class `Acount`: did you mean `Account`?",
        "astron/103.yaml:1: the name of the file says 103, and `id` says 13",
    ];
    wanted.iter().for_each(|line| assert!(said.err.contains(line), "{}", said.err));
    assert!(!desk.path("store").exists());
    let skip = "import astron -d store --dc park.dc --skip-unreadable";
    desk.ends(skip, 1, "3 objects of 2 classes imported from astron, 2 objects left out");
    assert_eq!(desk.db("dump store --dc park.dc").out, DUMP);
    desk.write("twice.json", &format!("{DUMP}{DUMP}\n{{\"id\":1}}\nx\n"));
    let said = desk.ends("import twice.json -d other --dc park.dc", 1, "5 problems");
    for line in [
        "twice.json:4: object 100 stands here a second time",
        "twice.json:8: column 8: missing field `class`",
        "twice.json:9: column 1: expected value",
    ] {
        assert!(said.err.contains(line), "{}", said.err);
    }
}

#[test]
fn what_is_there_is_only_replaced_if_that_was_asked_for() {
    let desk = Desk::filled();
    let bert = r#"{"id":118,"class":"Avatar","fields":{"setName":"(\"Bob\")"}}"#;
    let new = r#"{"id":200,"class":"Avatar","fields":{}}"#;
    desk.write("more.json", &format!("{bert}\n{new}\n"));
    let import = "import more.json -d store --dc park.dc";
    desk.ends(import, 2, "store: has 3 objects already");
    assert_eq!(desk.db("dump store --dc park.dc").out, DUMP);
    desk.in_order(&format!("{import} --merge"));
    let dump = desk.db("dump store --dc park.dc").out;
    assert_eq!(dump, DUMP.replace("Bert", "Bob") + new + "\n");
    desk.ends("export astron -d store --dc park.dc", 2, "astron: is not empty");
    desk.ends("import more.json -d astron --dc park.dc", 2, "is a folder of YAML files");
    desk.ends("import nowhere.json -d new --dc park.dc", 2, "nowhere.json");
}

/// What the DC files do not have any more is neither lost nor passed over in silence.
#[test]
fn classes_and_fields_that_are_gone_are_named() {
    let desk = Desk::filled();
    desk.write("other.dc", "dclass Avatar { setName(string name) db; setXY(int32 x) db; };");
    let said =
        desk.ends("dump store --dc other.dc", 1, "2 objects dumped, and something is missing");
    assert!(said.err.contains("no class `Account`: 1 object left out"), "{}", said.err);
    let field = "no stored field `Avatar.setXY` of type `(int16/10,int16/10)`: 1 value left out";
    assert!(said.err.contains(field), "{}", said.err);
    desk.ends("verify store --dc other.dc", 0, "all in order");
}

/// What the server asks for when the type of a stored field has changed.
#[test]
fn a_dump_takes_values_to_another_type() {
    let desk = Desk::filled();
    desk.write("wide.dc", &CLASSES.replace("int16 / 10 x", "int32 / 100 x"));
    let said = desk.ends("dump store --dc wide.dc", 1, "something is missing");
    assert!(said.err.contains("`Avatar.setXY` of type `(int16/10,int16/10)`"), "{}", said.err);
    desk.in_order("dump store --dc park.dc -o dump.json");
    desk.in_order("import dump.json -d wide --dc wide.dc");
    assert_eq!(desk.db("dump wide --dc wide.dc").out, DUMP);
}

#[test]
fn damage_is_found_named_and_repaired() {
    let desk = Desk::filled();
    desk.in_order("verify store --dc park.dc");
    let said = desk.in_order("verify store");
    assert!(said.contains("values not checked"), "{said}");
    desk.spoil("store", b"Bert");
    let found = desk.json("verify store --dc park.dc --json", 1);
    let finding = &found["findings"][0];
    assert_eq!(found["findings"].as_array().unwrap().len(), 1);
    assert_eq!((&finding["segment"], &finding["object"]), (&1.into(), &118.into()));
    assert!(finding["offset"].as_u64().unwrap() > 0);
    desk.ends("verify store", 1, "object 118");
    desk.ends("dump store --dc park.dc", 1, "object 118");
    desk.ends("backup copy -d store", 1, "the copy is not whole");
    assert!(!desk.path("copy").exists() && !desk.path("copy.unfinished").exists());
    let said = desk.in_order("repair store");
    assert!(said.contains("object 118 is deleted"), "{said}");
    assert!(said.ends_with("what was taken out lies in store/damaged.\n"), "{said}");
    assert!(fs::read_dir(desk.path("store/damaged")).unwrap().next().is_some());
    desk.ends("verify store --dc park.dc", 0, "2 objects, all in order");
    let left: String = DUMP.split_inclusive('\n').take(2).collect();
    assert_eq!(desk.db("dump store --dc park.dc").out, left);
    assert_eq!(desk.json("stat store --json", 0)["next_id"], 120, "its id is not given again");
    let said = desk.in_order("repair store");
    assert!(said.contains("nothing to repair"), "{said}");
    desk.ends("repair astron", 2, "is a folder of YAML files");
}

/// Objects without the names of their classes and fields are not served as something else.
#[test]
fn a_store_that_lost_its_names_is_not_repaired() {
    let desk = Desk::filled();
    desk.spoil("store", b"Avatar");
    desk.ends("stat store", 1, "its head cannot be read");
    desk.ends("verify store", 1, "segment 1, offset 0: its head cannot be read");
    desk.ends("repair store", 1, "restore a backup; nothing was taken out");
    desk.ends("stat store", 1, "its head cannot be read");
    let again = Desk::filled();
    again.in_order("compact store");
    // A second segment, which has all names too.
    again.write("one.json", r#"{"id":200,"class":"Avatar","fields":{}}"#);
    again.in_order("import one.json -d store --dc park.dc --merge");
    again.spoil("store", b"Avatar");
    let said = again.in_order("repair store");
    assert!(said.contains("has a head again"), "{said}");
    assert_eq!(again.db("dump store --dc park.dc --class Account").out.lines().count(), 1);
    again.ends("verify store --dc park.dc", 0, "4 objects, all in order");
}

#[test]
fn values_that_mean_nothing_are_found() {
    let desk = Desk::filled();
    desk.write("narrow.dc", &CLASSES.replace("string name)", "string(1-3) name)"));
    let said = desk.ends("verify store --dc narrow.dc", 1, "2 findings");
    assert!(said.out.contains("object 118, `setName`: the bytes are no value"), "{}", said.out);
    desk.write("astron/101.yaml", "id: 101\nclass: Avatar\nfields: [\n");
    desk.ends("verify astron --dc park.dc", 1, "astron/101.yaml:4: is not YAML");
}

/// `é` is two bytes of UTF-8 and none of ASCII.
#[test]
fn strings_are_read_as_the_configuration_or_the_option_says() {
    let desk = Desk::filled();
    desk.ends("verify store --dc park.dc", 0, "all in order");
    desk.ends("verify store --dc park.dc --strings utf8", 0, "all in order");
    desk.ends("verify store --dc park.dc --strings bytes", 0, "all in order");
    desk.ends("verify store --dc park.dc --strings ascii", 1, "object 101, `setName`");
    let ascii = config(&desk, "store", "store").replace("general: {", "general: {strings: ascii, ");
    desk.write("ascii.yml", &ascii);
    desk.ends("verify --config ascii.yml", 1, "object 101, `setName`");
    desk.ends("verify --config ascii.yml --dc park.dc", 1, "object 101, `setName`");
    desk.ends("verify --config ascii.yml --dc park.dc --strings utf8", 0, "all in order");
    desk.ends("verify --config ascii.yml --strings utf8", 2, "--dc");
}

#[test]
fn a_backup_is_restored_as_it_was() {
    let desk = Desk::filled();
    let said = desk.in_order("backup copies/one -d store");
    assert!(said.ends_with("and the copy was verified.\n"), "{said}");
    desk.ends("backup copies/one -d store", 2, "is not empty");
    let said = desk.in_order("restore copies/one back");
    assert_eq!(
        said,
        "3 objects restored from copies/one to back, and verified: a server can use it.\n"
    );
    assert_eq!(desk.db("dump back --dc park.dc").out, DUMP);
    assert_eq!(desk.json("stat back --json", 0)["next_id"], 120);
    desk.ends("restore copies/one store", 2, "store: is not empty, and stays as it is");
    desk.ends("restore astron other", 2, "astron");
    desk.ends("backup other -d astron", 2, "is a folder of YAML files");
}

/// Segments of an interrupted copy are a store too, with fewer objects or with others.
#[test]
fn an_interrupted_copy_is_not_taken_for_a_whole_one() {
    let desk = Desk::filled();
    desk.write("one.json", r#"{"id":200,"class":"Avatar","fields":{}}"#);
    for (command, copy) in [("backup copy -d store", "copy"), ("restore store back", "back")] {
        let unfinished = format!("{copy}.unfinished");
        desk.in_order(&format!("import one.json -d {unfinished} --dc park.dc"));
        let lock = File::open(desk.path(&format!("{unfinished}/LOCK"))).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        desk.ends(command, 2, "is in use by another process");
        drop(lock);
        assert_eq!(desk.segments(&unfinished).len(), 1, "nothing was touched");
        fs::create_dir(desk.path(copy)).unwrap();
        fs::set_permissions(desk.path(copy), Permissions::from_mode(0o700)).unwrap();
        desk.in_order(command);
        assert!(!desk.path(&unfinished).exists());
        assert_eq!(desk.db(&format!("dump {copy} --dc park.dc")).out, DUMP);
        assert_eq!(desk.path(copy).metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
    desk.folder("other.unfinished", &ASTRON);
    desk.ends("backup other -d store", 2, "is not an object store");
    assert_eq!(fs::read_dir(desk.path("other.unfinished")).unwrap().count(), ASTRON.len());
}

#[test]
fn compacting_leaves_nothing_dead() {
    let desk = Desk::filled();
    desk.write("dump.json", &DUMP.replace("Bert", "Bob"));
    for _ in 0..3 {
        desk.in_order("import dump.json -d store --dc park.dc --merge");
    }
    let before = desk.json("stat store --json", 0);
    assert!(before["dead_bytes"].as_u64() > before["live_bytes"].as_u64(), "{before}");
    desk.in_order("compact store");
    let after = desk.json("stat store --json", 0);
    // The notes of the next id: 24 bytes for each segment that was swept.
    assert!(after["dead_bytes"].as_u64().unwrap() <= 4 * 24, "{after}");
    assert_eq!(after["tombstone_bytes"], 0);
    assert_eq!((&after["live_bytes"], &after["next_id"]), (&before["live_bytes"], &120.into()));
    assert_eq!(desk.db("dump store --dc park.dc").out, DUMP.replace("Bert", "Bob"));
    desk.ends("compact astron --dc park.dc", 2, "no unused space");
}

/// A configuration with a database at `directory`.
fn config(desk: &Desk, kind: &str, directory: &str) -> String {
    let (dc, directory) = (desk.path("park.dc"), desk.path(directory));
    format!(
        "general: {{dialect: openotp, dc_files: [{}]}}\nshards: 2\nmessagedirector: {{bind: \"127.0.0.1:0\"}}\n\
         roles:\n  - type: database\n    control: 4003\n    generate: {{min: 100, max: 999}}\n    \
         backend: {{type: {kind}, directory: {}}}\n",
        dc.display(),
        directory.display()
    )
}

#[test]
fn a_store_in_use_is_looked_at_and_copied_and_not_touched() {
    let desk = Desk::filled();
    let config = config(&desk, "store", "store");
    desk.write("park.yml", &config);
    let daemon = Daemon::start(&config);
    let said = desk.in_order("stat --config park.yml");
    assert!(said.ends_with("a server is using it.\n"), "{said}");
    assert_eq!(desk.db("dump --config park.yml").out, DUMP);
    desk.ends("verify --config park.yml", 0, "all in order");
    desk.in_order("backup copy --config park.yml");
    desk.ends("import astron --merge --config park.yml", 2, "is in use by another process");
    desk.ends("repair --config park.yml", 2, "is in use by another process");
    desk.ends("compact --config park.yml", 2, "a server is using it, and compacts it by itself");
    // A second server says whose the directory is.
    let file = desk.path("park.yml");
    let (code, said) = ferris::ends(&["run", file.to_str().unwrap()]);
    let (file, store) = (file.display(), desk.path("store"));
    let wanted = format!("`{}` is in use by another process (process ", store.display());
    assert!(said.starts_with(&format!("error: {file}:")) && said.contains(&wanted), "{said}");
    assert_eq!((code, said.matches("/store").count()), (Some(2), 1), "{said}");
    assert!(daemon.stop().success());
    assert_eq!(desk.db("dump copy --dc park.dc").out, DUMP);
    desk.ends("stat --config park.yml", 0, "no server is using it");
}

#[test]
fn a_folder_is_served_and_in_use_meanwhile() {
    let desk = Desk::new();
    desk.folder("astron", &ASTRON);
    let config = config(&desk, "yaml", "astron");
    desk.write("park.yml", &config);
    let daemon = Daemon::start(&config);
    desk.ends("stat --config park.yml", 0, "astron: 3 objects; a server is using it");
    assert!(daemon.stop().success());
    let names = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!(names(&desk.path("astron")), ASTRON.len());
    desk.write("astron/102.yaml", "id: 102\nclass: Acount\n");
    desk.write("astron/103.yaml", "id: 103\n");
    let file = desk.path("park.yml");
    let (code, said) = ferris::ends(&["run", file.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(said.contains("102.yaml:2: there is no class `Acount`"), "{said}");
    assert!(said.contains("103.yaml:1: `class` is missing"), "{said}");
}
