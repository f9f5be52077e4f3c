//! `verify`: whether everything in a database can be read and means something.

use super::cli::Place;
use super::ending::{Done, Ending, Failure, count};
use super::open;
use super::place::{Database, Kind};
use super::progress::Progress;
use dc::Schema;
use rkyv::util::AlignedVec;
use serde::Serialize;
use std::io::{self, Write};
use std::sync::Arc;
use store::inspect::{self, Fault, Snapshot};
use yaml_folder::{Keys, Known};

/// What was looked at, and what is wrong.
#[derive(Serialize, Default)]
struct Verified {
    directory: String,
    objects: u64,
    /// Whether values were checked by DC files.
    values_checked: bool,
    findings: Vec<Finding>,
}

/// Something that is wrong.
#[derive(Serialize, Default)]
struct Finding {
    /// The file of a YAML folder, and the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// The segment of a store, and where in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    what: String,
}

/// Reads everything and says what is wrong.
pub fn verify(place: &Place, json: bool) -> Done {
    let database = Database::named(place)?;
    let verified = match database.kind {
        Kind::Store => verify_store(&database)?,
        Kind::Yaml | Kind::Nothing => verify_folder(&database)?,
    };
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &verified)?;
        writeln!(out)?;
    } else {
        verified.findings.iter().try_for_each(|finding| writeln!(out, "{}", line(finding)))?;
    }
    Ok(ending(&verified, database.kind).beside(json))
}

fn line(finding: &Finding) -> String {
    let file = finding.file.as_ref().map(|file| match finding.line {
        Some(line) => format!("{file}:{line}"),
        None => file.clone(),
    });
    let places = [
        file,
        finding.segment.map(|segment| format!("segment {segment}")),
        finding.offset.map(|offset| format!("offset {offset}")),
        finding.object.map(|object| format!("object {object}")),
        finding.field.as_ref().map(|field| format!("`{field}`")),
    ];
    let places: Vec<String> = places.into_iter().flatten().collect();
    format!("{}: {}", places.join(", "), finding.what)
}

fn ending(verified: &Verified, kind: Kind) -> Ending {
    let objects = count(verified.objects, "object");
    let directory = &verified.directory;
    let values = match verified.values_checked {
        true => "their values checked by the DC files",
        false => "their values not checked: name the DC files with --dc",
    };
    if verified.findings.is_empty() {
        return Ending::in_order(format!("{directory}: {objects}, all in order, {values}."));
    }
    let findings = count(verified.findings.len() as u64, "finding");
    let advice = match kind {
        Kind::Store => "restore a backup, or save what can be read with `ferriswheel db repair`",
        Kind::Yaml | Kind::Nothing => "correct the files named above, or take them away",
    };
    Ending::wrong(format!("{directory}: {objects} and {findings}: {advice}."))
}

fn verify_store(database: &Database) -> Result<Verified, Failure> {
    let directory = database.directory.display().to_string();
    let segments = open::frozen(&database.directory)?;
    let mut progress = Progress::new("verifying");
    let found = inspect::verify(&*segments, &mut |done, of| progress.at(done, of, "bytes"))?;
    drop(progress);
    let objects = found.objects;
    let findings: Vec<Finding> = found.findings.iter().map(finding).collect();
    let mut verified = Verified { directory, objects, findings, ..Verified::default() };
    if let Some(schema) = &database.schema
        && let Ok(snapshot) = Snapshot::of(segments)
    {
        verified.values_checked = true;
        check_values(&snapshot, schema, &mut verified.findings);
    }
    verified.findings.sort_by_key(|finding| (finding.segment, finding.offset));
    Ok(verified)
}

fn finding(of: &inspect::Finding) -> Finding {
    let object = match &of.fault {
        Fault::Object(do_id, _) | Fault::Superseded(do_id) | Fault::Tombstone(do_id) => {
            Some(do_id.0)
        }
        Fault::Mark | Fault::Footer | Fault::Log(_) | Fault::Format(_) | Fault::Disk(_) => None,
    };
    let whole = of.to_string();
    let place = format!("segment {}, offset {}: ", of.segment, of.offset);
    let what = whole.strip_prefix(&place).unwrap_or(&whole).to_owned();
    let (segment, offset) = (Some(of.segment.0), Some(of.offset));
    Finding { segment, offset, object, what, ..Finding::default() }
}

/// Checks the newest version of each object that can be read.
fn check_values(snapshot: &Snapshot, schema: &Arc<Schema>, findings: &mut Vec<Finding>) {
    let keys = Keys::new(schema.clone(), snapshot.catalog().clone());
    let (mut room, mut progress) = (AlignedVec::new(), Progress::new("checking values"));
    let objects = snapshot.objects();
    let all = objects.len() as u64;
    for ((do_id, _), at) in objects.zip(1..) {
        progress.at(at, all, "objects");
        // One that cannot be read was found before.
        let Ok(Some(object)) = snapshot.find(do_id, &mut room) else { continue };
        // One of a class that is gone is kept for the day when the class is back.
        let Some(known) = keys.known(do_id, &object) else { continue };
        let place = snapshot.place_of(do_id);
        for (field, what) in wrong_values(&known, schema) {
            findings.push(Finding {
                segment: place.map(|place| place.segment.0),
                offset: place.map(|place| place.offset),
                object: Some(do_id.0),
                field: Some(field),
                what,
                ..Finding::default()
            });
        }
    }
}

fn wrong_values(known: &Known, schema: &Schema) -> Vec<(String, String)> {
    let check = |(id, bytes): &(dc::FieldId, Vec<u8>)| {
        let why = schema.check(*id, bytes).err()?;
        Some((schema.field(*id).name.clone(), format!("the bytes are no value: {why}")))
    };
    known.object.fields.iter().filter_map(check).collect()
}

fn verify_folder(database: &Database) -> Result<Verified, Failure> {
    let (schema, mut progress) = (database.classes()?, Progress::new("verifying"));
    let folder = open::folder(&database.directory)?;
    let mut at = |done: usize, of: usize| progress.at(done as u64, of as u64, "files");
    let contents = yaml_folder::read(&folder, &schema, &mut |_| (), &mut at)?;
    let finding = |problem: &yaml_folder::Problem| Finding {
        file: Some(problem.file.clone()),
        line: problem.line,
        what: problem.what.clone(),
        ..Finding::default()
    };
    let mut findings: Vec<Finding> = contents.problems.said.iter().map(finding).collect();
    let unsaid = contents.problems.count - findings.len();
    if unsaid > 0 {
        findings.push(Finding { what: format!("and {unsaid} more"), ..Finding::default() });
    }
    Ok(Verified {
        directory: database.directory.display().to_string(),
        objects: contents.objects as u64,
        values_checked: true,
        findings,
    })
}
