//! A folder in memory whose operations can be made to fail, and classes to fill it with.
#![allow(dead_code, reason = "each test uses some of it")]

use dc::{FieldId, Options, Schema, Source, TextPolicy};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use store::DiskError;
use yaml_folder::Files;

pub const CLASSES: &str = "
struct Berth { uint16 pier; uint8(1-40) number = 1; };
dclass Thing { setName(string name = \"nameless\") required broadcast db; };
dclass Boat : Thing {
  setSeal(blob seal) db;
  setXY(int16 / 10 x, int16 / 10 y) db;
  setLog(string[] lines, uint32 when) db;
  string home db;
  Berth berth = {7, 3} db;
  float64 draught db;
  uint8 bytes[4] db;
  setSpeed(float32 speed) broadcast ram;
  setAll : setSeal, setXY;
};
";

pub fn schema() -> Schema {
    let sources = [Source { name: "boats.dc".into(), text: CLASSES.into() }];
    let options = Options { policy: TextPolicy::Utf8, ..Options::default() };
    Schema::load(&sources, options).unwrap_or_else(|why| panic!("{}", why.lines(&sources)))
}

pub fn field(schema: &Schema, class: &str, name: &str) -> FieldId {
    schema.class_by_name(class).unwrap().field_by_name(name).unwrap()
}

/// A folder in memory. Clones are the same folder.
#[derive(Clone, Default)]
pub struct Drawer(Arc<Mutex<Inside>>);

/// What is in it.
#[derive(Default)]
pub struct Inside {
    /// What a reader sees now.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What would be there after a loss of power: names as of the last sync.
    pub durable: BTreeMap<String, Vec<u8>>,
    pub unfinished: BTreeMap<String, Vec<u8>>,
    /// How many more files there is space for; none: for all.
    pub space: Option<usize>,
    /// What fails: the name of an operation.
    pub broken: Option<&'static str>,
    /// How often the names were made durable, and how many files were prepared.
    pub syncs: usize,
    pub prepared: usize,
}

impl Drawer {
    pub fn with(files: &[(&str, &str)]) -> Drawer {
        let drawer = Drawer::default();
        let files: BTreeMap<String, Vec<u8>> =
            files.iter().map(|&(name, text)| (name.to_owned(), text.into())).collect();
        drawer.inside().durable = files.clone();
        drawer.inside().files = files;
        drawer
    }

    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    /// The text of a file as it is after a loss of power.
    pub fn durable(&self, name: &str) -> Option<String> {
        self.inside().durable.get(name).map(|bytes| String::from_utf8(bytes.clone()).unwrap())
    }

    fn act(
        &self,
        operation: &'static str,
        name: &str,
    ) -> Result<MutexGuard<'_, Inside>, DiskError> {
        let inside = self.inside();
        match inside.broken == Some(operation) {
            false => Ok(inside),
            true => {
                let what = format!("drawer/{name}");
                Err(DiskError::Failed { what, why: format!("{operation} does not work") })
            }
        }
    }
}

impl Files for Drawer {
    fn path_of(&self, name: &str) -> String {
        format!("drawer/{name}")
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.act("list", "")?.files.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, DiskError> {
        Ok(self.act("read", name)?.files[name].clone())
    }

    fn prepare(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let mut inside = self.act("prepare", name)?;
        if let Some(space) = &mut inside.space {
            let Some(left) = space.checked_sub(1) else {
                // A file that did not find space is there with what did.
                inside.unfinished.insert(name.into(), Vec::new());
                return Err(DiskError::Full { what: format!("drawer/{name}") });
            };
            *space = left;
        }
        inside.prepared += 1;
        inside.unfinished.insert(name.into(), bytes.into());
        Ok(())
    }

    fn publish(&self, name: &str) -> Result<(), DiskError> {
        let mut inside = self.act("publish", name)?;
        let bytes = inside.unfinished.remove(name).unwrap();
        inside.files.insert(name.into(), bytes);
        Ok(())
    }

    fn discard(&self, name: &str) -> Result<(), DiskError> {
        let mut inside = self.act("discard", name)?;
        let freed = inside.unfinished.remove(name).is_some_and(|bytes| !bytes.is_empty());
        if let Some(space) = &mut inside.space {
            *space += usize::from(freed);
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.act("remove", name)?.files.remove(name);
        Ok(())
    }

    fn sync(&self) -> Result<(), DiskError> {
        let mut inside = self.act("sync", "")?;
        inside.durable = inside.files.clone();
        inside.syncs += 1;
        Ok(())
    }
}
