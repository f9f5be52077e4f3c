//! Several connections at once, on the same objects: what happens depends on who is first. What
//! was heard must agree with what is left.

use crate::ledger::Violation;
use crate::objects::datagram::Dg;
use crate::objects::requests::Scope;
use crate::objects::run::Run;
use crate::objects::views::{Found, Views};
use std::collections::{BTreeMap, BTreeSet};
use wire::dialect::Dialect;
use wire::ids::DoId;
use wire::state_server::{ObjectMessage, ObjectNotice, StateServerMessage};

/// Deleting a parent brings to light who was below it: so often at most.
const ROUNDS_MAX: u32 = 4;

impl Run {
    pub(super) fn chaos(&mut self) -> Result<(), Violation> {
        let mut views = Views::new(self.plan.dialect, self.server().schema.clone());
        let mut found = BTreeMap::new();
        let batches = self.chance.between(2, 5) as u32;
        for batch in 0..batches {
            let creates = batch == 0 || self.chance.one_in(2);
            let before = found;
            let deleted = self.stage.total(|counts| counts.objects_deleted);
            let asked = self.storm(creates);
            self.stage.settle_for_good()?;
            let heard = self.stage.take_heard();
            views.hear(&self.stage.ears, &heard)?;
            found = self.find_all(&mut views)?;
            if !creates {
                check_rings(&before, &found)?;
            }
            let nobody_died = deleted == self.stage.total(|counts| counts.objects_deleted);
            let sure = if nobody_died { before.keys().copied().collect() } else { BTreeSet::new() };
            self.check_answers(&asked, &heard, &sure)?;
            views.check(&self.stage.ears, &found)?;
        }
        self.delete_blindly()
    }

    /// Many requests, of which nobody knows which is the first.
    fn storm(&mut self, creates: bool) -> Vec<(usize, Dg)> {
        let pools = &self.plan.pools;
        let (ids, parents) = (pools.ids.clone(), pools.parents());
        let scope = Scope { ids, parents, mistakes: true, rings: true };
        let mut asked = Vec::new();
        for _ in 0..self.plan.requests / 2 {
            let asker = self.chance.pick(&self.askers).unwrap_or(0);
            let dg = self.draw(asker, &scope);
            if !creates && self.is_create(&dg) {
                continue;
            }
            // Of what there may be now, the model knows at least a part.
            self.cluster.hear(&dg);
            self.stage.send_later(asker, dg.clone());
            asked.push((asker, dg));
        }
        asked
    }

    fn is_create(&self, dg: &Dg) -> bool {
        let message = StateServerMessage::decode(self.plan.dialect, dg.msgtype, &dg.payload);
        matches!(message, Ok(StateServerMessage::Generate(_)))
    }

    /// Asks every object for all that it has. Each that lives answers once.
    fn find_all(&mut self, views: &mut Views) -> Result<BTreeMap<u32, Found>, Violation> {
        let (astron, asker) = (self.plan.dialect == Dialect::Astron, self.askers[3]);
        let sender = self.stage.ears[asker].channel;
        for id in self.plan.pools.ids.clone() {
            let context = self.next_context();
            let all = ObjectMessage::QueryAll { context, do_id: astron.then_some(DoId(id)) };
            for message in [all, ObjectMessage::QueryManagingAi { context: id }] {
                let dg = Dg::object(self.plan.dialect, &[id.into()], sender, &message);
                self.stage.send(asker, &dg);
            }
        }
        self.stage.settle()?;
        let heard = self.stage.take_heard();
        views.hear(&self.stage.ears, &heard)?;
        let found = Found::all(self.server(), &heard[asker])?;
        let counted = self.stage.total(|counts| counts.objects);
        if counted != found.len() as u64 {
            let what = format!("{counted} objects are counted, {} answer", found.len());
            return Err(Violation::new("objects are counted", what));
        }
        Ok(found)
    }

    /// A query with a context is answered once, or not at all if nobody may have been there.
    fn check_answers(
        &self,
        asked: &[(usize, Dg)],
        heard: &[Vec<Dg>],
        sure: &BTreeSet<u32>,
    ) -> Result<(), Violation> {
        let dialect = self.plan.dialect;
        for (asker, dg) in asked {
            let [to @ 0..=0xffff_ffff] = dg.to[..] else { continue };
            let message = ObjectMessage::decode(dialect, dg.msgtype, &dg.payload);
            let Some((context, do_id)) = message.ok().as_ref().and_then(locating) else { continue };
            let is_answer = |heard: &&Dg| {
                let notice = ObjectNotice::decode(dialect, heard.msgtype, &heard.payload);
                heard.to == [dg.sender] && notice.as_ref().ok().and_then(located) == Some(context)
            };
            let answers = heard[*asker].iter().filter(is_answer).count();
            let id = to as u32;
            let wants = self.stage.ears[*asker].wants.contains(&(dg.sender, dg.sender));
            let must = wants && sure.contains(&id) && do_id.is_none_or(|do_id| do_id.0 == id);
            if answers > 1 || (must && answers == 0) {
                let what = format!("{answers} answers to {}", dg.describe(dialect));
                return Err(Violation::new("one answer", what));
            }
        }
        Ok(())
    }

    fn delete_blindly(&mut self) -> Result<(), Violation> {
        let asker = self.askers[0];
        let sender = self.stage.ears[asker].channel;
        for _ in 0..ROUNDS_MAX {
            for id in self.plan.pools.ids.clone() {
                let delete = ObjectMessage::DeleteRam { do_id: DoId(id) };
                let dg = Dg::object(self.plan.dialect, &[id.into()], sender, &delete);
                self.stage.send_later(asker, dg);
            }
            self.stage.settle()?;
        }
        Ok(())
    }
}

/// The context of a query that one object answers with one message, and whom it names.
fn locating(message: &ObjectMessage<'_>) -> Option<(u32, Option<DoId>)> {
    if let ObjectMessage::Locate { context } = message {
        return Some((*context, None));
    }
    if let ObjectMessage::QueryAll { context, do_id } = message {
        return Some((*context, *do_id));
    }
    None
}

fn located(notice: &ObjectNotice<'_>) -> Option<u32> {
    if let ObjectNotice::LocateResp { context, .. } = notice {
        return Some(*context);
    }
    if let ObjectNotice::QueryAllResp { context, .. } = notice {
        return Some(*context);
    }
    None
}

/// Moves close no ring: whoever is above itself was so before.
fn check_rings(
    before: &BTreeMap<u32, Found>,
    after: &BTreeMap<u32, Found>,
) -> Result<(), Violation> {
    let is_in_ring = |found: &BTreeMap<u32, Found>, id: u32| {
        let mut at = id;
        (0..found.len()).any(|_| {
            at = found.get(&at).map_or(0, |found| found.location.parent.0);
            at == id
        })
    };
    match after.keys().find(|&&id| is_in_ring(after, id) && !is_in_ring(before, id)) {
        Some(id) => Err(Violation::new("no rings", format!("{id} is above itself"))),
        None => Ok(()),
    }
}
