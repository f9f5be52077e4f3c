//! `import`: objects from a folder of YAML files or from a dump, into the store.
//!
//! All of the source is read twice: first to see that it can be read, then to write. So a source
//! with an error changes nothing, and no more than a part of it is in memory.

use super::cli::ChosenPlace;
use super::desk::Desk;
use super::dump::Lines;
use super::ending::{Done, Ending, Failure, count, question};
use super::open;
use super::place::{Database, Kind};
use super::progress::Progress;
use anyhow::Context;
use dc::Schema;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::Path;
use std::sync::Arc;
use wire::ids::DoId;
use yaml_folder::{Folder, Keys, PackedObject, Problem, Problems};

/// Reads objects into a store.
pub fn import(source: &Path, place: &ChosenPlace, merge: bool, skip_unreadable: bool) -> Done {
    let database = Database::chosen_or_new(place)?;
    if database.kind == Kind::Yaml {
        let shown = database.directory.display();
        return question(format!(
            "{shown}: is a folder of YAML files; objects are imported into a store"
        ));
    }
    let schema = database.classes()?;
    let mut source = Source::open(source)?;
    let checked = source.read(&schema, "checking", &mut |_| Ok(()))?;
    if !checked.problems.is_empty() && !skip_unreadable {
        eprintln!("{}", checked.problems);
        let what = count(checked.problems.count as u64, "problem");
        return Ok(Ending::wrong(format!(
            "Nothing was imported: {what} in {}; --skip-unreadable leaves such objects out.",
            source.shown
        )));
    }
    let catalog = yaml_folder::catalog(&schema)?;
    let mut desk = open::alone(&database.directory, catalog)?;
    let before = desk.ids().len();
    if before > 0 && !merge {
        desk.close()?;
        return question(format!(
            "{}: has {} already: --merge adds to them and replaces those with the same id",
            database.directory.display(),
            count(before as u64, "object")
        ));
    }
    let keys = desk.keys(schema.clone());
    let read = source.read(&schema, "importing", &mut |object| desk.put(&object, &keys))?;
    raise_next(&mut desk, &schema, &keys, read.next)?;
    let now = desk.ids().len();
    desk.close()?;
    Ok(summary(&source, &database, &read, now))
}

fn summary(source: &Source, database: &Database, read: &Read, now: usize) -> Ending {
    let objects = count(read.objects, "object");
    let (from, to) = (&source.shown, database.directory.display());
    let imported =
        format!("{objects} of {} imported from {from}", count(read.classes.len() as u64, "class"));
    let next = format!("{to} has {} now", count(now as u64, "object"));
    if read.problems.is_empty() {
        return Ending::in_order(format!("{imported}; {next}."));
    }
    eprintln!("{}", read.problems);
    let left_out = count(read.unreadable, "object");
    Ending::wrong(format!("{imported}, {left_out} left out as said above; {next}."))
}

/// Sees to it that ids of objects that were deleted before the export are not given again: an
/// object with the last of them comes and goes, and the store remembers that.
fn raise_next(desk: &mut Desk, schema: &Schema, keys: &Keys, next: u32) -> Result<(), Failure> {
    desk.flush()?;
    let known = desk.ids().last().map_or(0, |last| last.0.saturating_add(1));
    if next <= known.max(desk.report.next_do_id.0) {
        return Ok(());
    }
    let last = next - 1;
    let Some(class) = schema.classes().iter().find(|class| !class.is_struct) else { return Ok(()) };
    let object = PackedObject { do_id: DoId(last), class: class.id, fields: Vec::new() };
    desk.put(&object, keys)?;
    desk.delete(object.do_id)?;
    desk.flush()
}

/// Where objects come from.
struct Source {
    shown: String,
    from: From,
}

enum From {
    Folder(Folder),
    Dump(File),
}

/// What a source had.
#[derive(Default)]
struct Read {
    objects: u64,
    classes: BTreeSet<u16>,
    /// Greater than all ids that it knows of.
    next: u32,
    problems: Problems,
    unreadable: u64,
}

/// What is done with an object.
type Keep<'a> = &'a mut dyn FnMut(PackedObject) -> Result<(), Failure>;

impl Source {
    fn open(path: &Path) -> Result<Source, Failure> {
        let shown = path.display().to_string();
        if path.is_dir() {
            return Ok(Source { shown, from: From::Folder(open::folder(path)?) });
        }
        match File::open(path) {
            Ok(file) => Ok(Source { shown, from: From::Dump(file) }),
            Err(error) => question(format!("{shown}: {error}")),
        }
    }

    fn read(
        &mut self,
        schema: &Arc<Schema>,
        doing: &'static str,
        keep: Keep<'_>,
    ) -> Result<Read, Failure> {
        match &mut self.from {
            From::Folder(folder) => read_folder(folder, schema, doing, keep),
            From::Dump(file) => {
                file.rewind().with_context(|| self.shown.clone())?;
                read_dump(file, &self.shown, schema, doing, keep)
                    .with_context(|| self.shown.clone())?
            }
        }
    }
}

fn read_folder(
    folder: &Folder,
    schema: &Schema,
    doing: &'static str,
    keep: Keep<'_>,
) -> Result<Read, Failure> {
    let (mut read, mut progress, mut ended) = (Read::default(), Progress::new(doing), Ok(()));
    let mut each = |object: PackedObject| {
        read.objects += 1;
        read.classes.insert(object.class.0);
        if ended.is_ok() {
            ended = keep(object);
        }
    };
    let mut at = |done: usize, of: usize| progress.at(done as u64, of as u64, "files");
    let contents = yaml_folder::read(folder, schema, &mut each, &mut at)?;
    ended?;
    read.next = contents.next;
    read.problems = contents.problems;
    read.unreadable = contents.unreadable as u64;
    Ok(read)
}

/// The outer error is about the file, the inner one about what was done with its objects.
fn read_dump(
    file: &File,
    shown: &str,
    schema: &Schema,
    doing: &'static str,
    keep: Keep<'_>,
) -> std::io::Result<Result<Read, Failure>> {
    let (mut read, mut progress) = (Read::default(), Progress::new(doing));
    let (mut lines, mut ids) = (Lines::new(BufReader::new(file)), BTreeSet::new());
    let bytes = file.metadata()?.len();
    while let Some(line) = lines.next()? {
        let packed = line.map_err(|(line, what)| vec![(Some(line), what)]).and_then(|object| {
            match ids.insert(object.do_id) {
                true => object.pack(schema),
                false => {
                    let what = format!("object {} stands here a second time", object.do_id.0);
                    Err(vec![(Some(object.class_line), what)])
                }
            }
        });
        match packed {
            Ok(object) => {
                read.objects += 1;
                read.classes.insert(object.class.0);
                read.next = read.next.max(object.do_id.0.saturating_add(1));
                if let Err(failure) = keep(object) {
                    return Ok(Err(failure));
                }
            }
            Err(wrong) => {
                read.unreadable += 1;
                for (line, what) in wrong {
                    read.problems.push(Problem { file: shown.to_owned(), line, what });
                }
            }
        }
        progress.at(lines.bytes, bytes, "bytes");
    }
    Ok(Ok(read))
}
