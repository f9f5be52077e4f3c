//! From what lies on the disk to a store that goes on: which records count, what was left
//! unfinished, what is damaged.
//!
//! A commit is written only when the one before is durable. So behind the first bad record there
//! may be leftovers of the same commit, in any order; a record of a later commit there means that
//! something durable was lost, and that is never passed over in silence.

use crate::catalog::Catalog;
use crate::disk::{Disk, DiskError};
use crate::ids::SegmentId;
use crate::options::{Cut, OpenError, Options, Report};
use crate::segment::footer_bytes;
use crate::survey::Survey;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What counts of a log.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// Segments with records, ascending.
    pub filled: Vec<Survey>,
    /// Segments without.
    pub empty: Vec<SegmentId>,
    /// The names of all segments.
    pub catalog: Catalog,
    pub last_commit: u64,
    pub last_segment: SegmentId,
    pub report: Report,
}

/// Reads the log, and changes nothing.
pub(crate) fn read(disk: &dyn Disk) -> Result<Recovered, OpenError> {
    let mut surveys = Vec::new();
    for segment in disk.list()? {
        surveys.push(Survey::of(disk, segment)?);
    }
    Recovered::of(surveys)
}

/// Tells what counts, of all segments in order; leaves out the segments themselves.
pub(crate) fn judge(surveys: &[Survey]) -> Result<Recovered, OpenError> {
    let mut recovered = Recovered::default();
    // Whether all segments before were sealed: then compaction may have taken some away between
    // them and this one. If so, this one or one before has the mark that was written first. Where
    // segments are missing that may also be so behind one that is not sealed: a process that was
    // killed, or whose sync failed, had not made the footer durable, and the next one did not know.
    let mut gap_allowed = true;
    let tail = surveys.iter().rposition(|survey| !survey.entries.is_empty());
    for (at, survey) in surveys.iter().enumerate() {
        let before = core::mem::replace(&mut recovered.last_segment, survey.segment());
        let is_next = survey.segment().0 == before.0 + 1;
        recovered.catalog.add(&survey.head.catalog)?;
        let report = &mut recovered.report;
        report.next_do_id = report.next_do_id.max(survey.next_do_id);
        let follows = recovered.last_commit + 1;
        let gap = survey.first_commit > follows && is_next && !gap_allowed;
        if !survey.entries.is_empty() && (gap || survey.first_commit < follows) {
            let what = format!("its first commit is {}, not {follows}", survey.first_commit);
            return Err(damaged(survey, survey.first_record, what));
        }
        gap_allowed &= survey.loose.is_none_or(|loose| loose.footer_damaged);
        check_records_of_footer(survey)?;
        if tail.is_some_and(|tail| at < tail) {
            check_middle(survey)?;
        } else {
            report.cut = check_tail(survey, follows)?.or(report.cut);
        }
        if !survey.entries.is_empty() {
            recovered.last_commit = survey.last_commit;
            report.segments += 1;
            if survey.loose.is_some_and(|loose| loose.footer_damaged) {
                report.footers_rebuilt.push(survey.segment());
            }
        }
    }
    Ok(recovered)
}

/// A segment with a footer was finished: its records reach just up to it, though it cannot be read.
fn check_records_of_footer(survey: &Survey) -> Result<(), OpenError> {
    let Some(loose) = &survey.loose else { return Ok(()) };
    let all = survey.end as usize + footer_bytes(survey.entries.len());
    if loose.footer_damaged && all != survey.bytes as usize {
        let what = String::from("a record cannot be read, nor can the footer that lists it");
        return Err(damaged(survey, loose.unfinished_end, what));
    }
    Ok(())
}

/// A segment with a later one that has records: it was finished.
fn check_middle(survey: &Survey) -> Result<(), OpenError> {
    let Some(loose) = &survey.loose else { return Ok(()) };
    if loose.unfinished > 0 || loose.beyond.is_some() {
        let what = String::from("a record cannot be read, and there are later ones");
        return Err(damaged(survey, loose.unfinished_end, what));
    }
    Ok(())
}

/// The last segment with records, or an empty one behind it. `follows` is the commit that may begin
/// in it, where it has none of its own.
fn check_tail(survey: &Survey, follows: u64) -> Result<Option<Cut>, OpenError> {
    let Some(loose) = &survey.loose else { return Ok(None) };
    let next = if survey.entries.is_empty() { follows } else { survey.last_commit + 1 };
    let unfinished = loose.unfinished_commit.unwrap_or(next);
    let beyond = loose.beyond.map_or(next, |(_, commit)| commit);
    if unfinished != next || beyond > next {
        let what = String::from("a record cannot be read, and there are later ones");
        return Err(damaged(survey, loose.unfinished_end, what));
    }
    let torn = loose.unfinished > 0 || loose.beyond.is_some();
    let cut = Cut { segment: survey.segment(), offset: survey.end, records: loose.unfinished };
    Ok(torn.then_some(cut))
}

fn damaged(survey: &Survey, offset: u32, what: String) -> OpenError {
    OpenError::Damaged { segment: survey.segment(), offset, what }
}

impl Recovered {
    /// Of all segments in order.
    pub fn of(surveys: Vec<Survey>) -> Result<Recovered, OpenError> {
        let mut recovered = judge(&surveys)?;
        let (empty, filled): (Vec<_>, Vec<_>) =
            surveys.into_iter().partition(|survey| survey.entries.is_empty());
        recovered.empty = empty.iter().map(Survey::segment).collect();
        recovered.filled = filled;
        Ok(recovered)
    }

    /// Seals what was not, and takes the empty segments away.
    ///
    /// The last commit is written again. It can be that its sync failed, or never ran, before the
    /// process ended: the bytes may then be there to be read and still not be on the disk, and a
    /// sync without a write would not bring them there.
    pub fn put_in_order(&mut self, disk: &dyn Disk) -> Result<(), DiskError> {
        let last = self.filled.len().checked_sub(1);
        for (at, survey) in self.filled.iter_mut().enumerate() {
            let start = match (Some(at) == last, &survey.loose) {
                (true, _) => survey.last_commit_start(disk)?,
                (false, Some(_)) => survey.end,
                (false, None) => continue,
            };
            survey.seal_from(disk, start)?;
        }
        for segment in self.empty.drain(..) {
            disk.remove(segment)?;
        }
        // Their numbers may be given again.
        disk.tidy()
    }

    /// The names of the store, and those that are wanted.
    pub fn catalog(&self, options: &Options) -> Result<Catalog, OpenError> {
        let mut catalog = self.catalog.clone();
        catalog.add(&options.catalog)?;
        Ok(catalog)
    }
}
