//! What must hold when all is quiet: the counts, the upstream's view, the bytes on the links.

use crate::ledger::{End, Violation};
use crate::scenario::{Part, Scenario};

impl Scenario {
    /// Checks what can be seen while nothing moves.
    pub fn check_quiet(&self) -> Result<(), Violation> {
        self.check_participants()?;
        self.check_post_removes()?;
        self.check_view()?;
        self.check_hostile()
    }

    fn check_participants(&self) -> Result<(), Violation> {
        for at in self.daemons() {
            let daemon = &self.world.daemons[at];
            let conns = self
                .conns
                .iter()
                .filter(|conn| conn.daemon == at && self.ledger.end(conn.party) == End::Open);
            let below = self.daemons().filter(|&below| self.plan.parents[below] == Some(at));
            let above = self.plan.parents[at].is_some();
            let wanted = conns.count() + below.count() + above as usize;
            let have = daemon.total(|counts| counts.participants);
            if have != wanted as u64 {
                let what = format!("daemon {at} has {have} participants, {wanted} are connected");
                return Err(Violation::new("no participant outlives its connection", what));
            }
            let waits = daemon.total(|counts| counts.backlog_bytes + counts.upstream_queue_bytes);
            if waits > 0 {
                let what = format!("{waits} bytes wait in daemon {at}, and nothing happens");
                return Err(Violation::new("nothing is stuck", what));
            }
        }
        Ok(())
    }

    fn check_post_removes(&self) -> Result<(), Violation> {
        for at in self.daemons() {
            let have = self.world.daemons[at].total(|counts| counts.post_removes);
            let wanted = self.ledger.stored_below(at).len() as u64;
            if have != wanted {
                let what = format!("daemon {at} has {have} of {wanted} post-removes");
                return Err(Violation::new("post-removes are known to the top", what));
            }
        }
        Ok(())
    }

    fn check_view(&self) -> Result<(), Violation> {
        if !self.plan.observed_upstream {
            return Ok(());
        }
        let wanted = self.ledger.wanted_below(0);
        if self.view.points != wanted {
            let what =
                format!("the upstream was told {:x}, wanted is {wanted:x}", self.view.points);
            return Err(Violation::new("the upstream knows the union", what));
        }
        let stored = self.ledger.stored_below(0).into_iter();
        let mut stored: Vec<(u64, Vec<u8>)> =
            stored.map(|(by, id)| (by, self.ledger.frame(id)[2..].to_vec())).collect();
        let mut told = self.view.post_removes.clone();
        stored.sort();
        told.sort();
        if stored != told {
            let what = format!("the upstream has {} of {}", told.len(), stored.len());
            return Err(Violation::new("post-removes are known to the top", what));
        }
        Ok(())
    }

    /// Who sent malformed bytes is closed.
    fn check_hostile(&self) -> Result<(), Violation> {
        for conn in self.conns.iter().filter(|conn| self.must_be_gone.contains(&conn.party)) {
            if self.ledger.end(conn.party) == End::Open {
                let what = format!("party {} ({:?}) still stands", conn.party, conn.part);
                return Err(Violation::new("who is at fault is closed", what));
            }
        }
        Ok(())
    }

    /// Between two quiet moments without change of subscriptions: everything goes up, and down
    /// goes what is wanted there.
    pub fn check_links(&self, before: &[(u64, u64)]) -> Result<(), Violation> {
        for at in self.daemons() {
            if self.plan.parents[at].is_none() && !self.plan.observed_upstream {
                continue;
            }
            let (mut up, mut down) = (0, 0);
            let wanted = self.ledger.wanted_below(at);
            for (sender, daemon, points, bytes) in self.ledger.of_round() {
                let from_above = self
                    .conns
                    .iter()
                    .any(|conn| conn.party == sender && conn.part == Part::Upstream);
                if self.ledger.is_below(daemon, at) && !(from_above && at == 0) {
                    up += bytes as u64;
                } else if points & wanted != 0 || (from_above && at == 0) {
                    down += bytes as u64;
                }
            }
            let (above, here) = self.world.link_bytes(at);
            let carried = (above - before[at].0, here - before[at].1);
            if carried != (up, down) {
                let what = format!(
                    "the link of daemon {at} carried {} up and {} down, wanted were {up} and {down} bytes",
                    carried.0, carried.1
                );
                return Err(Violation::new("down goes what is wanted", what));
            }
        }
        Ok(())
    }
}
