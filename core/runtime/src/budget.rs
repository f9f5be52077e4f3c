//! How much somebody may send or say: so much per second in the long run, and a burst at once.
//!
//! A bucket is a single time: until when what was taken from it is paid for. What would be paid for
//! too late is too much.

use crate::ids::Now;

/// Fractions of a nanosecond that a unit costs.
const FRACTION_BITS: u32 = 10;
const SECOND_NS: u64 = 1_000_000_000;

/// What units of one kind cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// What one unit costs, in fractions of a nanosecond.
    unit: u64,
    /// How late what is taken may be paid for, in nanoseconds.
    burst_ns: u64,
}

impl Rate {
    /// So many units per second, and so many at once; no rate if it is 0.
    pub fn new(per_second: u32, burst: u32) -> Option<Rate> {
        let unit = (SECOND_NS << FRACTION_BITS).checked_div(u64::from(per_second))?;
        let burst_ns = (u128::from(burst) * u128::from(unit)) >> FRACTION_BITS;
        Some(Rate { unit, burst_ns: u64::try_from(burst_ns).unwrap_or(u64::MAX) })
    }

    fn cost_ns(self, units: u32) -> u64 {
        u64::from(units).saturating_mul(self.unit) >> FRACTION_BITS
    }
}

/// What somebody has taken.
#[derive(Clone, Copy, Default, Debug)]
pub struct Bucket {
    paid_until: Now,
}

impl Bucket {
    /// Takes some units; `false` if that is too much.
    #[inline]
    pub fn take(&mut self, now: Now, units: u32, rate: Option<Rate>) -> bool {
        let Some(rate) = rate else { return true };
        let until = self.paid_until.max(now).0.saturating_add(rate.cost_ns(units));
        let is_affordable = until - now.0 <= rate.burst_ns;
        if is_affordable {
            self.paid_until = Now(until);
        }
        is_affordable
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_at_once_then_so_many_per_second() {
        let (rate, mut bucket) = (Rate::new(1000, 50), Bucket::default());
        let now = Now(7);
        assert!((0..50).all(|_| bucket.take(now, 1, rate)));
        assert!(!bucket.take(now, 1, rate));
        assert!(!bucket.take(Now(7 + 999_999), 1, rate));
        assert!(bucket.take(now.plus_ms(1), 1, rate));
        assert!(!bucket.take(now.plus_ms(1), 1, rate));
        assert!(bucket.take(now.plus_ms(10_000), 50, rate));
        assert!(!bucket.take(now.plus_ms(10_000), 1, rate));
    }

    #[test]
    fn a_rate_of_none_is_none() {
        let mut bucket = Bucket::default();
        assert!((0..1000).all(|_| bucket.take(Now(0), u32::MAX, Rate::new(0, 1))));
    }

    proptest! {
        /// Against a bucket that is filled step by step, in whole numbers.
        #[test]
        fn it_is_a_token_bucket(
            rate in 1u32..=1_000_000,
            burst in 1u32..=10_000_000,
            steps in prop::collection::vec((0u64..3_000_000_000, 0u32..70_000), 1..200),
        ) {
            let (fixed, mut bucket) = (Rate::new(rate, burst).unwrap(), Bucket::default());
            // Tokens in units of what one fraction of a nanosecond brings.
            let unit = u128::from(fixed.unit);
            let full = u128::from(burst) * unit;
            let (mut tokens, mut now) = (full, 0u64);
            for (wait, units) in steps {
                now += wait;
                tokens = full.min(tokens + (u128::from(wait) << FRACTION_BITS));
                let wanted = u128::from(units) * unit;
                let taken = bucket.take(Now(now), units, Some(fixed));
                // Each taking rounds down to a nanosecond.
                let slack = 201 << FRACTION_BITS;
                prop_assert!(!taken || wanted <= tokens + slack);
                prop_assert!(taken || wanted + slack > tokens);
                if taken {
                    tokens = tokens.saturating_sub(wanted);
                }
            }
        }
    }
}
