//! What a part has in memory of a segment that is not sealed: its own durable records, one behind the
//! other as they stand in the log, so that a stretch of them costs no more to find than one.

use crate::ids::Place;
use alloc::vec::Vec;
use rkyv::util::AlignedVec;

/// Memory is taken in chunks of this size; any record fits into one.
const CHUNK_BYTES: usize = 256 << 10;
/// How much of a sealed segment's memory is kept for the next one.
const SPARE_CHUNKS_MAX: usize = crate::options::SEGMENT_BYTES as usize / CHUNK_BYTES;

/// The part's own records of a segment.
#[derive(Default, Debug)]
pub(super) struct Image {
    /// Ascending, and not overlapping.
    runs: Vec<Run>,
    chunks: Vec<AlignedVec<8>>,
}

/// Records that stand one behind the other both in the segment and in a chunk.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// From here to there in the segment.
    from: u32,
    to: u32,
    chunk: u32,
    /// Where it begins in the chunk.
    at: u32,
}

/// Chunks that nothing stands in.
#[derive(Default, Debug)]
pub(super) struct Spare {
    chunks: Vec<AlignedVec<8>>,
}

impl Image {
    /// The record that was pushed for this place.
    #[inline]
    pub fn get(&self, place: Place) -> Option<&[u8]> {
        let behind = self.runs.partition_point(|run| run.from <= place.offset);
        let run = self.runs.get(behind.checked_sub(1)?)?;
        if place.offset + place.bytes > run.to {
            return None;
        }
        let at = (run.at + place.offset - run.from) as usize;
        self.chunks[run.chunk as usize].get(at..at + place.bytes as usize)
    }

    /// Places ascend, as the log answers in its own order.
    pub fn push(&mut self, place: Place, record: &[u8], spare: &mut Spare) {
        if self.chunks.last().is_none_or(|chunk| chunk.len() + record.len() > CHUNK_BYTES) {
            self.chunks.push(spare.chunk());
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let at = chunk.len() as u32;
        chunk.extend_from_slice(record);
        let to = place.offset + place.bytes;
        match self.runs.last_mut() {
            Some(run) if run.to == place.offset && run.chunk as usize == number => run.to = to,
            before => {
                assert!(before.is_none_or(|run| run.to <= place.offset), "the log only grows");
                self.runs.push(Run { from: place.offset, to, chunk: number as u32, at });
            }
        }
    }
}

impl Spare {
    /// An empty chunk.
    fn chunk(&mut self) -> AlignedVec<8> {
        self.chunks.pop().unwrap_or_else(|| AlignedVec::with_capacity(CHUNK_BYTES))
    }

    /// Takes the memory of an image that is not needed any more.
    pub fn take(&mut self, image: Image) {
        self.chunks.extend(image.chunks.into_iter().map(|mut chunk| {
            chunk.clear();
            chunk
        }));
    }

    /// Lets go of a chunk that is not worth keeping: to let go of many takes long.
    pub fn shed(&mut self) {
        if self.chunks.len() > SPARE_CHUNKS_MAX {
            self.chunks.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SegmentId;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_pushed_is_found(
            records in prop::collection::vec((0_u32..3, 1_usize..9000), 1..200),
        ) {
            let mut spare = Spare::default();
            for _ in 0..2 {
                let mut image = Image::default();
                let mut pushed = Vec::new();
                let mut offset = 64;
                for (at, (gap, words)) in records.iter().enumerate() {
                    offset += gap * 8;
                    let record = vec![at as u8; words * 8];
                    let bytes = record.len() as u32;
                    let place = Place { segment: SegmentId(1), offset, bytes };
                    image.push(place, &record, &mut spare);
                    offset += bytes;
                    pushed.push((place, record));
                }
                for (place, record) in &pushed {
                    prop_assert_eq!(image.get(*place), Some(&record[..]));
                }
                let behind = Place { segment: SegmentId(1), offset, bytes: 8 };
                prop_assert_eq!(image.get(behind), None);
                spare.take(image);
            }
        }
    }
}
