//! The objects that are written, what a store must hold, and whether what it reads is that.
//!
//! 300 bytes each that cannot be compressed; the first eight name the object and its version, so
//! that a stale or foreign value is seen wherever one is read.

use anyhow::{Result, ensure};
use rand::rngs::SmallRng;
use rand::{Rng, RngCore, SeedableRng};
use std::hint::black_box;

/// Bytes of an object's value.
pub const OBJECT_BYTES: usize = 300;

/// An object as it is to be written.
pub struct Object {
    pub id: u32,
    pub value: [u8; OBJECT_BYTES],
}

/// What a store must hold, and what is done to it next. The same for every engine.
pub struct Model {
    /// By object; their ids count from 1.
    versions: Vec<u32>,
    random: SmallRng,
}

impl Model {
    pub fn new() -> Model {
        Model { versions: Vec::new(), random: SmallRng::seed_from_u64(1) }
    }

    pub fn len(&self) -> usize {
        self.versions.len()
    }

    /// So many new objects are there, though somebody else writes them.
    pub fn expect(&mut self, count: usize) {
        self.versions.resize(self.versions.len() + count, 0);
    }

    /// So many new objects.
    pub fn create(&mut self, count: usize) -> Vec<Object> {
        let first = self.versions.len();
        self.expect(count);
        (first..first + count).map(|index| self.object(index)).collect()
    }

    /// New versions of so many random ones.
    pub fn update(&mut self, count: usize) -> Vec<Object> {
        let mut one = || {
            let index = self.random.random_range(0..self.versions.len());
            self.versions[index] += 1;
            self.object(index)
        };
        (0..count).map(|_| one()).collect()
    }

    /// Ids of so many random ones.
    pub fn pick(&mut self, count: usize) -> Vec<u32> {
        (0..count).map(|_| 1 + self.random.random_range(0..self.versions.len() as u32)).collect()
    }

    /// All of them.
    pub fn ids(&self) -> Vec<u32> {
        (1..=self.versions.len() as u32).collect()
    }

    pub fn check(&self) -> Check<'_> {
        Check { versions: &self.versions, read: 0, wrong: None, sum: 0 }
    }

    fn object(&mut self, index: usize) -> Object {
        let mut value = [0; OBJECT_BYTES];
        self.random.fill_bytes(&mut value);
        let id = index as u32 + 1;
        value[..4].copy_from_slice(&id.to_le_bytes());
        value[4..8].copy_from_slice(&self.versions[index].to_le_bytes());
        Object { id, value }
    }
}

/// Takes what an engine reads, and touches every byte of it as an answer would.
pub struct Check<'a> {
    versions: &'a [u32],
    read: usize,
    wrong: Option<u32>,
    sum: u64,
}

impl Check<'_> {
    #[inline]
    pub fn value(&mut self, id: u32, value: &[u8]) {
        let (words, _) = value.as_chunks::<8>();
        let version = self.versions.get(id as usize - 1).copied().unwrap_or(u32::MAX);
        let wanted = u64::from(id) | u64::from(version) << 32;
        if value.len() != OBJECT_BYTES || u64::from_le_bytes(words[0]) != wanted {
            self.wrong = Some(id);
        }
        let words = words.iter().map(|word| u64::from_le_bytes(*word));
        self.sum = words.fold(self.sum, u64::wrapping_add);
        self.read += 1;
    }

    /// An error if anything was wrong, or not as many values were read.
    pub fn end(self, wanted: usize) -> Result<()> {
        black_box(self.sum);
        if let Some(id) = self.wrong {
            anyhow::bail!("object {id} is not as it was written");
        }
        ensure!(self.read == wanted, "{} of {wanted} objects were read", self.read);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stale_foreign_or_missing_is_noticed() {
        let mut model = Model::new();
        let old = model.create(2);
        let new: Vec<Object> = model.update(64);
        let newest = |id: u32| {
            let written = new.iter().rev().find(|object| object.id == id);
            written.expect("64 updates meet both of two objects")
        };
        let ends = |values: [(u32, &[u8]); 2]| {
            let mut check = model.check();
            values.iter().for_each(|(id, value)| check.value(*id, value));
            check.end(2).map_err(|error| error.to_string())
        };
        let [first, second] = [1, 2].map(|id| &newest(id).value[..]);
        assert_eq!(ends([(1, first), (2, second)]), Ok(()));
        for wrong in [&old[1].value[..], first, &second[..296]] {
            assert_eq!(
                ends([(1, first), (2, wrong)]),
                Err("object 2 is not as it was written".into())
            );
        }
        assert!(model.check().end(1).is_err());
    }

    #[test]
    fn every_engine_gets_the_same() {
        let all = || {
            let mut model = Model::new();
            let objects = [model.create(10), model.update(10)].into_iter().flatten();
            let bytes: Vec<u8> = objects.flat_map(|object| object.value).collect();
            (bytes, model.pick(10))
        };
        assert_eq!(all(), all());
    }
}
