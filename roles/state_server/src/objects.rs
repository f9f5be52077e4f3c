//! The objects of one shard, found by id, by location, by parent and by AI.
//!
//! ```text
//! by id         do_id          -> object
//! by location   (parent, zone) -> place   -> its objects, in the order in which they came
//! by parent     parent         -> family  -> its places, in the order in which they opened
//! by AI         (AI, explicit) -> flock   -> its objects
//! ```
//! Each shard knows its own part of every zone: a zone query asks all shards and costs what the
//! asked zones hold, and a move touches no other shard. Membership is a linked list through the
//! objects themselves, so that nothing is moved or copied when a zone grows.
//!
//! A place, family or flock can be **condemned**: all in it is to be deleted, piece by piece. It is
//! found no more from then on, so what comes to the same location later is not concerned.

use crate::fields::Packed;
use crate::index::Index;
use crate::slots::{NONE, Slots};
use wire::ids::{Channel, ClassId, DoId};
use wire::state_server::Location;

/// An object.
pub struct Object {
    /// Its id.
    pub do_id: DoId,
    /// Its class.
    pub dclass: ClassId,
    /// Its parent, which lives elsewhere, has acknowledged where it is (`astron`).
    pub acknowledged: bool,
    /// Its fields.
    pub fields: Packed,
    /// Its owner; 0: none.
    pub owner: Channel,
    /// Where it is.
    pub place: u32,
    /// When it came there, on a clock that counts such events.
    pub came: u64,
    place_links: Links,
    flock: u32,
    flock_links: Links,
}

#[derive(Clone, Copy)]
struct Links {
    before: u32,
    after: u32,
}

const UNLINKED: Links = Links { before: NONE, after: NONE };

/// A list through objects or places: its ends, and how many there are.
#[derive(Clone, Copy)]
struct List {
    first: u32,
    last: u32,
    len: u32,
}

const EMPTY: List = List { first: NONE, last: NONE, len: 0 };

/// Whether a place, family or flock is to be found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is.
    Open,
    /// All in it is to be deleted, by the job of this number.
    Condemned(u64),
    /// All in it has been deleted; it is forgotten once nobody keeps it.
    Buried,
}

impl State {
    fn job(self) -> Option<u64> {
        match self {
            State::Condemned(job) => Some(job),
            State::Open | State::Buried => None,
        }
    }
}

/// A location that has objects of this shard.
pub struct Place {
    /// Which one.
    pub location: Location,
    /// The family it belongs to.
    pub family: u32,
    /// When it opened, on the clock of [`Object::came`].
    pub opened: u64,
    objects: List,
    links: Links,
    state: State,
    /// Walks that keep it although it may be empty.
    pins: u32,
}

/// All places below one parent.
pub struct Family {
    /// The parent.
    pub parent: DoId,
    places: List,
    objects: u32,
    state: State,
    pins: u32,
}

/// All objects of one AI, explicit or inherited.
struct Flock {
    ai: Channel,
    explicit: bool,
    objects: List,
    state: State,
}

/// Something whose objects are all to be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condemned {
    /// A place.
    Place(u32),
    /// A family.
    Family(u32),
    /// A flock.
    Flock(u32),
}

/// The objects of one shard.
pub struct Objects {
    slots: Slots<Object>,
    by_id: Index<DoId>,
    places: Slots<Place>,
    by_location: Index<Location>,
    families: Slots<Family>,
    by_parent: Index<DoId>,
    flocks: Slots<Flock>,
    by_ai: Index<(Channel, bool)>,
    clock: u64,
    field_bytes: usize,
}

impl Objects {
    /// None yet. `hasher` keys the hashes of ids, locations and channels.
    pub fn new(hasher: &ahash::RandomState) -> Objects {
        Objects {
            slots: Slots::default(),
            by_id: Index::new(hasher.clone()),
            places: Slots::default(),
            by_location: Index::new(hasher.clone()),
            families: Slots::default(),
            by_parent: Index::new(hasher.clone()),
            flocks: Slots::default(),
            by_ai: Index::new(hasher.clone()),
            clock: 0,
            field_bytes: 0,
        }
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes of all their fields.
    pub fn field_bytes(&self) -> usize {
        self.field_bytes
    }

    /// The time on the clock of [`Object::came`].
    pub fn clock(&self) -> u64 {
        self.clock
    }

    /// The time, after which it is later.
    pub fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock - 1
    }

