//! A place for many things of one kind, numbered, which stay where they are: growing copies
//! nothing, so it takes no longer with a million of them than with ten.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::array;
use core::ops::{Index, IndexMut};

const CHUNK: usize = 256;

/// No slot.
pub const NONE: u32 = u32::MAX;

/// Things under small numbers, which are used again.
pub struct Slots<T> {
    chunks: Vec<Box<[Option<T>; CHUNK]>>,
    free: Vec<u32>,
    used: u32,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots { chunks: Vec::new(), free: Vec::new(), used: 0 }
    }
}

impl<T> Slots<T> {
    /// Puts `thing` somewhere and says where.
    pub fn insert(&mut self, thing: T) -> u32 {
        let at = self.free.pop().unwrap_or_else(|| {
            if self.used as usize == self.chunks.len() * CHUNK {
                self.chunks.push(Box::new(array::from_fn(|_| None)));
            }
            self.used += 1;
            self.used - 1
        });
        *self.place(at) = Some(thing);
        at
    }

    /// Takes out what is at `at`.
    pub fn remove(&mut self, at: u32) -> T {
        let thing = self.place(at).take().expect("a slot is emptied once");
        self.free.push(at);
        thing
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.used as usize - self.free.len()
    }

    fn place(&mut self, at: u32) -> &mut Option<T> {
        &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }
}

impl<T> Index<u32> for Slots<T> {
    type Output = T;

    #[inline]
    fn index(&self, at: u32) -> &T {
        self.chunks[at as usize / CHUNK][at as usize % CHUNK].as_ref().expect("this slot is used")
    }
}

impl<T> IndexMut<u32> for Slots<T> {
    #[inline]
    fn index_mut(&mut self, at: u32) -> &mut T {
        self.place(at).as_mut().expect("this slot is used")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again_and_nothing_moves() {
        let mut slots = Slots::default();
        let at: Vec<u32> = (0..1000u32).map(|thing| slots.insert(thing)).collect();
        assert!(at.iter().all(|&at| slots[at] == at));
        assert_eq!((slots.remove(3), slots.remove(700), slots.len()), (3, 700, 998));
        assert_eq!((slots.insert(5), slots.insert(6), slots.insert(7)), (700, 3, 1000));
    }
}
