//! Where the newest durable version of each object of a part stands, and which objects a class has.
//!
//! Sixteen bytes per object: the id, the segment, the offset, the length in steps of 8 bytes, the
//! class.

use super::table::Table;
use crate::ids::{ClassKey, Place, SegmentId};
use ahash::RandomState;
use alloc::vec::Vec;
use wire::ids::DoId;

/// Where an object stands, and its class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slot {
    segment: SegmentId,
    offset: u32,
    words: u16,
    pub class: ClassKey,
}

impl Slot {
    pub fn new(place: Place, class: ClassKey) -> Slot {
        let words = u16::try_from(place.bytes / 8).ok().filter(|words| *words < u16::MAX);
        let words = words.expect("a record has at most RECORD_BYTES_MAX");
        Slot { segment: place.segment, offset: place.offset, words, class }
    }

    /// As it stands in a table. The last of the three is never 0.
    #[inline]
    pub(super) fn raw(self) -> [u32; 3] {
        let rest = (u32::from(self.words) + 1) << 16 | u32::from(self.class.0);
        [self.segment.0, self.offset, rest]
    }

    #[inline]
    pub(super) fn from_raw([segment, offset, rest]: [u32; 3]) -> Slot {
        let (words, class) = (((rest >> 16) - 1) as u16, ClassKey(rest as u16));
        Slot { segment: SegmentId(segment), offset, words, class }
    }

    #[inline]
    pub fn place(self) -> Place {
        Place { segment: self.segment, offset: self.offset, bytes: u32::from(self.words) * 8 }
    }
}

/// The objects of a part.
pub(crate) struct Index {
    slots: Table,
    classes: Vec<Members>,
}

/// The objects of a class, ascending; those that are gone are dropped now and then.
#[derive(Default)]
struct Members {
    ids: Vec<DoId>,
    gone: usize,
}

impl Index {
    pub fn new(hasher: RandomState) -> Index {
        Index { slots: Table::new(hasher), classes: Vec::new() }
    }

    pub fn reserve(&mut self, objects: usize) {
        self.slots.reserve(objects);
    }

    #[inline]
    pub fn get(&self, do_id: DoId) -> Option<Slot> {
        self.slots.get(do_id)
    }

    /// Brings where these stand near, before it is asked for one by one.
    pub fn touch(&self, ids: impl Iterator<Item = DoId>) {
        self.slots.touch(ids);
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn ids(&self) -> impl Iterator<Item = DoId> {
        self.slots.ids()
    }

    /// Where the object stands from now on; returns where it stood.
    pub fn insert(&mut self, do_id: DoId, slot: Slot) -> Option<Slot> {
        self.slots.insert(do_id, slot)
    }

    /// The object is gone; returns where it stood.
    pub fn remove(&mut self, do_id: DoId) -> Option<Slot> {
        self.slots.remove(do_id)
    }

    pub fn members(&self, class: ClassKey) -> &[DoId] {
        self.classes.get(usize::from(class.0)).map_or(&[], |members| &members.ids)
    }

    /// The class has this object, if it had not.
    pub fn join(&mut self, class: ClassKey, do_id: DoId) {
        let at = usize::from(class.0);
        if self.classes.len() <= at {
            self.classes.resize_with(at + 1, Members::default);
        }
        let ids = &mut self.classes[at].ids;
        if ids.last().is_none_or(|last| *last < do_id) {
            ids.push(do_id);
        } else if let Err(free) = ids.binary_search(&do_id) {
            ids.insert(free, do_id);
        }
    }

    /// The same while the log is read, in whose order ids do not ascend: the lists are put in order
    /// by [`Index::sort_members`] when all is read. To insert each at its place would take minutes.
    pub fn join_unsorted(&mut self, class: ClassKey, do_id: DoId) {
        let at = usize::from(class.0);
        if self.classes.len() <= at {
            self.classes.resize_with(at + 1, Members::default);
        }
        self.classes[at].ids.push(do_id);
    }

    /// Puts all lists in order.
    pub fn sort_members(&mut self) {
        for members in &mut self.classes {
            members.ids.sort_unstable();
            members.ids.dedup();
        }
    }

    /// One object of the class is gone, or is of another class now. `pending` says which objects
    /// have versions that are not durable: their ids stay.
    pub fn leave(&mut self, class: ClassKey, pending: impl Fn(DoId) -> bool) {
        let Some(members) = self.classes.get_mut(usize::from(class.0)) else { return };
        members.gone += 1;
        if members.gone > members.ids.len() / 2 {
            let slots = &self.slots;
            members.ids.retain(|id| {
                slots.get(*id).is_some_and(|slot| slot.class == class) || pending(*id)
            });
            members.ids.shrink_to(members.ids.len() * 2);
            members.gone = 0;
        }
    }
}
