//! All objects of a folder.

use crate::files::Files;
use crate::info_file::{self, Info};
use crate::object_file::{self, FILE_BYTES_MAX, do_id_of, file_name};
use crate::problem::{InFile, Problem, Problems};
use crate::text_object::{PackedObject, TextObject};
use dc::Schema;
use store::DiskError;
use wire::ids::DoId;

/// What a folder holds beside its objects.
#[derive(Debug, Default)]
pub struct Contents {
    /// How many objects could be read.
    pub objects: usize,
    /// What `info.yaml` says, if it is there.
    pub info: Info,
    /// Above all ids that the folder knows of, in files and in `info.yaml`.
    pub next: u32,
    /// Files that are none of an object.
    pub strangers: Vec<String>,
    /// What cannot be read.
    pub problems: Problems,
    /// How many objects cannot be read.
    pub unreadable: usize,
}

/// Reads all files of a folder by `schema`. `keep` gets the objects that can be read, ascending;
/// `progress` hears after each how many files have been read, of how many.
pub fn read(
    files: &dyn Files,
    schema: &Schema,
    keep: &mut dyn FnMut(PackedObject),
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Contents, DiskError> {
    let mut contents = Contents::default();
    let mut do_ids = Vec::new();
    for name in files.list()? {
        match do_id_of(&name) {
            Some(do_id) => do_ids.push(do_id),
            None if name == info_file::FILE_NAME => contents.read_info(files)?,
            None if name.ends_with(".yaml") => {
                let what = "is no file of an object: its name is not the id of one".to_owned();
                contents.add(files, &name, vec![(None, what)]);
                contents.unreadable += 1;
            }
            None => contents.strangers.push(name),
        }
    }
    do_ids.sort_unstable();
    for (at, &do_id) in do_ids.iter().enumerate() {
        let name = file_name(do_id);
        match read_object(do_id, &files.read(&name)?, schema) {
            Ok(object) => {
                contents.objects += 1;
                keep(object);
            }
            Err(wrong) => {
                contents.unreadable += 1;
                contents.add(files, &name, wrong);
            }
        }
        progress(at + 1, do_ids.len());
    }
    let above = do_ids.last().map_or(0, |last| last.0.saturating_add(1));
    contents.next = contents.info.next.unwrap_or(0).max(above);
    Ok(contents)
}

/// The object that the bytes of the file of `do_id` say, or all that is wrong with them.
pub fn read_object(
    do_id: DoId,
    bytes: &[u8],
    schema: &Schema,
) -> Result<PackedObject, Vec<InFile>> {
    if bytes.len() > FILE_BYTES_MAX {
        let what = format!(
            "has {} bytes; the file of an object has at most {FILE_BYTES_MAX}",
            bytes.len()
        );
        return Err(vec![(None, what)]);
    }
    let object: TextObject = object_file::read(do_id, bytes)?;
    object.pack(schema)
}

impl Contents {
    fn read_info(&mut self, files: &dyn Files) -> Result<(), DiskError> {
        match info_file::read(&files.read(info_file::FILE_NAME)?) {
            Ok(info) => self.info = info,
            Err(wrong) => self.add(files, info_file::FILE_NAME, wrong),
        }
        Ok(())
    }

    fn add(&mut self, files: &dyn Files, file: &str, wrong: Vec<InFile>) {
        let file = files.path_of(file);
        for (line, what) in wrong {
            self.problems.push(Problem { file: file.clone(), line, what });
        }
    }
}
