//! What a seed decides of a store's run before anything happens.

use crate::chance::Chance;
use crate::disk::{self, Fault, Lie};

/// What befalls the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// The process ends, well or killed, and the power goes between calls of the disk.
    Crashes,
    /// The power goes at any call, also while the store is being opened.
    Cuts,
    /// Calls fail.
    Failures,
    /// The disk is full, and has space again.
    Full,
    /// Bits turn over while the store is closed.
    Flips,
}

/// What a seed decides.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What befalls the store.
    pub trouble: Trouble,
    /// The disk.
    pub disk: disk::Kind,
    /// How long a segment is.
    pub segment_bytes: u32,
    /// How long the values of an object are, at most.
    pub body_bytes_max: usize,
    /// How often the store is opened.
    pub lives: u32,
    /// What is done in a life, at most.
    pub steps: u64,
    /// One write in so many makes a new object; the others change one.
    pub new_one_in: u64,
    /// One change in so many is a deletion.
    pub delete_one_in: u64,
    /// Objects that are changed most.
    pub hot: usize,
    /// What strikes at which call of the disk, instead of what chance says.
    pub strike: Option<(u64, Fault)>,
}

impl Plan {
    /// The plan of a seed.
    pub fn new(chance: &mut Chance, lie: Lie) -> Plan {
        let troubles = [
            Trouble::Crashes,
            Trouble::Cuts,
            Trouble::Cuts,
            Trouble::Failures,
            Trouble::Full,
            Trouble::Flips,
        ];
        let trouble = chance.pick(&troubles).unwrap_or(Trouble::Crashes);
        let segment_bytes = chance.pick(&[4, 4, 8, 8, 16, 64]).unwrap_or(4) * 1024;
        let sector_bytes = chance.pick(&[512, 512, 512, 64, 4096]).unwrap_or(512);
        let cold_one_in = chance.pick(&[0, 0, 2, 9]).unwrap_or(0);
        let body_bytes_max = chance.pick(&[40, 300, 300, 1200, 6000]).unwrap_or(300);
        Plan {
            trouble,
            disk: disk::Kind { sector_bytes, bytes_max: None, cold_one_in, lie },
            segment_bytes,
            body_bytes_max,
            lives: chance.between(2, 5) as u32,
            steps: chance.pick(&[20, 100, 300, 300, 800]).unwrap_or(100),
            new_one_in: chance.pick(&[2, 3, 8, 20]).unwrap_or(3),
            delete_one_in: chance.pick(&[0, 3, 5, 20]).unwrap_or(5),
            hot: chance.between(1, 12) as usize,
            strike: None,
        }
    }
}
