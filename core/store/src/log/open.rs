//! Opening a store: recovery, the parts' indexes, the new active segment.

use super::active::Active;
use super::chores::{self, Haste, Scrub};
use super::compaction::Compaction;
use super::tally::Tallies;
use super::{Log, PartState, Staged};
use crate::disk::Disk;
use crate::ids::{PartId, Place, SegmentId};
use crate::options::{OpenError, Options, Report};
use crate::part::{Part, Sealed, Slot};
use crate::record::Kind;
use crate::recovery::{self, Recovered};
use crate::segment::{Entry, Head};
use crate::stats::Stats;
use crate::survey::Survey;
use ahash::RandomState;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use wire::ids::DoId;

/// Records that are replayed one behind the other, after memory was asked for all of them at once.
const TOGETHER: usize = 32;

/// An opened store.
pub struct Opened {
    /// The committer.
    pub log: Log,
    /// One per shard, in order.
    pub parts: Vec<Part>,
    /// What was found.
    pub report: Report,
}

impl Log {
    /// Opens the store that lies on the disk, or begins one on an empty disk. What a crash left
    /// unfinished is cut off; what is damaged is refused.
    pub fn open(disk: Arc<dyn Disk>, options: &Options) -> Result<Opened, OpenError> {
        let mut recovered = recovery::read(&*disk)?;
        let catalog = Arc::new(recovered.catalog(options)?);
        recovered.put_in_order(&*disk)?;
        let parts = (0..options.parts).map(|part| {
            let part = u16::try_from(part).expect("a machine has fewer cores than that");
            Part::new(PartId(part), options, catalog.clone())
        });
        let mut filling = Filling {
            parts: parts.collect(),
            tallies: Tallies::default(),
            options,
            scrub: Scrub::default(),
        };
        filling.fill(&*disk, &recovered)?;
        filling.parts.iter_mut().for_each(Part::all_replayed);
        let Filling { parts, tallies, scrub, .. } = filling;
        let mut report = recovered.report;
        report.objects = parts.iter().map(|part| part.len() as u64).sum();
        let [a, b, c, d] = options.hash_seeds;
        let salts = RandomState::with_seeds(a, b, c, d);
        let segment = SegmentId(recovered.last_segment.0 + 1);
        let salt = salts.hash_one(segment);
        let next_do_id = report.next_do_id;
        let head = Head { segment, salt, next_do_id, catalog: (*catalog).clone() };
        let prepared = chores::prepare(&*disk, &head, options.segment_bytes, Haste::Now)?;
        let mut log = Log {
            disk,
            segment_bytes: options.segment_bytes,
            place: options.place,
            salts,
            catalog,
            parts: vec![PartState::default(); options.parts],
            active: Active::new(prepared),
            staged: Staged::default(),
            commit: recovered.last_commit + 1,
            next_do_id,
            next_segment: SegmentId(segment.0 + 1),
            ready: VecDeque::new(),
            preparing: None,
            stale: BTreeSet::new(),
            discarding: false,
            unsealed: VecDeque::new(),
            sealing: false,
            fetches: VecDeque::new(),
            again: VecDeque::new(),
            let_go: Vec::new(),
            scrub,
            compaction: Compaction::Idle,
            sweep_below: SegmentId(0),
            tallies,
            tight: false,
            full: false,
            failed: None,
            counted: Stats::default(),
        };
        log.tallies.of(segment).file = u64::from(prepared.bytes);
        Ok(Opened { log, parts, report })
    }
}

/// Parts that are being filled from the log.
struct Filling<'a> {
    parts: Vec<Part>,
    tallies: Tallies,
    options: &'a Options,
    scrub: Scrub,
}

impl Filling<'_> {
    fn fill(&mut self, disk: &dyn Disk, recovered: &Recovered) -> Result<(), OpenError> {
        let entries: usize = recovered.filled.iter().map(|survey| survey.entries.len()).sum();
        for part in &mut self.parts {
            part.reserve(entries / self.options.parts);
        }
        for survey in &recovered.filled {
            let segment = survey.segment();
            let Some(sealed) = Sealed::new(disk.map(segment)?) else {
                let what = String::from("its head cannot be read");
                return Err(OpenError::Damaged { segment, offset: 0, what });
            };
            self.parts.iter_mut().for_each(|part| part.hold(segment, sealed.clone()));
            if self.options.scrub {
                self.scrub.segments.push_back((segment, sealed));
            }
            self.replay(survey);
        }
        Ok(())
    }

    fn replay(&mut self, survey: &Survey) {
        let segment = survey.segment();
        let tally = self.tallies.of(segment);
        tally.file = u64::from(survey.bytes);
        tally.sealed = true;
        survey.entries.iter().for_each(|entry| tally.add(entry));
        let mut places = survey.places();
        for together in survey.entries.chunks(TOGETHER) {
            self.touch(together);
            for (entry, place) in places.by_ref().take(together.len()) {
                if let Some(was) = self.replay_entry(entry, place) {
                    self.tallies.dead(was);
                }
            }
        }
    }

    /// Brings near where the objects of these stand.
    fn touch(&self, entries: &[Entry]) {
        for do_id in entries.iter().map(|entry| entry.do_id) {
            self.parts[self.part_of(do_id)].touch(do_id);
        }
    }

    fn part_of(&self, do_id: DoId) -> usize {
        match self.options.parts {
            1 => 0,
            parts => (self.options.place)(do_id, parts),
        }
    }

    /// Returns where the object stood before.
    fn replay_entry(&mut self, entry: &Entry, place: Place) -> Option<Place> {
        let slot = match entry.kind {
            Kind::Mark => return None,
            Kind::Object => Some(Slot::new(place, entry.class)),
            Kind::Tombstone => None,
        };
        let at = self.part_of(entry.do_id);
        self.parts[at].replay(entry.do_id, slot)
    }
}
