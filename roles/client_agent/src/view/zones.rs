//! The zones that a client's interests have in sight, each once.

use super::terms::Terms;
use hashbrown::HashTable;
use wire::ids::{DoId, Zone};
use wire::state_server::Location;

/// A zone of interest.
struct Open {
    location: Location,
    /// How many interests have it.
    interests: u32,
    /// How many objects are seen there.
    objects: u32,
    /// The question about it; 0: there is none yet.
    question: u32,
    /// Whether that is over.
    is_answered: bool,
}

/// The zones of all interests.
#[derive(Default)]
pub(super) struct OpenZones(HashTable<Open>);

/// A zone as it stands in a message.
pub(super) type ZoneBytes = [u8; 4];

/// The location of a zone.
pub(super) fn below(parent: DoId, zone: ZoneBytes) -> Location {
    Location { parent, zone: Zone(u32::from_le_bytes(zone)) }
}

impl OpenZones {
    pub fn contains(&self, terms: &Terms, location: Location) -> bool {
        self.get(terms, location).is_some()
    }

    /// One more interest has it; whether it is the first.
    pub fn retain(&mut self, terms: &Terms, location: Location) -> bool {
        if let Some(open) = self.get_mut(terms, location) {
            open.interests += 1;
            return false;
        }
        let open = Open { location, interests: 1, objects: 0, question: 0, is_answered: false };
        let hash = |open: &Open| terms.hash_of(open.location);
        self.0.insert_unique(terms.hash_of(location), open, hash);
        true
    }

    /// One interest less has it. If it was the last, the zone is gone: how many objects were seen
    /// there.
    pub fn release(&mut self, terms: &Terms, location: Location) -> Option<u32> {
        let hash = terms.hash_of(location);
        let entry = self.0.find_entry(hash, |open| open.location == location).ok();
        let mut entry = entry.expect("an interest has only zones that are open");
        entry.get_mut().interests -= 1;
        let objects = (entry.get().interests == 0).then(|| entry.remove().0.objects);
        if self.0.is_empty() {
            self.0 = HashTable::new();
        }
        objects
    }

    /// An object is seen there; whether the zone is of interest.
    pub fn count(&mut self, terms: &Terms, location: Location) -> bool {
        self.get_mut(terms, location).map(|open| open.objects += 1).is_some()
    }

    /// An object that was counted is not seen there any more.
    pub fn discount(&mut self, terms: &Terms, location: Location) {
        let open = self.get_mut(terms, location);
        let open = open.expect("an object is counted only by a zone that is open");
        open.objects -= 1;
    }

    /// The question about it, if it is open.
    pub fn question(&self, terms: &Terms, location: Location) -> Option<u32> {
        self.get(terms, location).map(|open| open.question)
    }

    /// The question about it that is not over yet.
    pub fn open_question(&self, terms: &Terms, location: Location) -> Option<u32> {
        self.get(terms, location).filter(|open| !open.is_answered).map(|open| open.question)
    }

    /// There is a question about it.
    pub fn set_question(&mut self, terms: &Terms, location: Location, question: u32) {
        if let Some(open) = self.get_mut(terms, location) {
            open.question = question;
        }
    }

    /// A question is over, that about the zone if it is the same.
    pub fn answered(&mut self, terms: &Terms, location: Location, question: u32) {
        if let Some(open) = self.get_mut(terms, location).filter(|open| open.question == question) {
            open.is_answered = true;
        }
    }

    fn get(&self, terms: &Terms, location: Location) -> Option<&Open> {
        self.0.find(terms.hash_of(location), |open| open.location == location)
    }

    fn get_mut(&mut self, terms: &Terms, location: Location) -> Option<&mut Open> {
        self.0.find_mut(terms.hash_of(location), |open| open.location == location)
    }
}
