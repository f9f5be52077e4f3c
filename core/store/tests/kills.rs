//! The store on real files, in a process that is killed under load: what it was told to be durable
//! is there when the directory is opened again. `FERRIS_KILLS` says how often; ten times without.
//!
//! The process is this test itself, run again; it prints what it asks for and what it hears.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use store::{
    Access, Catalog, Chored, ClassKey, Committer, FieldKey, Files, FilesError, Found, Heard, Log,
    Opened, Options, Part, PartId, Ticket, Together,
};
use wire::ids::DoId;

const DIRECTORY: &str = "FERRIS_KILLED_DIRECTORY";
const SEED: &str = "FERRIS_KILLED_SEED";
const PARTS: usize = 2;

fn options() -> Options {
    let mut catalog = Catalog::default();
    catalog.class("DistributedAvatar").unwrap();
    catalog.field("setBlob", "blob").unwrap();
    let place = |do_id: DoId, parts| do_id.0 as usize % parts;
    Options { parts: PARTS, place, segment_bytes: 64 << 10, catalog, ..Options::default() }
}

/// A stream of numbers (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// The only value that an object can have in this version.
fn value(do_id: u32, version: u64) -> Vec<u8> {
    let mut chance = Chance(u64::from(do_id) << 32 ^ version);
    let len = if chance.below(20) == 0 { 5_000 } else { 600 };
    let len = chance.below(len);
    (0..len).map(|_| chance.below(256) as u8).chain(version.to_le_bytes()).collect()
}

/// The version that an object has; `None`: it is not there. Its value must be that version's.
fn version_of(part: &Part, do_id: u32) -> Option<u64> {
    // A record that is not in memory is there at the latest when it was asked for.
    let found = loop {
        match part.find(DoId(do_id)) {
            Found::Away(_) => std::thread::yield_now(),
            found @ (Found::Absent | Found::Here(_) | Found::Damaged(_)) => break found,
        }
    };
    match found {
        Found::Here(object) => {
            let bytes = object.field(FieldKey(0)).unwrap();
            let version = u64::from_le_bytes(*bytes.last_chunk().unwrap());
            assert!(bytes == value(do_id, version), "object {do_id} has a value of its own");
            Some(version)
        }
        Found::Absent => None,
        Found::Away(_) | Found::Damaged(_) => panic!("object {do_id}: {found:?}"),
    }
}

/// What the process runs that will be killed; in the tests it does nothing.
#[test]
fn serves_until_it_is_killed() {
    let (Some(directory), Ok(seed)) = (std::env::var_os(DIRECTORY), std::env::var(SEED)) else {
        return;
    };
    let files = Files::open(&PathBuf::from(directory), Access::Serve).unwrap();
    let Opened { mut log, mut parts, report } = Log::open(files, &options()).unwrap();
    let mut load = Load { chance: Chance(seed.parse().unwrap()), next: report.next_do_id.0.max(1) };
    let (to_keeper, chores) = mpsc::channel::<store::Chore>();
    let (to_log, done) = mpsc::channel::<Chored>();
    std::thread::spawn(move || chores.into_iter().try_for_each(|chore| to_log.send(chore.run())));
    let (mut batch, mut replies) = (Vec::new(), Vec::new());
    loop {
        let mut said = load.ask(&mut parts);
        std::io::stdout().write_all(said.as_bytes()).unwrap();
        std::io::stdout().flush().unwrap();
        said.clear();
        for part in &mut parts {
            part.work();
            let id = part.id();
            batch.extend(part.take_requests().map(|request| (id, request)));
        }
        log.commit(&mut batch, &mut replies);
        done.try_iter().for_each(|done| log.chored(done, &mut replies));
        for (PartId(part), reply) in replies.drain(..) {
            match parts[usize::from(part)].hear(reply) {
                Heard::Durable(Ticket(ticket)) => said += &format!("durable {part} {ticket}\n"),
                Heard::Nothing | Heard::Fetched(..) => {}
                heard @ (Heard::Refused { .. } | Heard::Failed(_) | Heard::Damaged(..)) => {
                    panic!("{heard:?}")
                }
            }
        }
        std::io::stdout().write_all(said.as_bytes()).unwrap();
        while let Some(chore) = log.next_chore() {
            to_keeper.send(chore).unwrap();
        }
    }
}

