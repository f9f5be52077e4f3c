#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use super::*;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

/// A folder with files, and a clock.
struct Desk {
    folder: TempDir,
    config: Config,
    counts: Arc<Counts>,
    orders: Arc<Orders>,
    now: Zoned,
}

impl Desk {
    /// It is ten minutes before midnight.
    fn new(output: &str) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            bind: ([127, 0, 0, 1], 0).into(),
            folder: folder.path().into(),
            output: output.parse().unwrap(),
            rotate_interval: None,
            rotate_bytes: None,
        };
        let now = "2026-11-26T23:50:00+00:00[UTC]".parse().unwrap();
        let orders = Arc::new(Orders::new().unwrap());
        Desk { folder, config, counts: Arc::default(), orders, now }
    }

    fn open(&self) -> LogFile {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<LogFile, OpenError> {
        let (counts, orders) = (Arc::clone(&self.counts), Arc::clone(&self.orders));
        LogFile::open(&self.config, counts, orders, &self.now)
    }

    /// A pipe in the place of the file, and an end of it to read from.
    fn pipe(&self) -> File {
        let path = self.folder.path().join("events.csv");
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        fs::OpenOptions::new().read(true).write(true).open(path).unwrap()
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Each file with its lines, without the time of ours.
    fn files(&self) -> Vec<(String, Vec<String>)> {
        let mut files: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| {
                let text = fs::read_to_string(entry.path()).unwrap();
                let lines = text.lines().map(|line| match line.split_once(",EventLogger,") {
                    Some((_, own)) => own.to_owned(),
                    None => line.to_owned(),
                });
                (entry.file_name().into_string().unwrap(), lines.collect())
            })
            .collect();
        files.sort();
        files
    }

    #[track_caller]
    fn check(&self, expected: &[(&str, &[&str])]) {
        let files = self.files();
        let files: Vec<(&str, Vec<&str>)> = files
            .iter()
            .map(|(name, lines)| (&name[..], lines.iter().map(String::as_str).collect()))
            .collect();
        let expected: Vec<(&str, Vec<&str>)> =
            expected.iter().map(|(name, lines)| (*name, lines.to_vec())).collect();
        assert_eq!(files, expected);
    }
}

/// As `/dev/stdout` is where somebody reads what the daemon says.
#[test]
fn a_pipe_is_written_to_as_it_is() {
    let desk = Desk::new("events.csv");
    drop(desk.pipe());
    let refused = desk.try_open();
    assert!(refused.err().unwrap().to_string().ends_with("nobody reads it"));
    fs::remove_file(desk.folder.path().join("events.csv")).unwrap();
    let reader = desk.pipe();
    let mut log = desk.open();
    log.write(&desk.now, b"a\n", 1);
    log.rotate(&desk.now);
    log.write(&desk.now, b"b\n", 1);
    let mut lines = io::BufRead::lines(io::BufReader::new(reader));
    assert!(lines.next().unwrap().unwrap().ends_with(OPENED));
    assert_eq!([(); 2].map(|()| lines.next().unwrap().unwrap()), ["a", "b"]);
    assert_eq!(desk.files(), [], "nothing takes its place");
}

#[test]
fn lines_are_whole_where_a_pipe_takes_them_in_parts() {
    let desk = Desk::new("events.csv");
    let reader = desk.pipe();
    let batch: String =
        (0..20_000).map(|number| format!("{number},{}\n", "x".repeat(30))).collect();
    let expected: Vec<String> = batch.lines().map(str::to_owned).collect();
    let lines = std::thread::spawn(move || {
        let lines = io::BufRead::lines(io::BufReader::new(reader));
        lines.skip(1).take(20_000).map(|line| line.unwrap()).collect::<Vec<String>>()
    });
    desk.open().write(&desk.now, batch.as_bytes(), 20_000);
    assert_eq!((desk.counts.written.get(), desk.counts.lost.get()), (20_000, 0));
    assert_eq!(lines.join().unwrap(), expected);
}

