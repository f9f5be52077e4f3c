//! When those on either side of a committer's thread look for what they wait for instead of sleeping,
//! when the thread waits for more requests before it commits, and for how long it holds some. No
//! clock is read here: times are nanoseconds since any beginning.
//!
//! **Looking.** To be woken takes some microseconds, and a commit not many more. While requests come
//! shortly after the commit before, and answers shortly after requests, it is looked for them for a
//! moment; after a single one that did not, it is slept at once until one comes so soon again. So an
//! idle store costs nothing, and a slow disk little.
//!
//! **Waiting.** Clients that ask again when they are answered fall into groups which commit in turn,
//! and wait for each other. How many there are is known: those that were answered just now, and
//! those whose requests came while that commit was under way. It is waited for all of them, for no
//! more than half of what a commit takes. Where that was in vain it is done the more seldom; a single
//! client is never waited for.
//!
//! **Holding.** What nobody waits for, such as the moves of compaction, is held for [`HOLD_NS`] at most
//! for the next commit that somebody waits for: a commit of its own would be in that one's way.

/// How long it is looked for requests at most, and for an answer. Twice 50 us made commits of creates
/// between updates 2 to 10 % quicker in the bench of the store, and no difference through a server.
const REQUEST_NS: u64 = 100_000;
const ANSWER_NS: u64 = 200_000;
/// For so long is held, at most, what nobody waits for.
pub const HOLD_NS: u64 = 1_000_000;
/// It is waited for others for no longer than this.
const WAIT_NS_MAX: u64 = 500_000;
/// A wait in vain is not followed by another one for this many commits, twice as many each time.
const SKIPPED_MAX: u32 = 256;

/// Whether it is worthwhile to look for something.
#[derive(Debug)]
pub struct Look {
    /// For how long it is looked for at most, and since when.
    most_ns: u64,
    since_ns: u64,
    /// What was waited for last came so soon.
    is_lively: bool,
}

/// The pace of a committer's thread.
#[derive(Debug)]
pub struct Pace {
    /// For requests, since the last commit.
    look: Look,
    /// How many writes were answered then.
    answered: usize,
    /// How long commits take, on average.
    takes_ns: u64,
    /// How many writes may soon be there together.
    hoped: usize,
    is_waiting: bool,
    /// How many commits are not waited for, and how many were not the last time.
    skip: u32,
    skipped: u32,
}

impl Look {
    /// For the answer to a write.
    pub fn for_answer() -> Look {
        Look { most_ns: ANSWER_NS, since_ns: 0, is_lively: false }
    }

    /// It is waited for from now on.
    pub fn begin(&mut self, now_ns: u64) {
        self.since_ns = now_ns;
    }

    /// It is not there: whether to look again at once, and not to sleep.
    pub fn goes_on(&self, now_ns: u64) -> bool {
        self.is_lively && now_ns < self.since_ns + self.most_ns
    }

    /// It is there.
    pub fn came(&mut self, now_ns: u64) {
        self.is_lively = now_ns < self.since_ns + self.most_ns;
    }
}

impl Default for Pace {
    fn default() -> Pace {
        let look = Look { most_ns: REQUEST_NS, since_ns: 0, is_lively: false };
        Pace { look, answered: 0, takes_ns: 0, hoped: 0, is_waiting: false, skip: 0, skipped: 0 }
    }
}

impl Pace {
    /// So many writes were there when the commit before had been answered.
    pub fn found(&mut self, writes: usize) {
        self.hoped = self.answered + writes;
        self.is_waiting = false;
    }

    /// Nothing was there: whether to look again at once, and not to sleep.
    pub fn looks(&self, now_ns: u64) -> bool {
        self.look.goes_on(now_ns)
    }

    /// The first request after the commit before is there.
    pub fn came(&mut self, now_ns: u64) {
        self.look.came(now_ns);
    }

    /// So many writes are there: whether to wait for more.
    pub fn waits(&mut self, writes: usize, now_ns: u64) -> bool {
        let until_ns = self.look.since_ns + (self.takes_ns / 2).min(WAIT_NS_MAX);
        if writes == 0 || writes >= self.hoped || now_ns >= until_ns || self.skip > 0 {
            return false;
        }
        self.is_waiting = true;
        true
    }

    /// A commit of so many writes has been carried out and answered.
    pub fn committed(&mut self, writes: usize, began_ns: u64, ended_ns: u64) {
        if self.is_waiting && writes < self.hoped {
            self.skipped = (self.skipped * 2).clamp(1, SKIPPED_MAX);
            self.skip = self.skipped;
        } else {
            self.skip = self.skip.saturating_sub(1);
            self.skipped = if self.is_waiting { 0 } else { self.skipped };
        }
        let took_ns = ended_ns.saturating_sub(began_ns);
        self.takes_ns = self.takes_ns - self.takes_ns / 8 + took_ns / 8;
        self.answered = writes;
        self.look.begin(ended_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commits of 100 us, one after the other, up to this time.
    fn at_pace(writes: usize, until_ns: u64) -> Pace {
        let mut pace = Pace::default();
        for ended_ns in (100_000..=until_ns).step_by(100_000) {
            pace.committed(writes, ended_ns - 100_000, ended_ns);
        }
        pace
    }

    #[test]
    fn it_is_looked_only_while_requests_come_soon() {
        let mut pace = at_pace(1, 10_000_000);
        assert!(!pace.looks(10_000_001), "none came soon yet");
        pace.came(10_010_000);
        pace.committed(1, 10_010_000, 10_100_000);
        assert!(pace.looks(10_199_000));
        assert!(!pace.looks(10_200_000), "for a moment only");
        pace.came(20_000_000);
        pace.committed(1, 20_000_000, 20_100_000);
        assert!(!pace.looks(20_100_001), "the one before came late");
    }

    #[test]
    fn groups_become_one() {
        let mut pace = at_pace(32, 10_000_000);
        pace.found(32);
        assert!(pace.waits(32, 10_000_000), "for those that were answered");
        assert!(pace.waits(63, 10_030_000));
        assert!(!pace.waits(64, 10_030_000), "all are there");
        pace.committed(64, 10_030_000, 10_130_000);
        pace.found(0);
        assert!(pace.waits(10, 10_140_000), "there are 64");
    }

    #[test]
    fn nobody_waits_long() {
        let mut pace = at_pace(32, 10_000_000);
        pace.found(32);
        assert!(pace.waits(32, 10_000_000));
        assert!(!pace.waits(63, 10_060_000), "half of a commit");
    }

    #[test]
    fn a_single_client_does_not_wait() {
        let mut pace = at_pace(1, 10_000_000);
        pace.found(0);
        assert!(!pace.waits(1, 10_000_001));
    }

    #[test]
    fn what_is_in_vain_is_done_seldom() {
        let mut pace = at_pace(8, 10_000_000);
        let mut waited = 0;
        for ended_ns in (10_100_000..110_000_000).step_by(100_000) {
            pace.found(1);
            waited += u32::from(pace.waits(1, ended_ns - 100_000));
            pace.committed(1, ended_ns - 90_000, ended_ns);
        }
        assert!(waited < 15, "{waited} of 1,000");
    }
}
