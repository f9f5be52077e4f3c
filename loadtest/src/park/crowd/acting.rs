//! What visitors do: what comes next, and what is said for it. The model changes when it is sent.

use super::{Crowd, Stage};
use crate::park::agenda::Who;
use crate::park::plan::Mover;
use crate::park::stamp::Stamp;
use crate::park::thing::Deed;
use crate::sockets::Ending;
use wire::client::FromClient;
use wire::ids::{FieldId, Zone};
use wire::state_server::Zones;

/// The interest that every visitor has.
pub(super) const INTEREST: u16 = 1;
/// Of those that do not say goodbye, so many reset the connection.
const RESETS: f64 = 0.5;

impl Crowd {
    /// Does all that is due.
    pub(crate) fn act(&mut self, now: u64) {
        while let Some((due, who)) = self.agenda.take(now) {
            match who {
                Who::Visitor { visitor, life } => {
                    let someone = &self.visitors[visitor as usize];
                    if (someone.life, someone.stage) == (life, Stage::Present) {
                        self.act_as(visitor, due, now);
                    }
                }
                Who::Comer { visitor } => self.queue.push_back(visitor),
                Who::Npc { npc } => self.act_as_npc(npc, due),
            }
        }
    }

    /// Plans what the visitor does next, from this time on.
    pub(super) fn plan_next(&mut self, visitor: u32, from: u64) {
        let per_second = self.rates(visitor).iter().sum();
        let due = from.saturating_add(self.chance.wait_ns(per_second));
        let life = self.visitors[visitor as usize].life;
        self.agenda.put(due, Who::Visitor { visitor, life });
    }

    /// How often per second he updates, says something, walks, and goes.
    fn rates(&self, visitor: u32) -> [f64; 4] {
        let habits = &self.plan.scenario.visitors[self.visitors[visitor as usize].kind];
        let going = if habits.stays > 0.0 { 1.0 / habits.stays } else { 0.0 };
        [habits.updates, habits.says, habits.walks, going]
    }

    fn act_as(&mut self, visitor: u32, due: u64, now: u64) {
        let someone = &self.visitors[visitor as usize];
        let is_under_way = someone.asked_ns.is_some() || someone.errand.is_some();
        match self.chance.weighed(self.rates(visitor)) {
            // Whoever is being moved must say nothing in between: its order would not be known.
            _ if someone.errand.is_some() => (),
            0 => {
                self.update(visitor, due);
                self.counts.updates += 1;
            }
            1 => self.speak(visitor, due),
            2 if !is_under_way => self.walk(visitor, due, now),
            3 if !is_under_way => return self.go(visitor, now),
            _ => (),
        }
        self.plan_next(visitor, due);
    }

    /// Updates the avatar's place and direction; returns the number of the update.
    pub(crate) fn update(&mut self, visitor: u32, due: u64) -> u16 {
        let object = self.visitors[visitor as usize].object;
        let number = self.model.update(object, Deed::Updated);
        let value = Stamp::new(number, due).xyh();
        self.say_of(visitor, self.classes.visitor.place, &value);
        number
    }

    fn speak(&mut self, visitor: u32, due: u64) {
        let Some(field) = self.classes.visitor.say else { return };
        let number = self.model.update(self.visitors[visitor as usize].object, Deed::Said);
        let words = Stamp::new(number, due).words(self.plan.scenario.words);
        self.say_of(visitor, field, &self.classes.spoken(&words));
        self.counts.says += 1;
    }

    /// The client sends a value of its avatar.
    fn say_of(&mut self, visitor: u32, field: FieldId, value: &[u8]) {
        let do_id = self.model.thing(self.visitors[visitor as usize].object).do_id;
        let message = FromClient::UpdateField { do_id, field, value };
        self.out.say(visitor, self.plan.dialect, &message);
    }

    fn walk(&mut self, visitor: u32, due: u64, now: u64) {
        let zones = self.part.zones(&self.plan);
        let zone = self.visitors[visitor as usize].zone;
        let to = zones.beside(zone, self.chance.is_among(0.5));
        self.counts.walks += 1;
        self.move_to(visitor, to, due, now);
    }

    /// An update, then a move to another zone, then a look around there.
    fn move_to(&mut self, visitor: u32, to: Zone, due: u64, now: u64) {
        let number = self.update(visitor, due);
        match self.plan.mover {
            Mover::Client => {
                let object = self.visitors[visitor as usize].object;
                let do_id = self.model.thing(object).do_id;
                let location = self.cluster.location(to);
                let message = FromClient::Location { do_id, location };
                self.out.say(visitor, self.plan.dialect, &message);
                self.model.relocate(object, to);
                self.look_around(visitor, to, now);
            }
            Mover::Ai => self.visitor(visitor).errand = Some((number, to)),
        }
    }

    /// From where the gate has put the avatar to where the visitor belongs.
    pub(super) fn go_home(&mut self, visitor: u32, home: Zone, now: u64) {
        match self.plan.mover {
            Mover::Client => self.move_to(visitor, home, now, now),
            // Nothing has been said of the avatar yet that its move must come after.
            Mover::Ai => {
                let number = 0;
                self.visitor(visitor).errand = Some((number, home));
                let object = self.visitors[visitor as usize].object;
                self.run_errand(self.model.thing(object).do_id, number);
            }
        }
    }

    /// Opens the zones around this one, and gives up all others.
    pub(super) fn look_around(&mut self, visitor: u32, zone: Zone, now: u64) {
        let zones = self.part.zones(&self.plan).around(zone, self.plan.scenario.sees);
        let Crowd { visitors, model, .. } = self;
        let someone = &mut visitors[visitor as usize];
        (someone.zone, someone.asked_ns) = (zone, Some(now));
        someone.context = someone.context.wrapping_add(1);
        someone.sight.turn_to(model, visitor, &zones);
        let (context, interest, parent) = (someone.context, INTEREST, self.plan.park);
        let numbers: Vec<[u8; 4]> = zones.iter().map(|zone| zone.0.to_le_bytes()).collect();
        let zones = Zones(&numbers);
        let message = FromClient::AddInterest { context, interest, parent, zones };
        self.out.say(visitor, self.plan.dialect, &message);
    }

    /// Leaves the park, with or without a word.
    fn go(&mut self, visitor: u32, now: u64) {
        let habits = &self.plan.scenario.visitors[self.visitors[visitor as usize].kind];
        if !self.chance.is_among(habits.crashes) {
            return self.say_goodbye(visitor);
        }
        self.counts.crashes += 1;
        let is_reset = self.chance.is_among(RESETS);
        self.forget(visitor, false);
        self.hang_up(visitor, if is_reset { Ending::Reset } else { Ending::Closed });
        self.come_back(visitor, now);
    }

    /// Says goodbye; the server is to close the connection then.
    pub(crate) fn say_goodbye(&mut self, visitor: u32) {
        self.counts.goodbyes += 1;
        self.forget(visitor, true);
        self.out.say(visitor, self.plan.dialect, &FromClient::Disconnect);
        self.visitor(visitor).stage = Stage::Departing;
    }

    /// Plans that he comes again.
    pub(super) fn come_back(&mut self, visitor: u32, now: u64) {
        let away = self.plan.scenario.visitors[self.visitors[visitor as usize].kind].away;
        let wait = if away > 0.0 { self.chance.wait_ns(1.0 / away) } else { 0 };
        self.agenda.put(now.saturating_add(wait), Who::Comer { visitor });
    }
}
