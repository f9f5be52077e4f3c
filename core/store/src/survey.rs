//! What a segment says of itself when it is read from the disk: its head, and the records that its
//! footer lists or, without one, those that are found one behind the other.

use crate::catalog::Catalog;
use crate::disk::{Disk, DiskError, read_aligned};
use crate::ids::{ClassKey, Place, SegmentId};
use crate::log::COMMIT_BYTES_MAX;
use crate::options::OpenError;
use crate::record::{HEADER_BYTES, Said, Seal, View, commit_at, word_at};
use crate::segment::{Entry, Footer, Head, HeadError, TRAILER_BYTES, Trailer, footer_start};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use wire::ids::DoId;

/// How much of a segment is read to find its head, at first.
const HEAD_GUESS: usize = 4096;

/// A segment as it was found.
#[derive(Debug)]
pub(crate) struct Survey {
    pub head: Head,
    /// How long the file is.
    pub bytes: u32,
    /// Where the first record stands.
    pub first_record: u32,
    pub entries: Vec<Entry>,
    pub first_commit: u64,
    pub last_commit: u64,
    /// Greater than every id that the segment knows of.
    pub next_do_id: DoId,
    /// Where the records end that are listed.
    pub end: u32,
    /// None: it is sealed.
    pub loose: Option<Loose>,
}

/// What is known of a segment without a footer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Loose {
    /// It has a footer, but a damaged one.
    pub footer_damaged: bool,
    /// How many records of a commit that was not finished stand behind those that are listed, of
    /// which commit, and where they end.
    pub unfinished: usize,
    pub unfinished_commit: Option<u64>,
    pub unfinished_end: u32,
    /// A record beyond something that is none: where, and the greatest commit there is there.
    pub beyond: Option<(u32, u64)>,
}

impl Survey {
    /// Reads the segment's head, and its footer or else its records.
    pub fn of(disk: &dyn Disk, segment: SegmentId) -> Result<Survey, OpenError> {
        let bytes = disk.len(segment)?;
        let (head, first_record) = read_head(disk, segment, bytes)?;
        let mut survey = Survey {
            first_commit: 0,
            last_commit: 0,
            next_do_id: head.next_do_id,
            head,
            bytes,
            first_record,
            entries: Vec::new(),
            end: first_record,
            loose: None,
        };
        let footer_damaged = match survey.read_footer(disk)? {
            Some(true) => return Ok(survey),
            Some(false) => true,
            None => false,
        };
        let all = read_aligned(disk, segment, 0, bytes)?;
        survey.scan(&all, footer_damaged);
        Ok(survey)
    }

    /// A sealed segment whose head cannot be read, by what its footer says. The names are those of
    /// the other segments.
    pub fn without_head(segment: SegmentId, bytes: &[u8], catalog: &Catalog) -> Option<Survey> {
        let salt = Trailer::salt_of(bytes)?;
        let footer = Footer::of_segment(bytes, salt)?;
        let records: u64 = footer.entries(0).map(|entry| u64::from(entry.bytes)).sum();
        let trailer = footer.trailer;
        let first_record = trailer.records_end.checked_sub(u32::try_from(records).ok()?)?;
        let next_do_id = trailer.next_do_id;
        Some(Survey {
            head: Head { segment, salt, next_do_id, catalog: catalog.clone() },
            bytes: u32::try_from(bytes.len()).ok()?,
            first_record,
            entries: footer.entries(0).collect(),
            first_commit: trailer.first_commit,
            last_commit: trailer.last_commit,
            next_do_id,
            end: trailer.records_end,
            loose: None,
        })
    }

    pub fn segment(&self) -> SegmentId {
        self.head.segment
    }

    /// The listed records, and where they stand.
    pub fn places(&self) -> impl Iterator<Item = (&Entry, Place)> {
        let segment = self.segment();
        let mut offset = self.first_record;
        self.entries.iter().map(move |entry| {
            let place = Place { segment, offset, bytes: entry.bytes };
            offset += entry.bytes;
            (entry, place)
        })
    }

