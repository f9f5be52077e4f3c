//! The stores of Databases, opened: a log for the engine, and a part for each shard.

use crate::config::General;
use crate::roles::{Backend, Database};
use dc::Schema;
use std::sync::Arc;
use store::{CatalogFull, Committer, Disk, Log, Options, Part, SEGMENT_BYTES};
use wire::ids::DoId;

/// An open store.
pub struct OpenStore {
    /// What the engine, or the simulator, commits with.
    pub committer: Box<dyn Committer>,
    /// The shares of the shards, in order.
    pub shares: Vec<StoreShare>,
    /// What an operator should know of what was found.
    pub remarks: Vec<String>,
}

/// What the instance of a Database on one shard begins with.
pub struct StoreShare {
    /// Its objects.
    pub part: Part,
    /// The store has never seen this id or a greater one.
    pub next_do_id: DoId,
}

/// Why a store cannot be opened. No object of it was changed, but opening may have cut off an
/// unfinished last write, or begun a segment, before what was wrong was found.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be read.
    #[error(transparent)]
    Open(#[from] store::OpenError),
    /// The DC files have more names than it can hold.
    #[error(transparent)]
    Catalog(#[from] CatalogFull),
    /// What it holds would be misread.
    #[error(transparent)]
    Schema(#[from] database::Problem),
    /// A folder of YAML files cannot be read.
    #[error(transparent)]
    Folder(#[from] yaml_folder::OpenError),
}

/// Opens the embedded store of `database`, which lies on `disk`, for so many shards.
pub fn open_store(
    database: &Database,
    general: &General,
    shards: usize,
    hash_seeds: [u64; 4],
    disk: Arc<dyn Disk>,
) -> Result<OpenStore, StoreError> {
    let schema = schema_of(general);
    let Backend::Store { segment_bytes } = database.backend else {
        unreachable!("only an embedded store lies on a disk of segments")
    };
    let opened = Log::open(disk, &options(&schema, segment_bytes, shards, hash_seeds)?)?;
    let report = database::examine(&opened.parts, &schema)?;
    let mut remarks = Vec::new();
    if let Some(cut) = &opened.report.cut {
        let (segment, offset) = (cut.segment, cut.offset);
        remarks.push(format!(
            "the last write before a crash was not finished and was cut off (segment {segment}, \
             offset {offset}); nobody had been told that it was stored"
        ));
    }
    if !report.is_empty() {
        remarks.push(format!("stored, but no longer in the DC files, and kept: {report}"));
    }
    let next_do_id = opened.report.next_do_id;
    remarks.extend(no_id_left(*database.generate.end(), next_do_id));
    let share = |part| StoreShare { part, next_do_id };
    let shares = opened.parts.into_iter().map(share).collect();
    Ok(OpenStore { committer: Box::new(opened.log), shares, remarks })
}

/// Opens the folder of YAML files of `database` for so many shards.
pub fn open_folder(
    database: &Database,
    general: &General,
    shards: usize,
    hash_seeds: [u64; 4],
    files: Box<dyn yaml_folder::Files>,
) -> Result<OpenStore, StoreError> {
    let schema = schema_of(general);
    let options = options(&schema, None, shards, hash_seeds)?;
    let opened = yaml_folder::open(files, schema, &options)?;
    let next_do_id = opened.next_do_id;
    let mut remarks = opened.warnings;
    remarks.extend(no_id_left(*database.generate.end(), next_do_id));
    let share = |part| StoreShare { part, next_do_id };
    let shares = opened.parts.into_iter().map(share).collect();
    Ok(OpenStore { committer: Box::new(opened.committer), shares, remarks })
}

/// What there is to say where no id of `generate` lies above all that were given.
fn no_id_left(max: DoId, next_do_id: DoId) -> Option<String> {
    let is_left = next_do_id <= max && next_do_id != DoId(u32::MAX);
    let what = format!(
        "no id is left (the next one is {next_do_id}, generate.max is {max}): every create will be \
         answered with 0; widen generate.max"
    );
    (!is_left).then_some(what)
}

fn options(
    schema: &Schema,
    segment_bytes: Option<u32>,
    shards: usize,
    hash_seeds: [u64; 4],
) -> Result<Options, CatalogFull> {
    Ok(Options {
        parts: shards,
        place: |do_id, shards| usize::from(runtime::place(do_id, shards).0),
        segment_bytes: segment_bytes.unwrap_or(SEGMENT_BYTES),
        catalog: database::wanted(schema)?,
        hash_seeds,
        ..Options::default()
    })
}

fn schema_of(general: &General) -> Arc<Schema> {
    let schema = general.classes.schema.clone();
    schema.expect("a Database without classes is refused when the configuration is read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_when_no_id_is_left() {
        assert_eq!(no_id_left(DoId(5), DoId(5)), None);
        assert_eq!(
            no_id_left(DoId(5), DoId(6)).as_deref(),
            Some(
                "no id is left (the next one is 6, generate.max is 5): every create will be \
                 answered with 0; widen generate.max"
            )
        );
        assert!(no_id_left(DoId(u32::MAX), DoId(u32::MAX)).is_some());
    }
}
