//! The segments that a part reads: sealed ones through their maps, the others from the records that
//! it wrote itself.

use super::image::{Image, Spare};
use crate::disk::SegmentBytes;
use crate::ids::{Place, SegmentId};
use crate::object::Object;
use crate::record::{HEADER_BYTES, Record, Said, Seal, View};
use crate::segment::{Footer, Head, footer_start};
use ahash::RandomState;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use hashbrown::HashMap;

/// The segments of the store as a part sees them.
pub(crate) struct Held {
    /// Which segment stands at the front.
    first: u32,
    segments: VecDeque<Option<Segment>>,
    /// Memory of images that is to be used again.
    spare: Spare,
    /// Whether segments are never sealed, so that each record is kept, and let go of, by itself.
    keeps_singly: bool,
    hasher: RandomState,
}

enum Segment {
    /// Not sealed: the part's own durable records in it.
    Growing(Image),
    /// Never sealed: the part's own durable records in it, by offset.
    Single(HashMap<u32, Record, RandomState>),
    Sealed(Sealed),
}

/// A sealed segment.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub bytes: Arc<dyn SegmentBytes>,
    pub seal: Seal,
    pub salt: u64,
    /// Where the first record stands.
    pub first_record: u32,
    /// Where the footer begins, going by the end of the segment.
    footer_start: Option<u32>,
}

impl Sealed {
    /// None: it does not begin with a head.
    pub fn new(bytes: Arc<dyn SegmentBytes>) -> Option<Sealed> {
        let (head, first_record) = Head::decode(bytes.bytes()).ok()?;
        let first_record = u32::try_from(first_record).ok()?;
        let all = bytes.bytes();
        let footer_start = u32::try_from(all.len()).ok().and_then(|end| footer_start(end, all));
        Some(Sealed { seal: head.seal(), salt: head.salt, first_record, footer_start, bytes })
    }

    pub fn footer(&self) -> Option<Footer<'_>> {
        Footer::of_segment(self.bytes.bytes(), self.salt)
    }

    /// Where the footer stands, if there is one.
    pub fn footer_place(&self, segment: SegmentId) -> Option<Place> {
        let (offset, end) = (self.footer_start?, u32::try_from(self.bytes.bytes().len()).ok()?);
        Some(Place { segment, offset, bytes: end - offset })
    }

    #[inline]
    pub fn is_resident(&self, place: Place) -> bool {
        let from = place.offset as usize;
        self.bytes.is_resident(from..from + place.bytes as usize)
    }

    /// The object at a place, if its checksum holds.
    #[inline]
    pub fn object(&self, place: Place) -> Option<(View<'_>, Object<'_>)> {
        let record = self.bytes.bytes().get(place.offset as usize..)?;
        let view = self.seal.read(record.get(..place.bytes as usize)?)?;
        match view.said()? {
            Said::Object(object) if view.bytes() == place.bytes as usize => Some((view, object)),
            Said::Object(_) | Said::Tombstone(..) | Said::Mark(_) => None,
        }
    }
}

/// Where a record is to be read.
pub(crate) enum Source<'a> {
    /// The body of a record that the part has kept.
    Kept(&'a [u8]),
    Sealed(&'a Sealed),
}

impl Held {
    pub fn new(hasher: RandomState) -> Held {
        Held {
            first: 0,
            segments: VecDeque::new(),
            spare: Spare::default(),
            keeps_singly: false,
            hasher,
        }
    }

    /// For segments that are never sealed.
    pub fn keep_singly(&mut self) {
        self.keeps_singly = true;
    }

    #[inline]
    pub fn source(&self, place: Place) -> Option<Source<'_>> {
        match self.get(place.segment)? {
            Segment::Sealed(sealed) => Some(Source::Sealed(sealed)),
            Segment::Growing(image) => {
                image.get(place).map(|record| Source::Kept(&record[HEADER_BYTES..]))
            }
            Segment::Single(records) => {
                records.get(&place.offset).map(|record| Source::Kept(&record.raw()[HEADER_BYTES..]))
            }
        }
    }

    pub fn sealed(&self, segment: SegmentId) -> Option<&Sealed> {
        match self.get(segment)? {
            Segment::Sealed(sealed) => Some(sealed),
            Segment::Growing(_) | Segment::Single(_) => None,
        }
    }

    /// Keeps a durable record until its segment is sealed.
    pub fn keep(&mut self, place: Place, record: &Record) {
        let mut spare = core::mem::take(&mut self.spare);
        let (singly, hasher) = (self.keeps_singly, &self.hasher.clone());
        let slot = self.slot(place.segment).get_or_insert_with(|| match singly {
            true => Segment::Single(HashMap::with_hasher(hasher.clone())),
            false => Segment::Growing(Image::default()),
        });
        match slot {
            Segment::Growing(image) => image.push(place, record.raw(), &mut spare),
            Segment::Single(records) => {
                records.insert(place.offset, record.clone());
            }
            Segment::Sealed(_) => {}
        }
        self.spare = spare;
    }

    /// The record at this place is of no more use.
    pub fn release(&mut self, place: Place) {
        if let Some(Segment::Single(records)) = self.slot(place.segment) {
            records.remove(&place.offset);
        }
    }

    pub fn seal(&mut self, segment: SegmentId, sealed: Sealed) {
        let before = self.slot(segment).replace(Segment::Sealed(sealed));
        if let Some(Segment::Growing(image)) = before {
            self.spare.take(image);
        }
    }

    /// The segment is gone; returns what was read of it.
    pub fn remove(&mut self, segment: SegmentId) -> Option<Sealed> {
        let removed = self.slot(segment).take();
        while let Some(None) = self.segments.front() {
            self.segments.pop_front();
            self.first += 1;
        }
        match removed? {
            Segment::Sealed(sealed) => Some(sealed),
            Segment::Growing(_) | Segment::Single(_) => None,
        }
    }

    /// The oldest sealed segment.
    pub fn oldest(&self) -> Option<SegmentId> {
        let mut at = self.segments.iter().zip(self.first..);
        at.find_map(|(segment, id)| segment.as_ref().map(|_| SegmentId(id)))
    }

    /// Lets go of some of what is not needed any more.
    pub fn shed(&mut self) {
        self.spare.shed();
    }

    #[inline]
    fn get(&self, segment: SegmentId) -> Option<&Segment> {
        self.segments.get(segment.0.wrapping_sub(self.first) as usize)?.as_ref()
    }

    fn slot(&mut self, segment: SegmentId) -> &mut Option<Segment> {
        if self.segments.is_empty() {
            self.first = segment.0;
        }
        while segment.0 < self.first {
            self.segments.push_front(None);
            self.first -= 1;
        }
        let at = (segment.0 - self.first) as usize;
        if self.segments.len() <= at {
            self.segments.resize_with(at + 1, || None);
        }
        &mut self.segments[at]
    }
}
