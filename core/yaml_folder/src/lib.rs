//! Astron's folder of YAML files, as a place where the Database keeps its objects (`astron`
//! section 7).
//!
//! One file per object, named for its id, with values as DC text; and `info.yaml`. What is written
//! here can be read by Astron, and the other way round. A file is replaced as a whole, and
//! what is reported durable survives a loss of power; it costs a sync per object, so this is for
//! small parks and for coming and going, not for speed.

mod committer;
mod contents;
mod export;
mod files;
mod info_file;
mod keys;
mod object_file;
mod open;
mod problem;
mod scalar;
mod text_object;
mod tree;

pub use committer::FolderCommitter;
pub use contents::{Contents, read, read_object};
pub use export::{Export, ExportError};
pub use files::{Files, Folder, FolderError};
pub use info_file::Info;
pub use keys::{Keys, Known, catalog};
pub use object_file::{file_name, write as object_text};
pub use open::{OpenError, Opened, open};
pub use problem::{InFile, PROBLEMS_MAX, Problem, Problems};
pub use text_object::{OBJECT_BYTES_MAX, PackedObject, TextField, TextObject, is_stored};
