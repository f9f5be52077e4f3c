//! Where the stores lie: the folder, its file system, and what a store takes of it. And where those
//! run who use them.

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The folder `target` that this program was built into, where a temporary folder is on the same
/// disk as the sources; `/tmp` may be memory.
pub fn default_folder() -> PathBuf {
    let own = std::env::current_exe().ok();
    let target = own.as_deref().and_then(|path| path.ancestors().nth(2));
    target.filter(|path| path.is_dir()).map_or_else(std::env::temp_dir, Path::to_owned)
}

/// The type of the file system below a folder, as the kernel names it.
pub fn file_system(folder: &Path) -> Result<String> {
    let device = fs::metadata(folder).with_context(|| folder.display().to_string())?.dev();
    let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let of_device = mounts.lines().find(|line| line.split(' ').nth(2) == Some(&number));
    let name = of_device.and_then(|line| line.split(" - ").nth(1)?.split(' ').next());
    Ok(name.unwrap_or("unknown").to_owned())
}

/// Bytes that the files below a folder take on the disk.
pub fn disk_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // A background thread may have removed it in between.
        let Ok(data) = fs::symlink_metadata(&path) else { continue };
        bytes += if data.is_dir() { disk_bytes(&path)? } else { data.blocks() * 512 };
    }
    Ok(bytes)
}

/// While this is there, the thread that made it stays on a core, as a shard does.
pub struct Pinned {
    before: CpuSet,
}

impl Pinned {
    pub fn to(core: usize) -> Result<Pinned> {
        let before = sched_getaffinity(None).context("on which cores this thread may run")?;
        let mut only = CpuSet::new();
        only.set(core);
        sched_setaffinity(None, &only).context("to stay on a core")?;
        Ok(Pinned { before })
    }
}

/// The first of these cores that this thread may run on, or else the first of all.
pub fn core_among(cores: &[usize]) -> Result<usize> {
    let allowed = sched_getaffinity(None).context("on which cores this thread may run")?;
    let mut all = cores.iter().copied().chain(0..CpuSet::MAX_CPU);
    all.find(|core| allowed.is_set(*core)).context("this thread may run on no core")
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Err(why) = sched_setaffinity(None, &self.before) {
            eprintln!("a thread stays on its core: {why}");
        }
    }
}