/// What the process asks for.
struct Load {
    chance: Chance,
    next: u32,
}

impl Load {
    /// Some writes, most of them of a few objects; what was asked for, a line each.
    fn ask(&mut self, parts: &mut [Part]) -> String {
        let mut said = String::new();
        for _ in 0..=self.chance.below(40) {
            let new = self.next == 1 || self.chance.below(10) == 0;
            let do_id =
                if new { self.next } else { 1 + self.chance.below(self.next.into()) as u32 };
            let at = do_id as usize % PARTS;
            let deletes = !new && self.chance.below(8) == 0;
            let version = if deletes { 0 } else { 1 + self.chance.below(1 << 60) };
            let asked = match version {
                0 => parts[at].delete(DoId(do_id)),
                _ => {
                    let value = value(do_id, version);
                    parts[at].write(DoId(do_id), ClassKey(0), &[(FieldKey(0), &value)])
                }
            };
            self.next += u32::from(new);
            if let Ok(Ticket(ticket)) = asked {
                said += &format!("asked {at} {ticket} {do_id} {version}\n");
            }
        }
        said
    }
}

/// What a killed process has left, as far as one can know it from what it said.
#[derive(Default)]
struct Known {
    /// The last version of each object that is durable; 0: it was deleted.
    durable: BTreeMap<u32, u64>,
    /// Later ones, of which nobody heard.
    asked: BTreeMap<(usize, u64), (u32, u64)>,
    highest: u32,
    acknowledged: u64,
}

impl Known {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        match words[0] {
            "asked" if words.len() == 5 => {
                let asked = (number(3) as u32, number(4));
                self.asked.insert((number(1) as usize, number(2)), asked);
            }
            "durable" if words.len() == 3 => {
                let part = number(1) as usize;
                let later = self.asked.split_off(&(part, number(2) + 1));
                let other = self.asked.split_off(&(part, 0));
                for (do_id, version) in other.into_values() {
                    self.durable.insert(do_id, version);
                    self.highest = self.highest.max(do_id);
                    self.acknowledged += 1;
                }
                self.asked.extend(later);
            }
            // What the test harness says.
            _ => {}
        }
    }

    /// Opens what is left, and takes it for what is durable from now on.
    fn check(&mut self, directory: &Path) {
        let files = Files::open(directory, Access::Serve).unwrap();
        let (store, report) = Together::open(files, &options()).unwrap();
        assert!(self.highest == 0 || report.next_do_id.0 > self.highest, "{report:?}");
        let mut ids: Vec<u32> = self.durable.keys().copied().collect();
        ids.extend(self.asked.values().map(|(do_id, _)| *do_id));
        ids.extend(store.parts.iter().flat_map(Part::ids).map(|do_id| do_id.0));
        ids.sort_unstable();
        ids.dedup();
        for do_id in ids {
            let is = version_of(&store.parts[do_id as usize % PARTS], do_id).unwrap_or(0);
            let must = self.durable.get(&do_id).copied().unwrap_or(0);
            let may = self.asked.values().any(|asked| *asked == (do_id, is));
            assert!(is == must || may, "object {do_id} is of version {is}, not {must}");
            self.durable.insert(do_id, is);
            self.highest = if is > 0 { self.highest.max(do_id) } else { self.highest };
        }
        self.asked.clear();
    }
}

