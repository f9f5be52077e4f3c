//! Random numbers that come out the same for the same seed.

/// SplitMix64: good enough to pick objects with.
pub(crate) struct Chance {
    state: u64,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// 0 to `end`, without it.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        (((self.next() >> 32) * u64::from(end)) >> 32) as u32
    }

    /// True in `share` of all cases.
    pub(crate) fn is_among(&mut self, share: f64) -> bool {
        ((self.next() >> 11) as f64) < share * (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_numbers_come_about_as_often() {
        let (mut chance, mut counts, mut hits) = (Chance::new(1), [0; 7], 0);
        for _ in 0..7000 {
            counts[chance.below(7) as usize] += 1;
            hits += u32::from(chance.is_among(0.1));
        }
        assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
        assert!((600..800).contains(&hits), "{hits}");
        assert!((0..1000).all(|_| !chance.is_among(0.0) && chance.is_among(1.0)));
    }
}
