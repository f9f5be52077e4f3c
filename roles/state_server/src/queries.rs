//! What a parent is asked about its children: which objects are in its zones, how many, where.
//!
//! The parent's shard numbers the query and lets every shard do its part, this one included.
//! Astron wants to hear first how many objects will enter: then each shard counts and pins what it
//! has counted, and goes on when all have. The seed wants to hear last that all have entered; what
//! a shard lets enter goes out before its word that it is done (I2), so the order holds.

use crate::StateServer;
use crate::fields::FIELDS_BYTES_MAX;
use crate::refusal::Refusal;
use crate::told::{Below, Told, Wanted};
use crate::voice::To;
use crate::walk::{Act, Walk};
use crate::{Mail, refuse};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use runtime::{Outbox, ShardId};
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, Zone};
use wire::state_server::{ObjectMessage, ObjectNotice, Zones};

/// Wake-ups from this token on: a query is overdue.
pub const DEADLINE_FROM: u64 = 2;
/// A child elsewhere that has not answered for so long is gone.
const PATIENCE_MS: u64 = 1000;
/// Recipients of one datagram.
const RECIPIENTS_MAX: usize = 200;
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
struct Query {
    parent: DoId,
    asker: Channel,
    context: u32,
    reply: Reply,
    /// The zones asked for, as they came.
    zones: Vec<[u8; 4]>,
    /// Shards that have not done their part.
    parts: usize,
    count: u32,
    occupied: BTreeSet<Zone>,
    /// Children elsewhere that have not answered.
    foreign: BTreeSet<DoId>,
}

/// The queries of the parents of this shard.
#[derive(Default)]
pub struct Queries {
    last: u64,
    open: BTreeMap<u64, Query>,
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
            context,
            reply,
            zones: zones.map_or(Vec::new(), |zones| zones.0.to_vec()),
            parts: out.shards(),
            count: 0,
            occupied: self.foreign.zones(parent).collect(),
            foreign: self.foreign.below(parent, zones),
        };
        self.queries.last += 1;
        let id = self.queries.last;
        if !wait && !query.foreign.is_empty() {
            self.ask_foreign_children(id, &query, out);
        }
        self.queries.open.insert(id, query);
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
        let count = query.count.saturating_add(query.foreign.len() as u32);
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
                ObjectMessage::QueryZones { context, parent, zones: Zones(&query.zones) }
            }
            Reply::Children => ObjectMessage::QueryChildren { context, parent },
            Reply::CountZone | Reply::CountZones | Reply::CountChildren | Reply::ActiveZones => {
                return;
            }
        };
        if !query.foreign.is_empty() {
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
        let Some(query) = self.queries.open.remove(&id) else { return };
        let zones = query.occupied.iter().take(ZONES_MAX).map(|zone| zone.0.to_le_bytes());
        let zones: Vec<[u8; 4]> = zones.collect();
        let (context, zones) = (query.context, Zones(&zones));
        let answer = ObjectNotice::ActiveZonesResp { context, zones };
        self.send(&To::one(query.asker), Channel::object(query.parent), &answer, out);
    }

    /// All of a shard have entered.
    pub(crate) fn part_done(&mut self, id: u64, out: &mut Outbox) {
        if let Some(query) = self.queries.open.get_mut(&id) {
            query.parts -= 1;
            self.end_if_done(id, out);
        }
    }

    fn end_if_done(&mut self, id: u64, out: &mut Outbox) {
        let done = |query: &Query| query.parts == 0 && query.foreign.is_empty();
        if !self.queries.open.get(&id).is_some_and(done) {
            return;
        }
        if let Some(query) = self.queries.open.remove(&id) {
            let (parent, zones) = (query.parent, Zones(&query.zones));
            let answer = ObjectNotice::QueryZoneDone { parent, zones };
            self.send(&To::one(query.asker), Channel::object(parent), &answer, out);
        }
    }

    /// The seed: each child elsewhere is asked, and answers its parent.
    fn ask_foreign_children(&self, id: u64, query: &Query, out: &mut Outbox) {
        let (parent, zones) = (query.parent, Zones(&query.zones));
        let question = ObjectMessage::QueryZones { context: query.context, parent, zones };
        let room = FIELDS_BYTES_MAX - query.zones.len() * size_of::<[u8; 4]>();
        let at_once = (room / size_of::<Channel>()).clamp(1, RECIPIENTS_MAX);
        let mut children = query.foreign.iter();
        loop {
            let some = children.by_ref().take(at_once);
            let to = some.fold(To::default(), |to, &child| to.and(Channel::object(child)));
            if to.is_empty() {
                break;
            }
            self.request(&to, Channel::object(parent), &question, out);
        }
        out.wake_at(self.me, self.now.plus_ms(PATIENCE_MS), DEADLINE_FROM + id);
    }

    /// A child elsewhere has entered for those who asked: they get it as it came.
    pub(crate) fn child_entered(
        &mut self,
        parent: DoId,
        child: DoId,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        let mut waited = Vec::new();
        for (&id, query) in &mut self.queries.open {
            if query.parent == parent && query.foreign.remove(&child) {
                waited.push((id, query.asker));
            }
        }
        for (id, asker) in waited {
            let write = |bytes: &mut Vec<u8>| bytes.extend_from_slice(mail.payload);
            let sender = Channel::object(child);
            let sent = out.send(self.me, &[asker], sender, mail.msgtype, write);
            sent.expect("it came in a datagram with as many recipients");
            self.end_if_done(id, out);
        }
    }

    /// Children elsewhere that have not answered are gone.
    pub(crate) fn query_overdue(&mut self, id: u64, out: &mut Outbox) {
        let Some(query) = self.queries.open.get_mut(&id) else { return };
        let (parent, gone) = (query.parent, core::mem::take(&mut query.foreign));
        gone.into_iter().for_each(|child| self.foreign.forget(parent, child));
        self.end_if_done(id, out);
    }
}
