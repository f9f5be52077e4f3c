//! `backup` and `restore`: a store as a whole, elsewhere.
//!
//! A copy is a store like any other: its segments are those of a snapshot, all sealed.

use super::cli::ChosenPlace;
use super::desk::Desk;
use super::ending::{Done, Ending, Failure, count, question, size};
use super::open;
use super::overlay::Overlay;
use super::place::{Database, Kind};
use super::progress::Progress;
use anyhow::Context;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use store::{Disk, SegmentId};

/// Copies a database, be it in use or not, and verifies the copy.
pub fn backup(destination: &Path, place: &ChosenPlace) -> Done {
    let database = Database::chosen(place)?;
    let shown = database.directory.display();
    if database.kind == Kind::Yaml {
        return question(format!(
            "{shown}: is a folder of YAML files: copy it, each file is whole"
        ));
    }
    let copied = copy(&database.directory, destination, "backing up")?;
    Ok(Ending::in_order(format!(
        "{} of {shown} backed up to {} ({}), and the copy was verified.",
        count(copied.objects, "object"),
        destination.display(),
        size(copied.bytes)
    )))
}

/// Makes a database from a backup, and verifies it.
pub fn restore(source: &Path, directory: &Path) -> Done {
    let copied = copy(source, directory, "restoring")?;
    Ok(Ending::in_order(format!(
        "{} restored from {} to {}, and verified: a server can use it.",
        count(copied.objects, "object"),
        source.display(),
        directory.display()
    )))
}

/// What was copied.
struct Copied {
    objects: u64,
    bytes: u64,
}

fn copy(source: &Path, destination: &Path, doing: &'static str) -> Result<Copied, Failure> {
    let is_empty = match fs::read_dir(destination) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !destination.exists(),
    };
    if !is_empty {
        return question(format!("{}: is not empty, and stays as it is", destination.display()));
    }
    let (mut desk, segments) =
        open::snapshot_with_segments(source)?.with_context(|| source.display().to_string())?;
    refuse_damaged(&mut desk, source)?;
    let objects = desk.ids().len() as u64;
    let bytes = copy_segments(&segments, destination, doing)?;
    let mut copy = open::snapshot(destination)?;
    refuse_damaged(&mut copy, destination)?;
    if copy.ids() != desk.ids() {
        let shown = destination.display();
        Err(anyhow::anyhow!(
            "{shown}: the copy is not the same: the disk does not keep what is written"
        ))?;
    }
    Ok(Copied { objects, bytes })
}

/// All records must be readable: a copy is for the day when the original is not.
fn refuse_damaged(desk: &mut Desk, directory: &Path) -> Result<(), Failure> {
    match desk.scrub()?.len() as u64 {
        0 => Ok(()),
        damaged => Err(anyhow::anyhow!(
            "{}: {} cannot be read, and nothing was copied that could be relied on: \
             see `ferriswheel db verify`",
            directory.display(),
            count(damaged, "record")
        ))?,
    }
}

/// Copies all segments but the last, which was begun by the snapshot and holds nothing.
fn copy_segments(
    from: &Arc<Overlay>,
    destination: &Path,
    doing: &'static str,
) -> Result<u64, Failure> {
    let files = open::files(destination)?;
    let mut segments: Vec<SegmentId> = from.list()?;
    let (mut progress, mut done) = (Progress::new(doing), 0);
    segments.retain(|&segment| !from.is_begun(segment));
    let count = segments.len() as u64;
    for (at, segment) in segments.into_iter().enumerate() {
        let mut bytes = vec![0; from.len(segment)? as usize];
        let read = from.read(segment, 0, &mut bytes)?;
        let len = u32::try_from(read).expect("a segment is shorter than 4 GiB");
        files.create(segment, &bytes[..read], len)?;
        done += u64::from(len);
        progress.at(at as u64 + 1, count, "segments");
    }
    Ok(done)
}