#[test]
fn a_pipe_that_is_full_is_given_up_when_it_is_to_stop() {
    let desk = Desk::new("events.csv");
    let mut reader = desk.pipe();
    let mut log = desk.open();
    desk.orders.stop();
    let line = "x".repeat(9_999) + "\n";
    let batch = line.repeat(100);
    log.write(&desk.now, batch.as_bytes(), 100);
    let Counts { written, lost, bytes, .. } = &*desk.counts;
    assert!(bytes.get() > 4096, "a part of it is written");
    let begun = 100 - written.get() - lost.get();
    assert!(begun <= 1, "{begun} lines are begun");
    // What has begun is ended, should there be room after all.
    let mut text = vec![0; bytes.get() as usize];
    io::Read::read_exact(&mut reader, &mut text).unwrap();
    log.write(&desk.now, b"a\n", 1);
    let mut more = vec![0; bytes.get() as usize - text.len()];
    io::Read::read_exact(&mut reader, &mut more).unwrap();
    text.extend(more);
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<&str> = text.lines().skip(1).collect();
    let [whole @ .., told, last] = &lines[..] else { panic!("lines: {}", lines.len()) };
    assert!(whole.iter().all(|shown| *shown == line.trim()));
    assert!(told.ends_with(&format!(",events-lost,{}", lost.get())), "{told}");
    assert_eq!((*last, written.get() + lost.get()), ("a", 101));
    assert_eq!(whole.len() as u64 + 1, written.get());
}

#[test]
fn what_is_no_place_for_events_is_said() {
    let desk = Desk::new("events.csv");
    let path = desk.folder.path().join("events.csv");
    fs::create_dir(&path).unwrap();
    let why = |desk: &Desk| {
        let refused = desk.try_open();
        refused.err().unwrap().to_string()
    };
    assert!(why(&desk).ends_with("it is a folder"));
    fs::remove_dir(&path).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert!(why(&desk).contains("it is a socket"));
}

const OPENED: &str = "log-opened,Log opened.";

#[test]
fn what_is_there_stays_and_lines_go_behind_it() {
    let desk = Desk::new("events.csv");
    desk.put("events.csv", "old\n");
    let mut log = desk.open();
    log.write(&desk.now, b"a\nb\n", 2);
    desk.check(&[("events.csv", &["old", OPENED, "a", "b"])]);
    drop(log);
    desk.open().write(&desk.now, b"c\n", 1);
    desk.check(&[("events.csv", &["old", OPENED, "a", "b", OPENED, "c"])]);
    assert_eq!((desk.counts.written.get(), desk.counts.rotations.get()), (3, 0));
    let bytes = fs::metadata(desk.folder.path().join("events.csv")).unwrap().len();
    assert_eq!(desk.counts.bytes.get(), bytes - 4);
}

#[test]
fn the_first_line_is_of_the_kind_that_the_name_says() {
    let desk = Desk::new("events.log");
    desk.open();
    let [(_, lines)] = &desk.files()[..] else { panic!("one file") };
    let expected = r#"{"_time":"2026-11-26 23:50:00+0000","type":"log-opened","sender":"EventLogger","msg":"Log opened."}"#;
    assert_eq!(lines, &[expected]);
}

#[test]
fn a_file_that_cannot_go_on_is_left_as_it_is() {
    let mut desk = Desk::new("events.csv");
    desk.config.rotate_bytes = Some(100);
    let full = "x".repeat(99) + "\n";
    desk.put("events.csv", &full);
    desk.put("events-1.csv", "whole\n2026-11-26T23:49:59.999Z,\"torn");
    let _other = desk.open();
    desk.check(&[
        ("events-1.csv", &["whole", "2026-11-26T23:49:59.999Z,\"torn"]),
        ("events-2.csv", &[OPENED]),
        ("events.csv", &[full.trim()]),
    ]);
    // What another writes to is not for us.
    let _log = desk.open();
    let names: Vec<String> = desk.files().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["events-1.csv", "events-2.csv", "events-3.csv", "events.csv"]);
}

#[test]
fn a_file_ends_with_its_day() {
    let mut desk = Desk::new("%Y-%m-%d.csv");
    desk.config.rotate_interval = Some(Duration::from_secs(86_400));
    let mut log = desk.open();
    for line in ["a\n", "b\n", "c\n", "d\n"] {
        log.write(&desk.now, line.as_bytes(), 1);
        desk.now += SignedDuration::from_mins(6);
    }
    desk.check(&[("2026-11-26.csv", &[OPENED, "a", "b"]), ("2026-11-27.csv", &[OPENED, "c", "d"])]);
    // A day without events has no file.
    desk.now += SignedDuration::from_hours(48);
    log.write(&desk.now, b"", 0);
    assert_eq!(desk.files().len(), 2);
    log.write(&desk.now, b"e\n", 1);
    assert_eq!(desk.files().last().unwrap().0, "2026-11-29.csv");
    assert_eq!(desk.counts.rotations.get(), 2);
}

