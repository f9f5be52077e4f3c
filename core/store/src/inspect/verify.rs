//! Whether every byte of a store that matters is as it was written.

use super::Progress;
use super::snapshot::look;
use crate::disk::{Disk, DiskError, read_aligned};
use crate::ids::{ClassKey, SegmentId};
use crate::options::OpenError;
use crate::record::Kind;
use crate::recovery;
use crate::segment::Entry;
use crate::survey::{Survey, entry_at};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use wire::ids::DoId;

/// What verifying found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Verified {
    /// What is wrong, in the order of the log. A store without any is in order.
    pub findings: Vec<Finding>,
    /// The end that a crash left unfinished, which nobody relied on and the next start cuts off.
    pub unfinished: Option<SegmentId>,
    /// Records that are as they were written.
    pub records: u64,
    /// Objects, damaged ones included.
    pub objects: u64,
}

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// In which segment.
    pub segment: SegmentId,
    /// Where in it.
    pub offset: u32,
    /// What.
    pub fault: Fault,
}

/// What can be wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A record is damaged that holds the newest version of this object.
    Object(DoId, ClassKey),
    /// A record is damaged that no object needs: a newer one stands elsewhere.
    Superseded(DoId),
    /// The note is damaged that this object is gone.
    Tombstone(DoId),
    /// The note of the next id is damaged.
    Mark,
    /// The footer is damaged; the records are listed without it.
    Footer,
    /// The log is broken here: what is said.
    Log(String),
    /// The segment is of another format.
    Format(u32),
    /// The disk refused: what it said.
    Disk(DiskError),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {}, offset {}: ", self.segment, self.offset)?;
        match &self.fault {
            Fault::Object(do_id, _) => write!(f, "the record of object {do_id} is damaged"),
            Fault::Superseded(do_id) => {
                write!(
                    f,
                    "an old record of object {do_id} is damaged; a newer one stands elsewhere"
                )
            }
            Fault::Tombstone(do_id) => {
                write!(f, "the note is damaged that object {do_id} was deleted")
            }
            Fault::Mark => f.write_str("the note of the next id is damaged"),
            Fault::Footer => f.write_str("the footer is damaged"),
            Fault::Log(what) => f.write_str(what),
            Fault::Format(format) => write!(f, "it is of format {format}, which is not known"),
            Fault::Disk(why) => write!(f, "{why}"),
        }
    }
}

/// Reads every record, footer and head. On a store that a server has, of [`super::Frozen`] files.
pub fn verify(disk: &dyn Disk, progress: Progress<'_>) -> Result<Verified, DiskError> {
    let mut verifying = Verifying::default();
    let (surveys, unreadable) = look(disk)?;
    match recovery::judge(&surveys) {
        Ok(judged) => verifying.verified.unfinished = judged.report.cut.map(|cut| cut.segment),
        // That something is missing where a segment cannot be read is said below.
        Err(why) if unreadable.is_empty() => verifying.unreadable(SegmentId::default(), why),
        Err(_) => {}
    }
    for (segment, why) in unreadable {
        verifying.unreadable(segment, why);
    }
    let all = surveys.iter().map(|survey| u64::from(survey.end)).sum();
    let mut done = 0;
    for survey in &surveys {
        verifying.records(disk, survey);
        done += u64::from(survey.end);
        progress(done, all);
    }
    verifying.newest(&surveys);
    Ok(verifying.finish())
}

#[derive(Default)]
struct Verifying {
    verified: Verified,
    findings: Vec<Finding>,
    /// Damaged records of objects.
    damaged: Vec<(SegmentId, u32, DoId, ClassKey)>,
}

impl Verifying {
    fn found(&mut self, segment: SegmentId, offset: u32, fault: Fault) {
        self.findings.push(Finding { segment, offset, fault });
    }

    fn records(&mut self, disk: &dyn Disk, survey: &Survey) {
        let segment = survey.segment();
        if survey.loose.is_some_and(|loose| loose.footer_damaged) {
            self.found(segment, survey.end, Fault::Footer);
        }
        let bytes = match read_aligned(disk, segment, 0, survey.end) {
            Ok(bytes) => bytes,
            Err(why) => return self.found(segment, 0, Fault::Disk(why)),
        };
        let seal = survey.head.seal();
        for (entry, place) in survey.places() {
            match entry_at(seal, &bytes, place.offset as usize) {
                Some((_, found, _)) if found == *entry => self.verified.records += 1,
                Some(_) | None => self.damaged_record(segment, place.offset, entry),
            }
        }
    }

    fn damaged_record(&mut self, segment: SegmentId, offset: u32, entry: &Entry) {
        match entry.kind {
            Kind::Object => self.damaged.push((segment, offset, entry.do_id, entry.class)),
            Kind::Tombstone => self.found(segment, offset, Fault::Tombstone(entry.do_id)),
            Kind::Mark => self.found(segment, offset, Fault::Mark),
        }
    }

    /// Tells which damaged records matter.
    fn newest(&mut self, surveys: &[Survey]) {
        let mut newest = BTreeMap::new();
        for (entry, place) in surveys.iter().flat_map(Survey::places) {
            match entry.kind {
                Kind::Object => newest.insert(entry.do_id, (place.segment, place.offset)),
                Kind::Tombstone => newest.remove(&entry.do_id),
                Kind::Mark => None,
            };
        }
        self.verified.objects = newest.len() as u64;
        for (segment, offset, do_id, class) in core::mem::take(&mut self.damaged) {
            let matters = newest.get(&do_id) == Some(&(segment, offset));
            let fault =
                if matters { Fault::Object(do_id, class) } else { Fault::Superseded(do_id) };
            self.found(segment, offset, fault);
        }
    }

    fn unreadable(&mut self, segment: SegmentId, why: OpenError) {
        match why {
            OpenError::Damaged { segment, offset, what } => {
                self.found(segment, offset, Fault::Log(what));
            }
            OpenError::Format { segment, format } => {
                self.found(segment, 0, Fault::Format(format));
            }
            OpenError::Disk(why) => self.found(segment, 0, Fault::Disk(why)),
            OpenError::Catalog(why) => self.found(segment, 0, Fault::Log(why.to_string())),
        }
    }

    fn finish(mut self) -> Verified {
        self.findings.sort_by_key(|finding| (finding.segment, finding.offset));
        self.verified.findings = self.findings;
        self.verified
    }
}
