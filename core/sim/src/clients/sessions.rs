//! Many sessions in one daemon, a crowd after the other: whatever they did, the daemon grows no
//! further.

use crate::chance::Chance;
use crate::clients::plan::Plan;
use crate::clients::run::Run;
use crate::ledger::Violation;
use crate::plan::Sabotage;
use crate::trace::Trace;

/// Clients of a crowd, and what happens while they are there.
const CROWD: usize = 400;
const ACTIONS: u32 = 3_000;

/// Sessions in one daemon of `shards` shards.
pub struct Sessions {
    run: Run,
    /// How many there were.
    pub count: u64,
}

impl Sessions {
    /// A daemon that nobody has connected to.
    pub fn new(seed: u64, shards: Option<usize>) -> Result<Sessions, Violation> {
        let mut chance = Chance::new(seed);
        let mut plan = Plan::new(&mut chance, shards, Sabotage::None);
        plan.stay_in_one_daemon();
        (plan.clients, plan.actions, plan.rounds, plan.villains_one_in) = (CROWD, ACTIONS, 1, 3);
        let mut run = Run::new(plan, chance, Trace::default());
        run.begin()?;
        Ok(Sessions { run, count: 0 })
    }

    /// A crowd comes, acts, is checked, and leaves; nothing of it is left.
    pub fn play_crowd(&mut self) -> Result<(), Violation> {
        self.run.play_rounds()?;
        self.count += self.run.clients.len() as u64;
        self.run.forget();
        Ok(())
    }
}