#[test]
fn a_name_that_is_taken_gets_a_number() {
    let mut desk = Desk::new("events.csv");
    desk.put("events-1.csv", "whole\n");
    desk.config.rotate_interval = Some(Duration::from_secs(3600));
    let mut log = desk.open();
    for line in ["a\n", "b\n", "c\n"] {
        log.write(&desk.now, line.as_bytes(), 1);
        desk.now += SignedDuration::from_hours(1);
    }
    desk.check(&[
        ("events-1.csv", &["whole"]),
        ("events-2.csv", &[OPENED, "b"]),
        ("events-3.csv", &[OPENED, "c"]),
        ("events.csv", &[OPENED, "a"]),
    ]);
}

#[test]
fn a_file_grows_no_longer_than_it_may() {
    let mut desk = Desk::new("events.csv");
    desk.config.rotate_bytes = Some(200);
    let mut log = desk.open();
    let line = "x".repeat(29) + "\n";
    (0..40).for_each(|_| log.write(&desk.now, line.as_bytes(), 1));
    let files = desk.files();
    assert_eq!(files.iter().map(|(_, lines)| lines.len() - 1).sum::<usize>(), 40);
    assert!(files.len() >= 8, "{}", files.len());
    for (name, lines) in files {
        let bytes = fs::metadata(desk.folder.path().join(name)).unwrap().len();
        assert!((100..=200).contains(&bytes) || lines.len() <= 5, "{bytes} bytes: {lines:?}");
    }
    // What is too long for any file stands in one of its own.
    log.write(&desk.now, ("y".repeat(300) + "\n").as_bytes(), 1);
    log.write(&desk.now, b"z\n", 1);
    let all = desk.files();
    let long: Vec<_> = all.iter().filter(|(_, lines)| lines[1].starts_with('y')).collect();
    assert!(long.len() == 1 && long[0].1.len() == 2, "{long:?}");
}

#[test]
fn a_new_file_can_be_asked_for() {
    let desk = Desk::new("events.csv");
    let mut log = desk.open();
    log.write(&desk.now, b"a\n", 1);
    // As logrotate does it: the old one is moved away, and then a new one is asked for.
    fs::rename(desk.folder.path().join("events.csv"), desk.folder.path().join("events.csv.1"))
        .unwrap();
    log.write(&desk.now, b"b\n", 1);
    log.rotate(&desk.now);
    log.write(&desk.now, b"c\n", 1);
    log.rotate(&desk.now);
    desk.check(&[
        ("events-1.csv", &[OPENED]),
        ("events.csv", &[OPENED, "c"]),
        ("events.csv.1", &[OPENED, "a", "b"]),
    ]);
    assert_eq!(desk.counts.rotations.get(), 2);
}

#[test]
fn a_deleted_file_is_begun_again() {
    let desk = Desk::new("log/events.csv");
    let mut log = desk.open();
    fs::remove_dir_all(desk.folder.path().join("log")).unwrap();
    log.write(&desk.now, b"a\n", 1);
    let text = fs::read_to_string(desk.folder.path().join("log/events.csv")).unwrap();
    assert!(text.ends_with(&format!("{OPENED}\r\na\n")), "{text}");
}

#[test]
fn without_a_new_file_the_old_one_goes_on() {
    let mut desk = Desk::new("%Y/%m/%d/events.csv");
    desk.config.rotate_interval = Some(Duration::from_secs(86_400));
    let mut log = desk.open();
    let old = log.path().to_owned();
    let blocked = desk.folder.path().join("2026/11/27");
    fs::write(&blocked, "no folder").unwrap();
    desk.now += SignedDuration::from_hours(1);
    log.write(&desk.now, b"a\n", 1);
    log.write(&desk.now, b"b\n", 1);
    assert!(fs::read_to_string(&old).unwrap().ends_with("a\nb\n"));
    assert_eq!(desk.counts.rotations.get(), 0);
    fs::remove_file(blocked).unwrap();
    desk.now += SignedDuration::from_secs(1);
    log.write(&desk.now, b"c\n", 1);
    assert!(fs::read_to_string(&old).unwrap().ends_with("a\nb\n"));
    assert!(fs::read_to_string(log.path()).unwrap().ends_with("c\n"));
    assert_eq!((desk.counts.written.get(), desk.counts.lost.get()), (3, 0));
}

#[test]
fn what_is_no_file_is_refused_and_a_device_is_not() {
    let mut desk = Desk::new("folder");
    fs::create_dir(desk.folder.path().join("folder")).unwrap();
    let refused = desk.try_open();
    assert!(refused.is_err_and(|why| why.path.ends_with("folder")));
    desk.config.output = "/dev/null".parse().unwrap();
    let mut log = desk.open();
    log.rotate(&desk.now);
    log.write(&desk.now, b"a\n", 1);
    log.sync();
    assert_eq!((desk.counts.written.get(), desk.counts.rotations.get()), (1, 0));
}

