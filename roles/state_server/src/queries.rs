//! What a parent is asked about its children: which objects are in its zones, how many, where.
//!
//! The parent's shard numbers the query and lets every shard do its part, this one included.
//! Astron wants to hear first how many objects will enter: then each shard counts and pins what it
//! has counted, and goes on when all have. The seed wants to hear last that all have entered; what
//! a shard lets enter goes out before its word that it is done (I2), so the order holds.
//!
//! Children elsewhere are looked at when all shards have done their part (the seed asks those that
//! are known from the beginning at once). Each shard knows by then whoever asked as one who hears the
//! zones, and what was said on it before, also by other roles, has come here (I2): a child that
//! entered too early to be heard by the asker is known here.

use crate::StateServer;
use crate::refusal::Refusal;
use crate::told::{Below, Told, Wanted};
use crate::voice::To;
use crate::walk::{Act, Walk};
use crate::{Mail, refuse};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use runtime::{Now, Outbox, ShardId};
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, Zone};
use wire::state_server::{ObjectMessage, ObjectNotice, Zones};

/// Zones that fit in an answer, and that a query may be about.
const ZONES_MAX: usize = 16_000;

/// What the asker gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The objects of some zones enter.
    Zones,
    /// All children enter.
    Children,
    /// How many there are in a zone.
    CountZone,
    /// How many there are in some zones.
    CountZones,
    /// How many there are.
    CountChildren,
    /// In which zones there are some.
    ActiveZones,
}

/// A query under way.
pub struct Query {
    /// Who was asked.
    pub parent: DoId,
    /// By whom.
    pub asker: Channel,
    /// Whether a role of this daemon asks.
    pub local: bool,
    context: u32,
    reply: Reply,
    /// The zones asked for, as they came.
    pub zones: Vec<[u8; 4]>,
    /// Shards that have not done their part.
    parts: usize,
    count: u32,
    occupied: BTreeSet<Zone>,
    /// When it began.
    pub began: Now,
    /// Children elsewhere that were asked at once ([`crate::relay`]).
    pub asked: BTreeSet<DoId>,
    /// Children elsewhere that are yet to answer.
    pub waits_for: BTreeSet<DoId>,
}

#[cfg(test)]
impl Query {
    /// One from elsewhere for some zones.
    pub fn of_zones(parent: DoId, asker: Channel, zones: Vec<[u8; 4]>) -> Query {
        Query {
            parent,
            asker,
            local: false,
            context: 0,
            reply: Reply::Zones,
            zones,
            parts: 0,
            count: 0,
            occupied: BTreeSet::new(),
            began: Now(0),
            asked: BTreeSet::new(),
            waits_for: BTreeSet::new(),
        }
    }
}

impl Query {
    /// Its zones; `None`: it is about all children.
    fn about(&self) -> Option<Zones<'_>> {
        match self.reply {
            Reply::Children | Reply::CountChildren | Reply::ActiveZones => None,
            Reply::Zones | Reply::CountZone | Reply::CountZones => Some(Zones(&self.zones)),
        }
    }
}

/// The queries of the parents of this shard.
#[derive(Default)]
pub struct Queries {
    last: u64,
    /// By number.
    pub open: BTreeMap<u64, Query>,
}

impl StateServer {
    /// A parent is asked about its children: all, or those in some zones.
    pub(crate) fn query(
        &mut self,
        parent: DoId,
        reply: Reply,
        zones: Option<Zones<'_>>,
        context: u32,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        let (asker, max) = (mail.sender, self.limits.queries_max);
        if zones.is_some_and(|zones| zones.0.len() > ZONES_MAX) {
            let full = Refusal::Full { what: "zones of a query", max: ZONES_MAX };
            return refuse(full, "query of children", parent, asker, out);
        }
        if self.queries.open.len() >= max || self.jobs.walks() >= max {
            let full = Refusal::Full { what: "queries", max };
            return refuse(full, "query of children", parent, asker, out);
        }
        out.counts.object_queries += 1;
        let below = Below { parent, zones };
        let wait = out.dialect() == Dialect::Astron;
        let wanted = match reply {
            Reply::Zones | Reply::Children => Wanted::Entries { asker, context, wait },
            Reply::CountZone | Reply::CountZones | Reply::CountChildren => Wanted::Count,
            Reply::ActiveZones => Wanted::Zones,
        };
        let query = Query {
            parent,
            asker,
            local: mail.local,
            context,
            reply,
            zones: zones.map_or(Vec::new(), |zones| zones.0.to_vec()),
            parts: out.shards(),
            count: 0,
            occupied: BTreeSet::new(),
            began: self.now,
            asked: BTreeSet::new(),
            waits_for: BTreeSet::new(),
        };
        self.queries.last += 1;
        let id = self.queries.last;
        self.queries.open.insert(id, query);
        if !wait {
            self.ask_children_elsewhere(id, out);
        }
        self.tell_all(&Told::Begin { query: id, wanted, below }, out);
    }