fn child(directory: &Path, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "serves_until_it_is_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn what_was_durable_is_there_after_a_kill() {
    let kills: u64 = std::env::var("FERRIS_KILLS").map_or(10, |kills| kills.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let mut known = Known::default();
    let mut chance = Chance(7);
    for seed in 0..kills {
        let mut child = child(directory.path(), seed);
        let out = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || out.lines().map_while(Result::ok).collect());
        std::thread::sleep(Duration::from_millis(5 + chance.below(120)));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), None, "it ended by itself: {status}");
        let lines: Vec<String> = reader.join().unwrap();
        lines.iter().for_each(|line| known.hear(line));
        known.check(directory.path());
    }
    println!("{kills} kills, {} writes acknowledged and found", known.acknowledged);
    assert!(known.acknowledged > 0, "nothing was ever acknowledged");
}

#[test]
fn a_second_process_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = child(directory.path(), 1);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("durable")));
    let refused = Files::open(directory.path(), Access::Serve);
    let pid = child.id();
    child.kill().unwrap();
    child.wait().unwrap();
    match refused {
        Err(FilesError::InUse { pid: Some(by), .. }) => assert_eq!(by, pid),
        other => panic!("{other:?}"),
    }
    Files::open(directory.path(), Access::Serve).unwrap();
}

/// A small file system that is there as long as this.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(directory.path());
        let mounted = mount.stderr(Stdio::null()).status().ok()?;
        mounted.success().then_some(SmallDisk(directory))
    }

    fn grow(&self) {
        let mut mount = Command::new("mount");
        mount.args(["-o", "remount,size=16m"]).arg(self.0.path());
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "a mount is left behind");
    }
}

/// Writes new objects from `next` on until one is refused; the ones that were not.
fn fill(store: &mut Together, next: u32, count: u32) -> (Vec<u32>, bool) {
    let mut written = Vec::new();
    for do_id in next..next + count {
        let value = value(do_id, 1);
        let part = store.part(do_id as usize % PARTS);
        part.write(DoId(do_id), ClassKey(0), &[(FieldKey(0), &value)]).unwrap();
        store.settle();
        let heard: Vec<Heard> = store.heard.drain(..).map(|(_, heard)| heard).collect();
        if heard.iter().any(|heard| matches!(heard, Heard::Refused { .. })) {
            return (written, true);
        }
        assert!(!heard.iter().any(|heard| matches!(heard, Heard::Failed(_))), "{heard:?}");
        written.push(do_id);
    }
    (written, false)
}

#[test]
fn a_full_disk() {
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: no permission to mount a small file system");
        return;
    };
    let directory = disk.0.path().join("store");
    let files = Files::open(&directory, Access::Serve).unwrap();
    let (mut store, _) = Together::open(Arc::clone(&files) as _, &options()).unwrap();
    let (mut all, was_refused) = fill(&mut store, 1, 100_000);
    assert!(was_refused && all.len() > 500, "{} objects", all.len());
    let check = |store: &Together, all: &[u32]| {
        for do_id in all {
            assert_eq!(version_of(&store.parts[*do_id as usize % PARTS], *do_id), Some(1));
        }
    };
    check(&store, &all);
    let deleted = all.split_off(all.len() / 2);
    for do_id in &deleted {
        store.part(*do_id as usize % PARTS).delete(DoId(*do_id)).unwrap();
        store.settle();
    }
    assert!(store.heard.drain(..).all(|(_, heard)| matches!(heard, Heard::Durable(_))));
    // What was deleted is compacted away, so there is room for new objects.
    let next = all[all.len() - 1] + 100_000;
    let (some, _) = fill(&mut store, next, 100);
    assert_eq!(some.len(), 100, "there is room again");
    all.extend(some);
    let (more, was_refused) = fill(&mut store, next + 1000, 100_000);
    assert!(was_refused);
    all.extend(more);
    disk.grow();
    store.settle();
    let (more, was_refused) = fill(&mut store, next + 200_000, 1000);
    assert!(!was_refused && more.len() == 1000);
    all.extend(more);
    check(&store, &all);
    drop((store, files));
    let files = Files::open(&directory, Access::Serve).unwrap();
    let (store, report) = Together::open(files, &options()).unwrap();
    assert_eq!(report.objects, all.len() as u64);
    check(&store, &all);
}
