//! The floor: a bare file whose space is reserved, a write at its end, `fdatasync`.
//!
//! Interleaved with what is measured, since the same disk syncs ten times slower in some minutes
//! than in others.

use anyhow::{Context, Result};
use rustix::fs::{FallocateFlags, fallocate, fdatasync};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Where the file begins anew, as the store's next segment does.
const FILE_BYTES: u64 = 32 << 20;

pub struct Floor {
    folder: std::path::PathBuf,
    file: File,
    number: u32,
    at: u64,
}

impl Floor {
    pub fn new(folder: &Path) -> Result<Floor> {
        let file = reserved(folder, 0)?;
        Ok(Floor { folder: folder.to_owned(), file, number: 0, at: 0 })
    }

    /// Writes these bytes and makes them durable. How long that took.
    pub fn write(&mut self, bytes: &[u8]) -> Result<Duration> {
        if self.at + bytes.len() as u64 > FILE_BYTES {
            std::fs::remove_file(path(&self.folder, self.number))?;
            (self.number, self.at) = (self.number + 1, 0);
            self.file = reserved(&self.folder, self.number)?;
        }
        let began = Instant::now();
        self.file.write_all_at(bytes, self.at)?;
        fdatasync(&self.file)?;
        let took = began.elapsed();
        self.at += bytes.len() as u64;
        Ok(took)
    }
}

fn path(folder: &Path, number: u32) -> std::path::PathBuf {
    folder.join(format!("floor-{number}"))
}

fn reserved(folder: &Path, number: u32) -> Result<File> {
    let path = path(folder, number);
    let file = File::create_new(&path).with_context(|| path.display().to_string())?;
    fallocate(&file, FallocateFlags::empty(), 0, FILE_BYTES)?;
    file.sync_all()?;
    Ok(file)
}
