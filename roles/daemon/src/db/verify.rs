//! `verify`: whether everything in a database can be read and means something.

use super::cli::Place;
use super::desk::{Desk, Stored};
use super::ending::{Done, Ending, Failure, count};
use super::open;
use super::place::{Database, Kind};
use super::progress::Progress;
use dc::Schema;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;
use store::OpenError;
use yaml_folder::Known;

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
    let mut verified = Verified { directory, ..Verified::default() };
    let mut desk = match open::snapshot_with_segments(&database.directory)? {
        Ok((desk, _)) => desk,
        Err(OpenError::Damaged { segment, offset, what }) => {
            let what = format!("{what}; what comes after is not looked at");
            let (segment, offset) = (Some(segment.0), Some(offset));
            verified.findings.push(Finding { segment, offset, what, ..Finding::default() });
            return Ok(verified);
        }
        Err(error) => return Err(error.into()),
    };
    for segment in &desk.report.footers_rebuilt {
        let what = "its footer is damaged; the next start writes it anew from the records".into();
        verified.findings.push(Finding { segment: Some(segment.0), what, ..Finding::default() });
    }
    let mut known = BTreeSet::new();
    for (do_id, place) in desk.scrub()? {
        known.insert(place.to_string());
        let (segment, offset) = (Some(place.segment.0), Some(place.offset));
        let what = "the record cannot be read".into();
        let object = Some(do_id.0);
        verified.findings.push(Finding { segment, offset, object, what, ..Finding::default() });
    }
    verified.objects = desk.ids().len() as u64;
    if let Some(schema) = &database.schema {
        verified.values_checked = true;
        check_values(&mut desk, schema, &known, &mut verified)?;
    }
    verified.findings.sort_by_key(|finding| (finding.segment, finding.offset));
    Ok(verified)
}

/// Checks the newest version of each object; damaged ones of `known` have been named.
fn check_values(
    desk: &mut Desk,
    schema: &Arc<Schema>,
    known: &BTreeSet<String>,
    verified: &mut Verified,
) -> Result<(), Failure> {
    let keys = desk.keys(schema.clone());
    let (ids, mut progress) = (desk.ids(), Progress::new("verifying"));
    for (at, &do_id) in ids.iter().enumerate() {
        let place = desk.place_of(do_id);
        let (segment, offset) = (place.map(|at| at.segment.0), place.map(|at| at.offset));
        let object = Some(do_id.0);
        let finding =
            |field, what| Finding { segment, offset, object, field, what, ..Finding::default() };
        match desk.read(do_id, &keys)? {
            Stored::Known(of) => {
                let wrong = wrong_values(&of, schema);
                verified
                    .findings
                    .extend(wrong.into_iter().map(|(field, what)| finding(Some(field), what)));
            }
            Stored::Damaged(place) if known.contains(&place.to_string()) => (),
            Stored::Damaged(_) => {
                verified.findings.push(finding(None, "the record cannot be read".into()))
            }
            // It is kept for the day when the class is back.
            Stored::UnknownClass(_) => (),
        }
        progress.at(at as u64 + 1, ids.len() as u64, "objects");
    }
    Ok(())
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
