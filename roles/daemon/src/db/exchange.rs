//! `dump` and `export`: a database for other eyes.

use super::cli::{ChosenPlace, Place};
use super::dump;
use super::ending::{Done, Ending, Failure, count, question};
use super::objects::{self, Told};
use super::place::{Database, Kind};
use anyhow::Context;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;
use yaml_folder::{Export, ExportError};

/// Writes all objects as lines of JSON.
pub fn dump(place: &Place, class: Option<&str>, output: Option<&Path>) -> Done {
    let database = Database::named(place)?;
    database.classes()?;
    let told = match output {
        None => dump_to(&database, class, &mut BufWriter::new(io::stdout().lock()))?,
        Some(path) => {
            let file = create(path)?;
            let mut out = BufWriter::new(file);
            let told = dump_to(&database, class, &mut out)?;
            out.get_ref().sync_all().with_context(|| path.display().to_string())?;
            told
        }
    };
    let to = output.map_or(String::new(), |path| format!(" to {}", path.display()));
    Ok(ending(&told, &format!("{} dumped{to}", count(told.objects, "object")))
        .beside(output.is_none()))
}

/// A new file: what is there is not written over.
fn create(path: &Path) -> Result<File, Failure> {
    match File::create_new(path) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            question(format!("{}: is there already, and is left alone", path.display()))
        }
        Err(error) => Err(error).with_context(|| path.display().to_string())?,
    }
}

fn dump_to(database: &Database, class: Option<&str>, out: &mut dyn Write) -> Result<Told, Failure> {
    let told =
        objects::each(database, class, "dumping", &mut |object| Ok(dump::write(object, out)?))?;
    out.flush()?;
    Ok(told)
}

/// Writes all objects into a folder that Astron reads.
pub fn export(destination: &Path, place: &ChosenPlace) -> Done {
    let database = Database::chosen(place)?;
    database.classes()?;
    if database.kind == Kind::Yaml {
        return question(format!(
            "{}: is a folder of YAML files already: copy it",
            database.directory.display()
        ));
    }
    let export = match Export::new(destination) {
        Ok(export) => export,
        Err(error @ (ExportError::NotEmpty(_) | ExportError::Folder(_))) => {
            return question(error.to_string());
        }
        Err(error @ ExportError::Disk(_)) => Err(error)?,
    };
    let told = objects::each(&database, None, "exporting", &mut |object| Ok(export.put(&object)?))?;
    export.finish(told.next, &told.free)?;
    let to = destination.display();
    Ok(ending(&told, &format!("{} exported to {to}", count(told.objects, "object"))))
}

/// The last sentence; what is missing stands before it.
fn ending(told: &Told, done: &str) -> Ending {
    told.missing().iter().for_each(|line| eprintln!("missing: {line}"));
    match told.is_whole() {
        true => Ending::in_order(format!("{done}.")),
        false => Ending::wrong(format!("{done}, and something is missing: it is named above.")),
    }
}
