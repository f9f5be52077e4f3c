//! All objects of a store as they were at one moment.

use crate::catalog::Catalog;
use crate::disk::{Disk, DiskError};
use crate::ids::{ClassKey, Place, SegmentId};
use crate::log::tally::Tallies;
use crate::object::Object;
use crate::options::{OpenError, Report};
use crate::record::{Kind, Said};
use crate::recovery::{self, Recovered};
use crate::stats::Stats;
use crate::survey::Survey;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use hashbrown::HashMap;
use wire::ids::DoId;

/// Segments, and those that cannot be read at all, with the reason.
type Seen = (Vec<Survey>, Vec<(SegmentId, OpenError)>);

/// How often a store is looked at again that grows while it is read.
const ATTEMPTS: usize = 1000;

/// A store at one moment. It is only read.
pub struct Snapshot {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) recovered: Recovered,
    tallies: Tallies,
    /// The newest version of each object, ascending by id.
    objects: Vec<(DoId, ClassKey, Place)>,
}

/// An object cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReadError {
    /// Its record is damaged.
    #[error("object {do_id} cannot be read: its record is damaged ({place})")]
    Damaged {
        /// Which object.
        do_id: DoId,
        /// Where its record stands.
        place: Place,
    },
    /// The disk refused.
    #[error("object {do_id} cannot be read: {why}")]
    Disk {
        /// Which object.
        do_id: DoId,
        /// What the disk said.
        why: DiskError,
    },
}

impl Snapshot {
    /// Reads what there is.
    pub fn of(disk: Arc<dyn Disk>) -> Result<Snapshot, OpenError> {
        let (surveys, unreadable) = look(&*disk)?;
        match unreadable.into_iter().next() {
            Some((_, why)) => Err(why),
            None => Ok(Snapshot::index(disk, Recovered::of(surveys)?)),
        }
    }

    fn index(disk: Arc<dyn Disk>, recovered: Recovered) -> Snapshot {
        let mut tallies = Tallies::default();
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let mut newest: HashMap<DoId, (ClassKey, Place), _> = HashMap::with_hasher(hasher);
        for survey in &recovered.filled {
            tallies.of(survey.segment()).file = u64::from(survey.bytes);
            for (entry, place) in survey.places() {
                tallies.of(place.segment).add(entry);
                let was = match entry.kind {
                    Kind::Object => newest.insert(entry.do_id, (entry.class, place)),
                    Kind::Tombstone => newest.remove(&entry.do_id),
                    Kind::Mark => None,
                };
                if let Some((_, was)) = was {
                    tallies.dead(was);
                }
            }
        }
        let flat = newest.into_iter().map(|(do_id, (class, place))| (do_id, class, place));
        let mut objects: Vec<_> = flat.collect();
        objects.sort_unstable_by_key(|(do_id, ..)| *do_id);
        Snapshot { disk, recovered, tallies, objects }
    }

    /// Which names the keys stand for.
    pub fn catalog(&self) -> &Catalog {
        &self.recovered.catalog
    }

    /// What was found when it was read.
    pub fn report(&self) -> Report {
        Report { objects: self.objects.len() as u64, ..self.recovered.report.clone() }
    }

    /// What it holds. Figures of what was done since open are zero. Segments without a record are
    /// left out.
    pub fn stats(&self) -> Stats {
        let sums = self.tallies.sums();
        Stats {
            objects: sums.objects,
            live_bytes: sums.live,
            dead_bytes: sums.dead(),
            tombstone_bytes: sums.tombstones,
            segments: self.recovered.filled.len() as u64,
            disk_bytes: sums.file,
            ..Stats::default()
        }
    }

    /// All objects and their classes, ascending by id.
    pub fn objects(&self) -> impl ExactSizeIterator<Item = (DoId, ClassKey)> {
        self.objects.iter().map(|(do_id, class, _)| (*do_id, *class))
    }

    /// Where the newest version of an object stands.
    pub fn place_of(&self, do_id: DoId) -> Option<Place> {
        let at = self.objects.binary_search_by_key(&do_id, |(at, ..)| *at).ok()?;
        Some(self.objects[at].2)
    }

    /// Reads an object; None: there is none with this id. `room` holds its bytes.
    pub fn find<'a>(
        &self,
        do_id: DoId,
        room: &'a mut rkyv::util::AlignedVec<8>,
    ) -> Result<Option<Object<'a>>, ReadError> {
        let Some(place) = self.place_of(do_id) else { return Ok(None) };
        room.clear();
        room.resize(place.bytes as usize, 0);
        let read = self.disk.read(place.segment, place.offset, room);
        read.map_err(|why| ReadError::Disk { do_id, why })?;
        let survey = self.survey(place.segment).filter(|_| !room.is_empty());
        let view = survey.and_then(|survey| survey.head.seal().read(room));
        match view.and_then(|view| view.said()) {
            Some(Said::Object(object)) if object.do_id() == do_id => Ok(Some(object)),
            Some(Said::Object(_) | Said::Tombstone(..) | Said::Mark(_)) | None => {
                Err(ReadError::Damaged { do_id, place })
            }
        }
    }

    pub(super) fn survey(&self, segment: SegmentId) -> Option<&Survey> {
        let filled = &self.recovered.filled;
        let at = filled.binary_search_by_key(&segment, Survey::segment).ok()?;
        Some(&filled[at])
    }

    /// The bytes of a segment from its beginning to the end of its records.
    pub(super) fn bytes_of(&self, survey: &Survey) -> Result<Vec<u8>, DiskError> {
        let mut bytes = vec![0; survey.end as usize];
        let read = self.disk.read(survey.segment(), 0, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }
}

/// Reads all segments, from the newest to the oldest; returns them in order. One that is written to
/// while it is read may look damaged; then it has grown, and is looked at again.
pub(super) fn look(disk: &dyn Disk) -> Result<Seen, DiskError> {
    let mut seen = look_once(disk)?;
    for _ in 1..ATTEMPTS {
        if seen.1.is_empty() && recovery::judge(&seen.0).is_ok() {
            break;
        }
        let before = ends(&seen.0);
        seen = look_once(disk)?;
        if before == ends(&seen.0) {
            break;
        }
    }
    Ok(seen)
}

fn ends(surveys: &[Survey]) -> Vec<(SegmentId, u32)> {
    surveys.iter().map(|survey| (survey.segment(), survey.end)).collect()
}

fn look_once(disk: &dyn Disk) -> Result<Seen, DiskError> {
    let (mut surveys, mut unreadable) = (Vec::new(), Vec::new());
    for segment in disk.list()?.into_iter().rev() {
        match Survey::of(disk, segment) {
            Ok(survey) => surveys.push(survey),
            Err(why) => unreadable.push((segment, why)),
        }
    }
    surveys.reverse();
    unreadable.reverse();
    Ok((surveys, unreadable))
}
