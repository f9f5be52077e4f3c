//! The committer of a folder: what parts ask to be stored is in its file, durably, before they
//! hear so.
//!
//! Every object of a part stays in memory, in the record that the part has of it. Crashes: of a
//! batch that was not answered, any objects may have changed, each as a whole.

use crate::files::Files;
use crate::info_file;
use crate::keys::Keys;
use crate::object_file::{self, file_name};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{
    Append, Chore, Chored, Committer, DiskError, PartId, Place, Purpose, Record, Reply, Request,
    SegmentId, Stats,
};
use wire::ids::DoId;

/// Records that share a segment number: their offsets count in steps of 8.
const PLACES_PER_SEGMENT: u64 = 1 << 24;

/// What parts ask, in order.
type Batch = Vec<(PartId, Request)>;

/// Keeps the files of a folder.
pub struct FolderCommitter {
    files: Box<dyn Files>,
    keys: Arc<Keys>,
    info: NextInfo,
    /// How many bytes the values of each object have.
    objects: BTreeMap<DoId, u32>,
    places: Places,
    /// How many writes of each part were refused.
    refusals: Vec<u32>,
    stats: Stats,
    /// Whether nothing is written any more.
    is_failed: bool,
}

/// Names places. There is nothing there; parts only tell versions apart by them.
#[derive(Default)]
pub struct Places(u64);

impl Places {
    /// One that was never named before.
    pub fn next(&mut self, bytes: u32) -> Place {
        let (segment, at) = (self.0 / PLACES_PER_SEGMENT, self.0 % PLACES_PER_SEGMENT);
        self.0 += 1;
        Place {
            segment: SegmentId(1 + u32::try_from(segment).expect("2^56 writes are never reached")),
            offset: 8 * u32::try_from(at).expect("less than PLACES_PER_SEGMENT"),
            bytes,
        }
    }
}

/// What `info.yaml` has to say.
pub(crate) struct NextInfo {
    /// Above all ids.
    pub next: u32,
    /// What the file has for that.
    pub durable: u32,
    /// As it was found.
    pub free: Vec<u32>,
    /// Whether the file says something else.
    pub is_stale: bool,
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Its file is right.
    Done,
    /// It is not carried out.
    Refused,
}

impl FolderCommitter {
    /// Goes on from what the folder holds: these objects, with the bytes of their values.
    pub(crate) fn new(
        files: Box<dyn Files>,
        keys: Arc<Keys>,
        info: NextInfo,
        objects: BTreeMap<DoId, u32>,
        places: Places,
        parts: usize,
    ) -> FolderCommitter {
        let live_bytes = objects.values().map(|&bytes| u64::from(bytes)).sum();
        let (refusals, stats) = (vec![0; parts], Stats { live_bytes, ..Stats::default() });
        FolderCommitter { files, keys, info, objects, places, refusals, stats, is_failed: false }
    }
}

impl Committer for FolderCommitter {
    fn commit(&mut self, batch: &mut Batch, out: &mut Vec<(PartId, Reply)>) {
        if self.is_failed {
            return batch.clear();
        }
        match self.carry_out(batch) {
            Ok(fates) => self.answer(batch, &fates, out),
            Err(error) => self.fail(&error, out),
        }
        batch.clear();
    }

    fn next_chore(&mut self) -> Option<Chore> {
        None
    }

    fn chored(&mut self, _: Chored, _: &mut Vec<(PartId, Reply)>) {
        unreachable!("a folder has no chores");
    }

    fn stats(&self) -> Stats {
        Stats { objects: self.objects.len() as u64, read_only: self.is_failed, ..self.stats }
    }

    fn close(&mut self) -> Result<(), DiskError> {
        match self.info.is_stale && !self.is_failed {
            true => self.write_info().and_then(|()| self.files.sync()),
            false => Ok(()),
        }
    }
}

fn append_of(request: &Request) -> Option<&Append> {
    match request {
        Request::Append(append) => Some(append),
        // A folder asks for no sweeps, and nothing of it is away or mapped.
        Request::Swept(_)
        | Request::Stuck(_)
        | Request::Fetch(_)
        | Request::Dead(_)
        | Request::LetGo(_) => None,
    }
}

impl FolderCommitter {
    /// Makes the files right, durably.
    fn carry_out(&mut self, batch: &Batch) -> Result<Vec<Fate>, DiskError> {
        match self.carry_out_at_once(batch)? {
            true => Ok(vec![Fate::Done; batch.len()]),
            false => self.carry_out_singly(batch),
        }
    }

    /// Writes the last version of each object. False: not all can be done, and none was.
    fn carry_out_at_once(&mut self, batch: &Batch) -> Result<bool, DiskError> {
        let mut last = BTreeMap::<DoId, &Record>::new();
        for (part, request) in batch {
            let Some(append) = append_of(request) else { continue };
            if self.is_refused(*part, append) {
                return Ok(false);
            }
            last.insert(append.record.do_id(), &append.record);
        }
        match self.prepare_all(&last) {
            Ok(()) => (),
            Err(DiskError::Full { .. }) => {
                last.keys().try_for_each(|&do_id| self.files.discard(&file_name(do_id)))?;
                self.files.discard(info_file::FILE_NAME)?;
                return Ok(false);
            }
            Err(error @ (DiskError::Busy { .. } | DiskError::Failed { .. })) => return Err(error),
        }
        for (&do_id, record) in &last {
            match record.read() {
                Some(_) => self.files.publish(&file_name(do_id))?,
                None => self.files.remove(&file_name(do_id))?,
            }
        }
        if !last.is_empty() {
            self.files.sync()?;
            self.note_space(last.values().copied());
        }
        Ok(true)
    }

