//! The program as a process: killed when its value goes, its log shown when a test fails.

use super::{CEILING, wait_for};
use rustix::process::{Pid, Signal};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use tempfile::TempDir;

/// What stands in `park.dc` beside the configuration.
pub const CLASSES: &str = "dclass DistributedLantern {
    setLight(uint8 light) required broadcast airecv;
};
dclass DistributedGate {
    knock(string words) clsend;
};";

/// Runs the program to its end: its code, and what it said on standard error.
#[track_caller]
pub fn ends(arguments: &[&str]) -> (Option<i32>, String) {
    let mut process = Process::spawn(tempfile::tempdir().unwrap(), arguments);
    let status = process.wait();
    (status.code(), process.log())
}

/// A daemon that serves.
pub struct Daemon {
    /// Where its Message Director listens, as the banner says.
    pub md: SocketAddr,
    /// Where clients connect, if they may.
    pub clients: Option<SocketAddr>,
    web: Option<SocketAddr>,
    process: Process,
}

impl Daemon {
    /// Starts a daemon on `config` and waits until it serves.
    #[track_caller]
    pub fn start(config: &str) -> Daemon {
        Daemon::start_in(tempfile::tempdir().unwrap(), config)
    }

    /// Starts a daemon on `config` in a folder that has files for it.
    #[track_caller]
    pub fn start_in(folder: TempDir, config: &str) -> Daemon {
        let file = folder.path().join("park.yml");
        fs::write(&file, config).unwrap();
        fs::write(folder.path().join("park.dc"), CLASSES).unwrap();
        let mut process = Process::spawn(folder, &["run", file.to_str().unwrap()]);
        let banner = read_banner(&lines(process.child.stdout.take().unwrap()));
        let md = told(&banner, "message director").unwrap().parse().unwrap();
        let web = told(&banner, "web").map(|pages| {
            pages.strip_prefix("http://").unwrap().split_once('/').unwrap().0.parse().unwrap()
        });
        let clients = told(&banner, "client agent");
        let clients = clients.map(|gate| gate.split(',').next().unwrap().parse().unwrap());
        Daemon { md, clients, web, process }
    }

    /// Its folder, which goes with it.
    pub fn folder(&self) -> &Path {
        self.process.folder.path()
    }

    /// What it has said on standard error.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// SIGTERM, and how it ends.
    #[track_caller]
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.process.wait()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.process.child.kill().unwrap();
        self.process.child.wait().unwrap();
    }

    /// A web page: its status and its body.
    pub fn page(&self, path: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(self.web.expect("it has web pages")).unwrap();
        socket.set_read_timeout(Some(CEILING)).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        (status, text.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    /// What `/metrics` says of the whole daemon under `name`.
    #[track_caller]
    pub fn metric(&self, name: &str) -> u64 {
        let (_, page) = self.page("/metrics");
        let value = |line: &str| {
            let value = line.strip_prefix(name)?.trim_start_matches("{}").strip_prefix(' ')?;
            value.parse().ok()
        };
        page.lines().find_map(value).unwrap_or_else(|| panic!("no {name} in:\n{page}"))
    }

    /// Waits until a metric is `value`.
    #[track_caller]
    pub fn await_metric(&self, name: &str, value: u64) {
        wait_for(name, || (self.metric(name) == value).then_some(()));
    }
}

/// A process and its folder.
struct Process {
    child: Child,
    folder: TempDir,
}

impl Process {
    fn spawn(folder: TempDir, arguments: &[&str]) -> Process {
        let log = File::create(log_of(&folder)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_ferriswheel"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        Process { child, folder }
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        wait_for("the end of a process", || self.child.try_wait().unwrap())
    }

    fn log(&self) -> String {
        fs::read_to_string(log_of(&self.folder)).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            eprintln!("--- a daemon said:\n{}", self.log());
        }
    }
}

fn log_of(folder: &TempDir) -> PathBuf {
    folder.path().join("log")
}

/// Reads on for as long as the process writes, so that it is never held up.
fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (read, lines) = channel();
    let forward = move || {
        // Once the banner is read nobody listens any more.
        BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| drop(read.send(line)));
    };
    thread::spawn(forward);
    lines
}

#[track_caller]
fn read_banner(lines: &Receiver<String>) -> Vec<String> {
    let mut banner = Vec::new();
    while !banner.iter().any(|line: &String| line.contains("SIGTERM")) {
        banner.push(lines.recv_timeout(CEILING).expect("it serves and says so"));
    }
    banner
}

/// What the banner says under `name`.
fn told<'a>(banner: &'a [String], name: &str) -> Option<&'a str> {
    banner.iter().find_map(|line| Some(line.trim_start().strip_prefix(name)?.trim()))
}
