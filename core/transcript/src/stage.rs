//! What a transcript is played on.

use runtime::Counts;

/// How a transcript is played: on how many shards, who is where, and in which order they run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// How many shards.
    pub shards: usize,
    /// Connections are placed from this shard on; the order of turns hangs on it, too, and whether
    /// what is much is done at once or bit by bit.
    pub variant: usize,
}

impl Setting {
    /// On which shard a connection is.
    pub fn home(self, conn: usize) -> usize {
        (conn + self.variant) % self.shards
    }

    /// Which of those that have something to do is next: the first, the last, or any.
    pub fn pick(self, of: usize, chance: &mut u64) -> usize {
        match self.variant {
            0 | 1 => self.variant * (of - 1),
            _ => {
                *chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(11);
                (*chance >> 33) as usize % of
            }
        }
    }
}

/// A daemon and its connections, by number; nothing happens before [`Stage::settle`].
pub trait Stage {
    /// A client connects.
    fn connect(&mut self, conn: usize);

    /// A connection sends.
    fn send(&mut self, conn: usize, bytes: &[u8]);

    /// A connection ends.
    fn close(&mut self, conn: usize);

    /// All that is to happen at this moment happens.
    fn settle(&mut self);

    /// Time passes, in milliseconds, with all that is to happen meanwhile.
    fn wait(&mut self, ms: u64);

    /// The daemon is told to stop.
    fn stop(&mut self);

    /// What has come for a connection since it was last asked, and whether the daemon has ended it.
    fn got(&mut self, conn: usize) -> (Vec<u8>, bool);

    /// What each shard has counted.
    fn counts(&self) -> Vec<&Counts>;

    /// What was said to the Event Logger since it was last asked, as packets.
    fn events(&mut self) -> Vec<Vec<u8>>;

    /// Whether each refusal is said to the Event Logger, with its reason.
    fn tells_refusals(&self) -> bool {
        false
    }

    /// Whether each of these objects lives on a shard of its own, as far as there are enough.
    fn are_apart(&self, ids: &[u32]) -> bool;
}