    fn prepare_all(&mut self, last: &BTreeMap<DoId, &Record>) -> Result<(), DiskError> {
        for (&do_id, record) in last {
            if let Some(text) = self.text(record) {
                self.files.prepare(&file_name(do_id), text.as_bytes())?;
                self.raise_next(do_id);
            }
        }
        self.write_info()
    }

    /// Writes every append by itself, and refuses those for which there is no space.
    fn carry_out_singly(&mut self, batch: &Batch) -> Result<Vec<Fate>, DiskError> {
        let mut fates = Vec::with_capacity(batch.len());
        for (part, request) in batch {
            let fate = match append_of(request) {
                None => Fate::Done,
                Some(append) => self.carry_out_one(*part, append)?,
            };
            fates.push(fate);
        }
        self.files.sync()?;
        Ok(fates)
    }

    fn carry_out_one(&mut self, part: PartId, append: &Append) -> Result<Fate, DiskError> {
        if self.is_refused(part, append) {
            self.refusals[usize::from(part.0)] += 1;
            return Ok(Fate::Refused);
        }
        let name = file_name(append.record.do_id());
        match self.write_one(&name, &append.record) {
            Ok(()) => {
                self.note_space([&append.record]);
                Ok(Fate::Done)
            }
            Err(DiskError::Full { .. }) => {
                self.files.discard(&name)?;
                self.files.discard(info_file::FILE_NAME)?;
                self.note_full();
                self.refusals[usize::from(part.0)] += 1;
                Ok(Fate::Refused)
            }
            Err(error @ (DiskError::Busy { .. } | DiskError::Failed { .. })) => Err(error),
        }
    }

    fn write_one(&mut self, name: &str, record: &Record) -> Result<(), DiskError> {
        let Some(text) = self.text(record) else {
            // Its id is not given again, be the file the only thing that says so.
            if record.do_id().0 >= self.info.durable {
                self.write_info()?;
            }
            return self.files.remove(name);
        };
        self.files.prepare(name, text.as_bytes())?;
        self.raise_next(record.do_id());
        self.write_info()?;
        self.files.publish(name)
    }

    /// Says once that there is no space.
    fn note_full(&mut self) {
        if !self.stats.full {
            tracing::error!("{}: the disk is full: writes are refused", self.files.path_of(""));
        }
        self.stats.full = true;
    }

    /// Says once that there is space again, when an object was written: a delete needs none.
    fn note_space<'a>(&mut self, done: impl IntoIterator<Item = &'a Record>) {
        if self.stats.full && done.into_iter().any(|record| record.read().is_some()) {
            tracing::info!("{}: the disk has space again", self.files.path_of(""));
            self.stats.full = false;
        }
    }

    /// Whether the part wrote this without knowing that an earlier write was refused.
    fn is_refused(&self, part: PartId, append: &Append) -> bool {
        append.purpose == Purpose::Write && append.epoch < self.refusals[usize::from(part.0)]
    }

    fn raise_next(&mut self, do_id: DoId) {
        if do_id.0 >= self.info.next {
            self.info.next = do_id.0.saturating_add(1);
            self.info.is_stale = true;
        }
    }

    fn write_info(&mut self) -> Result<(), DiskError> {
        if self.info.is_stale {
            let text = info_file::write(self.info.next, &self.info.free);
            self.files.prepare(info_file::FILE_NAME, text.as_bytes())?;
            self.files.publish(info_file::FILE_NAME)?;
            (self.info.durable, self.info.is_stale) = (self.info.next, false);
        }
        Ok(())
    }

    /// The text of an object's file; none of one that is gone.
    fn text(&self, record: &Record) -> Option<String> {
        let object = record.read()?;
        let known = self.keys.known(record.do_id(), &object);
        let known = known.expect("the catalog of a folder has the classes of the DC files only");
        assert!(known.unknown.is_empty(), "and the fields of the DC files only");
        let text = known.object.text(self.keys.schema());
        Some(object_file::write(&text.expect("values are checked before they are stored")))
    }

    fn answer(&mut self, batch: &Batch, fates: &[Fate], out: &mut Vec<(PartId, Reply)>) {
        self.stats.commits += 1;
        for ((part, request), fate) in batch.iter().zip(fates) {
            let Some(append) = append_of(request) else { continue };
            self.stats.appends += 1;
            match fate {
                Fate::Done => {
                    let place = self.count(&append.record);
                    out.push((*part, Reply::Durable(vec![place])));
                }
                Fate::Refused => {
                    self.stats.refused += 1;
                    out.push((*part, Reply::Refused));
                }
            }
        }
    }

    /// Counts what is durable now, and names a place for it.
    fn count(&mut self, record: &Record) -> Place {
        let was = match record.read() {
            Some(object) => {
                let bytes: usize = object.fields().map(|(_, value)| value.len()).sum();
                self.stats.live_bytes += bytes as u64;
                self.objects.insert(record.do_id(), bytes as u32)
            }
            None => self.objects.remove(&record.do_id()),
        };
        self.stats.live_bytes -= u64::from(was.unwrap_or(0));
        self.places.next(record.bytes())
    }

    fn fail(&mut self, error: &DiskError, out: &mut Vec<(PartId, Reply)>) {
        tracing::error!("{error}: nothing is stored any more until the next start");
        let reason: Arc<str> = error.to_string().into();
        for (part, _) in (0..).map(PartId).zip(&self.refusals) {
            out.push((part, Reply::ReadOnly(reason.clone())));
        }
        self.is_failed = true;
    }
}
