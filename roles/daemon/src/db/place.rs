//! Which database a command is about, and by which DC files its values are read.

use super::cli::{ChosenPlace, Named, Place};
use super::ending::{Failure, question};
use crate::run::DEFAULT_CONFIG;
use anyhow::Context;
use dc::{Options, Schema, Source, TextPolicy};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A database on disk.
pub struct Database {
    /// How it is kept.
    pub kind: Kind,
    /// Where.
    pub directory: PathBuf,
    /// The classes, if the question says where they stand.
    pub schema: Option<Arc<Schema>>,
}

/// How a database is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// In our store.
    Store,
    /// As Astron's folder of YAML files.
    Yaml,
    /// There is nothing yet.
    Nothing,
}

impl Database {
    /// The one that a command names, which must be there.
    pub fn named(place: &Place) -> Result<Database, Failure> {
        Database::find(place.directory.as_deref(), &place.named)?.existing()
    }

    /// The one that a command names, which must be there.
    pub fn chosen(place: &ChosenPlace) -> Result<Database, Failure> {
        Database::find(place.directory.as_deref(), &place.named)?.existing()
    }

    /// The one that a command names, be it there or not.
    pub fn chosen_or_new(place: &ChosenPlace) -> Result<Database, Failure> {
        Database::find(place.directory.as_deref(), &place.named)
    }

    /// The classes, without which the command makes no sense.
    pub fn classes(&self) -> Result<Arc<Schema>, Failure> {
        match &self.schema {
            Some(schema) => Ok(schema.clone()),
            None => question(
                "values are read by the DC files: name them with --dc, \
                 or the configuration with --config",
            ),
        }
    }

    fn existing(self) -> Result<Database, Failure> {
        let shown = self.directory.display();
        match self.kind {
            Kind::Store | Kind::Yaml => Ok(self),
            Kind::Nothing if self.directory.exists() => {
                question(format!("{shown}: there is no database in this directory"))
            }
            Kind::Nothing => question(format!("{shown}: there is no such directory")),
        }
    }

    fn find(directory: Option<&Path>, named: &Named) -> Result<Database, Failure> {
        let config = match &named.config {
            Some(path) => Some(load(path)?),
            None if directory.is_some() && !named.dc.is_empty() => None,
            None => Some(Path::new(DEFAULT_CONFIG))
                .filter(|path| path.exists())
                .map(load)
                .transpose()?,
        };
        let configured = match (directory, &config) {
            (None, Some(config)) => Some(configured(config)?),
            (Some(_), _) | (None, None) => None,
        };
        let (kind, directory) = match (directory, configured) {
            (Some(directory), _) => (kind_of(directory)?, directory.to_owned()),
            (None, Some((kind, directory))) => match kind_of(&directory)? {
                Kind::Nothing => (Kind::Nothing, directory),
                Kind::Store | Kind::Yaml => (kind, directory),
            },
            (None, None) => {
                return question(format!(
                    "there is no {DEFAULT_CONFIG} here: name the directory of a database, \
                     or a configuration with --config"
                ));
            }
        };
        let schema = match named.dc.is_empty() {
            true => config.and_then(|config| config.general.classes.schema),
            false => {
                let configured = config.map(|config| config.general.classes.strings);
                let strings = named.strings.map(TextPolicy::from).or(configured);
                Some(read_classes(&named.dc, strings.unwrap_or(TextPolicy::Utf8))?)
            }
        };
        Ok(Database { kind, directory, schema })
    }
}

fn load(path: &Path) -> Result<park::Config, Failure> {
    match park::load(path, &park::System) {
        Ok(loaded) => Ok(loaded.config),
        Err(problems) => {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            question(lines.join("\nerror: "))
        }
    }
}

/// The database of a configuration.
fn configured(config: &park::Config) -> Result<(Kind, PathBuf), Failure> {
    let shown = config.file.display();
    match &config.databases[..] {
        [] => {
            question(format!("{shown}: has no role of type `database`: name the directory of one"))
        }
        [database] => {
            let kind = match database.backend {
                park::Backend::Store { .. } => Kind::Store,
                park::Backend::Yaml => Kind::Yaml,
            };
            Ok((kind, database.directory.clone()))
        }
        several => {
            let directories: Vec<String> =
                several.iter().map(|database| database.directory.display().to_string()).collect();
            question(format!(
                "{shown}: has several databases: name one of {}",
                directories.join(", ")
            ))
        }
    }
}

/// What lies in a directory.
fn kind_of(directory: &Path) -> Result<Kind, Failure> {
    if !directory.exists() {
        return Ok(Kind::Nothing);
    }
    let shown = || directory.display().to_string();
    let mut is_yaml = false;
    for entry in fs::read_dir(directory).with_context(shown)? {
        let name = entry.with_context(shown)?.file_name();
        if name == store::MARKER {
            return Ok(Kind::Store);
        }
        is_yaml |= Path::new(&name).extension().is_some_and(|extension| extension == "yaml");
    }
    Ok(if is_yaml { Kind::Yaml } else { Kind::Nothing })
}

fn read_classes(files: &[PathBuf], policy: TextPolicy) -> Result<Arc<Schema>, Failure> {
    let mut sources = Vec::new();
    for path in files {
        let name = path.display().to_string();
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return question(format!("{name}: {error}")),
        };
        match Source::new(name, &bytes) {
            Ok(source) => sources.push(source),
            Err(error) => return question(error.to_string()),
        }
    }
    let options = Options { policy, ..Options::default() };
    match Schema::load(&sources, options) {
        Ok(schema) => Ok(Arc::new(schema)),
        Err(diagnostics) => question(diagnostics.lines(&sources).trim_end().to_owned()),
    }
}
