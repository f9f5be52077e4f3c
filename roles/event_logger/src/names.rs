//! What the files of an Event Logger are called, and which of them is opened.
//!
//! The first name is the one of the pattern; `-1`, `-2` and so on tell others of the same time apart.
//! A file that is there is left for the next name if it is full, if another process writes to it, or
//! if its last line is torn: what follows a torn line could be read as a part of it. A pipe, a character
//! device or a stream of the process (`/dev/stdout`) is written to as it is.

use crate::config::{Config, Pattern};
use jiff::Zoned;
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Files of one time.
const SAME_MAX: u32 = 10_000;

/// Gives files their names.
pub struct Names {
    folder: PathBuf,
    output: Pattern,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct OpenError {
    /// Which.
    pub path: PathBuf,
    /// What the system said.
    pub error: io::Error,
}

impl Names {
    /// For the files of `config`.
    pub fn new(config: &Config) -> Names {
        Names { folder: config.folder.clone(), output: config.output.clone() }
    }

    /// The first file that can take more and has less than `bytes_max`, or a new one.
    pub fn open(&self, now: &Zoned, bytes_max: u64) -> Result<(File, PathBuf), OpenError> {
        self.first(now, |path| match create(path)? {
            Some(file) => Ok(Some(file)),
            None => go_on(path, bytes_max),
        })
    }

    /// A new file.
    pub fn create(&self, now: &Zoned) -> Result<(File, PathBuf), OpenError> {
        self.first(now, create)
    }

    /// The first file that `open` has.
    fn first(
        &self,
        now: &Zoned,
        open: impl Fn(&Path) -> io::Result<Option<File>>,
    ) -> Result<(File, PathBuf), OpenError> {
        let first = self.folder.join(self.output.at(now));
        for at in 0..SAME_MAX {
            let path = numbered(&first, at);
            match open(&path) {
                Ok(Some(file)) => return Ok((file, path)),
                Ok(None) => (),
                Err(error) => return Err(OpenError { path, error }),
            }
        }
        Err(OpenError { path: first, error: io::ErrorKind::AlreadyExists.into() })
    }
}

/// `events-3.csv` of `events.csv`.
fn numbered(path: &Path, at: u32) -> PathBuf {
    if at == 0 {
        return path.to_path_buf();
    }
    let mut name = OsString::from(path.file_stem().unwrap_or_default());
    name.push(format!("-{at}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// A new file, its folders with it. `None`: there is one of this name.
fn create(path: &Path) -> io::Result<Option<File>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().append(true).create_new(true).open(path) {
        Ok(file) => lock(file),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file that is there. `None`: it takes no more.
fn go_on(path: &Path, bytes_max: u64) -> io::Result<Option<File>> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_char_device() || kind.is_fifo() || kind.is_file() && is_stream(path) {
        return open_stream(path).map(Some);
    }
    if !kind.is_file() {
        let what = if kind.is_dir() {
            "it is a folder"
        } else if kind.is_socket() {
            "it is a socket, which cannot be opened; a pipe, a terminal or a file can"
        } else {
            "it is neither a file, a pipe nor a character device"
        };
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    let mut file = OpenOptions::new().read(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    if length >= bytes_max || !ends_a_line(&mut file, length)? {
        return Ok(None);
    }
    lock(file)
}

/// Whether a path stands for what a process has open already, whatever that is: it is somebody else's,
/// and there is no other of this name.
pub fn is_stream(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder == Path::new("/dev/fd"))
        || ["/dev/stdout", "/dev/stderr"].iter().any(|stream| path == Path::new(stream))
        || path.starts_with("/proc")
}

/// What is written to as it is. A pipe that nobody reads is no place for events: it is not waited for.
/// Nor does a write wait, since who waits in one hears no order.
fn open_stream(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().append(true).custom_flags(flags).open(path);
    file.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::NXIO) => io::Error::new(error.kind(), "nobody reads it"),
        _ => error,
    })
}

fn ends_a_line(file: &mut File, length: u64) -> io::Result<bool> {
    let mut last = [b'\n'];
    if length > 0 {
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
    }
    Ok(last == [b'\n'])
}

/// Keeps others of our kind out. Not all file systems can, and then nobody does.
fn lock(file: File) -> io::Result<Option<File>> {
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(None),
        Ok(()) | Err(_) => Ok(Some(file)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        assert_eq!(numbered(Path::new(path), 0), Path::new(path));
        assert_eq!(numbered(Path::new(path), 1), Path::new(expected));
    }

    #[test]
    fn numbers_tell_equal_names_apart() {
        check("/srv/events.csv", "/srv/events-1.csv");
        check("/srv/events", "/srv/events-1");
        check("/srv/.events", "/srv/.events-1");
        check("/a.b/2026.11.26.log", "/a.b/2026.11.26-1.log");
    }
}
