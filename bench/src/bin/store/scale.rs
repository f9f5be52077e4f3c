//! How much is done.

use std::time::Duration;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Objects that are loaded.
    pub objects: usize,
    /// Updates of random ones.
    pub updates: usize,
    /// Reads of a round.
    pub reads: usize,
    /// Commits of single objects.
    pub singles: usize,
    /// Rounds over all stores; the table shows medians.
    pub rounds: usize,
    /// The size of our segments.
    pub segment_bytes: u32,
    /// How long it is waited for a store that does not come to rest.
    pub patience: Duration,
}

impl Scale {
    /// What figures are taken from.
    pub fn full() -> Scale {
        Scale {
            objects: 1_000_000,
            updates: 3_000_000,
            reads: 1_000_000,
            singles: 2000,
            rounds: 5,
            segment_bytes: 32 << 20,
            patience: Duration::from_secs(60),
        }
    }

    /// With so many objects, and the rest in proportion.
    pub fn of(objects: usize) -> Scale {
        let full = Scale::full();
        let rounds = if objects < full.objects { 3 } else { full.rounds };
        Scale { objects, updates: 3 * objects, reads: objects, rounds, ..full }
    }

    /// Everything for a moment: whether it still works.
    pub fn tiny() -> Scale {
        let patience = Duration::from_millis(200);
        let of = Scale::of(2560);
        Scale { singles: 50, rounds: 1, segment_bytes: 256 << 10, patience, ..of }
    }
}
