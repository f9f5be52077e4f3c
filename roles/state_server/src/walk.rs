//! A walk over the objects below a parent, or over those in some of its zones: those that were
//! there when it began.

use crate::StateServer;
use crate::ai::Said;
use crate::latecomers::UNCOUNTED;
use crate::objects::Objects;
use crate::told::{Below, KnownAi, Told};
use crate::voice::{Showing, To};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use runtime::{Outbox, ShardId};
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, Zone};
use wire::state_server::Location;

/// What is done for each object.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// It enters for somebody who asked its parent.
    Enter {
        /// Who.
        asker: Channel,
        /// As the asker has said.
        context: u32,
    },
    /// It enters for somebody who asked a parent that lives elsewhere.
    EnterForRelay {
        /// Who.
        asker: Channel,
        /// As the asker has said.
        context: u32,
    },
    /// It says where it is.
    Locate {
        /// To whom.
        asker: Channel,
        /// As the asker has said.
        context: u32,
    },
    /// It hears that its parent has another AI.
    Adopt {
        /// The parent.
        parent: DoId,
        /// Its AI.
        known: KnownAi,
        /// Who has caused it.
        sender: Channel,
        /// How many parents before it had it from theirs.
        generation: u8,
    },
}

impl Act {
    /// Whether it changes objects, as opposed to showing them.
    pub fn changes_objects(self) -> bool {
        match self {
            Act::Enter { .. } | Act::EnterForRelay { .. } | Act::Locate { .. } => false,
            Act::Adopt { .. } => true,
        }
    }
}

enum Over {
    /// These places, ascending; `at`: which one is walked over.
    Places { places: Vec<u32>, at: usize },
    /// The places of a family, from the first to open on; `None`: there is none.
    Family(Option<u32>),
}

/// A walk.
pub struct Walk {
    /// What is done.
    pub act: Act,
    /// Who is told when it is done.
    tell: Option<(ShardId, u64)>,
    over: Over,
    /// What came later does not belong to it.
    until: u64,
    /// Objects that have been served out of turn.
    served: BTreeSet<u32>,
    /// The place that is walked over.
    place: Option<u32>,
    /// The next object there.
    next: Option<u32>,
    begun: bool,
}

impl Walk {
    /// A walk over what is there now. Everything it will need is pinned.
    pub fn begin(
        objects: &mut Objects,
        below: Below<'_>,
        act: Act,
        tell: Option<(ShardId, u64)>,
    ) -> Walk {
        let parent = below.parent;
        let over = match below.zones {
            None => Over::Family(objects.family_of(parent)),
            Some(zones) => {
                let zones: BTreeSet<Zone> = zones.iter().collect();
                let place = |zone| objects.place_at(Location { parent, zone });
                let mut places: Vec<u32> = zones.into_iter().filter_map(place).collect();
                places.sort_unstable();
                Over::Places { places, at: 0 }
            }
        };
        match &over {
            Over::Places { places, .. } => places.iter().for_each(|&at| objects.pin_place(at)),
            Over::Family(family) => family.iter().for_each(|&at| objects.pin_family(at)),
        }
        let until = objects.clock();
        let served = BTreeSet::new();
        Walk { act, tell, over, until, served, place: None, next: None, begun: false }
    }

    /// How many objects it will meet, of which those are left out that are as good as dead.
    pub fn count(&self, objects: &Objects, any_condemned: bool) -> u32 {
        match &self.over {
            Over::Places { places, .. } => {
                places.iter().map(|&place| objects.count_of_place(place, any_condemned)).sum()
            }
            Over::Family(family) => {
                family.map_or(0, |family| objects.count_of_family(family, any_condemned))
            }
        }
    }

    /// The next object; `None` at the end, when all is unpinned but what [`Walk::end`] unpins.
    pub fn next(&mut self, objects: &mut Objects) -> Option<u32> {
        loop {
            if let Some(at) = self.next.filter(|&at| objects.get(at).came <= self.until) {
                self.next = objects.next_in_place(at);
                if !self.served.remove(&at) {
                    return Some(at);
                }
                continue;
            }
            self.place = self.next_place(objects);
            self.next = objects.first_of_place(self.place?);
        }
    }

    fn next_place(&mut self, objects: &mut Objects) -> Option<u32> {
        let begun = core::mem::replace(&mut self.begun, true);
        match &mut self.over {
            Over::Places { places, at } => {
                *at += usize::from(begun);
                places.get(*at).copied()
            }
            Over::Family(family) => {
                let next = match self.place {
                    Some(place) => objects.next_in_family(place),
                    None if begun => None,
                    None => objects.first_of_family((*family)?),
                };
                let next = next.filter(|&place| objects.place(place).opened <= self.until);
                next.iter().for_each(|&place| objects.pin_place(place));
                if let Some(place) = self.place {
                    let ended = objects.unpin_place(place);
                    debug_assert!(ended.is_none(), "the family is pinned");
                }
                next
            }
        }
    }

