//! The stores of daemons in the world: commits and chores happen some time after they were asked
//! for, and their answers arrive some time after that, in order.

use super::{Event, World};
use crate::daemon::Store;
use runtime::StoreId;
use store::{PartId, Reply, Request};

/// Between two chores that are run at leisure, as the engine has it.
const LEISURE_NS: u64 = 100_000_000;

impl World {
    /// A shard asks a log for something; a commit follows, if none is on the list.
    pub(super) fn ask_store(
        &mut self,
        daemon: usize,
        shard: usize,
        life: u32,
        id: StoreId,
        request: Request,
    ) {
        let store = &mut self.daemons[daemon].stores[usize::from(id.0)];
        store.ask(PartId(shard as u16), request);
        if !std::mem::replace(&mut store.scheduled, true) {
            let delay = self.disk_delay();
            self.schedule(delay, Event::Commit { daemon, store: id, life });
        }
    }

    /// A log does something, and its answers are under way.
    pub(super) fn use_store(
        &mut self,
        daemon: usize,
        store: StoreId,
        life: u32,
        what: &'static str,
        act: impl FnOnce(&mut Store) -> Vec<(PartId, Reply)>,
    ) {
        if self.daemons[daemon].life() != Some(life) {
            return;
        }
        let answers = act(&mut self.daemons[daemon].stores[usize::from(store.0)]);
        let fields = [("daemon", daemon as u64), ("answers", answers.len() as u64)];
        self.trace.note(self.now, what, &fields);
        if !answers.is_empty() {
            let at = self.now + self.disk_delay();
            let last = &mut self.daemons[daemon].stores[usize::from(store.0)].answered_at;
            *last = at.max(*last + 1); // answers keep their order
            let at = *last;
            self.schedule_at(at, Event::Stored { daemon, store, life, answers });
        }
        self.hand_out(daemon, store, life);
    }

    /// Puts the chores of a store on the list.
    pub(super) fn hand_out(&mut self, daemon: usize, store: StoreId, life: u32) {
        let chores = self.daemons[daemon].stores[usize::from(store.0)].take_chores();
        for (number, is_patient) in chores {
            self.leisurely += usize::from(is_patient);
            let leisure = if is_patient { LEISURE_NS } else { 0 };
            let delay = leisure + self.disk_delay();
            self.schedule(delay, Event::Chore { daemon, store, life, number, is_patient });
        }
    }

    fn disk_delay(&mut self) -> u64 {
        self.chance.below(self.tempo.disk_ns_max + 1)
    }
}
