//! `stat`: what a database holds.

use super::cli::Place;
use super::ending::{Done, Ending, Failure, count, size};
use super::open;
use super::place::{Database, Kind};
use super::progress::Progress;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What there is to say.
#[derive(Serialize)]
struct Stat {
    directory: String,
    backend: &'static str,
    in_use: bool,
    objects: u64,
    /// By the name of their class.
    classes: BTreeMap<String, u64>,
    /// Greater than every id that was ever used.
    next_id: u32,
    /// Files of objects that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<u64>,
    #[serde(flatten)]
    segments: Option<Segments>,
}

/// What there is to say of a store.
#[derive(Serialize)]
struct Segments {
    segments: u64,
    live_bytes: u64,
    dead_bytes: u64,
    tombstone_bytes: u64,
    disk_bytes: u64,
}

/// Says what a database holds.
pub fn stat(place: &Place, json: bool) -> Done {
    let database = Database::named(place)?;
    let stat = match database.kind {
        Kind::Store => of_store(&database)?,
        Kind::Yaml | Kind::Nothing => of_folder(&database)?,
    };
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &stat)?;
        writeln!(out)?;
    } else {
        show(&stat, &mut out)?;
    }
    let objects = count(stat.objects, "object");
    let used = if stat.in_use { "a server is using it" } else { "no server is using it" };
    let ending = match stat.unreadable {
        None | Some(0) => Ending::in_order(format!("{}: {objects}; {used}.", stat.directory)),
        Some(unreadable) => Ending::wrong(format!(
            "{}: {objects}, and {unreadable} that cannot be read: see `ferriswheel db verify`; {used}.",
            stat.directory
        )),
    };
    Ok(ending.beside(json))
}

fn of_store(database: &Database) -> Result<Stat, Failure> {
    let in_use = open::is_in_use(&database.directory, database.kind)?;
    let snapshot = open::snapshot(&database.directory)?;
    let stats = snapshot.stats();
    let mut classes = BTreeMap::<String, u64>::new();
    for (_, class) in snapshot.objects() {
        let name = snapshot.catalog().class_name(class).unwrap_or("?");
        *classes.entry(name.to_owned()).or_default() += 1;
    }
    Ok(Stat {
        directory: database.directory.display().to_string(),
        backend: "store",
        in_use,
        objects: stats.objects,
        classes,
        next_id: snapshot.report().next_do_id.0,
        unreadable: None,
        segments: Some(Segments {
            segments: stats.segments,
            live_bytes: stats.live_bytes,
            dead_bytes: stats.dead_bytes,
            tombstone_bytes: stats.tombstone_bytes,
            disk_bytes: open::disk_bytes(&database.directory)?,
        }),
    })
}

fn of_folder(database: &Database) -> Result<Stat, Failure> {
    let (schema, mut progress) = (database.classes()?, Progress::new("reading"));
    let mut classes = BTreeMap::<String, u64>::new();
    let contents = yaml_folder::read(
        &open::folder(&database.directory)?,
        &schema,
        &mut |object| *classes.entry(schema.class(object.class).name.clone()).or_default() += 1,
        &mut |done, of| progress.at(done as u64, of as u64, "files"),
    )?;
    Ok(Stat {
        directory: database.directory.display().to_string(),
        backend: "yaml",
        in_use: open::is_in_use(&database.directory, database.kind)?,
        objects: contents.objects as u64,
        classes,
        next_id: contents.next,
        unreadable: Some(contents.unreadable as u64),
        segments: None,
    })
}

fn show(stat: &Stat, out: &mut dyn Write) -> io::Result<()> {
    let widest = stat.classes.keys().map(String::len).max().unwrap_or(0).max("tombstones".len());
    for (class, objects) in &stat.classes {
        writeln!(out, "{class:widest$}  {objects:>12}")?;
    }
    writeln!(out, "{:widest$}  {:>12}", "next id", stat.next_id)?;
    let Some(segments) = &stat.segments else { return Ok(()) };
    writeln!(out, "{:widest$}  {:>12}", "segments", segments.segments)?;
    let bytes = [
        ("live", segments.live_bytes),
        ("dead", segments.dead_bytes),
        ("tombstones", segments.tombstone_bytes),
        ("on disk", segments.disk_bytes),
    ];
    bytes.iter().try_for_each(|(what, bytes)| writeln!(out, "{what:widest$}  {:>12}", size(*bytes)))
}
