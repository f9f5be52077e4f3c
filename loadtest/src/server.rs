//! What the server's process uses, from `/proc`.

use anyhow::{Context, Result};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

/// Between two looks at memory that is to settle.
const SETTLE_STEP: Duration = Duration::from_millis(100);
/// Looks at memory that does not settle.
const SETTLE_LOOKS_MAX: u32 = 50;

/// A process on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerProcess {
    /// Its number.
    pub pid: u32,
}

impl ServerProcess {
    fn path(self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.pid))
    }

    /// CPU time of all its threads so far, in ns. Threads that have ended are not in it.
    pub fn cpu_ns(self) -> Result<u64> {
        let tasks = fs::read_dir(self.path("task")).with_context(|| format!("pid {}", self.pid))?;
        let mut sum = 0;
        for task in tasks {
            let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            sum += text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(sum)
    }

    /// Its resident memory, in bytes.
    pub(crate) fn rss(self) -> Result<u64> {
        let path = self.path("smaps_rollup");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kib.with_context(|| format!("no Rss in {}", path.display()))? * 1024)
    }

    /// Its resident memory once that no longer changes, or after five seconds.
    pub fn settled_rss(self) -> Result<u64> {
        let mut last = self.rss()?;
        for _ in 0..SETTLE_LOOKS_MAX {
            sleep(SETTLE_STEP);
            let now = self.rss()?;
            if now == last {
                break;
            }
            last = now;
        }
        Ok(last)
    }
}

/// The process that listens at the port of this address, as far as `/proc` shows it.
pub fn listener_at(addr: SocketAddr) -> Option<u32> {
    let sockets = listening_at(addr);
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let holds = |pid: &u32| {
        let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        let mut links = open.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
        links.any(|link| sockets.iter().any(|socket| link.to_str() == Some(socket)))
    };
    if sockets.is_empty() { None } else { { pids }.find(holds) }
}

/// The sockets that listen there, as descriptors name them.
fn listening_at(addr: SocketAddr) -> Vec<String> {
    const LISTEN: &str = "0A";
    let port = format!("{:04X}", addr.port());
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string).into_iter().flatten();
    let mut found = Vec::new();
    for table in tables {
        for line in table.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, state, _, _, _, _, _, inode, ..] = words[..] else { continue };
            if state == LISTEN && local.ends_with(&format!(":{port}")) {
                found.push(format!("socket:[{inode}]"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_time_and_memory() {
        let ourselves = ServerProcess { pid: std::process::id() };
        assert!(ourselves.rss().unwrap() > 100_000);
        let first = ourselves.cpu_ns().unwrap();
        while ourselves.cpu_ns().unwrap() == first {}
        assert!(ServerProcess { pid: u32::MAX }.cpu_ns().is_err());
    }

    #[test]
    fn who_listens_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        assert_eq!(listener_at(addr), Some(std::process::id()));
        drop(listener);
        assert_eq!(listener_at(addr), None);
    }
}
