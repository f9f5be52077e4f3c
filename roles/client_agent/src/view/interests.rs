//! Interests: opened, altered and closed.

use super::action::{Action, Sink};
use super::questions::Done;
use super::terms::Terms;
use super::zones::{ZoneBytes, below};
use super::{By, OverLimit, UnknownInterest, View};
use alloc::boxed::Box;
use alloc::vec::Vec;
use runtime::Now;
use smallvec::SmallVec;
use wire::client::{ToClient, Zones};
use wire::dialect::Dialect;
use wire::ids::DoId;
use wire::state_server::Location;

/// An interest of a client.
pub(super) struct Interest {
    id: u16,
    parent: DoId,
    /// Each once, in the order in which they were said.
    zones: Box<[ZoneBytes]>,
}

/// Contexts begin with the time in nanoseconds without so many bits: two clients that get the same
/// channel one after the other do not count from the same number.
const CONTEXT_TICK: u32 = 10;

/// Interests open and close few zones at a time, mostly.
type Few<T> = SmallVec<[T; 4]>;

impl View {
    /// Opens an interest, or alters it if there is one of this number: then it closes zones that it
    /// has no more before it opens others, and who waits for its old zones still does.
    ///
    /// One below a parent that cannot have locations has no zones.
    pub fn add_interest(
        &mut self,
        terms: &Terms,
        now: Now,
        (interest, by): (u16, By),
        (parent, said): (DoId, Zones<'_>),
        sink: &mut Sink<'_>,
    ) -> Result<(), OverLimit> {
        let zones = if terms.has_locations(parent) { distinct(said.0) } else { Box::default() };
        let at = self.position(interest);
        self.check_room(terms, at, zones.len())?;
        if self.last_number == 0 {
            // Answers to whoever had the client's channel before are not for this one.
            self.last_number = (now.0 >> CONTEXT_TICK) as u32;
        }
        let done = self.begin_change(terms, (interest, by), sink, |context| {
            ToClient::AddInterest { context, interest, parent, zones: said }
        });
        let mut opened = Few::new();
        for &zone in &zones {
            if self.zones.retain(terms, below(parent, zone)) {
                opened.push(zone);
            }
        }
        self.replace(terms, at, Interest { id: interest, parent, zones }, sink);
        self.open(terms, now, parent, &opened, sink);
        self.wait(terms, done, sink);
        Ok(())
    }

    /// Closes an interest. Who waits for it waits no longer.
    pub fn remove_interest(
        &mut self,
        terms: &Terms,
        (interest, by): (u16, By),
        sink: &mut Sink<'_>,
    ) -> Result<(), UnknownInterest> {
        let at = self.position(interest).map_err(|_| UnknownInterest(interest))?;
        let done = self.begin_change(terms, (interest, by), sink, |context| {
            ToClient::RemoveInterest { context, interest }
        });
        self.wait_no_more(terms, interest, sink);
        let old = self.interests.remove(at);
        if self.interests.is_empty() {
            self.interests = Vec::new();
        }
        self.release(terms, &old, sink);
        done.tell(terms, sink);
        Ok(())
    }

    /// Where an interest stands, or would.
    fn position(&self, interest: u16) -> Result<usize, usize> {
        self.interests.binary_search_by_key(&interest, |other| other.id)
    }

    /// Below which object an interest is, if there is one of this number.
    pub fn parent_of(&self, interest: u16) -> Option<DoId> {
        self.position(interest).ok().map(|at| self.interests[at].parent)
    }

    /// Zones of an interest; none if there is no such.
    pub(super) fn zones_of(&self, interest: u16) -> impl Iterator<Item = Location> + '_ {
        let interest = self.position(interest).ok().map(|at| &self.interests[at]);
        interest
            .into_iter()
            .flat_map(|interest| interest.zones.iter().map(|&zone| below(interest.parent, zone)))
    }

    fn check_room(
        &self,
        terms: &Terms,
        at: Result<usize, usize>,
        zones: usize,
    ) -> Result<(), OverLimit> {
        let waiting = self.questions.as_ref().map_or(0, |questions| questions.len());
        let interests = self.interests.len() + usize::from(at.is_err());
        let most = terms.limits.interests_max;
        // Each may be opened and altered before it is answered for.
        if interests > most || waiting >= most.saturating_mul(2) {
            return Err(OverLimit::Interests);
        }
        let replaced = at.map_or(0, |at| self.interests[at].zones.len());
        if self.zones_of_interests as usize - replaced + zones > terms.limits.zones_max {
            return Err(OverLimit::Zones);
        }
        Ok(())
    }

    /// Somebody changes an interest. If it is one of the cluster, the client hears of it first.
    fn begin_change<'a>(
        &mut self,
        terms: &Terms,
        (interest, by): (u16, By),
        sink: &mut Sink<'_>,
        announcement: impl FnOnce(u32) -> ToClient<'a>,
    ) -> Done {
        let context = match (by, terms.dialect) {
            (By::Client { context }, _) => context,
            (By::Cluster { .. }, Dialect::OpenOtp) => 0,
            (By::Cluster { .. }, Dialect::Astron) => {
                let context = self.next_number();
                sink(Action::Tell(announcement(context)));
                context
            }
        };
        Done { interest, by, context }
    }

    /// An interest comes at its place, in place of the old one if there is one.
    fn replace(
        &mut self,
        terms: &Terms,
        at: Result<usize, usize>,
        new: Interest,
        sink: &mut Sink<'_>,
    ) {
        self.zones_of_interests += new.zones.len() as u32;
        match at {
            Ok(at) => {
                let old = core::mem::replace(&mut self.interests[at], new);
                self.release(terms, &old, sink);
            }
            Err(at) => self.interests.insert(at, new),
        }
    }

    /// The zones of an interest that is gone are closed, those that no other has.
    fn release(&mut self, terms: &Terms, old: &Interest, sink: &mut Sink<'_>) {
        self.zones_of_interests -= old.zones.len() as u32;
        let (mut closed, mut objects) = (Few::new(), 0);
        for location in old.zones.iter().map(|&zone| below(old.parent, zone)) {
            if let Some(seen) = self.zones.release(terms, location) {
                closed.push(location);
                objects += seen;
            }
        }
        if closed.is_empty() {
            return;
        }
        if objects > 0 {
            self.lose_sight(terms, sink);
        }
        closed.into_iter().for_each(|location| sink(Action::Leave(location)));
        self.leave_out(terms);
    }
}

/// The zones of a list, each once, in order.
fn distinct(zones: &[ZoneBytes]) -> Box<[ZoneBytes]> {
    let mut placed: Few<(ZoneBytes, usize)> = zones.iter().copied().zip(0..).collect();
    placed.sort_unstable();
    placed.dedup_by_key(|(zone, _)| *zone);
    placed.sort_unstable_by_key(|&(_, at)| at);
    placed.into_iter().map(|(zone, _)| zone).collect()
}
