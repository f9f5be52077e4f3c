//! `type: database`

use super::{Cluster, Kind, NO_CLASSES, Purpose};
use crate::classes::Classes;
use crate::document::Node;
use crate::problem::Place;
use crate::section::Section;
use crate::value::{boolean, choice, number, scalar};
use database::Limits;
use dc::FieldKind;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use wire::ids::{Channel, DoId};

pub const KIND: Kind = Kind { name: "database", check };

/// Where Astron keeps its YAML files if nothing is said.
const YAML_FOLDER: &str = "yaml_db";
const SEGMENT_BYTES: RangeInclusive<u64> = 1 << 20..=1 << 30;

/// A Database, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Its control channel.
    pub control: Channel,
    /// The ids that it gives to new objects.
    pub generate: RangeInclusive<DoId>,
    /// Whether it tells of changes on the channels of its objects.
    pub broadcast: bool,
    /// Where it keeps them.
    pub backend: Backend,
    /// The folder of the backend; a relative path is meant from the folder of the configuration.
    pub directory: PathBuf,
    /// Where the folder stands in the file, for the message should it turn out to be unusable.
    pub directory_place: Place,
    /// The fields with an index: class and field, by name.
    pub indexes: Vec<(String, String)>,
    /// What grows no further, for each shard.
    pub limits: Limits,
}

/// How a Database keeps its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The embedded store, in segments of so many bytes.
    Store {
        /// Bytes of a segment; `None`: as the store has it.
        segment_bytes: Option<u32>,
    },
    /// Astron's folder of YAML files.
    Yaml,
}

/// One key of `limits`: its name, the least and the most that it may be, where its value goes.
struct Row(&'static str, u64, u64, fn(&mut Limits, u64));

const ROWS: [Row; 3] = [
    Row("queries_max", 1, 1 << 20, |to, n| to.queries_max = n as usize),
    Row("objects_at_once", 1, 1 << 20, |to, n| to.objects_at_once = n as usize),
    Row("waiting_bytes_max", 64 << 10, 16 << 30, |to, n| to.waiting_bytes_max = n as usize),
];

fn check(section: &mut Section<'_>, cluster: &mut Cluster<'_>) {
    let control = cluster.channel(section, "control");
    let generate = section.section("generate", |range| cluster.range(range, Purpose::Generate));
    if generate.is_none() {
        section.error("`generate` is missing");
    }
    let limits = section.section("limits", read_limits).unwrap_or_default();
    let broadcast = section.get("broadcast", boolean).unwrap_or(true);
    if !cluster.general.classes.are_named {
        section.error_at("type", NO_CLASSES);
    }
    let read = |backend: &mut Section<'_>| read_backend(backend, cluster);
    let backend = section.section("backend", read);
    if backend.is_none() {
        section.error("`backend` is missing");
    }
    let (Some(control), Some(Some(generate)), Some(Some(backend))) = (control, generate, backend)
    else {
        return;
    };
    let (backend, directory, directory_place, indexes) = backend;
    let generate = DoId(*generate.start() as u32)..=DoId(*generate.end() as u32);
    let others = &cluster.read.databases;
    if others.iter().any(|other| other.control == control) {
        let what = format!("another Database has channel {control} already");
        return section.error_at("control", what);
    }
    if others.iter().any(|other| other.directory == directory) {
        let what = format!("another Database has {} already", directory.display());
        return section.error_at("backend", what);
    }
    cluster.read.databases.push(Database {
        control,
        generate,
        broadcast,
        backend,
        directory,
        directory_place,
        indexes,
        limits,
    });
}

fn read_limits(section: &mut Section<'_>) -> Limits {
    let mut limits = Limits::default();
    for Row(key, low, high, set) in &ROWS {
        if let Some(value) = section.get(key, number(*low..=*high)) {
            set(&mut limits, value);
        }
    }
    limits
}

type Read = (Backend, PathBuf, Place, Vec<(String, String)>);

fn read_backend(section: &mut Section<'_>, cluster: &Cluster<'_>) -> Option<Read> {
    #[derive(Clone, Copy)]
    enum Type {
        Store,
        Yaml,
    }
    let types = [("store", Type::Store), ("yaml", Type::Yaml)];
    let Some(of) = section.required("type", choice(&types)) else {
        section.skip_rest();
        return None;
    };
    let folder = |node: &Node| scalar(node, "the path of a folder").map(PathBuf::from);
    let (backend, directory) = match of {
        Type::Store => {
            let segment_bytes = section.get("segment_bytes", number(SEGMENT_BYTES));
            let segment_bytes = segment_bytes.map(|bytes| bytes as u32);
            (Backend::Store { segment_bytes }, section.required("directory", folder))
        }
        Type::Yaml => {
            let directory = section.get("directory", folder);
            (Backend::Yaml, directory.or_else(|| Some(PathBuf::from(YAML_FOLDER))))
        }
    };
    let index = |node: &Node| read_index(node, &cluster.general.classes);
    let indexes = section.list("indexes", index).unwrap_or_default();
    let place = section.place_of("directory");
    Some((backend, cluster.folder.join(directory?), place, indexes))
}

/// Reads `Class.field`, which must be a field that is stored by itself.
fn read_index(node: &Node, classes: &Classes) -> Result<(String, String), String> {
    let text = scalar(node, "Class.field")?;
    let (class, field) =
        text.split_once('.').ok_or_else(|| format!("expected Class.field, found `{text}`"))?;
    if let Some(schema) = &classes.schema {
        let of = schema.class_by_name(class).ok_or_else(|| format!("there is no class {class}"))?;
        let id = of.field_by_name(field);
        let id = id.ok_or_else(|| format!("class {class} has no field {field}"))?;
        let is_stored =
            schema.keyword_names(schema.field(id).keywords).any(|keyword| keyword == "db");
        if !is_stored || matches!(schema.field(id).kind, FieldKind::Molecular(_)) {
            return Err(format!("{text} is not stored: only a `db` field can have an index"));
        }
    }
    Ok((class.to_owned(), field.to_owned()))
}
