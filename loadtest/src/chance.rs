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
        self.share() < share
    }

    /// 0 to 1, without 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// How long until something happens that happens so often per second, in ns. It happens
    /// independently of when it happened last; never, if it happens 0 times.
    pub(crate) fn wait_ns(&mut self, per_second: f64) -> u64 {
        (-(1.0 - self.share()).ln() / per_second * 1e9) as u64
    }

    /// A number of this list, drawn as often as its weight says.
    pub(crate) fn weighed<const N: usize>(&mut self, weights: [f64; N]) -> usize {
        let mut left = self.share() * weights.iter().sum::<f64>();
        let is_it = |weight: &f64| {
            left -= weight;
            left < 0.0
        };
        weights.iter().position(is_it).unwrap_or_default()
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

    #[test]
    fn waits_and_weights_come_out_as_they_should() {
        let mut chance = Chance::new(1);
        let mean = (0..10_000).map(|_| chance.wait_ns(1000.0)).sum::<u64>() / 10_000;
        assert!((950_000..1_050_000).contains(&mean), "{mean}");
        assert_eq!(chance.wait_ns(0.0), u64::MAX);
        let mut counts = [0; 3];
        (0..7000).for_each(|_| counts[chance.weighed([1.0, 0.0, 6.0])] += 1);
        assert!((900..1100).contains(&counts[0]) && counts[1] == 0, "{counts:?}");
    }
}
