//! The seed: a zone query goes on to the children that live elsewhere, in the name of who asked. Each
//! lets itself enter for the asker and for its parent in one datagram, and the parent counts.
//!
//! A child that has left the zones, or is deleted, says so, and is not waited for any more: it was
//! asked, and should it be there again by the time it is, it enters for the asker all the same. One
//! that says nothing at all for some time is out of reach. Nobody waits for it longer, and all
//! children are asked where they are; if a later query waits for it in vain too, it is forgotten.

use crate::create::WAKE_CHILDREN;
use crate::fields::FIELDS_BYTES_MAX;
use crate::voice::To;
use crate::{Mail, StateServer};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use runtime::Outbox;
use wire::ids::{Channel, DoId, Zone};
use wire::state_server::{Entry, ObjectMessage, Zones};

/// Wake-ups from this token on: a query is overdue.
pub const DEADLINE_FROM: u64 = 2;
/// A child elsewhere is waited for so long.
const PATIENCE_MS: u64 = 1000;
/// Recipients of one datagram.
const RECIPIENTS_MAX: usize = 200;

impl StateServer {
    /// The children elsewhere that are in the zones of a query are asked: first those that are known
    /// when it begins, then those that have become known when all shards have done their part. A
    /// parent that is gone would not hear their answers, and channel 0 nobody.
    pub(crate) fn ask_children_elsewhere(&mut self, id: u64, out: &mut Outbox) {
        let Some(query) = self.queries.open.get(&id) else { return };
        let (parent, asker, zones) = (query.parent, query.asker, Zones(&query.zones));
        if asker == Channel(0) || self.objects.find(parent).is_none() {
            return;
        }
        let mut children = self.foreign.below(parent, Some(zones));
        children.retain(|child| !query.asked.contains(child));
        if children.is_empty() {
            return;
        }
        let question = ObjectMessage::QueryZones { context: 0, parent, zones };
        let room = FIELDS_BYTES_MAX - size_of_val(zones.0);
        let at_once = (room / size_of::<Channel>()).clamp(1, RECIPIENTS_MAX);
        let mut left = children.iter();
        loop {
            let some = left.by_ref().take(at_once);
            let to = some.fold(To::default(), |to, &child| to.and(Channel::object(child)));
            if to.is_empty() {
                break;
            }
            self.request(&to, asker, &question, out);
        }
        out.wake_at(self.me, self.now.plus_ms(PATIENCE_MS), DEADLINE_FROM + id);
        if let Some(query) = self.queries.open.get_mut(&id) {
            query.waits_for.extend(&children);
            query.asked.append(&mut children);
        }
    }

    /// A child elsewhere has entered for somebody: the first of his queries that waits for it has
    /// its answer.
    pub(crate) fn child_entered(
        &mut self,
        parent: DoId,
        entry: &Entry<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        let zone = entry.location.zone;
        self.foreign.speaks(parent, entry.do_id);
        let mut asked = self.queries.open.iter_mut().filter(|(_, query)| {
            query.parent == parent && mail.is_for(query.asker) && is_about(&query.zones, zone)
        });
        let answered =
            asked.find_map(|(&id, query)| query.waits_for.remove(&entry.do_id).then_some(id));
        answered.into_iter().for_each(|id| self.end_if_done(id, out));
    }

    /// A child elsewhere is in `zone`, or below another parent: queries that are not about that zone
    /// wait for it no longer.
    pub(crate) fn follow_child(
        &mut self,
        parent: DoId,
        child: DoId,
        zone: Option<Zone>,
        out: &mut Outbox,
    ) {
        let is_left = |zones: &[[u8; 4]]| !zone.is_some_and(|zone| is_about(zones, zone));
        self.wait_no_longer(out, |of, zones, waits_for| {
            if of == parent && is_left(zones) {
                waits_for.remove(&child);
            }
        });
    }

    /// A parent is gone, and with it who heard the answers of its children.
    pub(crate) fn wait_for_no_child_of(&mut self, parent: DoId, out: &mut Outbox) {
        self.wait_no_longer(out, |of, _, waits_for| {
            if of == parent {
                waits_for.clear();
            }
        });
    }

    /// Lets queries wait for less, and ends those that wait for nothing any more.
    fn wait_no_longer(
        &mut self,
        out: &mut Outbox,
        less: impl Fn(DoId, &[[u8; 4]], &mut BTreeSet<DoId>),
    ) {
        let mut ended = Vec::new();
        for (&id, query) in &mut self.queries.open {
            if !query.waits_for.is_empty() {
                less(query.parent, &query.zones, &mut query.waits_for);
                ended.extend(query.waits_for.is_empty().then_some(id));
            }
        }
        ended.into_iter().for_each(|id| self.end_if_done(id, out));
    }

    /// Children that a query still waits for are out of reach.
    pub(crate) fn query_overdue(&mut self, id: u64, out: &mut Outbox) {
        let Some(query) = self.queries.open.get_mut(&id) else { return };
        let (parent, began) = (query.parent, query.began);
        let mut fell_silent = false;
        for child in core::mem::take(&mut query.waits_for) {
            fell_silent |= self.foreign.did_not_answer(parent, child, began, self.now);
        }
        if fell_silent {
            let children = To::one(out.dialect().children_channel(parent));
            let locate = ObjectMessage::Locate { context: WAKE_CHILDREN };
            self.request_others(&children, Channel::object(parent), &locate, out);
        }
        self.end_if_done(id, out);
    }
}

/// Whether a zone is one of a list.
fn is_about(zones: &[[u8; 4]], zone: Zone) -> bool {
    zones.contains(&zone.0.to_le_bytes())
}
