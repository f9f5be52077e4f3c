//! The memory of a page of a table: entries of sixteen bytes, all zero at first.
//!
//! In a large table each look-up meets another page of memory, and to find that takes longer than to
//! read it. So a page of the table is put into a huge one, where the system has some: among three
//! million objects the look-ups of creates took 17 % of a shard's time, and hardly any so. The system may
//! have to put such a page together when it is first met.

use alloc::vec;
use alloc::vec::Vec;
#[cfg(feature = "files")]
use core::ops::Range;

/// An entry as it stands in memory.
pub(super) type Raw = [u32; 4];

#[cfg(feature = "files")]
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// So many entries.
pub(super) enum Places {
    Small(Vec<Raw>),
    /// A map, and where in it they lie.
    #[cfg(feature = "files")]
    Large(memmap2::MmapMut, Range<usize>),
}

impl Places {
    pub fn zeroed(count: usize) -> Places {
        #[cfg(feature = "files")]
        if let Some(large) = in_huge_pages(count * size_of::<Raw>()) {
            return large;
        }
        Places::Small(vec![Raw::default(); count])
    }

    #[inline]
    pub fn all(&self) -> &[Raw] {
        match self {
            Places::Small(places) => places,
            #[cfg(feature = "files")]
            Places::Large(map, at) => {
                let bytes = &map[at.clone()];
                zerocopy::FromBytes::ref_from_bytes(bytes).expect("pages hold whole entries")
            }
        }
    }

    #[inline]
    pub fn all_mut(&mut self) -> &mut [Raw] {
        match self {
            Places::Small(places) => places,
            #[cfg(feature = "files")]
            Places::Large(map, at) => {
                let bytes = &mut map[at.clone()];
                zerocopy::FromBytes::mut_from_bytes(bytes).expect("pages hold whole entries")
            }
        }
    }
}

/// None where that is not worthwhile, or the system does not give them.
#[cfg(feature = "files")]
fn in_huge_pages(bytes: usize) -> Option<Places> {
    if bytes < HUGE_PAGE_BYTES {
        return None;
    }
    // A map may begin anywhere before Linux 6.7. What is never met takes no memory.
    let map = memmap2::MmapMut::map_anon(bytes + HUGE_PAGE_BYTES).ok()?;
    let start = map.as_ptr().align_offset(HUGE_PAGE_BYTES);
    map.advise_range(memmap2::Advice::HugePage, start, bytes).ok()?;
    Some(Places::Large(map, start..start + bytes))
}
