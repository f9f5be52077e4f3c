//! The few ids, zones and channels of an object world: few, so that everything meets everything.

use crate::chance::Chance;
use crate::objects::datagram::Dg;
use wire::dialect::Dialect;

/// What requests are drawn from.
#[derive(Clone, Debug)]
pub struct Pools {
    /// The channels of the State Servers, of which objects have one each in turn.
    pub controls: Vec<u64>,
    /// Objects that live here, now or later.
    pub ids: Vec<u32>,
    /// Ids that no object may have.
    pub reserved: Vec<u32>,
    /// Parents that live elsewhere.
    pub foreign_parents: Vec<u32>,
    /// Objects that live elsewhere.
    pub foreign_children: Vec<u32>,
    /// Zones.
    pub zones: Vec<u32>,
    /// Channels of AIs.
    pub ais: Vec<u64>,
    /// Channels of owners.
    pub owners: Vec<u64>,
}

impl Pools {
    /// Those of a run: `ids` objects, close together and at the ends of what an id can be.
    pub fn new(dialect: Dialect, servers: usize, ids: usize, chance: &mut Chance) -> Pools {
        let (control, reserved) = match dialect {
            Dialect::OpenOtp => (4002, vec![0, 4030, 4002]),
            Dialect::Astron => (402_000, vec![0, 1, 999, 402_000]),
        };
        let special = [u32::MAX, 0x7fff_ffff, 0x8000_0000, 4031, 4029, 1000, 100_000_000];
        let first = 2_000 + chance.below(1 << 20) as u32;
        let mut all: Vec<u32> = (first..first + ids as u32).collect();
        for at in 0..ids / 2 {
            all[at * 2] = special[at % special.len()];
        }
        all.sort_unstable();
        all.dedup();
        let ais = vec![50_000 << 32 | 1, 50_000 << 32 | 2, 1_000_000_001];
        Pools {
            controls: (0..servers as u64).map(|nth| control + nth).collect(),
            ids: all,
            reserved,
            foreign_parents: vec![900_001, 900_002],
            foreign_children: vec![900_011, 900_012, 900_013],
            zones: vec![0, 1, 2, 7, u32::MAX],
            owners: vec![60_000 << 32 | 1, 1_000_000_007, ais[0]],
            ais,
        }
    }

    /// The channel of the State Server that is to have an object.
    pub fn control(&self, id: u32) -> u64 {
        let nth = self.ids.iter().position(|&other| other == id).unwrap_or(0);
        self.controls[nth % self.controls.len()]
    }

    /// Every parent that something may be below.
    pub fn parents(&self) -> Vec<u32> {
        [&self.ids[..], &self.foreign_parents].concat()
    }
}

/// Whether a datagram reaches who wants the channels from `low` to `high` of any of `wants`.
pub fn reaches(dg: &Dg, wants: &[(u64, u64)]) -> bool {
    dg.to.iter().any(|to| wants.iter().any(|(low, high)| (low..=high).contains(&to)))
}
