//! `stat`: what a database holds.

use super::cli::Place;
use super::desk::Desk;
use super::ending::{Done, Ending, Failure, count, size};
use super::open;
use super::place::{Database, Kind};
use super::progress::Progress;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use store::{ClassKey, Found};

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
    /// Objects that cannot be read.
    damaged: u64,
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
    let ending = match stat.damaged {
        0 => Ending::in_order(format!("{}: {objects}; {used}.", stat.directory)),
        damaged => Ending::wrong(format!(
            "{}: {objects}, and {damaged} that cannot be read: see `ferriswheel db verify`; {used}.",
            stat.directory
        )),
    };
    Ok(ending.beside(json))
}

fn of_store(database: &Database) -> Result<Stat, Failure> {
    let in_use = open::is_in_use(&database.directory, database.kind)?;
    let mut desk = open::snapshot(&database.directory)?;
    let stats = desk.stats();
    let (classes, damaged) = by_class(&mut desk)?;
    Ok(Stat {
        directory: database.directory.display().to_string(),
        backend: "store",
        in_use,
        objects: classes.values().sum(),
        classes,
        next_id: desk.report.next_do_id.0,
        damaged,
        segments: Some(Segments {
            segments: stats.segments,
            live_bytes: stats.live_bytes,
            dead_bytes: stats.dead_bytes,
            tombstone_bytes: stats.tombstone_bytes,
            disk_bytes: open::disk_bytes(&database.directory)?,
        }),
    })
}

/// How many objects there are of each class, and how many cannot be read.
fn by_class(desk: &mut Desk) -> Result<(BTreeMap<String, u64>, u64), Failure> {
    let (mut keys, mut damaged) = (BTreeMap::<ClassKey, u64>::new(), 0);
    let (ids, mut progress) = (desk.ids(), Progress::new("counting"));
    for (at, &do_id) in ids.iter().enumerate() {
        match desk.find(do_id)? {
            Found::Here(object) => *keys.entry(object.class()).or_default() += 1,
            Found::Absent | Found::Away(_) | Found::Damaged(_) => damaged += 1,
        }
        progress.at(at as u64 + 1, ids.len() as u64, "objects");
    }
    let name = |key| desk.catalog().class_name(key).unwrap_or("?").to_owned();
    Ok((keys.into_iter().map(|(key, objects)| (name(key), objects)).collect(), damaged))
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
        damaged: contents.unreadable as u64,
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
