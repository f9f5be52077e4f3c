//! Clients that are no honest ones: they lie, vanish, and say too much.

use crate::clients::person::Leaving;
use crate::clients::run::Run;
use crate::ledger::Violation;

impl Run {
    pub(super) fn lie(&mut self, at: usize) -> Result<(), Violation> {
        self.vanish(at)
    }

    pub(super) fn vanish(&mut self, at: usize) -> Result<(), Violation> {
        let how = if self.chance.one_in(2) { Leaving::InOrder } else { Leaving::Broken };
        self.leave_as(at, how);
        Ok(())
    }

    pub(super) fn flood(&mut self, at: usize) -> Result<(), Violation> {
        self.vanish(at)
    }
}