    /// Some shard's parent is asked: this shard's part of it.
    pub(crate) fn begin_part(
        &mut self,
        from: ShardId,
        query: u64,
        wanted: Wanted,
        below: Below<'_>,
        out: &mut Outbox,
    ) {
        match wanted {
            Wanted::Count => {
                let act = Act::Locate { asker: Channel(0), context: 0 };
                let walk = Walk::begin(&mut self.objects, below, act, None);
                let count = walk.count(&self.objects, !self.jobs.is_empty());
                self.finish_walk(walk, out);
                self.tell(from, &Told::Counted { query, count }, out);
            }
            Wanted::Zones => {
                let family = self.objects.family_of(below.parent);
                let any_condemned = !self.jobs.is_empty();
                let zones = family.into_iter();
                let zones = zones.flat_map(|at| self.objects.zones_of_family(at, any_condemned));
                let zones: BTreeSet<Zone> = zones.collect();
                let zones = zones.iter().take(ZONES_MAX).map(|zone| zone.0.to_le_bytes());
                let zones: Vec<[u8; 4]> = zones.collect();
                self.tell(from, &Told::Occupied { query, zones: Zones(&zones) }, out);
            }
            Wanted::Entries { asker, context, wait: false } => {
                self.walk_for(below, Act::Enter { asker, context }, Some((from, query)), out);
            }
            Wanted::Entries { asker, context, wait: true } => {
                let job = self.jobs.next();
                let act = Act::Enter { asker, context };
                let walk = Walk::begin(&mut self.objects, below, act, None);
                let count = walk.count(&self.objects, !self.jobs.is_empty());
                self.jobs.keep(job, walk);
                self.jobs.wait(from, query, job);
                self.tell(from, &Told::Counted { query, count }, out);
            }
        }
    }

    /// A shard has counted.
    pub(crate) fn part_counted(&mut self, id: u64, count: u32, out: &mut Outbox) {
        let Some(query) = self.queries.open.get_mut(&id) else { return };
        query.count = query.count.saturating_add(count);
        query.parts -= 1;
        if query.parts > 0 {
            return;
        }
        let Some(query) = self.queries.open.remove(&id) else { return };
        let (context, parent) = (query.context, query.parent);
        let foreign = self.foreign.below(parent, query.about()).len() as u32;
        let count = query.count.saturating_add(foreign);
        let answer = match query.reply {
            Reply::Zones | Reply::CountZones => ObjectNotice::CountZonesResp { context, count },
            Reply::CountZone => ObjectNotice::CountZoneResp { context, count },
            Reply::Children | Reply::CountChildren => {
                ObjectNotice::CountChildrenResp { context, count }
            }
            Reply::ActiveZones => unreachable!("zones are not counted"),
        };
        self.send(&To::one(query.asker), Channel::object(parent), &answer, out);
        let relay = match query.reply {
            Reply::Zones => {
                let max = self.limits.zones_asked_max;
                out.counts.zones_asked_forgotten += self.latecomers.note(self.now, &query, max);
                ObjectMessage::QueryZones { context, parent, zones: Zones(&query.zones) }
            }
            Reply::Children => ObjectMessage::QueryChildren { context, parent },
            Reply::CountZone | Reply::CountZones | Reply::CountChildren | Reply::ActiveZones => {
                return;
            }
        };
        if foreign > 0 {
            let children = To::one(out.dialect().children_channel(parent));
            self.request(&children, query.asker, &relay, out);
        }
        self.tell_all(&Told::Go { query: id }, out);
    }

    /// All shards have counted: what was pinned enters.
    pub(crate) fn go(&mut self, from: ShardId, query: u64, out: &mut Outbox) {
        if let Some(job) = self.jobs.called(from, query) {
            self.run_now(job, out);
        }
    }

    /// A shard has said which zones have objects.
    pub(crate) fn part_occupied(&mut self, id: u64, zones: Zones<'_>, out: &mut Outbox) {
        let Some(query) = self.queries.open.get_mut(&id) else { return };
        query.occupied.extend(zones.iter());
        query.parts -= 1;
        if query.parts > 0 {
            return;
        }
        let Some(mut query) = self.queries.open.remove(&id) else { return };
        query.occupied.extend(self.foreign.zones(query.parent));
        let zones = query.occupied.iter().take(ZONES_MAX).map(|zone| zone.0.to_le_bytes());
        let zones: Vec<[u8; 4]> = zones.collect();
        let (context, zones) = (query.context, Zones(&zones));
        let answer = ObjectNotice::ActiveZonesResp { context, zones };
        self.send(&To::one(query.asker), Channel::object(query.parent), &answer, out);
    }

    /// All of a shard have entered.
    pub(crate) fn part_done(&mut self, id: u64, out: &mut Outbox) {
        let Some(query) = self.queries.open.get_mut(&id) else { return };
        query.parts -= 1;
        if query.parts == 0 {
            let max = self.limits.zones_asked_max;
            out.counts.zones_asked_forgotten += self.latecomers.note(self.now, query, max);
            self.ask_children_elsewhere(id, out);
            self.end_if_done(id, out);
        }
    }

    /// The seed: says that all have entered, if they have.
    pub(crate) fn end_if_done(&mut self, id: u64, out: &mut Outbox) {
        let done = |query: &Query| query.parts == 0 && query.waits_for.is_empty();
        if !self.queries.open.get(&id).is_some_and(done) {
            return;
        }
        if let Some(query) = self.queries.open.remove(&id) {
            let (parent, zones) = (query.parent, Zones(&query.zones));
            let answer = ObjectNotice::QueryZoneDone { parent, zones };
            self.send(&To::one(query.asker), Channel::object(parent), &answer, out);
        }
    }
}
