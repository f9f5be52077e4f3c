//! The memory of a page of a table: entries of sixteen bytes, all zero at first.
//!
//! In a large table each look-up meets another page of memory, and to find that takes longer than to
//! read it. So a page of the table is put into a huge one, where the system has some: among three
//! million objects the look-ups of creates took 17 % of a shard's time, and hardly any so.

use alloc::vec;
use alloc::vec::Vec;

/// An entry as it stands in memory.
pub(super) type Raw = [u32; 4];

#[cfg(feature = "files")]
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// So many entries.
pub(super) enum Places {
    Small(Vec<Raw>),
    #[cfg(feature = "files")]
    Large(memmap2::MmapMut),
}

impl Places {
    pub fn zeroed(count: usize) -> Places {
        #[cfg(feature = "files")]
        if let Some(large) = in_huge_pages(count * size_of::<Raw>()) {
            return Places::Large(large);
        }
        Places::Small(vec![Raw::default(); count])
    }

    #[inline]
    pub fn all(&self) -> &[Raw] {
        match self {
            Places::Small(places) => places,
            #[cfg(feature = "files")]
            Places::Large(map) => {
                zerocopy::FromBytes::ref_from_bytes(map).expect("pages hold whole entries")
            }
        }
    }

    #[inline]
    pub fn all_mut(&mut self) -> &mut [Raw] {
        match self {
            Places::Small(places) => places,
            #[cfg(feature = "files")]
            Places::Large(map) => {
                zerocopy::FromBytes::mut_from_bytes(map).expect("pages hold whole entries")
            }
        }
    }
}

/// None where that is not worthwhile, or the system does not give them.
#[cfg(feature = "files")]
fn in_huge_pages(bytes: usize) -> Option<memmap2::MmapMut> {
    if bytes < HUGE_PAGE_BYTES {
        return None;
    }
    let map = memmap2::MmapMut::map_anon(bytes).ok()?;
    map.advise(memmap2::Advice::HugePage).ok()?;
    Some(map)
}
