//! NPCs: objects that an AI makes, updates and moves.

use super::Crowd;
use crate::park::agenda::Who;
use crate::park::stamp::Stamp;
use crate::park::thing::Deed;
use wire::ids::DoId;
use wire::state_server::ObjectMessage;

/// An NPC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Npc {
    /// In the model.
    object: u32,
    /// Its AI.
    ai: u32,
}

impl Crowd {
    /// Makes all NPCs; returns the last one of each AI.
    pub(crate) fn make_npcs(&mut self) -> Vec<(u32, DoId)> {
        let zones = self.part.zones(&self.plan);
        let mut last = vec![None; self.plan.ais as usize];
        for number in 0..zones.count * self.plan.scenario.npcs.per_zone {
            let (zone, ai) = (zones.nth(number), number % self.plan.ais);
            let do_id = self.take_do_id();
            let location = self.cluster.location(zone);
            self.cluster.generate(ai, do_id, location, &self.classes.npc);
            let object = self.model.create(do_id, None, zone, true);
            self.npcs.push(Npc { object, ai });
            last[ai as usize] = Some(do_id);
        }
        (0..).zip(last).filter_map(|(ai, do_id)| Some((ai, do_id?))).collect()
    }

    pub(super) fn take_do_id(&mut self) -> DoId {
        self.next_do_id += 1;
        DoId(self.next_do_id - 1)
    }

    /// Lets NPCs begin.
    pub(crate) fn wake_npcs(&mut self, now: u64) {
        (0..self.npcs.len() as u32).for_each(|npc| self.plan_npc(npc, now));
    }

    fn plan_npc(&mut self, npc: u32, from: u64) {
        let per_second = self.plan.scenario.npcs.updates + self.plan.scenario.npcs.walks;
        let due = from.saturating_add(self.chance.wait_ns(per_second));
        self.agenda.put(due, Who::Npc { npc });
    }

    pub(super) fn act_as_npc(&mut self, npc: u32, due: u64) {
        let npcs = &self.plan.scenario.npcs;
        if self.chance.weighed([npcs.updates, npcs.walks]) == 0 {
            self.update_npc(npc, due);
            self.counts.npc_updates += 1;
        } else {
            self.walk_npc(npc, due);
        }
        self.plan_npc(npc, due);
    }

    pub(crate) fn update_npc(&mut self, npc: u32, due: u64) {
        let Npc { object, ai } = self.npcs[npc as usize];
        let number = self.model.update(object, Deed::Updated);
        let value = Stamp::new(number, due).xyh();
        let (do_id, field) = (self.model.thing(object).do_id, self.classes.npc.place);
        self.cluster.tell(ai, do_id, &ObjectMessage::UpdateField { do_id, field, value: &value });
    }

    fn walk_npc(&mut self, npc: u32, due: u64) {
        let Npc { object, ai } = self.npcs[npc as usize];
        let Some(zone) = self.model.thing(object).zone() else { return };
        let to = self.part.zones(&self.plan).beside(zone, self.chance.is_among(0.5));
        self.update_npc(npc, due);
        let (do_id, location) = (self.model.thing(object).do_id, self.cluster.location(to));
        self.cluster.tell(ai, do_id, &ObjectMessage::SetZone { location });
        self.model.relocate(object, to);
        self.counts.npc_walks += 1;
    }

    /// Deletes all NPCs.
    pub(crate) fn delete_npcs(&mut self) {
        for Npc { object, ai } in std::mem::take(&mut self.npcs) {
            let do_id = self.model.thing(object).do_id;
            self.cluster.tell(ai, do_id, &ObjectMessage::DeleteRam { do_id });
            self.model.delete(object, true);
        }
    }
}
