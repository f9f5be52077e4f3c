//! The directory of a store: whether it is one, whose it is, and its names.

use crate::disk::DiskError;
use crate::ids::SegmentId;
use crate::segment::FORMAT;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The file that says what a directory is.
pub const MARKER: &str = "ferriswheel.store";
const MARKER_TEXT: &str = "ferriswheel object store, format ";
/// The file on which a server holds a lock.
pub const LOCK: &str = "LOCK";
/// How long somebody else may hold it before the directory is in use, and how often to look.
const LOCKED_WITHIN: Duration = Duration::from_millis(200);
const LOCK_AGAIN: Duration = Duration::from_millis(5);
const DAMAGED: &str = "damaged";
/// What may lie in a directory that is to become a store: what a first start leaves that was
/// interrupted, and what a file system has of itself.
const HARMLESS: [&str; 3] = [LOCK, "ferriswheel.store.new", "lost+found"];

/// What is to be done with a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Serve from it, or repair it: nobody else may at the same time.
    Serve,
    /// Look at it, also while a server has it.
    ReadOnly,
}

/// Why a directory is not opened. Nothing in it was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FilesError {
    /// There is no such directory.
    #[error("`{}` does not exist", .0.display())]
    Missing(PathBuf),
    /// It is a file.
    #[error("`{}` is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// It holds something else.
    #[error(
        "`{}` is not empty and is not an object store (it has no valid file `{MARKER}`); \
         choose another directory",
        .0.display()
    )]
    Foreign(PathBuf),
    /// It was written by a newer version.
    #[error(
        "`{}` is of format {format}, this version reads format {FORMAT}; use a newer one",
        path.display()
    )]
    Newer {
        /// Which directory.
        path: PathBuf,
        /// Its format.
        format: u64,
    },
    /// Another process has it.
    #[error("`{}` is in use by another process{}", path.display(), shown(*pid))]
    InUse {
        /// Which directory.
        path: PathBuf,
        /// Which process, if it says so.
        pid: Option<u32>,
    },
    /// This user may not.
    #[error("no permission for `{}`", .0.display())]
    NoPermission(PathBuf),
    /// Anything else.
    #[error("`{}`: {why}", path.display())]
    Failed {
        /// What was tried.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
}

fn shown(pid: Option<u32>) -> String {
    pid.map_or(String::new(), |pid| format!(" (process {pid})"))
}

/// An opened directory.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    handle: File,
    /// Held as long as the store is served.
    lock: Option<File>,
}

impl Directory {
    pub fn open(path: &Path, access: Access) -> Result<Directory, FilesError> {
        let refused = |why| FilesError::of(path, why);
        if access == Access::Serve && !path.exists() {
            make_directories(path).map_err(refused)?;
        }
        if !path.metadata().map_err(refused)?.is_dir() {
            return Err(FilesError::NotADirectory(path.into()));
        }
        let handle = File::open(path).map_err(refused)?;
        let mut directory = Directory { path: path.into(), handle, lock: None };
        let marked = directory.check_marker()?;
        match access {
            Access::Serve => {
                directory.lock()?;
                if !marked {
                    directory.write_marker().map_err(refused)?;
                }
                directory.remove_unfinished().map_err(refused)?;
            }
            Access::ReadOnly if !marked => return Err(FilesError::Foreign(path.into())),
            Access::ReadOnly => {}
        }
        Ok(directory)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn is_writable(&self) -> bool {
        self.lock.is_some()
    }

    pub fn check_writable(&self, what: &str) -> Result<(), DiskError> {
        match self.is_writable() {
            true => Ok(()),
            false => Err(DiskError::Failed {
                what: what.into(),
                why: "the store was opened for reading only".into(),
            }),
        }
    }

    /// Makes durable which names there are.
    pub fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }

    /// All segments, ascending.
    pub fn segments(&self) -> io::Result<Vec<SegmentId>> {
        let names = self.names()?;
        let mut segments: Vec<SegmentId> =
            names.iter().filter_map(|name| segment_of(name.strip_suffix(".segment")?)).collect();
        segments.sort_unstable();
        Ok(segments)
    }

