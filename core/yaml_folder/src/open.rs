//! Opening a folder for the Database: its objects into parts, and who keeps the files.

use crate::committer::{FolderCommitter, NextInfo, Places};
use crate::contents::{self, Contents};
use crate::files::Files;
use crate::info_file::{FILE_NAME, Info};
use crate::keys::{Keys, catalog};
use crate::problem::Problems;
use crate::text_object::PackedObject;
use dc::Schema;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{CatalogFull, DiskError, Options, Part, PartId};
use wire::ids::DoId;

/// A folder whose objects are in parts.
pub struct Opened {
    /// Who keeps the files.
    pub committer: FolderCommitter,
    /// The objects.
    pub parts: Vec<Part>,
    /// Greater than every id that the folder has ever seen.
    pub next_do_id: DoId,
    /// What is odd, and was dealt with: to be logged.
    pub warnings: Vec<String>,
}

/// Why a folder was not opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Files that cannot be read as objects.
    #[error("{0}")]
    Unreadable(Problems),
    /// There are too many names.
    #[error(transparent)]
    Catalog(#[from] CatalogFull),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Opens a folder. Of `options` the parts, where objects belong, and the seeds matter; the catalog
/// is that of the DC files.
pub fn open(
    files: Box<dyn Files>,
    schema: Arc<Schema>,
    options: &Options,
) -> Result<Opened, OpenError> {
    let catalog = catalog(&schema)?;
    let keys = Arc::new(Keys::new(schema.clone(), catalog.clone()));
    let mut loading = Loading::new(options, keys.clone(), Arc::new(catalog));
    let found =
        contents::read(&*files, &schema, &mut |object| loading.load(&object), &mut |_, _| ())?;
    if !found.problems.is_empty() {
        return Err(OpenError::Unreadable(found.problems));
    }
    let warnings = warnings(&*files, &found, &loading.objects);
    let Loading { parts, objects, places, .. } = loading;
    let Contents { info, next, .. } = found;
    let free: Vec<u32> =
        info.free.iter().copied().filter(|&id| !objects.contains_key(&DoId(id))).collect();
    let is_stale = info != Info { next: Some(next), free: free.clone() };
    let info = NextInfo { next, durable: info.next.unwrap_or(0), free, is_stale };
    let committer = FolderCommitter::new(files, keys, info, objects, places, options.parts);
    Ok(Opened { committer, parts, next_do_id: DoId(next), warnings })
}

fn warnings(files: &dyn Files, found: &Contents, objects: &BTreeMap<DoId, u32>) -> Vec<String> {
    let mut warnings = Vec::new();
    let info_file = files.path_of(FILE_NAME);
    if let Some(next) = found.info.next.filter(|&next| next < found.next) {
        let now = found.next;
        warnings.push(format!(
            "{info_file}: `next` is {next}, and there is an object above: {now} comes next"
        ));
    }
    let taken: BTreeSet<u32> =
        found.info.free.iter().copied().filter(|&id| objects.contains_key(&DoId(id))).collect();
    if let Some(first) = taken.first() {
        let count = taken.len();
        warnings.push(format!(
            "{info_file}: `free` has ids of objects that are there ({count}, the first is {first}): \
             they are taken out"
        ));
    }
    for stranger in &found.strangers {
        warnings.push(format!(
            "{}: is no file of an object, and is left alone",
            files.path_of(stranger)
        ));
    }
    warnings
}

/// Objects on their way into parts.
struct Loading {
    parts: Vec<Part>,
    place: fn(DoId, usize) -> usize,
    keys: Arc<Keys>,
    objects: BTreeMap<DoId, u32>,
    places: Places,
}

impl Loading {
    fn new(options: &Options, keys: Arc<Keys>, catalog: Arc<store::Catalog>) -> Loading {
        let ids = (0..).map(PartId).take(options.parts);
        let parts = ids.map(|part| Part::empty(part, options, catalog.clone())).collect();
        let (objects, places) = (BTreeMap::new(), Places::default());
        Loading { parts, place: options.place, keys, objects, places }
    }

    fn load(&mut self, object: &PackedObject) {
        let do_id = object.do_id;
        let stored = self.keys.stored(object);
        let (class, fields) = stored.expect("the catalog has all names of the DC files");
        let at = (self.place)(do_id, self.parts.len());
        let place = self.places.next(0);
        let loaded = self.parts[at].load(place, do_id, class, &fields);
        loaded.expect("an object of OBJECT_BYTES_MAX fits into a record");
        let bytes = fields.iter().map(|(_, value)| value.len()).sum::<usize>();
        self.objects.insert(do_id, bytes as u32);
    }
}