    /// The object of this id.
    #[inline]
    pub fn find(&self, do_id: DoId) -> Option<u32> {
        self.by_id.find(do_id, |_| true)
    }

    /// The object at `at`.
    #[inline]
    pub fn get(&self, at: u32) -> &Object {
        &self.slots[at]
    }

    /// The object at `at`. Its fields are changed by [`Objects::with_fields`].
    #[inline]
    pub fn get_mut(&mut self, at: u32) -> &mut Object {
        &mut self.slots[at]
    }

    /// Changes the fields of an object.
    #[inline]
    pub fn with_fields<T>(&mut self, at: u32, change: impl FnOnce(&mut Packed) -> T) -> T {
        let fields = &mut self.slots[at].fields;
        let before = fields.len();
        let done = change(fields);
        self.field_bytes = self.field_bytes - before + fields.len();
        done
    }

    /// Where an object is.
    #[inline]
    pub fn location(&self, at: u32) -> Location {
        self.places[self.slots[at].place].location
    }

    /// The AI of an object (0: none), and whether it was said explicitly.
    #[inline]
    pub fn ai(&self, at: u32) -> (Channel, bool) {
        match self.slots[at].flock {
            NONE => (Channel(0), false),
            flock => (self.flocks[flock].ai, self.flocks[flock].explicit),
        }
    }

    /// Adds an object without owner and AI. Says whether it is the first below its parent here.
    pub fn insert(
        &mut self,
        do_id: DoId,
        dclass: ClassId,
        fields: Packed,
        location: Location,
    ) -> (u32, bool) {
        self.field_bytes += fields.len();
        let at = self.slots.insert(Object {
            do_id,
            dclass,
            acknowledged: false,
            fields,
            owner: Channel(0),
            place: NONE,
            came: 0,
            place_links: UNLINKED,
            flock: NONE,
            flock_links: UNLINKED,
        });
        self.by_id.insert(do_id, at);
        (at, self.enter(at, location))
    }

    /// Takes an object out. Says the parent below which it was the last one here.
    pub fn remove(&mut self, at: u32) -> Option<DoId> {
        self.leave_flock(at);
        let left = self.leave(at);
        let object = self.slots.remove(at);
        self.by_id.remove(object.do_id, at);
        self.field_bytes -= object.fields.len();
        left
    }

    /// Moves an object. Says whether it is the first below its new parent here, and the parent
    /// below which it was the last one.
    pub fn relocate(&mut self, at: u32, to: Location) -> (bool, Option<DoId>) {
        let left = self.leave(at);
        let first = self.enter(at, to);
        (first, left.filter(|_| !first || left != Some(to.parent)))
    }

    /// Gives an object another AI; 0: none, inherited.
    pub fn set_ai(&mut self, at: u32, ai: Channel, explicit: bool) {
        self.leave_flock(at);
        if ai == Channel(0) {
            return;
        }
        let flock = self.flock(ai, explicit).unwrap_or_else(|| {
            let flock =
                self.flocks.insert(Flock { ai, explicit, objects: EMPTY, state: State::Open });
            self.by_ai.insert((ai, explicit), flock);
            flock
        });
        self.slots[at].flock = flock;
        push(&mut self.flocks[flock].objects, at, &mut self.slots, |object| {
            &mut object.flock_links
        });
    }

    /// The place of a location, if there are objects of this shard.
    pub fn place_at(&self, location: Location) -> Option<u32> {
        self.by_location.find(location, |at| {
            let place = &self.places[at];
            place.state == State::Open && self.families[place.family].state == State::Open
        })
    }

    /// The family of a parent, if it has children on this shard.
    pub fn family_of(&self, parent: DoId) -> Option<u32> {
        self.by_parent.find(parent, |at| self.families[at].state == State::Open)
    }

    /// The flock of an AI.
    pub fn flock(&self, ai: Channel, explicit: bool) -> Option<u32> {
        self.by_ai.find((ai, explicit), |at| self.flocks[at].state == State::Open)
    }

    /// A place.
    pub fn place(&self, place: u32) -> &Place {
        &self.places[place]
    }