    pub fn set_aside(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let aside = self.path.join(DAMAGED);
        make_directories(&aside)?;
        write_durably(&aside.join(name), bytes)?;
        File::open(&aside)?.sync_all()?;
        self.sync()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.path)?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    /// Whether it is a store already; if not, it is empty.
    fn check_marker(&self) -> Result<bool, FilesError> {
        let foreign = || FilesError::Foreign(self.path.clone());
        let text = match std::fs::read(self.path.join(MARKER)) {
            Ok(text) => text,
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                let names = self.names().map_err(|why| FilesError::of(&self.path, why))?;
                let empty = names.iter().all(|name| HARMLESS.contains(&name.as_str()));
                return empty.then_some(false).ok_or_else(foreign);
            }
            Err(why) => return Err(FilesError::of(&self.path, why)),
        };
        let text = std::str::from_utf8(&text).map_err(|_| foreign())?;
        let format = text.strip_prefix(MARKER_TEXT).and_then(|rest| rest.trim_end().parse().ok());
        match format.ok_or_else(foreign)? {
            format if format == u64::from(FORMAT) => Ok(true),
            format => Err(FilesError::Newer { path: self.path.clone(), format }),
        }
    }

    fn lock(&mut self) -> Result<(), FilesError> {
        let path = self.path.join(LOCK);
        let opened =
            File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(|why| FilesError::of(&self.path, why))?;
        match lock_patiently(&file) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let said = std::fs::read_to_string(&path).ok();
                let pid = said.and_then(|said| said.trim().parse().ok());
                return Err(FilesError::InUse { path: self.path.clone(), pid });
            }
            Err(why) => return Err(FilesError::of(&path, why.into())),
        }
        let said = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        said.map_err(|why| FilesError::of(&path, why))?;
        self.lock = Some(file);
        Ok(())
    }

    fn write_marker(&self) -> io::Result<()> {
        let new = self.path.join(format!("{MARKER}.new"));
        write_durably(&new, format!("{MARKER_TEXT}{FORMAT}\n").as_bytes())?;
        std::fs::rename(&new, self.path.join(MARKER))?;
        self.sync()
    }

    /// Segments that were being made when the last server ended, and those that it kept to make
    /// others of.
    fn remove_unfinished(&self) -> io::Result<()> {
        for name in self.names()? {
            let suffixes = [".segment.new", ".segment.spare"];
            let segment = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
            if segment.and_then(segment_of).is_some() {
                std::fs::remove_file(self.path.join(name))?;
            }
        }
        Ok(())
    }
}

/// Makes a directory and those above it that are missing, each durable in the one above it.
fn make_directories(path: &Path) -> io::Result<()> {
    let above = match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return Ok(()),
    };
    if path.is_dir() {
        return Ok(());
    }
    make_directories(above)?;
    match std::fs::create_dir(path) {
        // Somebody else was quicker, or it is a file, which is said later.
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => return Err(why),
        Ok(()) | Err(_) => {}
    }
    File::open(above)?.sync_all()
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The segment whose file has this name, without its ending.
fn segment_of(name: &str) -> Option<SegmentId> {
    let plain = name.len() >= 8 && name.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| name.parse().ok().map(SegmentId)).flatten()
}

/// Whoever looks whether a store is in use holds its lock for a moment.
fn lock_patiently(file: &File) -> Result<(), Errno> {
    let until = Instant::now() + LOCKED_WITHIN;
    loop {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if Instant::now() < until => std::thread::sleep(LOCK_AGAIN),
            done => return done,
        }
    }
}

impl FilesError {
    /// What the system said of a directory.
    pub(super) fn of(path: &Path, why: io::Error) -> FilesError {
        let path = path.to_path_buf();
        match Errno::from_io_error(&why) {
            Some(Errno::NOENT) => FilesError::Missing(path),
            Some(Errno::NOTDIR) => FilesError::NotADirectory(path),
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => FilesError::NoPermission(path),
            Some(_) | None => FilesError::Failed { path, why: why.to_string() },
        }
    }
}
