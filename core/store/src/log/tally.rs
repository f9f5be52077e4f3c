//! What the segments hold, to the byte: live, dead, tombstones.

use crate::ids::{Place, SegmentId};
use crate::record::Kind;
use crate::segment::Entry;
use alloc::collections::BTreeMap;

/// The records of one segment. Bytes of records.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Tally {
    pub bytes: u64,
    pub live: u64,
    pub objects: u64,
    pub tombstones: u64,
    /// How long the file is.
    pub file: u64,
    /// It has its footer.
    pub sealed: bool,
    /// It holds a record that cannot be read and must stay.
    pub stuck: bool,
}

impl Tally {
    /// Bytes of no use.
    pub fn dead(&self) -> u64 {
        self.bytes - self.live - self.tombstones
    }

    pub fn add(&mut self, entry: &Entry) {
        let bytes = u64::from(entry.bytes);
        self.bytes += bytes;
        match entry.kind {
            Kind::Object => {
                self.live += bytes;
                self.objects += 1;
            }
            Kind::Tombstone => self.tombstones += bytes,
            Kind::Mark => {}
        }
    }
}

/// All segments with records, and the prepared ones.
#[derive(Default, Debug)]
pub(crate) struct Tallies {
    segments: BTreeMap<SegmentId, Tally>,
}

impl Tallies {
    pub fn of(&mut self, segment: SegmentId) -> &mut Tally {
        self.segments.entry(segment).or_default()
    }

    pub fn get(&self, segment: SegmentId) -> Option<&Tally> {
        self.segments.get(&segment)
    }

    pub fn remove(&mut self, segment: SegmentId) {
        self.segments.remove(&segment);
    }

    /// The object's record at this place does not count any more.
    pub fn dead(&mut self, place: Place) {
        if let Some(tally) = self.segments.get_mut(&place.segment) {
            tally.live -= u64::from(place.bytes);
            tally.objects -= 1;
        }
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (SegmentId, &Tally)> {
        self.segments.iter().map(|(segment, tally)| (*segment, tally))
    }

    /// Those that can be swept: sealed, with all before them sealed.
    pub fn sealed(&self) -> impl Iterator<Item = (SegmentId, &Tally)> {
        self.iter().take_while(|(_, tally)| tally.sealed)
    }
}