    /// The zones of a family that have objects, those left out that are as good as dead, in the
    /// order in which they opened.
    pub fn zones_of_family(
        &self,
        family: u32,
        any_condemned: bool,
    ) -> impl Iterator<Item = wire::ids::Zone> {
        let places = self.places_of_family(family);
        let places = places.filter(move |&place| self.count_of_place(place, any_condemned) > 0);
        places.map(|place| self.places[place].location.zone)
    }

    /// How many objects a family has, those left out that are as good as dead.
    pub fn count_of_family(&self, family: u32, any_condemned: bool) -> u32 {
        match any_condemned {
            false => self.families[family].objects,
            true => {
                self.places_of_family(family).map(|place| self.count_of_place(place, true)).sum()
            }
        }
    }

    /// How many objects a place has, those left out that are as good as dead.
    pub fn count_of_place(&self, place: u32, any_condemned: bool) -> u32 {
        if !any_condemned {
            return self.places[place].objects.len;
        }
        let mut next = self.first_of_place(place);
        let objects = core::iter::from_fn(|| {
            let at = next?;
            next = self.next_in_place(at);
            Some(at)
        });
        objects.filter(|&at| self.condemned(at).is_none()).count() as u32
    }

    fn places_of_family(&self, family: u32) -> impl Iterator<Item = u32> {
        let mut next = self.first_of_family(family);
        core::iter::from_fn(move || {
            let at = next?;
            next = self.next_in_family(at);
            Some(at)
        })
    }

    /// The first object of a place.
    pub fn first_of_place(&self, place: u32) -> Option<u32> {
        some(self.places[place].objects.first)
    }

    /// The object after this one in its place.
    pub fn next_in_place(&self, at: u32) -> Option<u32> {
        some(self.slots[at].place_links.after)
    }

    /// The first place of a family.
    pub fn first_of_family(&self, family: u32) -> Option<u32> {
        some(self.families[family].places.first)
    }

    /// The place after this one in its family.
    pub fn next_in_family(&self, place: u32) -> Option<u32> {
        some(self.places[place].links.after)
    }

    /// Keeps a place although it may become empty.
    pub fn pin_place(&mut self, place: u32) {
        self.places[place].pins += 1;
    }

    /// Lets go of a place. Says the parent below which it was the last one here.
    pub fn unpin_place(&mut self, place: u32) -> Option<DoId> {
        self.places[place].pins -= 1;
        self.drop_place(place)
    }

    /// Keeps a family although it may become empty.
    pub fn pin_family(&mut self, family: u32) {
        self.families[family].pins += 1;
    }

    /// Lets go of a family. Says its parent if it is gone.
    pub fn unpin_family(&mut self, family: u32) -> Option<DoId> {
        self.families[family].pins -= 1;
        self.drop_family(family)
    }

    /// From now on all in there is to be deleted, by job `job`; it is found no more as a whole.
    pub fn condemn(&mut self, what: Condemned, job: u64) {
        *self.state(what) = State::Condemned(job);
    }

    fn state(&mut self, what: Condemned) -> &mut State {
        match what {
            Condemned::Place(place) => &mut self.places[place].state,
            Condemned::Family(family) => &mut self.families[family].state,
            Condemned::Flock(flock) => &mut self.flocks[flock].state,
        }
    }

    /// The first of the jobs that are to delete an object, if one is.
    pub fn condemned(&self, at: u32) -> Option<u64> {
        let Object { place, flock, .. } = self.slots[at];
        let place = &self.places[place];
        let flock = (flock != NONE).then(|| self.flocks[flock].state);
        let states = [Some(place.state), Some(self.families[place.family].state), flock];
        states.into_iter().flatten().filter_map(State::job).min()
    }

    /// An object of something condemned; `None` when none is left.
    pub fn any_condemned(&self, what: Condemned) -> Option<u32> {
        match what {
            Condemned::Place(place) => some(self.places[place].objects.first),
            Condemned::Family(family) => {
                // Places that a walk has pinned may be empty.
                let mut place = self.first_of_family(family);
                while let Some(at) = place {
                    if let Some(object) = self.first_of_place(at) {
                        return Some(object);
                    }
                    place = self.next_in_family(at);
                }
                None
            }
            Condemned::Flock(flock) => some(self.flocks[flock].objects.first),
        }
    }

    /// Something condemned has lost its last object. Says the parent whose last children here they
    /// were.
    pub fn bury(&mut self, what: Condemned) -> Option<DoId> {
        *self.state(what) = State::Buried;
        match what {
            Condemned::Place(place) => self.drop_place(place),
            Condemned::Family(family) => self.drop_family(family),
            Condemned::Flock(flock) => {
                self.drop_flock(flock);
                None
            }
        }
    }

