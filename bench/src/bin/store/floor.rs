//! The floor: a bare file that is filled with zeros, a write behind the last one, `fdatasync`.
//!
//! Interleaved with what is measured, since the same disk syncs ten times slower in some minutes
//! than in others. By a thread of its own, which runs wherever it is put, as on one core it is slower
//! than on another.

use anyhow::{Context, Result};
use rustix::fs::{FallocateFlags, fallocate, fdatasync};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// In such pieces it is filled, as our segments are.
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// Where it begins anew in the same file.
const FILE_BYTES: u64 = 32 << 20;

pub struct Floor {
    asked: Sender<Vec<u8>>,
    took: Receiver<Result<Duration>>,
}

/// What the thread has.
struct Writing {
    file: File,
    at: u64,
}

impl Floor {
    pub fn new(folder: &Path) -> Result<Floor> {
        let mut writing = Writing::new(folder)?;
        let (asked, asks) = channel::<Vec<u8>>();
        let (tell, took) = channel();
        std::thread::spawn(move || {
            for bytes in asks {
                // Who does not wait for it has failed meanwhile.
                tell.send(writing.write(&bytes)).unwrap_or_default();
            }
        });
        Ok(Floor { asked, took })
    }

    /// Writes these bytes and makes them durable. How long that took.
    pub fn write(&mut self, bytes: Vec<u8>) -> Result<Duration> {
        self.asked.send(bytes).ok().context("the floor's thread has ended")?;
        self.took.recv().context("the floor's thread has ended")?
    }
}

impl Writing {
    fn new(folder: &Path) -> Result<Writing> {
        Ok(Writing { file: filled(&folder.join("floor"))?, at: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<Duration> {
        if self.at + bytes.len() as u64 > FILE_BYTES {
            self.at = 0;
        }
        let began = Instant::now();
        self.file.write_all_at(bytes, self.at)?;
        fdatasync(&self.file)?;
        let took = began.elapsed();
        self.at += bytes.len() as u64;
        Ok(took)
    }
}

fn filled(path: &Path) -> Result<File> {
    let file = File::create_new(path).with_context(|| path.display().to_string())?;
    fallocate(&file, FallocateFlags::empty(), 0, FILE_BYTES)?;
    for at in (0..FILE_BYTES).step_by(ZEROS.len()) {
        file.write_all_at(&ZEROS, at)?;
    }
    file.sync_all()?;
    Ok(file)
}