    pub fn trailer(&self) -> Trailer {
        Trailer {
            first_commit: self.first_commit,
            last_commit: self.last_commit,
            next_do_id: self.next_do_id,
            records_end: self.end,
            salt: self.head.salt,
        }
    }

    /// Some(true): there is one, and it holds. Some(false): it is damaged.
    fn read_footer(&mut self, disk: &dyn Disk) -> Result<Option<bool>, DiskError> {
        let segment = self.segment();
        let mut tail = vec![0; TRAILER_BYTES];
        let Some(at) = self.bytes.checked_sub(TRAILER_BYTES as u32) else { return Ok(None) };
        if at < self.first_record || disk.read(segment, at, &mut tail)? < TRAILER_BYTES {
            return Ok(None);
        }
        if !Trailer::begins(&tail) {
            return Ok(None);
        }
        let start = footer_start(self.bytes, &tail).filter(|start| *start >= self.first_record);
        let Some(start) = start else { return Ok(Some(false)) };
        let mut footer = vec![0; (self.bytes - start) as usize];
        let read = disk.read(segment, start, &mut footer)?;
        footer.truncate(read);
        Ok(Some(self.take_footer(&footer, start)))
    }

    fn take_footer(&mut self, bytes: &[u8], start: u32) -> bool {
        let Some(footer) = Footer::decode(bytes, start, self.head.salt) else { return false };
        let entries: Vec<Entry> = footer.entries(0).collect();
        let records: u64 = entries.iter().map(|entry| u64::from(entry.bytes)).sum();
        if u64::from(self.first_record) + records != u64::from(start) {
            return false;
        }
        self.entries = entries;
        self.first_commit = footer.trailer.first_commit;
        self.last_commit = footer.trailer.last_commit;
        self.next_do_id = self.next_do_id.max(footer.trailer.next_do_id);
        self.end = start;
        true
    }

    /// Where the last commit begins.
    pub fn last_commit_start(&self, disk: &dyn Disk) -> Result<u32, DiskError> {
        let longest = u32::try_from(COMMIT_BYTES_MAX).unwrap_or(u32::MAX);
        let base = self.first_record.max(self.end.saturating_sub(longest));
        let mut bytes = vec![0; (self.end - base) as usize];
        let read = disk.read(self.segment(), base, &mut bytes)?;
        bytes.truncate(read);
        let mut start = self.end;
        for entry in self.entries.iter().rev() {
            let Some(before) = start.checked_sub(entry.bytes).filter(|before| *before >= base)
            else {
                break;
            };
            if commit_at(&bytes, (before - base) as usize) != Some(self.last_commit) {
                break;
            }
            start = before;
        }
        Ok(start)
    }

    /// Writes what stands from `start` on once more, then a footer behind it, where nothing follows
    /// any more. Where there is a footer, there are its records: it is written when they are
    /// durable.
    pub fn seal_from(&mut self, disk: &dyn Disk, start: u32) -> Result<(), DiskError> {
        let segment = self.segment();
        if start < self.end {
            let mut bytes = vec![0; (self.end - start) as usize];
            let read = disk.read(segment, start, &mut bytes)?;
            disk.write(segment, start, &bytes[..read])?;
            disk.sync(segment)?;
        }
        let footer = self.trailer().encode(&self.entries);
        if self.loose.take().is_some() {
            disk.truncate(segment, self.end)?;
        }
        disk.write(segment, self.end, &footer)?;
        disk.sync(segment)?;
        self.bytes = self.end + footer.len() as u32;
        Ok(())
    }