    fn enter(&mut self, at: u32, location: Location) -> bool {
        let (place, first) = match self.place_at(location) {
            Some(place) => (place, false),
            None => self.open_place(location),
        };
        self.clock += 1;
        let object = &mut self.slots[at];
        (object.place, object.came) = (place, self.clock);
        push(&mut self.places[place].objects, at, &mut self.slots, |object| {
            &mut object.place_links
        });
        self.families[self.places[place].family].objects += 1;
        first
    }

    fn leave(&mut self, at: u32) -> Option<DoId> {
        let place = self.slots[at].place;
        take(&mut self.places[place].objects, at, &mut self.slots, |object| {
            &mut object.place_links
        });
        self.families[self.places[place].family].objects -= 1;
        self.drop_place(place)
    }

    fn open_place(&mut self, location: Location) -> (u32, bool) {
        let (family, first) = match self.family_of(location.parent) {
            Some(family) => (family, false),
            None => (self.found_family(location.parent), true),
        };
        self.clock += 1;
        let place = self.places.insert(Place {
            location,
            family,
            opened: self.clock,
            objects: EMPTY,
            links: UNLINKED,
            state: State::Open,
            pins: 0,
        });
        self.by_location.insert(location, place);
        push(&mut self.families[family].places, place, &mut self.places, |place| &mut place.links);
        (place, first)
    }

    fn found_family(&mut self, parent: DoId) -> u32 {
        let family = Family { parent, places: EMPTY, objects: 0, state: State::Open, pins: 0 };
        let family = self.families.insert(family);
        self.by_parent.insert(parent, family);
        family
    }

    /// Forgets a place that nobody needs. Says the parent whose family went with it.
    fn drop_place(&mut self, place: u32) -> Option<DoId> {
        let Place { objects, state, pins, family, location, .. } = self.places[place];
        if objects.len > 0 || state.job().is_some() || pins > 0 {
            return None;
        }
        take(&mut self.families[family].places, place, &mut self.places, |place| &mut place.links);
        self.by_location.remove(location, place);
        self.places.remove(place);
        self.drop_family(family)
    }

    fn drop_family(&mut self, family: u32) -> Option<DoId> {
        let Family { parent, places, state, pins, .. } = self.families[family];
        if places.len > 0 || state.job().is_some() || pins > 0 {
            return None;
        }
        self.by_parent.remove(parent, family);
        self.families.remove(family);
        // A new family of the same parent may have been founded beside a condemned one.
        self.family_of(parent).is_none().then_some(parent)
    }

    fn leave_flock(&mut self, at: u32) {
        let flock = core::mem::replace(&mut self.slots[at].flock, NONE);
        if flock != NONE {
            take(&mut self.flocks[flock].objects, at, &mut self.slots, |object| {
                &mut object.flock_links
            });
            self.drop_flock(flock);
        }
    }

    fn drop_flock(&mut self, flock: u32) {
        let Flock { ai, explicit, objects, state } = self.flocks[flock];
        if objects.len == 0 && state.job().is_none() {
            self.by_ai.remove((ai, explicit), flock);
            self.flocks.remove(flock);
        }
    }
}

fn some(at: u32) -> Option<u32> {
    (at != NONE).then_some(at)
}

/// Adds `at` behind the last one of a list.
fn push<T>(list: &mut List, at: u32, of: &mut Slots<T>, links: fn(&mut T) -> &mut Links) {
    *links(&mut of[at]) = Links { before: list.last, after: NONE };
    match list.last {
        NONE => list.first = at,
        last => links(&mut of[last]).after = at,
    }
    list.last = at;
    list.len += 1;
}

/// Takes `at` out of a list.
fn take<T>(list: &mut List, at: u32, of: &mut Slots<T>, links: fn(&mut T) -> &mut Links) {
    let Links { before, after } = core::mem::replace(links(&mut of[at]), UNLINKED);
    match before {
        NONE => list.first = after,
        before => links(&mut of[before]).after = after,
    }
    match after {
        NONE => list.last = before,
        after => links(&mut of[after]).before = before,
    }
    list.len -= 1;
}

#[cfg(test)]
mod tests;