    /// If the object is one that it will meet: what is to be done for it, which it leaves out then.
    pub fn settle(&mut self, at: u32, objects: &Objects) -> Option<Act> {
        let object = objects.get(at);
        let place = objects.place(object.place);
        let is_ahead = match &self.over {
            Over::Places { places, at: current } => match places.binary_search(&object.place) {
                Err(_) => false,
                Ok(found) if !self.begun || found > *current => true,
                Ok(found) => found == *current && self.is_ahead_here(object.came, objects),
            },
            Over::Family(family) if *family != Some(place.family) => false,
            Over::Family(_) => match self.place {
                None => !self.begun,
                Some(here) if here == object.place => self.is_ahead_here(object.came, objects),
                Some(here) => place.opened > objects.place(here).opened,
            },
        };
        let owed = is_ahead && object.came <= self.until && self.served.insert(at);
        owed.then_some(self.act)
    }

    fn is_ahead_here(&self, came: u64, objects: &Objects) -> bool {
        self.next.is_some_and(|next| objects.get(next).came <= came)
    }

    /// An object is about to leave its place.
    pub fn leaving(&mut self, at: u32, objects: &Objects) {
        if self.next == Some(at) {
            self.next = objects.next_in_place(at);
        }
        self.served.remove(&at);
    }

    /// Unpins what it was about. Says the parents that have no children here any more.
    fn end(mut self, objects: &mut Objects) -> Vec<DoId> {
        if let (Over::Family(_), Some(place)) = (&self.over, self.place.take()) {
            let ended = objects.unpin_place(place);
            debug_assert!(ended.is_none(), "the family is pinned");
        }
        match self.over {
            Over::Places { places, .. } => {
                places.into_iter().filter_map(|place| objects.unpin_place(place)).collect()
            }
            Over::Family(family) => {
                family.and_then(|family| objects.unpin_family(family)).into_iter().collect()
            }
        }
    }
}

impl StateServer {
    /// Walks over objects; what is too much for now, later.
    pub(crate) fn walk(&mut self, below: Below<'_>, act: Act, out: &mut Outbox) {
        self.walk_for(below, act, None, out);
    }

    pub(crate) fn walk_for(
        &mut self,
        below: Below<'_>,
        act: Act,
        tell: Option<(ShardId, u64)>,
        out: &mut Outbox,
    ) {
        let job = self.jobs.next();
        let walk = Walk::begin(&mut self.objects, below, act, tell);
        self.jobs.keep(job, walk);
        self.run_now(job, out);
    }

    pub(crate) fn finish_walk(&mut self, walk: Walk, out: &mut Outbox) {
        if let Some((shard, query)) = walk.tell {
            self.tell(shard, &Told::Done { query }, out);
        }
        self.drop_walk(walk, out);
    }

    /// Forgets a walk, wherever it is.
    pub(crate) fn drop_walk(&mut self, walk: Walk, out: &mut Outbox) {
        let ended = walk.end(&mut self.objects);
        ended.into_iter().for_each(|parent| self.leave_children_channel(parent, out));
    }

    /// Does for one object what a walk is for.
    pub(crate) fn act(&mut self, act: &Act, at: u32, out: &mut Outbox) {
        match *act {
            Act::Enter { asker, context } => {
                self.show(at, entering(context, out.dialect()), &To::one(asker), out);
            }
            Act::EnterForRelay { asker, context } => {
                self.enter_for_relay(at, asker, context, out);
            }
            Act::Locate { asker, context } => self.locate(at, context, asker, out),
            Act::Adopt { parent, known, sender, generation } => {
                let said = Said { parent, known, since: self.objects.get(at).came };
                self.adopt_ai(at, said, sender, generation, out);
            }
        }
    }

    /// An object enters for somebody who asked its parent, which lives elsewhere. In `astron` that
    /// parent has counted those whose location it has acknowledged, unless it says that it has not; in
    /// the seed it hears of each that has entered, and says that all have after that (I2). What the
    /// object says next goes the way of its answer, so that it does not come before it (I1).
    pub(crate) fn enter_for_relay(
        &mut self,
        at: u32,
        asker: Channel,
        context: u32,
        out: &mut Outbox,
    ) {
        let (showing, to) = match out.dialect() {
            Dialect::OpenOtp => {
                let parent = Channel::object(self.objects.location(at).parent);
                (Showing::EnterZone, To::one(asker).and(parent))
            }
            Dialect::Astron if self.objects.get(at).acknowledged && context != UNCOUNTED => {
                (Showing::EnterInterest(context), To::one(asker))
            }
            Dialect::Astron => (Showing::EnterZone, To::one(asker)),
        };
        self.show(at, showing, &to, out);
    }
}

/// How an object enters for somebody who has asked.
fn entering(context: u32, dialect: Dialect) -> Showing {
    match dialect {
        Dialect::OpenOtp => Showing::EnterZone,
        Dialect::Astron => Showing::EnterInterest(context),
    }
}
