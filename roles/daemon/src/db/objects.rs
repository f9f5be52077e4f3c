//! All objects of a database as text, one after the other.

use super::ending::{Failure, count, question};
use super::open;
use super::place::{Database, Kind};
use super::progress::Progress;
use anyhow::anyhow;
use dc::{Schema, did_you_mean};
use rkyv::util::AlignedVec;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::inspect::Snapshot;
use wire::ids::DoId;
use yaml_folder::{Folder, Keys, Known, PackedObject, TextObject};

/// After so many damaged objects the rest is counted and not named.
const NAMED_MAX: usize = 20;

/// What a database has and what could not be told of it.
#[derive(Default)]
pub struct Told {
    /// How many objects were told.
    pub objects: u64,
    /// Greater than every id that was ever used.
    pub next: u32,
    /// As an `info.yaml` has it.
    pub free: Vec<u32>,
    /// Damaged objects, the first of them named.
    damaged: Vec<String>,
    damaged_count: u64,
    /// Objects of classes that the DC files do not have.
    unknown_classes: BTreeMap<String, u64>,
    /// Values of fields that the DC files do not have, or have with another type.
    unknown_fields: BTreeMap<String, u64>,
}

impl Told {
    /// Whether nothing is missing in what was told.
    pub fn is_whole(&self) -> bool {
        self.damaged_count == 0 && self.unknown_classes.is_empty() && self.unknown_fields.is_empty()
    }

    /// What is missing, a line each.
    pub fn missing(&self) -> Vec<String> {
        let mut lines = self.damaged.clone();
        if self.damaged_count > self.damaged.len() as u64 {
            lines.push(format!("and {} more", self.damaged_count - self.damaged.len() as u64));
        }
        for (class, objects) in &self.unknown_classes {
            let objects = count(*objects, "object");
            lines.push(format!("the DC files have no class `{class}`: {objects} left out"));
        }
        for (field, values) in &self.unknown_fields {
            let values = count(*values, "value");
            lines.push(format!("the DC files have no stored field {field}: {values} left out"));
        }
        lines
    }

    fn damage(&mut self, what: String) {
        self.damaged_count += 1;
        if self.damaged.len() < NAMED_MAX {
            self.damaged.push(what);
        }
    }
}

/// Gives all objects to `keep`, or those of a class, ascending.
pub fn each(
    database: &Database,
    class: Option<&str>,
    doing: &'static str,
    keep: &mut dyn FnMut(TextObject) -> Result<(), Failure>,
) -> Result<Told, Failure> {
    let schema = database.classes()?;
    if let Some(name) = class
        && schema.class_by_name(name).is_none()
    {
        let meant = did_you_mean(name, schema.classes().iter().map(|class| class.name.as_str()));
        return question(format!("the DC files have no class `{name}`{meant}"));
    }
    let mut teller = Teller { schema, class, told: Told::default(), keep };
    match database.kind {
        Kind::Store => teller.store(&open::snapshot(&database.directory)?, doing)?,
        Kind::Yaml => teller.folder(&open::folder(&database.directory)?, doing)?,
        Kind::Nothing => (),
    }
    Ok(teller.told)
}

struct Teller<'a> {
    schema: Arc<Schema>,
    class: Option<&'a str>,
    told: Told,
    keep: &'a mut dyn FnMut(TextObject) -> Result<(), Failure>,
}

impl Teller<'_> {
    fn store(&mut self, snapshot: &Snapshot, doing: &'static str) -> Result<(), Failure> {
        let keys = Keys::new(self.schema.clone(), snapshot.catalog().clone());
        let (mut room, mut progress) = (AlignedVec::new(), Progress::new(doing));
        self.told.next = snapshot.report().next_do_id.0;
        let objects = snapshot.objects();
        let all = objects.len() as u64;
        for ((do_id, class), at) in objects.zip(1..) {
            match snapshot.find(do_id, &mut room) {
                Ok(Some(object)) => match keys.known(do_id, &object) {
                    Some(known) => self.known(do_id, known, &keys)?,
                    None => {
                        let name = keys.catalog().class_name(class).unwrap_or("?").to_owned();
                        *self.told.unknown_classes.entry(name).or_default() += 1;
                    }
                },
                Ok(None) => Err(anyhow!("object {} is listed and not there", do_id.0))?,
                Err(error) => self.told.damage(error.to_string()),
            }
            progress.at(at, all, "objects");
        }
        Ok(())
    }

    fn known(&mut self, do_id: DoId, known: Known, keys: &Keys) -> Result<(), Failure> {
        let Known { mut object, unknown } = known;
        let class = &self.schema.class(object.class).name;
        if self.class.is_some_and(|wanted| wanted != class) {
            return Ok(());
        }
        for key in unknown {
            let (name, type_text) = keys.catalog().field_name(key).unwrap_or(("?", "?"));
            let field = format!("`{class}.{name}` of type `{type_text}`");
            *self.told.unknown_fields.entry(field).or_default() += 1;
        }
        let schema = self.schema.clone();
        object.fields.retain(|(id, bytes)| match schema.check(*id, bytes) {
            Ok(()) => true,
            Err(why) => {
                let field = &schema.field(*id).name;
                self.told.damage(format!("object {}, `{field}`: {why}", do_id.0));
                false
            }
        });
        self.tell(&object)
    }

    fn tell(&mut self, object: &PackedObject) -> Result<(), Failure> {
        let text = object.text(&self.schema);
        self.told.objects += 1;
        (self.keep)(text.expect("what passes the check has a text"))
    }

    fn folder(&mut self, folder: &Folder, doing: &'static str) -> Result<(), Failure> {
        let (schema, mut progress) = (self.schema.clone(), Progress::new(doing));
        let mut ended = Ok(());
        let mut keep = |object: PackedObject| {
            let is_wanted =
                self.class.is_none_or(|wanted| wanted == schema.class(object.class).name);
            if ended.is_ok() && is_wanted {
                ended = self.tell(&object);
            }
        };
        let mut at = |done: usize, of: usize| progress.at(done as u64, of as u64, "files");
        let contents = yaml_folder::read(folder, &schema, &mut keep, &mut at)?;
        ended?;
        self.told.next = contents.next;
        self.told.free = contents.info.free;
        contents
            .problems
            .said
            .iter()
            .for_each(|problem| self.told.damaged.push(problem.to_string()));
        self.told.damaged_count = contents.problems.count as u64;
        Ok(())
    }
}