#[test]
fn what_cannot_be_written_is_lost_and_counted() {
    let desk = Desk::new("/dev/full");
    let mut log = desk.open();
    log.write(&desk.now, b"a\nb\n", 2);
    log.write(&desk.now, b"c\n", 1);
    let Counts { written, lost, bytes, .. } = &*desk.counts;
    assert_eq!((written.get(), lost.get(), bytes.get()), (0, 3, 0));
}

#[test]
fn losses_elsewhere_are_told_in_the_file() {
    let desk = Desk::new("events.csv");
    let mut log = desk.open();
    log.tell_lost(7);
    log.write(&desk.now, b"a\n", 1);
    log.write(&desk.now, b"b\n", 1);
    desk.check(&[("events.csv", &[OPENED, "events-lost,7", "a", "b"])]);
    assert_eq!(desk.counts.lost.get(), 0);
}

/// A file system with room for 64 KiB, which goes when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<SmallDisk> {
        let mut mount = Command::new("mount");
        let done = mount.args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(at).output();
        done.is_ok_and(|done| done.status.success()).then(|| SmallDisk(at.into()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let done = Command::new("umount").arg("--lazy").arg(&self.0).status();
        assert!(done.is_ok_and(|status| status.success()), "{} is unmounted", self.0.display());
    }
}

#[test]
fn a_full_disk_tears_no_line_and_is_told_of_when_there_is_room() {
    let desk = Desk::new("events.csv");
    let Some(_disk) = SmallDisk::mount(desk.folder.path()) else {
        eprintln!("not tried: only root can mount a small disk");
        return;
    };
    let mut log = desk.open();
    let ballast = desk.folder.path().join("ballast");
    fs::write(&ballast, vec![0; 40 << 10]).unwrap();
    let line = "x".repeat(999) + "\n";
    let batch = line.repeat(10);
    (0..5).for_each(|_| log.write(&desk.now, batch.as_bytes(), 10));
    let Counts { written, lost, .. } = &*desk.counts;
    assert_eq!(written.get() + lost.get(), 50);
    assert!(written.get() > 10 && lost.get() > 20, "{} are written", written.get());
    fs::remove_file(&ballast).unwrap();
    log.write(&desk.now, b"a\n", 1);
    let [(_, lines)] = &desk.files()[..] else { panic!("one file") };
    let told = lines.iter().filter_map(|line| line.strip_prefix("events-lost,"));
    let told: Vec<u64> = told.map(|count| count.parse().unwrap()).collect();
    assert_eq!(told.iter().sum::<u64>(), lost.get());
    let whole = lines.iter().filter(|shown| *shown == line.trim()).count();
    assert_eq!(whole as u64, written.get() - 1);
    assert_eq!(lines.len(), 1 + whole + told.len() + 1, "nothing else stands there: {lines:?}");
    assert_eq!((&lines[0][..], &lines[lines.len() - 1][..]), (OPENED, "a"));
}

/// As `/dev/stdout` is, where it is a file that others append to.
#[test]
fn nothing_is_cut_off_a_stream() {
    let mut desk = Desk::new("events.csv");
    let Some(_disk) = SmallDisk::mount(desk.folder.path()) else {
        eprintln!("not tried: only root can mount a small disk");
        return;
    };
    desk.put("ballast", &"x".repeat(40 << 10));
    let path = desk.folder.path().join("stdout");
    let stream = File::create(&path).unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&stream);
    desk.config.output = format!("/proc/self/fd/{fd}").parse().unwrap();
    let mut log = desk.open();
    let line = "x".repeat(999) + "\n";
    log.write(&desk.now, line.repeat(50).as_bytes(), 50);
    let bytes = fs::metadata(&path).unwrap().len();
    assert_eq!(bytes, desk.counts.bytes.get());
    assert!(!fs::read(&path).unwrap().ends_with(b"\n"), "a line has begun");
    fs::remove_file(desk.folder.path().join("ballast")).unwrap();
    log.write(&desk.now, b"a\n", 1);
    let text = fs::read_to_string(&path).unwrap();
    let whole = text.lines().filter(|shown| *shown == line.trim()).count() as u64;
    let Counts { written, lost, .. } = &*desk.counts;
    assert_eq!((whole + 1, written.get() + lost.get()), (written.get(), 51));
    assert_eq!(text.lines().count() as u64, 1 + whole + 2, "nothing else stands there");
    assert!(text.ends_with("\na\n"));
}