    /// Lists the records of all finished commits, one behind the other.
    pub fn scan(&mut self, bytes: &[u8], footer_damaged: bool) {
        let seal = self.head.seal();
        let mut at = self.first_record as usize;
        let mut open: Vec<Entry> = Vec::new();
        let mut open_commit = None;
        while let Some((view, entry, next)) = entry_at(seal, bytes, at) {
            let first = self.entries.is_empty();
            let follows = open_commit.or((!first).then_some(self.last_commit + 1));
            if follows.is_some_and(|commit| commit != view.commit) {
                break;
            }
            self.next_do_id = self.next_do_id.max(next);
            at += view.bytes();
            open.push(entry);
            open_commit = Some(view.commit);
            if view.last {
                self.first_commit = if first { view.commit } else { self.first_commit };
                self.last_commit = view.commit;
                self.entries.append(&mut open);
                self.end = at as u32;
                open_commit = None;
            }
        }
        let before = open_commit.map(|commit| commit.saturating_sub(1));
        let listed = (!self.entries.is_empty()).then_some(self.last_commit);
        self.loose = Some(Loose {
            footer_damaged,
            unfinished: open.len(),
            unfinished_commit: open_commit,
            unfinished_end: at as u32,
            beyond: beyond(seal, bytes, at, before.or(listed)),
        });
    }
}

/// The record at `at`, as a footer lists it, and the id that comes after those that it knows of.
pub(crate) fn entry_at(seal: Seal, bytes: &[u8], at: usize) -> Option<(View<'_>, Entry, DoId)> {
    let view = seal.read(bytes.get(at..)?)?;
    let (do_id, class, next) = match view.said()? {
        Said::Object(object) => (object.do_id(), object.class(), after(object.do_id())),
        Said::Tombstone(do_id, class) => (do_id, class, after(do_id)),
        Said::Mark(next) => (DoId(0), ClassKey(0), next),
    };
    let entry = Entry { do_id, class, kind: view.kind, bytes: view.bytes() as u32 };
    Some((view, entry, next))
}

/// The id after this one; the last one has none.
pub(crate) fn after(do_id: DoId) -> DoId {
    DoId(do_id.0.saturating_add(1))
}

/// Looks for records from `from` on: where the first one stands, and the greatest commit. `last` is
/// the last commit before: a segment has no room for more commits behind it than headers. So the
/// checksum of what stands there of a segment before, or was made to look like records, is not
/// calculated.
fn beyond(seal: Seal, bytes: &[u8], from: usize, last: Option<u64>) -> Option<(u32, u64)> {
    let mut found: Option<(u32, u64)> = None;
    let mut at = from;
    let commits_max = (bytes.len() / HEADER_BYTES) as u64;
    while at + HEADER_BYTES < bytes.len() {
        let behind = |last: u64| commit_at(bytes, at).and_then(|commit| commit.checked_sub(last));
        let is_later = |last| behind(last).is_some_and(|by| (1..=commits_max).contains(&by));
        let plausible =
            word_at(bytes, at).is_some_and(|word| word != 0) && last.is_none_or(is_later);
        match plausible.then(|| seal.read(&bytes[at..])).flatten() {
            Some(view) => {
                let (first, commit) = found.unwrap_or((at as u32, 0));
                found = Some((first, commit.max(view.commit)));
                at += view.bytes();
            }
            None => at += 8,
        }
    }
    found
}

fn read_head(disk: &dyn Disk, segment: SegmentId, bytes: u32) -> Result<(Head, u32), OpenError> {
    let mut start = vec![0; HEAD_GUESS.min(bytes as usize)];
    let read = disk.read(segment, 0, &mut start)?;
    start.truncate(read);
    if let Some(all) = Head::bytes(&start).filter(|all| *all > start.len()) {
        start.resize(all.min(bytes as usize), 0);
        let read = disk.read(segment, 0, &mut start)?;
        start.truncate(read);
    }
    let damaged = |what: &str| OpenError::Damaged { segment, offset: 0, what: String::from(what) };
    match Head::decode(&start) {
        Ok((head, end)) if head.segment == segment => Ok((head, end as u32)),
        Ok(_) => Err(damaged("its head is that of another segment")),
        Err(HeadError::Damaged) => Err(damaged("its head cannot be read")),
        Err(HeadError::Format(format)) => Err(OpenError::Format { segment, format }),
    }
}
