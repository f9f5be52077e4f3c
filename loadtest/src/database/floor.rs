//! The floor: a bare file that is appended to and synced, between the slices of a phase. The same
//! disk syncs ten times slower in some minutes than in others; this tells which they are.

use crate::outcome::{Quantile, quantiles};
use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use rustix::fs::fdatasync;
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long it is measured each time.
const BURST: Duration = Duration::from_millis(100);
/// The slowest append that can be told from slower ones, in ns.
const MOST_NS: u64 = 60_000_000_000;

/// What appends to a bare file took, each with its `fdatasync`.
#[derive(Clone, Debug, Serialize)]
pub struct FloorTimes {
    /// How many.
    pub appends: u64,
    /// How long, in ns.
    pub latency_ns: Vec<Quantile>,
}

pub(crate) struct Floor {
    path: PathBuf,
    file: File,
    bytes: Vec<u8>,
    times: Histogram<u64>,
}

impl Floor {
    /// A file in `folder` that gets `bytes` bytes at a time.
    pub(crate) fn new(folder: &Path, bytes: usize) -> Result<Floor> {
        let path = folder.join(format!("floor-{}", std::process::id()));
        let file = File::create_new(&path).with_context(|| path.display().to_string())?;
        let times = Histogram::new_with_bounds(1, MOST_NS, 3).expect("these are bounds");
        Ok(Floor { path, file, bytes: vec![b'.'; bytes], times })
    }

    pub(crate) fn burst(&mut self) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < BURST {
            let append = Instant::now();
            self.file.write_all(&self.bytes)?;
            fdatasync(&self.file)?;
            self.times.saturating_record(append.elapsed().as_nanos() as u64);
        }
        Ok(())
    }

    /// What was found since the last time.
    pub(crate) fn take(&mut self) -> FloorTimes {
        let times = FloorTimes { appends: self.times.len(), latency_ns: quantiles(&self.times) };
        self.times.reset();
        times
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // Whoever removed it before has done the same.
        drop(std::fs::remove_file(&self.path));
    }
}
