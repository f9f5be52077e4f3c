//! Sets of small numbers: which messages someone knows of.

/// A set of small numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members(Vec<u64>);

impl Members {
    /// Whether `at` is in it.
    pub fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Adds `at`; whether it was not in it.
    pub fn add(&mut self, at: usize) -> bool {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        let new = !self.has(at);
        self.0[at / 64] |= 1 << (at % 64);
        new
    }

    /// Adds all of `other`.
    pub fn add_all(&mut self, other: &Members) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// Takes all of `other` out.
    pub fn take_all(&mut self, other: &Members) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= !other);
    }

    /// The numbers in it, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(at, &word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 64 + bit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_a_set() {
        let mut some = Members::default();
        assert!(some.add(3) && some.add(200) && !some.add(3));
        let mut other = Members::default();
        other.add(200);
        other.add(64);
        some.add_all(&other);
        assert_eq!(some.iter().collect::<Vec<_>>(), [3, 64, 200]);
        some.take_all(&other);
        assert_eq!(some.iter().collect::<Vec<_>>(), [3]);
        assert!(some.has(3) && !some.has(64) && !some.has(10_000));
    }
}
